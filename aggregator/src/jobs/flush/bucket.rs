//! The Redis half of a flush: seal a bucket, read it whole, drop it, or start again.
//!
//! Nothing read here is trusted for longer than the seal id lasts: every read asks for the id in the same breath, so
//! that a failover or another aggregator between two reads is noticed and never mixed into one bucket.

use std::collections::{BTreeMap, HashSet};
use std::sync::LazyLock;

use anyhow::{Context as _, ensure};
use common::flush::{Span, Watermark};
use common::ids::{Lane, Seq};
use common::wire::{Count, PartitionKeys, script};
use redis::pipe;
use tracing::{instrument, warn};

use super::Watermarks;
use crate::random::random_id;
use crate::store::{RedisConnection, Script};

/// Fields in one read: Redis answers nobody else meanwhile, for about two milliseconds.
const SCAN_FIELDS: usize = 5_000;

static SEAL: LazyLock<Script> = LazyLock::new(|| Script::new(script::SEAL));
static DROP: LazyLock<Script> = LazyLock::new(|| Script::new(script::DROP));
static RESET: LazyLock<Script> = LazyLock::new(|| Script::new(script::RESET));

/// A sealed bucket: the counts of exactly the records in every span.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bucket {
    /// Its random id.
    pub seal: String,
    /// Which interval of which lane.
    pub spans: Vec<Span>,
    /// The counters, in their order, each once.
    pub counts: Vec<(Count, u64)>,
}

impl Bucket {
    /// Clicks of people and programs. Platforms and origins count the same clicks again.
    pub fn clicks(&self) -> u64 {
        let click = |(count, _): &&(Count, u64)| matches!(count, Count::Human(..) | Count::Filtered(..));
        self.counts.iter().filter(click).map(|(_, n)| n).sum()
    }
}

/// Freezes the active bucket, or finds the one that still waits. `None`: nothing was counted.
#[instrument(skip_all)]
pub async fn seal(redis: &mut RedisConnection, keys: &PartitionKeys) -> anyhow::Result<Option<String>> {
    let mut call = SEAL.call();
    for key in keys.for_seal() {
        call.key(key);
    }
    let (reply, id): (String, String) = call.arg(random_id()?).run(redis).await.context("cannot seal")?;
    metrics::counter!("aggregator_script_replies_total", "script" => "seal", "reply" => reply.to_ascii_lowercase())
        .increment(1);
    Ok((reply == "SEALED").then_some(id))
}

/// Reads the bucket under this seal. `None`: this node holds another one, or none.
#[instrument(skip_all)]
pub async fn read(
    redis: &mut RedisConnection,
    keys: &PartitionKeys,
    seal: &str,
) -> anyhow::Result<Option<Bucket>> {
    type Vectors = (Option<String>, BTreeMap<u16, u64>, BTreeMap<u16, u64>, BTreeMap<u16, u64>, usize);
    let (held, end, base, claim, fields): Vectors = pipe()
        .atomic()
        .get(&keys.seal)
        .hgetall(&keys.sealed_end)
        .hgetall(&keys.sealed_base)
        .hgetall(&keys.sealed_claim)
        .hlen(&keys.sealed_counts)
        .query_async(redis)
        .await
        .context("cannot read a sealed bucket's vectors")?;
    if held.as_deref() != Some(seal) {
        return Ok(None);
    }
    let of = |vector: &BTreeMap<u16, u64>, lane| vector.get(&lane).copied().unwrap_or(0);
    let span = |(&lane, &end): (&u16, &u64)| Span {
        lane: Lane(lane),
        base: Seq(of(&base, lane)),
        end: Seq(end),
        claim: of(&claim, lane),
    };
    let spans = end.iter().map(span).collect();
    let counts = read_counts(redis, keys, seal, fields).await?;
    Ok(counts.map(|counts| Bucket { seal: seal.to_owned(), spans, counts }))
}

/// Reads every counter of the bucket, some thousand at a time.
///
/// The scan may show a field twice; the bucket does not change under its seal, so twice the same is once. It must
/// not show fewer than there are.
async fn read_counts(
    redis: &mut RedisConnection,
    keys: &PartitionKeys,
    seal: &str,
    fields: usize,
) -> anyhow::Result<Option<Vec<(Count, u64)>>> {
    type Chunk = (Option<String>, (u64, Vec<(Vec<u8>, Vec<u8>)>));
    let (mut counts, mut foreign) = (Vec::with_capacity(fields), HashSet::new());
    let mut cursor = 0;
    loop {
        let (held, (next, chunk)): Chunk = pipe()
            .atomic()
            .get(&keys.seal)
            .cmd("HSCAN")
            .arg(&keys.sealed_counts)
            .arg(cursor)
            .arg("COUNT")
            .arg(SCAN_FIELDS)
            .query_async(redis)
            .await
            .context("cannot read a sealed bucket's counts")?;
        if held.as_deref() != Some(seal) {
            return Ok(None);
        }
        for (field, value) in chunk {
            match (Count::parse(&field), number(&value)) {
                (Some(count), Some(n)) => counts.push((count, n)),
                _ => drop(foreign.insert(field)),
            }
        }
        cursor = next;
        if cursor == 0 {
            break;
        }
    }
    counts.sort_unstable();
    counts.dedup();
    ensure!(
        counts.len() + foreign.len() == fields,
        "read {} of {fields} counters of bucket {seal}: not added, the next cycle reads it again",
        counts.len() + foreign.len()
    );
    if let Some(field) = foreign.iter().next() {
        metrics::counter!("aggregator_flush_foreign_fields_total").increment(foreign.len() as u64);
        warn!(count = foreign.len(), first = %field.escape_ascii(), "somebody else wrote into our counters; left out");
    }
    Ok(Some(counts))
}

/// Where the active bucket begins, if no sealed one waits for it.
pub(super) async fn idle_base(
    redis: &mut RedisConnection,
    keys: &PartitionKeys,
) -> anyhow::Result<Option<BTreeMap<Lane, Seq>>> {
    let (held, base): (Option<String>, BTreeMap<u16, u64>) = pipe()
        .atomic()
        .get(&keys.seal)
        .hgetall(&keys.base)
        .query_async(redis)
        .await
        .context("cannot read where the active bucket begins")?;
    let base = base.into_iter().map(|(lane, seq)| (Lane(lane), Seq(seq))).collect();
    Ok(held.is_none().then_some(base))
}

/// Forgets the bucket that Postgres has, and tells the edges how far it is durable.
#[instrument(skip_all)]
pub async fn drop_sealed(
    redis: &mut RedisConnection,
    keys: &PartitionKeys,
    seal: &str,
    durable: &Watermarks,
) -> anyhow::Result<()> {
    let mut call = DROP.call();
    for key in keys.for_drop() {
        call.key(key);
    }
    call.arg(seal);
    for (lane, mark) in durable {
        call.arg(lane.0).arg(mark.seq.0);
    }
    let hit: u8 = call.run(redis).await.context("cannot drop a bucket that is in Postgres")?;
    let reply = if hit == 1 { "dropped" } else { "other" };
    metrics::counter!("aggregator_script_replies_total", "script" => "drop", "reply" => reply).increment(1);
    Ok(())
}

/// Throws both buckets away and starts again at `start`; the edges send the rest from their journals.
#[instrument(skip_all)]
pub async fn reset(
    redis: &mut RedisConnection,
    keys: &PartitionKeys,
    start: &BTreeMap<Lane, Watermark>,
) -> anyhow::Result<()> {
    let mut call = RESET.call();
    for key in keys.for_reset() {
        call.key(key);
    }
    for (lane, mark) in start {
        call.arg(lane.0).arg(mark.seq.0).arg(mark.claim);
    }
    let _ok: String = call.run(redis).await.context("cannot reset Redis to the watermark")?;
    metrics::counter!("aggregator_script_replies_total", "script" => "reset", "reply" => "ok").increment(1);
    Ok(())
}

fn number(value: &[u8]) -> Option<u64> {
    let n: i64 = std::str::from_utf8(value).ok()?.parse().ok()?;
    u64::try_from(n).ok()
}
