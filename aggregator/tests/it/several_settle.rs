//! Several aggregators settling and paying at once, and some that are killed in the middle.

use std::sync::Arc;
use std::time::Duration;

use aggregator::Stores;
use aggregator::jobs::payout::payout;
use aggregator::jobs::settle::{run, settle_all};
use common::order::{Event, Kind};
use runtime::{Shutdown, clock};
use sqlx::Connection as _;

use crate::shop::*;

/// Orders in each test.
const ORDERS: u64 = 120;
/// When everything has matured.
const LATER: u64 = NOON + 40 * DAY;

/// Everything that happens to the orders of these tests, in an order in which nothing is where it belongs.
fn stories() -> Vec<Event> {
    let mut events = Vec::new();
    for n in 0..ORDERS {
        let order_ref = format!("A-{n}");
        let clicks = [token(ADA, NOON - 2 * MINUTE - n), token(BEN, NOON - MINUTE - n)];
        events.push((n % 7, refunded(&order_ref, "r1", NOON + DAY, (n % 10 * 100).cast_signed())));
        events.push((n % 5, completed(&order_ref, NOON)));
        events.push((n % 3, placed(&order_ref, NOON, 1_000, &clicks[..1])));
        let more = Event {
            event_id: format!("{order_ref}-more"),
            version: 1,
            ..placed(&order_ref, NOON + 1, 2_000, &clicks)
        };
        events.push((n % 11, more));
        if n % 13 == 0 {
            events.push((n % 2, event(&order_ref, Kind::Cancelled, NOON + DAY)));
        }
    }
    events.sort_by_key(|(round, _)| *round);
    events.into_iter().map(|(_, event)| event).collect()
}

/// Settles again and again beside others. What a neighbour holds up is tried again, as the job does.
async fn settle_on(stores: Stores, until: Shutdown) {
    while !until.is_stopping() {
        settle_all(&stores, &keyring("1:active"), at(LATER)).await.expect("settled");
        payout(&stores, at(LATER)).await.expect("paid out");
        tokio::time::sleep(Duration::from_millis(3)).await;
    }
}

/// The books of the same stories settled at once by one aggregator.
async fn books_of_one() -> String {
    let world = programme().await;
    let mut owner = world.owner().await;
    for event in stories() {
        report_on(&mut owner, TEAPOTS, &event).await;
    }
    settle(&world, LATER).await;
    books(&world).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_aggregators_at_once_come_to_the_books_of_one() {
    let world = Arc::new(programme().await);
    let until = Shutdown::new();
    let mut aggregators = tokio::task::JoinSet::new();
    for _ in 0..3 {
        aggregators.spawn(settle_on(world.another_aggregator(), until.clone()));
    }
    let mut owner = world.owner().await;
    for event in stories() {
        report_on(&mut owner, TEAPOTS, &event).await;
    }
    until.start();
    while let Some(ended) = aggregators.join_next().await {
        ended.expect("no aggregator failed");
    }
    settle(&world, LATER).await;
    world.audit().await;
    assert_same(&books(&world).await, &books_of_one().await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn orders_are_locked_in_the_order_of_their_keys() {
    let world = programme().await;
    let mut owner = world.owner().await;
    let refs = ["A-1", "A-2", "A-3"];
    // In the table they stand the other way round.
    for order_ref in refs.iter().rev() {
        report_on(&mut owner, TEAPOTS, &placed(order_ref, NOON, 1_000, &[token(ADA, NOON - MINUTE)])).await;
        settle(&world, NOON).await;
    }

    // Somebody holds the second; whoever names them the other way round waits there, with the first and not the third.
    let mut holding = owner.begin().await.expect("a transaction");
    let hold = "select order_ref from customer_order where order_ref = 'A-2' for no key update";
    sqlx::query(hold).execute(&mut *holding).await.expect("held");
    let mut another = world.owner().await;
    let waits = tokio::spawn(async move {
        let mut tx = another.begin().await.expect("a transaction");
        let reversed: Vec<&str> = refs.iter().rev().copied().collect();
        let found = sqlx::query(include_str!("../../src/jobs/settle/lock.sql"))
            .bind(vec![TEAPOTS; 3])
            .bind(reversed)
            .fetch_all(&mut *tx)
            .await;
        found.expect("all of them").len()
    });
    let waiting = "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'";
    let begun = clock::monotonic();
    while world.number(waiting).await == 0 {
        assert!(begun.elapsed() < Duration::from_secs(10), "nobody waits for the order that is held");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let mut other = world.owner().await;
    let free = sqlx::query_scalar("select order_ref from customer_order for no key update skip locked");
    let free: Vec<String> = free.fetch_all(&mut other).await.expect("what nobody has locked");
    assert_eq!(free, ["A-3"]);
    holding.rollback().await.expect("let go");
    assert_eq!(waits.await.expect("it ends"), refs.len());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_that_is_killed_at_any_moment_leaves_nothing_half_done() {
    let world = Arc::new(programme().await);
    let mut owner = world.owner().await;
    let (mut killed, mut through) = (0, 0);
    let mut whole = Duration::ZERO;
    for (n, event) in stories().into_iter().enumerate() {
        report_on(&mut owner, TEAPOTS, &event).await;
        if n % 8 == 0 {
            // Dropped between two awaits, its connections end and Postgres rolls back.
            let stores = world.another_aggregator();
            let begun = clock::monotonic();
            // Every second one lives as long as it likes; the others some part of what the last of those took.
            let attempt = n as u32 / 8;
            let life =
                if attempt.is_multiple_of(2) { Duration::from_mins(1) } else { whole * (attempt % 10) / 12 };
            let all = async { settle_all(&stores, &keyring("1:active"), at(LATER)).await };
            match tokio::time::timeout(life, all).await {
                Ok(settled) => {
                    settled.expect("settled");
                    whole = begun.elapsed();
                    through += 1;
                }
                Err(_) => killed += 1,
            }
            stores.postgres.close().await;
        }
    }
    println!("{killed} were killed in the middle, {through} came through");
    assert!(killed > 5 && through > 5, "both kinds are needed");
    settle(&world, LATER).await;
    world.audit().await;
    assert_same(&books(&world).await, &books_of_one().await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_payout_that_is_killed_again_and_again_pays_once() {
    let world = Arc::new(programme().await);
    let mut owner = world.owner().await;
    for event in stories() {
        report_on(&mut owner, TEAPOTS, &event).await;
    }
    settle(&world, LATER).await;
    let owed = world.number("select -sum(amount_minor) from ledger_entry where account = 'payable'").await;
    let begun = clock::monotonic();
    payout(&world.another_aggregator(), at(LATER)).await.expect("nothing is there yet");
    let batch = text(
        &world,
        "insert into payout_batch (currency, requested_by) values ('EUR', 'Olga') returning payout_batch_id",
    )
    .await;
    // Until a first look is through takes about half as long as booking.
    let step = begun.elapsed() / 12;
    for life in 0..60_u32 {
        if life == 30 {
            world
                .sql(&format!(
                    "update payout_batch set state = 'approved', decided_by = 'Pia', decided_at = now()
                 where payout_batch_id = '{batch}' and state = 'open'"
                ))
                .await;
        }
        let mut others = tokio::task::JoinSet::new();
        for n in 0..2 {
            let stores = world.another_aggregator();
            others.spawn(async move {
                let life = step * (life % 30) + step / 2 * n;
                drop(tokio::time::timeout(life, payout(&stores, at(LATER))).await);
                stores.postgres.close().await;
            });
        }
        while others.join_next().await.is_some() {}
        if life == 29 {
            payout(&world.stores, at(LATER)).await.expect("collected");
        }
    }
    payout(&world.stores, at(LATER)).await.expect("paid out");
    settle(&world, LATER).await;
    world.audit().await;
    assert_eq!(
        world.number("select -sum(amount_minor) from ledger_entry where account = 'cash'").await,
        owed
    );
    assert_eq!(world.number("select sum(paid_minor) from payout_line").await, owed);
    assert_eq!(world.number("select count(*) from ledger_tx where reason = 'payout'").await, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_is_settled_as_soon_as_intake_says_so() {
    let world = programme().await;
    let shutdown = Shutdown::new();
    shutdown.spawn_critical("settle", run(world.stores.clone(), keyring("1:active"), shutdown.clone()));
    let mut owner = world.owner().await;
    let settled = "select count(*) from customer_order where settled_at is not null";
    let mut waits = Vec::new();
    for n in 0..15 {
        // Off the beat of the poll, which would hide a listener that hears nothing.
        tokio::time::sleep(Duration::from_millis(137)).await;
        report_on(&mut owner, TEAPOTS, &placed(&format!("A-{n}"), NOON, 1_000, &[token(ADA, NOON - MINUTE)]))
            .await;
        let begun = clock::monotonic();
        sqlx::query("notify order_due").execute(&mut owner).await.expect("notified");
        while world.number(settled).await <= n {
            assert!(begun.elapsed() < Duration::from_secs(10), "order {n} is not settled");
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        waits.push(begun.elapsed());
    }
    shutdown.start();
    shutdown.drained().await.expect("it stops");
    waits.sort();
    println!("report to books: median {:?}, longest {:?}", waits[7], waits[14]);
    assert!(waits[7] < Duration::from_millis(400), "{waits:?}");
}
