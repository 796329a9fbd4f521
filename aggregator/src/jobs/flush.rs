//! Flush: bring sealed buckets of counters from Redis to Postgres, each exactly once.
//!
//! For each partition: seal, read, judge and add in one transaction, drop. Killed between any two steps, the next
//! cycle finds the same bucket again and the watermark says whether it was added. The order of things is the whole
//! safety; there is no lock in Redis, no lease and no clock.

mod bucket;
mod rows;
mod settle;
mod sketches;
mod watermark;

use std::pin::pin;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use common::flush::{base_agrees, reset_to};
use common::ids::{Partition, Partitions};
use common::wire::PartitionKeys;
use runtime::failpoint::pass;
use runtime::{Shutdown, clock};
use tokio::task::JoinSet;
use tokio::time::MissedTickBehavior;
use tracing::field::Empty;
use tracing::{info, info_span, warn};

pub use self::bucket::{Bucket, drop_sealed, read, reset, seal};
pub use self::rows::add_counts;
pub use self::settle::{Settled, settle};
pub use self::sketches::store_sketches;
pub use self::watermark::{Watermarks, lock_partition, watermarks};
use crate::jobs::within;
use crate::store::{RedisConnection, Stores};

/// Partitions flushed at once: Postgres gains nothing from more writers than it has cores, and two overlap well with
/// reading Redis.
const AT_ONCE: usize = 4;
/// How long one partition may take before the cycle gives it up. A million counters take a few seconds.
const PARTITION_LIMIT: Duration = Duration::from_mins(5);

/// How often the age of what is not flushed is told while a cycle is under way: more often than anybody scrapes.
const EXPORT_INTERVAL: Duration = Duration::from_secs(5);

/// What became of a partition in one cycle.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Nothing was counted since the last cycle.
    Idle,
    /// A bucket was added to Postgres.
    Applied {
        /// Clicks of people and programs in it.
        clicks: u64,
        /// Rows written.
        rows: usize,
    },
    /// Postgres had the bucket already; it was dropped.
    Duplicate,
    /// Redis did not follow from Postgres; it starts again at the watermark and the edges send the rest.
    Reset,
    /// Another aggregator, or a failover, took the bucket away while it was read. The next cycle sees what is there.
    Gone,
}

/// Flushes every partition on every tick, until told to stop. Never fails: an error is for the next tick.
pub async fn run(stores: Stores, interval: Duration, shutdown: Shutdown) -> anyhow::Result<()> {
    let mut due = tokio::time::interval(interval);
    due.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut freshness = Freshness::new(stores.partitions, clock::monotonic());
    loop {
        tokio::select! {
            _ = due.tick() => {}
            () = shutdown.stopping() => return Ok(()),
        }
        let cycle = freshness.export_during(flush_all(&stores)).await;
        freshness.note(&cycle);
        freshness.export();
        cycle.log();
    }
}

/// Flushes every partition once.
pub async fn flush_all(stores: &Stores) -> Cycle {
    let mut cycle = Cycle::default();
    let mut running = JoinSet::new();
    for partition in stores.partitions.iter() {
        if running.len() == AT_ONCE {
            cycle.add(running.join_next().await);
        }
        let stores = stores.clone();
        running.spawn(async move {
            let flushed = async {
                let flushed = tokio::time::timeout(PARTITION_LIMIT, flush(&stores, partition)).await;
                flushed.unwrap_or_else(|_| Err(anyhow::anyhow!("gave up after {PARTITION_LIMIT:?}")))
            };
            let span = info_span!(
                "flush",
                partition = partition.0,
                otel.status_code = Empty,
                otel.status_description = Empty
            );
            let outcome = within(span, flushed).await;
            (partition, outcome.with_context(|| format!("partition {}", partition.0)))
        });
    }
    while !running.is_empty() {
        cycle.add(running.join_next().await);
    }
    cycle
}

/// Flushes one partition once.
pub async fn flush(stores: &Stores, partition: Partition) -> anyhow::Result<Outcome> {
    let begun = clock::monotonic();
    let keys = PartitionKeys::new(partition);
    let mut redis = stores.redis.connection().await?;
    pass("flush.before_seal");
    let Some(sealed) = seal(&mut redis, &keys).await? else {
        return realign(stores, &mut redis, partition, &keys).await;
    };
    pass("flush.sealed");
    let Some(bucket) = read(&mut redis, &keys, &sealed).await? else {
        return Ok(Outcome::Gone);
    };
    pass("flush.read");
    let outcome = match settle(stores, &mut redis, partition, &keys, &bucket).await? {
        Settled::Applied { rows, watermarks } => {
            drop_sealed(&mut redis, &keys, &bucket.seal, &watermarks).await?;
            metrics::histogram!("aggregator_flush_batch_rows").record(rows as f64);
            metrics::counter!("aggregator_flush_rows_total").increment(rows as u64);
            metrics::counter!("aggregator_flush_clicks_total").increment(bucket.clicks());
            Outcome::Applied { clicks: bucket.clicks(), rows }
        }
        Settled::Duplicate { watermarks } => {
            drop_sealed(&mut redis, &keys, &bucket.seal, &watermarks).await?;
            Outcome::Duplicate
        }
        Settled::Reset => Outcome::Reset,
        Settled::Gone => Outcome::Gone,
    };
    pass("flush.done");
    metrics::counter!("aggregator_flush_verdicts_total", "verdict" => outcome.name()).increment(1);
    metrics::histogram!("aggregator_flush_seconds").record(begun.elapsed().as_secs_f64());
    Ok(outcome)
}

/// With nothing to seal, checks that the active bucket begins where Postgres ends, and starts Redis again if not:
/// an idle partition would otherwise never notice that Postgres was restored to an earlier day.
async fn realign(
    stores: &Stores,
    redis: &mut RedisConnection,
    partition: Partition,
    keys: &PartitionKeys,
) -> anyhow::Result<Outcome> {
    let Some(base) = bucket::idle_base(redis, keys).await? else {
        return Ok(Outcome::Idle);
    };
    let mut postgres = stores.postgres.acquire().await.context("cannot reach Postgres")?;
    if base_agrees(&base, &watermarks(&mut postgres, partition).await?) {
        return Ok(Outcome::Idle);
    }
    drop(postgres);
    // Two reads, two moments: another aggregator may have flushed in between. Only the lock makes it one.
    let mut tx = stores.postgres.begin().await?;
    lock_partition(&mut tx, partition).await?;
    let watermarks = watermarks(&mut tx, partition).await?;
    let base = bucket::idle_base(redis, keys).await?.filter(|base| !base_agrees(base, &watermarks));
    if let Some(base) = &base {
        warn!(
            partition = partition.0,
            "Redis stands where Postgres does not; starting it again at the watermark"
        );
        reset(redis, keys, &reset_to(base.keys().copied(), &watermarks)).await?;
        metrics::counter!("aggregator_flush_verdicts_total", "verdict" => "realigned").increment(1);
    }
    tx.rollback().await.context("cannot release the partition")?;
    Ok(if base.is_some() { Outcome::Reset } else { Outcome::Idle })
}

impl Outcome {
    /// One word for metrics.
    fn name(self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::Applied { .. } => "applied",
            Self::Duplicate => "duplicate",
            Self::Reset => "conflict",
            Self::Gone => "gone",
        }
    }
}

/// What became of every partition in one cycle.
#[derive(Debug, Default)]
pub struct Cycle {
    /// The partitions that were brought up to date, and how.
    pub done: Vec<(Partition, Outcome)>,
    /// Those that were not, and why.
    pub failed: Vec<(Partition, anyhow::Error)>,
}

impl Cycle {
    fn add(&mut self, joined: Option<Result<(Partition, anyhow::Result<Outcome>), tokio::task::JoinError>>) {
        match joined {
            None => {}
            Some(Ok((partition, Ok(outcome)))) => self.done.push((partition, outcome)),
            Some(Ok((partition, Err(error)))) => self.failed.push((partition, error)),
            // Our own bug: the process must not limp on without it being seen.
            Some(Err(panic)) => std::panic::resume_unwind(panic.into_panic()),
        }
    }

    /// Clicks that were brought to Postgres.
    pub fn clicks(&self) -> u64 {
        let applied = |outcome: &Outcome| match *outcome {
            Outcome::Applied { clicks, .. } => clicks,
            _ => 0,
        };
        self.done.iter().map(|(_, outcome)| applied(outcome)).sum()
    }

    /// One line a cycle, however many partitions failed: when a store is away they all do.
    fn log(&self) {
        if let Some((_, error)) = self.failed.first() {
            metrics::counter!("aggregator_errors_total", "job" => "flush")
                .increment(self.failed.len() as u64);
            warn!(failed = self.failed.len(), "cannot flush: {error:#}");
        }
        if self.clicks() > 0 {
            info!(clicks = self.clicks(), "flushed");
        }
    }
}

/// When each partition was last up to date.
struct Freshness(Vec<Instant>);

impl Freshness {
    fn new(partitions: Partitions, now: Instant) -> Self {
        Self(vec![now; usize::from(partitions.count())])
    }

    /// What a cycle brought up to date.
    fn note(&mut self, cycle: &Cycle) {
        for (partition, _) in &cycle.done {
            self.0[usize::from(partition.0)] = clock::monotonic();
        }
    }

    /// A cycle that hangs with its stores must not hide that time goes on.
    async fn export_during(&self, flushing: impl Future<Output = Cycle>) -> Cycle {
        let mut flushing = pin!(flushing);
        loop {
            match tokio::time::timeout(EXPORT_INTERVAL, &mut flushing).await {
                Ok(cycle) => return cycle,
                Err(_) => self.export(),
            }
        }
    }

    /// Exports the age of the partition that is furthest behind.
    fn export(&self) {
        let now = clock::monotonic();
        let oldest = self.0.iter().min().copied().unwrap_or(now);
        metrics::gauge!("aggregator_flush_lag_seconds").set(now.duration_since(oldest).as_secs_f64());
    }
}
