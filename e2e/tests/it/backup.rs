//! The rehearsal of a bad day: Postgres comes back as it was in the last backup. The edges send again what they counted
//! since, the shops report again what they reported since, and the books are what they would have been.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};

use crate::house::{House, SOON, until};
use crate::orders::{NOT_FAST, SHOP, event, open_for_business, sale};

/// Clicks before and after the backup.
const BEFORE: u64 = 15;
const AFTER: u64 = 25;

/// What a programme's books say, whatever way led there.
#[derive(Debug, PartialEq, Eq)]
struct Books {
    clicks: Value,
    ledger: Vec<(String, i64)>,
    orders: Vec<(String, i64, i64)>,
}

async fn books(house: &House) -> Result<Books> {
    let mut conn = house.database().await?;
    // What is pending matures by the clock, whatever happened before: both are what is owed.
    let ledger = sqlx::query_as(
        "select case when account in ('pending', 'payable') then 'owed' else account end as place,
                sum(amount_minor)::bigint
         from ledger_entry group by place order by place",
    )
    .fetch_all(&mut conn)
    .await?;
    let orders = sqlx::query_as(
        "select order_ref, net_minor::bigint, commission_minor::bigint from customer_order order by order_ref",
    )
    .fetch_all(&mut conn)
    .await?;
    Ok(Books { clicks: house.report("saved000")?["human_clicks"].clone(), ledger, orders })
}

/// A base backup as the manual describes it: the files between start and stop, their log, and the label that says so.
async fn back_up(house: &House, to: &Path) -> Result<()> {
    let mut conn = house.database().await?;
    let data = house.data().join("postgres/data").canonicalize()?;
    sqlx::query("select pg_backup_start('rehearsal', true)").execute(&mut conn).await?;
    copy(&data, to)?;
    let (label,): (String,) =
        sqlx::query_as("select labelfile from pg_backup_stop()").fetch_one(&mut conn).await?;
    std::fs::remove_dir_all(to.join("pg_wal"))?;
    copy(&data.join("pg_wal"), &to.join("pg_wal"))?;
    std::fs::remove_file(to.join("postmaster.pid"))?;
    // In place of a file that has the right owner and rights.
    std::fs::copy(to.join("PG_VERSION"), to.join("backup_label"))?;
    give_to_owner_of(&data, &to.join("backup_label"))?;
    Ok(std::fs::write(to.join("backup_label"), label)?)
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    // Files that vanish while a running server is copied are in its log.
    let output = Command::new("cp").arg("-a").arg(from).arg(to).output()?;
    ensure!(to.is_dir(), "cp: {}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}

fn give_to_owner_of(like: &Path, path: &Path) -> Result<()> {
    use std::os::unix::fs::MetadataExt as _;
    let owner = std::fs::metadata(like)?;
    Ok(std::os::unix::fs::chown(path, Some(owner.uid()), Some(owner.gid()))?)
}

fn report(house: &House, events: &[Value]) -> Result<Vec<u16>> {
    events.iter().map(|event| Ok(house.post("/v1/orders", SHOP, event)?.status)).collect()
}

fn order(reference: &str, mut event: Value) -> Value {
    event["order_ref"] = reference.into();
    event
}

/// Waits until this many orders are in the books, and no event waits to be.
async fn settled(house: &House, orders: i64) -> Result<()> {
    let mut conn = house.database().await?;
    let began = runtime::clock::monotonic();
    loop {
        let now: (i64, i64) =
            sqlx::query_as("select (select count(*) from order_due), (select count(*) from customer_order)")
                .fetch_one(&mut conn)
                .await?;
        if now == (0, orders) {
            return Ok(());
        }
        ensure!(began.elapsed() < SOON, "{} events wait, {} orders of {orders} are there", now.0, now.1);
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test]
async fn postgres_from_an_old_backup_ends_with_the_same_books() -> Result<()> {
    let mut house = House::open()?;
    house.programme(&["saved000".to_owned()]).await?;
    open_for_business(&house).await?;
    let click = |house: &House, n: u64| -> Result<String> {
        let mut token = String::new();
        for _ in 0..n {
            house.click("/saved000")?.token().context("a token")?.clone_into(&mut token);
        }
        Ok(token)
    };
    let counted = |house: &House, n: u64| {
        until(&format!("{n} clicks are counted"), SOON, || Ok(house.report("saved000")?["human_clicks"] == n))
    };

    let first = click(&house, BEFORE)?;
    counted(&house, BEFORE)?;
    let soon = || DateTime::<Utc>::from(runtime::clock::system_time()) + NOT_FAST;
    let ordered = soon();
    let early = [sale("one", "placed", ordered, &first)];
    ensure!(report(&house, &early)? == [201], "the first order is new");
    settled(&house, 1).await?;
    let backup: PathBuf = house.data().join("postgres").canonicalize()?.join("backup");
    back_up(&house, &backup).await?;

    let second = click(&house, AFTER)?;
    counted(&house, BEFORE + AFTER)?;
    let ordered_late = soon();
    let mut refund = event("back", "refunded", ordered + TimeDelta::seconds(2));
    refund["currency"] = "EUR".into();
    refund["refund"] =
        json!({ "refund_id": "r1", "items": [{ "item_id": "1", "quantity": 1, "amount_minor": 4_990 }] });
    let late = [
        event("done", "completed", ordered + TimeDelta::seconds(1)),
        refund,
        order("A-1002", sale("two", "placed", ordered_late, &second)),
        order("A-1002", event("two done", "completed", ordered_late + TimeDelta::seconds(1))),
    ];
    ensure!(report(&house, &late)? == [201; 4], "all of it is new");
    settled(&house, 2).await?;
    let expect = books(&house).await?;
    ensure!(expect.orders.len() == 2 && !expect.ledger.is_empty(), "{expect:?}");
    house.audit()?;

    house.reopen_after(|_| {
        let data = backup.with_file_name("data");
        std::fs::remove_dir_all(&data)?;
        Ok(std::fs::rename(&backup, &data)?)
    })?;

    // The clicks come back by themselves: the journals have them.
    counted(&house, BEFORE + AFTER)?;
    // What shops report they keep and repeat: what is there is there, the rest is new.
    ensure!(report(&house, &early)? == [200], "the first order was in the backup");
    ensure!(report(&house, &late)? == [201; 4], "the rest was not");
    settled(&house, 2).await?;
    let now = books(&house).await?;
    ensure!(now == expect, "the books are {now:?}, and were {expect:?}");
    let difference = house.metric("aggregator", "aggregator_conservation_difference_clicks")?;
    ensure!(difference.abs() < 0.5, "the books differ by {difference} clicks");
    house.audit()
}
