//! An affiliate's money at a glance: what is owed, what was paid, and how the account moved month by month.
//!
//! Invariant: everything is read from the ledger, so it agrees with the statement to the minor unit.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;

use super::statement::Sums;

/// What an account holds in one currency.
#[derive(Debug, Clone)]
pub struct Balance {
    /// Of every amount.
    pub currency: String,
    /// Waits for its hold days or a review.
    pub pending_minor: i64,
    /// Goes into the next payout. Negative after a refund of something paid.
    pub payable_minor: i64,
    /// Paid out, ever.
    pub paid_minor: i64,
    /// When the next commission becomes payable.
    pub next_at: Option<DateTime<Utc>>,
}

/// An affiliate's balances, by currency.
pub async fn balances(conn: &mut PgConnection, affiliate_id: i64) -> sqlx::Result<Vec<Balance>> {
    sqlx::query_file_as!(Balance, "src/report/balances.sql", affiliate_id).fetch_all(conn).await
}

/// One payment.
#[derive(Debug, Clone)]
pub struct Payment {
    /// When it was booked.
    pub at: DateTime<Utc>,
    /// Who paid.
    pub vendor: String,
    /// Of the amount.
    pub currency: String,
    /// How much.
    pub paid_minor: i64,
    /// For how many orders.
    pub orders: i64,
}

/// The last payments to an affiliate, newest first.
pub async fn payments(conn: &mut PgConnection, affiliate_id: i64, limit: i64) -> sqlx::Result<Vec<Payment>> {
    sqlx::query_file_as!(Payment, "src/report/affiliate_payments.sql", affiliate_id, limit)
        .fetch_all(conn)
        .await
}

/// A month of an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Month {
    /// Its first instant.
    pub start: DateTime<Utc>,
    /// What was owed, what moved it, and what is owed at its end.
    pub sums: Sums,
}

/// Every month in which an account moved, oldest first, each opening with what the month before closed with.
pub async fn months(
    conn: &mut PgConnection,
    affiliate_id: i64,
    currency: &str,
    vendor_id: Option<i64>,
) -> sqlx::Result<Vec<Month>> {
    let rows = sqlx::query_file!("src/report/statement_months.sql", affiliate_id, currency, vendor_id)
        .fetch_all(conn)
        .await?;
    let mut opening_minor = 0;
    let mut months = Vec::with_capacity(rows.len());
    for row in rows {
        let sums = Sums {
            opening_minor,
            earned_minor: row.earned_minor,
            reversed_minor: row.reversed_minor,
            paid_minor: row.paid_minor,
            ..Sums::default()
        };
        opening_minor = sums.closing_minor();
        months.push(Month { start: row.month, sums });
    }
    Ok(months)
}
