//! Chance that can be repeated: every number follows from a seed.

/// The step of `SplitMix64`, which makes a stream of good numbers of any seed.
const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

/// A stream of random numbers.
#[derive(Clone, Debug)]
pub(crate) struct Dice(u64);

impl Dice {
    /// A stream of its own for something that is named by a number: what happens elsewhere does not move it.
    pub(crate) fn of(seed: u64, what: u64) -> Self {
        Self(mix(seed ^ mix(what)))
    }

    pub(crate) fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(GOLDEN);
        mix(self.0)
    }

    /// In [0, 1).
    pub(crate) fn unit(&mut self) -> f64 {
        (self.roll() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// In [from, to).
    pub(crate) fn between(&mut self, from: f64, to: f64) -> f64 {
        from + self.unit() * (to - from)
    }

    /// True with this probability.
    pub(crate) fn chance(&mut self, probability: f64) -> bool {
        self.unit() < probability
    }

    pub(crate) fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[(self.roll() % from.len() as u64) as usize]
    }

    /// The place of one of the weights, drawn in proportion.
    pub(crate) fn weighted(&mut self, weights: &[f64]) -> usize {
        let mut left = self.unit() * weights.iter().sum::<f64>();
        weights
            .iter()
            .position(|weight| {
                left -= weight;
                left < 0.0
            })
            .unwrap_or(weights.len() - 1)
    }

    /// How often something happens that happens `mean` times on average (Poisson).
    pub(crate) fn times(&mut self, mean: f64) -> u64 {
        // Knuth's way, in pieces that do not underflow.
        let (mut left, mut product, mut times) = (mean, self.unit(), 0);
        loop {
            while product < 1.0 && left > 0.0 {
                let piece = left.min(500.0);
                product *= piece.exp();
                left -= piece;
            }
            if product <= 1.0 {
                return times;
            }
            product *= self.unit();
            times += 1;
        }
    }
}

/// Stafford's mix of 64 bits.
pub(crate) fn mix(number: u64) -> u64 {
    let number = (number ^ number >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ number >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ number >> 31
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mean_is_what_was_asked_for() {
        let mut dice = Dice::of(7, 0);
        for mean in [0.2, 3.0, 40.0, 900.0] {
            let sum: u64 = (0..2_000).map(|_| dice.times(mean)).sum();
            let found = sum as f64 / 2_000.0;
            assert!((found / mean - 1.0).abs() < 0.1, "{found} instead of {mean}");
        }
        assert_eq!(dice.times(0.0), 0);
    }

    #[test]
    fn the_same_seed_throws_the_same() {
        let throws = |seed| {
            let mut dice = Dice::of(seed, 3);
            [dice.roll(), dice.roll()]
        };
        assert_eq!(throws(1), throws(1));
        assert_ne!(throws(1), throws(2));
    }

    #[test]
    fn weights_are_heeded() {
        let mut dice = Dice::of(1, 0);
        let mut seen = [0; 3];
        (0..1_000).for_each(|_| seen[dice.weighted(&[1.0, 0.0, 3.0])] += 1);
        assert!(seen[1] == 0 && (150..350).contains(&seen[0]), "{seen:?}");
    }
}
