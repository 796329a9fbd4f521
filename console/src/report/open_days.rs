//! Which days of a span were not rolled up, or have changed since: these are read row by row.

use chrono::NaiveDate;
use sqlx::PgConnection;

use super::Range;

/// From the first of them to before the second; nothing lies between two equal days. Statements find out for themselves
/// which days in there are open; beforehand Postgres must know how far apart these are, to plan well.
pub(super) async fn of_clicks(
    conn: &mut PgConnection,
    range: &Range,
) -> sqlx::Result<(NaiveDate, NaiveDate)> {
    let (from, to) = range.days();
    let row = sqlx::query_file!("src/report/open_days.sql", from, to).fetch_one(conn).await?;
    Ok((row.begins, row.ends))
}
