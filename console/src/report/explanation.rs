//! Why an order is credited as it is: everything that was decided, as it is stored.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use sqlx::PgConnection;

use super::orders::OrderFacts;

/// Clicks and coupons of one order that are shown. An event brings 20 at most.
const MAX_CANDIDATES: i64 = 1_000;

/// Ledger entries of one order that are shown: far more than any order's refunds and payouts make.
const MAX_ENTRIES: i64 = 5_000;

/// A click or a coupon that an order came with.
#[derive(Debug, Clone)]
pub struct Candidate {
    /// `click` or `coupon`.
    pub kind: String,
    /// The token as it came, or the coupon code.
    pub candidate: String,
    /// Why the token's signature was not believed.
    pub refused: Option<String>,
    /// Why it was credited or not.
    pub verdict: String,
    /// When the click happened.
    pub click_at: Option<DateTime<Utc>>,
    /// Where it came from, as a code.
    pub channel: Option<i16>,
    /// The code of its link. `None`: unknown, or another vendor's and not for the asker to see.
    pub link: Option<String>,
    /// Whose link it is.
    pub affiliate_id: Option<i64>,
    /// The username of whose link it is.
    pub affiliate: Option<String>,
}

/// All candidates, clicks first, as they happened. `vendor` is who asks.
pub async fn candidates(
    conn: &mut PgConnection,
    vendor: Option<i64>,
    order: &OrderFacts,
) -> sqlx::Result<Vec<Candidate>> {
    sqlx::query_file_as!(
        Candidate,
        "src/report/order_candidates.sql",
        order.vendor_id,
        order.order_ref,
        vendor,
        MAX_CANDIDATES
    )
    .fetch_all(conn)
    .await
}

/// How a vendor credits orders.
#[derive(Debug, Clone)]
pub struct Terms {
    /// From when on.
    pub since: DateTime<Utc>,
    /// How old a click may be.
    pub window_days: i32,
    /// How long commission is held after completion.
    pub hold_days: i32,
    /// `last_click` or `first_click`.
    pub attribution: String,
}

/// The terms that were in force at an instant.
pub async fn terms(
    conn: &mut PgConnection,
    vendor_id: i64,
    at: DateTime<Utc>,
) -> sqlx::Result<Option<Terms>> {
    sqlx::query_as!(
        Terms,
        "select since, window_days, hold_days, attribution from vendor_terms \
         where vendor_id = $1 and since <= $2 order by since desc limit 1",
        vendor_id,
        at
    )
    .fetch_optional(conn)
    .await
}

/// Since when the rate of each item has been in force, by item.
pub async fn rates_since(
    conn: &mut PgConnection,
    order: &OrderFacts,
    at: DateTime<Utc>,
) -> sqlx::Result<HashMap<String, DateTime<Utc>>> {
    let rows = sqlx::query_file!(
        "src/report/order_rates.sql",
        order.vendor_id,
        order.order_ref,
        at,
        order.affiliate_id.unwrap_or_default()
    )
    .fetch_all(conn)
    .await?;
    Ok(rows.into_iter().filter_map(|row| Some((row.item_id, row.since?))).collect())
}

/// One side of a booking.
#[derive(Debug, Clone)]
pub struct Entry {
    /// Which booking it belongs to.
    pub ledger_tx_id: i64,
    /// When it was booked.
    pub at: DateTime<Utc>,
    /// `settle` or `payout`.
    pub reason: String,
    /// `expense`, `pending`, `payable` or `cash`.
    pub account: String,
    /// Of the amount.
    pub currency: String,
    /// Debits are positive.
    pub amount_minor: i64,
    /// The code of the link it is about.
    pub link: Option<String>,
    /// The username of whom it is about.
    pub affiliate: String,
}

/// What was booked for an order, in order.
pub async fn ledger(conn: &mut PgConnection, order: &OrderFacts) -> sqlx::Result<Vec<Entry>> {
    sqlx::query_file_as!(Entry, "src/report/order_ledger.sql", order.vendor_id, order.order_ref, MAX_ENTRIES)
        .fetch_all(conn)
        .await
}
