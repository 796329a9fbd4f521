//! The Postgres half of a flush: one transaction that judges a bucket and adds all of it, or nothing.

use anyhow::Context as _;
use common::flush::{Verdict, claimed, judge, reset_to};
use common::ids::Partition;
use common::wire::PartitionKeys;
use runtime::failpoint::pass;
use sqlx::{PgConnection, Postgres, Transaction};
use tracing::{instrument, warn};

use super::rows::Rows;
use super::{Bucket, Watermarks, lock_partition, reset, sketches, watermark, watermarks};
use crate::store::{RedisConnection, Stores};

/// What Postgres made of a bucket.
#[derive(Debug, PartialEq, Eq)]
pub enum Settled {
    /// Added and committed. Drop it.
    Applied {
        /// Rows written.
        rows: usize,
        /// How far the partition is counted now.
        watermarks: Watermarks,
    },
    /// It was added before. Drop it.
    Duplicate {
        /// How far the partition is counted.
        watermarks: Watermarks,
    },
    /// It did not follow from the watermark; Redis starts again there.
    Reset,
    /// Redis lost the bucket while its sketches were read; nothing was added.
    Gone,
}

/// Judges the bucket under the partition's lock and acts on it.
///
/// A commit whose reply is lost is an error here and a duplicate in the next cycle.
#[instrument(skip_all)]
pub async fn settle(
    stores: &Stores,
    redis: &mut RedisConnection,
    partition: Partition,
    keys: &PartitionKeys,
    bucket: &Bucket,
) -> anyhow::Result<Settled> {
    let rows = Rows::of(&bucket.counts);
    let mut tx = stores.postgres.begin().await.context("cannot reach Postgres")?;
    lock_partition(&mut tx, partition).await?;
    let watermarks = watermarks(&mut tx, partition).await?;
    match judge(&bucket.spans, &watermarks) {
        Verdict::Duplicate => {
            release(tx).await?;
            Ok(Settled::Duplicate { watermarks })
        }
        Verdict::Conflict => {
            warn!(
                partition = partition.0,
                seal = bucket.seal,
                "the bucket does not follow from the watermark"
            );
            let seen = bucket.spans.iter().map(|span| span.lane);
            pass("flush.before_reset");
            reset(redis, keys, &reset_to(seen, &watermarks)).await?;
            pass("flush.reset");
            release(tx).await?;
            Ok(Settled::Reset)
        }
        Verdict::Apply(next) => {
            if !sketches::unite(&mut tx, redis, keys, &bucket.seal, &rows.visited).await? {
                release(tx).await?;
                return Ok(Settled::Gone);
            }
            pass("flush.sketches_united");
            let written = rows.add(&mut tx).await?;
            pass("flush.counts_added");
            record_batch(&mut tx, partition, bucket, &next, &watermarks, written).await?;
            watermark::advance(&mut tx, partition, &next).await?;
            pass("flush.before_commit");
            tx.commit().await.context("cannot commit; the next cycle finds out whether it happened")?;
            pass("flush.committed");
            let mut watermarks = watermarks;
            watermarks.extend(next);
            Ok(Settled::Applied { rows: written, watermarks })
        }
    }
}

/// Ends a transaction that adds nothing. Said, not left to a drop: the partition's lock must be free when this returns.
async fn release(tx: Transaction<'_, Postgres>) -> anyhow::Result<()> {
    tx.rollback().await.context("cannot release the partition")
}

/// Writes down which intervals were added, how many clicks that were, and how many the journals claim.
async fn record_batch(
    tx: &mut PgConnection,
    partition: Partition,
    bucket: &Bucket,
    next: &Watermarks,
    before: &Watermarks,
    rows: usize,
) -> anyhow::Result<()> {
    let (clicks, claimed) = (bucket.clicks().cast_signed(), claimed(next, before));
    if clicks != claimed {
        // The counts are what the records say and go in; somebody must look at where the claims went.
        warn!(
            partition = partition.0,
            clicks, claimed, "the journals claim another number of clicks than they sent"
        );
        metrics::counter!("aggregator_flush_unclaimed_batches_total").increment(1);
    }
    let base = |lane| before.get(lane).map_or(0, |mark| mark.seq.0.cast_signed());
    sqlx::query_file!(
        "src/jobs/flush/record_batch.sql",
        bucket.seal,
        partition.0.cast_signed(),
        clicks,
        claimed,
        i32::try_from(rows).unwrap_or(i32::MAX),
        &next.keys().map(|lane| i32::from(lane.0)).collect::<Vec<_>>(),
        &next.keys().map(base).collect::<Vec<_>>(),
        &next.values().map(|mark| mark.seq.0.cast_signed()).collect::<Vec<_>>()
    )
    .execute(tx)
    .await
    .context("cannot record the batch")?;
    Ok(())
}
