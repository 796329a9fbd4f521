//! How fast orders are settled, beside how fast Postgres takes the very same rows when nobody thinks about them.
//! Only the books are asserted; the rates are printed, as machines differ.

use std::time::Duration;

use aggregator::jobs::settle::settle_all;
use common::ids::LinkId;
use runtime::clock;
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};

use crate::shop::*;
use crate::world::World;

/// Orders in the measurement; `LINKLEDGER_SETTLE_ORDERS=100000` takes a few minutes.
const ORDERS: usize = 20_000;
/// Links that are credited, of two affiliates of one vendor.
const LINKS: u64 = 40;
/// Orders in one transaction of the bare insert, as in one batch of `settle`.
const BATCH: usize = 500;
/// Orders that go to Postgres in one statement before anything is measured.
const REPORTED: usize = 1_000;

/// What settling writes, referred to tables first.
const WRITTEN: [&str; 6] =
    ["customer_order", "order_line", "order_candidate", "ledger_tx", "ledger_entry", "order_daily"];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn settling_beside_a_bare_insert_of_the_same_rows() {
    let wanted = std::env::var_os("LINKLEDGER_SETTLE_ORDERS");
    let orders = wanted.and_then(|orders| orders.to_str()?.parse().ok()).unwrap_or(ORDERS);
    let world = programme().await;
    world.sql(&format!(
        "insert into link (code, vendor_id, affiliate_id, destination, created_at)
         select 'link-' || n, 1, 1 + n % 2, 'https://teapots.example.com/', '2026-01-01' from generate_series(5, {LINKS}) n"
    )).await;
    for from in (0..orders).step_by(REPORTED) {
        report_many(&world, from..orders.min(from + REPORTED)).await;
    }
    world.sql("analyze").await;
    let begun = clock::monotonic();
    let settled = settle_all(&world.stores, &keyring("1:active"), at(NOON)).await.expect("settled");
    let settling = begun.elapsed();
    assert_eq!((settled.orders, settled.put_aside), (orders, 0));
    world.audit().await;
    let begun = clock::monotonic();
    world.audit().await;
    let auditing = begun.elapsed();
    let commission = "select sum(amount_minor) from ledger_entry where account = 'expense'";
    let earned = world.number(commission).await;

    let bare = bare_insert(&world).await;
    assert_eq!(world.number(commission).await, earned, "the same rows");
    let rate = |took: Duration| orders as f64 / took.as_secs_f64();
    println!(
        "{orders} orders: settled {:.0} a second, bare insert of the same rows {:.0} a second, ratio {:.2}; audit {auditing:.1?}",
        rate(settling),
        rate(bare),
        rate(settling) / rate(bare)
    );
}

/// Reports one event of each of these orders, each with a click of its own.
async fn report_many(world: &World, orders: std::ops::Range<usize>) {
    let events: Vec<_> = orders
        .map(|n| {
            let n = n as u64;
            let link = LinkId(1 + n % LINKS);
            let link = if link == CLEO || link == ADA_KETTLES { ADA } else { link };
            placed(
                &format!("A-{n}"),
                NOON - n % 1_000,
                1_000 + (n % 500).cast_signed(),
                &[token(link, NOON - MINUTE - n)],
            )
        })
        .collect();
    let bodies: Vec<String> =
        events.iter().map(|event| serde_json::to_string(event).expect("plain data")).collect();
    sqlx::query(
        "with body as (select body::jsonb as body from unnest($1::text[]) as body),
         new as (
             insert into order_event (vendor_id, event_id, order_ref, kind, occurred_at, received_at, source, body, body_sha256)
             select 1, body ->> 'event_id', body ->> 'order_ref', body ->> 'kind', $2, $2, 'api', body, sha256('')
             from body
         )
         insert into order_due (vendor_id, order_ref) select 1, body ->> 'order_ref' from body",
    )
    .bind(bodies)
    .bind(at(NOON))
    .execute(&mut world.owner().await)
    .await
    .expect("reported");
}

/// Takes all rows away and writes them again, batch by batch, with every check and index in place.
async fn bare_insert(world: &World) -> Duration {
    world.sql(&format!(
        "create schema kept;
         create table kept.batch as
             select vendor_id, order_ref, (row_number() over (order by order_ref) - 1) / {BATCH} as batch from customer_order"
    )).await;
    for table in WRITTEN {
        let of = match table {
            "ledger_tx" => "(select vendor_id, ledger_tx_id, max(order_ref) as order_ref from ledger_entry group by 1, 2) e
                            using (vendor_id, ledger_tx_id) join kept.batch using (vendor_id, order_ref)",
            "order_daily" => "(select 0 as batch) batch on true",
            _ => "kept.batch using (vendor_id, order_ref)",
        };
        world.sql(&format!(
            "create table kept.{table} as select batch, written as row from public.{table} as written join {of};
             create index on kept.{table} (batch)"
        )).await;
    }
    let batches = world.number("select max(batch) + 1 from kept.batch").await;
    world.sql(FORGET_ORDERS).await;
    let mut owner = world.owner().await;
    let begun = clock::monotonic();
    for batch in 0..batches {
        insert_batch(&mut owner, batch).await;
    }
    begun.elapsed()
}

async fn insert_batch(owner: &mut PgConnection, batch: i64) {
    let mut tx = owner.begin().await.expect("begun");
    for table in WRITTEN {
        let insert = format!(
            "insert into {table} overriding system value select (row).* from kept.{table} where batch = $1"
        );
        sqlx::query(AssertSqlSafe(insert)).bind(batch).execute(&mut *tx).await.expect("inserted");
    }
    tx.commit().await.expect("committed");
}
