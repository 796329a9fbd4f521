//! Orders through everything that can happen to them.

use aggregator::args::JobName;
use aggregator::jobs::settle::{PUT_ASIDE, Settled, settle_all};
use aggregator::{Config, once};
use common::order::{Event, Item, Kind, Reversal, ReversedItem};
use common::secret::Master;

use crate::shop::*;

#[tokio::test]
async fn an_order_goes_through_every_status() {
    let world = programme().await;
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

/// Six events of one order, among them a later click that takes the credit over, two refunds, and one refund told twice.
fn story() -> Vec<Event> {
    let (ada, ben) = (token(ADA, NOON - 2 * DAY), token(BEN, NOON - DAY));
    let told_again = Event { event_id: "again".to_owned(), ..refunded("A-1", "r1", NOON + 2 * DAY, 1_000) };
    vec![
        event("A-1", Kind::Abandoned, NOON - MINUTE),
        placed("A-1", NOON, 6_990, &[ada]),
        Event { version: 1, event_id: "v1".to_owned(), ..placed("A-1", NOON + 1, 9_990, &[ben]) },
        completed("A-1", NOON + DAY),
        refunded("A-1", "r1", NOON + 2 * DAY, 1_000),
        refunded("A-1", "r2", NOON + 3 * DAY, 2_433),
        told_again,
    ]
}

/// The `n`-th of all orders of `events`.
fn permutation(mut events: Vec<Event>, mut n: usize) -> Vec<Event> {
    let mut ordered = Vec::with_capacity(events.len());
    while !events.is_empty() {
        ordered.push(events.remove(n % events.len()));
        n /= events.len() + 1;
    }
    ordered
}

/// Permutations in the test below: evenly spread over all 5,040.
const PERMUTATIONS: usize = 16;

#[tokio::test]
async fn whatever_comes_first_and_however_often_the_books_are_the_same() {
    let world = programme().await;
    let now = NOON + 30 * DAY;
    let mut all = None;
    let mut owner = world.owner().await;
    for round in 0..PERMUTATIONS {
        let events = permutation(story(), round * 5_040 / PERMUTATIONS + round);
        let batched = 1 + round % 4;
        for (at, event) in events.iter().enumerate() {
            report_on(&mut owner, TEAPOTS, event).await;
            if at % batched == 0 {
                // Every other time at the event's own time, when commission is not mature yet.
                let then = if round % 2 == 0 { now } else { event.occurred_at.0 };
                settle_all(&world.stores, &keyring("1:active"), crate::shop::at(then))
                    .await
                    .expect("settled");
            }
        }
        for event in events.iter().step_by(2) {
            report_on(&mut owner, TEAPOTS, event).await;
        }
        settle(&world, now).await;
        assert_eq!(order(&world, "A-1").await, "Completed 328: 0 pending, 328 payable, 0 paid", "{round}");
        assert_eq!(credit(&world, "A-1").await, "2 by click");
        world.audit().await;
        let books = books(&world).await;
        assert_same(&books, all.get_or_insert_with(|| books.clone()));
        world.sql(FORGET_ORDERS).await;
    }
}

#[tokio::test]
async fn refunds_of_items_and_chargebacks_are_taken_from_their_lines() {
    let world = programme().await;
    let mut two = placed("A-1", NOON, 1_005, &[token(ADA, NOON - MINUTE)]);
    two.items.push(Item {
        item_id: "2".to_owned(),
        product_id: Some(2),
        name: None,
        quantity: 3,
        net_minor: 3_005,
    });
    world.sql("insert into product_rate values (1, 2, '2026-01-01', 200000)").await;
    report(&world, TEAPOTS, &two).await;
    settle(&world, NOON).await;
    // 10 % of 1,005 is 100.5, 20 % of 3,005 is 601, each rounded by itself.
    assert_eq!(order(&world, "A-1").await, "Pending 702: 702 pending, 0 payable, 0 paid");
    let back = ReversedItem { item_id: "2".to_owned(), quantity: 1, amount_minor: 1_000 };
    let reversal = Reversal { reversal_id: "c1".to_owned(), amount_minor: None, items: vec![back] };
    let chargeback = Event {
        currency: Some(eur()),
        reversal: Some(reversal),
        ..event("A-1", Kind::Chargeback, NOON + DAY)
    };
    report(&world, TEAPOTS, &chargeback).await;
    settle(&world, NOON + DAY).await;
    assert_eq!(order(&world, "A-1").await, "Pending 502: 502 pending, 0 payable, 0 paid");
    let lines = "select format('%s %s %s %s %s', item_id, rate_source, refunded_quantity, refunded_minor, commission_minor)
                 from order_line order by item_id";
    assert_eq!(texts(&world, lines).await, ["1 partnership 0 0 101", "2 product 1 1000 401"]);
    let mut won = Event { event_id: "won".to_owned(), version: 1, ..chargeback };
    won.reversal.as_mut().expect("a reversal").items[0].amount_minor = 0;
    report(&world, TEAPOTS, &won).await;
    settle(&world, NOON + DAY).await;
    assert_eq!(order(&world, "A-1").await, "Pending 702: 702 pending, 0 payable, 0 paid");
    world.audit().await;
}

#[tokio::test]
async fn the_rate_is_that_of_the_moment_it_was_ordered() {
    let world = programme().await;
    world.sql(&format!("insert into partnership_rate values (1, 1, '{}', 300000)", at(NOON))).await;
    for (order_ref, ordered_at, commission) in
        [("before", NOON - 1, 100), ("at", NOON, 300), ("after", NOON + 1, 300)]
    {
        report(&world, TEAPOTS, &placed(order_ref, ordered_at, 1_000, &[token(ADA, NOON - MINUTE)])).await;
        settle(&world, NOON + MINUTE).await;
        let expect = format!("Pending {commission}: {commission} pending, 0 payable, 0 paid");
        assert_eq!(order(&world, order_ref).await, expect);
    }
    // A product's own rate begins and ends in the same way.
    world
        .sql(&format!(
            "insert into product_rate values (1, 1, '{}', 0), (1, 1, '{}', null)",
            at(NOON),
            at(NOON + 1)
        ))
        .await;
    world
        .sql("insert into order_due (vendor_id, order_ref) select vendor_id, order_ref from customer_order")
        .await;
    settle(&world, NOON + MINUTE).await;
    let commissions = "select commission_minor::text from customer_order order by placed_at";
    assert_eq!(texts(&world, commissions).await, ["100", "0", "300"]);
    world.audit().await;
}

#[tokio::test]
async fn each_vendor_has_its_own_part_of_an_order() {
    let world = programme().await;
    let clicks = [token(ADA, NOON - 2 * MINUTE), token(ADA_KETTLES, NOON - MINUTE)];
    report(&world, TEAPOTS, &placed("P-1", NOON, 1_000, &clicks)).await;
    report(&world, KETTLES, &placed("P-1", NOON, 2_000, &clicks)).await;
    settle(&world, NOON).await;
    let orders = "select format('%s %s %s', vendor_id, link_id, commission_minor) from customer_order order by vendor_id";
    assert_eq!(texts(&world, orders).await, ["1 1 100", "2 4 400"]);
    assert_eq!(verdicts(&world, "P-1").await, ["credited", "other_vendor", "other_vendor", "credited"]);
    world.audit().await;
}

#[tokio::test]
async fn another_currency_is_left_out_and_currencies_are_never_added_up() {
    let world = programme().await;
    let click = || vec![token(ADA, NOON - MINUTE)];
    let yen = |event: Event| Event { currency: Some("JPY".parse().expect("a currency")), ..event };
    report(&world, TEAPOTS, &placed("A-1", NOON, 1_000, &click())).await;
    report(&world, TEAPOTS, &yen(Event { version: 9, ..placed("A-1", NOON + 1, 90_000, &click()) })).await;
    report(&world, TEAPOTS, &yen(placed("A-2", NOON, 5_000, &click()))).await;
    settle(&world, NOON + 1).await;
    let days =
        "select format('%s %s %s', currency, orders, commission_minor) from order_daily order by currency";
    assert_eq!(texts(&world, days).await, ["EUR 1 100", "JPY 1 500"]);
    world.audit().await;
}

#[tokio::test]
async fn parked_events_take_no_part_until_somebody_has_looked_at_them() {
    let world = programme().await;
    report(&world, TEAPOTS, &placed("A-1", NOON, 1_000, &[token(ADA, NOON - MINUTE)])).await;
    report(&world, TEAPOTS, &completed("A-1", NOON + DAY)).await;
    report(&world, TEAPOTS, &completed("A-2", NOON)).await;
    world
        .sql(
            "alter table order_event disable trigger order_event_kept;
               update order_event set parked = 'backdated' where kind = 'completed';
               alter table order_event enable trigger order_event_kept",
        )
        .await;
    settle(&world, NOON + DAY).await;
    assert_eq!(order(&world, "A-1").await, "Pending 100: 100 pending, 0 payable, 0 paid");
    assert_eq!(world.number("select count(*) from customer_order").await, 1, "nothing is known of the other");
    world.audit().await;
    world.sql("update order_event set parked = null where order_ref = 'A-1' and parked is not null").await;
    world.sql("insert into order_due (vendor_id, order_ref) values (1, 'A-1')").await;
    settle(&world, NOON + DAY).await;
    assert_eq!(order(&world, "A-1").await, "Completed 100: 100 pending, 0 payable, 0 paid");
    world.audit().await;
}

#[tokio::test]
async fn an_order_that_cannot_be_settled_does_not_stop_the_others() {
    let world = programme().await;
    for n in 0..5 {
        report(&world, TEAPOTS, &placed(&format!("A-{n}"), NOON, 1_000, &[token(ADA, NOON - n - MINUTE)]))
            .await;
    }
    // One body is no event at all; another order's amounts break a rule of the table.
    world
        .sql(
            "alter table order_event disable trigger order_event_kept;
               update order_event set body = '{\"no\": \"event\"}' where order_ref = 'A-1';
               alter table order_event enable trigger order_event_kept;
               alter table customer_order add constraint planted check (order_ref <> 'A-3' or net_minor = 0)",
        )
        .await;
    let settled = settle_all(&world.stores, &keyring("1:active"), at(NOON)).await.expect("settled");
    assert_eq!(settled, Settled { orders: 3, put_aside: 2 });
    let again = settle_all(&world.stores, &keyring("1:active"), at(NOON)).await.expect("settled");
    assert_eq!(again, Settled::default(), "they are left alone for a while");
    let waiting = "select count(*) from order_due where queued_at > clock_timestamp()";
    assert_eq!(world.number(waiting).await, 2);
    world.audit().await;
    // Somebody mends them, and the time comes.
    world.sql("alter table customer_order drop constraint planted").await;
    let body = serde_json::to_string(&placed("A-1", NOON, 1_000, &[])).expect("plain data");
    world
        .sql(&format!(
            "alter table order_event disable trigger order_event_kept;
               update order_event set body = '{body}' where order_ref = 'A-1';
               alter table order_event enable trigger order_event_kept;
               update order_due set queued_at = queued_at - interval '{} seconds'",
            PUT_ASIDE.as_secs()
        ))
        .await;
    assert_eq!(settle(&world, NOON).await, Settled { orders: 2, put_aside: 0 });
    assert_eq!(world.number("select count(*) from customer_order where commission_minor = 100").await, 4);
    world.audit().await;
}

#[tokio::test]
async fn each_job_about_money_can_be_run_once() {
    let world = programme().await;
    report(&world, TEAPOTS, &placed("A-1", NOON, 1_000, &[token(ADA, NOON - MINUTE)])).await;
    world.sql("insert into payout_batch (currency, requested_by) values ('EUR', 'Olga')").await;
    let config = Config {
        database_url: runtime::Secret::new(world.owner_url.as_str()),
        redis_url: runtime::Secret::new(world.redis.aggregator_url.as_str()),
        master: Some(Master::parse(SECRET).expect("a secret")),
        token_keys: common::token::KeyStates::default(),
        partitions: crate::world::partitions(),
        flush_interval: std::time::Duration::from_secs(5),
        admin_listen: "127.0.0.1:0".parse().expect("an address"),
    };
    for (job, first, second) in [
        (JobName::Settle, "settled 1 orders", "settled 0 orders"),
        (
            JobName::Payout,
            "collected 1 batches, booked 0 lines, paid 0 batches",
            "collected 0 batches, booked 0 lines, paid 0 batches",
        ),
        (JobName::Convert, "worked out 1 links", "worked out 1 links"),
        (JobName::Audit, "the books are right", "the books are right"),
    ] {
        assert_eq!(once(&config, job).await.expect("done"), first);
        assert_eq!(once(&config, job).await.expect("done"), second);
    }
    let without = Config { master: None, ..config };
    let error = once(&without, JobName::Settle).await.expect_err("no secret");
    assert!(error.to_string().contains("LINKLEDGER_SECRET"), "{error}");
}
