//! One thing's own stream of chance: what order 17 is made of does not depend on the orders before it.

use std::time::Duration;

use crate::dice::Dice;

/// Throws, one after the other.
#[derive(Debug, Clone, Copy)]
pub(super) struct Chance {
    dice: Dice,
    thrown: u64,
}

impl Chance {
    /// The stream of the `number`-th thing of this kind.
    pub(super) fn of(seed: u64, kind: &str, number: u64) -> Self {
        let own = Dice::new(seed, kind).throw(number);
        Self { dice: Dice::new(own, kind), thrown: 0 }
    }

    /// All 64 bits are even chances.
    pub(super) fn bits(&mut self) -> u64 {
        self.thrown += 1;
        self.dice.throw(self.thrown)
    }

    /// A number below `bound`, which must not be zero.
    pub(super) fn below(&mut self, bound: u64) -> u64 {
        self.thrown += 1;
        self.dice.below(self.thrown, bound)
    }

    /// A number from `range`.
    pub(super) fn within(&mut self, range: std::ops::RangeInclusive<u64>) -> u64 {
        range.start() + self.below(range.end() - range.start() + 1)
    }

    /// True this often of a hundred times.
    pub(super) fn percent(&mut self, often: u64) -> bool {
        self.below(100) < often
    }

    /// One of them, which must not be none.
    pub(super) fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len() as u64) as usize]
    }

    /// Up to `longest`, in whole milliseconds.
    pub(super) fn span(&mut self, longest: Duration) -> Duration {
        Duration::from_millis(self.below(longest.as_millis() as u64 + 1))
    }
}
