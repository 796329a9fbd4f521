//! What held when: rows that hold from `since` until the next one of the same key.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use common::attribution::CLOCK_SKEW;

/// All rows of one key, by time.
#[derive(Debug)]
pub(crate) struct History<T>(BTreeMap<DateTime<Utc>, T>);

impl<T> Default for History<T> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<T> History<T> {
    /// Sorts rows by their keys.
    pub(crate) fn by_key<K: Ord>(rows: impl IntoIterator<Item = (K, DateTime<Utc>, T)>) -> BTreeMap<K, Self> {
        let mut histories: BTreeMap<K, Self> = BTreeMap::new();
        for (key, since, row) in rows {
            histories.entry(key).or_default().0.insert(since, row);
        }
        histories
    }

    /// The row in force at a moment. `None` before the first.
    pub(crate) fn at(&self, moment: DateTime<Utc>) -> Option<&T> {
        self.0.range(..=moment).next_back().map(|(_, row)| row)
    }

    /// The row in force at a moment that another clock told: shortly before the first row, that one.
    pub(crate) fn near(&self, moment: DateTime<Utc>) -> Option<&T> {
        let skew = TimeDelta::from_std(CLOCK_SKEW).unwrap_or_default();
        let first = || self.0.first_key_value().filter(|(since, _)| **since <= moment + skew);
        self.at(moment).or_else(|| first().map(|(_, row)| row))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(at: i64) -> DateTime<Utc> {
        DateTime::from_timestamp_millis(at).expect("a moment")
    }

    fn history(rows: &[(i64, char)]) -> History<char> {
        let rows = rows.iter().map(|&(since, row)| ((), ms(since), row));
        History::by_key(rows).remove(&()).expect("one key")
    }

    #[test]
    fn a_row_holds_from_its_instant_until_the_next() {
        let rates = history(&[(2_000, 'b'), (1_000, 'a'), (3_000, 'c')]);
        for (at, expect) in [(999, None), (1_000, Some('a')), (1_999, Some('a')), (2_000, Some('b'))] {
            assert_eq!(rates.at(ms(at)).copied(), expect, "{at}");
        }
        assert_eq!(rates.at(ms(i64::from(u32::MAX))), Some(&'c'));
    }

    #[test]
    fn the_first_row_reaches_back_as_far_as_clocks_differ() {
        let first = 1_000_000_000;
        let standing = history(&[(first, 'a'), (first + 1, 'b')]);
        let skew = 5 * 60_000;
        for (at, expect) in [
            (first - skew - 1, None),
            (first - skew, Some('a')),
            (first - 1, Some('a')),
            (first, Some('a')),
            (first + 1, Some('b')),
        ] {
            assert_eq!(standing.near(ms(at)).copied(), expect, "{at}");
        }
    }
}
