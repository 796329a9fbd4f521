//! Parameters as given → parameters as understood. Everything wrong is collected, so one answer names it all.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};

use super::given::Given;
use crate::conventions::{Asked, now};
use crate::problem::{BadParameter, Failure};
use crate::report::Range;

/// Codes one request may name.
const MAX_CODES: usize = 100;

/// What `/v1/reports/links` was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LinksParams {
    /// The span.
    pub(crate) range: Range,
    /// Links on the page.
    pub(crate) limit: i64,
    /// The code of the last link of the page before.
    pub(crate) starting_after: Option<String>,
    /// Only these links. Empty: all.
    pub(crate) codes: Vec<String>,
}

/// What `/v1/reports/summary` was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SummaryParams {
    /// The span.
    pub(crate) range: Range,
}

impl Asked for LinksParams {
    fn read(query: &str) -> Result<Self, Failure> {
        Self::parse(query, now()).map_err(Failure::Parameters)
    }
}

impl Asked for SummaryParams {
    fn read(query: &str) -> Result<Self, Failure> {
        Self::parse(query, now()).map_err(Failure::Parameters)
    }
}

impl LinksParams {
    /// Reads the part of an address after `?`.
    fn parse(query: &str, now: DateTime<Utc>) -> Result<Self, Vec<BadParameter>> {
        let mut given = Given::read(query);
        let limit = given.limit();
        let starting_after = given.one("starting_after").and_then(|text| given.code("starting_after", text));
        let codes = codes(&mut given);
        let range = given.range(now);
        given.finish("from, to, granularity, limit, starting_after, link")?;
        range.map(|range| Self { range, limit, starting_after, codes }).ok_or_else(Vec::new)
    }
}

impl SummaryParams {
    /// Reads the part of an address after `?`.
    fn parse(query: &str, now: DateTime<Utc>) -> Result<Self, Vec<BadParameter>> {
        let mut given = Given::read(query);
        let range = given.range(now);
        given.finish("from, to, granularity")?;
        range.map(|range| Self { range }).ok_or_else(Vec::new)
    }
}

fn codes(given: &mut Given) -> Vec<String> {
    let named = given.all("link");
    if named.len() > MAX_CODES {
        given.refuse("link", "too_many_links", format!("`link` may be given {MAX_CODES} times at most"));
        return Vec::new();
    }
    let distinct: BTreeSet<String> = named.into_iter().collect();
    distinct.into_iter().filter_map(|text| given.code("link", text)).collect()
}

#[cfg(test)]
mod tests {
    use super::super::given::DEFAULT_LIMIT;
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
            parse("from=yesterday&limit=0&granularity=decade&link=a/b&colour=red&limit=7").expect_err("bad");
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
