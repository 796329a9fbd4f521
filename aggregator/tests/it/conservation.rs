//! Claimed = Redis + Postgres at every moment, while clicks flow and aggregators come and go.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use aggregator::jobs::conservation::Conservation;
use aggregator::jobs::flush::flush_all;
use common::ids::LinkId;
use common::wire::PartitionKeys;
use redis::AsyncCommands as _;

use crate::edge::Edge;
use crate::flush::drain;
use crate::world::{World, partitions};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_difference_is_zero_under_load() {
    let world = Arc::new(World::new().await);
    let done = Arc::new(AtomicBool::new(false));
    let (stores, stop) = (world.another_aggregator(), done.clone());
    let flushing = tokio::spawn(async move {
        while !stop.load(Ordering::Relaxed) {
            flush_all(&stores).await;
        }
    });
    let mut conservation = Conservation::new(partitions());
    let mut edge = Edge::new(0);
    for round in 0..40 {
        edge.clicks(100);
        if round == 20 {
            world.flushall().await;
        }
        edge.ship_all(&world).await;
        conservation.compare(&world.stores).await.expect("compared");
        assert_eq!(conservation.total().difference(), 0, "{:?}", conservation.total());
    }
    done.store(true, Ordering::Relaxed);
    flushing.await.expect("it flushed to the end");
    drain(&world, &[&edge]).await;
    conservation.compare(&world.stores).await.expect("compared");
    let total = conservation.total();
    assert_eq!((total.claimed, total.redis, total.postgres, conservation.skipped), (4_000, 0, 4_000, 0));
}

#[tokio::test]
async fn clicks_on_their_way_are_in_redis_and_a_lost_one_shows() {
    let world = World::new().await;
    let mut edge = Edge::new(0);
    edge.clicks(100);
    drain(&world, &[&edge]).await;
    edge.clicks(50);
    edge.ship_all(&world).await;
    let mut conservation = Conservation::new(partitions());
    conservation.compare(&world.stores).await.expect("compared");
    let total = conservation.total();
    assert_eq!((total.claimed, total.redis, total.postgres), (150, 50, 100));

    let keys = PartitionKeys::new(LinkId(1).partition(partitions()));
    let mut redis = world.redis().await;
    let fields: Vec<String> = redis.hkeys(&keys.counts).await.expect("fields");
    let lost = fields.iter().find(|field| field.ends_with(":h")).expect("a human click");
    let () = redis.hincr(&keys.counts, lost, -1).await.expect("lost");
    conservation.compare(&world.stores).await.expect("compared");
    assert_eq!(conservation.total().difference(), 1);
}

#[tokio::test]
async fn a_bucket_too_large_to_add_up_is_left_for_later() {
    let world = World::new().await;
    let mut edge = Edge::new(0);
    edge.clicks(100);
    drain(&world, &[&edge]).await;
    let keys = PartitionKeys::new(LinkId(1).partition(partitions()));
    let mut fill = redis::pipe();
    for i in 0..20_001 {
        fill.hset(&keys.counts, format!("1:{i}"), 1).ignore();
    }
    let () = fill.query_async(&mut world.redis().await).await.expect("filled");
    let mut conservation = Conservation::new(partitions());
    conservation.compare(&world.stores).await.expect("compared");
    assert_eq!(conservation.skipped, 1);
    assert_eq!(conservation.total().difference(), 0);
}
