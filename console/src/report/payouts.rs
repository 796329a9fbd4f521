//! Payouts: batches, what each affiliate gets, and of which orders.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;

/// Lines of a batch that are read: affiliates times vendors. The export of so many has 20 MB.
pub const MAX_LINES: i64 = 100_000;

/// Orders of a batch that are shown, over all lines; the answer says when there are more.
pub const MAX_ORDERS: i64 = 10_000;

/// One batch, with the sums of its lines.
#[derive(Debug, Clone)]
pub struct Batch {
    /// Its name.
    pub payout_batch_id: String,
    /// Of one vendor. `None`: of the whole programme.
    pub vendor_id: Option<i64>,
    /// The vendor's name.
    pub vendor: Option<String>,
    /// Of every amount.
    pub currency: String,
    /// Who is owed less waits for the next batch.
    pub minimum_minor: i64,
    /// `requested`, `open`, `empty`, `approved`, `paid` or `rejected`.
    pub state: String,
    /// Who asked for it.
    pub requested_by: String,
    /// When.
    pub requested_at: DateTime<Utc>,
    /// When its lines were collected.
    pub collected_at: Option<DateTime<Utc>>,
    /// The second person.
    pub decided_by: Option<String>,
    /// When the second person decided.
    pub decided_at: Option<DateTime<Utc>>,
    /// What the second person wrote.
    pub note: Option<String>,
    /// When it was booked.
    pub paid_at: Option<DateTime<Utc>>,
    /// How many lines it has.
    pub lines: i64,
    /// Collected, over all lines.
    pub amount_minor: i64,
    /// Paid, over all lines.
    pub paid_minor: i64,
}

/// A place in the list of batches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// When it was requested.
    pub at: DateTime<Utc>,
    /// Its name.
    pub payout_batch_id: String,
}

impl Batch {
    /// Where it stands in the list.
    pub fn place(&self) -> Place {
        Place { at: self.requested_at, payout_batch_id: self.payout_batch_id.clone() }
    }
}

/// What a list of batches is narrowed to.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Of this vendor. Batches of the whole programme are nobody's but the programme's.
    pub vendor_id: Option<i64>,
    /// In this state.
    pub state: Option<String>,
    /// In this currency.
    pub currency: Option<String>,
}

/// The next batches, newest first.
pub async fn list(
    conn: &mut PgConnection,
    filter: &Filter,
    after: Option<&Place>,
    limit: i64,
) -> sqlx::Result<Vec<Batch>> {
    find(conn, filter, after, None, limit).await
}

/// One batch.
pub async fn one(conn: &mut PgConnection, vendor: Option<i64>, id: &str) -> sqlx::Result<Option<Batch>> {
    let filter = Filter { vendor_id: vendor, ..Filter::default() };
    Ok(find(conn, &filter, None, Some(id), 1).await?.pop())
}

async fn find(
    conn: &mut PgConnection,
    filter: &Filter,
    after: Option<&Place>,
    id: Option<&str>,
    limit: i64,
) -> sqlx::Result<Vec<Batch>> {
    sqlx::query_file_as!(
        Batch,
        "src/report/payouts.sql",
        filter.vendor_id,
        filter.state.as_deref(),
        filter.currency.as_deref(),
        after.map(|place| place.at),
        after.map(|place| place.payout_batch_id.as_str()),
        id,
        limit
    )
    .fetch_all(conn)
    .await
}

/// What one affiliate gets from one vendor.
#[derive(Debug, Clone)]
pub struct PayoutLine {
    /// Who pays.
    pub vendor_id: i64,
    /// Their name.
    pub vendor: String,
    /// Who is paid.
    pub affiliate_id: i64,
    /// Their username.
    pub affiliate: String,
    /// Their full name.
    pub affiliate_name: String,
    /// Collected.
    pub amount_minor: i64,
    /// Paid in the end.
    pub paid_minor: Option<i64>,
    /// Of how many orders.
    pub orders: i64,
}

/// The lines of a batch, by vendor and affiliate.
pub async fn lines(conn: &mut PgConnection, batch: &Batch) -> sqlx::Result<Vec<PayoutLine>> {
    sqlx::query_file_as!(PayoutLine, "src/report/payout_lines.sql", batch.payout_batch_id, MAX_LINES)
        .fetch_all(conn)
        .await
}

/// One order of a line.
#[derive(Debug, Clone)]
pub struct PayoutOrder {
    /// Whose order it is.
    pub vendor_id: i64,
    /// Who is paid for it.
    pub affiliate_id: i64,
    /// Its public name.
    pub order_id: String,
    /// The shop's name for it.
    pub order_ref: String,
    /// The code of the link.
    pub link: Option<String>,
    /// What was owed for it; negative is taken back.
    pub owed_minor: i64,
    /// `collected`, `paid` or `left`.
    pub state: String,
}

/// The orders of a batch in the order of its lines, one more than [`MAX_ORDERS`] when there are more.
pub async fn orders(conn: &mut PgConnection, batch: &Batch) -> sqlx::Result<Vec<PayoutOrder>> {
    sqlx::query_file_as!(PayoutOrder, "src/report/payout_orders.sql", batch.payout_batch_id, MAX_ORDERS + 1)
        .fetch_all(conn)
        .await
}
