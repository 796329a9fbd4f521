//! An edge on a real Redis Cluster: it loads links from every master, follows changes, asks for what it does not know,
//! and counts, while slots move and a master dies.

use anyhow::{Context as _, Result, ensure};
use common::ids::Partitions;
use common::link::Entry;
use common::wire::{LINKS_LOG, PartitionKeys};
use onebox::servers::RedisCluster;
use redis::Commands as _;
use redis::cluster::{ClusterClient, ClusterConnection};

use crate::harness::{Edge, complete, link, until};

const LINKS: u64 = 60;

fn connection(cluster: &RedisCluster) -> Result<ClusterConnection> {
    Ok(ClusterClient::new(cluster.url.split(','))?.get_connection()?)
}

fn put(redis: &mut ClusterConnection, entry: &Entry) -> Result<()> {
    Ok(redis.set(format!("l:{}", entry.code), serde_json::to_string(entry)?)?)
}

fn counted(redis: &mut ClusterConnection) -> Result<u64> {
    let mut sum = 0;
    for partition in Partitions::STANDALONE.iter() {
        let counts: Vec<(Vec<u8>, u64)> = redis.hgetall(PartitionKeys::new(partition).counts)?;
        sum += counts.iter().filter(|(field, _)| field.ends_with(b":h")).map(|(_, n)| n).sum::<u64>();
    }
    Ok(sum)
}

#[test]
fn an_edge_serves_and_counts_on_a_cluster() -> Result<()> {
    let dir = tempfile::tempdir()?;
    let mut cluster = RedisCluster::start(dir.path())?;
    let mut redis = connection(&cluster)?;
    (1..=LINKS).try_for_each(|n| put(&mut redis, &link(n)))?;
    complete(&mut redis, Partitions::STANDALONE, "g1")?;
    let edge = Edge::start_on(dir.path(), &cluster.redirector_url, &[])?;
    (1..=LINKS).try_for_each(|n| edge.click(&format!("demo{n}")).map(drop))?;
    until("all masters have their clicks", || Ok(counted(&mut redis)? == LINKS))?;

    // A change by stream, and a link that nobody announced.
    let mut changed = link(1);
    changed.version = 2;
    changed.link.as_mut().context("a link")?.destination = "https://shop.example.com/changed".to_owned();
    let _: String = redis.xadd(LINKS_LOG, "*", &[("e", serde_json::to_string(&changed)?)])?;
    until("the change is served", || Ok(edge.get("/demo1", "")?.contains("/changed")))?;
    put(&mut redis, &link(LINKS + 1))?;
    until("a link that nobody announced is asked for", || {
        Ok(edge.click(&format!("demo{}", LINKS + 1)).is_ok())
    })?;

    // The stream's and a partition's slots move to other masters, and one master dies.
    for key in [LINKS_LOG, "{p00}:w", "l:demo1"] {
        cluster.move_slot(key)?;
    }
    let master = cluster.masters()?[0];
    cluster.kill9(master)?;
    (1..=LINKS).try_for_each(|n| edge.click(&format!("demo{n}")).map(drop))?;
    cluster.until_failed_over(master)?;
    cluster.restart(master)?;
    cluster.until_whole()?;
    let mut records = 0;
    redirector::journal::read_dir(&dir.path().join("journal"), |_, _| records += 1)?;
    ensure!(records > 2 * LINKS, "{records}");
    // Our own connection notices by a failure that its master died, and may go on failing.
    let mut last = Ok(0);
    until("what the dead master missed is sent again", || {
        last = counted(&mut redis);
        if last.is_err() {
            redis = connection(&cluster)?;
        }
        Ok(last.as_ref().is_ok_and(|counted| *counted == records))
    })
    .with_context(|| format!("{last:?} counted of {records}"))?;
    changed.version = 3;
    changed.link.as_mut().context("a link")?.destination = "https://shop.example.com/again".to_owned();
    let _: String = redis.xadd(LINKS_LOG, "*", &[("e", serde_json::to_string(&changed)?)])?;
    until("changes are heard again", || Ok(edge.get("/demo1", "")?.contains("/again")))
}
