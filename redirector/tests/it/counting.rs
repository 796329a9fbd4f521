//! What is counted, and that it is counted once.

use anyhow::{Result, ensure};
use common::ids::{Lane, LinkId, Partitions};
use common::time::Millis;
use common::wire::PartitionKeys;
use redis::Commands as _;

use crate::harness::{Edge, SOON, Stage, header, link, token, until};

#[test]
fn clicks_reach_redis_and_everything_else_does_not() -> Result<()> {
    let stage = Stage::with_links(3)?;
    let edge = Edge::start(&stage, &[])?;
    for _ in 0..4 {
        edge.click("demo1")?.expect("a token");
    }
    edge.click("demo2")?.expect("a token");
    let bot = edge.get("/demo2", "User-Agent: curl/8.5.0\r\n")?;
    ensure!(token(&bot).is_some_and(|click| click.flags & 1 == 1), "{bot}");

    let head = edge.talk(b"HEAD /demo1 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")?;
    ensure!(head.starts_with("HTTP/1.1 302") && token(&head).is_none(), "{head}");
    let guess = edge.get("/demo1", "Sec-Purpose: prefetch;prerender\r\n")?;
    ensure!(
        guess.starts_with("HTTP/1.1 503") && header(&guess, "cache-control") == Some("no-store"),
        "{guess}"
    );
    ensure!(edge.get("/nobody", "")?.starts_with("HTTP/1.1 404"));

    stage.until_counted(6)?;
    let counted: Vec<_> = stage.counted()?.into_iter().collect();
    ensure!(counted == [(1, (4, 0)), (2, (1, 1))], "{counted:?}");
    let day = Millis(runtime::clock::now_ms()).day();
    let keys = PartitionKeys::new(LinkId(1).partition(Partitions::STANDALONE));
    let visitors: u64 = stage.connection()?.pfcount(keys.sketch(LinkId(1), day))?;
    ensure!(visitors == 1, "one browser at one address: {visitors}");
    for (outcome, n) in
        [("tracked", 5.0), ("filtered", 1.0), ("head", 1.0), ("prefetch", 1.0), ("unknown", 1.0)]
    {
        let shown = edge.metric(&format!("redirector_requests_total{{outcome=\"{outcome}\"}}"))?;
        ensure!((shown - n).abs() < 0.5, "{outcome}: {shown}");
    }
    until("the books agree", || {
        Ok(edge.metric("redirector_claimed_clicks")? >= 6.0
            && edge.metric("redirector_journal_unshipped_clicks")? < 0.5)
    })
}

#[test]
fn a_token_names_its_record() -> Result<()> {
    let stage = Stage::with_links(1)?;
    let edge = Edge::start(&stage, &["--edge-id", "7"])?;
    let click = edge.click("demo1")?.expect("a token");
    ensure!(click.lane.edge() == 7 && click.link == LinkId(1));
    let record = stage.records()?.pop().expect("a record");
    ensure!((record.seq, record.at_us / 1000) == (click.seq, click.ts_ms));
    ensure!(record.visitor & common::token::VISITOR_MAX == click.visitor);
    Ok(())
}

#[test]
fn sub_ids_and_macros_are_filled_in() -> Result<()> {
    let stage = Stage::with_links(1)?;
    let mut entry = link(2);
    entry.link.as_mut().expect("a link").destination =
        "https://shop.example.com/{link_code}/{vendor_id}?a={affiliate_id}&s={sub1}&d={device}&b={browser}&o={os}#top".into();
    stage.publish(&entry)?;
    let edge = Edge::start(&stage, &[])?;
    let reply = edge.get("/demo2?sub1=%0d%0aSet-Cookie:x&aff_sub2=b%20c&url=https://evil.example.com", "")?;
    let location = header(&reply, "location").expect("a redirect");
    let clean = location.replace(location.split("clk=").nth(1).expect("a token").get(..64).expect("64"), "T");
    ensure!(
        clean
            == "https://shop.example.com/demo2/2?a=5&s=%0D%0ASet-Cookie%3Ax&d=desktop&b=chrome&o=linux&clk=T&sub2=b%20c#top",
        "{clean}"
    );
    ensure!(header(&reply, "set-cookie").is_none());
    for (name, value) in [
        ("referrer-policy", "no-referrer-when-downgrade"),
        ("x-robots-tag", "noindex, nofollow"),
        ("content-length", "0"),
    ] {
        ensure!(header(&reply, name) == Some(value), "{name} in {reply}");
    }
    Ok(())
}

#[test]
fn kills_lose_and_double_nothing() -> Result<()> {
    let stage = Stage::with_links(5)?;
    let mut accepted = Vec::new();
    for _ in 0..5 {
        let edge = Edge::start(&stage, &["--ship-interval-ms", "5"])?;
        for i in 0..200 {
            accepted.push(edge.click(&format!("demo{}", i % 5 + 1))?.expect("a token"));
        }
        edge.kill9()?;
    }
    let edge = Edge::start(&stage, &[])?;
    stage.until_counted(1_000)?;
    let records = stage.records()?;
    ensure!(records.len() == 1_000, "{} records for 1000 clicks", records.len());
    for click in accepted {
        ensure!(
            records.iter().any(|r| r.seq == click.seq && r.link == click.link),
            "{click:?} is not in the journal"
        );
    }
    ensure!(edge.stop()?.success());
    Ok(())
}

#[test]
fn a_second_edge_ships_what_a_dead_one_left() -> Result<()> {
    let stage = Stage::with_links(1)?;
    // It ships so seldom that it dies before.
    let first = Edge::start(&stage, &["--ship-interval-ms", "1000"])?;
    let second = Edge::start(&stage, &[])?;
    for _ in 0..20 {
        first.click("demo1")?.expect("a token");
    }
    first.kill9()?;
    let own = second.click("demo1")?.expect("a token");
    ensure!(own.lane.slot() >= 2, "{:?}", own.lane);
    stage.until_counted(21)
}

#[test]
fn a_stop_ships_what_is_left_and_saves_the_links() -> Result<()> {
    let stage = Stage::with_links(1)?;
    let snapshot = stage.dir.path().join("links");
    let edge = Edge::start(
        &stage,
        &["--ship-interval-ms", "1000", "--snapshot", snapshot.to_str().expect("UTF-8")],
    )?;
    for _ in 0..20 {
        edge.click("demo1")?.expect("a token");
    }
    let begun = runtime::clock::monotonic();
    ensure!(edge.stop()?.success());
    ensure!(begun.elapsed() < SOON);
    ensure!(stage.total()? == 20, "{} of 20", stage.total()?);
    ensure!(snapshot.exists());
    Ok(())
}

#[test]
fn with_ack_fsync_every_token_is_on_disk() -> Result<()> {
    let stage = Stage::with_links(1)?;
    let edge = Edge::start(&stage, &["--ack", "fsync", "--sync-interval-ms", "10000"])?;
    let begun = runtime::clock::monotonic();
    for _ in 0..20 {
        edge.click("demo1")?.expect("a token");
    }
    ensure!(begun.elapsed() < SOON, "nobody waited for the interval");
    stage.until_counted(20)
}

#[test]
fn lanes_of_the_edge_are_its_own() -> Result<()> {
    let stage = Stage::with_links(1)?;
    let edge = Edge::start(&stage, &["--edge-id", "9"])?;
    let click = edge.click("demo1")?.expect("a token");
    let lane = Lane::new(9, click.lane.slot()).expect("a lane");
    ensure!(stage.journal().join(format!("9/lane-{:02}", lane.slot())).is_dir());
    Ok(())
}
