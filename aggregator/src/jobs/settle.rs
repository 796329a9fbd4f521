//! Settle: what shops reported becomes orders, and orders become commission in the ledger.
//!
//! An order is folded from all its events, credited, and booked as the difference between what is due and what is
//! posted, all in one transaction under the order's lock. So it does not matter how often, in what order or by how many
//! aggregators it is settled; the second time books nothing. Orders whose commission matures are settled once more,
//! by the same function, when the moment has come.
//!
//! Locks are always taken in the same order (orders by key, tokens, days), so aggregators wait for one another but
//! never in a circle.

mod batch;
mod books;
mod daily;
mod facts;
pub(crate) mod order;
mod spread;
mod take;
mod write;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use chrono::{DateTime, Utc};
use common::token::Keyring;
use runtime::failpoint::pass;
use runtime::{Shutdown, clock};
use sqlx::{Acquire as _, Postgres, Transaction};
use tokio::sync::Notify;
use tokio::time::MissedTickBehavior;
use tracing::{error, info, warn};

use self::batch::{Batch, Rivals};
pub use self::order::Key;
use self::take::{Taken, forget_due, put_aside, take_due, take_matured};
use crate::jobs::attempt;
use crate::listen::listen;
use crate::store::Stores;

/// Orders in one transaction: enough that round trips vanish, few enough that a lock is held for a fraction of a
/// second.
const BATCH: i64 = 500;
/// Look without being woken this often: a notification may be lost, and commission matures without one.
const POLL: Duration = Duration::from_secs(1);
/// The channel that intake notifies.
const CHANNEL: &str = "order_due";
/// An order that cannot be settled is looked at again after so long: somebody may have mended what it stumbles over,
/// and a few of them cost nothing.
pub const PUT_ASIDE: Duration = Duration::from_mins(1);

/// What came of settling.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Settled {
    /// Orders that were settled.
    pub orders: usize,
    /// Orders that could not be, and were put aside.
    pub put_aside: usize,
}

/// Settles orders as they come and as they mature, until told to stop. Never fails: an error is for the next tick.
pub async fn run(stores: Stores, keyring: Keyring, shutdown: Shutdown) -> anyhow::Result<()> {
    let woken = Arc::new(Notify::new());
    shutdown.spawn_critical(
        "listen for orders",
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
        let settled = attempt("settle", "settle", settle_pending(&stores, &keyring, &shutdown)).await;
        if let Some(Settled { orders, put_aside }) = settled.filter(|settled| *settled != Settled::default())
        {
            info!(orders, put_aside, "settled");
        }
    }
}

/// Settles everything that waits, unless told to stop: a long backlog must not hold up the end.
async fn settle_pending(stores: &Stores, keyring: &Keyring, shutdown: &Shutdown) -> anyhow::Result<Settled> {
    let settled =
        side_by_side(stores, keyring, || (!shutdown.is_stopping()).then(|| clock::system_time().into()))
            .await?;
    export_backlog(stores).await?;
    Ok(settled)
}

/// Settles everything that waits at `now`.
pub async fn settle_all(stores: &Stores, keyring: &Keyring, now: DateTime<Utc>) -> anyhow::Result<Settled> {
    side_by_side(stores, keyring, || Some(now)).await
}

/// Settles these orders at `now` in the caller's transaction, whether anything of them is due or not: for whoever lets
/// time pass by themselves. Their click tokens must be known to this transaction alone.
pub async fn settle_within(
    tx: &mut Transaction<'_, Postgres>,
    keyring: &Keyring,
    orders: &BTreeSet<Key>,
    now: DateTime<Utc>,
) -> anyhow::Result<()> {
    let batch = batch::settle(tx, keyring, orders, now, Rivals::None).await?;
    ensure!(batch.unreadable.is_empty(), "orders with events that cannot be read: {:?}", batch.unreadable);
    Ok(())
}

/// Two batches at a time: Postgres works on the one while the other is judged or committed. `now` ends it with `None`.
async fn side_by_side(
    stores: &Stores,
    keyring: &Keyring,
    now: impl Fn() -> Option<DateTime<Utc>>,
) -> anyhow::Result<Settled> {
    let until_idle = async || {
        let mut settled = Settled::default();
        while let Some(now) = now() {
            let round = settle_round(stores, keyring, now).await?;
            settled.add(round.settled);
            if round.is_idle {
                break;
            }
        }
        anyhow::Ok(settled)
    };
    let (mut settled, other) = tokio::try_join!(until_idle(), until_idle())?;
    settled.add(other);
    Ok(settled)
}

impl Settled {
    fn add(&mut self, other: Self) {
        self.orders += other.orders;
        self.put_aside += other.put_aside;
    }
}

/// One batch of each kind of work.
struct Round {
    settled: Settled,
    /// Nothing was left to do. Settling an order may make another one due.
    is_idle: bool,
}

/// One batch of what was reported and one of what matures: neither waits for the other's backlog.
async fn settle_round(stores: &Stores, keyring: &Keyring, now: DateTime<Utc>) -> anyhow::Result<Round> {
    let mut round = Round { settled: Settled::default(), is_idle: true };
    for work in [Work::Reported, Work::Matured] {
        let (settled, taken) = settle_batch(stores, keyring, now, work).await?;
        round.settled.add(settled);
        round.is_idle &= taken == 0;
    }
    Ok(round)
}

/// Why an order is settled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Work {
    /// Something was reported or decided about it.
    Reported,
    /// Its commission has waited long enough.
    Matured,
}

/// Settles one batch in one transaction. Returns also how many rows of work were taken.
///
/// If the batch cannot be written because of what one of its orders says, each is settled by itself, and the one
/// that is to blame is put aside.
async fn settle_batch(
    stores: &Stores,
    keyring: &Keyring,
    now: DateTime<Utc>,
    work: Work,
) -> anyhow::Result<(Settled, usize)> {
    let mut tx = begin(stores).await?;
    let taken = match work {
        Work::Reported => take_due(&mut tx, BATCH).await?,
        Work::Matured => take_matured(&mut tx, now, BATCH).await?,
    };
    if taken.keys.is_empty() {
        return Ok((Settled::default(), 0));
    }
    pass("settle.taken");
    let rows = taken.rows;
    let batches = match settle_taken(&mut tx, keyring, &taken, now).await {
        Ok(batch) => vec![batch],
        Err(error) if is_about_data(&error) => {
            warn!("a batch cannot be settled, so each of its orders is by itself: {error:#}");
            one_by_one(&mut tx, keyring, &taken, now).await?
        }
        Err(error) => return Err(error),
    };
    pass("settle.before_commit");
    tx.commit().await.context("cannot commit; the orders are settled again")?;
    pass("settle.committed");
    let mut settled = Settled::default();
    for batch in &batches {
        batch.export();
        settled.add(Settled { orders: batch.orders, put_aside: batch.put_aside() });
    }
    taken.note_lag(clock::now_us());
    metrics::counter!("aggregator_settled_orders_total").increment(settled.orders as u64);
    Ok((settled, rows))
}

/// Settles what was taken, or changes nothing: behind a savepoint, so that after a failure nobody else can take it.
async fn settle_taken(
    tx: &mut Transaction<'_, Postgres>,
    keyring: &Keyring,
    taken: &Taken,
    now: DateTime<Utc>,
) -> anyhow::Result<Batch> {
    let mut point = tx.begin().await.context("cannot reach Postgres")?;
    let written = async {
        let batch = batch::settle(&mut point, keyring, &taken.keys, now, Rivals::Possible).await?;
        forget_due(&mut point, &taken.due).await?;
        for (key, unreadable) in &batch.unreadable {
            tell(key, unreadable);
            put_aside(&mut point, key).await?;
        }
        // The ledger's balance is judged now, while it is known whose entries these are.
        sqlx::query("set constraints all immediate")
            .execute(&mut *point)
            .await
            .context("the ledger refuses")?;
        anyhow::Ok(batch)
    };
    match written.await {
        Ok(batch) => {
            point.commit().await.context("cannot keep a batch")?;
            Ok(batch)
        }
        Err(error) => {
            point.rollback().await.context("cannot take a batch back")?;
            Err(error)
        }
    }
}

async fn one_by_one(
    tx: &mut Transaction<'_, Postgres>,
    keyring: &Keyring,
    taken: &Taken,
    now: DateTime<Utc>,
) -> anyhow::Result<Vec<Batch>> {
    let mut batches = Vec::new();
    for alone in taken.split() {
        match settle_taken(tx, keyring, &alone, now).await {
            Ok(batch) => batches.push(batch),
            Err(error) if is_about_data(&error) => {
                forget_due(tx, &alone.due).await?;
                let mut batch = Batch::default();
                for key in alone.keys {
                    tell(&key, &error);
                    put_aside(tx, &key).await?;
                    batch.refused += 1;
                }
                batches.push(batch);
            }
            Err(error) => return Err(error),
        }
    }
    Ok(batches)
}

async fn begin(stores: &Stores) -> anyhow::Result<Transaction<'static, Postgres>> {
    stores.postgres.begin().await.context("cannot reach Postgres")
}

fn tell(key: &Key, error: &anyhow::Error) {
    metrics::counter!("aggregator_unsettled_orders_total").increment(1);
    error!(
        vendor = key.vendor,
        order_ref = key.order_ref,
        "cannot settle this order, trying again in {PUT_ASIDE:?}: {error:#}"
    );
}

/// Whether the same data would fail again: everything but Postgres being away, busy or told to stop.
///
/// SQLSTATE classes: 22 data exception, 23 integrity constraint, 54 limit exceeded, P0 raised by a trigger.
fn is_about_data(error: &anyhow::Error) -> bool {
    match error.chain().find_map(|cause| cause.downcast_ref::<sqlx::Error>()) {
        Some(sqlx::Error::Database(refused)) => {
            let class = refused.code().and_then(|code| code.get(..2).map(str::to_owned));
            class.is_some_and(|class| ["22", "23", "54", "P0"].contains(&class.as_str()))
        }
        Some(sqlx::Error::ColumnDecode { .. }) | None => true,
        Some(_) => false,
    }
}

/// Exports how many orders wait.
async fn export_backlog(stores: &Stores) -> anyhow::Result<()> {
    let due = sqlx::query_scalar!(r#"select count(*) as "due!" from order_due"#)
        .fetch_one(&stores.postgres)
        .await
        .context("cannot count the orders that wait")?;
    metrics::gauge!("aggregator_order_due").set(due as f64);
    Ok(())
}
