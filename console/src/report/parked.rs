//! Events that shops reported and that take no part until somebody has looked at them.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;

/// One event of a shop, as a reviewer sees it.
#[derive(Debug, Clone)]
pub struct Parked {
    /// Whose it is.
    pub vendor_id: i64,
    /// The vendor's name.
    pub vendor: String,
    /// The shop's name for the event.
    pub event_id: String,
    /// The shop's name for the order.
    pub order_ref: String,
    /// `placed`, `refunded`, …
    pub kind: String,
    /// When it happened, says the shop.
    pub occurred_at: DateTime<Utc>,
    /// When we heard of it.
    pub received_at: DateTime<Utc>,
    /// By which way it came.
    pub source: String,
    /// Why it takes no part. `None`: it was let in.
    pub parked: Option<String>,
}

/// A place in the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// When we heard of it.
    pub at: DateTime<Utc>,
    /// Whose it is.
    pub vendor_id: i64,
    /// Its name.
    pub event_id: String,
}

impl Parked {
    /// Where it stands in the list.
    pub fn place(&self) -> Place {
        Place { at: self.received_at, vendor_id: self.vendor_id, event_id: self.event_id.clone() }
    }
}

/// The next parked events, those that have waited longest first.
pub async fn list(
    conn: &mut PgConnection,
    vendor: Option<i64>,
    after: Option<&Place>,
    limit: i64,
) -> sqlx::Result<Vec<Parked>> {
    sqlx::query_file_as!(
        Parked,
        "src/report/parked_events.sql",
        vendor,
        after.map(|place| place.at),
        after.map(|place| place.vendor_id),
        after.map(|place| place.event_id.as_str()),
        limit
    )
    .fetch_all(conn)
    .await
}

/// One event, parked or not.
pub async fn one(conn: &mut PgConnection, vendor_id: i64, event_id: &str) -> sqlx::Result<Option<Parked>> {
    sqlx::query_as!(
        Parked,
        "select e.vendor_id, v.name as vendor, e.event_id, e.order_ref, e.kind, e.occurred_at, e.received_at, e.source, \
         e.parked from order_event e join vendor v using (vendor_id) where e.vendor_id = $1 and e.event_id = $2",
        vendor_id,
        event_id
    )
    .fetch_optional(conn)
    .await
}
