//! What shoppers notice of an absent Redis: nothing, for links that are known.

use std::time::Duration;

use anyhow::{Result, ensure};
use common::ids::Partitions;
use common::link::Entry;
use common::wire::{LINKS_GENERATION, PartitionKeys, script};
use redis::Commands as _;

use crate::harness::{Edge, SOON, Stage, header, link, until};

/// How often an edge looks whether Redis was filled anew.
const LOOKS_EVERY: Duration = Duration::from_millis(500);

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
fn links_that_a_server_lost_are_kept_until_it_is_whole_again() -> Result<()> {
    let stage = Stage::with_links(50)?;
    let edge = Edge::start(&stage, &[])?;
    let loads = edge.metric("redirector_catalog_loads_total")?;
    let mut redis = stage.connection()?;
    // As in a cluster of which one server was emptied: the generation is another's, the marker went with the links.
    let _: () = redis.del("l:demo50")?;
    let _: () = redis.set(LINKS_GENERATION, "g2")?;
    std::thread::sleep(3 * LOOKS_EVERY);
    edge.click("demo50")?.expect("a link in memory is served");
    ensure!(edge.metric("redirector_catalog_loads_total")? <= loads, "nothing was loaded");
    stage.publish(&link(51))?;
    until("changes are heard of", || Ok(edge.click("demo51")?.is_some()))?;
    stage.generation("g2")?;
    until("what is gone is forgotten", || Ok(edge.get("/demo50", "")?.starts_with("HTTP/1.1 404")))
}

#[test]
fn a_redis_that_is_emptied_under_the_walk_takes_no_link_from_memory() -> Result<()> {
    const LINKS: u64 = 2_000;
    let stage = Stage::new()?;
    let mut fill = redis::pipe();
    for n in 1..=LINKS {
        fill.set(format!("l:demo{n}"), serde_json::to_string(&link(n))?).ignore();
    }
    let mut redis = stage.connection()?;
    let _: () = fill.query(&mut redis)?;
    stage.generation("first")?;
    let edge = Edge::start(&stage, &[])?;
    // Each time a little later after the walk has begun.
    for round in 0..40 {
        let _: () = fill.query(&mut redis)?;
        stage.generation(&format!("round {round}"))?;
        stage.publish(&Entry { version: 2 + round, ..link(1) })?;
        std::thread::sleep(Duration::from_millis(round / 2));
        let _: () = redis::cmd("FLUSHALL").query(&mut redis)?;
        std::thread::sleep(Duration::from_millis(40));
        let links = edge.metric("redirector_catalog_links")?;
        ensure!((links - LINKS as f64).abs() < 0.5, "{links} links in memory after round {round}");
    }
    edge.click("demo2000")?.expect("a token");
    Ok(())
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
