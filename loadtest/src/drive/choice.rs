//! Which link a shopper follows: each as likely as the other, or few often and many rarely.

use crate::dice::scale;

/// A distribution over `0..count`.
#[derive(Debug, Clone)]
pub enum Choice {
    /// Every position is as likely.
    Uniform {
        /// How many positions there are.
        count: u64,
    },
    /// The n-th position is chosen in proportion to `1 / n^exponent`.
    Zipf(Alias),
}

impl Choice {
    /// Zipf's law, the usual shape of popularity. `exponent` is about 1 for links.
    pub fn zipf(count: u64, exponent: f64) -> Self {
        let weights: Vec<f64> = (1..=count).map(|rank| (rank as f64).powf(-exponent)).collect();
        Self::Zipf(Alias::new(&weights))
    }

    /// The position for 64 random bits.
    pub fn position(&self, bits: u64) -> u64 {
        match self {
            Self::Uniform { count } => scale(bits, *count),
            Self::Zipf(alias) => alias.position(bits),
        }
    }
}

/// Walker's alias method: any distribution in constant time, from two numbers for each position.
///
/// A position is picked evenly; it keeps the pick with its own chance, else hands it on to its alias.
#[derive(Debug, Clone)]
pub struct Alias {
    keep: Vec<u32>,
    alias: Vec<u32>,
}

impl Alias {
    fn new(weights: &[f64]) -> Self {
        let mean = weights.iter().sum::<f64>() / weights.len() as f64;
        let mut share: Vec<f64> = weights.iter().map(|weight| weight / mean).collect();
        let mut alias: Vec<u32> = (0..weights.len() as u32).collect();
        let (mut poor, mut rich): (Vec<usize>, Vec<usize>) =
            (0..share.len()).partition(|&at| share[at] < 1.0);
        while let (Some(&from), Some(&to)) = (poor.last(), rich.last()) {
            poor.pop();
            alias[from] = to as u32;
            share[to] -= 1.0 - share[from];
            if share[to] < 1.0 {
                rich.pop();
                poor.push(to);
            }
        }
        let keep = share.iter().map(|share| (share.min(1.0) * f64::from(u32::MAX)) as u32).collect();
        Self { keep, alias }
    }

    fn position(&self, bits: u64) -> u64 {
        let at = scale(bits, self.keep.len() as u64);
        // The low bits decide nothing of `at` while there are fewer than 2^32 positions.
        let chance = bits as u32;
        if chance <= self.keep[at as usize] { at } else { u64::from(self.alias[at as usize]) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dice::Dice;

    #[test]
    fn zipf_gives_each_rank_its_share() {
        let (count, draws) = (1_000_u64, 1_000_000);
        let (choice, dice) = (Choice::zipf(count, 1.1), Dice::new(1, "test"));
        let mut counts = vec![0_u32; count as usize];
        for draw in 0..draws {
            counts[choice.position(dice.throw(draw)) as usize] += 1;
        }
        let whole: f64 = (1..=count).map(|rank| (rank as f64).powf(-1.1)).sum();
        for rank in [1_u64, 2, 10, 100, 1_000] {
            let expected = (rank as f64).powf(-1.1) / whole * draws as f64;
            let found = f64::from(counts[rank as usize - 1]);
            assert!((found - expected).abs() < 6.0 * expected.sqrt(), "rank {rank}: {found}, not {expected}");
        }
    }

    #[test]
    fn uniform_reaches_both_ends() {
        let choice = Choice::Uniform { count: 10 };
        assert_eq!((choice.position(0), choice.position(u64::MAX)), (0, 9));
    }
}
