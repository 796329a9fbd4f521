//! The span of time a report covers: half-open, UTC, always made of whole buckets.
//!
//! A span that begins or ends inside a bucket is widened to whole buckets, never narrowed: a report may show more than
//! was asked for (it says which span it used), but it never shows half an hour as if it were one.

use chrono::{DateTime, Datelike as _, Days, Months, NaiveDate, NaiveTime, TimeDelta, Utc};
use serde::Serialize;
use thiserror::Error;

/// How fine the time series is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Granularity {
    /// One bucket an hour.
    Hour,
    /// One bucket a day (UTC).
    Day,
    /// One bucket a week, from Monday (UTC).
    Week,
    /// One bucket a calendar month (UTC).
    Month,
}

impl Granularity {
    /// From the finest to the coarsest.
    pub const ALL: [Self; 4] = [Self::Hour, Self::Day, Self::Week, Self::Month];

    /// Its name in addresses, and the first argument of Postgres' `date_trunc`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Hour => "hour",
            Self::Day => "day",
            Self::Week => "week",
            Self::Month => "month",
        }
    }

    /// `None` when `name` is none of them.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|granularity| granularity.name() == name)
    }

    /// The longest span in days: by hour 744 buckets a link, otherwise 400 days (a year and the month it is compared with).
    pub fn max_days(self) -> i64 {
        match self {
            Self::Hour => 31,
            Self::Day | Self::Week | Self::Month => 400,
        }
    }

    /// Whether a span of these days makes a chart of it: more than one bucket, and not too many.
    pub fn suits(self, range: &Range) -> bool {
        let days = (range.to - range.from).num_days();
        let fewest = match self {
            Self::Hour => 1,
            Self::Day => 2,
            Self::Week => 14,
            Self::Month => 60,
        };
        (fewest..=self.max_days()).contains(&days)
    }

    /// The first instant of the bucket after the one that begins at `start`.
    fn next(self, start: DateTime<Utc>) -> DateTime<Utc> {
        match self {
            Self::Hour => start + TimeDelta::hours(1),
            Self::Day => start + TimeDelta::days(1),
            Self::Week => start + TimeDelta::weeks(1),
            Self::Month => start.checked_add_months(Months::new(1)).unwrap_or(start + TimeDelta::days(31)),
        }
    }

    fn floor(self, instant: DateTime<Utc>) -> DateTime<Utc> {
        let date = instant.date_naive();
        match self {
            Self::Hour => {
                let seconds = instant.timestamp().div_euclid(3_600) * 3_600;
                DateTime::from_timestamp(seconds, 0).unwrap_or(instant)
            }
            Self::Day => midnight(date),
            Self::Week => {
                let since_monday = u64::from(date.weekday().num_days_from_monday());
                midnight(date.checked_sub_days(Days::new(since_monday)).unwrap_or(date))
            }
            Self::Month => midnight(date.with_day(1).unwrap_or(date)),
        }
    }

    fn ceil(self, instant: DateTime<Utc>) -> DateTime<Utc> {
        let floor = self.floor(instant);
        if floor == instant { instant } else { self.next(floor) }
    }
}

/// When a day begins.
pub fn midnight(date: NaiveDate) -> DateTime<Utc> {
    date.and_time(NaiveTime::MIN).and_utc()
}

/// A span `from <= t < to` of whole buckets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Range {
    /// The first instant that is in it.
    pub from: DateTime<Utc>,
    /// The first instant that is not.
    pub to: DateTime<Utc>,
    /// The size of its buckets.
    pub granularity: Granularity,
}

/// Why a span cannot be reported on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum RangeError {
    /// `to` is not after `from`.
    #[error("`to` must be later than `from`")]
    Empty,
    /// More buckets than a report may have.
    #[error("the span must be at most {max_days} days by {}; ask for less, or by day", granularity.name())]
    TooLong {
        /// The size of the buckets asked for.
        granularity: Granularity,
        /// The longest span for it.
        max_days: i64,
    },
}

impl Range {
    /// The span, widened to whole buckets.
    pub fn new(from: DateTime<Utc>, to: DateTime<Utc>, granularity: Granularity) -> Result<Self, RangeError> {
        if to <= from {
            return Err(RangeError::Empty);
        }
        let (from, to) = (granularity.floor(from), granularity.ceil(to));
        let max_days = granularity.max_days();
        if to - from > TimeDelta::days(max_days) {
            return Err(RangeError::TooLong { granularity, max_days });
        }
        Ok(Self { from, to, granularity })
    }

    /// The last `days` days, today (still running) being the last of them. `days` is within both limits.
    pub fn last_days(days: u32, granularity: Granularity, now: DateTime<Utc>) -> Self {
        let to = Granularity::Day.floor(now) + TimeDelta::days(1);
        let from = granularity.floor(to - TimeDelta::days(i64::from(days)));
        Self { from, to: granularity.ceil(to), granularity }
    }

    /// As many buckets before it: what it is compared with.
    #[must_use]
    pub fn previous(&self) -> Self {
        let from = match self.granularity {
            Granularity::Hour | Granularity::Day | Granularity::Week => {
                Some(self.from - (self.to - self.from))
            }
            Granularity::Month => {
                let months = self.bucket_starts().count().try_into().unwrap_or(u32::MAX);
                self.from.checked_sub_months(Months::new(months))
            }
        };
        Self { from: from.unwrap_or(self.from), to: self.from, granularity: self.granularity }
    }

    /// The start of every bucket, in order.
    pub fn bucket_starts(&self) -> impl Iterator<Item = DateTime<Utc>> {
        let (granularity, to) = (self.granularity, self.to);
        std::iter::successors(Some(self.from), move |start| Some(granularity.next(*start)))
            .take_while(move |start| *start < to)
    }

    /// The days it touches, half-open.
    pub fn days(&self) -> (NaiveDate, NaiveDate) {
        (self.from.date_naive(), Granularity::Day.ceil(self.to).date_naive())
    }

    /// Whether unique visits and earnings can be told: they are daily, so the span must not cut a day in two. One that ends
    /// inside today is whole when nothing has happened yet after its end.
    pub fn is_whole_days(&self, now: DateTime<Utc>) -> bool {
        let is_midnight = |instant: DateTime<Utc>| instant.time() == NaiveTime::MIN;
        is_midnight(self.from) && (is_midnight(self.to) || self.to > now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().expect("a timestamp")
    }

    #[track_caller]
    fn check(
        from: &str,
        to: &str,
        granularity: Granularity,
        expect: Result<(&str, &str, usize), RangeError>,
    ) {
        let range = Range::new(at(from), at(to), granularity);
        let seen = range.map(|range| (range.from, range.to, range.bucket_starts().count()));
        assert_eq!(seen, expect.map(|(from, to, buckets)| (at(from), at(to), buckets)));
    }

    #[test]
    fn a_span_is_widened_to_whole_buckets_and_bounded() {
        use Granularity::{Day, Hour};
        check(
            "2026-11-01T00:00:00Z",
            "2026-11-08T00:00:00Z",
            Day,
            Ok(("2026-11-01T00:00:00Z", "2026-11-08T00:00:00Z", 7)),
        );
        check(
            "2026-11-01T10:20:00Z",
            "2026-11-01T11:00:01Z",
            Hour,
            Ok(("2026-11-01T10:00:00Z", "2026-11-01T12:00:00Z", 2)),
        );
        check("2026-11-01T00:00:00Z", "2026-11-01T00:00:00Z", Hour, Err(RangeError::Empty));
        check(
            "2026-11-01T00:00:00Z",
            "2026-12-02T00:00:00Z",
            Hour,
            Ok(("2026-11-01T00:00:00Z", "2026-12-02T00:00:00Z", 744)),
        );
        let too_long = |granularity: Granularity| {
            Err(RangeError::TooLong { granularity, max_days: granularity.max_days() })
        };
        check("2026-11-01T00:00:00Z", "2026-12-02T00:00:01Z", Hour, too_long(Hour));
        check("2025-01-01T00:00:00Z", "2026-11-01T00:00:00Z", Day, too_long(Day));
    }

    #[test]
    fn weeks_and_months_are_those_of_the_calendar() {
        use Granularity::{Month, Week};
        check(
            "2026-11-18T00:00:00Z",
            "2026-11-26T00:00:00Z",
            Week,
            Ok(("2026-11-16T00:00:00Z", "2026-11-30T00:00:00Z", 2)),
        );
        check(
            "2026-01-31T10:00:00Z",
            "2026-03-01T00:00:00Z",
            Month,
            Ok(("2026-01-01T00:00:00Z", "2026-03-01T00:00:00Z", 2)),
        );
    }

    #[test]
    fn a_span_is_compared_with_as_many_buckets_before_it() {
        use Granularity::{Day, Month, Week};
        for (from, to, granularity, before) in [
            ("2026-11-20T00:00:00Z", "2026-11-27T00:00:00Z", Day, "2026-11-13T00:00:00Z"),
            ("2026-11-16T00:00:00Z", "2026-11-30T00:00:00Z", Week, "2026-11-02T00:00:00Z"),
            ("2026-03-01T00:00:00Z", "2026-05-01T00:00:00Z", Month, "2026-01-01T00:00:00Z"),
        ] {
            let range = Range::new(at(from), at(to), granularity).expect("a good span");
            let previous = range.previous();
            assert_eq!((previous.from, previous.to), (at(before), range.from));
            assert_eq!(previous.bucket_starts().count(), range.bucket_starts().count());
        }
    }

    #[test]
    fn unique_visits_need_whole_days_or_an_end_that_has_not_come() {
        let now = at("2026-11-20T14:10:00Z");
        let known = |from: &str, to: &str| {
            Range::new(at(from), at(to), Granularity::Hour).expect("a good span").is_whole_days(now)
        };
        assert!(known("2026-11-19T00:00:00Z", "2026-11-20T00:00:00Z"));
        assert!(known("2026-11-19T00:00:00Z", "2026-11-20T15:00:00Z"));
        assert!(!known("2026-11-19T00:00:00Z", "2026-11-20T14:00:00Z"), "the last minutes are not in it");
        assert!(!known("2026-11-19T01:00:00Z", "2026-11-20T00:00:00Z"));
    }

    #[test]
    fn the_last_days_end_with_today() {
        let range = Range::last_days(7, Granularity::Day, at("2026-11-20T14:10:00Z"));
        assert_eq!((range.from, range.to), (at("2026-11-14T00:00:00Z"), at("2026-11-21T00:00:00Z")));
        assert_eq!(range.days().1, at("2026-11-21T00:00:00Z").date_naive());
    }
}
