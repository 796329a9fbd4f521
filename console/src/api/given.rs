//! The parameters of one request, taken one by one by name. Everything wrong is collected, so one answer names it all.

use std::ops::RangeInclusive;

use chrono::{DateTime, Datelike as _, Days, NaiveDate, Utc};
use common::ids::Code;
use common::money::{BadCurrency, Currency};
use url::form_urlencoded;

use crate::conventions::Page;
use crate::problem::BadParameter;
use crate::report::range::midnight;
use crate::report::{Granularity, Range};

/// Rows on a page unless asked otherwise.
pub(crate) const DEFAULT_LIMIT: i64 = 25;
/// Rows on a page at most: links by hour over 31 days are 74,400 buckets.
pub(crate) const MAX_LIMIT: i64 = 100;
/// Years that are reported on: from the epoch on, and so that a span added to it is still a time.
const YEARS: RangeInclusive<i32> = 1970..=9000;
/// The span unless asked otherwise, in days.
const DEFAULT_DAYS: u64 = 7;

/// The pairs not yet taken, and what was wrong with those that were.
pub(crate) struct Given {
    pairs: Vec<(String, String)>,
    bad: Vec<BadParameter>,
}

impl Given {
    /// Reads the part of an address after `?`.
    pub(crate) fn read(query: &str) -> Self {
        let pairs = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        Self { pairs, bad: Vec::new() }
    }

    /// Complains about one parameter.
    pub(crate) fn refuse(&mut self, field: &str, code: &'static str, detail: impl Into<String>) {
        self.bad.push(BadParameter { field: field.to_owned(), code, detail: detail.into() });
    }

    /// Every value of a parameter that may be repeated. Postgres has no text with a NUL in it, so none is ever looked for.
    pub(crate) fn all(&mut self, name: &str) -> Vec<String> {
        let values: Vec<String> =
            self.pairs.extract_if(.., |(key, _)| key == name).map(|(_, value)| value).collect();
        if values.iter().any(|value| value.contains('\0')) {
            self.refuse(name, "invalid_value", format!("`{name}` must be text without a NUL"));
            return Vec::new();
        }
        values
    }

    /// The value of a parameter that may be given once.
    pub(crate) fn one(&mut self, name: &str) -> Option<String> {
        let mut values = self.all(name);
        if values.len() > 1 {
            self.refuse(name, "repeated_parameter", format!("`{name}` may be given once"));
        }
        values.pop()
    }

    /// `limit`: rows on the page.
    pub(crate) fn limit(&mut self) -> i64 {
        let Some(text) = self.one("limit") else { return DEFAULT_LIMIT };
        let limit = text.parse().ok().filter(|limit| (1..=MAX_LIMIT).contains(limit));
        if limit.is_none() {
            self.refuse("limit", "invalid_limit", format!("`limit` must be a number from 1 to {MAX_LIMIT}"));
        }
        limit.unwrap_or(DEFAULT_LIMIT)
    }

    /// `limit` and `starting_after`, which names a row.
    pub(crate) fn page(&mut self) -> Page {
        Page { limit: self.limit(), after: self.name("starting_after") }
    }

    /// `true` or `false`.
    pub(crate) fn flag(&mut self, name: &str) -> Option<bool> {
        self.word(name, &["true", "false"]).map(|word| word == "true")
    }

    /// The number of a vendor or an affiliate.
    pub(crate) fn id(&mut self, name: &str) -> Option<i64> {
        let text = self.one(name)?;
        let id = text.parse().ok().filter(|id| *id > 0);
        if id.is_none() {
            self.refuse(name, "invalid_id", format!("`{name}` must be a number such as 1"));
        }
        id
    }

    /// One of a few words.
    pub(crate) fn word(&mut self, name: &str, known: &[&str]) -> Option<String> {
        let text = self.one(name)?;
        if known.contains(&text.as_str()) {
            return Some(text);
        }
        self.refuse(name, "unknown_value", format!("`{name}` must be one of {}", known.join(", ")));
        None
    }

    /// `currency`: three capitals.
    pub(crate) fn currency(&mut self) -> Option<Currency> {
        let text = self.one("currency")?;
        currency(&text).map_err(|bad| self.bad.push(bad)).ok()
    }

    /// A name that we gave to something, such as an order: a few plain characters.
    pub(crate) fn name(&mut self, field: &str) -> Option<String> {
        let text = self.one(field)?;
        if is_name(&text) {
            return Some(text);
        }
        self.refuse(field, "unknown_cursor", format!("`{field}` must be the last row of the page before"));
        None
    }

    /// `from` and `to`, each as it is given.
    pub(crate) fn span(&mut self) -> (Option<DateTime<Utc>>, Option<DateTime<Utc>>) {
        let from = self.one("from").and_then(|text| self.instant("from", &text));
        let to = self.one("to").and_then(|text| self.instant("to", &text));
        if let (Some(from), Some(to)) = (from, to)
            && to <= from
        {
            self.refuse("from", "invalid_range", "`to` must be later than `from`");
        }
        (from, to)
    }

    /// A link's code.
    pub(crate) fn code(&mut self, field: &str, text: String) -> Option<String> {
        if Code::new(text.as_bytes()).is_some() {
            return Some(text);
        }
        let detail = format!("`{field}` must be a link's code: 4 to 32 letters, digits, `_` or `-`");
        self.refuse(field, "invalid_code", detail);
        None
    }

    /// `from`, `to` and `granularity`: a span of whole buckets.
    pub(crate) fn range(&mut self, now: DateTime<Utc>) -> Option<Range> {
        let granularity = match self.one("granularity") {
            None => Some(Granularity::Day),
            Some(text) => {
                let granularity = Granularity::from_name(&text);
                if granularity.is_none() {
                    self.refuse(
                        "granularity",
                        "invalid_granularity",
                        "`granularity` must be `hour`, `day`, `week` or `month`",
                    );
                }
                granularity
            }
        };
        self.range_by(granularity, now)
    }

    /// `from` and `to`: a span of whole days.
    pub(crate) fn days(&mut self, now: DateTime<Utc>) -> Option<Range> {
        self.range_by(Some(Granularity::Day), now)
    }

    fn range_by(&mut self, granularity: Option<Granularity>, now: DateTime<Utc>) -> Option<Range> {
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

    /// A time or a date.
    pub(crate) fn instant(&mut self, field: &str, text: &str) -> Option<DateTime<Utc>> {
        let date = || text.parse::<NaiveDate>().ok().filter(|_| text.len() == 10).map(midnight);
        let instant = DateTime::parse_from_rfc3339(text).map(|instant| instant.to_utc()).ok().or_else(date);
        let Some(instant) = instant else {
            let detail = format!(
                "`{field}` must be an RFC 3339 timestamp such as 2026-11-20T00:00:00Z, or a date such as \
                 2026-11-20 (midnight UTC); write a `+` of an offset as %2B"
            );
            self.refuse(field, "invalid_timestamp", detail);
            return None;
        };
        let is_sensible = YEARS.contains(&instant.year());
        if !is_sensible {
            let (first, last) = (YEARS.start(), YEARS.end());
            self.refuse(field, "out_of_range", format!("`{field}` must be in the years {first} to {last}"));
        }
        is_sensible.then_some(instant)
    }

    /// Complains about pairs that nobody took, then hands over all complaints.
    pub(crate) fn finish(mut self, known: &str) -> Result<(), Vec<BadParameter>> {
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

/// What `currency` says. Three capitals may still be no currency.
pub(crate) fn currency(text: &str) -> Result<Currency, BadParameter> {
    let is_code = text.len() == 3 && text.bytes().all(|byte| byte.is_ascii_uppercase());
    let code = if is_code { "unknown_currency" } else { "invalid_currency" };
    text.parse().map_err(|error: BadCurrency| BadParameter {
        field: "currency".to_owned(),
        code,
        detail: error.to_string(),
    })
}

/// Whether this may be a name that we gave to something: an order, a payout. Nothing else reaches Postgres.
pub(crate) fn is_name(text: &str) -> bool {
    (1..=64).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}
