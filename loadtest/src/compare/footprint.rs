//! What links cost the redirector: memory for each, and time until it is ready, from Redis and from its snapshot.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use comfy_table::Table;
use comfy_table::presets::UTF8_FULL_CONDENSED;
use onebox::servers::{Redis, free_port};
use runtime::clock;
use serde::Serialize;
use tempfile::TempDir;

use super::links::{self, Form};
use super::process::{Process, peak_bytes, resident_bytes};
use super::{admin, connect, contender};
use crate::drive::codes::Codes;

/// The core of the redirector.
const CORE: usize = 0;
/// Ten million links take a minute.
const START_LIMIT: Duration = Duration::from_mins(15);

/// What was found.
#[derive(Debug, Serialize)]
pub(super) struct Footprint {
    links: u64,
    /// Memory it held without links, bytes.
    empty_bytes: u64,
    /// With all links from Redis.
    from_redis: Start,
    /// With all links from its snapshot, while Redis is away.
    from_snapshot: Start,
    snapshot_bytes: u64,
}

#[derive(Debug, Serialize)]
struct Start {
    /// From the start of the process to `/readyz` 200.
    ready_seconds: f64,
    resident_bytes: u64,
    peak_bytes: u64,
    /// Beyond what it held without links.
    bytes_per_link: f64,
    /// What the catalog itself accounts for.
    catalog_bytes_per_link: f64,
}

impl Footprint {
    /// For people.
    pub(super) fn table(&self) -> Table {
        let mut table = Table::new();
        table.load_style(UTF8_FULL_CONDENSED).set_header([
            "links from",
            "ready after",
            "bytes per link",
            "of them catalog",
            "resident MiB",
            "peak MiB",
        ]);
        for (name, start) in [("Redis", &self.from_redis), ("the snapshot", &self.from_snapshot)] {
            table.add_row([
                name.to_owned(),
                format!("{:.2} s", start.ready_seconds),
                format!("{:.1}", start.bytes_per_link),
                format!("{:.1}", start.catalog_bytes_per_link),
                (start.resident_bytes >> 20).to_string(),
                (start.peak_bytes >> 20).to_string(),
            ]);
        }
        table
    }
}

/// Measures with this many links.
pub(super) fn measure(count: u64) -> anyhow::Result<Footprint> {
    let folder =
        TempDir::with_prefix("loadtest-footprint-").context("cannot make a folder for temporary files")?;
    let mut redis = Redis::start(folder.path())?;
    links::complete(&mut connect(&redis)?)?;
    eprintln!("without links");
    let url = redis.redirector_url.clone();
    let (empty, mut process) = start(folder.path(), &url, "empty.snapshot", 0, 0)?;
    process.stop()?;
    links::fill(&mut connect(&redis)?, &Codes::numbered(links::PREFIX, count)?, Form::Published)?;
    eprintln!("from Redis");
    let (from_redis, mut process) =
        start(folder.path(), &url, "links.snapshot", count, empty.resident_bytes)?;
    // It saves its links when it stops.
    process.stop()?;
    let snapshot_bytes =
        fs::metadata(folder.path().join("links.snapshot")).context("no snapshot was saved")?.len();
    redis.kill9()?;
    eprintln!("from the snapshot");
    let (from_snapshot, mut process) =
        start(folder.path(), &url, "links.snapshot", count, empty.resident_bytes)?;
    process.stop()?;
    Ok(Footprint {
        links: count,
        empty_bytes: empty.resident_bytes,
        from_redis,
        from_snapshot,
        snapshot_bytes,
    })
}

/// Starts a redirector and waits until it is ready; it must have all `links`.
fn start(
    folder: &Path,
    redis_url: &str,
    snapshot: &str,
    links: u64,
    empty_bytes: u64,
) -> anyhow::Result<(Start, Process)> {
    let [listen, admin] =
        [free_port()?, free_port()?].map(|port| SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
    let mut command = contender::redirector(folder, listen, admin, redis_url)?;
    command.arg("--snapshot").arg(folder.join(snapshot));
    let begun = clock::monotonic();
    let mut process = Process::start("redirector", command, CORE, folder)?;
    process.wait_until(START_LIMIT, || admin::is_ready(admin))?;
    let ready_seconds = begun.elapsed().as_secs_f64();
    let known = admin::metric(admin, "redirector_catalog_links")?;
    ensure!(known as u64 == links, "the redirector knows {known} links, not {links}");
    let resident_bytes = resident_bytes(process.pid())?;
    let per_link = |bytes: f64| if links == 0 { 0.0 } else { bytes / links as f64 };
    let start = Start {
        ready_seconds,
        resident_bytes,
        peak_bytes: peak_bytes(process.pid())?,
        bytes_per_link: per_link(resident_bytes.saturating_sub(empty_bytes) as f64),
        catalog_bytes_per_link: per_link(admin::metric(admin, "redirector_catalog_bytes")?),
    };
    Ok((start, process))
}
