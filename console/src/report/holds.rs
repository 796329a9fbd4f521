//! Holds: reasons to look at an order before its commission is paid.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;

/// Flags there are; an order has each of them once at most.
const FLAGS: i64 = 5;

/// One hold, with what a reviewer wants to know of its order.
#[derive(Debug, Clone)]
pub struct Hold {
    /// The order's public name.
    pub order_id: String,
    /// The shop's name for the order.
    pub order_ref: String,
    /// Whose order it is.
    pub vendor_id: i64,
    /// The vendor's name.
    pub vendor: String,
    /// What was noticed: `self_referral`, `fast_order`, …
    pub flag: String,
    /// The same in words.
    pub reason: String,
    /// `open`, `released` or `confirmed`.
    pub state: String,
    /// Since when.
    pub raised_at: DateTime<Utc>,
    /// Who decided.
    pub reviewed_by: Option<String>,
    /// When it was decided.
    pub reviewed_at: Option<DateTime<Utc>>,
    /// What the reviewer wrote.
    pub note: Option<String>,
    /// Of the order.
    pub order_status: String,
    /// Of the commission.
    pub currency: Option<String>,
    /// What is held.
    pub commission_minor: i64,
    /// Who would get it.
    pub affiliate: Option<String>,
}

/// A place in the list of holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// When it was raised.
    pub at: DateTime<Utc>,
    /// Of which order.
    pub order_id: String,
    /// And which of its holds.
    pub flag: String,
}

impl Hold {
    /// Where it stands in the list.
    pub fn place(&self) -> Place {
        Place { at: self.raised_at, order_id: self.order_id.clone(), flag: self.flag.clone() }
    }
}

/// The next holds in this state (`None`: any), those that have waited longest first.
pub async fn list(
    conn: &mut PgConnection,
    vendor: Option<i64>,
    state: Option<&str>,
    after: Option<&Place>,
    limit: i64,
) -> sqlx::Result<Vec<Hold>> {
    find(conn, vendor, state, after, (None, None), limit).await
}

/// The holds of one order.
pub async fn of_order(
    conn: &mut PgConnection,
    vendor: Option<i64>,
    order_id: &str,
) -> sqlx::Result<Vec<Hold>> {
    find(conn, vendor, None, None, (Some(order_id), None), FLAGS).await
}

/// One hold of one order.
pub async fn one(
    conn: &mut PgConnection,
    vendor: Option<i64>,
    order_id: &str,
    flag: &str,
) -> sqlx::Result<Option<Hold>> {
    Ok(find(conn, vendor, None, None, (Some(order_id), Some(flag)), 1).await?.pop())
}

async fn find(
    conn: &mut PgConnection,
    vendor: Option<i64>,
    state: Option<&str>,
    after: Option<&Place>,
    (order_id, flag): (Option<&str>, Option<&str>),
    limit: i64,
) -> sqlx::Result<Vec<Hold>> {
    sqlx::query_file_as!(
        Hold,
        "src/report/holds.sql",
        vendor,
        state,
        after.map(|place| place.at),
        after.map(|place| place.order_id.as_str()),
        after.map(|place| place.flag.as_str()),
        order_id,
        flag,
        limit
    )
    .fetch_all(conn)
    .await
}
