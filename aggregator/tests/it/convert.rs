//! Conversion rates: orders by human clicks, from one snapshot.

use aggregator::jobs::convert::{Links, convert};

use crate::shop::*;
use crate::world::World;

async fn rates(world: &World) -> Vec<String> {
    let question = "select format('%s: %s of %s is %s', link_id, orders, human_clicks, conversion_ppm)
                    from link_conversion order by link_id";
    texts(world, question).await
}

#[tokio::test]
async fn orders_by_human_clicks_and_nothing_without_clicks() {
    let world = programme().await;
    let clicks = |link: u64, at_ms: u64, human: u64| {
        format!("insert into click_hourly values ({link}, '{}', {human}, 1000)", at(at_ms))
    };
    world.sql(&clicks(1, NOON - 9 * DAY, 290)).await;
    world.sql(&clicks(1, NOON, 10)).await;
    world.sql(&clicks(4, NOON - 9 * DAY, 50)).await;
    for (n, link) in [(1, ADA), (2, ADA), (3, BEN)] {
        report(&world, TEAPOTS, &placed(&format!("A-{n}"), NOON, 1_000, &[token(link, NOON - MINUTE - n)]))
            .await;
    }
    settle(&world, NOON).await;
    assert_eq!(convert(&world.stores, Links::Recent, at(NOON)).await.expect("converted"), 2);
    assert_eq!(rates(&world).await, ["1: 2 of 300 is 6666", "2: 1 of 0 is "]);
    assert_eq!(convert(&world.stores, Links::All, at(NOON)).await.expect("converted"), 3);
    let all = ["1: 2 of 300 is 6666", "2: 1 of 0 is ", "4: 0 of 50 is 0"];
    assert_eq!(rates(&world).await, all);
    convert(&world.stores, Links::All, at(NOON)).await.expect("converted");
    assert_eq!(rates(&world).await, all);
    // A cancelled order counts no more.
    report(&world, TEAPOTS, &event("A-1", common::order::Kind::Cancelled, NOON)).await;
    settle(&world, NOON).await;
    convert(&world.stores, Links::Recent, at(NOON)).await.expect("converted");
    assert_eq!(rates(&world).await[0], "1: 1 of 300 is 3333");
}
