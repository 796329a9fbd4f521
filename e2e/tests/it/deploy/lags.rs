//! What falls behind, and what is refused or fails one by one, is caused for real as well.

use std::fs;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use chrono::{DateTime, Utc};
use common::ids::Partitions;
use common::wire::PartitionKeys;
use rustix::process::Signal;
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};

use super::alarms::{Hung, LATE, alarms, click, is_firing, small, watch};
use super::prometheus::Prometheus;
use crate::edge::Edge;
use crate::house::{House, SOON, until};
use crate::orders::{NOT_FAST, SHOP, open_for_business, sale};

/// The number of the edge.
const EDGE: u16 = 6;
/// One segment and one half of the second: one spare is left.
const HALF_FULL: usize = 1_500;
/// Between two looks, and one more: `rate` needs a beginning.
const SCRAPED: Duration = Duration::from_millis(1_500);
/// An active bucket (its counts and where it begins) that begins elsewhere than where Postgres ends.
const MOVED: &str = "if redis.call('HLEN', KEYS[1]) == 0 then return 0 end \
                     for _, lane in ipairs(redis.call('HKEYS', KEYS[2])) do redis.call('HSET', KEYS[2], lane, 1) end";
/// One that counts more than the journals claim.
const MORE: &str =
    "for _, count in ipairs(redis.call('HKEYS', KEYS[1])) do redis.call('HINCRBY', KEYS[1], count, 1) end";
/// `rate` sees nothing of a counter's first step.
const TWICE: u32 = 2;
/// How often something is done that once might not show.
const ROUNDS: usize = 3;
/// Guesses at a password: `SignInsThrottled` counts one every two seconds, over ten minutes.
const GUESSES: usize = 400;
/// Orders that wait are too many above a thousand.
const MANY_ORDERS: usize = 1_001;
/// More readers than the console has connections.
const READERS: usize = 16;
/// Where a segment has records, and how much of them is overwritten.
const SPOILT: (u64, usize) = (8_192, 64);

#[tokio::test]
async fn what_lags_and_what_fails_one_by_one_is_told_when_it_happens() -> Result<()> {
    let house = House::open_with_env(&[
        ("CONSOLE_REQUESTS_PER_MINUTE", "1000000"),
        ("AGGREGATOR_FLUSH_INTERVAL", "1s"),
    ])?;
    house.programme(&["lagging0".to_owned()]).await?;
    open_for_business(&house).await?;
    let folder = tempfile::tempdir()?;
    let edge = Edge::start_by(small(), &house, EDGE, &folder.path().join("journal"))?;
    until("the other edge knows the link", SOON, || Ok(edge.click("/lagging0")?.token().is_some()))?;
    let Some(prometheus) = watch(&house, &edge, folder.path())? else { return Ok(()) };
    let mut scene = Scene { house, edge: Some(edge), prometheus };
    scene.the_edge_falls_behind().await?;
    scene.counts_do_not_arrive().await?;
    scene.orders_are_refused_or_wait().await?;
    scene.the_console_cannot().await?;
    scene.nobody_looks_or_gets_in().await
}

struct Scene {
    house: House,
    /// None while it is being started again.
    edge: Option<Edge>,
    prometheus: Prometheus,
}

impl Scene {
    fn told(&self, alerts: &[&str]) -> Result<()> {
        alerts.iter().try_for_each(|alert| alarms(&self.prometheus, alert))
    }

    /// Nobody is told yet. What lags for a moment, on a busy machine, is waited for.
    fn quiet(&self, alerts: &[&str]) -> Result<()> {
        alerts.iter().try_for_each(|alert| {
            until(&format!("{alert} is quiet"), SOON, || Ok(!is_firing(&self.prometheus, alert)?))
        })
    }

    fn edge(&self) -> Result<&Edge> {
        self.edge.as_ref().context("an edge")
    }

    async fn the_edge_falls_behind(&mut self) -> Result<()> {
        let hung = Hung::stop(self.house.pid("redis")?)?;
        change(&self.house, "update link set destination = destination || '/anew'").await?;
        click(self.edge()?, "/lagging0", HALF_FULL)?;
        self.told(&["EdgeJournalYellow", "EdgeShipLag", "EdgeShipStuck"])?;
        let after = ["PublishLag", "EdgeJournalDamaged"];
        self.quiet(&after)?;
        // What it has read already it would hand over unspoilt.
        let edge = self.edge.take().context("an edge")?;
        let meanwhile = |journal: &Path| spoil(journal).map(|()| drop(hung));
        self.edge = Some(edge.start_over(small(), &self.house, EDGE, meanwhile)?);
        self.told(&after)
    }

    async fn counts_do_not_arrive(&self) -> Result<()> {
        let after = ["FlushLag", "FlushStuck"];
        self.quiet(&after)?;
        let held = lock(&self.house, "click_hourly").await?;
        self.house.click("/lagging0")?;
        self.told(&after)?;
        held.close().await?;
        self.quiet(&["FlushSketches", "FlushConflicts"])?;
        let spoilt = change(&self.house, "update visit_daily set sketch = 'no sketch'").await?;
        ensure!(spoilt > 0, "nobody ever visited");
        self.house.click("/lagging0")?;
        self.told(&["FlushSketches"])?;
        meddle(&self.house, MOVED, TWICE, "aggregator_flush_verdicts_total{verdict=\"conflict\"}")?;
        // Perhaps already of what was spoilt above.
        meddle(&self.house, MORE, 1, "aggregator_flush_unclaimed_batches_total")?;
        self.told(&["FlushConflicts", "FlushUnclaimed"])
    }

    async fn orders_are_refused_or_wait(&self) -> Result<()> {
        let house = &self.house;
        let order = order(house)?;
        self.quiet(&["IntakeRefused", "SettleLag"])?;
        for _ in 0..ROUNDS {
            let refused = house.post("/v1/orders", SHOP, &json!({ "event_id": 1 }))?;
            ensure!(refused.status == 422, "{}: {}", refused.status, refused.body);
            std::thread::sleep(SCRAPED);
        }
        self.told(&["IntakeRefused"])?;
        accepted(house, &order(0))?;
        let settled = || house.metric("aggregator", "aggregator_settle_lag_seconds_count");
        until("it is settled", SOON, || Ok(settled()? > 0.0))?;
        std::thread::sleep(SCRAPED);
        let held = lock(house, "customer_order").await?;
        accepted(house, &order(1))?;
        std::thread::sleep(LATE + SCRAPED);
        held.close().await?;
        self.told(&["SettleLag"])?;
        let after = ["OrdersUnsettled", "OrderBacklog"];
        self.quiet(&after)?;
        let mishap = "create function made_up() returns trigger language plpgsql as $$ begin raise 'a mishap'; end $$;
                      create trigger made_up before insert on customer_order for each row execute function made_up()";
        change(house, mishap).await?;
        (2..2 + MANY_ORDERS).try_for_each(|n| accepted(house, &order(n)))?;
        self.told(&after)
    }

    async fn the_console_cannot(&self) -> Result<()> {
        let held_up = ["ConsolePoolExhausted", "ConsoleSlow", "IntakeFails"];
        self.quiet(&["MailsWaiting", "SignInsThrottled"])?;
        self.quiet(&held_up)?;
        lose_mails(&self.house)?;
        self.told(&["MailsWaiting"])?;
        guess(&self.house, ROUNDS * 20)?;
        std::thread::sleep(SCRAPED);
        guess(&self.house, GUESSES)?;
        self.told(&["SignInsThrottled"])?;
        let order = order(&self.house)?(0);
        let held = lock(&self.house, "link, order_event").await?;
        besiege(&self.house, &order, || self.told(&held_up))?;
        Ok(held.close().await?)
    }

    async fn nobody_looks_or_gets_in(&self) -> Result<()> {
        self.quiet(&["AuditMissing", "EdgeAcceptFails"])?;
        let held = lock(&self.house, "ledger_entry").await?;
        self.house.replace("aggregator", Signal::TERM)?;
        self.told(&["AuditMissing"])?;
        held.close().await?;
        turn_away(self.edge()?)?;
        self.told(&["EdgeAcceptFails"])
    }
}

/// Orders through a click of now, each of a number of its own.
fn order(house: &House) -> Result<impl Fn(usize) -> Value> {
    let token = house.click("/lagging0")?.token().context("a token")?.to_owned();
    let ordered = DateTime::<Utc>::from(runtime::clock::system_time()) + NOT_FAST;
    Ok(move |n| {
        let mut order = sale(&format!("event-{n}"), "placed", ordered, &token);
        order["order_ref"] = format!("A-{n}").into();
        order
    })
}

/// How many rows that were.
async fn change(house: &House, statements: &'static str) -> Result<u64> {
    Ok(sqlx::raw_sql(statements).execute(&mut house.database().await?).await?.rows_affected())
}

/// Nobody else reads or writes these tables until this is closed.
async fn lock(house: &House, tables: &str) -> Result<PgConnection> {
    let mut conn = house.database().await?;
    sqlx::query("begin").execute(&mut conn).await?;
    sqlx::query(AssertSqlSafe(format!("lock table {tables} in access exclusive mode")))
        .execute(&mut conn)
        .await?;
    Ok(conn)
}

/// A disk that gives back other bytes than it was given.
fn spoil(journal: &Path) -> Result<()> {
    let mut folders = vec![journal.to_owned()];
    let mut spoilt = 0;
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.metadata()?.len() >= SPOILT.0 * 2 {
                fs::File::options().write(true).open(path)?.write_all_at(&vec![0xA5; SPOILT.1], SPOILT.0)?;
                spoilt += 1;
            }
        }
    }
    ensure!(spoilt > 1, "{spoilt} segments");
    Ok(())
}

/// Something in Redis that was not so, while there is something to hand over, and a flush that notices, so many times.
fn meddle(house: &House, how: &str, times: u32, noticed: &str) -> Result<()> {
    let noticed = || house.metric("aggregator", noticed).unwrap_or_default();
    let before = noticed();
    let mut redis = redis::Client::open(house.redis_url.as_str())?.get_connection()?;
    for round in 1..=times {
        // Again and again: a bucket that is set back forgets it.
        until("the flush sees it", SOON, || {
            house.click("/lagging0")?;
            for partition in Partitions::STANDALONE.iter() {
                let PartitionKeys { counts, base, .. } = PartitionKeys::new(partition);
                redis::cmd("EVAL").arg(how).arg(2).arg(counts).arg(base).exec(&mut redis)?;
            }
            Ok(noticed() >= before + f64::from(round))
        })
        .with_context(|| house.logs())?;
        std::thread::sleep(SCRAPED);
    }
    Ok(())
}

fn accepted(house: &House, order: &Value) -> Result<()> {
    let reply = house.post("/v1/orders", SHOP, order)?;
    ensure!(reply.status == 201, "{}: {}", reply.status, reply.body);
    Ok(())
}

/// A folder for mails that is none.
fn lose_mails(house: &House) -> Result<()> {
    let folder = house.data().join("mails");
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    fs::write(&folder, "not a folder")?;
    let asked = house.post("/v1/password-resets", "", &json!({ "email": "operator@example.com" }))?;
    ensure!(asked.status < 300, "{}: {}", asked.status, asked.body);
    Ok(())
}

fn guess(house: &House, times: usize) -> Result<()> {
    for _ in 0..times {
        let guess = json!({ "email": "operator@example.com", "password": "a made-up password" });
        let refused = house.post("/v1/session", "", &guess)?;
        ensure!(matches!(refused.status, 401 | 429), "{}: {}", refused.status, refused.body);
    }
    Ok(())
}

/// Readers and a shop that come again and again while something is looked at.
fn besiege(house: &House, order: &Value, look: impl FnOnce() -> Result<()>) -> Result<()> {
    let is_over = AtomicBool::new(false);
    let again = |ask: &dyn Fn() -> Result<()>| {
        while !is_over.load(Ordering::Relaxed) {
            // Refused, or out of patience: that is what it is about.
            _ = ask();
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..READERS {
            scope.spawn(|| again(&|| house.console("/v1/reports/links?link=lagging0").map(drop)));
        }
        scope.spawn(|| again(&|| house.post("/v1/orders", SHOP, order).map(drop)));
        let seen = look();
        is_over.store(true, Ordering::Relaxed);
        seen
    })
}

/// No file more than it has: the kernel has nothing to give newcomers.
fn turn_away(edge: &Edge) -> Result<()> {
    let before = edge.limit_files(1)?;
    for _ in 0..ROUNDS {
        drop(std::net::TcpStream::connect(edge.listen)?);
        std::thread::sleep(SCRAPED);
    }
    edge.limit_files(before).map(drop)
}
