//! A span, with what is known of it before it is read: for whom, which of its days are added up already (migration 16),
//! which ranking is kept of it (migration 17), and which hours of today (migration 21).
//!
//! Statements get all of this as values. Postgres plans by what it knows beforehand, and plans less when it knows more:
//! whole branches fall away before they are thought about.

use std::ops::Deref;

use chrono::{DateTime, Days, NaiveDate, NaiveTime, Utc};
use sqlx::PgConnection;

use super::Range;
use super::range::midnight;

/// One in so many days of a kept span may have changed since its orders were added up. Each is read twice, what was added up and what
/// is: of more, most of what there is would be read anyway.
const CHANGED_DAYS_SHARE: i64 = 3;

/// A range of time that is about to be read.
#[derive(Debug)]
pub struct Span {
    range: Range,
    /// An affiliate reads its own links, which are few: row by row, by the primary key.
    pub(super) is_own: bool,
    /// Whose days are read: a vendor's number, or 0 for the programme's.
    pub(super) vendor_id: i64,
    /// Days whose clicks are read row by row.
    pub(super) clicks: OpenDays,
    /// From when on their hours are read row by row: where the kept hours of today end, or with the first of these days.
    pub(super) clicks_since: DateTime<Utc>,
    /// Days whose orders are read row by row.
    pub(super) orders: OpenDays,
    /// The ranking that is kept; `None`: of this range none, or something has changed.
    pub(super) kept: Option<i32>,
    /// The same when the finished hours of today are in it; `None`: they are not, or something has changed.
    pub(super) now: Option<i32>,
    /// From when on rankings are read row by row: the beginning of the range when nothing is kept.
    pub(super) kept_until: DateTime<Utc>,
    /// What was earned over the ranking that is kept. `None`: it is not known, or so many of its days have changed that reading all
    /// rows is no more work.
    pub(super) earned: Option<Earned>,
}

/// A kept span with what was earned (migration 26).
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Earned {
    pub(super) span_id: i32,
    /// Days whose orders are read row by row.
    pub(super) open: Vec<NaiveDate>,
    /// Those of them that lie in the span: what it has of them is taken away.
    pub(super) changed: Vec<NaiveDate>,
}

/// Days that were not rolled up, or have changed since.
#[derive(Debug)]
pub(super) struct OpenDays {
    /// Which.
    pub(super) days: Vec<NaiveDate>,
    /// The first of them.
    pub(super) begins: NaiveDate,
    /// The day after the last; the same day when there is none.
    pub(super) ends: NaiveDate,
    /// No day in between was rolled up: the usual case, today.
    pub(super) is_one: bool,
}

impl Span {
    /// Finds out about `range`, for the tenant of this transaction.
    pub async fn survey(conn: &mut PgConnection, range: &Range) -> sqlx::Result<Self> {
        let (from, to) = range.days();
        let found = sqlx::query_file!("src/report/span.sql", from, to, range.to).fetch_one(conn).await?;
        let clicks = OpenDays::new(found.clicks, from);
        // Only whole days are kept.
        let kept = found.span_id.zip(found.to_day).filter(|_| range.from.time() == NaiveTime::MIN);
        let today = found.today.zip(found.until);
        let days_until = kept.map_or(range.from, |(_, to_day)| midnight(to_day));
        let is_current = found.is_current.unwrap_or_default();
        let hours_until =
            today.filter(|(day, _)| is_current && midnight(*day) == days_until).map(|(_, until)| until);
        let earned = kept
            .filter(|_| !found.is_own && found.is_earned.unwrap_or_default())
            .and_then(|(id, to_day)| Earned::new(id, &found.orders, (from, to_day, to)));
        let kept = kept.map(|(id, _)| id);
        Ok(Self {
            range: *range,
            is_own: found.is_own,
            vendor_id: found.vendor_id,
            clicks_since: today
                .filter(|(day, _)| *day == clicks.begins)
                .map_or(midnight(clicks.begins), |(_, until)| until),
            clicks,
            orders: OpenDays::new(found.orders, from),
            kept,
            now: kept.filter(|_| hours_until.is_some()),
            kept_until: hours_until.unwrap_or(days_until),
            earned,
        })
    }
}

impl Deref for Span {
    type Target = Range;

    fn deref(&self) -> &Range {
        &self.range
    }
}

impl Earned {
    /// Over the days `[from, to)`, of which those before `kept_to` are in the span, but for what changed on `open` ones.
    fn new(
        span_id: i32,
        open: &[NaiveDate],
        (from, kept_to, to): (NaiveDate, NaiveDate, NaiveDate),
    ) -> Option<Self> {
        let changed: Vec<NaiveDate> = open.iter().copied().filter(|day| *day < kept_to).collect();
        let since = kept_to.iter_days().take_while(|day| *day < to);
        (changed.len() as i64 * CHANGED_DAYS_SHARE <= (kept_to - from).num_days()).then(|| Self {
            span_id,
            open: changed.iter().copied().chain(since).collect(),
            changed,
        })
    }
}

impl OpenDays {
    /// Of days in their order; `from` is where there are none.
    fn new(days: Vec<NaiveDate>, from: NaiveDate) -> Self {
        let begins = days.first().copied().unwrap_or(from);
        let ends = days.last().map_or(from, |last| *last + Days::new(1));
        let is_one = (ends - begins).num_days() == days.len() as i64;
        Self { days, begins, ends, is_one }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn open_days_are_one_span_or_several() {
        let day = |n| NaiveDate::from_ymd_opt(2026, 11, n).expect("a day");
        for (days, begins, ends, is_one) in [
            (vec![], 1, 1, true),
            (vec![27], 27, 28, true),
            (vec![26, 27], 26, 28, true),
            (vec![20, 27], 20, 28, false),
        ] {
            let open = OpenDays::new(days.iter().copied().map(day).collect(), day(1));
            assert_eq!((open.begins, open.ends, open.is_one), (day(begins), day(ends), is_one), "{days:?}");
        }
    }

    #[test]
    fn a_changed_day_is_taken_away_and_read_and_days_since_are_read() {
        let day = |n| NaiveDate::from_ymd_opt(2026, 11, n).expect("a day");
        let earned = |open: &[u32]| {
            Earned::new(7, &open.iter().copied().map(day).collect::<Vec<_>>(), (day(20), day(26), day(29)))
        };
        let both = |open: [u32; 4], changed: [u32; 1]| {
            Some(Earned { span_id: 7, open: open.map(day).into(), changed: changed.map(day).into() })
        };
        assert_eq!(earned(&[20, 28]), both([20, 26, 27, 28], [20]), "the days since, rolled up or not");
        assert_eq!(earned(&[28]).map(|earned| earned.changed), Some(vec![]));
        assert!(earned(&[20, 21, 28]).is_some(), "two of six days");
        assert_eq!(earned(&[20, 21, 22, 28]), None, "too many to be worth it");
    }
}
