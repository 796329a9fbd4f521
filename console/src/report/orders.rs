//! Orders as they stand: lists, one in detail, and what the shop reported of it.
//!
//! Invariant: every statement takes the vendor whose key asks. `None` is the programme; with a vendor, another vendor's
//! order is found as little as one that does not exist.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use common::order::Event;
use sqlx::PgConnection;

/// Events of one order that are read. A shop reports a handful; past this somebody's loop has gone wild.
const MAX_EVENTS: i64 = 5_000;

/// Other vendors' parts that are shown: an order's items are limited to 500, and so are its vendors.
const MAX_SIBLINGS: i64 = 500;

/// An order without its items.
#[derive(Debug, Clone)]
pub struct OrderFacts {
    /// Its public name.
    pub order_id: String,
    /// The shop's name for it.
    pub order_ref: String,
    /// Whose it is.
    pub vendor_id: i64,
    /// The vendor's name.
    pub vendor: String,
    /// `Pending`, `Completed`, …
    pub status: String,
    /// Of every amount. `None` while no event carried an amount.
    pub currency: Option<String>,
    /// Before refunds.
    pub net_minor: i64,
    /// Given back to the shopper.
    pub refunded_minor: i64,
    /// What the credited affiliate earns by it now.
    pub commission_minor: i64,
    /// What has been paid out for it.
    pub paid_minor: i64,
    /// The code of the credited link.
    pub link: Option<String>,
    /// Who is credited.
    pub affiliate_id: Option<i64>,
    /// The username of who is credited.
    pub affiliate: Option<String>,
    /// `click` or `coupon`.
    pub credited_by: Option<String>,
    /// Why nobody is credited.
    pub not_credited: Option<String>,
    /// When the credited click happened.
    pub click_at: Option<DateTime<Utc>>,
    /// Where the credited click came from, as a code.
    pub channel: Option<i16>,
    /// When the shopper ordered.
    pub placed_at: Option<DateTime<Utc>>,
    /// When the shop had fulfilled it.
    pub completed_at: Option<DateTime<Utc>>,
    /// When pending commission becomes payable.
    pub matures_at: Option<DateTime<Utc>>,
    /// Whether somebody must look at it before it is paid.
    pub is_held: bool,
    /// When it was last worked out.
    pub settled_at: Option<DateTime<Utc>>,
}

impl OrderFacts {
    /// The vendor's number, and what the shop calls it.
    pub fn key(&self) -> (i64, String) {
        (self.vendor_id, self.order_ref.clone())
    }

    /// When the shopper ordered: rates and terms are those of this instant.
    pub fn ordered_at(&self) -> Option<DateTime<Utc>> {
        self.placed_at.or(self.completed_at)
    }

    /// Where it stands in lists.
    pub fn place(&self) -> Place {
        let at = self.ordered_at().unwrap_or(DateTime::UNIX_EPOCH);
        Place { at, order_id: self.order_id.clone() }
    }
}

/// What a list of orders is narrowed to. Everything that is given must fit.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Of this vendor.
    pub vendor_id: Option<i64>,
    /// Credited to this affiliate.
    pub affiliate_id: Option<i64>,
    /// Credited to the link with this code.
    pub link: Option<String>,
    /// In this status.
    pub status: Option<String>,
    /// In this currency.
    pub currency: Option<String>,
    /// Ordered at this instant or later.
    pub from: Option<DateTime<Utc>>,
    /// Ordered before this instant.
    pub to: Option<DateTime<Utc>>,
    /// Held until somebody has looked at it, or not.
    pub is_held: Option<bool>,
    /// Called exactly this by the shop.
    pub order_ref: Option<String>,
}

/// A place in the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// When the order was placed.
    pub at: DateTime<Utc>,
    /// Its name, which decides between orders of one instant.
    pub order_id: String,
}

/// The next orders, newest first.
pub async fn list(
    conn: &mut PgConnection,
    filter: &Filter,
    after: Option<&Place>,
    limit: i64,
) -> sqlx::Result<Vec<OrderFacts>> {
    find(conn, filter, after, None, limit).await
}

/// One order by its name.
pub async fn one(
    conn: &mut PgConnection,
    vendor: Option<i64>,
    order_id: &str,
) -> sqlx::Result<Option<OrderFacts>> {
    let filter = Filter { vendor_id: vendor, ..Filter::default() };
    Ok(find(conn, &filter, None, Some(order_id), 1).await?.pop())
}

async fn find(
    conn: &mut PgConnection,
    filter: &Filter,
    after: Option<&Place>,
    order_id: Option<&str>,
    limit: i64,
) -> sqlx::Result<Vec<OrderFacts>> {
    sqlx::query_file_as!(
        OrderFacts,
        "src/report/order_facts.sql",
        filter.vendor_id,
        filter.affiliate_id,
        filter.link.as_deref(),
        filter.status.as_deref(),
        filter.currency.as_deref(),
        filter.from,
        filter.to,
        after.map(|place| place.at),
        after.map(|place| place.order_id.as_str()),
        order_id,
        limit,
        filter.is_held,
        filter.order_ref.as_deref()
    )
    .fetch_all(conn)
    .await
}

/// What was bought with each of these orders, named by vendor and reference: names of items, by the order's own name.
pub async fn products(
    conn: &mut PgConnection,
    orders: impl IntoIterator<Item = (i64, String)>,
) -> sqlx::Result<HashMap<String, Vec<String>>> {
    let (vendors, refs): (Vec<i64>, Vec<String>) = orders.into_iter().unzip();
    let rows = sqlx::query_file!("src/report/order_products.sql", &vendors, &refs).fetch_all(conn).await?;
    let mut names = HashMap::<String, Vec<String>>::new();
    for row in rows {
        names.entry(row.order_id).or_default().push(row.name);
    }
    Ok(names)
}

/// One item of an order.
#[derive(Debug, Clone)]
pub struct LineFacts {
    /// The shop's name for it.
    pub item_id: String,
    /// Which product it is.
    pub product_id: Option<i64>,
    /// What it is called.
    pub name: Option<String>,
    /// Pieces ordered.
    pub quantity: i32,
    /// Pieces given back.
    pub refunded_quantity: i32,
    /// Before refunds.
    pub net_minor: i64,
    /// Given back to the shopper.
    pub refunded_minor: i64,
    /// The rate that was in force, in millionths.
    pub rate_ppm: Option<i32>,
    /// `partnership` or `product`.
    pub rate_source: Option<String>,
    /// What it brings.
    pub commission_minor: i64,
}

impl LineFacts {
    /// What commission is taken of.
    pub fn remaining_minor(&self) -> i64 {
        self.net_minor - self.refunded_minor
    }
}

/// The items of an order, by name.
pub async fn lines(conn: &mut PgConnection, order: &OrderFacts) -> sqlx::Result<Vec<LineFacts>> {
    sqlx::query_as!(
        LineFacts,
        "select item_id, product_id, name, quantity, refunded_quantity, net_minor, refunded_minor, rate_ppm, rate_source, \
         commission_minor from order_line where vendor_id = $1 and order_ref = $2 order by item_id",
        order.vendor_id,
        order.order_ref
    )
    .fetch_all(conn)
    .await
}

/// Another vendor's part of the same order.
#[derive(Debug, Clone)]
pub struct Sibling {
    /// Its public name.
    pub order_id: String,
    /// The same for all parts.
    pub order_ref: String,
    /// Whose part it is.
    pub vendor_id: i64,
    /// The vendor's name.
    pub vendor: String,
    /// `Pending`, `Completed`, …
    pub status: String,
    /// Of the amounts.
    pub currency: Option<String>,
    /// Before refunds.
    pub net_minor: i64,
    /// Given back to the shopper.
    pub refunded_minor: i64,
    /// What its affiliate earns.
    pub commission_minor: i64,
}

/// The other vendors' parts of an order, by vendor. Only for the programme's eyes.
pub async fn siblings(conn: &mut PgConnection, order: &OrderFacts) -> sqlx::Result<Vec<Sibling>> {
    sqlx::query_file_as!(
        Sibling,
        "src/report/order_siblings.sql",
        order.vendor_id,
        order.order_ref,
        MAX_SIBLINGS
    )
    .fetch_all(conn)
    .await
}

/// What the shop reported, as it came.
#[derive(Debug, Clone)]
pub struct Reported {
    /// The shop's name for the event.
    pub event_id: String,
    /// `placed`, `refunded`, …
    pub kind: String,
    /// When it happened, says the shop.
    pub occurred_at: DateTime<Utc>,
    /// When we heard of it.
    pub received_at: DateTime<Utc>,
    /// By which way it came.
    pub source: String,
    /// Why it takes no part, if so.
    pub parked: Option<String>,
    /// The event, as JSON.
    pub body: String,
}

impl Reported {
    /// The event itself. What was stored was an event once, so anything else is damage.
    pub fn event(&self) -> Result<Event, serde_json::Error> {
        serde_json::from_str(&self.body)
    }
}

/// Everything the shop reported of an order, in the order it happened.
pub async fn events(conn: &mut PgConnection, order: &OrderFacts) -> sqlx::Result<Vec<Reported>> {
    sqlx::query_as!(
        Reported,
        r#"select event_id, kind, occurred_at, received_at, source, parked, body::text as "body!" from order_event
           where vendor_id = $1 and order_ref = $2 order by occurred_at, event_id limit $3"#,
        order.vendor_id,
        order.order_ref,
        MAX_EVENTS
    )
    .fetch_all(conn)
    .await
}
