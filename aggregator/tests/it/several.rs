//! Several aggregators at once, and one that is stopped in the middle and goes on later.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use aggregator::jobs::flush::{Outcome, Settled, drop_sealed, flush_all, read, seal, settle};
use common::ids::LinkId;
use common::wire::PartitionKeys;

use crate::edge::Edge;
use crate::flush::drain;
use crate::world::{World, partitions};

/// Clicks of each edge in the test with three aggregators.
const CLICKS: u64 = 6_000;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_aggregators_at_once_count_every_click_once() {
    let world = Arc::new(World::new().await);
    let done = Arc::new(AtomicBool::new(false));
    let mut aggregators = tokio::task::JoinSet::new();
    for _ in 0..3 {
        let (stores, done) = (world.another_aggregator(), done.clone());
        aggregators.spawn(async move {
            while !done.load(Ordering::Relaxed) {
                let cycle = flush_all(&stores).await;
                assert!(cycle.failed.is_empty(), "{:?}", cycle.failed);
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        });
    }
    let mut edges = [Edge::new(0), Edge::new(1)];
    for _ in 0..CLICKS / 200 {
        for edge in &mut edges {
            edge.clicks(200);
            edge.ship_all(&world).await;
        }
    }
    done.store(true, Ordering::Relaxed);
    while let Some(ended) = aggregators.join_next().await {
        ended.expect("no aggregator failed");
    }
    drain(&world, &[&edges[0], &edges[1]]).await;
    Edge::assert_counted(&[&edges[0], &edges[1]], &world).await;
}

#[tokio::test]
async fn one_that_was_stopped_before_its_commit_does_no_harm_later() {
    let world = World::new().await;
    let mut edge = Edge::new(0);
    let partition = LinkId(1).partition(partitions());
    let keys = PartitionKeys::new(partition);
    edge.clicks(100);
    edge.ship_all(&world).await;

    // The first one seals and reads, and is stopped.
    let first = world.another_aggregator();
    let mut redis = first.redis.connection().await.expect("Redis answers");
    let sealed = seal(&mut redis, &keys).await.expect("sealed").expect("there are clicks");
    let bucket = read(&mut redis, &keys, &sealed).await.expect("read").expect("still sealed");

    // The second one goes on with the same bucket, and with the next one up to its seal.
    assert!(matches!(world.flush(partition).await, Outcome::Applied { .. }));
    edge.clicks(100);
    edge.ship_all(&world).await;
    let second = world.another_aggregator();
    let mut redis_of_second = second.redis.connection().await.expect("Redis answers");
    seal(&mut redis_of_second, &keys).await.expect("sealed").expect("there are clicks");

    // The first one wakes up: Postgres has its bucket, and the seal in Redis is not its own.
    let settled = settle(&first, &mut redis, partition, &keys, &bucket).await.expect("settled");
    let Settled::Duplicate { watermarks } = settled else { panic!("{settled:?}") };
    drop_sealed(&mut redis, &keys, &bucket.seal, &watermarks).await.expect("dropped nothing");
    assert!(
        matches!(world.flush(partition).await, Outcome::Applied { .. }),
        "the second bucket is still there"
    );
    drain(&world, &[&edge]).await;
    Edge::assert_counted(&[&edge], &world).await;
}

#[tokio::test]
async fn one_that_was_stopped_before_its_drop_does_no_harm_later() {
    let world = World::new().await;
    let mut edge = Edge::new(0);
    let partition = LinkId(1).partition(partitions());
    let keys = PartitionKeys::new(partition);
    edge.clicks(100);
    edge.ship_all(&world).await;
    let first = world.another_aggregator();
    let mut redis = first.redis.connection().await.expect("Redis answers");
    let sealed = seal(&mut redis, &keys).await.expect("sealed").expect("there are clicks");
    let bucket = read(&mut redis, &keys, &sealed).await.expect("read").expect("still sealed");
    let settled = settle(&first, &mut redis, partition, &keys, &bucket).await.expect("settled");
    let Settled::Applied { watermarks, .. } = settled else { panic!("{settled:?}") };

    // Stopped here. Others drop the bucket, flush another, and seal a third.
    assert_eq!(world.flush(partition).await, Outcome::Duplicate);
    for _ in 0..2 {
        edge.clicks(100);
        edge.ship_all(&world).await;
        assert!(matches!(world.flush(partition).await, Outcome::Applied { .. }));
    }
    edge.clicks(100);
    edge.ship_all(&world).await;
    seal(&mut redis, &keys).await.expect("sealed").expect("there are clicks");

    drop_sealed(&mut redis, &keys, &bucket.seal, &watermarks).await.expect("dropped nothing");
    drain(&world, &[&edge]).await;
    Edge::assert_counted(&[&edge], &world).await;
}
