//! Old batches are folded, and the books stay right.

use aggregator::jobs::prune::{KEEP_BATCHES, prune};
use chrono::{TimeDelta, Utc};
use runtime::clock;

use crate::edge::Edge;
use crate::flush::drain;
use crate::world::World;

#[tokio::test]
async fn old_batches_are_folded_once() {
    let world = World::new().await;
    let mut edge = Edge::new(0);
    for _ in 0..3 {
        edge.clicks(100);
        drain(&world, &[&edge]).await;
    }
    let now = chrono::DateTime::<Utc>::from(clock::system_time());
    assert_eq!(prune(&world.stores, now).await.expect("pruned"), 0, "all of them are new");
    assert_eq!(world.number("select count(*) from flush_batch").await, 6);

    // The two oldest of each partition pass the limit.
    world
        .sql(
            "update flush_batch set committed_at = committed_at - interval '31 days'
             where (part, upto[1]) not in (select part, max(upto[1]) from flush_batch group by part)",
        )
        .await;
    assert_eq!(prune(&world.stores, now).await.expect("pruned"), 4);
    assert_eq!(prune(&world.stores, now).await.expect("pruned"), 0, "nothing is left to do");
    assert_eq!(world.number("select count(*) from flush_batch").await, 2);
    assert!(world.number("select sum(pruned_clicks) from flush_partition").await > 0);
    Edge::assert_counted(&[&edge], &world).await;

    // Counting goes on, and one day the rest is old too.
    edge.clicks(100);
    drain(&world, &[&edge]).await;
    let later = now + KEEP_BATCHES + TimeDelta::minutes(1);
    assert_eq!(prune(&world.stores, later).await.expect("pruned"), 4);
    Edge::assert_counted(&[&edge], &world).await;
}
