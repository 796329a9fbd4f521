//! Every verdict, and every place where a flush can be cut short.

use aggregator::jobs::flush::{Outcome, Settled, drop_sealed, flush, read, seal, settle};
use common::flush::Watermark;
use common::ids::{LinkId, Partition, Seq};
use common::time::Hour;
use common::wire::{Count, PartitionKeys, Stamps};
use redis::AsyncCommands as _;

use crate::edge::{Edge, Shipped};
use crate::world::{World, partitions};

/// Flushes until nothing is left, sending again whatever is asked for. Bounded: every round must get somewhere.
pub(crate) async fn drain(world: &World, edges: &[&Edge]) {
    for _ in 0..10 {
        for edge in edges {
            edge.ship_all(world).await;
        }
        let mut idle = true;
        for partition in partitions().iter() {
            idle &= world.flush(partition).await == Outcome::Idle;
        }
        if idle {
            return;
        }
    }
    panic!("the system does not come to rest");
}

/// A partition of a link that [`Edge::clicks`] uses.
fn a_partition() -> Partition {
    LinkId(1).partition(partitions())
}

#[tokio::test]
async fn a_bucket_is_added_once_and_a_second_flush_finds_nothing() {
    let world = World::new().await;
    let mut edge = Edge::new(0);
    edge.clicks(700);
    edge.ship_all(&world).await;
    let mut clicks = 0;
    for partition in partitions().iter() {
        match world.flush(partition).await {
            Outcome::Applied { clicks: added, .. } => clicks += added,
            other => panic!("{other:?}"),
        }
        assert_eq!(world.flush(partition).await, Outcome::Idle);
    }
    assert_eq!(clicks, 700);
    Edge::assert_counted(&[&edge], &world).await;

    // The edges learn what they may forget.
    let keys = PartitionKeys::new(a_partition());
    let durable: u64 = world.redis().await.hget(keys.durable, edge.lane.0).await.expect("published");
    let last = edge.journal.iter().rfind(|click| click.link.partition(partitions()) == a_partition());
    assert_eq!(Some(Seq(durable)), last.map(|click| click.seq));

    // A second bucket continues the first.
    edge.clicks(300);
    drain(&world, &[&edge]).await;
    Edge::assert_counted(&[&edge], &world).await;
}

#[tokio::test]
async fn unique_visits_are_united_over_buckets() {
    let world = World::new().await;
    let (mut edge, link, hour) = (Edge::new(0), LinkId(1), Hour(495_000));
    for visitors in [1..=60_u64, 41..=100] {
        for visitor in visitors {
            edge.click(link, hour, Some(visitor));
        }
        drain(&world, &[&edge]).await;
    }
    let estimate = world.number("select estimate from visit_daily").await;
    assert!((98..=102).contains(&estimate), "{estimate} of 100 people");
    // The union is the one Redis itself keeps: nobody is lost or added on the way.
    let sketch = PartitionKeys::new(link.partition(partitions())).sketch(link, hour.day());
    let count: i64 = world.redis().await.pfcount(sketch).await.expect("a sketch");
    assert_eq!(estimate, count);
}

#[tokio::test]
async fn killed_after_the_commit_it_finds_a_duplicate() {
    let world = World::new().await;
    let mut edge = Edge::new(0);
    edge.clicks(100);
    edge.ship_all(&world).await;
    let (partition, keys) = (a_partition(), PartitionKeys::new(a_partition()));
    let mut redis = world.stores.redis.connection().await.expect("Redis answers");
    let sealed = seal(&mut redis, &keys).await.expect("sealed").expect("there are clicks");
    let bucket = read(&mut redis, &keys, &sealed).await.expect("read").expect("still sealed");
    let settled = settle(&world.stores, &mut redis, partition, &keys, &bucket).await.expect("settled");
    assert!(matches!(settled, Settled::Applied { .. }), "{settled:?}");
    // Killed here: the bucket was not dropped. New clicks arrive meanwhile.
    edge.clicks(100);
    edge.ship_all(&world).await;
    assert_eq!(world.flush(partition).await, Outcome::Duplicate);
    drain(&world, &[&edge]).await;
    Edge::assert_counted(&[&edge], &world).await;
}

#[tokio::test]
async fn killed_after_the_seal_it_finds_the_same_bucket() {
    let world = World::new().await;
    let mut edge = Edge::new(0);
    edge.clicks(100);
    edge.ship_all(&world).await;
    let keys = PartitionKeys::new(a_partition());
    let mut redis = world.stores.redis.connection().await.expect("Redis answers");
    let first = seal(&mut redis, &keys).await.expect("sealed");
    edge.clicks(100);
    edge.ship_all(&world).await;
    assert_eq!(seal(&mut redis, &keys).await.expect("sealed"), first);
    drain(&world, &[&edge]).await;
    Edge::assert_counted(&[&edge], &world).await;
}

#[tokio::test]
async fn a_lost_apply_reply_counts_once() {
    let world = World::new().await;
    let mut edge = Edge::new(0);
    edge.clicks(100);
    let partition = a_partition();
    assert_eq!(edge.ship_from(&world, partition, None).await, Shipped::Counted);
    assert_eq!(edge.ship_from(&world, partition, None).await, Shipped::Stale, "the same batch again");
    drain(&world, &[&edge]).await;
    assert_eq!(edge.ship_from(&world, partition, None).await, Shipped::Stale, "and again after the flush");
    drain(&world, &[&edge]).await;
    Edge::assert_counted(&[&edge], &world).await;
}

#[tokio::test]
async fn an_emptied_redis_is_filled_from_the_journal() {
    let world = World::new().await;
    let mut edge = Edge::new(0);
    edge.clicks(300);
    drain(&world, &[&edge]).await;
    edge.clicks(50);
    edge.ship_all(&world).await;
    world.flushall().await;
    edge.clicks(50);
    // Begins at zero with the oldest record, which does not follow from the watermark.
    edge.ship_all(&world).await;
    assert_eq!(world.flush(a_partition()).await, Outcome::Reset);
    drain(&world, &[&edge]).await;
    Edge::assert_counted(&[&edge], &world).await;
}

#[tokio::test]
async fn a_bucket_that_vanishes_while_it_is_added_is_not_added() {
    let world = World::new().await;
    let mut edge = Edge::new(0);
    edge.clicks(100);
    edge.ship_all(&world).await;
    let (partition, keys) = (a_partition(), PartitionKeys::new(a_partition()));
    let mut redis = world.stores.redis.connection().await.expect("Redis answers");
    let sealed = seal(&mut redis, &keys).await.expect("sealed").expect("there are clicks");
    let bucket = read(&mut redis, &keys, &sealed).await.expect("read").expect("still sealed");
    world.flushall().await;
    let settled = settle(&world.stores, &mut redis, partition, &keys, &bucket).await.expect("settled");
    assert_eq!(settled, Settled::Gone);
    assert_eq!(world.number("select count(*) from click_hourly").await, 0);
    assert_eq!(read(&mut redis, &keys, &sealed).await.expect("read"), None);
    drain(&world, &[&edge]).await;
    Edge::assert_counted(&[&edge], &world).await;
}

#[tokio::test]
async fn a_restored_postgres_gets_everything_since_the_backup_again() {
    let world = World::new().await;
    let (mut edge, mut idle_edge) = (Edge::new(0), Edge::new(1));
    edge.clicks(200);
    idle_edge.clicks(30);
    drain(&world, &[&edge, &idle_edge]).await;
    world.back_up().await;
    edge.clicks(100);
    idle_edge.clicks(20);
    drain(&world, &[&edge, &idle_edge]).await;
    world.restore().await;

    // With new clicks of one lane, the other one idle and ahead of Postgres.
    edge.clicks(50);
    edge.ship_all(&world).await;
    assert_eq!(world.flush(a_partition()).await, Outcome::Reset);
    drain(&world, &[&edge, &idle_edge]).await;
    Edge::assert_counted(&[&edge, &idle_edge], &world).await;

    // And with nothing new at all.
    world.restore().await;
    assert_eq!(world.flush(a_partition()).await, Outcome::Reset, "an idle partition notices");
    drain(&world, &[&edge, &idle_edge]).await;
    Edge::assert_counted(&[&edge, &idle_edge], &world).await;
}

#[tokio::test]
async fn a_bucket_larger_than_a_scan_is_read_whole() {
    let world = World::new().await;
    let mut edge = Edge::new(0);
    // One call of the journal, and then far more counters than any call makes.
    let (partition, keys) = (a_partition(), PartitionKeys::new(a_partition()));
    edge.click(LinkId(1), Hour(495_000), None);
    edge.ship_all(&world).await;
    let (mut redis, mut stamps, more) = (world.redis().await, Stamps::default(), 25_000_u64);
    let hours: Vec<u32> = (1..=more as u32).collect();
    for part in hours.chunks(1_000) {
        let mut field = |hour: &u32| {
            let mut name = Vec::new();
            Count::Filtered(LinkId(1), Hour(*hour)).write(&mut stamps, &mut name);
            (name, 2)
        };
        let fields: Vec<(Vec<u8>, u64)> = part.iter().map(&mut field).collect();
        let () = redis.hset_multiple(&keys.counts, &fields).await.expect("filled");
    }
    let () = redis.hset(&keys.claim, edge.lane.0, 1 + 2 * more).await.expect("claimed");
    let outcome = world.flush(partition).await;
    assert_eq!(outcome, Outcome::Applied { clicks: 1 + 2 * more, rows: 1 + more as usize });
    assert_eq!(world.number("select sum(filtered_clicks) from click_hourly").await, 1 + 2 * more as i64);
    world.audit().await;
}

#[tokio::test]
async fn foreign_fields_are_left_out_and_never_block() {
    let world = World::new().await;
    let mut edge = Edge::new(0);
    edge.clicks(100);
    edge.ship_all(&world).await;
    let keys = PartitionKeys::new(a_partition());
    let mut redis = world.redis().await;
    for (field, value) in
        [("hello", "1"), ("1:2026112005:h", "many"), ("2:2026112005:f", "-3"), ("1:1:x", "2")]
    {
        let () = redis.hset(&keys.counts, field, value).await.expect("written");
    }
    drain(&world, &[&edge]).await;
    Edge::assert_counted(&[&edge], &world).await;
}

#[tokio::test]
async fn a_batch_says_what_the_journals_claimed() {
    let world = World::new().await;
    let mut edge = Edge::new(0);
    edge.clicks(100);
    edge.ship_all(&world).await;
    let (partition, keys) = (a_partition(), PartitionKeys::new(a_partition()));
    let mut redis = world.redis().await;
    let () = redis.hincr(&keys.claim, edge.lane.0, 1).await.expect("one more claimed than sent");
    let Outcome::Applied { clicks, .. } = world.flush(partition).await else { panic!("it must not block") };
    let claimed = world.number("select sum(claimed) from flush_batch").await;
    assert_eq!(claimed, clicks as i64 + 1);
    let stored = world.number("select sum(claim) from flush_watermark").await;
    assert_eq!(stored, claimed);
}

#[tokio::test]
async fn the_watermark_moves_only_for_lanes_that_moved() {
    let world = World::new().await;
    let (mut edge, mut idle_edge) = (Edge::new(0), Edge::new(1));
    idle_edge.click(LinkId(1), Hour(495_000), Some(1));
    edge.click(LinkId(1), Hour(495_000), Some(1));
    drain(&world, &[&edge, &idle_edge]).await;
    edge.click(LinkId(1), Hour(495_000), Some(2));
    drain(&world, &[&edge, &idle_edge]).await;
    let lanes =
        "select cardinality(lanes) from flush_batch order by upto[1] desc, cardinality(lanes) limit 1";
    assert_eq!(world.number(lanes).await, 1);
    assert_eq!(world.number("select count(*) from flush_watermark").await, 2);
    Edge::assert_counted(&[&edge, &idle_edge], &world).await;
}

#[tokio::test]
async fn a_drop_with_an_old_seal_leaves_the_bucket() {
    let world = World::new().await;
    let mut edge = Edge::new(0);
    edge.clicks(100);
    edge.ship_all(&world).await;
    let keys = PartitionKeys::new(a_partition());
    let mut redis = world.stores.redis.connection().await.expect("Redis answers");
    seal(&mut redis, &keys).await.expect("sealed");
    let marks = [(edge.lane, Watermark::default())].into();
    drop_sealed(&mut redis, &keys, "another", &marks).await.expect("dropped nothing");
    drain(&world, &[&edge]).await;
    Edge::assert_counted(&[&edge], &world).await;
}

#[tokio::test]
async fn an_unknown_partition_says_what_to_do() {
    let world = World::new().await;
    let mut edge = Edge::new(0);
    edge.clicks(100);
    edge.ship_all(&world).await;
    world.sql("delete from flush_partition").await;
    let error = flush(&world.stores, a_partition()).await.expect_err("it is not there");
    assert!(format!("{error:#}").contains("aggregator migrate"), "{error:#}");
}
