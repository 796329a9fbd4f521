//! The kept span of a range (migration 17): clicks by link and by group that need not be added up again.

use chrono::{DateTime, NaiveTime, Utc};
use sqlx::PgConnection;

use super::Range;

/// What is kept of a range, and from where on its rows are read.
pub(super) struct KeptSpan {
    /// Its number; `None`: nothing is kept of it, or something has changed.
    pub(super) id: Option<i32>,
    /// The end of what is kept: the beginning of the range when nothing is.
    pub(super) until: DateTime<Utc>,
    /// Whose groups the caller reads: a vendor's number, or 0 for the programme's.
    pub(super) vendor_id: i64,
}

/// The kept span of `range`. Only whole days are kept, and only the spans that people usually ask for.
pub(super) async fn of(conn: &mut PgConnection, range: &Range) -> sqlx::Result<KeptSpan> {
    let (from, to) = (range.from.date_naive(), range.to.date_naive());
    let found = sqlx::query_file!("src/report/kept_span.sql", from, to).fetch_one(conn).await?;
    let kept = found.span_id.zip(found.to_day).filter(|_| range.from.time() == NaiveTime::MIN);
    Ok(KeptSpan {
        id: kept.map(|(id, _)| id),
        until: kept.map_or(range.from, |(_, to_day)| to_day.and_time(NaiveTime::MIN).and_utc()),
        vendor_id: found.vendor_id,
    })
}
