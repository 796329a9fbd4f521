//! Conservation: what the journals claim to have handed over is in Redis or in Postgres, exactly.
//!
//! Claims are running totals that the edges take from their journals; counts are what flowed through. The two meet only
//! here. A partition is compared at one consistent moment: one atomic look at Redis between two looks at Postgres that
//! agree. If no such moment is found the last comparison stands, so the difference never flickers: it is 0, or wrong.

mod books;

use std::time::Duration;

use anyhow::Context as _;
use common::ids::{Partition, Partitions};
use common::wire::PartitionKeys;
use runtime::Shutdown;
use sqlx::PgConnection;
use std::sync::LazyLock;
use tokio::time::MissedTickBehavior;
use tracing::error;

pub use self::books::{Books, RedisView};
use super::flush::{Watermarks, watermarks};
use crate::jobs::attempt;
use crate::store::{RedisConnection, Script, Stores};

/// How often to compare.
const INTERVAL: Duration = Duration::from_secs(3);
/// Looks at one partition before it is left for the next time.
const TRIES: usize = 3;
/// Redis adds up a bucket of at most this many counters, in about five milliseconds; a larger one, which waits for
/// Postgres to come back, is left out until it is flushed.
const LARGEST_SUM: usize = 20_000;

static LOOK: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("conservation/look.lua")));

/// Compares every partition again and again, until told to stop. Never fails: an error is for the next tick.
pub async fn run(stores: Stores, shutdown: Shutdown) -> anyhow::Result<()> {
    let mut due = tokio::time::interval(INTERVAL);
    due.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut conservation = Conservation::new(stores.partitions);
    loop {
        tokio::select! {
            _ = due.tick() => {}
            () = shutdown.stopping() => return Ok(()),
        }
        let compared = conservation.compare(&stores);
        if attempt("conservation", "compare Redis and Postgres", compared).await.is_some() {
            conservation.export();
        }
    }
}

/// The latest consistent books of every partition.
#[derive(Debug)]
pub struct Conservation {
    partitions: Partitions,
    books: Vec<Option<Books>>,
    /// Partitions that had no consistent moment, or too large a bucket, the last time.
    pub skipped: usize,
}

impl Conservation {
    /// Nothing compared yet.
    pub fn new(partitions: Partitions) -> Self {
        Self { partitions, books: vec![None; usize::from(partitions.count())], skipped: 0 }
    }

    /// Compares every partition once.
    pub async fn compare(&mut self, stores: &Stores) -> anyhow::Result<()> {
        self.skipped = 0;
        let mut redis = stores.redis.connection().await?;
        let mut postgres = stores.postgres.acquire().await.context("cannot reach Postgres")?;
        for partition in self.partitions.iter() {
            match consistent(&mut redis, &mut postgres, partition).await? {
                Some(books) => {
                    if books.difference() != 0 {
                        error!(partition = partition.0, ?books, "clicks were lost or invented");
                    }
                    self.books[usize::from(partition.0)] = Some(books);
                }
                None => self.skipped += 1,
            }
        }
        Ok(())
    }

    /// The sum of all partitions.
    pub fn total(&self) -> Books {
        self.books.iter().flatten().fold(Books::default(), Books::plus)
    }

    fn export(&self) {
        let total = self.total();
        metrics::gauge!("aggregator_redis_clicks").set(total.redis as f64);
        metrics::gauge!("aggregator_postgres_clicks").set(total.postgres as f64);
        metrics::gauge!("aggregator_claimed_clicks").set(total.claimed as f64);
        metrics::gauge!("aggregator_conservation_difference_clicks").set(total.difference() as f64);
        metrics::gauge!("aggregator_conservation_skipped_partitions").set(self.skipped as f64);
    }
}

/// The books of a partition at one moment, if a few looks find one.
async fn consistent(
    redis: &mut RedisConnection,
    postgres: &mut PgConnection,
    partition: Partition,
) -> anyhow::Result<Option<Books>> {
    for _ in 0..TRIES {
        let before = counted(postgres, partition).await?;
        let view = look(redis, partition).await?;
        let after = counted(postgres, partition).await?;
        if before == after {
            let (watermarks, clicks) = after;
            if let Some(books) = view.and_then(|view| view.books(&watermarks, clicks)) {
                return Ok(Some(books));
            }
        }
    }
    Ok(None)
}

/// What Postgres has of a partition. Watermark and clicks are read one after the other; they moved together in one
/// commit, and both are read twice.
async fn counted(postgres: &mut PgConnection, partition: Partition) -> anyhow::Result<(Watermarks, u64)> {
    let watermarks = watermarks(postgres, partition).await?;
    let clicks =
        sqlx::query_scalar!("select clicks from flush_partition where part = $1", partition.0.cast_signed())
            .fetch_one(postgres)
            .await
            .context("cannot read a partition's clicks")?;
    Ok((watermarks, clicks.cast_unsigned()))
}

/// One atomic look at a partition. `None`: a bucket is too large to add up.
async fn look(redis: &mut RedisConnection, partition: Partition) -> anyhow::Result<Option<RedisView>> {
    let keys = PartitionKeys::new(partition);
    let mut call = LOOK.call();
    for key in
        [&keys.claim, &keys.base, &keys.counts, &keys.sealed_end, &keys.sealed_base, &keys.sealed_claim]
    {
        call.key(key);
    }
    call.key(&keys.sealed_counts).arg(LARGEST_SUM);
    let reply: Vec<redis::Value> = call.run(redis).await.context("cannot look at a partition")?;
    RedisView::read(reply)
}
