//! Unique visitors: every sketch the bucket touched is united with the stored one, in the bucket's own transaction.
//!
//! There is no list of changed sketches that could get lost: whichever link and day has human clicks in the bucket is
//! read. A union never loses anybody and may be repeated, so reading a sketch that already holds later visitors is
//! harmless.

use std::collections::HashMap;
use std::sync::LazyLock;

use anyhow::Context as _;
use chrono::NaiveDate;
use common::hll::Sketch;
use common::ids::LinkId;
use common::time::Day;
use common::wire::{PartitionKeys, Stamps, script};
use sqlx::PgConnection;
use tracing::warn;

use crate::store::{RedisConnection, Script};

/// Sketches in one read: at most 3 MB, and Redis answers nobody else for less than a millisecond.
const CHUNK: usize = 256;

static READ_SKETCHES: LazyLock<Script> = LazyLock::new(|| Script::new(script::READ_SKETCHES));

/// Stores sketches of links and days that had none, in the caller's transaction.
pub async fn store_sketches(tx: &mut PgConnection, fresh: &[(LinkId, Day, Sketch)]) -> anyhow::Result<()> {
    for chunk in fresh.chunks(CHUNK) {
        let mut grown = Grown::default();
        for (link, day, sketch) in chunk {
            grown.push(*link, *day, sketch, None);
        }
        grown.store(tx).await?;
    }
    Ok(())
}

/// Unites the sketches of these links and days. False: this node does not hold the seal any more; roll back.
pub(super) async fn unite(
    tx: &mut PgConnection,
    redis: &mut RedisConnection,
    keys: &PartitionKeys,
    seal: &str,
    visited: &[(LinkId, Day)],
) -> anyhow::Result<bool> {
    for chunk in visited.chunks(CHUNK) {
        let Some(fresh) = read(redis, keys, seal, chunk).await? else {
            return Ok(false);
        };
        let stored = stored(tx, chunk).await?;
        let mut grown = Grown::default();
        for (&(link, day), fresh) in chunk.iter().zip(fresh) {
            let before = stored.get(&(link.0.cast_signed(), day.date())).map(Vec::as_slice);
            if let Some(sketch) = union(before, &fresh, link, day) {
                grown.push(link, day, &sketch, before);
            }
        }
        grown.store(tx).await?;
    }
    Ok(true)
}

/// The union of a stored and a fresh sketch. `None` when there is nothing to store.
fn union(before: Option<&[u8]>, fresh: &[u8], link: LinkId, day: Day) -> Option<Sketch> {
    let parse = |bytes: &[u8], place: &'static str| {
        let damaged = |error| {
            metrics::counter!("aggregator_sketches_unreadable_total", "place" => place).increment(1);
            warn!(link = link.0, day = day.stamp(), place, "left a sketch out of the union: {error}");
        };
        Sketch::from_redis(bytes).map_err(damaged).ok()
    };
    if fresh.is_empty() {
        // Older than its time to live in Redis; the clicks still count.
        metrics::counter!("aggregator_sketches_missing_total").increment(1);
        return None;
    }
    let fresh = parse(fresh, "redis")?;
    match before.and_then(|bytes| parse(bytes, "postgres")) {
        None => Some(fresh),
        Some(mut united) => {
            united.merge(&fresh);
            Some(united)
        }
    }
}

/// The bytes of some sketches in Redis, empty where there is none. `None`: another seal.
async fn read(
    redis: &mut RedisConnection,
    keys: &PartitionKeys,
    seal: &str,
    chunk: &[(LinkId, Day)],
) -> anyhow::Result<Option<Vec<Vec<u8>>>> {
    let mut call = READ_SKETCHES.call();
    call.key(&keys.seal);
    let (mut stamps, mut name) = (Stamps::default(), Vec::new());
    for &(link, day) in chunk {
        keys.write_sketch(link, day, &mut stamps, &mut name);
        call.key(name.as_slice());
    }
    let reply = call.arg(seal).run::<Vec<Vec<u8>>>(redis).await;
    let (name, read) = match reply {
        Ok(bytes) => ("read", Some(bytes)),
        Err(error) if error.code() == Some("WRONGSEAL") => ("wrongseal", None),
        Err(error) => return Err(error).context("cannot read sketches"),
    };
    metrics::counter!("aggregator_script_replies_total", "script" => "read_sketches", "reply" => name)
        .increment(1);
    Ok(read)
}

/// What Postgres has of these links and days.
async fn stored(
    tx: &mut PgConnection,
    chunk: &[(LinkId, Day)],
) -> anyhow::Result<HashMap<(i64, NaiveDate), Vec<u8>>> {
    let links: Vec<i64> = chunk.iter().map(|(link, _)| link.0.cast_signed()).collect();
    let days: Vec<NaiveDate> = chunk.iter().map(|(_, day)| day.date()).collect();
    let rows = sqlx::query!(
        "select link_id, day, sketch from visit_daily
         where (link_id, day) in (select * from unnest($1::bigint[], $2::date[]))",
        &links,
        &days
    )
    .fetch_all(tx)
    .await
    .context("cannot read stored sketches")?;
    Ok(rows.into_iter().map(|row| ((row.link_id, row.day), row.sketch)).collect())
}

/// Sketches that hold somebody new.
#[derive(Default)]
struct Grown {
    link: Vec<i64>,
    day: Vec<NaiveDate>,
    sketch: Vec<Vec<u8>>,
    estimate: Vec<i64>,
}

impl Grown {
    fn push(&mut self, link: LinkId, day: Day, sketch: &Sketch, before: Option<&[u8]>) {
        let bytes = sketch.to_redis();
        if before == Some(bytes.as_slice()) {
            return;
        }
        self.link.push(link.0.cast_signed());
        self.day.push(day.date());
        self.estimate.push(sketch.estimate().cast_signed());
        self.sketch.push(bytes);
    }

    async fn store(&self, tx: &mut PgConnection) -> anyhow::Result<()> {
        if self.link.is_empty() {
            return Ok(());
        }
        sqlx::query!(
            "insert into visit_daily (link_id, day, sketch, estimate)
             select * from unnest($1::bigint[], $2::date[], $3::bytea[], $4::bigint[])
             on conflict (link_id, day) do update set sketch = excluded.sketch, estimate = excluded.estimate",
            &self.link,
            &self.day,
            &self.sketch,
            &self.estimate
        )
        .execute(tx)
        .await
        .context("cannot store sketches")?;
        Ok(())
    }
}
