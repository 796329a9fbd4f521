//! Take: which orders are settled now. What is taken is gone from the queue when the transaction that settled it
//! commits, and is still there when it does not.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use anyhow::Context as _;
use chrono::{DateTime, Utc};
use sqlx::PgConnection;

use super::PUT_ASIDE;
use super::order::Key;

/// A batch of work.
#[derive(Debug, Default)]
pub(super) struct Taken {
    /// Each order once, in the order in which they are locked.
    pub(super) keys: BTreeSet<Key>,
    /// The rows of `order_due` they were taken by, each with when it was queued.
    pub(super) due: Vec<Due>,
    /// Rows that were taken.
    pub(super) rows: usize,
}

#[derive(Debug, Clone)]
pub(super) struct Due {
    order_due_id: i64,
    key: Key,
    queued_at: DateTime<Utc>,
}

impl Taken {
    /// The same work, each order by itself.
    pub(super) fn split(&self) -> impl Iterator<Item = Self> {
        let mut due: BTreeMap<Key, Vec<Due>> = BTreeMap::new();
        for row in &self.due {
            due.entry(row.key.clone()).or_default().push(row.clone());
        }
        self.keys.clone().into_iter().map(move |key| {
            let due = due.remove(&key).unwrap_or_default();
            Self { rows: due.len(), due, keys: BTreeSet::from([key]) }
        })
    }

    /// Exports how long the orders waited, from the moment something was reported to the commit.
    pub(super) fn note_lag(&self, now_us: u64) {
        let lag = metrics::histogram!("aggregator_settle_lag_seconds");
        for due in &self.due {
            let queued_us = due.queued_at.timestamp_micros().cast_unsigned();
            lag.record(Duration::from_micros(now_us.saturating_sub(queued_us)).as_secs_f64());
        }
    }
}

/// Takes rows that no other aggregator has taken. Rows of the future were put aside.
pub(super) async fn take_due(tx: &mut PgConnection, limit: i64) -> anyhow::Result<Taken> {
    let rows = sqlx::query!(
        "select order_due_id, vendor_id, order_ref, queued_at from order_due
         where queued_at <= clock_timestamp() order by order_due_id limit $1 for update skip locked",
        limit
    )
    .fetch_all(tx)
    .await
    .context("cannot read which orders are due")?;
    let due: Vec<Due> = rows
        .into_iter()
        .map(|row| Due {
            order_due_id: row.order_due_id,
            key: Key { vendor: row.vendor_id, order_ref: row.order_ref },
            queued_at: row.queued_at,
        })
        .collect();
    Ok(Taken { keys: due.iter().map(|row| row.key.clone()).collect(), rows: due.len(), due })
}

/// Takes, and locks, orders whose commission matures at `now` or before. Never waits: what another aggregator has
/// locked is being settled.
pub(super) async fn take_matured(
    tx: &mut PgConnection,
    now: DateTime<Utc>,
    limit: i64,
) -> anyhow::Result<Taken> {
    let keys = sqlx::query_as!(
        Key,
        "select vendor_id as vendor, order_ref from customer_order
         where matures_at <= $1 order by matures_at limit $2 for no key update skip locked",
        now,
        limit
    )
    .fetch_all(tx)
    .await
    .context("cannot read which commission matures")?;
    Ok(Taken { rows: keys.len(), keys: keys.into_iter().collect(), due: Vec::new() })
}

/// Forgets rows whose orders are settled.
pub(super) async fn forget_due(tx: &mut PgConnection, due: &[Due]) -> anyhow::Result<()> {
    let ids: Vec<i64> = due.iter().map(|row| row.order_due_id).collect();
    sqlx::query!("delete from order_due where order_due_id = any($1)", &ids)
        .execute(tx)
        .await
        .context("cannot forget what was due")?;
    Ok(())
}

/// Leaves an order alone for [`PUT_ASIDE`]. It stays due, and does not mature meanwhile.
pub(super) async fn put_aside(tx: &mut PgConnection, key: &Key) -> anyhow::Result<()> {
    sqlx::query!(
        "with asleep as (
             update customer_order set matures_at = null
             where vendor_id = $1 and order_ref = $2 and matures_at is not null
         )
         insert into order_due (vendor_id, order_ref, queued_at)
         values ($1, $2, clock_timestamp() + $3 * interval '1 second')",
        key.vendor,
        key.order_ref,
        PUT_ASIDE.as_secs() as f64
    )
    .execute(tx)
    .await
    .context("cannot put an order aside")?;
    Ok(())
}
