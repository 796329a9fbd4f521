//! Prune: forget what nobody asks for any more, without breaking the books.
//!
//! Old batches are folded into their partition: clicks = pruned clicks + the clicks of the batches that are kept, always.
//! The tally of affiliates is put together: the sums of its lines stay the same.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use chrono::{DateTime, TimeDelta, Utc};
use common::ids::Partition;
use runtime::{Shutdown, clock};
use sqlx::PgConnection;
use tokio::sync::Notify;
use tracing::info;

use super::flush::lock_partition;
use crate::jobs::attempt;
use crate::store::Stores;

/// How long batches are kept: longer than any journal, so that whatever is sent again can be explained.
pub const KEEP_BATCHES: TimeDelta = TimeDelta::days(30);
/// Batches folded in one transaction, which holds up one partition's flush for some milliseconds.
const BATCH: i64 = 5_000;
/// After a failure: the next due time may be a day away.
const TRY_AGAIN: Duration = Duration::from_mins(1);

/// Prunes at the start and whenever it is due, until told to stop. Runs never overlap, whatever the clock does.
pub async fn run(stores: Stores, due: Arc<Notify>, shutdown: Shutdown) -> anyhow::Result<()> {
    loop {
        let now: DateTime<Utc> = clock::system_time().into();
        let folded = attempt("prune", "prune", prune(&stores, now)).await;
        if let Some(folded @ 1..) = folded {
            info!(folded, "pruned old batches");
        }
        tokio::select! {
            () = due.notified() => {}
            () = tokio::time::sleep(TRY_AGAIN), if folded.is_none() => {}
            () = shutdown.stopping() => return Ok(()),
        }
    }
}

/// Folds every batch that is too old at `now`, and the tally of affiliates. Returns how many batches.
pub async fn prune(stores: &Stores, now: DateTime<Utc>) -> anyhow::Result<u64> {
    let mut folded = 0;
    for partition in stores.partitions.iter() {
        loop {
            let mut tx = stores.postgres.begin().await.context("cannot reach Postgres")?;
            lock_partition(&mut tx, partition).await?;
            let batches = fold(&mut tx, partition, now - KEEP_BATCHES).await?;
            tx.commit().await.context("cannot commit; it is done again")?;
            folded += batches.cast_unsigned();
            if batches < BATCH {
                break;
            }
        }
    }
    metrics::counter!("aggregator_prune_batches_total").increment(folded);
    sqlx::query_file!("src/jobs/prune/tally.sql")
        .execute(&stores.postgres)
        .await
        .context("cannot put the tally of affiliates together")?;
    Ok(folded)
}

/// Folds the oldest batches of a partition, whose lock the transaction holds.
async fn fold(tx: &mut PgConnection, partition: Partition, before: DateTime<Utc>) -> anyhow::Result<i64> {
    sqlx::query_file_scalar!("src/jobs/prune/fold.sql", partition.0.cast_signed(), before, BATCH)
        .fetch_one(tx)
        .await
        .context("cannot fold old batches")
}
