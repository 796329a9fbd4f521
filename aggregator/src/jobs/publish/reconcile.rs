//! Compare everything Postgres publishes with everything Redis has, and repair the difference.
//!
//! Forwards through the links of Postgres: what Redis lacks or has older or otherwise is written; what Redis has newer
//! is raised in Postgres. Backwards through the codes in Redis: what Postgres does not know is marked deleted.

use std::time::{Duration, Instant};

use anyhow::Context as _;
use common::link::Entry;
use redis::cmd;
use runtime::clock;
use sqlx::PgConnection;
use tracing::{info, warn};

use super::entry::{Row, tombstone};
use super::write::{Tell, stored, write};
use crate::store::{Node, RedisConnection, Stores};

/// How often a long comparison says how far it is.
const PROGRESS: Duration = Duration::from_secs(3);
/// Finds every link's key.
const EVERY_LINK: &str = "l:*";

/// How fast to compare.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    /// Links in one step.
    links: usize,
    /// Rest between steps.
    rest: Duration,
}

impl Pace {
    /// As fast as both stores go: edges are waiting.
    pub const FULL: Self = Self { links: 5_000, rest: Duration::ZERO };
    /// About 1,000 links a second: a repair that nobody waits for. Of a million links it took Postgres 27 ms in each second.
    pub const SWEEP: Self = Self { links: 500, rest: Duration::from_millis(500) };
}

/// What a comparison found.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Repairs {
    /// Links compared.
    pub compared: usize,
    /// Links that Redis lacked, or had older or otherwise.
    pub written: usize,
    /// Links that Redis had newer: Postgres went back, and its link was raised.
    pub raised: usize,
    /// Codes that Postgres does not know.
    pub buried: usize,
}

/// Compares both ways, and tells every edge about each repair.
pub async fn reconcile(stores: &Stores, pace: Pace) -> anyhow::Result<Repairs> {
    let mut repairs = Repairs::default();
    let mut reader = stores.postgres.acquire().await.context("cannot reach Postgres")?;
    forwards(stores, &mut reader, pace, Tell::Stream, &mut repairs).await?;
    drop(reader);
    backwards(stores, pace, &mut repairs).await?;
    Ok(repairs)
}

/// Brings every link of Postgres to Redis. Links are read by `reader`, which may hold a lock meanwhile.
pub(super) async fn forwards(
    stores: &Stores,
    reader: &mut PgConnection,
    pace: Pace,
    tell: Tell,
    repairs: &mut Repairs,
) -> anyhow::Result<()> {
    let mut redis = stores.redis.connection().await?;
    let mut progress = Progress::new(clock::monotonic());
    let mut after = 0;
    loop {
        let rows = links_after(reader, after, pace.links).await?;
        let Some(last) = rows.last() else { return Ok(()) };
        after = last.link_id;
        let difference = compare(&mut redis, rows, repairs).await?;
        repairs.written += write(&mut redis, &difference.behind, tell).await?;
        repairs.raised += raise(stores, &difference.ahead).await?;
        progress.note(repairs, clock::monotonic());
        rest(pace).await;
    }
}

/// Links that are not the same on both sides.
#[derive(Default)]
struct Difference {
    /// To be written to Redis.
    behind: Vec<Entry>,
    /// Newer in Redis: link id and the version that rises above it.
    ahead: Vec<(i64, i64)>,
}

async fn compare(
    redis: &mut RedisConnection,
    rows: Vec<Row>,
    repairs: &mut Repairs,
) -> anyhow::Result<Difference> {
    let codes: Vec<&str> = rows.iter().map(|row| row.code.as_str()).collect();
    let found = stored(redis, &codes).await?;
    repairs.compared += rows.len();
    let mut difference = Difference::default();
    for (row, found) in rows.into_iter().zip(found) {
        let link_id = row.link_id;
        let wanted = row.into_entry()?;
        let found = found.and_then(|json| serde_json::from_str::<Entry>(&json).ok());
        match found {
            Some(found) if found == wanted => {}
            Some(found) if found.version > wanted.version => {
                difference.ahead.push((link_id, found.version.cast_signed() + 1));
            }
            _ => difference.behind.push(wanted),
        }
    }
    Ok(difference)
}

/// Marks every code deleted that Postgres does not know.
pub(super) async fn backwards(stores: &Stores, pace: Pace, repairs: &mut Repairs) -> anyhow::Result<()> {
    let mut redis = stores.redis.connection().await?;
    for node in redis.nodes().await.context("cannot tell where links are")? {
        backwards_on(&node, &mut redis, stores, pace, repairs).await?;
    }
    Ok(())
}

/// Walks over the codes of one server. A code that is handed over to another meanwhile may be missed: the next sweep
/// finds it.
async fn backwards_on(
    node: &Node,
    redis: &mut RedisConnection,
    stores: &Stores,
    pace: Pace,
    repairs: &mut Repairs,
) -> anyhow::Result<()> {
    let mut cursor = 0_u64;
    loop {
        let mut scan = cmd("SCAN");
        scan.arg(cursor).arg("MATCH").arg(EVERY_LINK).arg("COUNT").arg(pace.links);
        let (next, keys): (u64, Vec<String>) =
            redis.ask(node, &scan).await.context("cannot list published links")?;
        let codes: Vec<String> =
            keys.iter().filter_map(|key| Some(key.strip_prefix("l:")?.to_owned())).collect();
        let unknown = unknown_codes(stores, &codes).await?;
        let graves = graves(redis, unknown).await?;
        repairs.buried += write(redis, &graves, Tell::Stream).await?;
        cursor = next;
        if cursor == 0 {
            return Ok(());
        }
        rest(pace).await;
    }
}

/// A tombstone, one version above what is there, for each of these codes that still leads somewhere.
async fn graves(redis: &mut RedisConnection, codes: Vec<String>) -> anyhow::Result<Vec<Entry>> {
    let names: Vec<&str> = codes.iter().map(String::as_str).collect();
    let found = stored(redis, &names).await?;
    let mut graves = Vec::new();
    for (code, json) in codes.into_iter().zip(found) {
        let Some(json) = json else { continue };
        match serde_json::from_str::<Entry>(&json) {
            Ok(Entry { link: None, .. }) => {}
            Ok(entry) => graves.push(tombstone(code, entry.version.cast_signed() + 1)?),
            Err(_) => graves.push(tombstone(code, 0)?),
        }
    }
    Ok(graves)
}

/// The next links by id.
async fn links_after(reader: &mut PgConnection, after: i64, limit: usize) -> anyhow::Result<Vec<Row>> {
    sqlx::query_file_as!(Row, "src/jobs/publish/links_after.sql", after, limit as i64)
        .fetch_all(reader)
        .await
        .context("cannot read links")
}

/// Raises links above the versions that edges have seen; the triggers then announce them like any change.
async fn raise(stores: &Stores, ahead: &[(i64, i64)]) -> anyhow::Result<usize> {
    if ahead.is_empty() {
        return Ok(0);
    }
    let (links, floors): (Vec<i64>, Vec<i64>) = ahead.iter().copied().unzip();
    let mut postgres = stores.postgres.acquire().await.context("cannot reach Postgres")?;
    // A link that was changed since we read it has passed that version by itself.
    let raised = sqlx::query!(
        "update link set version = ahead.floor from unnest($1::bigint[], $2::bigint[]) as ahead (link_id, floor)
         where link.link_id = ahead.link_id and link.version < ahead.floor",
        &links,
        &floors
    )
    .execute(&mut *postgres)
    .await
    .context("cannot raise links above what the edges have seen")?
    .rows_affected() as usize;
    if raised > 0 {
        warn!(
            raised,
            "the edges had seen newer versions than Postgres has: it was restored to an earlier day"
        );
    }
    Ok(raised)
}

/// Those of `codes` under which Postgres has no link.
async fn unknown_codes(stores: &Stores, codes: &[String]) -> anyhow::Result<Vec<String>> {
    if codes.is_empty() {
        return Ok(Vec::new());
    }
    let mut postgres = stores.postgres.acquire().await.context("cannot reach Postgres")?;
    sqlx::query_scalar!(
        r#"select code as "code!" from unnest($1::text[]) as published (code)
           where not exists (select from link where link.code = published.code)"#,
        codes
    )
    .fetch_all(&mut *postgres)
    .await
    .context("cannot look codes up")
}

async fn rest(pace: Pace) {
    if !pace.rest.is_zero() {
        tokio::time::sleep(pace.rest).await;
    }
}

/// Says how far a long comparison is, now and then.
struct Progress {
    said: Instant,
}

impl Progress {
    fn new(now: Instant) -> Self {
        Self { said: now }
    }

    fn note(&mut self, repairs: &Repairs, now: Instant) {
        if now.duration_since(self.said) >= PROGRESS {
            self.said = now;
            info!(compared = repairs.compared, written = repairs.written, "comparing links");
        }
    }
}
