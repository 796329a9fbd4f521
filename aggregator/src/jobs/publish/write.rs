//! Writing entries where the edges read them: the code's key, and the stream that tells them to look.

use std::sync::LazyLock;
use std::time::Duration;

use anyhow::Context as _;
use common::ids::Code;
use common::link::Entry;
use common::wire::{LINKS_LOG, link_key};
use redis::{Cmd, Pipeline, cmd};
use runtime::failpoint::pass;

use crate::store::{RedisConnection, Script};

/// How long a deleted code is remembered: far longer than any edge lags behind.
const TOMBSTONE_TTL: Duration = Duration::from_hours(24);
/// Changes the stream keeps, about: an edge that missed more reloads everything.
const LOG_LENGTH: usize = 100_000;
/// Entries written together: bounds what waits in memory on both sides.
const TOGETHER: usize = 1_000;

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
/// must still be able to say it again. The keys come first: who hears of a change must find it there.
pub(super) async fn write(
    redis: &mut RedisConnection,
    entries: &[Entry],
    tell: Tell,
) -> anyhow::Result<usize> {
    if entries.is_empty() {
        return Ok(0);
    }
    PUT_LINK.teach(redis).await.context("cannot load put_link")?;
    let mut written = 0;
    for chunk in entries.chunks(TOGETHER) {
        let puts = chunk.iter().map(put).collect::<anyhow::Result<_>>()?;
        let replies: Vec<u8> = redis.all(puts).await.context("cannot write links")?;
        written += replies.into_iter().map(usize::from).sum::<usize>();
        pass("publish.keys_put");
        if tell == Tell::Stream {
            let mut calls = Pipeline::with_capacity(chunk.len());
            for entry in chunk {
                calls.add_command(announce(entry)?).ignore();
            }
            let () = calls.query_async(redis).await.context("cannot announce links")?;
        }
    }
    metrics::counter!("aggregator_publish_entries_total", "result" => "written").increment(written as u64);
    metrics::counter!("aggregator_publish_entries_total", "result" => "older")
        .increment((entries.len() - written) as u64);
    Ok(written)
}

fn json(entry: &Entry) -> anyhow::Result<String> {
    serde_json::to_string(entry).context("cannot write an entry as JSON")
}

fn put(entry: &Entry) -> anyhow::Result<Cmd> {
    let ttl = if entry.link.is_some() { 0 } else { TOMBSTONE_TTL.as_millis() as u64 };
    Ok(PUT_LINK.call().key(key(&entry.code)?).arg(entry.version).arg(json(entry)?).arg(ttl).command())
}

/// Said twice, it is heard twice, which changes nothing.
fn announce(entry: &Entry) -> anyhow::Result<Cmd> {
    let mut add = cmd("XADD");
    add.arg(LINKS_LOG).arg("MAXLEN").arg("~").arg(LOG_LENGTH).arg("*").arg("e").arg(json(entry)?);
    Ok(add)
}

/// What Redis has under these codes, raw.
pub(super) async fn stored(
    redis: &mut RedisConnection,
    codes: &[&str],
) -> anyhow::Result<Vec<Option<String>>> {
    let gets = codes.iter().map(|code| Ok(Cmd::get(key(code)?))).collect::<anyhow::Result<_>>()?;
    redis.all(gets).await.context("cannot read published links")
}

fn key(code: &str) -> anyhow::Result<String> {
    let code = Code::new(code.as_bytes()).with_context(|| format!("{code:?} is not a code"))?;
    Ok(link_key(&code))
}
