//! One batch: read, credit, judge, write. The caller owns the transaction.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use common::token::Keyring;
use runtime::failpoint::pass;
use sqlx::PgConnection;

use super::books::Outcome;
use super::facts::Facts;
use super::order::{self, Key};
use super::{daily, spread, write};
use crate::jobs::attribute::attribute;
use crate::moment::millis;

/// Whether another transaction may settle an order with the same click token at this moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rivals {
    /// Then each waits for the other: a lock for every token, until the commit.
    Possible,
    /// Nobody else has these tokens yet.
    None,
}

/// What came of a batch.
#[derive(Default)]
pub(super) struct Batch {
    /// Orders that were settled.
    pub(super) orders: usize,
    /// Orders with an event that cannot be read.
    pub(super) unreadable: Vec<(Key, anyhow::Error)>,
    /// Orders that cannot be written.
    pub(super) refused: usize,
    /// How many orders became unattributed, by reason.
    unattributed: BTreeMap<&'static str, u64>,
}

impl Batch {
    /// Orders that are looked at again later.
    pub(super) fn put_aside(&self) -> usize {
        self.unreadable.len() + self.refused
    }

    /// Exports what is known only once the batch is committed.
    pub(super) fn export(&self) {
        for (reason, orders) in &self.unattributed {
            metrics::counter!("aggregator_unattributed_total", "reason" => *reason).increment(*orders);
        }
    }
}

/// Settles orders at `now`, each to the same end however often it is done.
pub(super) async fn settle(
    tx: &mut PgConnection,
    keyring: &Keyring,
    keys: &BTreeSet<Key>,
    now: DateTime<Utc>,
    rivals: Rivals,
) -> anyhow::Result<Batch> {
    let order::Read { orders, unreadable } = order::read(tx, keys).await?;
    let attributed = attribute(tx, keyring, &orders).await?;
    if rivals == Rivals::Possible {
        spread::lock_tokens(tx, &attributed).await?;
    }
    let facts = Facts::read(tx, &orders, &attributed).await?;
    let mut unattributed = BTreeMap::new();
    let mut outcomes = Vec::with_capacity(orders.len());
    for (place, (order, attributed)) in orders.iter().zip(&attributed).enumerate() {
        if let Some(reason) = attributed.not_credited.as_ref()
            && order.before.not_credited.as_ref() != Some(&reason.words)
        {
            *unattributed.entry(reason.code).or_default() += 1;
        }
        outcomes.push(Outcome::of(order, attributed, &facts.of(place), millis(now)));
    }
    pass("settle.judged");
    write::write(tx, &outcomes, now).await?;
    pass("settle.written");
    spread::wake_siblings(tx, &outcomes).await?;
    daily::add(tx, &outcomes).await?;
    Ok(Batch { orders: outcomes.len(), unreadable, refused: 0, unattributed })
}
