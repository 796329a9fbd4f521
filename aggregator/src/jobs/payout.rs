//! Payout: what people asked for is collected, and what a second person approved is booked.
//!
//! Between the two an order may change, or somebody else may take over a bank account. So everything is looked at
//! again under the orders' locks: what is not as it was approved is left for the next batch. A line is booked once,
//! because its transaction in the ledger has its name.

mod book;
mod collect;

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use chrono::{DateTime, Utc};
use common::payout::payable_from;
use runtime::{Shutdown, clock};
use sqlx::{Acquire as _, Postgres, Transaction};
use tokio::sync::Notify;
use tokio::time::MissedTickBehavior;
use tracing::info;

use self::book::book_some;
use self::collect::collect_one;
use crate::jobs::attempt;
use crate::listen::listen;
use crate::moment::{millis, moment};
use crate::store::Stores;

/// Look without being woken this often: people wait for a list, not for a millisecond.
const POLL: Duration = Duration::from_secs(5);
/// The channel that the console notifies.
const CHANNEL: &str = "payout";

/// What was done for payouts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Done {
    /// Batches that were collected, empty ones too.
    pub collected: usize,
    /// Lines of approved batches that were booked, or left as a whole.
    pub lines: usize,
    /// Batches that are through.
    pub paid: usize,
}

/// Collects and books as people decide, until told to stop. Never fails: an error is for the next tick.
pub async fn run(stores: Stores, shutdown: Shutdown) -> anyhow::Result<()> {
    let woken = Arc::new(Notify::new());
    shutdown.spawn_critical(
        "listen for payouts",
        listen(stores.clone(), CHANNEL, woken.clone(), shutdown.clone()),
    );
    let mut due = tokio::time::interval(POLL);
    due.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = woken.notified() => {}
            _ = due.tick() => {}
            () = shutdown.stopping() => return Ok(()),
        }
        let done = attempt("payout", "pay out", payout(&stores, clock::system_time().into())).await;
        if let Some(done) = done.filter(|done| *done != Done::default()) {
            info!(done.collected, done.lines, done.paid, "paid out");
        }
    }
}

/// Collects every requested batch and books every approved one.
pub async fn payout(stores: &Stores, now: DateTime<Utc>) -> anyhow::Result<Done> {
    let mut done = Done::default();
    while collect_one(begin(stores).await?, now).await? {
        done.collected += 1;
    }
    loop {
        match book_some(begin(stores).await?, now).await? {
            Booked::Nothing => return Ok(done),
            Booked::Lines(lines) => done.lines += lines,
            Booked::Batch => done.paid += 1,
        }
    }
}

/// The same in the caller's transaction: for whoever lets time pass by themselves.
pub async fn payout_within(tx: &mut Transaction<'_, Postgres>, now: DateTime<Utc>) -> anyhow::Result<()> {
    while collect_one(point(tx).await?, now).await? {}
    while !matches!(book_some(point(tx).await?, now).await?, Booked::Nothing) {}
    Ok(())
}

async fn point<'a>(tx: &'a mut Transaction<'_, Postgres>) -> anyhow::Result<Transaction<'a, Postgres>> {
    tx.begin().await.context("cannot reach Postgres")
}

async fn begin(stores: &Stores) -> anyhow::Result<Transaction<'static, Postgres>> {
    stores.postgres.begin().await.context("cannot reach Postgres")
}

/// What one step of booking did.
enum Booked {
    /// No batch is approved, or another aggregator books it.
    Nothing,
    /// So many lines.
    Lines(usize),
    /// Nothing was left of a batch: it is paid.
    Batch,
}

/// Why nothing is paid to an affiliate now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Unpayable {
    NotApproved,
    NoBankAccount,
    CoolingOff,
}

impl Unpayable {
    fn name(self) -> &'static str {
        match self {
            Self::NotApproved => "affiliate_not_approved",
            Self::NoBankAccount => "no_bank_account",
            Self::CoolingOff => "bank_account_changed",
        }
    }

    /// What speaks against paying an affiliate at `now`.
    fn objection(
        is_approved: bool,
        account_changed_at: Option<DateTime<Utc>>,
        now: DateTime<Utc>,
    ) -> Option<Self> {
        let Some(changed_at) = account_changed_at else {
            return Some(if is_approved { Self::NoBankAccount } else { Self::NotApproved });
        };
        if !is_approved {
            Some(Self::NotApproved)
        } else if now < moment(payable_from(millis(changed_at))) {
            Some(Self::CoolingOff)
        } else {
            None
        }
    }
}
