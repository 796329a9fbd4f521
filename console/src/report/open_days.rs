//! Which days of a span were not rolled up, or have changed since: these are read row by row.

use chrono::NaiveDate;
use sqlx::PgConnection;

use super::Range;

/// Where they lie. Statements find out for themselves which days these are; Postgres must know beforehand how far apart
/// they are, and whether they follow one another, to plan well.
pub(super) struct OpenDays {
    /// The first of them.
    pub(super) begins: NaiveDate,
    /// The day after the last; the same day when there is none.
    pub(super) ends: NaiveDate,
    /// No day in between was rolled up: the usual case, today.
    pub(super) is_one: bool,
}

/// The days of `range` whose clicks are read row by row.
pub(super) async fn of_clicks(conn: &mut PgConnection, range: &Range) -> sqlx::Result<OpenDays> {
    let (from, to) = range.days();
    sqlx::query_file_as!(OpenDays, "src/report/open_days.sql", from, to).fetch_one(conn).await
}
