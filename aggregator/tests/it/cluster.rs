//! The jobs on a real Redis Cluster: links over all masters, scripts where nobody has called them yet, a master that was
//! emptied alone, one that is killed.

use std::path::Path;

use aggregator::Stores;
use aggregator::jobs::conservation::Conservation;
use aggregator::jobs::flush::{Outcome, flush};
use aggregator::jobs::publish::{Pace, Repairs, Upkeep, publish_pending, reconcile};
use aggregator::migrate::{MIGRATIONS, migrate};
use common::ids::{LinkId, Partition, Partitions};
use common::time::Hour;
use common::wire::{Count, LINKS_GENERATION, PartitionKeys, Stamps, script};
use onebox::servers::{RedisCluster, SharedPostgres, shared_postgres};
use redis::cluster::ClusterClient;
use redis::cluster_async::ClusterConnection;
use redis::{AsyncCommands as _, Script};
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection};

/// Enough that every master has some.
const PARTITIONS: Partitions = Partitions::STANDALONE;
const LINKS: usize = 200;
const PARTITION: Partition = Partition(0);

struct Town {
    stores: Stores,
    cluster: RedisCluster,
    owner_url: String,
    _postgres: SharedPostgres,
    _folder: tempfile::TempDir,
}

impl Town {
    async fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temp folder");
        let cluster = RedisCluster::start(folder.path()).expect("a cluster");
        let postgres =
            shared_postgres(Path::new(env!("CARGO_TARGET_TMPDIR"))).await.expect("Postgres starts");
        let owner_url = postgres.create_migrated_database(&MIGRATIONS).await.expect("a database");
        migrate(&owner_url, PARTITIONS).await.expect("migrated");
        let as_aggregator = format!("{owner_url}?options=-c%20role%3Dlinkledger_aggregator");
        let stores = Stores::open(&as_aggregator, &cluster.aggregator_url, PARTITIONS).expect("good URLs");
        Self { stores, cluster, owner_url, _postgres: postgres, _folder: folder }
    }

    async fn sql(&self, statements: &str) {
        let mut owner = PgConnection::connect(&self.owner_url).await.expect("the owner may connect");
        owner.execute(sqlx::raw_sql(AssertSqlSafe(statements.to_owned()))).await.expect("good SQL");
    }

    async fn redis(&self) -> ClusterConnection {
        let client = ClusterClient::new(self.cluster.url.split(',')).expect("good URLs");
        client.get_async_connection().await.expect("the cluster answers")
    }

    /// How many links can be read.
    async fn published(&self) -> usize {
        let (mut redis, mut found) = (self.redis().await, 0);
        for n in 1..=LINKS {
            found += usize::from(redis.exists(format!("l:link-{n}")).await.unwrap_or(false));
        }
        found
    }

    async fn tend(&self, upkeep: &mut Upkeep) -> Option<Repairs> {
        upkeep.tend(&self.stores).await.expect("tended")
    }

    /// Counts one click more in the partition, as an edge would.
    async fn count(&self, from: u64) {
        let (keys, mut name) = (PartitionKeys::new(PARTITION), Vec::new());
        Count::Human(LinkId(1), Hour(495_000)).write(&mut Stamps::default(), &mut name);
        let apply = Script::new(script::APPLY);
        let mut call = apply.prepare_invoke();
        call.key(&keys.end).key(&keys.base).key(&keys.counts).key(&keys.claim);
        call.arg(64).arg(from).arg(from + 1).arg(1).arg(from + 1);
        call.arg(1).arg(0).arg(0).arg(0).arg(60_000).arg(name);
        let (reply, _): (String, String) =
            call.invoke_async(&mut self.redis().await).await.expect("the script runs");
        assert_eq!(reply, "OK");
    }
}

#[tokio::test]
async fn links_are_over_all_masters_and_come_back_wherever_they_are_lost() {
    let town = Town::new().await;
    town.sql(&format!(
        "insert into vendor (name) values ('Northwind Lamps');
         insert into affiliate (username, name, status) values ('ida', 'Ida Example', 'approved');
         insert into partnership (vendor_id, affiliate_id, status, joined_at) values (1, 1, 'active', now());
         insert into link (code, vendor_id, affiliate_id, destination)
         select 'link-' || n, 1, 1, 'https://lamps.example.com/p/' || n from generate_series(1, {LINKS}) n"
    ))
    .await;
    let mut upkeep = Upkeep::default();
    let built = town.tend(&mut upkeep).await.expect("a rebuild");
    assert_eq!((built.compared, built.written), (LINKS, LINKS));
    assert_eq!(town.published().await, LINKS);
    assert_eq!(publish_pending(&town.stores).await.expect("published"), LINKS);
    assert_eq!(publish_pending(&town.stores).await.expect("published"), 0);
    assert_eq!(town.tend(&mut upkeep).await, None, "all is well");

    // One master is emptied, and the generation, which is on another, says nothing of it.
    let emptied = town.cluster.masters().expect("masters").into_iter().find_map(|number| {
        let mut node = town.cluster.ask(number).ok()?;
        let there: redis::RedisResult<bool> = redis::cmd("EXISTS").arg(LINKS_GENERATION).query(&mut node);
        there.is_err().then_some(node)
    });
    redis::cmd("FLUSHALL").exec(&mut emptied.expect("a master without the generation")).expect("emptied");
    assert!(town.published().await < LINKS);
    let repaired = town.tend(&mut upkeep).await.expect("a comparison");
    assert!((1..LINKS).contains(&repaired.written), "{repaired:?}");
    assert_eq!(town.published().await, LINKS);
    assert_eq!(town.tend(&mut upkeep).await, None, "all is well again");

    // What Postgres does not know is buried, on whichever master it lies.
    let mut redis = town.redis().await;
    let entry: String = redis.get("l:link-1").await.expect("published");
    for n in 0..9 {
        let ghost = entry.replace("link-1", &format!("ghost-{n}"));
        let () = redis.set(format!("l:ghost-{n}"), ghost).await.expect("written");
    }
    let swept = reconcile(&town.stores, Pace::FULL).await.expect("compared");
    assert_eq!((swept.compared, swept.written, swept.buried), (LINKS, 0, 9));

    for number in town.cluster.masters().expect("masters") {
        redis::cmd("FLUSHALL").exec(&mut town.cluster.ask(number).expect("it runs")).expect("emptied");
    }
    let rebuilt = town.tend(&mut upkeep).await.expect("a rebuild");
    assert_eq!((rebuilt.written, town.published().await), (LINKS, LINKS));
}

#[tokio::test]
async fn a_bucket_is_counted_once_though_its_master_dies() {
    let mut town = Town::new().await;
    town.count(0).await;
    assert!(matches!(flush(&town.stores, PARTITION).await, Ok(Outcome::Applied { clicks: 1, .. })));
    assert!(matches!(flush(&town.stores, PARTITION).await, Ok(Outcome::Idle)));

    town.count(1).await;
    let owner = town.cluster.masters().expect("masters").into_iter().find(|number| {
        let mut node = town.cluster.ask(*number).expect("it runs");
        redis::cmd("EXISTS").arg(PartitionKeys::new(PARTITION).end).query::<bool>(&mut node).is_ok()
    });
    let owner = owner.expect("somebody owns the partition");
    town.cluster.kill9(owner).expect("killed");
    town.cluster.until_failed_over(owner).expect("another takes over");
    // The new master has never seen a script, and may lack what was not copied yet: then the edge sends it again.
    let mut counted = 0;
    while counted == 0 {
        match flush(&town.stores, PARTITION).await {
            Ok(Outcome::Applied { clicks, .. }) => counted += clicks,
            Ok(Outcome::Idle) => town.count(1).await,
            Ok(_) | Err(_) => tokio::time::sleep(std::time::Duration::from_millis(100)).await,
        }
    }
    assert_eq!(counted, 1);
    let mut conservation = Conservation::new(PARTITIONS);
    conservation.compare(&town.stores).await.expect("compared");
    assert_eq!((conservation.total().postgres, conservation.total().difference()), (2, 0));
}
