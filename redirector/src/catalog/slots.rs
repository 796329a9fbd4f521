//! A hash table whose entries stand where their hash says, or right behind: open addressing with linear probing.
//!
//! Among a million links nearly every step of a lookup is a trip to memory. Tables with a directory of their own make
//! two, one after the other; here the first place looked at is the right one three times out of four, and the next
//! is its neighbour. Where an entry is follows from the hash alone, so memory can be asked for all of it at once, before
//! anything else is done ([`Slots::fetch`]).

use std::mem;

use common::ids::Code;
use prefetch_index::prefetch_index;

use super::table::Known;

/// At most three fifths of the places are taken: then a lookup sees one and a half places on average.
const FULL: (usize, usize) = (3, 5);
/// The first places of a table.
const FIRST: usize = 8;
/// What memory gives at once.
const LINE: usize = 64;
const WORD: usize = size_of::<u64>();

/// Gives a code's hash again, for entries that must move.
pub(super) type Rehash<'a> = &'a dyn Fn(&Code) -> u64;

/// Entries by code. Hashes are the caller's.
#[derive(Debug, Default)]
pub(super) struct Slots {
    places: Box<[Known]>,
    len: usize,
    /// Where the next victim is looked for.
    hand: usize,
}

impl Slots {
    /// Asks memory for the place where an entry with this hash belongs, without waiting for it.
    #[inline]
    pub(super) fn fetch(&self, hash: u64) {
        let Some(first) = self.places.first() else { return };
        let words = std::slice::from_ref(&first.version);
        let home = self.home(hash) * (size_of::<Known>() / WORD);
        for line in (0..size_of::<Known>()).step_by(LINE) {
            prefetch_index(words, home + line / WORD);
        }
    }

    /// The entry of a code.
    #[inline]
    pub(super) fn find(&self, hash: u64, code: &Code) -> Option<&Known> {
        let mut at = self.home(hash);
        loop {
            // Past the end is past the last place, or there are none at all.
            let Some(place) = self.places.get(at) else {
                if self.places.is_empty() {
                    return None;
                }
                at = 0;
                continue;
            };
            match &place.code {
                None => return None,
                Some(there) if there == code => return Some(place),
                Some(_) => at += 1,
            }
        }
    }

    /// The entry of a code, to be changed.
    pub(super) fn find_mut(&mut self, hash: u64, code: &Code) -> Option<&mut Known> {
        let mut at = self.home(hash);
        while let Some(there) = self.places.get(at)?.code {
            if there == *code {
                return Some(&mut self.places[at]);
            }
            at = (at + 1) % self.places.len();
        }
        None
    }

    /// Adds an entry whose code is not there yet.
    pub(super) fn insert(&mut self, hash: u64, known: Known, rehash: Rehash<'_>) {
        if self.is_full() {
            self.resize(self.grown(), rehash);
        }
        self.put(hash, known);
    }

    /// Makes room for so many entries in all, at once instead of step by step.
    pub(super) fn reserve(&mut self, entries: usize, rehash: Rehash<'_>) {
        if places_for(entries) > self.places.len() {
            self.resize(places_for(entries), rehash);
        }
    }

    /// The bytes that [`Self::reserve`] would add.
    pub(super) fn reserved(&self, entries: usize) -> usize {
        places_for(entries).saturating_sub(self.places.len()) * size_of::<Known>()
    }

    /// Removes an arbitrary entry: the one a clock hand comes to next.
    pub(super) fn evict(&mut self, rehash: Rehash<'_>) -> Option<Known> {
        for _ in 0..self.places.len() {
            self.hand = (self.hand + 1) % self.places.len();
            if self.places[self.hand].code.is_some() {
                return Some(self.remove(self.hand, rehash));
            }
        }
        None
    }

    /// Removes what `keep` does not want, and gives back memory that is not needed any more.
    pub(super) fn retain(&mut self, mut keep: impl FnMut(&Known) -> bool, rehash: Rehash<'_>) {
        let before = self.len;
        for place in &mut self.places {
            if place.code.is_some() && !keep(place) {
                *place = Known::default();
                self.len -= 1;
            }
        }
        if self.len < before {
            // What was removed may have stood between an entry and its home: all are put anew.
            let places =
                if self.len * 4 < self.places.len() { places_for(self.len) } else { self.places.len() };
            self.resize(places, rehash);
        }
    }

    /// Every entry.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Known> {
        self.places.iter().filter(|place| place.code.is_some())
    }

    /// The bytes all places take.
    pub(super) fn bytes(&self) -> usize {
        self.places.len() * size_of::<Known>()
    }

    /// The bytes that one more entry takes: none, or half of what there is.
    pub(super) fn growth(&self) -> usize {
        if self.is_full() { (self.grown() - self.places.len()) * size_of::<Known>() } else { 0 }
    }

    fn is_full(&self) -> bool {
        (self.len + 1) * FULL.1 > self.places.len() * FULL.0
    }

    fn grown(&self) -> usize {
        (self.places.len() / 2 * 3).max(FIRST)
    }

    /// The place where an entry with this hash belongs: the hash's lower half as a fraction of all places.
    fn home(&self, hash: u64) -> usize {
        ((hash & 0xffff_ffff) as usize * self.places.len()) >> 32
    }

    fn put(&mut self, hash: u64, known: Known) {
        let mut at = self.home(hash);
        while self.places[at].code.is_some() {
            at = (at + 1) % self.places.len();
        }
        self.places[at] = known;
        self.len += 1;
    }

    fn resize(&mut self, places: usize, rehash: Rehash<'_>) {
        let old = mem::take(&mut self.places);
        self.places = (0..places).map(|_| Known::default()).collect();
        (self.len, self.hand) = (0, 0);
        for known in old {
            if let Some(code) = known.code {
                self.put(rehash(&code), known);
            }
        }
    }

    /// Takes the entry at `at` and moves up those behind it that would not be found across the gap.
    fn remove(&mut self, at: usize, rehash: Rehash<'_>) -> Known {
        let n = self.places.len();
        let removed = mem::take(&mut self.places[at]);
        self.len -= 1;
        let (mut gap, mut next) = (at, (at + 1) % n);
        while let Some(code) = self.places[next].code {
            let home = self.home(rehash(&code));
            if (next + n - home) % n >= (next + n - gap) % n {
                self.places[gap] = mem::take(&mut self.places[next]);
                gap = next;
            }
            next = (next + 1) % n;
        }
        removed
    }
}

/// How many places so many entries need.
fn places_for(len: usize) -> usize {
    if len == 0 { 0 } else { (len * FULL.1).div_ceil(FULL.0).max(FIRST) + 1 }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    /// A bad hash on purpose: few homes, so that entries collide, wrap around and move.
    fn hash(code: &Code) -> u64 {
        let n: u64 = code.as_str()[4..].parse().expect("a number");
        (n * 7 % 11) << 29 | 0x1fff_ffff
    }

    fn code(n: u16) -> Code {
        Code::new(format!("code{n}").as_bytes()).expect("a code")
    }

    fn known(n: u16, version: u64) -> Known {
        Known::gone(code(n), version)
    }

    #[derive(Debug, Clone)]
    enum Change {
        Tell(u16, u64),
        Evict,
        Retain(u64),
    }

    fn change() -> impl Strategy<Value = Change> {
        prop_oneof![
            8 => (0_u16..200, any::<u64>()).prop_map(|(n, version)| Change::Tell(n, version)),
            3 => Just(Change::Evict),
            1 => (1_u64..5).prop_map(Change::Retain),
        ]
    }

    proptest! {
        #[test]
        fn it_is_a_map(changes in prop::collection::vec(change(), 1..300)) {
            let (mut slots, mut map) = (Slots::default(), BTreeMap::<u16, u64>::new());
            for change in changes {
                match change {
                    Change::Tell(n, version) => {
                        map.insert(n, version);
                        match slots.find_mut(hash(&code(n)), &code(n)) {
                            Some(old) => old.version = version,
                            None => slots.insert(hash(&code(n)), known(n, version), &hash),
                        }
                    }
                    Change::Evict => {
                        let victim = slots.evict(&hash);
                        prop_assert_eq!(victim.is_some(), !map.is_empty());
                        let n = victim.and_then(|known| known.code).map(|code| code.as_str()[4..].parse().expect("a number"));
                        prop_assert!(n.is_none_or(|n| map.remove(&n).is_some()));
                    }
                    Change::Retain(every) => {
                        slots.retain(|known| known.version % every != 0, &hash);
                        map.retain(|_, version| *version % every != 0);
                    }
                }
                prop_assert_eq!(slots.iter().count(), map.len());
                for n in 0..200 {
                    let found = slots.find(hash(&code(n)), &code(n)).map(|known| known.version);
                    prop_assert_eq!(found, map.get(&n).copied());
                }
            }
        }
    }

    #[test]
    fn it_grows_as_it_says_and_shrinks_when_emptied() {
        let mut slots = Slots::default();
        assert!(slots.find(0, &code(1)).is_none() && slots.evict(&hash).is_none());
        for n in 0..1_000 {
            let (bytes, growth) = (slots.bytes(), slots.growth());
            slots.insert(hash(&code(n)), known(n, 1), &hash);
            assert_eq!(slots.bytes(), bytes + growth);
        }
        slots.retain(|known| known.code == Some(code(7)), &hash);
        assert!(slots.bytes() < 20 * size_of::<Known>() && slots.find(hash(&code(7)), &code(7)).is_some());
        slots.retain(|_| false, &hash);
        assert_eq!(slots.bytes(), 0);
    }
}
