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
}

/// The kept span of `range`. Only whole days are kept, and only the spans that people usually ask for.
pub(super) async fn of(conn: &mut PgConnection, range: &Range) -> sqlx::Result<KeptSpan> {
    let nothing = KeptSpan { id: None, until: range.from };
    if range.from.time() != NaiveTime::MIN {
        return Ok(nothing);
    }
    let (from, to) = (range.from.date_naive(), range.to.date_naive());
    let found = sqlx::query_file!("src/report/kept_span.sql", from, to).fetch_optional(conn).await?;
    Ok(found.map_or(nothing, |span| KeptSpan {
        id: Some(span.span_id),
        until: span.to_day.and_time(NaiveTime::MIN).and_utc(),
    }))
}
