//! What Postgres says of every order, read in one snapshot.

use std::collections::{BTreeMap, HashMap};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use anyhow::Context as _;
use chrono::{DateTime, NaiveDate, Utc};
use common::ids::LinkId;
use common::ledger::{Account, Position};
use common::order::Event;
use common::time::{Day, Millis};
use sqlx::{Connection as _, PgConnection};

/// An order's name: its vendor, and what that calls it.
pub(super) type Name = (u32, String);
/// A row of `order_daily`: orders, revenue, commission.
pub(super) type Daily = BTreeMap<(LinkId, Day, String), (i64, i64, i64)>;

/// The books of one moment.
#[derive(Debug, Default)]
pub(super) struct Books {
    pub(super) orders: HashMap<Name, Stored>,
    /// What is stored of each event, as [`print_of`] puts it, by [`name_of`].
    pub(super) events: HashMap<u64, u64>,
    pub(super) daily: Daily,
}

/// An order as stored.
#[derive(Debug, Default)]
pub(super) struct Stored {
    pub(super) row: Row,
    pub(super) lines: BTreeMap<String, LineRow>,
    pub(super) positions: BTreeMap<Position, i64>,
    pub(super) verdicts: BTreeMap<String, String>,
    pub(super) flags: Vec<String>,
}

/// A row of `customer_order`.
#[derive(Debug, Default, sqlx::FromRow)]
pub(super) struct Row {
    vendor_id: i64,
    order_ref: String,
    pub(super) status: String,
    pub(super) currency: Option<String>,
    pub(super) net_minor: i64,
    pub(super) refunded_minor: i64,
    pub(super) commission_minor: i64,
    pub(super) paid_minor: i64,
    pub(super) link_id: Option<i64>,
    pub(super) affiliate_id: Option<i64>,
    pub(super) credited_by: Option<String>,
    pub(super) placed_at: Option<DateTime<Utc>>,
    pub(super) completed_at: Option<DateTime<Utc>>,
    pub(super) is_held: bool,
    pub(super) event_count: i32,
}

/// A row of `order_line`.
#[derive(Debug, PartialEq, Eq, sqlx::FromRow)]
pub(super) struct LineRow {
    vendor_id: i64,
    order_ref: String,
    item_id: String,
    pub(super) net_minor: i64,
    pub(super) refunded_minor: i64,
    pub(super) rate_ppm: Option<i32>,
    pub(super) rate_source: Option<String>,
    pub(super) commission_minor: i64,
}

#[cfg(test)]
impl From<&super::reference::Line> for LineRow {
    fn from(line: &super::reference::Line) -> Self {
        Self {
            vendor_id: 0,
            order_ref: String::new(),
            item_id: line.item_id.clone(),
            net_minor: line.net_minor,
            refunded_minor: line.refunded_minor,
            rate_ppm: line.rate_ppm.map(u32::cast_signed),
            rate_source: line.rate_source.map(str::to_owned),
            commission_minor: line.commission_minor,
        }
    }
}

impl Books {
    pub(super) async fn read(postgres: &mut PgConnection) -> anyhow::Result<Self> {
        let mut tx = postgres.begin().await.context("cannot reach Postgres")?;
        sqlx::query("set transaction isolation level repeatable read, read only").execute(&mut *tx).await?;
        let mut books = Self::default();
        books.orders(&mut tx).await.context("cannot read customer_order")?;
        books.lines(&mut tx).await.context("cannot read order_line")?;
        books.positions(&mut tx).await.context("cannot read ledger_entry")?;
        books.verdicts(&mut tx).await.context("cannot read order_candidate")?;
        books.events(&mut tx).await.context("cannot read order_event")?;
        books.daily(&mut tx).await.context("cannot read order_daily")?;
        tx.rollback().await?;
        Ok(books)
    }

    fn order(&mut self, vendor: i64, order_ref: String) -> &mut Stored {
        self.orders.entry((vendor as u32, order_ref)).or_default()
    }

    async fn orders(&mut self, tx: &mut PgConnection) -> anyhow::Result<()> {
        let statement = "select vendor_id, order_ref, status, currency, net_minor, refunded_minor, commission_minor, \
            paid_minor, link_id, affiliate_id, credited_by, placed_at, completed_at, is_held, event_count \
            from customer_order";
        let rows: Vec<Row> = sqlx::query_as(statement).fetch_all(tx).await?;
        for row in rows {
            let order = self.order(row.vendor_id, row.order_ref.clone());
            order.row = row;
        }
        Ok(())
    }

    async fn lines(&mut self, tx: &mut PgConnection) -> anyhow::Result<()> {
        let statement = "select vendor_id, order_ref, item_id, net_minor, refunded_minor, rate_ppm, rate_source, \
            commission_minor from order_line";
        let rows: Vec<LineRow> = sqlx::query_as(statement).fetch_all(tx).await?;
        for row in rows {
            let lines = &mut self.order(row.vendor_id, row.order_ref.clone()).lines;
            lines.insert(row.item_id.clone(), row);
        }
        Ok(())
    }

    async fn positions(&mut self, tx: &mut PgConnection) -> anyhow::Result<()> {
        let statement = "select vendor_id, order_ref, affiliate_id, link_id, currency, account, \
            sum(amount_minor)::bigint from ledger_entry group by 1, 2, 3, 4, 5, 6";
        let rows: Vec<(i64, String, i64, i64, String, String, i64)> =
            sqlx::query_as(statement).fetch_all(tx).await?;
        for (vendor, order_ref, affiliate, link, currency, account, amount) in rows {
            let position = Position {
                affiliate: affiliate.cast_unsigned(),
                link: LinkId(link.cast_unsigned()),
                currency: currency.parse()?,
                account: Account::from_name(&account).context("an account that is not known")?,
            };
            self.order(vendor, order_ref).positions.insert(position, amount);
        }
        Ok(())
    }

    async fn verdicts(&mut self, tx: &mut PgConnection) -> anyhow::Result<()> {
        let statement = "select vendor_id, order_ref, candidate, verdict from order_candidate";
        let rows: Vec<(i64, String, String, String)> = sqlx::query_as(statement).fetch_all(&mut *tx).await?;
        for (vendor, order_ref, candidate, verdict) in rows {
            self.order(vendor, order_ref).verdicts.insert(candidate, verdict);
        }
        let rows: Vec<(i64, String, String)> =
            sqlx::query_as("select vendor_id, order_ref, flag from hold").fetch_all(tx).await?;
        for (vendor, order_ref, flag) in rows {
            self.order(vendor, order_ref).flags.push(flag);
        }
        Ok(())
    }

    async fn events(&mut self, tx: &mut PgConnection) -> anyhow::Result<()> {
        let vendors: Vec<i64> =
            sqlx::query_scalar("select vendor_id from vendor").fetch_all(&mut *tx).await?;
        for vendor in vendors {
            let statement = "select body::text, parked is null from order_event where vendor_id = $1";
            let rows: Vec<(String, bool)> =
                sqlx::query_as(statement).bind(vendor).fetch_all(&mut *tx).await?;
            for (body, takes_part) in rows {
                let event: Event = serde_json::from_str(&body).context("a stored event")?;
                self.events.insert(name_of(vendor as u32, &event.event_id), print_of(&event, takes_part));
            }
        }
        Ok(())
    }

    async fn daily(&mut self, tx: &mut PgConnection) -> anyhow::Result<()> {
        let statement =
            "select link_id, day, currency, orders, revenue_minor, commission_minor from order_daily";
        let rows: Vec<(i64, NaiveDate, String, i64, i64, i64)> =
            sqlx::query_as(statement).fetch_all(tx).await?;
        for (link, day, currency, orders, revenue, commission) in rows {
            let day = Day::from_date(day).context("a day before 1970")?;
            self.daily.insert((LinkId(link.cast_unsigned()), day, currency), (orders, revenue, commission));
        }
        Ok(())
    }
}

/// What an event is found by.
pub(super) fn name_of(vendor: u32, event_id: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    (vendor, event_id).hash(&mut hasher);
    hasher.finish()
}

/// What tells an event from any other, and whether it takes part. Hundreds of thousands of events fit into memory so.
pub(super) fn print_of(event: &Event, takes_part: bool) -> u64 {
    let mut hasher = DefaultHasher::new();
    (serde_json::to_vec(event).unwrap_or_default(), takes_part).hash(&mut hasher);
    hasher.finish()
}

/// Postgres' instant in milliseconds.
pub(super) fn millis(at: DateTime<Utc>) -> Millis {
    Millis(u64::try_from(at.timestamp_millis()).unwrap_or_default())
}
