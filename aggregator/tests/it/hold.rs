//! When commission may be paid: maturity, and reasons to look at an order first.

use aggregator::jobs::settle::settle_all;
use common::order::{Customer, Event, Kind};

use crate::shop::*;
use crate::world::World;

const PENDING: &str = "Completed 100: 100 pending, 0 payable, 0 paid";
const PAYABLE: &str = "Completed 100: 0 pending, 100 payable, 0 paid";

/// A completed order that Ada earns 100 by.
async fn complete(world: &World, order_ref: &str) {
    report(world, TEAPOTS, &placed(order_ref, NOON, 1_000, &[token(ADA, NOON - MINUTE)])).await;
    report(world, TEAPOTS, &completed(order_ref, NOON + DAY)).await;
}

async fn flags(world: &World, order_ref: &str) -> Vec<String> {
    let question =
        format!("select flag || ' ' || state from hold where order_ref = '{order_ref}' order by flag");
    texts(world, &question).await
}

/// What the console does when somebody decides about a hold.
async fn review(world: &World, order_ref: &str, state: &str) {
    world.sql(&format!(
        "update hold set state = '{state}', reviewed_by = 'Olga', reviewed_at = now() where order_ref = '{order_ref}';
         insert into order_due (vendor_id, order_ref) values (1, '{order_ref}')"
    )).await;
}

#[tokio::test]
async fn commission_matures_at_the_instant_its_hold_days_are_over() {
    let world = programme().await;
    complete(&world, "A-1").await;
    let matures = NOON + DAY + HOLD;
    for (now, expect) in
        [(NOON + DAY, PENDING), (matures - 1, PENDING), (matures, PAYABLE), (matures + 1, PAYABLE)]
    {
        settle_all(&world.stores, &keyring("1:active"), at(now)).await.expect("settled");
        assert_eq!(order(&world, "A-1").await, expect, "{now}");
    }
    assert_eq!(world.number("select count(*) from customer_order where matures_at is not null").await, 0);
    assert_eq!(world.number("select count(*) from ledger_tx").await, 2, "it matures once");
    world.audit().await;
}

#[tokio::test]
async fn what_is_cancelled_or_earns_nothing_waits_for_nothing() {
    let world = programme().await;
    complete(&world, "A-1").await;
    report(&world, TEAPOTS, &event("A-1", Kind::Cancelled, NOON + 2 * DAY)).await;
    report(&world, TEAPOTS, &placed("A-2", NOON, 1_000, &[])).await;
    report(&world, TEAPOTS, &completed("A-2", NOON)).await;
    settle(&world, NOON + 2 * DAY).await;
    assert_eq!(world.number("select count(*) from customer_order where matures_at is not null").await, 0);
    // Cleo has no rate at Teapots: credited, but nothing is earned.
    report(&world, TEAPOTS, &placed("A-3", NOON, 1_000, &[token(CLEO, NOON - MINUTE)])).await;
    settle(&world, NOON + 2 * DAY).await;
    assert_eq!(order(&world, "A-3").await, "Pending 0: 0 pending, 0 payable, 0 paid");
    assert_eq!(credit(&world, "A-3").await, "3 by click");
    world.audit().await;
}

#[tokio::test]
async fn a_flag_holds_commission_until_it_is_released() {
    let world = programme().await;
    let fast = token(ADA, NOON - 9_999);
    report(&world, TEAPOTS, &placed("A-1", NOON, 1_000, &[fast])).await;
    report(&world, TEAPOTS, &completed("A-1", NOON + DAY)).await;
    let late = NOON + 40 * DAY;
    settle(&world, late).await;
    assert_eq!(flags(&world, "A-1").await, ["fast_order open"]);
    assert_eq!(order(&world, "A-1").await, PENDING);
    review(&world, "A-1", "released").await;
    settle(&world, late).await;
    assert_eq!(order(&world, "A-1").await, PAYABLE);
    assert_eq!(flags(&world, "A-1").await, ["fast_order released"], "it is not raised again");
    // Somebody changes their mind.
    review(&world, "A-1", "confirmed").await;
    settle(&world, late).await;
    assert_eq!(order(&world, "A-1").await, PENDING);
    world.audit().await;
}

#[tokio::test]
async fn every_flag_is_raised_by_what_is_suspicious() {
    let world = programme().await;
    let click = |n| token(ADA, NOON - MINUTE - n);
    let by = |email: &str| Some(Customer { email: Some(email.to_owned()), ..Customer::default() });
    for (order_ref, event, flag) in [
        (
            "honest",
            Event { customer: by("sam@sam.example.org"), ..placed("honest", NOON, 1_000, &[click(1)]) },
            None,
        ),
        ("slow", placed("slow", NOON, 1_000, &[token(ADA, NOON - 10_000)]), None),
        ("fast", placed("fast", NOON, 1_000, &[token(ADA, NOON - 9_999)]), Some("fast_order")),
        (
            "self",
            Event { customer: by("ADA@ada.example.com"), ..placed("self", NOON, 1_000, &[click(2)]) },
            Some("self_referral"),
        ),
    ] {
        report(&world, TEAPOTS, &event).await;
        settle(&world, NOON).await;
        assert_eq!(
            flags(&world, order_ref).await,
            flag.map(|flag| format!("{flag} open")).into_iter().collect::<Vec<_>>(),
            "{order_ref}"
        );
    }
    // 300 clicks in an hour are a wave where 29 are usual, and none where 31 are.
    let hour = at(NOON - 60 * MINUTE);
    for (link, usual, flag) in [(ADA, 29, Some("click_velocity open")), (BEN, 31, None)] {
        world.sql(&format!(
            "insert into click_hourly (link_id, hour, human_clicks)
             select {0}, hour, {usual} from generate_series('{hour}'::timestamptz - interval '28 days', '{hour}'::timestamptz - interval '1 hour', interval '1 hour') hour;
             insert into click_hourly (link_id, hour, human_clicks) values ({0}, '{hour}', 300)", link.0
        )).await;
        let order_ref = format!("wave-{}", link.0);
        report(&world, TEAPOTS, &placed(&order_ref, NOON, 1_000, &[token(link, NOON - 30 * MINUTE)])).await;
        settle(&world, NOON).await;
        assert_eq!(flags(&world, &order_ref).await, flag.into_iter().collect::<Vec<_>>(), "{order_ref}");
    }
    world.sql("update bank_account set account_hash = sha256('a') where affiliate_id = 2").await;
    report(&world, TEAPOTS, &placed("shared", NOON, 1_000, &[token(BEN, NOON - 90 * MINUTE)])).await;
    settle(&world, NOON).await;
    assert_eq!(flags(&world, "shared").await, ["shared_bank_account open"]);
}

#[tokio::test]
async fn one_click_with_too_many_orders_holds_all_of_them_whichever_came_first() {
    let world = programme().await;
    for n in 1..=3 {
        complete(&world, &format!("A-{n}")).await;
        settle(&world, NOON + 40 * DAY).await;
    }
    assert_eq!(world.number("select count(*) from hold").await, 0, "three orders are a good customer");
    complete(&world, "A-4").await;
    settle(&world, NOON + 40 * DAY).await;
    assert_eq!(world.number("select count(*) from hold where flag = 'token_spread'").await, 4);
    let one_after_the_other = books(&world).await;
    for n in 1..=4 {
        assert_eq!(order(&world, &format!("A-{n}")).await, PENDING, "{n}");
    }
    world.audit().await;
    world.sql(FORGET_ORDERS).await;
    for n in [4, 2, 1, 3] {
        complete(&world, &format!("A-{n}")).await;
    }
    settle(&world, NOON + 40 * DAY).await;
    assert_same(&books(&world).await, &one_after_the_other);
}
