//! User agents that were classified lately: the header is long, the list of programs longer, and both repeat.

use std::hash::BuildHasher as _;

use common::traffic::{Agent, Classifier};
use common::visitor::Keys;
use foldhash::fast::RandomState;

/// How many are kept.
const KEPT: usize = WAYS * SETS;
/// An agent's hash gives it a set of places: with one place, two popular agents could push each other out all day.
const WAYS: usize = 4;
/// A power of two.
const SETS: usize = 1_024;
/// Longer agents are classified anew each time: they are rare, and would let strangers fill the memory.
const MAX_BYTES: usize = 512;

/// One worker's cache for one month: the hashes are keyed by it.
#[derive(Debug)]
pub(crate) struct Agents {
    slots: Vec<Option<Kept>>,
    hasher: RandomState,
    /// Which place of a set the next new agent gets.
    turn: usize,
}

#[derive(Debug)]
struct Kept {
    ua: Box<[u8]>,
    hash: u64,
    agent: Agent,
}

impl Agents {
    pub(crate) fn new() -> Self {
        Self { slots: (0..KEPT).map(|_| None).collect(), hasher: RandomState::default(), turn: 0 }
    }

    /// The keyed hash of a user agent and what it says.
    pub(crate) fn look(&mut self, ua: &[u8], keys: &Keys, classifier: &Classifier) -> (u64, Agent) {
        let first = self.hasher.hash_one(ua) as usize % SETS * WAYS;
        let set = &mut self.slots[first..first + WAYS];
        if let Some(kept) = set.iter().flatten().find(|kept| *kept.ua == *ua) {
            return (kept.hash, kept.agent);
        }
        let (hash, agent) = (keys.ua_hash(ua), classifier.classify(ua));
        if ua.len() <= MAX_BYTES {
            self.turn = (self.turn + 1) % WAYS;
            let place = set.iter().position(Option::is_none).unwrap_or(self.turn);
            set[place] = Some(Kept { ua: ua.into(), hash, agent });
        }
        (hash, agent)
    }
}

#[cfg(test)]
mod tests {
    use common::secret::Master;

    use super::*;

    #[test]
    fn what_is_kept_is_what_classifying_gives() {
        let secret = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
        let keys = Keys::for_month(&Master::parse(secret).expect("a secret"), 202_611);
        let classifier = Classifier::new();
        let mut agents = Agents::new();
        let mut check = |ua: &[u8]| {
            let (hash, agent) = agents.look(ua, &keys, &classifier);
            assert_eq!((hash, agent), (keys.ua_hash(ua), classifier.classify(ua)));
        };
        for round in 0..2 {
            check(b"");
            check(&[b'x'; MAX_BYTES + 1]);
            for version in 0..300 {
                check(format!("Mozilla/5.0 (Windows NT 10.0) Firefox/{version}.{round}").as_bytes());
                check(format!("demo-bot/{version}").as_bytes());
            }
        }
    }
}
