//! Numbers, money and times as elements: readable as they are, and marked so that our script can write them the way the
//! reader's own language does.
//!
//! Invariant: what stands in them is made of numbers and of currency codes alone; nothing that somebody typed is here.

use std::fmt;

use askama::filters::HtmlSafe;
use chrono::{DateTime, NaiveDate, Utc};
use common::money::{Currency, format_decimal};

use super::format;

/// A number of things.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Count(pub(crate) u64);

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, r#"<data class="count" value="{}">{}</data>"#, self.0, format::count(self.0))
    }
}

impl HtmlSafe for Count {}

/// An amount of money.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Amount {
    minor: i64,
    currency: Option<Currency>,
}

impl Amount {
    /// So many of the smallest unit. A currency that is not known (any more) is left out.
    pub(crate) fn new(minor: i64, currency: &str) -> Self {
        Self { minor, currency: currency.parse().ok() }
    }

    /// Amounts in several currencies, those of nothing left out.
    pub(crate) fn each<'a>(amounts: impl IntoIterator<Item = (i64, &'a str)>) -> Vec<Self> {
        let some = amounts.into_iter().filter(|(minor, _)| *minor != 0);
        some.map(|(minor, currency)| Self::new(minor, currency)).collect()
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(currency) = self.currency else { return write!(f, "{} of the smallest unit", self.minor) };
        let decimal = format_decimal(self.minor, currency);
        let grouped = format::grouped(&decimal);
        write!(
            f,
            r#"<data class="amount" value="{decimal}" data-currency="{currency}">{grouped} {currency}</data>"#
        )
    }
}

impl HtmlSafe for Amount {}

/// How long ago something was, with the exact time behind it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ago {
    then: DateTime<Utc>,
    now: DateTime<Utc>,
}

impl Ago {
    /// Seen from `now`.
    pub(crate) fn new(then: DateTime<Utc>, now: DateTime<Utc>) -> Self {
        Self { then, now }
    }
}

impl fmt::Display for Ago {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (machine, exact) = (self.then.format("%FT%TZ"), self.then.format("%-d %b %Y, %H:%M UTC"));
        let words = format::ago(self.then, self.now);
        write!(f, r#"<time class="ago" datetime="{machine}" title="{exact}">{words}</time>"#)
    }
}

impl HtmlSafe for Ago {}

/// A day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Day(pub(crate) NaiveDate);

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, r#"<time datetime="{}">{}</time>"#, self.0, self.0.format("%-d %b %Y"))
    }
}

impl HtmlSafe for Day {}

/// An instant, to the minute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Instant(pub(crate) DateTime<Utc>);

impl Instant {
    /// A time as the API's answers say it.
    pub(crate) fn said(text: &str) -> Option<Self> {
        DateTime::parse_from_rfc3339(text).ok().map(|instant| Self(instant.to_utc()))
    }
}

impl fmt::Display for Instant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (machine, words) = (self.0.format("%FT%TZ"), self.0.format("%-d %b %Y, %H:%M UTC"));
        write!(f, r#"<time datetime="{machine}">{words}</time>"#)
    }
}

impl HtmlSafe for Instant {}

/// What something is: a word, and a colour that says the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Badge {
    pub(crate) word: &'static str,
    /// `good`, `wait`, `bad`, `done` or `off`.
    pub(crate) class: &'static str,
}

impl Badge {
    const KNOWN: [(&'static str, Self); 31] = [
        ("active", Self { word: "Active", class: "good" }),
        ("suspended", Self { word: "Suspended", class: "bad" }),
        ("pending", Self { word: "Pending", class: "wait" }),
        ("approved", Self { word: "Approved", class: "good" }),
        ("rejected", Self { word: "Rejected", class: "bad" }),
        ("inactive", Self { word: "Inactive", class: "off" }),
        ("paused", Self { word: "Paused", class: "off" }),
        ("expired", Self { word: "Expired", class: "wait" }),
        ("sent", Self { word: "Sent", class: "wait" }),
        ("opened", Self { word: "Opened", class: "done" }),
        ("accepted", Self { word: "Accepted", class: "good" }),
        ("revoked", Self { word: "Revoked", class: "off" }),
        ("failed", Self { word: "Failed", class: "bad" }),
        ("delivered", Self { word: "Delivered", class: "good" }),
        ("disabled", Self { word: "Disabled", class: "off" }),
        ("Abandoned", Self { word: "Abandoned", class: "off" }),
        ("Pending", Self { word: "Pending", class: "wait" }),
        ("Completed", Self { word: "Completed", class: "done" }),
        ("Paid", Self { word: "Paid", class: "good" }),
        ("Refunded", Self { word: "Refunded", class: "bad" }),
        ("Cancelled", Self { word: "Cancelled", class: "off" }),
        ("held", Self { word: "On hold", class: "wait" }),
        ("open", Self { word: "Open", class: "wait" }),
        ("released", Self { word: "Released", class: "good" }),
        ("confirmed", Self { word: "Confirmed", class: "bad" }),
        ("requested", Self { word: "Requested", class: "wait" }),
        ("collected", Self { word: "Collected", class: "wait" }),
        ("paid", Self { word: "Paid", class: "good" }),
        ("credited", Self { word: "Credited", class: "good" }),
        ("verified", Self { word: "Verified", class: "good" }),
        ("clear", Self { word: "Clear", class: "good" }),
    ];

    /// The badge of a status as the database and the API call it. One without a badge of its own is grey.
    pub(crate) fn of(status: &str) -> Self {
        let known = Self::KNOWN.iter().find(|(name, _)| *name == status);
        known.map_or(Self { word: "Unknown", class: "off" }, |(_, badge)| *badge)
    }

    /// What was agreed from some day on: it holds, will hold, or held.
    pub(crate) fn of_agreed(is_current: bool, is_later: bool) -> Self {
        match (is_current, is_later) {
            (true, _) => Self { word: "In force", class: "good" },
            (false, true) => Self { word: "Planned", class: "wait" },
            (false, false) => Self { word: "Ended", class: "off" },
        }
    }

    /// Whether somebody or something is on: Active in green, Suspended in red.
    pub(crate) fn active(is_active: bool) -> Self {
        Self::of(if is_active { "active" } else { "suspended" })
    }
}

impl fmt::Display for Badge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, r#"<span class="badge {}">{}</span>"#, self.class, self.word)
    }
}

impl HtmlSafe for Badge {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_say_the_same_to_people_and_programs() {
        assert_eq!(Count(1_234).to_string(), r#"<data class="count" value="1234">1,234</data>"#);
        assert_eq!(
            Amount::new(123_450, "EUR").to_string(),
            r#"<data class="amount" value="1234.50" data-currency="EUR">1,234.50 EUR</data>"#
        );
        assert_eq!(Amount::new(5, "<b>").to_string(), "5 of the smallest unit");
        assert_eq!(Amount::each([(0, "EUR"), (1, "SEK")]).len(), 1);
        assert_eq!(Badge::active(false).to_string(), r#"<span class="badge bad">Suspended</span>"#);
        let then = DateTime::UNIX_EPOCH;
        assert_eq!(Day(then.date_naive()).to_string(), r#"<time datetime="1970-01-01">1 Jan 1970</time>"#);
        assert!(Instant(then).to_string().contains(">1 Jan 1970, 00:00 UTC<"));
        assert!(Ago::new(then, then + chrono::TimeDelta::hours(3)).to_string().contains(">3 h ago<"));
    }
}
