//! Links reach Redis: at once, in order, again after every kind of loss.

use std::time::Duration;

use aggregator::jobs::publish::{
    Pace, Repairs, Upkeep, WrongPartitions, publish_pending, reconcile, run_changes,
};
use aggregator::store::Stores;
use common::ids::Partitions;
use common::link::Entry;
use redis::AsyncCommands as _;
use redis::streams::StreamRangeReply;
use runtime::{Shutdown, clock};

use crate::world::World;

/// A programme of one vendor, one affiliate and `links` links with codes `link-1`, `link-2`, ….
async fn programme(world: &World, links: u32) {
    world
        .sql(&format!(
            "insert into vendor (name) values ('Northwind Lamps');
             insert into affiliate (username, name, status) values ('ida', 'Ida Example', 'approved');
             insert into partnership (vendor_id, affiliate_id, status, joined_at) values (1, 1, 'active', now());
             insert into link (code, vendor_id, affiliate_id, destination)
             select 'link-' || n, 1, 1, 'https://lamps.example.com/p/' || n from generate_series(1, {links}) n"
        ))
        .await;
}

/// What Redis has under a code.
async fn published(world: &World, code: &str) -> Option<Entry> {
    let json: Option<String> = world.redis().await.get(format!("l:{code}")).await.expect("Redis answers");
    json.map(|json| serde_json::from_str(&json).expect("an entry"))
}

/// What the stream carried, oldest first.
async fn told(world: &World) -> Vec<Entry> {
    let log: StreamRangeReply = world.redis().await.xrange_all("links:log").await.expect("Redis answers");
    let entry = |id: &redis::streams::StreamId| id.get::<String>("e").expect("field e");
    log.ids.iter().map(|id| serde_json::from_str(&entry(id)).expect("an entry")).collect()
}

async fn pending(world: &World) -> usize {
    publish_pending(&world.stores).await.expect("published")
}

async fn compare(stores: &Stores) -> Repairs {
    reconcile(stores, Pace::FULL).await.expect("compared")
}

fn is_active(entry: Option<Entry>) -> bool {
    entry.and_then(|entry| entry.link).expect("a link").is_active
}

#[tokio::test]
async fn changes_are_published_once_and_in_their_last_state() {
    let world = World::new().await;
    programme(&world, 3).await;
    assert_eq!(pending(&world).await, 3);
    assert_eq!(pending(&world).await, 0);
    let first = published(&world, "link-1").await.expect("published");
    let link = first.link.clone().expect("a link");
    assert_eq!((link.destination.as_str(), link.is_active), ("https://lamps.example.com/p/1", true));
    assert_eq!(told(&world).await.len(), 3);

    // Two changes of one link are one entry.
    world.sql("update link set destination = destination || '?a=1' where code = 'link-1'").await;
    world.sql("update link set expiry_date = '2030-01-01T00:00Z' where code = 'link-1'").await;
    assert_eq!(pending(&world).await, 2);
    let second = published(&world, "link-1").await.expect("published");
    assert!(second.version > first.version);
    let link = second.link.clone().expect("a link");
    assert_eq!(link.expires.map(|at| at.0), Some(1_893_456_000_000));
    assert_eq!(told(&world).await.last(), Some(&second));
    assert_eq!(told(&world).await.len(), 4);
}

#[tokio::test]
async fn whatever_a_link_hangs_on_switches_it_off_and_on() {
    let world = World::new().await;
    programme(&world, 2).await;
    pending(&world).await;
    for (off, on) in [
        ("update link set is_active = false", "update link set is_active = true"),
        ("update vendor set is_active = false", "update vendor set is_active = true"),
        ("update affiliate set is_active = false", "update affiliate set is_active = true"),
        (
            "update affiliate set status = 'rejected', rejection_reason = 'made-up'",
            "update affiliate set status = 'approved', rejection_reason = null",
        ),
    ] {
        world.sql(off).await;
        assert_eq!(pending(&world).await, 2, "{off}");
        assert!(!is_active(published(&world, "link-2").await), "{off}");
        world.sql(on).await;
        pending(&world).await;
        assert!(is_active(published(&world, "link-2").await), "{on}");
    }
    world.sql("update vendor set fallback_url = 'https://lamps.example.com/'").await;
    assert_eq!(pending(&world).await, 2);
    let link = published(&world, "link-1").await.and_then(|entry| entry.link).expect("a link");
    assert_eq!(link.fallback.as_deref(), Some("https://lamps.example.com/"));
}

#[tokio::test]
async fn deleted_and_renamed_codes_leave_a_mark_for_a_day() {
    let world = World::new().await;
    programme(&world, 2).await;
    pending(&world).await;
    let before = published(&world, "link-1").await.expect("published");
    world
        .sql("delete from link where code = 'link-1'; update link set code = 'renamed' where code = 'link-2'")
        .await;
    assert_eq!(pending(&world).await, 3);
    for gone in ["link-1", "link-2"] {
        let mark = published(&world, gone).await.expect("a mark");
        assert!(mark.link.is_none() && mark.version > before.version, "{mark:?}");
        let ttl: i64 = world.redis().await.pttl(format!("l:{gone}")).await.expect("Redis answers");
        assert!((86_000_000..=86_400_000).contains(&ttl), "{ttl}");
    }
    assert!(published(&world, "renamed").await.expect("published").link.is_some());
    // A code that is used again is a link again, for good.
    world
        .sql("insert into link (code, vendor_id, affiliate_id, destination) values ('link-1', 1, 1, 'https://lamps.example.com/')")
        .await;
    pending(&world).await;
    assert!(published(&world, "link-1").await.expect("published").link.is_some());
    let ttl: i64 = world.redis().await.pttl("l:link-1").await.expect("Redis answers");
    assert_eq!(ttl, -1);
}

#[tokio::test]
async fn killed_before_the_commit_it_publishes_the_same_again() {
    let world = World::new().await;
    programme(&world, 1).await;
    world.sql("create table backup as table link_change").await;
    pending(&world).await;
    let before = published(&world, "link-1").await;
    world.sql("insert into link_change overriding system value table backup").await;
    assert_eq!(pending(&world).await, 1);
    assert_eq!(published(&world, "link-1").await, before);
}

#[tokio::test]
async fn an_older_version_never_replaces_a_newer_one() {
    let world = World::new().await;
    programme(&world, 1).await;
    pending(&world).await;
    let mut newer = published(&world, "link-1").await.expect("published");
    newer.version += 1_000_000;
    let json = serde_json::to_string(&newer).expect("plain data");
    let () = world.redis().await.set("l:link-1", json).await.expect("another aggregator was faster");
    world.sql("update link set is_active = false").await;
    pending(&world).await;
    assert_eq!(published(&world, "link-1").await, Some(newer));
}

/// Links in the rebuild; `LINKLEDGER_PUBLISH_LINKS=1000000` shows how long a real one takes.
const FEW_LINKS: u32 = 12_000;

#[tokio::test]
async fn an_emptied_redis_is_rebuilt_under_a_new_generation() {
    let world = World::new().await;
    let wanted = std::env::var_os("LINKLEDGER_PUBLISH_LINKS");
    let links = wanted.and_then(|links| links.to_str()?.parse().ok()).unwrap_or(FEW_LINKS);
    programme(&world, links).await;
    let mut upkeep = Upkeep::default();
    let first = upkeep.tend(&world.stores).await.expect("rebuilt").expect("it was empty");
    assert_eq!((first.compared, first.written), (links as usize, links as usize));
    assert_eq!(upkeep.tend(&world.stores).await.expect("looked"), None, "nothing to do");
    let before: Option<String> = world.redis().await.get("links:ver").await.expect("Redis answers");

    world.flushall().await;
    let begun = clock::monotonic();
    let again = upkeep.tend(&world.stores).await.expect("rebuilt").expect("it was emptied");
    println!("rebuilt {links} links in {:.2?}", begun.elapsed());
    assert_eq!(again.written, links as usize);
    let after: Option<String> = world.redis().await.get("links:ver").await.expect("Redis answers");
    assert!(after.is_some() && after != before);
    let partitions: u16 = world.redis().await.get("links:partitions").await.expect("written");
    assert_eq!(partitions, crate::world::PARTITIONS);
    assert!(published(&world, &format!("link-{links}")).await.is_some());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redis_that_is_emptied_during_a_rebuild_is_rebuilt_again() {
    let world = World::new().await;
    programme(&world, FEW_LINKS).await;
    let (stores, mut upkeep) = (world.another_aggregator(), Upkeep::default());
    upkeep.tend(&stores).await.expect("rebuilt");
    world.flushall().await;
    let rebuild = tokio::spawn(async move {
        let interrupted = upkeep.tend(&stores).await;
        (upkeep, interrupted.map(drop).map_err(|error| error.to_string()))
    });
    while published(&world, "link-1").await.is_none() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    world.flushall().await;
    let (mut upkeep, interrupted) = rebuild.await.expect("no panic");
    while upkeep.tend(&world.stores).await.expect("rebuilt").is_some() {}
    let found = compare(&world.stores).await;
    assert_eq!(found, Repairs { compared: FEW_LINKS as usize, ..Repairs::default() }, "{interrupted:?}");
}

#[tokio::test]
async fn single_lost_old_and_damaged_keys_are_repaired() {
    let world = World::new().await;
    programme(&world, 50).await;
    pending(&world).await;
    let mut redis = world.redis().await;
    let stale = Entry { version: 1, ..published(&world, "link-2").await.expect("published") };
    let () = redis.del("l:link-1").await.expect("lost");
    let () = redis.set("l:link-2", serde_json::to_string(&stale).expect("plain data")).await.expect("old");
    let () = redis.set("l:link-3", "{").await.expect("damaged");
    let found = compare(&world.stores).await;
    assert_eq!(found, Repairs { compared: 50, written: 3, raised: 0, buried: 0 });
    assert_eq!(compare(&world.stores).await, Repairs { compared: 50, ..Repairs::default() });
    for code in ["link-1", "link-2", "link-3"] {
        assert!(published(&world, code).await.expect("repaired").version > 1);
    }
    assert_eq!(told(&world).await.len(), 53, "the edges hear of each repair");
}

#[tokio::test]
async fn a_restored_postgres_rises_above_what_the_edges_have_seen() {
    let world = World::new().await;
    programme(&world, 3).await;
    pending(&world).await;
    // A day later link 1 was paused and link-4 made, and then Postgres was restored to before that.
    let mut seen = published(&world, "link-1").await.expect("published");
    seen.version += 86_400_000;
    seen.link.as_mut().expect("a link").is_active = false;
    let orphan = Entry { code: "link-4".into(), ..seen.clone() };
    let mut redis = world.redis().await;
    for entry in [&seen, &orphan] {
        let json = serde_json::to_string(entry).expect("plain data");
        let () = redis.set(format!("l:{}", entry.code), json).await.expect("written");
    }
    let found = compare(&world.stores).await;
    assert_eq!(found, Repairs { compared: 3, written: 0, raised: 1, buried: 1 });
    assert_eq!(pending(&world).await, 1, "the raised link is announced like any change");
    let now = published(&world, "link-1").await.expect("published");
    assert!(now.version > seen.version && is_active(Some(now.clone())));
    let mark = published(&world, "link-4").await.expect("a mark");
    assert!(mark.link.is_none() && mark.version > orphan.version);
    let told = told(&world).await;
    assert!(told.contains(&now) && told.contains(&mark));
    assert_eq!(compare(&world.stores).await, Repairs { compared: 3, ..Repairs::default() });
    // Later edits rise further.
    world.sql("update link set is_active = false where code = 'link-1'").await;
    pending(&world).await;
    assert!(published(&world, "link-1").await.expect("published").version > now.version);
}

#[tokio::test]
async fn another_postgres_behind_the_same_redis_causes_a_rebuild() {
    let world = World::new().await;
    programme(&world, 3).await;
    let mut upkeep = Upkeep::default();
    upkeep.tend(&world.stores).await.expect("rebuilt");
    let url = world.another_database().await;
    let restored =
        Stores::open(&url, &world.redis.aggregator_url, crate::world::partitions()).expect("good URLs");
    let found = Upkeep::default().tend(&restored).await.expect("rebuilt").expect("it is another one");
    assert_eq!(found.buried, 3, "the other one has no links");
}

#[tokio::test]
async fn a_restarted_redis_is_compared_with() {
    let mut world = World::new().await;
    programme(&world, 3).await;
    let mut upkeep = Upkeep::default();
    upkeep.tend(&world.stores).await.expect("rebuilt");
    let () = world.redis().await.del("l:link-2").await.expect("its last second was lost");
    world.redis.kill9().expect("killed");
    assert!(upkeep.tend(&world.stores).await.is_err(), "it is away");
    world.redis.restart().expect("restarted");
    let found = upkeep.tend(&world.stores).await.expect("compared").expect("it is another process");
    assert_eq!((found.compared, found.written), (3, 1));
    assert_eq!(upkeep.tend(&world.stores).await.expect("looked"), None);
}

#[tokio::test]
async fn a_redis_of_another_installation_is_refused() {
    let world = World::new().await;
    let () = world.redis().await.set("links:partitions", 64).await.expect("written");
    let error = Upkeep::default().tend(&world.stores).await.expect_err("it is not ours");
    assert!(error.is::<WrongPartitions>(), "{error:#}");
    let ours = Stores { partitions: Partitions::new(64).expect("a power of two"), ..world.stores.clone() };
    Upkeep::default().tend(&ours).await.expect("it is theirs");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_aggregators_at_once_publish_every_change() {
    let world = World::new().await;
    programme(&world, 2_500).await;
    let mut running = tokio::task::JoinSet::new();
    for _ in 0..3 {
        let stores = world.another_aggregator();
        running.spawn(async move {
            Upkeep::default().tend(&stores).await.expect("rebuilt or left to another");
            publish_pending(&stores).await.expect("published")
        });
    }
    for _ in 0..3 {
        world.sql("update link set is_active = not is_active").await;
    }
    let mut published_by_all = 0;
    while let Some(published) = running.join_next().await {
        published_by_all += published.expect("no aggregator failed");
    }
    published_by_all += pending(&world).await;
    assert_eq!(published_by_all, 4 * 2_500);
    assert_eq!(compare(&world.stores).await, Repairs { compared: 2_500, ..Repairs::default() });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_switch_reaches_redis_within_milliseconds() {
    let world = World::new().await;
    programme(&world, 1).await;
    let shutdown = Shutdown::new();
    shutdown.spawn_critical("publish", run_changes(world.stores.clone(), shutdown.clone()));
    while published(&world, "link-1").await.is_none() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let mut waits = Vec::new();
    for switch in 0..21 {
        world.sql(&format!("update link set is_active = {}", switch % 2 == 1)).await;
        let begun = clock::monotonic();
        while is_active(published(&world, "link-1").await) != (switch % 2 == 1) {
            assert!(begun.elapsed() < Duration::from_secs(5), "switch {switch} does not arrive");
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        waits.push(begun.elapsed());
        // Off the beat of the poll, which would hide a listener that hears nothing.
        tokio::time::sleep(Duration::from_millis(37)).await;
    }
    shutdown.start();
    shutdown.drained().await.expect("it stops");
    waits.sort();
    println!("commit to Redis: median {:?}, longest {:?}", waits[10], waits[20]);
    assert!(waits[10] < Duration::from_millis(100), "{waits:?}");
}
