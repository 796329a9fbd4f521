//! What happened to an affiliate, as the rows that say so are: nothing is written down twice to be told.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;

/// One thing that happened.
#[derive(Debug, Clone)]
pub(crate) struct Event {
    pub(crate) at: DateTime<Utc>,
    /// `application_approved`, `document_approved`, `document_rejected`, `request_approved`, `request_rejected`, `rate`,
    /// `credited`, `reversed` or `paid`.
    pub(crate) kind: String,
    /// The document's type, the vendor's name, or the order.
    pub(crate) subject: Option<String>,
    /// A reason, an answer, or whose order it was.
    pub(crate) note: Option<String>,
    /// Minor units, or the millionths of a rate.
    pub(crate) amount: Option<i64>,
    pub(crate) currency: Option<String>,
}

/// The newest of it.
pub(crate) async fn of_affiliate(
    conn: &mut PgConnection,
    affiliate_id: i64,
    limit: i64,
) -> sqlx::Result<Vec<Event>> {
    sqlx::query_file_as!(Event, "src/report/news.sql", affiliate_id, limit).fetch_all(conn).await
}
