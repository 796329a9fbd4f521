//! Parameters as given → parameters as understood. Everything wrong is collected, so one answer names it all.

use std::collections::BTreeSet;

use chrono::{DateTime, Days, NaiveDate, NaiveTime, Utc};
use common::ids::Code;
use url::form_urlencoded;

use crate::problem::BadParameter;
use crate::report::{Granularity, Range};

/// Links on a page unless asked otherwise.
const DEFAULT_LIMIT: i64 = 25;
/// Links on a page at most: by hour over 31 days that is 74,400 buckets.
const MAX_LIMIT: i64 = 100;
/// Codes one request may name.
const MAX_CODES: usize = 100;
/// The span unless asked otherwise, in days.
const DEFAULT_DAYS: u64 = 7;

/// What `/v1/reports/links` was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct LinksParams {
    /// The span.
    pub range: Range,
    /// Links on the page.
    pub limit: i64,
    /// The code of the last link of the page before.
    pub starting_after: Option<String>,
    /// Only these links. Empty: all.
    pub codes: Vec<String>,
}

/// What `/v1/reports/summary` was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SummaryParams {
    /// The span.
    pub range: Range,
}

impl LinksParams {
    /// Reads the part of an address after `?`.
    pub(super) fn parse(query: &str, now: DateTime<Utc>) -> Result<Self, Vec<BadParameter>> {
        let mut given = Given::read(query);
        let limit = given.one("limit").map(|text| given.limit(&text));
        let starting_after = given.one("starting_after").and_then(|text| given.code("starting_after", text));
        let codes = given.codes();
        let range = given.range(now);
        given.finish("from, to, granularity, limit, starting_after, link")?;
        let limit = limit.flatten().unwrap_or(DEFAULT_LIMIT);
        range.map(|range| Self { range, limit, starting_after, codes }).ok_or_else(Vec::new)
    }
}

impl SummaryParams {
    /// Reads the part of an address after `?`.
    pub(super) fn parse(query: &str, now: DateTime<Utc>) -> Result<Self, Vec<BadParameter>> {
        let mut given = Given::read(query);
        let range = given.range(now);
        given.finish("from, to, granularity")?;
        range.map(|range| Self { range }).ok_or_else(Vec::new)
    }
}

/// The pairs not yet taken, and what was wrong with those that were.
struct Given {
    pairs: Vec<(String, String)>,
    bad: Vec<BadParameter>,
}

impl Given {
    fn read(query: &str) -> Self {
        let pairs = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        Self { pairs, bad: Vec::new() }
    }

    fn refuse(&mut self, field: &str, code: &'static str, detail: impl Into<String>) {
        self.bad.push(BadParameter { field: field.to_owned(), code, detail: detail.into() });
    }

    fn all(&mut self, name: &str) -> Vec<String> {
        self.pairs.extract_if(.., |(key, _)| key == name).map(|(_, value)| value).collect()
    }

    fn one(&mut self, name: &str) -> Option<String> {
        let mut values = self.all(name);
        if values.len() > 1 {
            self.refuse(name, "repeated_parameter", format!("`{name}` may be given once"));
        }
        values.pop()
    }

    fn limit(&mut self, text: &str) -> Option<i64> {
        let limit = text.parse().ok().filter(|limit| (1..=MAX_LIMIT).contains(limit));
        if limit.is_none() {
            self.refuse("limit", "invalid_limit", format!("`limit` must be a number from 1 to {MAX_LIMIT}"));
        }
        limit
    }

    fn code(&mut self, field: &str, text: String) -> Option<String> {
        if Code::new(text.as_bytes()).is_some() {
            return Some(text);
        }
        let detail = format!("`{field}` must be a link's code: 4 to 32 letters, digits, `_` or `-`");
        self.refuse(field, "invalid_code", detail);
        None
    }

    fn codes(&mut self) -> Vec<String> {
        let given = self.all("link");
        if given.len() > MAX_CODES {
            self.refuse("link", "too_many_links", format!("`link` may be given {MAX_CODES} times at most"));
            return Vec::new();
        }
        let distinct: BTreeSet<String> = given.into_iter().collect();
        distinct.into_iter().filter_map(|text| self.code("link", text)).collect()
    }

    fn range(&mut self, now: DateTime<Utc>) -> Option<Range> {
        let granularity = match self.one("granularity") {
            None => Some(Granularity::Day),
            Some(text) => {
                let granularity = Granularity::from_name(&text);
                if granularity.is_none() {
                    self.refuse(
                        "granularity",
                        "invalid_granularity",
                        "`granularity` must be `hour` or `day`",
                    );
                }
                granularity
            }
        };
        let from = self.one("from").map(|text| self.instant("from", &text));
        let to = self.one("to").map(|text| self.instant("to", &text));
        // A value that was given but cannot be read was complained about; nothing sensible can follow from it.
        let (granularity, from, to) = match (granularity, from, to) {
            (Some(granularity), None | Some(Some(_)), None | Some(Some(_))) => {
                (granularity, from.flatten(), to.flatten())
            }
            _ => return None,
        };
        let to = to.unwrap_or_else(|| midnight(now.date_naive() + Days::new(1)));
        let from = from.unwrap_or_else(|| to.checked_sub_days(Days::new(DEFAULT_DAYS)).unwrap_or(to));
        Range::new(from, to, granularity)
            .map_err(|error| self.refuse("from", "invalid_range", error.to_string()))
            .ok()
    }

    fn instant(&mut self, field: &str, text: &str) -> Option<DateTime<Utc>> {
        let date = || text.parse::<NaiveDate>().ok().filter(|_| text.len() == 10).map(midnight);
        let instant = DateTime::parse_from_rfc3339(text).map(|instant| instant.to_utc()).ok().or_else(date);
        let sensible = instant.filter(|instant| (1970..=9000).contains(&chrono::Datelike::year(instant)));
        if sensible.is_none() {
            let detail = format!(
                "`{field}` must be an RFC 3339 timestamp such as 2026-11-20T00:00:00Z, or a date such as \
                 2026-11-20 (midnight UTC); write a `+` of an offset as %2B"
            );
            self.refuse(field, "invalid_timestamp", detail);
        }
        sensible
    }

    /// Complains about pairs that nobody took, then hands over all complaints.
    fn finish(mut self, known: &str) -> Result<(), Vec<BadParameter>> {
        for (name, _) in std::mem::take(&mut self.pairs) {
            self.refuse(
                &name,
                "unknown_parameter",
                format!("`{name}` is not a parameter here; known are {known}"),
            );
        }
        if self.bad.is_empty() { Ok(()) } else { Err(self.bad) }
    }
}

fn midnight(date: NaiveDate) -> DateTime<Utc> {
    date.and_time(NaiveTime::MIN).and_utc()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(query: &str) -> Result<LinksParams, Vec<BadParameter>> {
        LinksParams::parse(query, "2026-11-20T14:10:00Z".parse().expect("a timestamp"))
    }

    #[track_caller]
    fn check_range(query: &str, from: &str, to: &str) {
        let range = parse(query).expect("good parameters").range;
        let at = |text: &str| text.parse::<DateTime<Utc>>().expect("a timestamp");
        assert_eq!((range.from, range.to), (at(from), at(to)), "{query}");
    }

    #[test]
    fn spans_have_sensible_defaults() {
        check_range("", "2026-11-14T00:00:00Z", "2026-11-21T00:00:00Z");
        check_range("from=2026-11-20", "2026-11-20T00:00:00Z", "2026-11-21T00:00:00Z");
        check_range("to=2026-11-10", "2026-11-03T00:00:00Z", "2026-11-10T00:00:00Z");
        check_range(
            "from=2026-11-01T10:30:00%2B02:00&to=2026-11-01T09:00:00Z&granularity=hour",
            "2026-11-01T08:00:00Z",
            "2026-11-01T09:00:00Z",
        );
    }

    #[test]
    fn links_are_distinct_and_pages_bounded() {
        let params = parse("link=bbbb&link=aaaa&link=bbbb&limit=100&starting_after=zzzz").expect("good");
        assert_eq!((params.codes, params.limit), (vec!["aaaa".to_owned(), "bbbb".to_owned()], 100));
        assert_eq!(params.starting_after.as_deref(), Some("zzzz"));
        assert_eq!(parse("").expect("good").limit, DEFAULT_LIMIT);
    }

    #[test]
    fn everything_wrong_is_named() {
        let bad =
            parse("from=yesterday&limit=0&granularity=week&link=a/b&colour=red&limit=7").expect_err("bad");
        let seen: Vec<(&str, &str)> = bad.iter().map(|bad| (bad.field.as_str(), bad.code)).collect();
        let expect = [
            ("limit", "repeated_parameter"),
            ("link", "invalid_code"),
            ("granularity", "invalid_granularity"),
            ("from", "invalid_timestamp"),
            ("colour", "unknown_parameter"),
        ];
        assert_eq!(seen, expect);
    }
}
