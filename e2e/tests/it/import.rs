//! A machine is gone, its disk is not: its journal is imported.

use std::path::Path;
use std::process::{Command, Output, Stdio};

use anyhow::{Context as _, Result, ensure};
use rustix::process::Signal;

use crate::edge::Edge;
use crate::house::{House, SOON, binary, until};

/// Clicks before and after Redis hangs: more than one call of every partition would not be more telling.
const CLICKS: u64 = 40;

fn import(house: &House, journal: &Path) -> Result<Output> {
    let mut command = Command::new(binary("aggregator"));
    command.arg("import-journal").arg(journal);
    command.env("DATABASE_URL", &house.database_url).env("REDIS_URL", &house.redis_url);
    command.stdin(Stdio::null()).output().context("aggregator import-journal")
}

fn imported(house: &House, journal: &Path) -> Result<String> {
    let output = import(house, journal)?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8(output.stdout)?.trim().to_owned())
}

fn refused(house: &House, journal: &Path, because: &str) -> Result<()> {
    let output = import(house, journal)?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.code() == Some(1) && said.contains(because), "{:?}: {said}", output.status);
    Ok(())
}

fn counted(house: &House, code: &str) -> Result<u64> {
    house.report(code)?["human_clicks"].as_u64().context("a number")
}

#[tokio::test]
async fn a_dead_machines_journal_is_counted_once_however_often_it_is_imported() -> Result<()> {
    let house = House::open()?;
    house.programme(&["gone0000".to_owned()]).await?;
    let folder = tempfile::tempdir()?;
    let mut edge = Edge::start(&house, 7, &folder.path().join("journal"))?;
    let click = |edge: &Edge| -> Result<()> {
        for _ in 0..CLICKS {
            ensure!(edge.click("/gone0000")?.token().is_some(), "an accepted click");
        }
        Ok(())
    };
    until("the other edge knows the link", SOON, || Ok(edge.click("/gone0000")?.token().is_some()))?;
    click(&edge)?;
    until("what was shipped is counted", SOON, || Ok(counted(&house, "gone0000")? == CLICKS + 1))?;
    refused(&house, &edge.journal, "held by a running redirector")?;

    // The last clicks stay in the journal; the process dies, and the disk is carried to another machine.
    house.signal("redis", Signal::STOP)?;
    click(&edge)?;
    edge.kill()?;
    house.signal("redis", Signal::CONT)?;
    let rescued = folder.path().join("rescued");
    std::fs::rename(&edge.journal, &rescued)?;

    // What was on its way to Redis when the process died may have arrived: how many were lacking is not known.
    let (all, first) = (2 * CLICKS + 1, imported(&house, &rescued)?);
    ensure!(first.starts_with(&format!("{all} clicks in 2 lanes are counted; ")), "it said {first:?}");
    ensure!(counted(&house, "gone0000")? == all, "{:?}", house.report("gone0000")?);
    let second = imported(&house, &rescued)?;
    ensure!(second == format!("{all} clicks in 2 lanes are counted; 0 were not before"), "{second:?}");

    // Also when Redis has forgotten everything, and when the flush of the house works beside it.
    let mut redis = redis::Client::open(house.redis_url.as_str())?.get_connection()?;
    redis::cmd("FLUSHALL").exec(&mut redis)?;
    ensure!(imported(&house, &rescued)? == second, "an emptied Redis changes nothing");
    ensure!(counted(&house, "gone0000")? == all, "counted once: {:?}", house.report("gone0000")?);
    refused(&house, folder.path(), "no lane below")?;
    house.audit()
}

#[tokio::test]
async fn a_journal_whose_lane_was_used_again_is_refused() -> Result<()> {
    let house = House::open()?;
    house.programme(&["lost0000".to_owned()]).await?;
    let folder = tempfile::tempdir()?;
    let mut edge = Edge::start(&house, 8, &folder.path().join("first"))?;
    until("the other edge knows the link", SOON, || Ok(edge.click("/lost0000")?.token().is_some()))?;
    until("the first click is counted", SOON, || Ok(counted(&house, "lost0000")? >= 1))?;
    house.signal("redis", Signal::STOP)?;
    for _ in 0..CLICKS {
        edge.click("/lost0000")?;
    }
    edge.kill()?;
    house.signal("redis", Signal::CONT)?;

    // Against the rules: the same number with an empty journal. What it counts hides what the first one held.
    let mut again = Edge::start(&house, 8, &folder.path().join("second"))?;
    let before = counted(&house, "lost0000")?;
    for _ in 0..4 {
        again.click("/lost0000")?;
    }
    until("the second one's clicks are counted", SOON, || Ok(counted(&house, "lost0000")? >= before + 4))?;
    again.kill()?;
    refused(&house, &edge.journal, "another journal of this lane")
}
