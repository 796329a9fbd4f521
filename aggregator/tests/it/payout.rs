//! From what is payable to what was paid: two people, orders that change in between, and new bank accounts.

use aggregator::jobs::payout::{Done, payout};
use aggregator::jobs::settle::settle_all;
use common::order::{Event, Kind};

use crate::shop::*;
use crate::world::World;

/// When everything completed at noon has matured.
const LATER: u64 = NOON + 40 * DAY;

/// A matured order that the link's affiliate earns by: Ada 10 %, Ben 5 %.
async fn earn(world: &World, order_ref: &str, link: common::ids::LinkId, net_minor: i64) {
    report(
        world,
        TEAPOTS,
        &placed(order_ref, NOON, net_minor, &[token(link, NOON - MINUTE - net_minor as u64)]),
    )
    .await;
    report(world, TEAPOTS, &completed(order_ref, NOON)).await;
    settle_all(&world.stores, &keyring("1:active"), at(LATER)).await.expect("settled");
}

/// What the console does when somebody asks for a payout. Returns the batch's id.
async fn request(world: &World, minimum_minor: i64) -> String {
    let question = format!(
        "insert into payout_batch (currency, minimum_minor, requested_by) values ('EUR', {minimum_minor}, 'Olga')
         returning payout_batch_id"
    );
    text(world, &question).await
}

async fn approve(world: &World, batch: &str) {
    world.sql(&format!(
        "update payout_batch set state = 'approved', decided_by = 'Pia', decided_at = now() where payout_batch_id = '{batch}'"
    )).await;
}

/// Does what is to be done at that moment, and then once more, which does nothing. Settles what it made due.
async fn pay(world: &World, now: u64) -> Done {
    let done = payout(&world.stores, at(now)).await.expect("paid out");
    assert_eq!(payout(&world.stores, at(now)).await.expect("paid out"), Done::default());
    world.audit().await;
    settle_all(&world.stores, &keyring("1:active"), at(now)).await.expect("settled");
    world.audit().await;
    done
}

async fn state(world: &World, batch: &str) -> String {
    text(world, &format!("select state from payout_batch where payout_batch_id = '{batch}'")).await
}

/// The lines of a batch: affiliate, approved, paid.
async fn lines(world: &World, batch: &str) -> Vec<String> {
    texts(
        world,
        &format!(
            "select format('%s: %s, %s', affiliate_id, amount_minor, paid_minor) from payout_line
         where payout_batch_id = '{batch}' order by vendor_id, affiliate_id"
        ),
    )
    .await
}

#[tokio::test]
async fn what_two_people_agree_on_is_paid_once() {
    let world = programme().await;
    earn(&world, "A-1", ADA, 4_990).await;
    earn(&world, "A-2", ADA, 1_000).await;
    earn(&world, "A-3", BEN, 1_000).await;
    report(&world, TEAPOTS, &placed("young", LATER, 9_000, &[token(ADA, LATER - MINUTE)])).await;
    let batch = request(&world, 1).await;
    assert_eq!(pay(&world, LATER).await, Done { collected: 1, lines: 0, paid: 0 });
    assert_eq!(
        (state(&world, &batch).await.as_str(), lines(&world, &batch).await),
        ("open", vec!["1: 599, ".into(), "2: 50, ".into()])
    );
    assert_eq!(
        order(&world, "A-1").await,
        "Completed 499: 0 pending, 499 payable, 0 paid",
        "not before it is approved"
    );

    let alone = format!(
        "update payout_batch set state = 'approved', decided_by = 'Olga', decided_at = now() where payout_batch_id = '{batch}'"
    );
    let refused =
        sqlx::query(sqlx::AssertSqlSafe(alone)).execute(&mut world.owner().await).await.expect_err("alone");
    assert!(refused.to_string().contains("payout_batch"), "{refused}");

    approve(&world, &batch).await;
    assert_eq!(pay(&world, LATER).await, Done { collected: 0, lines: 2, paid: 1 });
    assert_eq!(
        (state(&world, &batch).await.as_str(), lines(&world, &batch).await),
        ("paid", vec!["1: 599, 599".into(), "2: 50, 50".into()])
    );
    assert_eq!(order(&world, "A-1").await, "Paid 499: 0 pending, 0 payable, 499 paid");
    let next = request(&world, 1).await;
    pay(&world, LATER).await;
    assert_eq!(state(&world, &next).await, "empty", "nothing is left");
}

#[tokio::test]
async fn a_refund_after_the_payout_is_netted_in_the_next_one() {
    let world = programme().await;
    earn(&world, "A-1", ADA, 3_280).await;
    let first = request(&world, 1).await;
    pay(&world, LATER).await;
    approve(&world, &first).await;
    pay(&world, LATER).await;
    report(&world, TEAPOTS, &refunded("A-1", "r1", NOON + 35 * DAY, 3_280)).await;
    settle(&world, LATER).await;
    assert_eq!(order(&world, "A-1").await, "Refunded 0: 0 pending, -328 payable, 328 paid");
    let too_little = request(&world, 1).await;
    pay(&world, LATER).await;
    assert_eq!(state(&world, &too_little).await, "empty", "nobody is paid less than nothing");

    earn(&world, "A-2", ADA, 10_000).await;
    let second = request(&world, 672).await;
    pay(&world, LATER).await;
    assert_eq!(lines(&world, &second).await, ["1: 672, "]);
    approve(&world, &second).await;
    pay(&world, LATER).await;
    assert_eq!(lines(&world, &second).await, ["1: 672, 672"]);
    assert_eq!(order(&world, "A-1").await, "Refunded 0: 0 pending, 0 payable, 0 paid");
    assert_eq!(order(&world, "A-2").await, "Paid 1000: 0 pending, 0 payable, 1000 paid");
    assert_eq!(
        world.number("select -sum(amount_minor) from ledger_entry where account = 'cash'").await,
        1_000
    );
    // The chargeback is won after all: what was taken back is owed again.
    report(
        &world,
        TEAPOTS,
        &Event { event_id: "none".into(), version: 1, ..refunded("A-1", "r1", LATER, 0) },
    )
    .await;
    settle(&world, LATER).await;
    assert_eq!(order(&world, "A-1").await, "Completed 328: 0 pending, 328 payable, 0 paid");
    world.audit().await;
}

#[tokio::test]
async fn the_minimum_is_enough_and_less_waits() {
    let world = programme().await;
    earn(&world, "A-1", ADA, 5_000).await;
    let (above, exact) = (request(&world, 501).await, request(&world, 500).await);
    assert_eq!(pay(&world, LATER).await.collected, 2);
    assert_eq!((state(&world, &above).await, state(&world, &exact).await), ("empty".into(), "open".into()));
    // What is on its way in one batch is not collected by another, until that one is given up.
    let third = request(&world, 1).await;
    pay(&world, LATER).await;
    assert_eq!(state(&world, &third).await, "empty");
    world.sql(&format!("update payout_batch set state = 'rejected', decided_by = 'Pia', decided_at = now() where payout_batch_id = '{exact}'")).await;
    let fourth = request(&world, 1).await;
    pay(&world, LATER).await;
    assert_eq!(lines(&world, &fourth).await, ["1: 500, "]);
}

#[tokio::test]
async fn what_changed_after_it_was_collected_is_left() {
    let world = programme().await;
    for (order_ref, net_minor) in [("A-1", 1_000), ("A-2", 2_000), ("A-3", 3_000)] {
        earn(&world, order_ref, ADA, net_minor).await;
    }
    earn(&world, "B-1", BEN, 1_000).await;
    let batch = request(&world, 1).await;
    pay(&world, LATER).await;
    report(&world, TEAPOTS, &refunded("A-2", "r1", NOON + DAY, 500)).await;
    report(&world, TEAPOTS, &event("B-1", Kind::Cancelled, NOON + DAY)).await;
    settle(&world, LATER).await;
    approve(&world, &batch).await;
    pay(&world, LATER).await;
    assert_eq!(lines(&world, &batch).await, ["1: 600, 400", "2: 50, 0"]);
    let states = "select order_ref || ' ' || state from payout_order order by order_ref";
    assert_eq!(texts(&world, states).await, ["A-1 paid", "A-2 left", "A-3 paid", "B-1 left"]);
    let next = request(&world, 1).await;
    pay(&world, LATER).await;
    assert_eq!(lines(&world, &next).await, ["1: 150, "], "what was left comes with the next batch");
}

#[tokio::test]
async fn nothing_above_what_was_approved_is_paid_when_a_claw_back_falls_away() {
    let world = programme().await;
    earn(&world, "A-1", ADA, 3_000).await;
    let first = request(&world, 1).await;
    pay(&world, LATER).await;
    approve(&world, &first).await;
    pay(&world, LATER).await;
    report(&world, TEAPOTS, &refunded("A-1", "r1", NOON + DAY, 3_000)).await;
    earn(&world, "A-2", ADA, 10_000).await;
    let second = request(&world, 1).await;
    pay(&world, LATER).await;
    assert_eq!(lines(&world, &second).await, ["1: 700, "]);
    report(&world, TEAPOTS, &Event { event_id: "won".into(), version: 1, ..refunded("A-1", "r1", LATER, 0) })
        .await;
    settle(&world, LATER).await;
    approve(&world, &second).await;
    pay(&world, LATER).await;
    assert_eq!(lines(&world, &second).await, ["1: 700, 0"], "1,000 were never approved");
}

#[tokio::test]
async fn a_new_bank_account_waits_out_its_cooling_off() {
    let world = programme().await;
    earn(&world, "A-1", ADA, 1_000).await;
    let changed =
        |at_ms: u64| format!("update bank_account set changed_at = '{}' where affiliate_id = 1", at(at_ms));
    world.sql(&changed(LATER - 7 * DAY + 1)).await;
    let early = request(&world, 1).await;
    pay(&world, LATER).await;
    assert_eq!(state(&world, &early).await, "empty");
    world.sql(&changed(LATER - 7 * DAY)).await;
    let batch = request(&world, 1).await;
    pay(&world, LATER).await;
    assert_eq!(lines(&world, &batch).await, ["1: 100, "]);
    // It is changed again between the request and the approval.
    world.sql(&changed(LATER)).await;
    approve(&world, &batch).await;
    pay(&world, LATER).await;
    assert_eq!(lines(&world, &batch).await, ["1: 100, 0"]);
    // Nobody without an account, and nobody who is not let in.
    for (what, sql) in [
        ("not let in", "update affiliate set status = 'pending' where affiliate_id = 1"),
        (
            "no account",
            "update affiliate set status = 'approved'; delete from bank_account where affiliate_id = 1",
        ),
    ] {
        world.sql(sql).await;
        let batch = request(&world, 1).await;
        pay(&world, LATER + 30 * DAY).await;
        assert_eq!(state(&world, &batch).await, "empty", "{what}");
    }
}

#[tokio::test]
async fn held_orders_are_not_collected_but_what_they_take_back_is() {
    let world = programme().await;
    earn(&world, "A-1", ADA, 1_000).await;
    earn(&world, "A-2", ADA, 2_000).await;
    let first = request(&world, 1).await;
    pay(&world, LATER).await;
    world.sql("insert into hold (vendor_id, order_ref, flag, reason, raised_at) values (1, 'A-1', 'fast_order', 'made up', now());
               insert into order_due (vendor_id, order_ref) values (1, 'A-1')").await;
    settle(&world, LATER).await;
    approve(&world, &first).await;
    pay(&world, LATER).await;
    assert_eq!(lines(&world, &first).await, ["1: 300, 200"], "it was held before it was paid");
    // Paid, then held and refunded in part: the rest is not paid again, and what is too much is taken back.
    world.sql("insert into hold (vendor_id, order_ref, flag, reason, raised_at) values (1, 'A-2', 'fast_order', 'made up', now())").await;
    report(&world, TEAPOTS, &refunded("A-2", "r1", NOON + DAY, 500)).await;
    earn(&world, "A-3", ADA, 3_000).await;
    let second = request(&world, 1).await;
    pay(&world, LATER).await;
    assert_eq!(lines(&world, &second).await, ["1: 250, "]);
}

#[tokio::test]
async fn whoever_was_paid_stays_credited() {
    let world = programme().await;
    earn(&world, "A-1", ADA, 1_000).await;
    let batch = request(&world, 1).await;
    pay(&world, LATER).await;
    approve(&world, &batch).await;
    pay(&world, LATER).await;
    let late =
        Event { event_id: "late".into(), version: 1, ..placed("A-1", NOON, 3_000, &[token(BEN, NOON - 1)]) };
    report(&world, TEAPOTS, &late).await;
    settle(&world, LATER).await;
    assert_eq!(credit(&world, "A-1").await, "1 by click");
    assert_eq!(verdicts(&world, "A-1").await, ["credited", "later"]);
    assert_eq!(order(&world, "A-1").await, "Completed 300: 0 pending, 200 payable, 100 paid");
    world.audit().await;
}
