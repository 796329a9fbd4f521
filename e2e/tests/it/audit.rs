//! The audit itself: it passes on honest books, and names every kind of dishonest ones.

use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use sqlx::PgConnection;

use crate::house::{House, binary};

const LINKS: usize = 20;
const CLICKS: u64 = 1_000;

/// Runs `loadtest` and returns its one line.
fn loadtest(arguments: &[&str]) -> Result<Value> {
    let output = Command::new(binary("loadtest"))
        .args(arguments)
        .stdin(Stdio::null())
        .env_remove("DATABASE_URL")
        .output()
        .context("loadtest")?;
    let said = String::from_utf8_lossy(&output.stderr);
    let report: Value = serde_json::from_slice(&output.stdout).with_context(|| format!("it said: {said}"))?;
    ensure!(output.status.success() == (report["passed"] == true), "{}: {report}", output.status);
    Ok(report)
}

fn audit(house: &House, log: &Path, more: &[&str]) -> Result<Value> {
    let log = log.to_str().context("UTF-8")?;
    loadtest(&[&["verify", "--log", log, "--database-url", &house.database_url], more].concat())
}

async fn tamper(postgres: &mut PgConnection, statement: &'static str) -> Result<()> {
    let done = sqlx::query(statement).execute(postgres).await?;
    ensure!(done.rows_affected() == 1, "{statement} changed {} rows", done.rows_affected());
    Ok(())
}

#[tokio::test]
async fn honest_books_pass_and_every_dishonest_line_is_named() -> Result<()> {
    let house = House::open()?;
    let codes: Vec<String> = (0..LINKS).map(|n| format!("b{n:08}")).collect();
    house.programme(&codes).await?;
    let log = house.data().join("responses.log");
    let target = format!("http://{}", house.redirector()?);
    let (links, path) = (LINKS.to_string(), log.to_str().context("UTF-8")?);
    let drive = loadtest(&[
        "drive",
        "--target",
        &target,
        "--links",
        &links,
        "--rate",
        "500",
        "--seconds",
        "2",
        "--log",
        path,
    ])?;
    ensure!(drive["passed"] == true && drive["requests"] == CLICKS, "{drive}");

    let journal = house.data().join("journal");
    let exactly = ["--journal", journal.to_str().context("UTF-8")?, "--complete"];
    let honest = audit(&house, &log, &exactly)?;
    ensure!(honest["passed"] == true && honest["surplus"] == 0, "{honest}");
    ensure!(honest["accepted"] == drive["accepted"] && honest["counted"] == drive["accepted"], "{honest}");
    let without_journal = audit(&house, &log, &[])?;
    ensure!(without_journal["passed"] == true && without_journal["doubled"].is_null(), "{without_journal}");

    house.audit()?;

    let mut postgres = house.database().await?;
    // One click too many, three too few elsewhere: neither may hide the other.
    tamper(&mut postgres, "update click_hourly set human_clicks = human_clicks + 1 where (link_id, hour) = (select link_id, hour from click_hourly order by 1 desc, 2 limit 1)").await?;
    tamper(&mut postgres, "update click_hourly set human_clicks = human_clicks - 3 where (link_id, hour) = (select link_id, hour from click_hourly order by human_clicks desc, 1, 2 limit 1)").await?;
    tamper(&mut postgres, "update click_daily_platform set human_clicks = human_clicks + 1 where ctid = (select min(ctid) from click_daily_platform)").await?;
    tamper(
        &mut postgres,
        "update visit_daily set estimate = estimate + 1 where ctid = (select min(ctid) from visit_daily)",
    )
    .await?;
    tamper(
        &mut postgres,
        "update flush_watermark set claim = claim + 1 where ctid = (select min(ctid) from flush_watermark)",
    )
    .await?;
    let tampered = audit(&house, &log, &exactly)?;
    for (finding, expected) in [
        ("lost", 3),
        ("doubled", 1),
        ("breakdown_mismatches", 1),
        ("sketch_mismatches", 1),
        ("watermark_mismatches", 1),
    ] {
        ensure!(tampered[finding] == expected, "{finding} is {}: {tampered}", tampered[finding]);
    }
    ensure!(tampered["passed"] == false, "{tampered}");
    let loss = audit(&house, &log, &[])?;
    ensure!(loss["passed"] == false && loss["lost"] == 3, "{loss}");
    ensure!(house.audit().is_err(), "the standing audit finds nothing wrong with dishonest books");
    Ok(())
}
