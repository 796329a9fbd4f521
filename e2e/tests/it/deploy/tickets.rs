//! What waits for the morning is caused for real as well, and so are the pages that come with it.

use std::net::TcpStream;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use common::ids::{LinkId, Partition, Partitions, VendorId};
use common::link::{Entry, Published};
use common::wire::{LINKS_LOG, PartitionKeys};
use redis::Commands as _;
use sqlx::Connection as _;

use super::alarms::{Hung, alarms, is_firing, watch};
use super::prometheus::Prometheus;
use crate::edge::{Edge, redirector};
use crate::house::{House, SOON, get, until};

/// What one client may have open at an edge.
const PER_CLIENT: usize = 200;
/// Links that a catalog of a MiB has no room for.
const MANY: u64 = 8_000;
/// Codes that nobody has, asked for while Redis is away.
const UNKNOWN: usize = 60;
/// Redis adds up a bucket of at most so many counters.
const LARGEST_SUM: usize = 20_000;
/// `PublishRebuilds` counts how often this happens in an hour.
const EMPTIED: usize = 4;
/// How often something is done that once might not show, and long enough between for two looks: `rate` needs a beginning.
const ROUNDS: usize = 4;
const SCRAPED: Duration = Duration::from_millis(1_500);
/// Requests to a console whose Postgres hangs.
const FAILURES: usize = 4;

#[tokio::test]
async fn what_waits_for_the_morning_is_told_when_it_happens() -> Result<()> {
    let house = House::open()?;
    house.programme(&["ticket00".to_owned()]).await?;
    let folder = tempfile::tempdir()?;
    let mut command = redirector();
    command.env("REDIRECTOR_CATALOG_MEMORY", "1048576");
    let edge = Edge::start_by(command, &house, 5, &folder.path().join("journal"))?;
    let Some(prometheus) = watch(&house, &edge, folder.path())? else { return Ok(()) };
    let mut redis = redis::Client::open(house.redis_url.as_str())?.get_connection()?;

    let tells = |alerts: &[&str], cause: &mut dyn FnMut() -> Result<()>| tells(&prometheus, alerts, cause);

    tells(&["EdgeCatalogBad"], &mut || publish_nonsense(&mut redis))?;
    tells(&["EdgeCatalogFull"], &mut || publish_too_much(&mut redis))?;
    tells(&["EdgeTurnsAway"], &mut || crowd(&edge, &prometheus))?;
    tells(&["FlushForeignFields"], &mut || count_what_nobody_knows(&house, &mut redis))?;
    let mut postgres = house.database().await?;
    let mut locked = postgres.begin().await?;
    sqlx::query("lock table flush_partition in share mode").execute(&mut *locked).await?;
    tells(&["ClicksNotCompared"], &mut || count_too_much_to_add_up(&mut redis))?;
    locked.rollback().await?;
    tells(&["EdgeRedisSettings", "RedisSettings"], &mut || forget_too_early(&mut redis))?;
    tells(&["PublishRebuilds"], &mut || empty_again_and_again(&house, &mut redis))?;

    let hung = Hung::stop(house.pid("redis")?)?;
    tells(&["EdgeUnavailable"], &mut || ask_for_unknown_codes(&edge))?;
    // Perhaps already of the connections that were cut above.
    alarms(&prometheus, "AggregatorErrors")?;
    drop(hung);

    let hung = Hung::stop(house.pid("postgres")?)?;
    tells(&["ConsoleErrors"], &mut || {
        (0..FAILURES).try_for_each(|_| house.console("/join?token=made-up").map(drop))
    })?;
    drop(hung);
    Ok(())
}

/// Nobody is told until it happens.
fn tells(prometheus: &Prometheus, alerts: &[&str], cause: &mut dyn FnMut() -> Result<()>) -> Result<()> {
    for alert in alerts {
        ensure!(!is_firing(prometheus, alert)?, "{alert} is told before it happens");
    }
    cause()?;
    alerts.iter().try_for_each(|alert| alarms(prometheus, alert))
}

/// A change that is no link.
fn publish_nonsense(redis: &mut redis::Connection) -> Result<()> {
    redis::cmd("XADD").arg(LINKS_LOG).arg("*").arg("e").arg("no link").exec(redis).context("cannot publish")
}

/// More links than the edge has room for.
fn publish_too_much(redis: &mut redis::Connection) -> Result<()> {
    let mut links = redis::pipe();
    for number in 1..=MANY {
        let link = Published {
            link: LinkId(1_000_000 + number),
            vendor: VendorId(1),
            affiliate: 1,
            product: 0,
            destination: format!("https://shop.example.com/{number}"),
            fallback: None,
            is_active: true,
            expires: None,
        };
        let entry = Entry { code: format!("many{number}"), version: 1, link: Some(link) };
        links.cmd("XADD").arg(LINKS_LOG).arg("*").arg("e").arg(serde_json::to_string(&entry)?).ignore();
    }
    links.exec(redis).context("cannot publish")
}

/// One client holds all that it may have, and knocks on; again each time, as the silent are sent away. `rate` counts from what it
/// saw first, however late that was.
fn crowd(edge: &Edge, prometheus: &Prometheus) -> Result<()> {
    let knock = || Ok(TcpStream::connect(edge.listen)?);
    let seen = || Ok(!prometheus.ask("redirector_turned_away_connections_total > 0")?.is_empty());
    for _ in 0..ROUNDS {
        let _held: Vec<TcpStream> = (0..PER_CLIENT).map(|_| knock()).collect::<Result<_>>()?;
        (0..PER_CLIENT).try_for_each(|_| knock().map(drop))?;
        until("some are seen to be turned away", SOON, seen)?;
        std::thread::sleep(SCRAPED);
    }
    Ok(())
}

/// A Redis that would drop counts when it is full. Edges look when they connect.
fn forget_too_early(redis: &mut redis::Connection) -> Result<()> {
    redis::cmd("CONFIG").arg("SET").arg("maxmemory-policy").arg("allkeys-lru").exec(redis)?;
    redis::cmd("CLIENT").arg("KILL").arg("TYPE").arg("normal").arg("SKIPME").arg("yes").exec(redis)?;
    Ok(())
}

/// A count of a kind that is not ours, in every partition, and a click that has one of them flushed. Several times: a bucket
/// that is set back to the watermark loses it again.
fn count_what_nobody_knows(house: &House, redis: &mut redis::Connection) -> Result<()> {
    for _ in 0..ROUNDS {
        for partition in Partitions::STANDALONE.iter() {
            let _: u64 = redis.hset(PartitionKeys::new(partition).counts, "nobody's", 1)?;
        }
        house.click("/ticket00")?;
        std::thread::sleep(SCRAPED);
    }
    Ok(())
}

/// A bucket that waits for Postgres, larger than what Redis adds up in one go.
fn count_too_much_to_add_up(redis: &mut redis::Connection) -> Result<()> {
    let mut counts = redis::pipe();
    for number in 0..=LARGEST_SUM {
        counts.hset(PartitionKeys::new(Partition(0)).counts, format!("nobody's {number}"), 1).ignore();
    }
    counts.exec(redis).context("cannot count")
}

fn empty_again_and_again(house: &House, redis: &mut redis::Connection) -> Result<()> {
    let rebuilds = || house.metric("aggregator", "aggregator_publish_rebuilds_total");
    for _ in 0..EMPTIED {
        let before = rebuilds()?;
        redis::cmd("FLUSHALL").exec(redis)?;
        until("the links are back", SOON, || Ok(rebuilds()? > before))?;
    }
    Ok(())
}

fn ask_for_unknown_codes(edge: &Edge) -> Result<()> {
    (0..UNKNOWN).try_for_each(|number| get(edge.listen, &format!("/nobodys{number}"), &[]).map(drop))
}
