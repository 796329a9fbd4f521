//! Instants, hours and days as plain integers, always UTC.

use core::time::Duration;

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

/// Milliseconds since 1970-01-01T00:00:00Z.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Millis(pub u64);

impl Millis {
    /// The hour this instant lies in.
    pub fn hour(self) -> Hour {
        Hour((self.0 / 3_600_000) as u32)
    }

    /// The day this instant lies in.
    pub fn day(self) -> Day {
        self.hour().day()
    }

    /// So much later, or the last instant there is.
    #[must_use]
    pub fn plus(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(whole_millis(duration)))
    }

    /// So much earlier, or 1970.
    #[must_use]
    pub fn minus(self, duration: Duration) -> Self {
        Self(self.0.saturating_sub(whole_millis(duration)))
    }
}

fn whole_millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// Hours since 1970-01-01T00Z.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hour(pub u32);

impl Hour {
    /// The day this hour lies in.
    pub fn day(self) -> Day {
        Day(self.0 / 24)
    }

    /// The hour's first instant.
    pub fn start(self) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + TimeDelta::hours(i64::from(self.0))
    }

    /// `yyyymmddhh`: how an hour is written in a Redis field.
    pub fn stamp(self) -> u32 {
        self.day().stamp() * 100 + self.0 % 24
    }

    /// The inverse of [`Self::stamp`]. `None` when it is not an hour.
    pub fn from_stamp(stamp: u32) -> Option<Self> {
        let hour = stamp % 100;
        (hour < 24).then_some(())?;
        Some(Self(Day::from_stamp(stamp / 100)?.0 * 24 + hour))
    }
}

/// Days since 1970-01-01.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Day(pub u32);

impl Day {
    /// The calendar day.
    pub fn date(self) -> NaiveDate {
        NaiveDate::default() + TimeDelta::days(i64::from(self.0))
    }

    /// The day of a calendar date. `None` before 1970.
    pub fn from_date(date: NaiveDate) -> Option<Self> {
        u32::try_from((date - NaiveDate::default()).num_days()).ok().map(Self)
    }

    /// `yyyymm`: the visitor key changes with it.
    pub fn year_month(self) -> u32 {
        self.stamp() / 100
    }

    /// `yyyymmdd`: how a day is written in a Redis key.
    ///
    /// Plain arithmetic, as it is asked for every counter of every click: days since 1 March of year 0, split into
    /// eras of 400 years, in which every year begins in March and leap days come last.
    pub fn stamp(self) -> u32 {
        let days = self.0 + 719_468;
        let (era, of_era) = (days / 146_097, days % 146_097);
        let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
        let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let from_march = (5 * of_year + 2) / 153;
        let day = of_year - (153 * from_march + 2) / 5 + 1;
        let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
        let year = era * 400 + year_of_era + u32::from(month <= 2);
        year * 10_000 + month * 100 + day
    }

    /// The inverse of [`Self::stamp`]. `None` when it is not a day.
    pub fn from_stamp(stamp: u32) -> Option<Self> {
        let year = i32::try_from(stamp / 10_000).ok()?;
        Self::from_date(NaiveDate::from_ymd_opt(year, stamp / 100 % 100, stamp % 100)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stamps_are_what_a_person_reads_and_come_back() {
        for (day, stamp) in [(0, 19_700_101), (31, 19_700_201), (19_782, 20_240_229), (20_777, 20_261_120)] {
            assert_eq!(Day(day).stamp(), stamp);
            assert_eq!(Day::from_stamp(stamp), Some(Day(day)));
        }
        assert_eq!(Hour(20_777 * 24 + 23).stamp(), 2_026_112_023);
        assert_eq!(Hour::from_stamp(2_026_112_023), Some(Hour(20_777 * 24 + 23)));
        assert_eq!(Day(20_777).year_month(), 202_611);
        for bad in [0, 20_240_230, 20_241_301, 19_691_231] {
            assert_eq!(Day::from_stamp(bad), None, "{bad}");
        }
        assert_eq!(Hour::from_stamp(2_026_112_024), None);
    }

    #[test]
    fn stamps_are_those_of_the_calendar() {
        for day in 0..80_000 {
            let date = Day(day).date();
            assert_eq!(
                Day(day).stamp(),
                date.format("%Y%m%d").to_string().parse::<u32>().expect("a number"),
                "{date}"
            );
        }
    }

    #[test]
    fn instants_end_where_they_must() {
        assert_eq!(Millis(7).plus(Duration::from_secs(1)), Millis(1_007));
        assert_eq!(Millis(1_007).minus(Duration::from_secs(1)), Millis(7));
        assert_eq!(Millis(7).minus(Duration::from_secs(1)), Millis(0));
        assert_eq!(Millis(7).plus(Duration::MAX), Millis(u64::MAX));
        assert_eq!(Millis(7).minus(Duration::MAX), Millis(0));
    }

    #[test]
    fn hours_and_days_floor() {
        assert_eq!(Millis(3_599_999).hour(), Hour(0));
        assert_eq!(Millis(3_600_000).hour(), Hour(1));
        assert_eq!(Millis(86_399_999).day(), Day(0));
        assert_eq!(Millis(86_400_000).day(), Day(1));
    }
}
