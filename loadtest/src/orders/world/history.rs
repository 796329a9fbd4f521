//! What held when.

use common::attribution::CLOCK_SKEW;
use common::time::Millis;

/// Rows that each hold from their moment until the next one's. Sorted, moments differ.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::orders) struct History<T>(pub(in crate::orders) Vec<(Millis, T)>);

impl<T> History<T> {
    /// Puts rows in order; of two at one moment the first is kept.
    pub(super) fn of(mut rows: Vec<(Millis, T)>) -> Self {
        rows.sort_by_key(|(since, _)| *since);
        rows.dedup_by_key(|(since, _)| *since);
        Self(rows)
    }

    /// What held at a moment.
    pub(in crate::orders) fn at(&self, moment: Millis) -> Option<&T> {
        self.0.iter().rev().find(|(since, _)| *since <= moment).map(|(_, row)| row)
    }

    /// The same for histories of standing: shortly before the first row that row holds already, as clocks differ.
    ///
    /// Every standing of a made-up world begins long before its first click.
    pub(in crate::orders) fn near(&self, moment: Millis) -> &T {
        let soon = self.0.first().filter(|(since, _)| *since <= moment.plus(CLOCK_SKEW));
        self.at(moment).or(soon.map(|(_, row)| row)).expect("a standing begins before every click")
    }

    /// What holds since the last change.
    pub(in crate::orders) fn last(&self) -> &T {
        &self.0.last().expect("a history has a row").1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_holds_from_its_moment_until_the_next() {
        let history =
            History::of(vec![(Millis(500_000), 'b'), (Millis(400_000), 'a'), (Millis(500_000), 'c')]);
        assert_eq!(history.0.len(), 2);
        for (at, holds) in
            [(399_999, None), (400_000, Some(&'a')), (499_999, Some(&'a')), (500_000, Some(&'b'))]
        {
            assert_eq!(history.at(Millis(at)), holds, "{at}");
        }
        assert_eq!((history.near(Millis(100_000)), history.last()), (&'a', &'b'));
    }
}
