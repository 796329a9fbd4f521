//! What a shop reported last: a vendor sees whether its reports arrive, and what they became.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;

/// A report that was taken in.
#[derive(Debug, Clone)]
pub struct Received {
    /// The shop's name for the event.
    pub event_id: String,
    /// The shop's name for the order.
    pub order_ref: String,
    /// `placed`, `refunded`, …
    pub kind: String,
    /// By which way it came.
    pub source: String,
    /// When it came.
    pub received_at: DateTime<Utc>,
    /// It takes no part until somebody has looked at it.
    pub is_parked: bool,
    /// The order's public name. `None`: it was not worked out yet.
    pub order_id: Option<String>,
}

/// The newest `limit` reports of the vendor who asks, newest first. To anybody else there are none.
pub async fn newest(conn: &mut PgConnection, limit: i64) -> sqlx::Result<Vec<Received>> {
    sqlx::query_file_as!(Received, "src/report/received.sql", limit).fetch_all(conn).await
}
