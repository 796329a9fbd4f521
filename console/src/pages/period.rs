//! What the address of a page says: the period, the size of buckets, the order, the search. Every link on a page is
//! this with one thing changed, so a page can be kept as a bookmark and sent to somebody.

use std::ops::RangeInclusive;

use chrono::{DateTime, Datelike as _, Days, NaiveDate, NaiveTime, Utc};
use url::form_urlencoded;

use crate::problem::{BadParameter, Failure};
use crate::report::{Granularity, Range};

/// Which days are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Period {
    /// The last so many days, today included.
    Last(u32),
    /// These days, both included.
    Days(NaiveDate, NaiveDate),
}

impl Period {
    /// The ready-made ones, with their names in addresses and on the page.
    pub(super) const PRESETS: [(Self, &'static str, &'static str); 3] = [
        (Self::Last(1), "today", "Today"),
        (Self::Last(7), "7d", "7 days"),
        (Self::Last(30), "30d", "30 days"),
    ];
}

/// In which order links are listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sort {
    Human,
    Filtered,
    Code,
    Newest,
}

impl Sort {
    const ALL: [(Self, &'static str); 4] = [
        (Self::Human, "human"),
        (Self::Filtered, "filtered"),
        (Self::Code, "code"),
        (Self::Newest, "newest"),
    ];

    fn name(self) -> &'static str {
        Self::ALL.iter().find(|(sort, _)| *sort == self).map_or("human", |(_, name)| name)
    }
}

/// Everything an address says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct View {
    pub(super) period: Period,
    pub(super) by: Granularity,
    pub(super) sort: Sort,
    /// What codes begin with.
    pub(super) search: String,
    /// The place after which the page begins, as the page before gave it.
    pub(super) after: Option<String>,
}

/// A search longer than the longest code finds nothing.
const MAX_SEARCH: usize = 32;

impl View {
    /// Reads the part of an address after `?`. What it does not know it ignores: addresses get decorated on their way.
    pub(super) fn parse(query: &str) -> Result<Self, Failure> {
        let (mut range, mut by, mut sort) = (String::new(), String::new(), String::new());
        let (mut from, mut through, mut search, mut after) =
            (String::new(), String::new(), String::new(), None);
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            match name.as_ref() {
                "range" => range = value.into_owned(),
                "from" => from = value.into_owned(),
                "through" => through = value.into_owned(),
                "by" => by = value.into_owned(),
                "sort" => sort = value.into_owned(),
                "q" => value.trim().clone_into(&mut search),
                "after" => after = Some(value.into_owned()),
                _ => {}
            }
        }
        // Postgres has no text with a zero byte in it.
        if search.contains('\0') || after.as_deref().is_some_and(|after| after.contains('\0')) {
            return Err(bad("q", "a code is made of letters, digits, `_` and `-`"));
        }
        if search.len() > MAX_SEARCH {
            return Err(bad("q", format!("a code has at most {MAX_SEARCH} characters")));
        }
        let period =
            if from.is_empty() && through.is_empty() { preset(&range)? } else { days(&from, &through)? };
        Ok(Self { period, by: granularity(&by, period)?, sort: order(&sort)?, search, after })
    }

    /// The span it stands for.
    pub(super) fn range(&self, now: DateTime<Utc>) -> Result<Range, Failure> {
        match self.period {
            Period::Last(days) => Ok(Range::last_days(days, self.by, now)),
            Period::Days(from, through) => {
                let to = through.checked_add_days(Days::new(1)).unwrap_or(through);
                let midnight = |date: NaiveDate| date.and_time(NaiveTime::MIN).and_utc();
                Range::new(midnight(from), midnight(to), self.by)
                    .map_err(|error| bad("from", error.to_string()))
            }
        }
    }

    /// The same view of another period, with the buckets that suit it.
    pub(super) fn with_period(&self, period: Period) -> Self {
        Self { period, by: usual_granularity(period), ..self.clone() }
    }

    /// The address of this view of the page at `path`, leaving out what is usual.
    pub(super) fn address(&self, path: &str) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        for (name, value) in self.period_pairs() {
            query.append_pair(name, &value);
        }
        if self.by != usual_granularity(self.period) {
            query.append_pair("by", self.by.name());
        }
        if self.sort != Sort::Human {
            query.append_pair("sort", self.sort.name());
        }
        if !self.search.is_empty() {
            query.append_pair("q", &self.search);
        }
        if let Some(after) = &self.after {
            query.append_pair("after", after);
        }
        let query = query.finish();
        if query.is_empty() { path.to_owned() } else { format!("{path}?{query}") }
    }

    /// The pairs that a form must carry along: the period and what `sort` and `by` are.
    pub(super) fn hidden_pairs(&self) -> Vec<(&'static str, String)> {
        let mut pairs = self.period_pairs();
        pairs.push(("by", self.by.name().to_owned()));
        pairs.push(("sort", self.sort.name().to_owned()));
        pairs
    }

    fn period_pairs(&self) -> Vec<(&'static str, String)> {
        match self.period {
            Period::Last(7) => Vec::new(),
            Period::Last(_) => {
                let preset = Period::PRESETS.iter().find(|(period, ..)| *period == self.period);
                preset.map(|(_, name, _)| ("range", (*name).to_owned())).into_iter().collect()
            }
            Period::Days(from, through) => vec![("from", from.to_string()), ("through", through.to_string())],
        }
    }
}

fn preset(name: &str) -> Result<Period, Failure> {
    if name.is_empty() {
        return Ok(Period::Last(7));
    }
    let preset = Period::PRESETS.iter().find(|(_, known, _)| *known == name);
    preset.map(|(period, ..)| *period).ok_or_else(|| bad("range", "the range must be today, 7d or 30d"))
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
    Granularity::from_name(name).ok_or_else(|| bad("by", "clicks are shown by hour or by day"))
}

fn order(name: &str) -> Result<Sort, Failure> {
    if name.is_empty() {
        return Ok(Sort::Human);
    }
    let sort = Sort::ALL.iter().find(|(_, known)| *known == name);
    sort.map(|(sort, _)| *sort)
        .ok_or_else(|| bad("sort", "links are sorted by human, filtered, code or newest"))
}

/// A complaint about one part of the address.
pub(super) fn bad(field: &str, detail: impl Into<String>) -> Failure {
    Failure::Parameters(vec![BadParameter {
        field: field.to_owned(),
        code: "bad_parameter",
        detail: detail.into(),
    }])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_read_back_as_written() {
        for query in [
            "",
            "range=today",
            "range=30d&by=hour&sort=code&q=demo&after=code.demo7",
            "from=2026-11-01&through=2026-11-05&sort=filtered",
            "range=today&by=day&sort=newest",
        ] {
            let view = View::parse(query).expect("a good address");
            let address = view.address("/links");
            assert_eq!(address.trim_start_matches("/links").trim_start_matches('?'), query);
        }
    }

    #[test]
    fn what_cannot_be_read_is_refused() {
        let long = format!("q={}", "x".repeat(33));
        for query in [
            "range=year",
            "by=week",
            "sort=vendor",
            "from=soon",
            "from=2026-11-01&through=2026-13-01",
            "from=-9999-01-01",
            "q=%00",
            "sort=code&after=%00",
            &long,
        ] {
            assert!(View::parse(query).is_err(), "{query}");
        }
        assert!(View::parse("utm_source=mail").is_ok(), "decoration is ignored");
    }
}
