//! Shipping: which records go to Redis next, and what its answer means.
//!
//! One cursor for each lane and partition, one call in flight for each cursor. Whatever is repeated, lost or
//! reordered on the way, an interval is added only if the bucket ends exactly where it begins.

use crate::ids::{LinkId, Seq};
use crate::time::{Day, Millis};
use crate::wire::{Count, Record, RecordFlags};

/// Where Redis stands for one lane and partition, as far as the edge knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Cursor {
    /// Nothing is known yet (start, or an answer got lost for good). Asking from zero brings the truth as an answer.
    #[default]
    Unknown,
    /// Redis ends at this seq.
    At(Seq),
    /// Redis does not know the lane: it is new, or was emptied. Begin again at zero with the oldest record kept.
    Missing,
}

/// What Redis said, to a batch or when asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// The batch is counted; the bucket now ends here.
    Counted(Seq),
    /// The batch is not counted; the bucket ends here.
    EndsAt(Seq),
    /// The batch is not counted; the lane is unknown.
    Missing,
}

impl Cursor {
    /// The seq after which the next batch begins, and its `from`.
    ///
    /// After [`Self::Missing`] this is zero and never a remembered watermark: Postgres may have gone back too, and
    /// only Postgres may say where counting goes on.
    pub fn from(self) -> Seq {
        match self {
            Self::At(seq) => seq,
            Self::Unknown | Self::Missing => Seq::ZERO,
        }
    }

    /// Whether the next batch may open the lane.
    pub fn opens_lane(self) -> bool {
        self == Self::Missing
    }

    /// The cursor after an answer. No answer (an error, a timeout) changes nothing: the same batch is sent again.
    #[must_use]
    pub fn after(self, answer: Answer) -> Self {
        match answer {
            Answer::Counted(seq) | Answer::EndsAt(seq) => Self::At(seq),
            Answer::Missing => Self::Missing,
        }
    }
}

/// Records in one call. Larger batches save little and block Redis longer.
pub const BATCH_RECORDS: usize = 1_000;
/// Sketches in one call: each is a key of the script.
pub const BATCH_SKETCHES: usize = 200;

/// The records of one interval of one lane in one partition, on their way to become [`Sums`].
///
/// Every record leaves a few numbers of 128 bits, which are sorted once at the end: that costs a fraction of keeping
/// them in order all along, and shipping is paid for by every click. Made to be used again.
#[derive(Debug, Clone, Default)]
pub struct Batch {
    /// The last record's seq. Zero while empty.
    pub to: Seq,
    /// How many records there are.
    pub records: usize,
    counts: Vec<u128>,
    visits: Vec<u128>,
    sketches: Distinct,
}

/// What one call adds.
#[derive(Debug, Clone, Copy)]
pub struct Sums<'a> {
    counts: &'a [u128],
    visits: &'a [u128],
    /// How many sketches get visitors.
    pub sketches: usize,
}

impl Batch {
    /// Empties it, keeping its memory.
    pub fn clear(&mut self) {
        (self.to, self.records) = (Seq::ZERO, 0);
        self.counts.clear();
        self.visits.clear();
        self.sketches.clear();
    }

    /// Adds a record, which must follow the ones before it in its lane. `false`: full, it was not added.
    pub fn push(&mut self, record: &Record) -> bool {
        let (hour, day) = (record.at().hour(), record.at().day());
        let bot = record.flags.has(RecordFlags::BOT);
        if self.records == BATCH_RECORDS || (!bot && !self.sketches.admit(sketch_of(record.link, day))) {
            return false;
        }
        if bot {
            self.counts.push(Count::Filtered(record.link, hour).pack());
        } else {
            self.counts.extend([
                Count::Human(record.link, hour).pack(),
                Count::Platform(record.link, day, record.device, record.browser, record.os).pack(),
                Count::Origin(record.link, day, record.country, record.channel).pack(),
            ]);
            self.visits.push(u128::from(sketch_of(record.link, day)) << 64 | u128::from(record.visitor));
        }
        self.to = record.seq;
        self.records += 1;
        true
    }

    /// Sums what was pushed.
    pub fn sums(&mut self) -> Sums<'_> {
        self.counts.sort_unstable();
        self.visits.sort_unstable();
        self.visits.dedup();
        Sums { counts: &self.counts, visits: &self.visits, sketches: self.sketches.count }
    }
}

impl<'a> Sums<'a> {
    /// What to add to each counter, sorted.
    pub fn counts(self) -> impl Iterator<Item = (Count, u32)> + Clone + 'a {
        self.counts.chunk_by(|a, b| a == b).map(|same| (Count::unpack(same[0]), same.len() as u32))
    }

    /// The link and day of each sketch, sorted, with its human visitors, none twice.
    pub fn visitors(
        self,
    ) -> impl Iterator<Item = (LinkId, Day, impl ExactSizeIterator<Item = u64> + 'a)> + 'a {
        self.visits.chunk_by(|a, b| a >> 64 == b >> 64).map(|same| {
            let sketch = (same[0] >> 64) as u64;
            let (link, day) = (LinkId(sketch >> DAY_BITS), Day((sketch & DAY_MASK) as u32));
            (link, day, same.iter().map(|visit| *visit as u64))
        })
    }
}

/// 24 bits hold days for 45,000 years, and leave 40 for the link.
const DAY_BITS: u32 = 24;
const DAY_MASK: u64 = (1 << DAY_BITS) - 1;

/// A sketch's link and day as one number, never 0: links begin at 1.
fn sketch_of(link: LinkId, day: Day) -> u64 {
    link.0 << DAY_BITS | u64::from(day.0) & DAY_MASK
}

/// A set of at most [`BATCH_SKETCHES`] numbers that are not 0: open addressing, at most two fifths full.
#[derive(Debug, Clone)]
struct Distinct {
    slots: [u64; Self::SLOTS],
    count: usize,
}

impl Distinct {
    const SLOTS: usize = 512;

    fn clear(&mut self) {
        if self.count > 0 {
            *self = Self::default();
        }
    }

    /// Whether the number is in the set or found room in it.
    fn admit(&mut self, number: u64) -> bool {
        let mut at = (number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 55) as usize;
        while self.slots[at] != number {
            if self.slots[at] == 0 {
                if self.count == BATCH_SKETCHES {
                    return false;
                }
                self.slots[at] = number;
                self.count += 1;
                return true;
            }
            at = (at + 1) % Self::SLOTS;
        }
        true
    }
}

impl Default for Distinct {
    fn default() -> Self {
        Self { slots: [0; Self::SLOTS], count: 0 }
    }
}

/// How long Redis keeps a sketch after the last visitor: far longer than any flush may lag before edges hold back.
pub const SKETCH_TTL: Millis = Millis(72 * 3_600_000);

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use proptest::prelude::*;

    use super::*;
    use crate::ids::VendorId;
    use crate::traffic::{Browser, Channel, Country, Device, Os};

    fn record(n: u32, link: u64, hour: u64, visitor: u64, kind: u8) -> Record {
        Record {
            seq: Seq::new(1, n),
            at_us: 1_795_132_800_000_000 + hour * 3_600_000_000,
            link: LinkId(link),
            visitor,
            source: 0,
            flags: if kind == 0 { RecordFlags::BOT } else { RecordFlags::default() },
            device: if kind > 2 { Device::Mobile } else { Device::Desktop },
            browser: Browser::Chrome,
            os: Os::Linux,
            channel: if kind > 1 { Channel::Direct } else { Channel::Social },
            prefix: 0,
            agent: 0,
            country: Country::default(),
            link_version: 0,
            vendor: VendorId(1),
        }
    }

    proptest! {
        #[test]
        fn sums_are_what_counting_one_by_one_gives(
            clicks in prop::collection::vec((1_u64..300, 0_u64..30, 1_u64..40, 0_u8..4), 1..1_200),
        ) {
            let mut batch = Batch::default();
            let mut counts = BTreeMap::<Count, u32>::new();
            let mut sketches = BTreeMap::<(LinkId, Day), BTreeSet<u64>>::new();
            for (n, (link, hour, visitor, kind)) in clicks.into_iter().enumerate() {
                let record = record(n as u32 + 1, link, hour, visitor, kind);
                let day = record.at().day();
                if !batch.push(&record) {
                    let another_sketch = kind != 0 && !sketches.contains_key(&(record.link, day));
                    prop_assert!(batch.records == BATCH_RECORDS || (another_sketch && sketches.len() == BATCH_SKETCHES));
                    break;
                }
                prop_assert_eq!((batch.to, batch.records), (record.seq, n + 1));
                if kind == 0 {
                    *counts.entry(Count::Filtered(record.link, record.at().hour())).or_default() += 1;
                    continue;
                }
                *counts.entry(Count::Human(record.link, record.at().hour())).or_default() += 1;
                *counts.entry(Count::Platform(record.link, day, record.device, record.browser, record.os)).or_default() += 1;
                *counts.entry(Count::Origin(record.link, day, record.country, record.channel)).or_default() += 1;
                sketches.entry((record.link, day)).or_default().insert(visitor);
            }
            let sums = batch.sums();
            prop_assert_eq!(sums.sketches, sketches.len());
            prop_assert_eq!(sums.counts().collect::<BTreeMap<_, _>>(), counts.clone());
            prop_assert_eq!(sums.counts().count(), counts.len());
            let grouped: Vec<_> = sums.visitors().map(|(link, day, who)| ((link, day), who.collect::<Vec<_>>())).collect();
            prop_assert_eq!(grouped.len(), sketches.len());
            for (sketch, visitors) in grouped {
                prop_assert_eq!(sketches.get(&sketch).map(|s| s.iter().copied().collect::<Vec<u64>>()), Some(visitors));
            }
            batch.clear();
            prop_assert!(batch.sums().counts().next().is_none() && batch.push(&record(1, 1, 1, 1, 1)));
        }
    }
}
