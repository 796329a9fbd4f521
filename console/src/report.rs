//! The numbers, read from Postgres: links, the whole programme, one link in detail, the books, and orders with all that
//! follows from them.
//!
//! Invariant: unique visits are always the union of sketches, never a sum of estimates; what cannot be told is `None`,
//! never 0. Every function reads inside the caller's transaction, so that the numbers of one answer are of one instant.

pub mod accounts;
pub mod books;
pub mod breakdown;
pub mod earnings;
pub mod explanation;
pub mod groups;
pub mod holds;
pub mod links;
pub(crate) mod news;
pub mod orders;
pub mod parked;
pub mod payouts;
pub mod range;
pub mod received;
pub mod select;
pub mod span;
pub mod statement;
pub mod summary;
pub mod visits;

use chrono::{DateTime, Utc};
use common::money::{Currency, format_decimal};

pub use self::range::{Granularity, Range};
pub use self::span::Span;

/// Clicks of one bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bucket {
    /// Its first instant.
    pub start: DateTime<Utc>,
    /// Clicks by people.
    pub human: u64,
    /// Clicks by programs: bots, link previews, prefetches.
    pub filtered: u64,
    /// Distinct people of that day, standard error 0.81 %. `None` for an hour: sketches are daily.
    pub unique: Option<u64>,
}

/// Counts are never negative in Postgres (a check on every column); sqlx has no unsigned type for them.
pub(crate) fn count(stored: i64) -> u64 {
    u64::try_from(stored).unwrap_or_default()
}

/// An amount as people read it: `12.50 EUR`. A currency that is not known (any more) is told in its smallest unit.
pub fn amount(minor: i64, currency: &str) -> String {
    match currency.parse::<Currency>() {
        Ok(known) => format!("{} {known}", format_decimal(minor, known)),
        Err(_) => format!("{minor} of the smallest unit of {currency}"),
    }
}
