//! Orders through everything that can happen to them.

use common::order::Kind;

use crate::shop::*;
use crate::world::World;

async fn world() -> World {
    let world = World::new().await;
    open(&world).await;
    world
}

#[tokio::test]
async fn an_order_goes_through_every_status() {
    let world = world().await;
    let click = token(ADA, NOON - 10 * MINUTE);
    report(&world, TEAPOTS, &event("A-1", Kind::Abandoned, NOON)).await;
    settle(&world, NOON).await;
    assert_eq!(order(&world, "A-1").await, "Abandoned 0: 0 pending, 0 payable, 0 paid");
    report(&world, TEAPOTS, &placed("A-1", NOON + MINUTE, 4_990, &[click])).await;
    settle(&world, NOON + MINUTE).await;
    assert_eq!(order(&world, "A-1").await, "Pending 499: 499 pending, 0 payable, 0 paid");
    assert_eq!(credit(&world, "A-1").await, "1 by click");
    report(&world, TEAPOTS, &completed("A-1", NOON + DAY)).await;
    settle(&world, NOON + DAY).await;
    assert_eq!(order(&world, "A-1").await, "Completed 499: 499 pending, 0 payable, 0 paid");
    settle(&world, NOON + DAY + HOLD).await;
    assert_eq!(order(&world, "A-1").await, "Completed 499: 0 pending, 499 payable, 0 paid");
    report(&world, TEAPOTS, &refunded("A-1", "r1", NOON + 2 * DAY, 1_000)).await;
    settle(&world, NOON + 20 * DAY).await;
    assert_eq!(order(&world, "A-1").await, "Completed 399: 0 pending, 399 payable, 0 paid");
    report(&world, TEAPOTS, &refunded("A-1", "r2", NOON + 2 * DAY, 3_990)).await;
    settle(&world, NOON + 20 * DAY).await;
    assert_eq!(order(&world, "A-1").await, "Refunded 0: 0 pending, 0 payable, 0 paid");
    report(&world, TEAPOTS, &event("A-1", Kind::Cancelled, NOON + 3 * DAY)).await;
    settle(&world, NOON + 20 * DAY).await;
    assert_eq!(order(&world, "A-1").await, "Cancelled 0: 0 pending, 0 payable, 0 paid");
    assert_eq!(world.number("select coalesce(sum(orders), 0) from order_daily").await, 0);
    world.audit().await;
}
