//! An edge whose clock is wrong, and is set right while it works: an hour ahead, right, an hour behind. Counts are exact;
//! only the hour a click is booked in may be off by as much as the clock was.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use common::ids::Lane;
use common::token;
use redirector::journal::read_dir;

use crate::edge::{Edge, redirector};
use crate::house::{House, SOON, until};

const CLICKS: u64 = 30;
const HOUR_MS: u64 = 3_600_000;
/// A busy machine takes its time, a wrong clock is off by an hour.
const SLACK_MS: u64 = 300_000;

/// Debian's libfaketime, which tells a process another time. `script/install test` installs it.
fn libfaketime() -> Option<PathBuf> {
    let places = ["/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu", "/usr/lib"];
    let found =
        places.iter().map(|place| Path::new(place).join("faketime/libfaketime.so.1")).find(|p| p.exists());
    if found.is_none() {
        eprintln!("libfaketime is missing, so wrong clocks are not tested: apt-get install faketime");
    }
    found
}

/// Clicks and returns the time that the last token states.
fn click(edge: &Edge) -> Result<u64> {
    let mut at = 0;
    for _ in 0..CLICKS {
        let reply = edge.click("/clock000")?;
        let token = reply.token().with_context(|| format!("answered {}", reply.status))?;
        at = token::decode_unverified(token.as_bytes()).context("decodes")?.ts_ms;
    }
    Ok(at)
}

#[tokio::test]
async fn a_clock_that_is_an_hour_off_and_is_set_changes_no_count() -> Result<()> {
    let Some(libfaketime) = libfaketime() else { return Ok(()) };
    let house = House::open()?;
    house.programme(&["clock000".to_owned()]).await?;
    let folder = tempfile::tempdir()?;
    let offset = folder.path().join("offset");
    std::fs::write(&offset, "+1h\n")?;
    let mut command = redirector();
    command
        .env("LD_PRELOAD", libfaketime)
        .env("FAKETIME_TIMESTAMP_FILE", &offset)
        .env("FAKETIME_NO_CACHE", "1")
        // Time that is measured goes on as it does; only what the clock on the wall says is wrong.
        .env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
    let edge = Edge::start_by(command, &house, 5, &folder.path().join("journal"))?;
    until("the other edge knows the link", SOON, || Ok(edge.click("/clock000?first")?.token().is_some()))?;
    let now = runtime::clock::now_ms();
    let is_near = |at: u64, expect: u64| at.abs_diff(expect) < SLACK_MS;

    let ahead = click(&edge)?;
    ensure!(is_near(ahead, now + HOUR_MS), "an hour ahead: {ahead}, and it is {now}");
    // Set back: the lane's time stands still until the clock has come so far again, so that it never goes back.
    std::fs::write(&offset, "+0\n")?;
    let right = click(&edge)?;
    ensure!(right >= now, "{right}");
    std::fs::write(&offset, "-1h\n")?;
    click(&edge)?;

    let clicks = 3 * CLICKS + 1;
    // Of all days: an hour from now it may be tomorrow.
    let mut conn = house.database().await?;
    let mut counted = 0;
    let began = runtime::clock::monotonic();
    while counted != clicks {
        ensure!(began.elapsed() < SOON, "{counted} of {clicks} are counted");
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        let (sum,): (i64,) =
            sqlx::query_as("select coalesce(sum(human_clicks), 0)::bigint from click_hourly")
                .fetch_one(&mut conn)
                .await?;
        counted = sum.cast_unsigned();
    }
    let mut lanes: Vec<(Lane, u64)> = Vec::new();
    read_dir(&edge.journal, |lane, record| lanes.push((lane, record.at_us)))?;
    ensure!(lanes.len() as u64 == clicks, "{} records", lanes.len());
    ensure!(lanes.is_sorted(), "a lane's time went back");
    let difference = house.metric("aggregator", "aggregator_conservation_difference_clicks")?;
    ensure!(difference.abs() < 0.5, "the books differ by {difference} clicks");
    house.audit()
}
