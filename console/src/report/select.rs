//! Which links are on a page of a list, and in which order. Each statement starts after the last link of the page
//! before, so page 1,000 costs what page 1 costs.

use sqlx::PgConnection;

use super::{Range, Span};

/// The next links by number, for programs that read the whole list. Links created meanwhile come at the end.
pub async fn by_number(conn: &mut PgConnection, after: i64, limit: i64) -> sqlx::Result<Vec<i64>> {
    sqlx::query_scalar!("select link_id from link where link_id > $1 order by link_id limit $2", after, limit)
        .fetch_all(conn)
        .await
}

/// The links that have one of these codes, by number.
pub async fn with_codes(
    conn: &mut PgConnection,
    codes: &[String],
    after: i64,
    limit: i64,
) -> sqlx::Result<Vec<i64>> {
    sqlx::query_scalar!(
        "select link_id from link where code = any($1) and link_id > $2 order by link_id limit $3",
        codes,
        after,
        limit
    )
    .fetch_all(conn)
    .await
}

/// The number of the link with this code.
pub async fn number_of(conn: &mut PgConnection, code: &str) -> sqlx::Result<Option<i64>> {
    sqlx::query_scalar!("select link_id from link where code = $1", code).fetch_optional(conn).await
}

/// A link and its place in the order of codes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Coded {
    /// The link.
    pub link_id: i64,
    /// Its code.
    pub code: String,
}

/// The next links in the order of their codes. `prefix` is what the code begins with.
pub async fn by_code(
    conn: &mut PgConnection,
    prefix: &str,
    after: &str,
    limit: i64,
) -> sqlx::Result<Vec<Coded>> {
    sqlx::query_as!(
        Coded,
        "select link_id, code from link where code > $1 and starts_with(code, $2) order by code limit $3",
        after,
        prefix,
        limit
    )
    .fetch_all(conn)
    .await
}

/// The next links, newest first.
pub async fn newest(
    conn: &mut PgConnection,
    prefix: &str,
    before: i64,
    limit: i64,
) -> sqlx::Result<Vec<i64>> {
    sqlx::query_scalar!(
        "select link_id from link where link_id < $1 and starts_with(code, $2) order by link_id desc limit $3",
        before,
        prefix,
        limit
    )
    .fetch_all(conn)
    .await
}

/// What a ranked list is ranked by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rank {
    /// Clicks by people.
    Human,
    /// Clicks by programs.
    Filtered,
}

/// A place in a ranked list: a link and what it is ranked by. Ties are ranked by number, newest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// The link.
    pub link_id: i64,
    /// Its clicks.
    pub clicks: i64,
}

impl Place {
    /// Before every link.
    pub const TOP: Self = Self { link_id: i64::MAX, clicks: i64::MAX };
}

/// The next links that were clicked in the span, most clicks first. Costs what a ranking costs: see
/// [`groups`](super::groups).
pub async fn ranked(
    conn: &mut PgConnection,
    span: &Span,
    rank: Rank,
    prefix: &str,
    after: Place,
    limit: i64,
) -> sqlx::Result<Vec<Place>> {
    sqlx::query_file_as!(
        Place,
        "src/report/ranked.sql",
        span.from,
        span.to,
        rank == Rank::Human,
        prefix,
        after.clicks,
        after.link_id,
        limit,
        span.kept,
        span.kept_until,
        span.is_own,
        span.now,
        span.vendor_id
    )
    .fetch_all(conn)
    .await
}

/// The next links that were not clicked in the span at all, newest first: the tail of a ranked list.
pub async fn quiet(
    conn: &mut PgConnection,
    range: &Range,
    prefix: &str,
    before: i64,
    limit: i64,
) -> sqlx::Result<Vec<i64>> {
    sqlx::query_file_scalar!("src/report/quiet.sql", range.from, range.to, prefix, before, limit)
        .fetch_all(conn)
        .await
}
