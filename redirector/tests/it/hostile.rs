//! Bytes of people who mean harm, and of programs gone wrong: mutated requests, requests that two parties read
//! differently, and thousands of connections that want to stay. The edge goes on, tells nobody more than it should, and
//! counts what it redirects.
//!
//! Every run is short. `LINKLEDGER_MUTATIONS=1000000` and `LINKLEDGER_SLOW=5000` make it as long as a night.

mod judge;
mod mutate;
mod slow;
mod smuggle;

use std::collections::BTreeSet;
use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::{Context as _, Result, ensure};
use common::ids::{Lane, Seq};
use common::token::Click;
use rand::SeedableRng as _;
use rand::rngs::SmallRng;

use self::mutate::Mutator;
use crate::harness::{Edge, SOON, Stage};

/// Requests of a run by day.
const FEW: u64 = 20_000;
/// Each has one connection at a time.
const ATTACKERS: u64 = 4;
/// What memory may vary by, once everything was used: a worker's caches fill up to the end.
const FLAT: f64 = 1.05;
/// Below this, the share of a few pages is larger than [`FLAT`].
const SLACK_BYTES: u64 = 4 << 20;

/// A number that a night's run sets by the environment.
fn by_night(variable: &str, by_day: u64) -> Result<u64> {
    #[expect(clippy::disallowed_methods, reason = "a test has no Args to read its length from")]
    let asked = std::env::var(variable).ok();
    asked.map_or(Ok(by_day), |text| text.parse()).with_context(|| format!("{variable} is a number"))
}

#[test]
fn mutated_requests_harm_nobody() -> Result<()> {
    let requests = by_night("LINKLEDGER_MUTATIONS", FEW)?;
    let stage = Stage::with_links(3)?;
    let edge = Edge::start(&stage, &[])?;
    let sent = AtomicU64::new(0);
    // What a first tenth needs stays: caches, buffers, the metrics' labels.
    let warm = AtomicU64::new(0);
    let attack = |attacker: u64| -> Result<Vec<Click>> {
        let mut random = SmallRng::seed_from_u64(attacker);
        let mut clicks = Vec::new();
        loop {
            let number = sent.fetch_add(1, Ordering::Relaxed);
            if number >= requests {
                return Ok(clicks);
            }
            if number == requests / 10 {
                warm.store(edge.resident_bytes()?, Ordering::Relaxed);
            }
            let request = Mutator::new(&mut random).request();
            let reply = exchange(edge.address, &request)?;
            let told = judge::judge(&request, &reply).with_context(|| {
                format!(
                    "request {number} of seed {attacker}:\n{}\n{}",
                    request.escape_ascii(),
                    reply.escape_ascii()
                )
            })?;
            clicks.extend(told);
        }
    };
    let clicks: Vec<Click> = std::thread::scope(|scope| {
        let attackers: Vec<_> =
            (0..ATTACKERS).map(|attacker| scope.spawn(move || attack(attacker))).collect();
        let all = attackers.into_iter().map(|attacker| attacker.join().expect("an attacker ends"));
        Ok::<_, anyhow::Error>(all.collect::<Result<Vec<_>>>()?.concat())
    })?;
    let (warm, now) = (warm.into_inner(), edge.resident_bytes()?);
    println!("{requests} requests, {} clicks, {} to {} KiB", clicks.len(), warm >> 10, now >> 10);
    ensure!(now as f64 <= warm as f64 * FLAT + SLACK_BYTES as f64, "memory grew from {warm} to {now} bytes");
    ensure!(edge.metric("redirector_panics_total").is_err(), "a panic was counted");
    // An answer may be lost on the way to somebody who is still sending: then there is a record without it.
    let recorded: BTreeSet<(Lane, Seq)> = stage.places()?;
    let told: BTreeSet<(Lane, Seq)> = clicks.iter().map(|click| (click.lane, click.seq)).collect();
    ensure!(told.len() == clicks.len(), "a token was given twice");
    ensure!(told.is_subset(&recorded), "a token was given without a record");
    ensure!(!told.is_empty(), "some mutants are clicks");
    let redirected = edge.requests(|outcome| ["tracked", "filtered"].contains(&outcome))?;
    ensure!(redirected == recorded.len(), "{redirected} redirects, {} records", recorded.len());
    edge.click("demo1")?.context("and it still works")?;
    stage.until_counted(recorded.len() as u64 + 1)
}

/// Sends bytes, ends, and reads what comes until the edge ends. It may do so before it has read all.
fn exchange(address: SocketAddr, request: &[u8]) -> Result<Vec<u8>> {
    let mut socket = TcpStream::connect(address)?;
    socket.set_read_timeout(Some(SOON))?;
    let _closed_early = socket.write_all(request).and_then(|()| socket.shutdown(Shutdown::Write));
    let mut reply = Vec::new();
    match socket.read_to_end(&mut reply) {
        Err(error) if error.kind() != std::io::ErrorKind::ConnectionReset => Err(error).context("no end"),
        Ok(_) | Err(_) => Ok(reply),
    }
}
