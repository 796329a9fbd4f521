//! User agents that were classified lately: the header is long, the list of programs longer, and both repeat.

use std::hash::BuildHasher as _;

use common::traffic::{Agent, Classifier};
use common::visitor::Keys;
use foldhash::fast::RandomState;

/// How many are kept, each in the one place its hash gives it; a power of two.
const SLOTS: usize = 4_096;
/// Longer agents are classified anew each time: they are rare, and would let strangers fill the memory.
const MAX_BYTES: usize = 512;

/// One worker's cache for one month: the hashes are keyed by it.
#[derive(Debug)]
pub(crate) struct Agents {
    slots: Vec<Option<Kept>>,
    hasher: RandomState,
}

#[derive(Debug)]
struct Kept {
    ua: Box<[u8]>,
    hash: u64,
    agent: Agent,
}

impl Agents {
    pub(crate) fn new() -> Self {
        Self { slots: (0..SLOTS).map(|_| None).collect(), hasher: RandomState::default() }
    }

    /// The keyed hash of a user agent and what it says.
    pub(crate) fn look(&mut self, ua: &[u8], keys: &Keys, classifier: &Classifier) -> (u64, Agent) {
        let slot = &mut self.slots[self.hasher.hash_one(ua) as usize % SLOTS];
        if let Some(kept) = slot.as_ref().filter(|kept| *kept.ua == *ua) {
            return (kept.hash, kept.agent);
        }
        let (hash, agent) = (keys.ua_hash(ua), classifier.classify(ua));
        if ua.len() <= MAX_BYTES {
            *slot = Some(Kept { ua: ua.into(), hash, agent });
        }
        (hash, agent)
    }
}
