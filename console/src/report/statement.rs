//! An affiliate's statement: what was owed, what was earned, reversed and paid since, and what is owed now.
//!
//! Invariant: *opening + earned − reversed − paid = closing*. The opening is read from the accounts that are owed, the
//! movements from the accounts on the other side, and the closing is worked out; that it is what the accounts hold at
//! the end is checked for every vendor, and a statement that does not add up is never shown.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use thiserror::Error;

/// Whose account, in which currency, over which span, and who asks.
#[derive(Debug, Clone)]
pub struct Question {
    /// The affiliate.
    pub affiliate_id: i64,
    /// The currency: there is one statement for each.
    pub currency: String,
    /// The first instant in it.
    pub from: DateTime<Utc>,
    /// The first instant not in it.
    pub to: DateTime<Utc>,
    /// Only what this vendor owes. `None`: all vendors.
    pub vendor_id: Option<i64>,
}

/// Sums over a span, in minor units.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sums {
    /// Owed at the beginning.
    pub opening_minor: i64,
    /// Commission credited.
    pub earned_minor: i64,
    /// Commission taken back: refunds, cancellations, credit that went elsewhere.
    pub reversed_minor: i64,
    /// Paid out.
    pub paid_minor: i64,
    /// Of what is owed at the end: waits for its hold days or a review.
    pub pending_minor: i64,
    /// Of what is owed at the end: goes into the next payout. Negative after a refund of something paid.
    pub payable_minor: i64,
}

/// Accounts that do not add up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the account closes with {closing_minor}, but {owed_minor} is owed")]
pub struct OffBalance {
    closing_minor: i64,
    owed_minor: i64,
}

impl Sums {
    /// Owed at the end.
    pub fn closing_minor(&self) -> i64 {
        self.opening_minor + self.earned_minor - self.reversed_minor - self.paid_minor
    }

    /// That the closing is what the accounts hold.
    pub fn check(&self) -> Result<(), OffBalance> {
        let (closing_minor, owed_minor) = (self.closing_minor(), self.pending_minor + self.payable_minor);
        if closing_minor == owed_minor { Ok(()) } else { Err(OffBalance { closing_minor, owed_minor }) }
    }

    /// These and those.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self {
            opening_minor: self.opening_minor + other.opening_minor,
            earned_minor: self.earned_minor + other.earned_minor,
            reversed_minor: self.reversed_minor + other.reversed_minor,
            paid_minor: self.paid_minor + other.paid_minor,
            pending_minor: self.pending_minor + other.pending_minor,
            payable_minor: self.payable_minor + other.payable_minor,
        }
    }
}

/// What one vendor owes.
#[derive(Debug, Clone)]
pub struct VendorSums {
    /// The vendor.
    pub vendor_id: i64,
    /// Its name.
    pub vendor: String,
    /// Its part.
    pub sums: Sums,
}

/// The sums of every vendor that has ever booked for the affiliate, by vendor.
pub async fn sums(conn: &mut PgConnection, question: &Question) -> sqlx::Result<Vec<VendorSums>> {
    let rows = sqlx::query_file!(
        "src/report/statement_sums.sql",
        question.affiliate_id,
        question.currency,
        question.from,
        question.to,
        question.vendor_id
    )
    .fetch_all(conn)
    .await?;
    let sums = rows.into_iter().map(|row| VendorSums {
        vendor_id: row.vendor_id,
        vendor: row.vendor,
        sums: Sums {
            opening_minor: row.opening_minor,
            earned_minor: row.earned_minor,
            reversed_minor: row.reversed_minor,
            paid_minor: row.paid_minor,
            pending_minor: row.pending_minor,
            payable_minor: row.payable_minor,
        },
    });
    Ok(sums.collect())
}

/// One booking of one order.
#[derive(Debug, Clone)]
pub struct Booking {
    /// The ledger transaction.
    pub ledger_tx_id: i64,
    /// When it was booked.
    pub at: DateTime<Utc>,
    /// `settle` or `payout`.
    pub reason: String,
    /// Whose order.
    pub vendor_id: i64,
    /// The shop's name for it.
    pub order_ref: String,
    /// The credited link, by number.
    pub link_id: i64,
    /// The order's public name.
    pub order_id: String,
    /// The credited link, by code.
    pub link: Option<String>,
    /// Commission credited.
    pub earned_minor: i64,
    /// Commission taken back.
    pub reversed_minor: i64,
    /// Paid out.
    pub paid_minor: i64,
    /// By how much pending commission grew.
    pub pending_minor: i64,
    /// By how much payable commission grew.
    pub payable_minor: i64,
}

/// A place in the list of bookings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// When it was booked.
    pub at: DateTime<Utc>,
    /// The ledger transaction.
    pub ledger_tx_id: i64,
    /// The link.
    pub link_id: i64,
    /// The order.
    pub order_ref: String,
}

/// The next bookings, as they were booked.
pub async fn bookings(
    conn: &mut PgConnection,
    question: &Question,
    after: Option<&Place>,
    limit: i64,
) -> sqlx::Result<Vec<Booking>> {
    sqlx::query_file_as!(
        Booking,
        "src/report/statement_lines.sql",
        question.affiliate_id,
        question.currency,
        question.from,
        question.to,
        question.vendor_id,
        after.map(|place| place.at),
        after.map(|place| place.ledger_tx_id),
        after.map(|place| place.link_id),
        after.map(|place| place.order_ref.as_str()),
        limit
    )
    .fetch_all(conn)
    .await
}

/// When a transaction was booked, if the asker may know of it.
pub async fn booked_at(
    conn: &mut PgConnection,
    vendor: Option<i64>,
    ledger_tx_id: i64,
) -> sqlx::Result<Option<DateTime<Utc>>> {
    sqlx::query_scalar!(
        "select at from ledger_tx where ledger_tx_id = $1 and ($2::bigint is null or vendor_id = $2)",
        ledger_tx_id,
        vendor
    )
    .fetch_optional(conn)
    .await
}

/// Who the statement is for.
#[derive(Debug, Clone)]
pub struct Holder {
    /// The username.
    pub username: String,
    /// The full name.
    pub name: String,
}

/// The affiliate, if the asker may know of it: a vendor knows those it has or had a partnership with.
pub async fn holder(
    conn: &mut PgConnection,
    vendor: Option<i64>,
    affiliate_id: i64,
) -> sqlx::Result<Option<Holder>> {
    sqlx::query_as!(
        Holder,
        "select username, name from affiliate a where affiliate_id = $1 and ($2::bigint is null or exists \
         (select from partnership p where p.vendor_id = $2 and p.affiliate_id = a.affiliate_id))",
        affiliate_id,
        vendor
    )
    .fetch_optional(conn)
    .await
}
