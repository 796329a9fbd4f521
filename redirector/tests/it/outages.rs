//! What shoppers notice of an absent Redis: nothing, for links that are known.

use std::time::Duration;

use anyhow::{Result, ensure};
use common::ids::Partitions;
use common::wire::{PartitionKeys, script};

use crate::harness::{Edge, SOON, Stage, header, until};

#[test]
fn a_hung_redis_is_not_noticed_by_shoppers() -> Result<()> {
    let stage = Stage::with_links(2)?;
    let edge = Edge::start(&stage, &[])?;
    edge.click("demo1")?.expect("a token");
    stage.until_counted(1)?;
    stage.redis.freeze()?;
    let begun = runtime::clock::monotonic();
    let mut slowest = Duration::ZERO;
    for _ in 0..200 {
        let asked = runtime::clock::monotonic();
        edge.click("demo2")?.expect("a token");
        slowest = slowest.max(asked.elapsed());
        std::thread::sleep(Duration::from_millis(10));
    }
    ensure!(slowest < Duration::from_millis(500), "the slowest took {slowest:?}");
    let unknown = edge.get("/nobody", "")?;
    ensure!(unknown.starts_with("HTTP/1.1 503") && header(&unknown, "retry-after").is_some(), "{unknown}");
    ensure!(edge.metric("redirector_journal_unshipped_clicks")? > 100.0);
    ensure!(begun.elapsed() < SOON);
    stage.redis.resume()?;
    stage.until_counted(201)
}

#[test]
fn a_killed_redis_comes_back_to_exact_counts() -> Result<()> {
    let mut stage = Stage::with_links(3)?;
    let edge = Edge::start(&stage, &[])?;
    for round in 0..3 {
        for i in 0..100 {
            edge.click(&format!("demo{}", i % 3 + 1))?.expect("a token");
            if i == 50 && round < 2 {
                stage.redis.kill9()?;
            }
        }
        stage.redis.restart()?;
        stage.until_counted((round + 1) * 100)?;
    }
    Ok(())
}

#[test]
fn an_emptied_redis_is_filled_again_even_by_an_idle_edge() -> Result<()> {
    let stage = Stage::with_links(3)?;
    let edge = Edge::start(&stage, &[])?;
    for i in 0..300 {
        edge.click(&format!("demo{}", i % 3 + 1))?.expect("a token");
    }
    stage.until_counted(300)?;
    let _: () = redis::cmd("FLUSHALL").query(&mut stage.connection()?)?;
    edge.click("demo1")?.expect("links in memory are still served");
    let unknown = edge.get("/nobody", "")?;
    ensure!(unknown.starts_with("HTTP/1.1 503"), "an empty Redis says nothing about a link: {unknown}");
    stage.until_counted(301)
}

#[test]
fn after_a_reset_the_edge_goes_on_where_postgres_ends() -> Result<()> {
    let stage = Stage::with_links(1)?;
    let edge = Edge::start(&stage, &[])?;
    let clicks: Vec<_> =
        (0..30).map(|_| edge.click("demo1").map(|c| c.expect("a token"))).collect::<Result<_>>()?;
    stage.until_counted(30)?;
    // As if Postgres had the first ten records of the lane of the first click, and nothing of any other.
    let lane = clicks[0].lane;
    let mut seqs: Vec<_> = clicks.iter().filter(|c| c.lane == lane).map(|c| c.seq).collect();
    seqs.sort_unstable();
    let kept = seqs.len().min(10);
    let keys = PartitionKeys::new(clicks[0].link.partition(Partitions::STANDALONE));
    let text = redis::Script::new(script::RESET);
    let mut reset = text.prepare_invoke();
    reset.key(&keys.for_reset()[..]).arg(lane.0).arg(seqs[kept - 1].0).arg(kept);
    for other in clicks.iter().filter(|c| c.lane != lane).take(1) {
        reset.arg(other.lane.0).arg(0).arg(0);
    }
    let _: String = reset.invoke(&mut stage.connection()?)?;
    until("the rest is sent again", || Ok(stage.total()? == 30 - kept as u64))?;
    edge.click("demo1")?.expect("a token");
    until("and what follows", || Ok(stage.total()? == 31 - kept as u64))?;
    ensure!(stage.claimed()? == 31, "claims are totals: {}", stage.claimed()?);
    Ok(())
}

#[test]
fn an_edge_starts_from_its_snapshot_while_redis_is_away() -> Result<()> {
    let mut stage = Stage::with_links(2)?;
    let snapshot = stage.dir.path().join("links");
    let flags = ["--snapshot", snapshot.to_str().expect("UTF-8")];
    let edge = Edge::start(&stage, &flags)?;
    ensure!(edge.stop()?.success());
    stage.redis.kill9()?;
    let edge = Edge::start(&stage, &flags)?;
    for _ in 0..10 {
        edge.click("demo2")?.expect("a token");
    }
    ensure!(edge.get("/nobody", "")?.starts_with("HTTP/1.1 503"));
    ensure!(edge.metric("redirector_catalog_stale")? > 0.5);
    stage.redis.restart()?;
    stage.until_counted(10)?;
    drop(edge);

    std::fs::write(&snapshot, b"LLSNAP01 but nothing of it is true")?;
    let edge = Edge::start(&stage, &flags)?;
    ensure!(edge.metric("redirector_catalog_snapshot_failures_total")? > 0.5);
    edge.click("demo2")?.expect("loaded from Redis");
    Ok(())
}
