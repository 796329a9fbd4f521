//! Writing entries where the edges read them: the code's key, and the stream that tells them to look.

use std::sync::LazyLock;
use std::time::Duration;

use anyhow::Context as _;
use common::ids::Code;
use common::link::Entry;
use common::wire::{LINKS_LOG, link_key};
use redis::{Script, pipe};

use crate::store::RedisConnection;

/// How long a deleted code is remembered: far longer than any edge lags behind.
const TOMBSTONE_TTL: Duration = Duration::from_hours(24);
/// Changes the stream keeps, about: an edge that missed more reloads everything.
const LOG_LENGTH: usize = 100_000;
/// Entries in one pipeline: bounds what waits in memory on both sides.
const PIPELINE: usize = 1_000;

static PUT_LINK: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("put_link.lua")));

/// Who has to hear of what is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tell {
    /// Every edge, by the stream.
    Stream,
    /// Nobody: the edges will load everything when the new generation appears.
    Nobody,
}

/// Writes entries unless Redis has newer ones. Returns how many were written.
///
/// The stream carries refused ones too: edges compare versions themselves, and whoever crashed between the two writes
/// must still be able to say it again.
pub(super) async fn write(
    redis: &mut RedisConnection,
    entries: &[Entry],
    tell: Tell,
) -> anyhow::Result<usize> {
    if entries.is_empty() {
        return Ok(0);
    }
    PUT_LINK.load_async(redis).await.context("cannot load put_link")?;
    let mut written = 0;
    for chunk in entries.chunks(PIPELINE) {
        let mut calls = pipe();
        for entry in chunk {
            add(&mut calls, entry, tell)?;
        }
        let replies: Vec<u8> = calls.query_async(redis).await.context("cannot write links")?;
        written += replies.into_iter().map(usize::from).sum::<usize>();
    }
    metrics::counter!("aggregator_publish_entries_total", "result" => "written").increment(written as u64);
    metrics::counter!("aggregator_publish_entries_total", "result" => "older")
        .increment((entries.len() - written) as u64);
    Ok(written)
}

fn add(calls: &mut redis::Pipeline, entry: &Entry, tell: Tell) -> anyhow::Result<()> {
    let json = serde_json::to_string(entry).context("cannot write an entry as JSON")?;
    let ttl = if entry.link.is_some() { 0 } else { TOMBSTONE_TTL.as_millis() as u64 };
    let put = calls.cmd("EVALSHA").arg(PUT_LINK.get_hash()).arg(1).arg(key(&entry.code)?);
    put.arg(entry.version).arg(&json).arg(ttl);
    if tell == Tell::Stream {
        calls
            .cmd("XADD")
            .arg(LINKS_LOG)
            .arg("MAXLEN")
            .arg("~")
            .arg(LOG_LENGTH)
            .arg("*")
            .arg("e")
            .arg(&json)
            .ignore();
    }
    Ok(())
}

/// What Redis has under these codes, raw.
pub(super) async fn stored(
    redis: &mut RedisConnection,
    codes: &[&str],
) -> anyhow::Result<Vec<Option<String>>> {
    if codes.is_empty() {
        return Ok(Vec::new());
    }
    let mut calls = pipe();
    for code in codes {
        calls.get(key(code)?);
    }
    calls.query_async(redis).await.context("cannot read published links")
}

fn key(code: &str) -> anyhow::Result<String> {
    let code = Code::new(code.as_bytes()).with_context(|| format!("{code:?} is not a code"))?;
    Ok(link_key(&code))
}
