//! How fast orders are settled, beside a bare insert of the very rows that came of it, in the same run.
//!
//! The aggregator sleeps while the events are written, then wakes to a full queue. The bare insert is the best that
//! this Postgres can do with the result: the same rows into copies of the tables with their indexes and checks, in
//! transactions of as many orders, from one connection; nothing is read, folded, judged or locked.

use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use common::time::Millis;
use runtime::clock;
use serde::Serialize;
use sqlx::{Connection as _, PgConnection};

use super::books::Books;
use super::judge::{Findings, Payouts, judge};
use super::make::{Made, Maker, REAL_LASTS};
use super::reference::takes_part;
use super::settings::Config;
use super::{DRAIN_LIMIT, furnish, settled};
use crate::chaos::house::House;
use crate::chaos::schedule::{Act, Target};
use crate::chaos::strike::strike;
use crate::outcome::Outcome;
use crate::progress::Progress;

/// Events in one statement.
const CHUNK: usize = 2_000;
/// Between two looks at the queue: often enough for a figure of two digits, seldom enough to cost nothing.
const POLL: Duration = Duration::from_millis(50);

#[derive(Debug, Serialize)]
struct Report {
    seed: u64,
    events: u64,
    settle_seconds: f64,
    settled_per_second: f64,
    bare_rows: u64,
    bare_seconds: f64,
    bare_per_second: f64,
    /// Orders settled in the time that a bare insert takes for one.
    ratio: f64,
    violations: u64,
    #[serde(flatten)]
    findings: Findings,
}

/// Measures, and checks the books besides.
pub(super) async fn measure(
    config: &Config,
    house: &mut House,
    retired_at: Millis,
) -> anyhow::Result<Outcome> {
    let (world, purse) = furnish(config, house, retired_at).await?;
    let maker = Maker { seed: config.seed, events_max: config.events_max, world: &world, purse: &purse };
    let mut postgres =
        PgConnection::connect(house.database_url.expose()).await.context("cannot reach Postgres")?;
    strike(house, Act::Freeze(Target::Aggregator)).await;
    let events = load(&mut postgres, &maker, config.orders).await?;
    sqlx::raw_sql("analyze").execute(&mut postgres).await?;
    // Orders with real tokens lie a few seconds ahead: they mature by the same settling.
    while clock::now_ms() < purse.last_click().unwrap_or(world.made_at).plus(REAL_LASTS).0 {
        tokio::time::sleep(POLL).await;
    }

    let begun = clock::monotonic();
    strike(house, Act::Thaw(Target::Aggregator)).await;
    let settle = until_empty(&mut postgres, begun).await?;
    settled(&mut postgres, world.made_at).await?;
    let orders: i64 =
        sqlx::query_scalar("select count(*) from customer_order").fetch_one(&mut postgres).await?;
    let (bare, rows) = bare(&mut postgres).await?;

    let books = Books::read(&mut postgres).await?;
    let findings = judge(&maker, config.orders, books, Payouts::None, Millis(clock::now_ms()));
    let (settle, bare) = (settle.as_secs_f64(), bare.as_secs_f64());
    let report = Report {
        seed: config.seed,
        events,
        settle_seconds: settle,
        settled_per_second: orders as f64 / settle,
        bare_rows: rows,
        bare_seconds: bare,
        bare_per_second: orders as f64 / bare,
        ratio: bare / settle,
        violations: house.audit()?,
        findings,
    };
    Outcome::new(report.findings.differences == 0 && report.violations == 0, &report)
}

/// Writes all events and queues their orders, as the console would. Returns how many events there are.
async fn load(postgres: &mut PgConnection, maker: &Maker<'_>, orders: u64) -> anyhow::Result<u64> {
    let mut progress = Progress::start("events of orders", orders);
    let (mut rows, mut events) = (Rows::default(), 0);
    for number in 0..orders {
        rows.add(maker, &maker.make(number));
        if rows.bodies.len() >= CHUNK || number + 1 == orders {
            events += rows.bodies.len() as u64;
            std::mem::take(&mut rows).write(postgres).await?;
            progress.at(number, "");
        }
    }
    let queue = "insert into order_due (vendor_id, order_ref) \
        select distinct vendor_id, order_ref from order_event where parked is null";
    sqlx::query(queue).execute(postgres).await.context("cannot queue the orders")?;
    Ok(events)
}

#[derive(Default)]
struct Rows {
    vendors: Vec<i64>,
    bodies: Vec<String>,
    parked: Vec<bool>,
}

impl Rows {
    fn add(&mut self, maker: &Maker<'_>, made: &Made) {
        for (vendor, event) in made
            .parts()
            .into_iter()
            .flat_map(|((vendor, _), events)| events.into_iter().map(move |event| (vendor, event)))
        {
            self.vendors.push(vendor.0.into());
            self.bodies.push(serde_json::to_string(&event).expect("an event is JSON"));
            self.parked.push(!takes_part(maker.world, &event));
        }
    }

    async fn write(self, postgres: &mut PgConnection) -> anyhow::Result<()> {
        let written = sqlx::query(include_str!("events.sql"))
            .bind(&self.vendors)
            .bind(&self.bodies)
            .bind(&self.parked)
            .execute(postgres)
            .await
            .context("cannot write events")?;
        ensure!(written.rows_affected() == self.bodies.len() as u64, "events were there already");
        Ok(())
    }
}

/// From `begun` until the queue is empty.
async fn until_empty(postgres: &mut PgConnection, begun: Instant) -> anyhow::Result<Duration> {
    while sqlx::query_scalar("select exists (select from order_due)").fetch_one(&mut *postgres).await? {
        ensure!(begun.elapsed() < DRAIN_LIMIT, "the queue is not empty after {DRAIN_LIMIT:?}");
        tokio::time::sleep(POLL).await;
    }
    Ok(begun.elapsed())
}

/// Inserts what settling wrote once more, into empty copies of the tables. Returns the time, and how many rows.
async fn bare(postgres: &mut PgConnection) -> anyhow::Result<(Duration, u64)> {
    sqlx::raw_sql(include_str!("bare.sql"))
        .execute(&mut *postgres)
        .await
        .context("cannot make the copies")?;
    let batches: i64 =
        sqlx::query_scalar("select max(batch) + 1 from bare_order").fetch_one(&mut *postgres).await?;
    let (begun, mut rows) = (clock::monotonic(), 0);
    for batch in 0..batches {
        let mut tx = postgres.begin().await?;
        for statement in BARE {
            rows += sqlx::query(statement).bind(batch).execute(&mut *tx).await?.rows_affected();
        }
        tx.commit().await?;
    }
    Ok((begun.elapsed(), rows))
}

/// One batch of each table. The originals lie in memory; what is measured is the writing.
const BARE: [&str; 5] = [
    "insert into bare.customer_order select o.* from bare_order join customer_order o using (vendor_id, order_ref) where batch = $1",
    "insert into bare.order_line select o.* from bare_order join order_line o using (vendor_id, order_ref) where batch = $1",
    "insert into bare.order_candidate select o.* from bare_order join order_candidate o using (vendor_id, order_ref) where batch = $1",
    "insert into bare.ledger_tx select t.* from bare_order join bare_tx using (vendor_id, order_ref) join ledger_tx t using (vendor_id, ledger_tx_id) where batch = $1",
    "insert into bare.ledger_entry select o.* from bare_order join ledger_entry o using (vendor_id, order_ref) where batch = $1",
];
