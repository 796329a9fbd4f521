//! Chance without state: every number follows from a seed and a position, so that a run can be replayed from its
//! seed, and any part of it without the parts before.

/// A seed with its own stream of numbers for each purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dice {
    seed: u64,
}

impl Dice {
    /// The dice of this seed for this purpose; other purposes throw independently of it.
    pub fn new(seed: u64, purpose: &str) -> Self {
        let start = purpose.bytes().fold(mix(seed), |state, byte| mix(state ^ u64::from(byte)));
        Self { seed: start }
    }

    /// The number at `position`: all 64 bits are even chances.
    pub fn throw(self, position: u64) -> u64 {
        mix(self.seed.wrapping_add(position.wrapping_mul(0x9e37_79b9_7f4a_7c15)))
    }

    /// A number below `bound` at `position`. `bound` must not be zero.
    pub fn below(self, position: u64, bound: u64) -> u64 {
        scale(self.throw(position), bound)
    }
}

/// Spreads 64 even bits over `0..bound`.
pub fn scale(bits: u64, bound: u64) -> u64 {
    ((u128::from(bits) * u128::from(bound)) >> 64) as u64
}

/// The finaliser of `SplitMix64`: every input bit changes about half of the output bits.
fn mix(input: u64) -> u64 {
    let mut x = input.wrapping_add(0x9e37_79b9_7f4a_7c15);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn throws_are_even_and_follow_from_seed_purpose_and_position() {
        let dice = Dice::new(7, "links");
        assert_eq!(dice.throw(3), Dice::new(7, "links").throw(3));
        assert_ne!(dice.throw(3), Dice::new(8, "links").throw(3));
        assert_ne!(dice.throw(3), Dice::new(7, "kinds").throw(3));
        let mut counts = [0_u32; 10];
        for position in 0..100_000 {
            counts[dice.below(position, 10) as usize] += 1;
        }
        assert!(counts.iter().all(|n| (9_600..10_400).contains(n)), "{counts:?}");
    }
}
