//! The strip under every report: do the books add up, and how fresh are they, in words.

use chrono::{DateTime, TimeDelta, Utc};

use super::format;
use crate::report::books::Books;

/// A flush runs every few seconds while there are clicks; this long without one is worth a word.
const QUIET: TimeDelta = TimeDelta::minutes(5);

/// The state of the books.
pub(super) struct Strip {
    /// `balanced`, `off` or `empty`: the colour.
    pub(super) state: &'static str,
    /// The finding, in one sentence.
    pub(super) verdict: String,
    /// The figures behind it.
    pub(super) figures: String,
    /// How fresh the counts are.
    pub(super) freshness: String,
    /// One row a partition.
    pub(super) rows: Vec<Row>,
}

/// The books of one partition, as text.
pub(super) struct Row {
    pub(super) part: i16,
    pub(super) claimed: String,
    pub(super) counted: String,
    pub(super) difference: i64,
    pub(super) flushed: String,
    pub(super) flushed_at: String,
}

impl Strip {
    /// The books as of `now`.
    pub(super) fn new(books: &Books, now: DateTime<Utc>) -> Self {
        let difference = books.difference();
        let (state, verdict) = match (books.last_flush(), difference) {
            (None, 0) => ("empty", "No click has been counted yet.".to_owned()),
            (_, 0) => ("balanced", "The books add up.".to_owned()),
            (_, 1) => ("off", "The books are off by one click.".to_owned()),
            (_, clicks) => ("off", format!("The books are off by {} clicks.", format::count(clicks))),
        };
        let (claimed, counted) = (format::count(books.claimed()), format::count(books.clicks()));
        Self {
            state,
            verdict,
            figures: format!(
                "{claimed} handed over by the journals, {counted} counted, difference {difference}."
            ),
            freshness: freshness(books.last_flush(), now),
            rows: books.partitions.iter().map(|partition| Row::new(partition, now)).collect(),
        }
    }
}

impl Row {
    fn new(books: &crate::report::books::PartitionBooks, now: DateTime<Utc>) -> Self {
        Self {
            part: books.part,
            claimed: format::count(books.claimed.unsigned_abs()),
            counted: format::count(books.clicks.unsigned_abs()),
            difference: books.claimed - books.clicks,
            flushed: books.flushed_at.map_or_else(|| "never".to_owned(), |then| format::ago(then, now)),
            flushed_at: books.flushed_at.map(|then| then.format("%FT%TZ").to_string()).unwrap_or_default(),
        }
    }
}

fn freshness(last: Option<DateTime<Utc>>, now: DateTime<Utc>) -> String {
    match last {
        None => "Counts arrive here a few seconds after the click.".to_owned(),
        Some(then) if now - then > QUIET => {
            format!(
                "The last clicks were added {}; if shoppers are clicking now, look at the aggregator.",
                format::ago(then, now)
            )
        }
        Some(then) => format!("The last clicks were added {}.", format::ago(then, now)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::books::PartitionBooks;

    #[test]
    fn the_verdict_is_in_words() {
        let now = DateTime::UNIX_EPOCH + TimeDelta::days(20_000);
        let books = |claimed: &[i64]| Books {
            partitions: claimed
                .iter()
                .map(|claimed| PartitionBooks {
                    part: 0,
                    clicks: 10,
                    claimed: *claimed,
                    flushed_at: Some(now),
                })
                .collect(),
        };
        for (claimed, state, verdict) in [
            (&[10_i64, 10][..], "balanced", "The books add up."),
            (&[11, 9], "off", "The books are off by 2 clicks."),
            (&[11], "off", "The books are off by one click."),
            (&[], "empty", "No click has been counted yet."),
        ] {
            let strip = Strip::new(&books(claimed), now);
            assert_eq!((strip.state, strip.verdict.as_str()), (state, verdict));
        }
    }
}
