//! The span of time a report covers: half-open, UTC, always made of whole buckets.
//!
//! A span that begins or ends inside a bucket is widened to whole buckets, never narrowed: a report may show more than
//! was asked for (it says which span it used), but it never shows half an hour as if it were one.

use chrono::{DateTime, NaiveDate, NaiveTime, TimeDelta, Utc};
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
}

impl Granularity {
    /// Its name in addresses, and the first argument of Postgres' `date_trunc`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Hour => "hour",
            Self::Day => "day",
        }
    }

    /// `None` when `name` is neither `hour` nor `day`.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Hour, Self::Day].into_iter().find(|granularity| granularity.name() == name)
    }

    /// The longest span in days: by hour 744 buckets a link, by day 400 (a year and the month it is compared with).
    pub fn max_days(self) -> i64 {
        match self {
            Self::Hour => 31,
            Self::Day => 400,
        }
    }

    /// The length of a bucket.
    pub fn step(self) -> TimeDelta {
        match self {
            Self::Hour => TimeDelta::hours(1),
            Self::Day => TimeDelta::days(1),
        }
    }

    fn floor(self, instant: DateTime<Utc>) -> DateTime<Utc> {
        let step = self.step().num_seconds();
        let seconds = instant.timestamp().div_euclid(step) * step;
        DateTime::from_timestamp(seconds, 0).unwrap_or(instant)
    }

    fn ceil(self, instant: DateTime<Utc>) -> DateTime<Utc> {
        let floor = self.floor(instant);
        if floor == instant { instant } else { floor + self.step() }
    }
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
        Self { from: to - TimeDelta::days(i64::from(days)), to, granularity }
    }

    /// The start of every bucket, in order.
    pub fn bucket_starts(&self) -> impl Iterator<Item = DateTime<Utc>> {
        let (step, to) = (self.granularity.step(), self.to);
        std::iter::successors(Some(self.from), move |start| Some(*start + step))
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
