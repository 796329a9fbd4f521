//! How links come to the edge, change, and go.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use common::link::Entry;
use common::time::Millis;
use common::wire::LINKS_LOG;
use redis::Commands as _;

use crate::harness::{Edge, Stage, header, link, until};

fn leads_to(edge: &Edge, code: &str) -> Result<String> {
    let reply = edge.get(&format!("/{code}"), "")?;
    let location =
        header(&reply, "location").map(|l| l.split(['?', '#']).next().unwrap_or_default().to_owned());
    Ok(location.unwrap_or_else(|| reply[9..12].to_owned()))
}

#[test]
fn changes_arrive_within_a_second() -> Result<()> {
    let stage = Stage::with_links(1)?;
    let edge = Edge::start(&stage, &[])?;
    let mut entry = link(1);
    for version in 2..12 {
        entry.version = version;
        entry.link.as_mut().context("a link")?.destination = format!("https://shop.example.com/v{version}");
        let told = runtime::clock::monotonic();
        stage.publish(&entry)?;
        until("the change is served", || {
            Ok(leads_to(&edge, "demo1")? == format!("https://shop.example.com/v{version}"))
        })?;
        ensure!(told.elapsed() < Duration::from_secs(1), "{:?}", told.elapsed());
    }
    stage.publish(&Entry { version: 12, link: None, ..entry.clone() })?;
    until("a deleted link is gone", || Ok(leads_to(&edge, "demo1")? == "404"))?;
    stage.publish(&entry)?;
    std::thread::sleep(Duration::from_millis(100));
    ensure!(leads_to(&edge, "demo1")? == "404", "an older version never comes back");
    Ok(())
}

#[test]
fn ended_links_lead_to_the_fallback_or_to_a_page() -> Result<()> {
    let stage = Stage::with_links(0)?;
    let change = |n: u64, edit: &dyn Fn(&mut common::link::Published)| {
        let mut entry = link(n);
        entry.link.as_mut().into_iter().for_each(edit);
        stage.publish(&entry)
    };
    change(1, &|link| link.is_active = false)?;
    change(2, &|link| link.expires = Some(Millis(1)))?;
    change(3, &|link| {
        link.is_active = false;
        link.fallback = Some("https://shop.example.com/home".into());
    })?;
    change(4, &|link| link.destination = "javascript:alert(1)".into())?;
    change(5, &|link| link.expires = Some(Millis(runtime::clock::now_ms() + 3_600_000)))?;
    stage.generation("g1")?;
    let edge = Edge::start(&stage, &[])?;
    for (n, expect) in [
        (1, "410"),
        (2, "410"),
        (3, "https://shop.example.com/home"),
        (4, "410"),
        (5, "https://shop.example.com/5"),
    ] {
        ensure!(leads_to(&edge, &format!("demo{n}"))? == expect, "demo{n}");
    }
    ensure!(stage.records()?.len() == 1, "only a link that is active is tracked");
    ensure!(edge.metric("redirector_catalog_unfollowable_links")? > 0.5);
    Ok(())
}

#[test]
fn a_link_nobody_announced_is_found_when_asked_for() -> Result<()> {
    let stage = Stage::with_links(1)?;
    let edge = Edge::start(&stage, &[])?;
    ensure!(leads_to(&edge, "demo9")? == "404");
    stage.put(&link(9))?;
    until("the short memory of unknown codes is over", || {
        Ok(leads_to(&edge, "demo9")? == "https://shop.example.com/9")
    })
}

#[test]
fn a_new_generation_is_loaded_and_what_it_lacks_is_forgotten() -> Result<()> {
    let stage = Stage::with_links(50)?;
    let edge = Edge::start(&stage, &[])?;
    ensure!(leads_to(&edge, "demo50")? == "https://shop.example.com/50");
    let mut connection = stage.connection()?;
    let _: () = connection.del("l:demo50")?;
    stage.put(&Entry { version: 2, ..link(51) })?;
    stage.generation("g2")?;
    until("demo51 is there", || {
        Ok(edge.metric("redirector_catalog_links")? > 49.5 && leads_to(&edge, "demo51")? != "404")
    })?;
    until("demo50 is gone", || Ok(leads_to(&edge, "demo50")? == "404"))
}

#[test]
fn forgotten_changes_are_made_up_for() -> Result<()> {
    let mut stage = Stage::with_links(3)?;
    let edge = Edge::start(&stage, &[])?;
    let loads = edge.metric("redirector_catalog_loads_total")?;
    // While the edge cannot listen, a link changes and the change is trimmed away.
    stage.redis.freeze()?;
    stage.redis.resume()?;
    stage.redis.kill9()?;
    stage.redis.restart()?;
    let mut entry = link(2);
    entry.version = 2;
    entry.link.as_mut().context("a link")?.destination = "https://shop.example.com/new".into();
    let mut connection = stage.connection()?;
    let mut pipeline = redis::pipe();
    let json = serde_json::to_string(&entry)?;
    pipeline.atomic().set("l:demo2", &json).ignore();
    pipeline.xadd(LINKS_LOG, "*", &[("e", &json)]).ignore();
    pipeline.cmd("XTRIM").arg(LINKS_LOG).arg("MAXLEN").arg(0).ignore();
    let _: () = pipeline.query(&mut connection)?;
    until("the change is served", || Ok(leads_to(&edge, "demo2")? == "https://shop.example.com/new"))?;
    until("everything was loaded", || Ok(edge.metric("redirector_catalog_loads_total")? > loads))
}

#[test]
fn beyond_its_memory_the_catalog_is_a_cache() -> Result<()> {
    let stage = Stage::with_links(0)?;
    let mut pipeline = redis::pipe();
    for i in 1..=8_000 {
        pipeline.set(format!("l:demo{i}"), serde_json::to_string(&link(i))?).ignore();
    }
    let _: () = pipeline.query(&mut stage.connection()?)?;
    let edge = Edge::start(&stage, &["--catalog-memory", "1048576"])?;
    let links = edge.metric("redirector_catalog_links")?;
    ensure!((1_000.0..7_999.0).contains(&links), "{links} links in a MiB");
    for i in (1..=8_000).step_by(40) {
        ensure!(leads_to(&edge, &format!("demo{i}"))? == format!("https://shop.example.com/{i}"));
    }
    ensure!(edge.metric("redirector_catalog_evicted_links_total")? > 0.5);
    ensure!(edge.metric("redirector_catalog_bytes")? <= 1_048_576.0);
    Ok(())
}

#[test]
fn an_edge_is_ready_only_when_links_are_there() -> Result<()> {
    let stage = Stage::new()?;
    let edge = Edge::launch(&stage, &[])?;
    std::thread::sleep(Duration::from_millis(700));
    let page = edge.admin("/readyz")?;
    ensure!(page.starts_with("HTTP/1.1 503") && page.contains("catalog: Redis holds no links yet"), "{page}");
    stage.publish(&link(1))?;
    stage.generation("g1")?;
    until("it is ready", || Ok(edge.admin("/readyz")?.starts_with("HTTP/1.1 200")))?;
    ensure!(leads_to(&edge, "demo1")? == "https://shop.example.com/1");
    Ok(())
}
