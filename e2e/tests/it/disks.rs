//! Redis's disk is full: it refuses to count, the journals keep, and nothing is lost or doubled when there is room again.

use std::io::Write as _;

use anyhow::{Context as _, Result, ensure};

use crate::house::{House, SOON, until};

/// Room for an empty Redis and its log of some hundred clicks.
const DISK: &str = "8m";
const CLICKS: u64 = 60;

#[tokio::test]
async fn a_full_disk_of_redis_costs_no_click_and_no_redirect() -> Result<()> {
    let Some(house) = House::open_with_small_redis_disk(DISK)? else { return Ok(()) };
    house.programme(&["full0000".to_owned()]).await?;
    let click = |n: u64| -> Result<()> {
        for _ in 0..n {
            let reply = house.click("/full0000")?;
            ensure!(reply.status == 302 && reply.token().is_some(), "answered {}", reply.status);
        }
        Ok(())
    };
    let counted = || house.report("full0000")?["human_clicks"].as_u64().context("a number");
    click(CLICKS)?;
    until("the first clicks are counted", SOON, || Ok(counted()? == CLICKS))?;

    let ballast = house.inside("redis/ballast");
    let mut file = std::fs::File::create(&ballast)?;
    let full = (0..).find_map(|_| file.write_all(&[0; 4096]).err()).context("the disk is never full")?;
    ensure!(full.kind() == std::io::ErrorKind::StorageFull, "{full}");
    click(CLICKS)?;
    let mut redis = redis::Client::open(house.redis_url.as_str())?.get_connection()?;
    until("Redis refuses to write", SOON, || {
        let refused = redis::cmd("SET").arg("probe").arg(1).exec(&mut redis);
        Ok(refused.is_err_and(|error| error.code() == Some("MISCONF")))
    })?;
    click(CLICKS)?;
    until("the edge says that clicks wait", SOON, || {
        Ok(house.metric("redirector", "redirector_journal_unshipped_clicks")? >= CLICKS as f64)
    })?;
    ensure!(counted()? < 3 * CLICKS, "nothing was counted that Redis did not take");

    drop(file);
    std::fs::remove_file(&ballast)?;
    until("every click is counted", SOON, || Ok(counted()? == 3 * CLICKS))?;
    let difference = house.metric("aggregator", "aggregator_conservation_difference_clicks")?;
    ensure!(difference.abs() < 0.5, "the books differ by {difference} clicks");
    house.audit()
}
