//! The audit finds every kind of damage to orders and books, and names it.

use aggregator::audit::audit;
use aggregator::jobs::payout::payout;
use aggregator::jobs::settle::settle_all;

use crate::shop::*;
use crate::world::World;

/// When everything has matured.
const LATER: u64 = NOON + 40 * DAY;

/// A world in which something was sold, refunded, held and paid.
async fn busy() -> World {
    let world = programme().await;
    for n in 0..4_u64 {
        let (order_ref, click) = (format!("A-{n}"), token(if n == 3 { BEN } else { ADA }, NOON - MINUTE - n));
        report(&world, TEAPOTS, &placed(&order_ref, NOON, 1_000, &[click])).await;
        report(&world, TEAPOTS, &completed(&order_ref, NOON)).await;
    }
    report(&world, TEAPOTS, &placed("held", NOON, 1_000, &[token(ADA, NOON - 1)])).await;
    let settle = async || {
        settle_all(&world.stores, &keyring("1:active"), at(LATER)).await.expect("settled");
    };
    settle().await;
    world.sql("insert into payout_batch (currency, requested_by) values ('EUR', 'Olga')").await;
    payout(&world.stores, at(LATER)).await.expect("collected");
    world.sql("update payout_batch set state = 'approved', decided_by = 'Pia', decided_at = now()").await;
    payout(&world.stores, at(LATER)).await.expect("paid");
    report(&world, TEAPOTS, &refunded("A-1", "r1", NOON + DAY, 500)).await;
    settle().await;
    world
}

#[tokio::test]
async fn every_planted_damage_is_found() {
    let world = busy().await;
    world.audit().await;
    let damages = [
        ("update ledger_entry set amount_minor = amount_minor + 1 where account = 'expense' and order_ref = 'A-0'", "transactions_balance"),
        ("update ledger_entry set amount_minor = amount_minor + 1 where account = 'expense' and order_ref = 'A-0'", "ledger_is_zero"),
        ("delete from ledger_entry where order_ref = 'A-2'", "books_are_commission"),
        ("update ledger_entry set affiliate_id = 2 where order_ref = 'A-2'", "books_are_commission"),
        ("update ledger_entry set account = 'pending' where order_ref = 'A-2' and account = 'expense'", "commission_is_of_remains"),
        ("alter table customer_order drop constraint customer_order_check1; alter table customer_order drop constraint customer_order_check;
          update customer_order set refunded_minor = net_minor where order_ref = 'A-0'", "commission_is_of_remains"),
        ("update order_line set net_minor = net_minor + 1 where order_ref = 'A-0'", "lines_are_orders"),
        ("delete from order_line where order_ref = 'A-0'", "lines_are_orders"),
        ("update payout_line set amount_minor = 1, paid_minor = 1 where affiliate_id = 1", "cash_is_approved"),
        ("update payout_batch set state = 'rejected', paid_at = null", "cash_is_approved"),
        ("update ledger_tx set reason = 'settle' where reason = 'payout'", "cash_is_approved"),
        ("update payout_line set paid_minor = paid_minor - 1", "payouts_are_cash"),
        ("update customer_order set paid_minor = 0 where order_ref = 'A-0'", "orders_are_paid_in_cash"),
        ("update order_daily set orders = orders + 1 where link_id = 1", "days_are_orders"),
        ("delete from order_daily where link_id = 2", "days_are_orders"),
        ("update order_daily set commission_minor = commission_minor + 1 where link_id = 1", "days_are_ledger"),
        ("update order_daily set affiliate_id = affiliate_id + 1 where link_id = 1", "days_are_of_their_links"),
        ("update order_daily set vendor_id = null where link_id = 1", "days_are_of_their_links"),
        ("update ledger_entry set vendor_id = 2 where order_ref = 'A-0'", "one_vendor"),
        ("update customer_order set link_id = 4 where order_ref = 'A-0'", "one_vendor"),
        ("update customer_order set event_count = event_count - 1 where order_ref = 'A-0'", "events_are_folded"),
        ("delete from order_event where order_ref = 'A-0' and kind = 'completed'", "events_are_folded"),
        ("update ledger_entry set account = 'payable' where order_ref = 'held' and account = 'pending'", "held_is_not_payable"),
        ("update customer_order set is_held = false where order_ref = 'held'", "held_is_not_payable"),
        ("update affiliate_tally set affiliates = affiliates + 1", "tally_is_affiliates"),
        ("delete from affiliate_tally", "tally_is_affiliates"),
        ("alter table payout_batch drop constraint payout_batch_check; update payout_batch set decided_by = requested_by", "second_person"),
    ];
    for (damage, named) in damages {
        let mut owner = world.owner().await;
        world.sql(BACK_UP).await;
        let statements = format!("set session_replication_role = replica; {damage}");
        sqlx::Executor::execute(&mut owner, sqlx::raw_sql(sqlx::AssertSqlSafe(statements)))
            .await
            .expect(damage);
        let findings = audit(&world.stores).await.expect("asked");
        let found: Vec<&str> = findings.iter().filter(|f| f.violations != 0).map(|f| f.name).collect();
        assert!(found.contains(&named), "{damage}: {found:?}");
        world.sql(RESTORE).await;
        world.audit().await;
    }
    let names: std::collections::BTreeSet<&str> =
        audit(&world.stores).await.expect("asked").iter().map(|f| f.name).collect();
    for name in names.iter().filter(|name| !damages.iter().any(|(_, named)| named == *name)) {
        let is_elsewhere = crate::audit::COUNTED.contains(name) || crate::rollup::ROLLED.contains(name);
        assert!(is_elsewhere, "no damage is planted for {name}");
    }
}

/// Keeps a copy of every table of orders and money.
const BACK_UP: &str = "
    drop schema if exists backup cascade; create schema backup;
    create table backup.order_event as table order_event;
    create table backup.customer_order as table customer_order;
    create table backup.order_line as table order_line;
    create table backup.order_daily as table order_daily;
    create table backup.ledger_tx as table ledger_tx;
    create table backup.ledger_entry as table ledger_entry;
    create table backup.payout_batch as table payout_batch;
    create table backup.payout_line as table payout_line;
    create table backup.affiliate_tally as table affiliate_tally;";

/// Takes them back to the copy.
const RESTORE: &str = "
    set session_replication_role = replica;
    delete from order_event; delete from customer_order; delete from order_line; delete from order_daily;
    delete from ledger_entry; delete from ledger_tx; delete from payout_line; delete from payout_batch;
    delete from affiliate_tally;
    insert into affiliate_tally overriding system value table backup.affiliate_tally;
    insert into order_event table backup.order_event;
    insert into customer_order table backup.customer_order;
    insert into order_line table backup.order_line;
    insert into order_daily table backup.order_daily;
    insert into ledger_tx overriding system value table backup.ledger_tx;
    insert into ledger_entry table backup.ledger_entry;
    insert into payout_batch table backup.payout_batch;
    insert into payout_line table backup.payout_line;";
