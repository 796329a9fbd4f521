//! A share of an amount, in millionths.

use std::fmt;

/// A commission rate in millionths: 12.5 % is 125,000. From nothing to everything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Rate(u32);

impl Rate {
    /// Everything: 100 %.
    pub const WHOLE_PPM: u32 = 1_000_000;

    /// `None` above [`Self::WHOLE_PPM`].
    pub fn new(ppm: u32) -> Option<Self> {
        (ppm <= Self::WHOLE_PPM).then_some(Self(ppm))
    }

    /// The millionths.
    pub fn ppm(self) -> u32 {
        self.0
    }

    /// This share of an amount, rounded half up to the currency's smallest unit.
    pub fn of(self, base_minor: i64) -> i64 {
        let whole = i128::from(Self::WHOLE_PPM);
        let share = (i128::from(base_minor) * i128::from(self.0) + whole / 2).div_euclid(whole);
        i64::try_from(share).expect("a share is no larger than its whole")
    }
}

impl fmt::Display for Rate {
    /// In per cent, as people say it: `12.5 %`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, fraction) = (self.0 / 10_000, format!("{:04}", self.0 % 10_000));
        match fraction.trim_end_matches('0') {
            "" => write!(f, "{whole} %"),
            digits => write!(f, "{whole}.{digits} %"),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn rate(ppm: u32) -> Rate {
        Rate::new(ppm).expect("a rate")
    }

    #[test]
    fn a_share_is_rounded_half_up() {
        for (ppm, base, expect) in [
            (125_000, 10_000, 1_250),
            (50_000, 6_568, 328), // 328.4
            (50_000, 6_569, 328), // 328.45
            (500_000, 1, 1),      // exactly half
            (500_000, 3, 2),      // 1.5
            (499_999, 1, 0),      // just below
            (500_001, 1, 1),      // just above
            (125_000, 4, 1),      // 0.5
            (125_000, 3, 0),      // 0.375
            (125_000, 12, 2),     // 1.5
            (1, 500_000, 1),      // 0.5
            (1, 499_999, 0),
            (0, i64::MAX, 0),
            (1_000_000, i64::MAX, i64::MAX),
            (1_000_000, i64::MIN, i64::MIN),
            (500_000, i64::MAX, 4_611_686_018_427_387_904),
            (500_000, -1, 0), // half up, not away from zero
            (500_000, -3, -1),
        ] {
            assert_eq!(rate(ppm).of(base), expect, "{ppm} ppm of {base}");
        }
    }

    #[test]
    fn rates_end_at_everything() {
        assert_eq!(Rate::new(1_000_000).map(Rate::ppm), Some(1_000_000));
        assert_eq!(Rate::new(1_000_001), None);
        assert_eq!(Rate::new(u32::MAX), None);
    }

    #[test]
    fn rates_are_shown_in_per_cent() {
        for (ppm, expect) in
            [(125_000, "12.5 %"), (50_000, "5 %"), (0, "0 %"), (1, "0.0001 %"), (1_000_000, "100 %")]
        {
            assert_eq!(rate(ppm).to_string(), expect);
        }
    }

    proptest! {
        #[test]
        fn a_share_is_within_half_a_unit_and_never_more_than_the_whole(ppm in 0..=1_000_000_u32, base: i64) {
            let share = rate(ppm).of(base);
            let off = i128::from(share) * 1_000_000 - i128::from(base) * i128::from(ppm);
            prop_assert!((-500_000 < off) && (off <= 500_000), "{off}");
            prop_assert!(share.unsigned_abs() <= base.unsigned_abs());
        }
    }
}
