//! Changes: what the triggers announced, brought to Redis and then forgotten, in one Postgres transaction.
//!
//! Killed after Redis and before the commit, the same changes are published again, which changes nothing.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use chrono::{DateTime, Utc};
use common::link::Entry;
use runtime::failpoint::pass;
use runtime::{Shutdown, clock};
use sqlx::PgConnection;
use tokio::sync::Notify;
use tokio::time::MissedTickBehavior;
use tracing::info;

use super::entry::{Row, tombstone};
use super::write::{Tell, write};
use crate::jobs::attempt;
use crate::listen::listen;
use crate::store::Stores;

/// Changes in one transaction: what one Redis pipeline carries.
const BATCH: i64 = 1_000;
/// Look without being woken this often: notifications are a hint and may be lost with a connection.
const POLL: Duration = Duration::from_secs(1);
/// The channel the triggers notify.
const CHANNEL: &str = "link_change";

/// Publishes changes as they come, until told to stop. Never fails: an error is for the next tick.
pub async fn run(stores: Stores, shutdown: Shutdown) -> anyhow::Result<()> {
    let woken = Arc::new(Notify::new());
    shutdown.spawn_critical("listen", listen(stores.clone(), CHANNEL, woken.clone(), shutdown.clone()));
    let mut due = tokio::time::interval(POLL);
    due.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = woken.notified() => {}
            _ = due.tick() => {}
            () = shutdown.stopping() => return Ok(()),
        }
        if let Some(published @ 1..) = attempt("publish", "publish", publish_pending(&stores)).await {
            info!(published, "published");
        }
    }
}

/// Publishes everything that waits. Returns how many changes that were.
pub async fn publish_pending(stores: &Stores) -> anyhow::Result<usize> {
    let mut published = 0;
    loop {
        let batch = publish_batch(stores).await?;
        published += batch;
        if batch < BATCH as usize {
            return Ok(published);
        }
    }
}

/// Publishes some changes, leaving alone those that another aggregator is publishing.
async fn publish_batch(stores: &Stores) -> anyhow::Result<usize> {
    let mut tx = stores.postgres.begin().await.context("cannot reach Postgres")?;
    let changes = take(&mut tx).await?;
    if changes.is_empty() {
        return Ok(0);
    }
    let ids: Vec<i64> = changes.iter().map(|change| change.link_change_id).collect();
    let moments: Vec<DateTime<Utc>> = changes.iter().map(|change| change.changed_at).collect();
    let entries = unfold(changes)?;
    let mut redis = stores.redis.connection().await?;
    pass("publish.taken");
    write(&mut redis, &entries, Tell::Stream).await?;
    pass("publish.written");
    note_lag(&moments, clock::now_us());
    forget(&mut tx, &ids).await?;
    pass("publish.before_commit");
    tx.commit().await.context("cannot commit; the changes are published again")?;
    pass("publish.committed");
    Ok(ids.len())
}

/// One announced change, and the link that is published under its code now, if any.
struct Change {
    link_change_id: i64,
    code: String,
    version: i64,
    changed_at: DateTime<Utc>,
    now: Option<Row>,
}

/// Each code once, in whatever state it is now, however often it changed.
fn unfold(changes: Vec<Change>) -> anyhow::Result<Vec<Entry>> {
    let mut entries: BTreeMap<String, Entry> = BTreeMap::new();
    for change in changes {
        let entry = match change.now {
            Some(row) => row.into_entry()?,
            None => tombstone(change.code, change.version)?,
        };
        match entries.get(&entry.code) {
            Some(newer) if newer.version > entry.version => {}
            _ => drop(entries.insert(entry.code.clone(), entry)),
        }
    }
    Ok(entries.into_values().collect())
}

/// Exports how long the changes took from the moment they were made, just before their commit, to the edges' Redis.
fn note_lag(moments: &[DateTime<Utc>], now_us: u64) {
    for moment in moments {
        let lag = Duration::from_micros(now_us.saturating_sub(moment.timestamp_micros().cast_unsigned()));
        metrics::histogram!("aggregator_publish_lag_seconds").record(lag.as_secs_f64());
    }
}

/// Takes some changes for this transaction.
async fn take(tx: &mut PgConnection) -> anyhow::Result<Vec<Change>> {
    let rows = sqlx::query_file_as!(Taken, "src/jobs/publish/take_changes.sql", BATCH)
        .fetch_all(tx)
        .await
        .context("cannot read link changes")?;
    Ok(rows.into_iter().map(Taken::into_change).collect())
}

/// A row of `take_changes.sql`: the published columns are all there or all missing.
struct Taken {
    link_change_id: i64,
    code: String,
    version: i64,
    changed_at: DateTime<Utc>,
    link_id: Option<i64>,
    vendor_id: Option<i64>,
    affiliate_id: Option<i64>,
    product_id: Option<i64>,
    destination: Option<String>,
    fallback_url: Option<String>,
    expiry_date: Option<DateTime<Utc>>,
    published_version: Option<i64>,
    is_active: Option<bool>,
}

impl Taken {
    fn into_change(self) -> Change {
        let Self { link_change_id, version, changed_at, .. } = self;
        let code = self.code.clone();
        Change { link_change_id, code, version, changed_at, now: self.into_row() }
    }

    fn into_row(self) -> Option<Row> {
        Some(Row {
            link_id: self.link_id?,
            code: self.code,
            vendor_id: self.vendor_id?,
            affiliate_id: self.affiliate_id?,
            product_id: self.product_id,
            destination: self.destination?,
            fallback_url: self.fallback_url,
            expiry_date: self.expiry_date,
            version: self.published_version?,
            is_active: self.is_active?,
        })
    }
}

/// Forgets changes that are published.
async fn forget(tx: &mut PgConnection, ids: &[i64]) -> anyhow::Result<()> {
    sqlx::query!("delete from link_change where link_change_id = any($1)", ids)
        .execute(tx)
        .await
        .context("cannot forget published changes")?;
    Ok(())
}
