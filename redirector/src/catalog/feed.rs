//! Keeping the catalog fresh: load everything once, then follow the stream of changes.
//!
//! The place in the stream is noted *before* the walk over all links begins, so a change during the walk is seen by
//! the walk or by the stream, or by both, and the version decides. Whenever that chain is broken (Redis was emptied,
//! rebuilt or set back, or forgot changes we have not read), everything is loaded again.
//!
//! A link is forgotten only when a walk did not show it *and* Redis was whole at the walk's end: emptied under the walk
//! it shows nothing, which says nothing.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use common::ids::Code;
use common::link::Entry;
use common::wire::{LINKS_GENERATION, LINKS_LOG, link_key, links_marker};
use futures_util::stream::{self, StreamExt as _};
use redis::aio::MultiplexedConnection;
use redis::{RedisResult, Value};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::Catalog;
use super::table::{Told, WhenFull};
use crate::store::{Connection, Store};

/// How long one wait for changes lasts; also how often the generation is checked.
const BLOCK: Duration = Duration::from_millis(500);
/// A reply to a waiting read that is later than this will not come.
const PATIENCE: Duration = Duration::from_millis(2_500);
/// The walk over all links asks for large pieces; a busy Redis may take its time.
const WALK_PATIENCE: Duration = Duration::from_secs(10);
/// Between attempts to reach Redis.
const RECONNECT_PAUSE: Duration = Duration::from_millis(500);
/// Links asked for at once while loading: some 300 kB of reply.
const WALK_COUNT: usize = 1_000;
/// Links asked for by name at once.
const ASKED_AT_ONCE: usize = 64;
/// Changes read at once.
const TAIL_COUNT: usize = 1_000;

/// Where we are in the stream of changes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Place {
    /// The generation the loaded links belong to. `None`: nothing is loaded.
    generation: Option<String>,
    /// The last change we know.
    cursor: StreamId,
    /// How many changes were ever added to the stream, up to the cursor.
    read: u64,
}

/// What Redis says of the links and their stream, at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Mark {
    generation: Option<String>,
    last: StreamId,
    added: u64,
    length: u64,
}

/// The id of a stream entry. Ordered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
struct StreamId(u64, u64);

impl StreamId {
    fn parse(text: &str) -> Option<Self> {
        let (ms, n) = text.split_once('-')?;
        Some(Self(ms.parse().ok()?, n.parse().ok()?))
    }
}

impl std::fmt::Display for StreamId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}-{}", self.0, self.1)
    }
}

/// Why everything must be loaded again.
fn broken(place: &Place, mark: &Mark) -> Option<&'static str> {
    // Emptied: what is in memory serves until the links are published again.
    mark.generation.as_ref()?;
    if place.generation != mark.generation {
        return Some("the links were published anew");
    }
    if mark.last < place.cursor || mark.added < place.read {
        return Some("the stream of changes went back");
    }
    (mark.added - place.read > mark.length).then_some("changes were forgotten before they were read")
}

/// Loads and follows until `stop`.
pub(super) async fn follow(catalog: Arc<Catalog>, store: Store, stop: CancellationToken) {
    let mut place = Place::default();
    while !stop.is_cancelled() {
        if let Err(error) = follow_once(&catalog, &store, &mut place, &stop).await {
            if !catalog.is_stale() {
                warn!("the catalog cannot read from Redis; links in memory are served: {error}");
            }
            catalog.lost();
        }
        tokio::select! {
            () = stop.cancelled() => {}
            () = tokio::time::sleep(RECONNECT_PAUSE) => {}
        }
    }
}

async fn follow_once(
    catalog: &Catalog,
    store: &Store,
    place: &mut Place,
    stop: &CancellationToken,
) -> RedisResult<()> {
    let mut connection = store.connect(PATIENCE).await?;
    catalog.check_settings(&mut connection).await;
    while !stop.is_cancelled() {
        let mark = mark(&mut connection).await?;
        catalog.heard();
        // What is not whole is not loaded: meanwhile changes are read, and single links asked for.
        if let Some(why) = broken(place, &mark)
            && is_whole(&mut connection, catalog, &mark).await?
        {
            if let Some(loaded) = load(catalog, store, &mut connection, mark, why).await? {
                *place = loaded;
            }
            continue; // the generation may have changed during a long walk
        }
        catalog.settled(place.generation.is_some());
        let changes = read_changes(&mut connection, place.cursor).await?;
        for (id, entry) in changes {
            place.cursor = id;
            place.read += 1;
            if let Some(entry) = entry {
                catalog.tell(entry, WhenFull::Evict);
            }
        }
    }
    Ok(())
}

/// Walks over all links of every server. `None`: one was emptied meanwhile, and what it did not show is kept.
async fn load(
    catalog: &Catalog,
    store: &Store,
    connection: &mut Connection,
    mark: Mark,
    why: &str,
) -> RedisResult<Option<Place>> {
    let started = runtime::clock::monotonic();
    let load = catalog.begin_load();
    for mut server in store.connect_to_each(WALK_PATIENCE).await? {
        walk(catalog, &mut server, store.is_cluster()).await?;
    }
    if store.is_cluster() {
        ask_by_name(catalog, connection, load).await?;
    }
    if !is_whole(connection, catalog, &mark).await? {
        warn!(why, "Redis lost links while they were read; those in memory are served");
        return Ok(None);
    }
    let swept = catalog.table.sweep(load);
    let links = catalog.table.links();
    catalog.load_seconds.set(started.elapsed().as_secs_f64());
    catalog.loads.increment(1);
    info!(
        why,
        links,
        swept,
        bytes = catalog.table.bytes(),
        seconds = started.elapsed().as_secs_f64(),
        "loaded the catalog"
    );
    Ok(Some(Place { generation: mark.generation, cursor: mark.last, read: mark.added }))
}

/// Whether every server still has the links of this generation: none was emptied since they were published.
async fn is_whole(connection: &mut Connection, catalog: &Catalog, mark: &Mark) -> RedisResult<bool> {
    let markers = catalog.config.partitions.iter().map(links_marker);
    for key in std::iter::once(LINKS_GENERATION.to_owned()).chain(markers) {
        let found: Option<String> = redis::cmd("GET").arg(key).query_async(connection).await?;
        if found.is_none() || found != mark.generation {
            return Ok(false);
        }
    }
    Ok(true)
}

async fn walk(catalog: &Catalog, server: &mut MultiplexedConnection, cluster: bool) -> RedisResult<()> {
    let keyspace: String = redis::cmd("INFO").arg("keyspace").query_async(server).await?;
    // Nearly all keys are links.
    catalog.table.expect(keys_in(&keyspace));
    let mut cursor: u64 = 0;
    loop {
        let mut scan = redis::cmd("SCAN");
        scan.arg(cursor).arg("MATCH").arg("l:*").arg("COUNT").arg(WALK_COUNT);
        let (next, keys): (u64, Vec<Vec<u8>>) = scan.query_async(server).await?;
        for value in values_of(server, &keys, cluster).await? {
            if let Some(entry) = value.as_deref().and_then(|json| catalog.parse(json)) {
                catalog.tell(entry, WhenFull::Skip);
            }
        }
        if next == 0 {
            return Ok(());
        }
        cursor = next;
        tokio::task::yield_now().await; // links that somebody waits for are looked up on this thread too
    }
}

/// The keys of a server, by what `INFO keyspace` says: `db0:keys=12,expires=0,avg_ttl=0`.
fn keys_in(keyspace: &str) -> usize {
    let keys = |line: &str| line.split_once(":keys=")?.1.split(',').next()?.parse::<usize>().ok();
    keyspace.lines().filter_map(keys).sum()
}

/// Asks for every link that the walk did not show, before it is forgotten: it may have been handed from a server that
/// was still to be walked over to one that had been.
async fn ask_by_name(catalog: &Catalog, connection: &Connection, load: u32) -> RedisResult<()> {
    let get = |code: Code| {
        let mut connection = connection.clone();
        async move {
            let reply: RedisResult<Option<Vec<u8>>> =
                redis::cmd("GET").arg(link_key(&code)).query_async(&mut connection).await;
            reply
        }
    };
    let mut answers = stream::iter(catalog.table.unseen(load)).map(get).buffer_unordered(ASKED_AT_ONCE);
    while let Some(json) = answers.next().await {
        if let Some(entry) = json?.as_deref().and_then(|json| catalog.parse(json)) {
            catalog.tell(entry, WhenFull::Skip);
        }
    }
    Ok(())
}

/// In a cluster keys of different slots cannot be read with one command, and a moved one answers with an error.
async fn values_of(
    server: &mut MultiplexedConnection,
    keys: &[Vec<u8>],
    cluster: bool,
) -> RedisResult<Vec<Option<Vec<u8>>>> {
    if keys.is_empty() {
        return Ok(Vec::new());
    }
    if !cluster {
        return redis::cmd("MGET").arg(keys).query_async(server).await;
    }
    let mut pipeline = redis::pipe();
    for key in keys {
        pipeline.cmd("GET").arg(key);
    }
    let values: Vec<Value> = pipeline.ignore_errors().query_async(server).await?;
    Ok(values.iter().map(|value| redis::from_redis_value_ref(value).ok()).collect())
}

async fn mark(connection: &mut Connection) -> RedisResult<Mark> {
    let generation: Option<String> = redis::cmd("GET").arg(LINKS_GENERATION).query_async(connection).await?;
    let info: RedisResult<HashMap<String, Value>> =
        redis::cmd("XINFO").arg("STREAM").arg(LINKS_LOG).query_async(connection).await;
    let info = match info {
        Ok(info) => info,
        // No such stream: nothing was ever published there.
        Err(error) if error.kind() == redis::ErrorKind::Server(redis::ServerErrorKind::ResponseError) => {
            HashMap::new()
        }
        Err(error) => return Err(error),
    };
    let number = |name: &str| info.get(name).and_then(|v| redis::from_redis_value_ref(v).ok()).unwrap_or(0);
    let last: Option<String> =
        info.get("last-generated-id").and_then(|v| redis::from_redis_value_ref(v).ok());
    let last = last.as_deref().and_then(StreamId::parse).unwrap_or_default();
    Ok(Mark { generation, last, added: number("entries-added"), length: number("length") })
}

type Change = (StreamId, Option<Entry>);

async fn read_changes(connection: &mut Connection, after: StreamId) -> RedisResult<Vec<Change>> {
    let mut read = redis::cmd("XREAD");
    read.arg("COUNT").arg(TAIL_COUNT).arg("BLOCK").arg(BLOCK.as_millis() as u64);
    read.arg("STREAMS").arg(LINKS_LOG).arg(after.to_string());
    let reply: Option<redis::streams::StreamReadReply> = read.query_async(connection).await?;
    let streams = reply.map(|reply| reply.keys).unwrap_or_default();
    Ok(streams.into_iter().flat_map(|stream| stream.ids).filter_map(|entry| change(&entry)).collect())
}

fn change(id: &redis::streams::StreamId) -> Option<Change> {
    let entry = id.get::<Vec<u8>>("e").and_then(|json| serde_json::from_slice(&json).ok());
    if entry.is_none() {
        metrics::counter!("redirector_catalog_bad_entries_total").increment(1);
    }
    Some((StreamId::parse(&id.id)?, entry))
}

impl Catalog {
    fn parse(&self, json: &[u8]) -> Option<Entry> {
        let entry = serde_json::from_slice(json).ok();
        if entry.is_none() {
            self.bad_entries.increment(1);
        }
        entry
    }

    pub(super) fn tell(&self, entry: Entry, when_full: WhenFull) {
        let told = self.table.tell(entry, self.load.load(Ordering::Relaxed), when_full);
        match told {
            Told::Stored => self.changed.store(true, Ordering::Relaxed),
            Told::Bad => self.bad_entries.increment(1),
            Told::Old | Told::NoRoom => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broken_chain_is_noticed() {
        let place = Place { generation: Some("a".to_owned()), cursor: StreamId(50, 1), read: 10 };
        let mark = Mark { generation: Some("a".to_owned()), last: StreamId(60, 0), added: 15, length: 5 };
        let cases = [
            (mark.clone(), false),
            (Mark { length: 4, ..mark.clone() }, true),
            (Mark { generation: Some("b".to_owned()), ..mark.clone() }, true),
            (Mark { generation: None, ..mark.clone() }, false),
            (Mark { last: StreamId(50, 0), added: 10, length: 0, ..mark.clone() }, true),
            (Mark { last: StreamId(50, 1), added: 10, length: 0, ..mark.clone() }, false),
            (Mark { added: 9, ..mark.clone() }, true),
        ];
        for (mark, expect) in cases {
            assert_eq!(broken(&place, &mark).is_some(), expect, "{mark:?}");
        }
        assert!(broken(&Place::default(), &mark).is_some(), "nothing is loaded yet");
    }

    #[test]
    fn the_keys_of_all_databases_are_counted() {
        let keyspace = "# Keyspace\r\ndb0:keys=12,expires=3,avg_ttl=0\r\ndb7:keys=30,expires=0,avg_ttl=0\r\n";
        assert_eq!((keys_in(keyspace), keys_in("# Keyspace\r\n")), (42, 0));
    }

    #[test]
    fn stream_ids_are_ordered_by_number() {
        let parse = |text| StreamId::parse(text).expect("an id");
        assert!(parse("9-10") > parse("9-9") && parse("10-0") > parse("9-99"));
        assert_eq!(parse("7-8").to_string(), "7-8");
    }
}
