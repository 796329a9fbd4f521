//! When people click: a programme that grows, weeks with a shape, days with a shape, and one campaign.

use chrono::{DateTime, Datelike as _, NaiveDate, TimeDelta, Timelike as _, Utc};

/// Days that are told at most, today among them: the programme began a little before.
pub(crate) const DAYS: u32 = 90;
/// Days that are told at least: some first of a month is among them, on which the month before is paid.
pub(crate) const FEW_DAYS: u32 = 35;
/// Where the programme stood on the first day, and how much it grew until today.
const GROWTH: (f64, f64) = (0.6, 0.8);
/// Monday to Sunday: people follow recommendations at their desks.
const WEEK: [f64; 7] = [1.02, 1.06, 1.08, 1.03, 0.94, 0.74, 0.84];
/// Midnight to midnight (UTC), as shares of 1,000: Europe gets up, has lunch, and sits on the sofa.
const DAY: [f64; 24] = [
    12.0, 7.0, 5.0, 4.0, 5.0, 10.0, 22.0, 38.0, 48.0, 52.0, 54.0, 58.0, 62.0, 56.0, 52.0, 52.0, 55.0, 62.0,
    74.0, 84.0, 80.0, 60.0, 34.0, 18.0,
];
/// Programs never sleep.
const ROUND_THE_CLOCK: [f64; 24] = [1.0; 24];
/// The campaign of one vendor: so many days ago it began, and what it did day by day.
const CAMPAIGN_BEGAN: u32 = 34;
const CAMPAIGN: [f64; 6] = [2.4, 4.2, 3.1, 2.2, 1.6, 1.2];
/// On the campaign's best day somebody with many followers showed one link, in this hour.
const WAVE: (usize, u32) = (1, 18);

/// The days of the past, up to this moment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Calendar {
    pub(crate) now: DateTime<Utc>,
    /// How many are told.
    pub(crate) days: u32,
}

/// One day of the past.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Day {
    pub(crate) date: NaiveDate,
    /// Counted from the first day.
    pub(crate) nth: u32,
    /// Counted back from today.
    ago: u32,
}

impl Calendar {
    /// Every day, today last.
    pub(crate) fn days(self) -> impl Iterator<Item = Day> {
        let today = self.now.date_naive();
        (0..self.days).map(move |nth| {
            let ago = self.days - 1 - nth;
            Day { date: today - TimeDelta::days(i64::from(ago)), nth, ago }
        })
    }

    /// The first moment that is told.
    pub(crate) fn began(self) -> DateTime<Utc> {
        let first = self.now.date_naive() - TimeDelta::days(i64::from(self.days - 1));
        first.and_time(chrono::NaiveTime::MIN).and_utc()
    }
}

impl Day {
    pub(crate) fn start(self) -> DateTime<Utc> {
        self.date.and_time(chrono::NaiveTime::MIN).and_utc()
    }

    /// How busy the day is, against a usual one.
    pub(crate) fn busy(self) -> f64 {
        let (start, more) = GROWTH;
        let level = start + more * (1.0 - f64::from(self.ago) / f64::from(DAYS - 1));
        level * WEEK[self.date.weekday().num_days_from_monday() as usize]
    }

    /// How much busier it is for the vendor with the campaign.
    pub(crate) fn campaign(self) -> f64 {
        self.of_campaign().map_or(1.0, |nth| CAMPAIGN[nth])
    }

    /// The hour in which one link was everywhere, if it was this day.
    pub(crate) fn wave(self) -> Option<u32> {
        let (day, hour) = WAVE;
        (self.of_campaign() == Some(day)).then_some(hour)
    }

    fn of_campaign(self) -> Option<usize> {
        let since = CAMPAIGN_BEGAN.checked_sub(self.ago)? as usize;
        (since < CAMPAIGN.len()).then_some(since)
    }
}

/// How the clicks of people spread over a day.
pub(crate) fn hours_of_people() -> &'static [f64; 24] {
    &DAY
}

/// How the clicks of programs do.
pub(crate) fn hours_of_programs() -> &'static [f64; 24] {
    &ROUND_THE_CLOCK
}

/// The next moment at which shops are open: orders are sent off and taken back by people who go home at night.
pub(crate) fn at_work(at: DateTime<Utc>) -> DateTime<Utc> {
    match at.hour() {
        0..7 => at + TimeDelta::hours(i64::from(8 - at.hour())),
        7..19 => at,
        late => at + TimeDelta::hours(i64::from(24 - late) + 9),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn calendar() -> Calendar {
        Calendar { now: "2026-11-20T12:00:00Z".parse().expect("a moment"), days: DAYS }
    }

    #[test]
    fn a_shorter_past_is_the_end_of_the_longer_one() {
        let short = Calendar { days: FEW_DAYS, ..calendar() };
        let (short, long): (Vec<Day>, Vec<Day>) = (short.days().collect(), calendar().days().collect());
        let end = &long[(DAYS - FEW_DAYS) as usize..];
        let same =
            |(few, many): (&Day, &Day)| few.date == many.date && (few.busy() - many.busy()).abs() < 1e-9;
        assert!(short.len() == end.len() && short.iter().zip(end).all(same));
        assert!(short.iter().any(|day| day.wave().is_some()), "the campaign is among them");
    }

    #[test]
    fn ninety_days_end_today_and_begin_at_midnight() {
        let days: Vec<Day> = calendar().days().collect();
        assert_eq!((days.len(), days[89].date.to_string().as_str()), (90, "2026-11-20"));
        assert_eq!(days[0].start(), calendar().began());
    }

    #[test]
    fn weekends_are_quieter_and_the_campaign_shows_once() {
        let days: Vec<Day> = calendar().days().collect();
        for week in days.chunks(7).filter(|week| week.len() == 7) {
            let of =
                |weekday| week.iter().find(|day| day.date.weekday() == weekday).expect("a whole week").busy();
            assert!(of(chrono::Weekday::Sat) < 0.85 * of(chrono::Weekday::Wed));
        }
        assert_eq!(days.iter().filter(|day| day.campaign() > 1.0).count(), CAMPAIGN.len());
        assert_eq!(days.iter().filter(|day| day.wave().is_some()).count(), 1);
    }

    #[test]
    fn shops_are_closed_at_night() {
        for (at, open) in [("03:10", "08:10"), ("12:00", "12:00"), ("21:30", "09:30")] {
            let moment: DateTime<Utc> = format!("2026-11-20T{at}:00Z").parse().expect("a moment");
            assert_eq!(at_work(moment).format("%H:%M").to_string(), open);
        }
    }
}
