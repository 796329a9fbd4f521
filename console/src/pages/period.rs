//! What the address of a page says: the period, the size of buckets, and the page's own choices. Every link on a page is
//! this with one thing changed, so a page can be kept as a bookmark and sent to somebody.

use std::ops::RangeInclusive;

use chrono::{DateTime, Datelike as _, Days, Months, NaiveDate, NaiveTime, Utc};
use url::form_urlencoded;

use crate::problem::{BadParameter, Failure};
use crate::report::{Granularity, Range};

/// Which days are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Period {
    /// The last so many days, today included.
    Last(u32),
    /// The days of this month until today.
    ThisMonth,
    /// All days of the month before.
    LastMonth,
    /// These days, both included.
    Days(NaiveDate, NaiveDate),
    /// All days: for lists, which are read page by page. No report is made of so many.
    Always,
}

impl Period {
    /// The ready-made ones, with their names in addresses and on the page.
    pub(crate) const PRESETS: [(Self, &'static str, &'static str); 6] = [
        (Self::Last(1), "today", "Today"),
        (Self::Last(7), "7d", "7 days"),
        (Self::Last(30), "30d", "30 days"),
        (Self::Last(90), "90d", "90 days"),
        (Self::ThisMonth, "this-month", "This month"),
        (Self::LastMonth, "last-month", "Last month"),
    ];

    /// Its first day, and its last.
    pub(crate) fn days(self, now: DateTime<Utc>) -> (NaiveDate, NaiveDate) {
        let today = now.date_naive();
        let month = today.with_day(1).unwrap_or(today);
        match self {
            Self::Last(days) => {
                (today.checked_sub_days(Days::new(u64::from(days.saturating_sub(1)))).unwrap_or(today), today)
            }
            Self::ThisMonth => (month, today),
            Self::LastMonth => {
                let first = month.checked_sub_months(Months::new(1)).unwrap_or(month);
                (first, month.pred_opt().unwrap_or(first))
            }
            Self::Days(from, through) => (from, through),
            Self::Always => (DateTime::UNIX_EPOCH.date_naive(), today),
        }
    }
}

/// Everything an address says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct View {
    pub(crate) period: Period,
    pub(crate) by: Granularity,
    /// What is shown when the address says nothing.
    usual: Period,
    /// The page's own choices with what the address says of them, in the order the page names them.
    choices: Vec<(&'static str, String)>,
}

/// Bytes of one choice. What names or finds something is shorter.
const MAX_CHOICE: usize = 200;

/// The choice that says where a page of a list begins. Anything else that is chosen begins the list anew.
pub(crate) const AFTER: &str = "after";

impl View {
    /// Reads the part of an address after `?`: the period, and the choices of these names. What it does not know it
    /// ignores: addresses get decorated on their way.
    pub(crate) fn read(query: &str, usual: Period, names: &[&'static str]) -> Result<Self, Failure> {
        let said = |wanted: &str| {
            let mut pairs = form_urlencoded::parse(query.as_bytes());
            pairs
                .find(|(name, _)| name == wanted)
                .map(|(_, value)| value.trim().to_owned())
                .unwrap_or_default()
        };
        let mut choices = Vec::new();
        for name in names {
            let value = said(name);
            // Postgres has no text with a zero byte in it.
            if value.contains('\0') || value.len() > MAX_CHOICE {
                return Err(bad(name, format!("`{name}` must be text of at most {MAX_CHOICE} characters")));
            }
            if !value.is_empty() {
                choices.push((*name, value));
            }
        }
        let (from, through) = (said("from"), said("through"));
        let period = if from.is_empty() && through.is_empty() {
            preset(&said("range"), usual)?
        } else {
            days(&from, &through)?
        };
        Ok(Self { period, by: granularity(&said("by"), period)?, usual, choices })
    }

    /// The span it stands for.
    pub(crate) fn range(&self, now: DateTime<Utc>) -> Result<Range, Failure> {
        let (from, through) = self.period.days(now);
        let to = through.checked_add_days(Days::new(1)).unwrap_or(through);
        let midnight = |date: NaiveDate| date.and_time(NaiveTime::MIN).and_utc();
        Range::new(midnight(from), midnight(to), self.by).map_err(|error| bad("from", error.to_string()))
    }

    /// What the address says of one of the page's own choices; empty when nothing.
    pub(crate) fn choice(&self, name: &str) -> &str {
        self.choices.iter().find(|(known, _)| *known == name).map_or("", |(_, value)| value.as_str())
    }

    /// The same view with another choice; an empty one is left out.
    pub(crate) fn with(&self, name: &'static str, value: &str) -> Self {
        let mut choices = self.choices.clone();
        choices.retain(|(known, _)| *known != name && *known != AFTER);
        if !value.is_empty() {
            choices.push((name, value.to_owned()));
        }
        Self { choices, ..self.clone() }
    }

    /// The same view without any choice of the page's own.
    pub(crate) fn plain(&self) -> Self {
        Self { choices: Vec::new(), ..self.clone() }
    }

    /// The same view of another period, with the buckets that suit it.
    pub(crate) fn with_period(&self, period: Period) -> Self {
        Self { period, by: usual_granularity(period), ..self.with(AFTER, "") }
    }

    /// The same view in other buckets.
    pub(crate) fn with_buckets(&self, by: Granularity) -> Self {
        Self { by, ..self.with(AFTER, "") }
    }

    /// The address of this view of the page at `path`, leaving out what is usual.
    pub(crate) fn address(&self, path: &str) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        for (name, value) in self.period_pairs() {
            query.append_pair(name, &value);
        }
        if self.by != usual_granularity(self.period) {
            query.append_pair("by", self.by.name());
        }
        for (name, value) in &self.choices {
            query.append_pair(name, value);
        }
        let query = query.finish();
        if query.is_empty() { path.to_owned() } else { format!("{path}?{query}") }
    }

    /// The pairs that a form must carry along: everything but the place in the list and what the form itself asks for.
    pub(crate) fn hidden_pairs(&self, asked: &[&str]) -> Vec<(&'static str, String)> {
        let mut pairs = self.period_pairs();
        pairs.push(("by", self.by.name().to_owned()));
        pairs.extend(self.choices.clone());
        pairs.retain(|(name, _)| *name != AFTER && !asked.contains(name));
        pairs
    }

    fn period_pairs(&self) -> Vec<(&'static str, String)> {
        match self.period {
            period if period == self.usual => Vec::new(),
            Period::Days(from, through) => vec![("from", from.to_string()), ("through", through.to_string())],
            period => {
                let preset = Period::PRESETS.iter().find(|(known, ..)| *known == period);
                preset.map(|(_, name, _)| ("range", (*name).to_owned())).into_iter().collect()
            }
        }
    }
}

fn preset(name: &str, usual: Period) -> Result<Period, Failure> {
    if name.is_empty() {
        return Ok(usual);
    }
    let preset = Period::PRESETS.iter().find(|(_, known, _)| *known == name);
    preset
        .map(|(period, ..)| *period)
        .ok_or_else(|| bad("range", "the range must be today, 7d, 30d, 90d, this-month or last-month"))
}

fn days(from: &str, through: &str) -> Result<Period, Failure> {
    /// Years that people and Postgres both know how to write.
    const YEARS: RangeInclusive<i32> = 1970..=9000;
    let date = |field: &'static str, text: &str| {
        let date = text.parse::<NaiveDate>().ok().filter(|date| YEARS.contains(&date.year()));
        date.ok_or_else(|| bad(field, format!("`{field}` must be a date such as 2026-11-20")))
    };
    // One of them alone stands for that day.
    let (from, through) =
        (if from.is_empty() { through } else { from }, if through.is_empty() { from } else { through });
    Ok(Period::Days(date("from", from)?, date("through", through)?))
}

/// One day is looked at by hour, more by day, unless asked otherwise.
fn usual_granularity(period: Period) -> Granularity {
    match period {
        Period::Last(1) => Granularity::Hour,
        Period::Days(from, through) if from == through => Granularity::Hour,
        _ => Granularity::Day,
    }
}

fn granularity(name: &str, period: Period) -> Result<Granularity, Failure> {
    if name.is_empty() {
        return Ok(usual_granularity(period));
    }
    Granularity::from_name(name).ok_or_else(|| bad("by", "clicks are shown by hour, day, week or month"))
}

/// A complaint about one part of the address.
pub(crate) fn bad(field: &str, detail: impl Into<String>) -> Failure {
    Failure::Parameters(vec![BadParameter {
        field: field.to_owned(),
        code: "bad_parameter",
        detail: detail.into(),
    }])
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAMES: [&str; 3] = ["sort", "q", AFTER];

    fn read(query: &str) -> Result<View, Failure> {
        View::read(query, Period::Last(7), &NAMES)
    }

    #[test]
    fn an_address_is_read_back_as_written() {
        for query in [
            "",
            "range=today",
            "range=30d&by=hour&sort=code&q=demo&after=code.demo7",
            "from=2026-11-01&through=2026-11-05&sort=filtered",
            "range=last-month&by=week&sort=newest",
        ] {
            let address = read(query).expect("a good address").address("/links");
            assert_eq!(address.trim_start_matches("/links").trim_start_matches('?'), query);
        }
    }

    #[test]
    fn what_is_chosen_begins_the_list_anew() {
        let view = read("sort=code&after=x7").expect("a good address");
        assert_eq!(view.with("sort", "").address("/"), "/");
        assert_eq!(view.with_period(Period::Last(90)).address("/"), "/?range=90d&sort=code");
        assert_eq!(view.with(AFTER, "y8").address("/"), "/?sort=code&after=y8");
    }

    #[test]
    fn months_are_those_of_the_calendar() {
        let now = "2026-03-31T14:10:00Z".parse().expect("a timestamp");
        let days = |period: Period| {
            let (from, through) = period.days(now);
            format!("{from} {through}")
        };
        assert_eq!(days(Period::ThisMonth), "2026-03-01 2026-03-31");
        assert_eq!(days(Period::LastMonth), "2026-02-01 2026-02-28");
        assert_eq!(days(Period::Last(7)), "2026-03-25 2026-03-31");
    }

    #[test]
    fn what_cannot_be_read_is_refused() {
        let long = format!("q={}", "x".repeat(201));
        for query in [
            "range=year",
            "by=decade",
            "from=soon",
            "from=2026-11-01&through=2026-13-01",
            "from=-9999-01-01",
            "q=%00",
            "sort=code&after=%00",
            &long,
        ] {
            assert!(read(query).is_err(), "{query}");
        }
        assert!(read("utm_source=mail").is_ok(), "decoration is ignored");
    }
}
