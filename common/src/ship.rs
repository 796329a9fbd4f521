//! Shipping: which records go to Redis next, and what its answer means.
//!
//! One cursor for each lane and partition, one call in flight for each cursor. Whatever is repeated, lost or
//! reordered on the way, an interval is added only if the bucket ends exactly where it begins.

use crate::ids::{Lane, LinkId, Partition, Seq};
use crate::time::{Day, Hour, Millis};
use crate::traffic::{Browser, Channel, Country, Device, Os};
use crate::wire::{Count, PartitionKeys, Record, RecordFlags, Stamps, digits};

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

impl Answer {
    /// The two words of a reply of `apply`. `None`: no reply it can give.
    pub fn parse(kind: &str, seq: &str) -> Option<Self> {
        let seq = || seq.parse().ok().map(Seq);
        match kind {
            "OK" => seq().map(Self::Counted),
            "STALE" => seq().map(Self::EndsAt),
            "MISSING" => Some(Self::Missing),
            _ => None,
        }
    }
}

/// One call of `apply`, but for what it adds.
#[derive(Debug, Clone, Copy)]
pub struct Call {
    /// Whose records are sent.
    pub lane: Lane,
    /// Those of this partition.
    pub partition: Partition,
    /// They follow this one.
    pub from: Seq,
    /// The last of them.
    pub to: Seq,
    /// Redis does not know the lane: it may begin at `from`.
    pub opens_lane: bool,
    /// The lane's records of this partition up to `to`, all it ever had.
    pub claim: u64,
    /// How many are sent.
    pub records: usize,
}

impl Call {
    /// How many arguments [`Self::write`] hands out at most.
    pub fn arguments(sums: &Sums) -> usize {
        15 + sums.counts.len() * 2 + sums.sketches.len() * 2 + sums.visitors.len()
    }

    /// Hands out what follows the script's name: the number of keys, the keys, and the arguments that
    /// [`crate::wire::script::APPLY`] describes.
    pub fn write(&self, keys: &PartitionKeys, sums: &Sums, mut argument: impl FnMut(&[u8])) {
        let Sums { counts, sketches, .. } = sums;
        let (mut stamps, mut text) = (Stamps::default(), Vec::with_capacity(64));
        // Most are raised by one: those come first, without the number.
        let ones = || counts.iter().filter(|(_, n)| *n == 1);
        let more = || counts.iter().filter(|(_, n)| *n > 1);
        let singles = || sums.sketches().filter(|(.., visitors)| visitors.len() == 1);
        let crowds = || sums.sketches().filter(|(.., visitors)| visitors.len() > 1);
        number(4 + sketches.len() as u64, &mut text, &mut argument);
        for key in [&keys.end, &keys.base, &keys.counts, &keys.claim] {
            argument(key.as_bytes());
        }
        for (link, day, _) in singles().chain(crowds()) {
            keys.write_sketch(link, day, &mut stamps, &mut text);
            argument(&text);
        }
        let place = [u64::from(self.lane.0), self.from.0, self.to.0, u64::from(self.opens_lane), self.claim];
        let sizes = [ones().count(), more().count(), singles().count(), crowds().count()];
        for n in place.into_iter().chain(sizes.map(|size| size as u64)).chain([SKETCH_TTL.0]) {
            number(n, &mut text, &mut argument);
        }
        for (count, n) in ones().chain(more()) {
            count.write(&mut stamps, &mut text);
            argument(&text);
            if *n > 1 {
                number(u64::from(*n), &mut text, &mut argument);
            }
        }
        for (.., visitors) in singles().chain(crowds()) {
            if visitors.len() > 1 {
                number(visitors.len() as u64, &mut text, &mut argument);
            }
            for visitor in visitors {
                argument(&visitor.to_le_bytes());
            }
        }
    }
}

/// Hands out a number in decimal; `text` is memory for it.
fn number(n: u64, text: &mut Vec<u8>, argument: &mut impl FnMut(&[u8])) {
    text.clear();
    digits::push(n, text);
    argument(text);
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

/// What is counted of a record. The rest of it stays in the journal: waiting records are many, and copied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hit {
    /// Its place in the lane.
    pub seq: Seq,
    /// When it was accepted, µs since 1970.
    pub at_us: u64,
    link: LinkId,
    visitor: u64,
    country: Country,
    bot: bool,
    device: Device,
    browser: Browser,
    os: Os,
    channel: Channel,
}

impl From<&Record> for Hit {
    fn from(record: &Record) -> Self {
        let Record { seq, at_us, link, visitor, country, device, browser, os, channel, flags, .. } = *record;
        let bot = flags.has(RecordFlags::BOT);
        Self { seq, at_us, link, visitor, country, bot, device, browser, os, channel }
    }
}

impl Hit {
    fn hour(&self) -> Hour {
        Millis(self.at_us / 1000).hour()
    }

    /// Visits the counters that it raises.
    fn each_count(&self, mut visit: impl FnMut(Count)) {
        let (link, hour) = (self.link, self.hour());
        if self.bot {
            return visit(Count::Filtered(link, hour));
        }
        visit(Count::Human(link, hour));
        visit(Count::Platform(link, hour.day(), self.device, self.browser, self.os));
        visit(Count::Origin(link, hour.day(), self.country, self.channel));
    }
}

/// The records of one interval of one lane in one partition, on their way to become [`Sums`].
///
/// They are put in the order of their links once, at the end, as plain numbers: most links have one record in a batch,
/// which then needs no adding up. Made to be used again.
#[derive(Debug, Clone, Default)]
pub struct Batch {
    hits: Vec<Hit>,
    sketches: Distinct,
    sums: Sums,
    scratch: Scratch,
}

/// What one call adds.
#[derive(Debug, Clone, Default)]
pub struct Sums {
    /// What to add to each counter, none twice, those of one link together.
    pub counts: Vec<(Count, u32)>,
    /// The link and day of each sketch, none twice, and how many of [`Self::visitors`] are its own.
    pub sketches: Vec<(LinkId, Day, u32)>,
    /// The human visitors of each sketch in turn, sorted, none twice in one.
    pub visitors: Vec<u64>,
}

/// Memory for adding up.
#[derive(Debug, Clone, Default)]
struct Scratch {
    /// A link and one of its hits, as one number.
    order: Vec<u64>,
    counts: Vec<u64>,
    visits: Vec<(Day, u64)>,
}

impl Batch {
    /// Empties it, keeping its memory.
    pub fn clear(&mut self) {
        self.hits.clear();
        self.sketches.clear();
    }

    /// How many records there are.
    pub fn records(&self) -> usize {
        self.hits.len()
    }

    /// The last record's seq. Zero while empty.
    pub fn to(&self) -> Seq {
        self.hits.last().map_or(Seq::ZERO, |hit| hit.seq)
    }

    /// Adds a record, which must follow the ones before it in its lane. `false`: full, it was not added.
    pub fn push(&mut self, hit: &Hit) -> bool {
        let room = self.hits.len() < BATCH_RECORDS
            && (hit.bot || self.sketches.admit(sketch_of(hit.link, hit.hour().day())));
        if room {
            self.hits.push(*hit);
        }
        room
    }

    /// Sums what was pushed.
    pub fn sums(&mut self) -> &Sums {
        let Scratch { order, counts, visits } = &mut self.scratch;
        order.clear();
        order.extend(self.hits.iter().zip(0..).map(|(hit, at): (_, u64)| hit.link.0 << INDEX_BITS | at));
        order.sort_unstable();
        self.sums.clear();
        for same in order.chunk_by(|a, b| a >> INDEX_BITS == b >> INDEX_BITS) {
            let hits = same.iter().map(|numbers| &self.hits[(numbers & INDEX_MASK) as usize]);
            if let [_] = same {
                hits.for_each(|hit| self.sums.add_one(hit));
                continue;
            }
            counts.clear();
            visits.clear();
            for hit in hits {
                hit.each_count(|count| counts.push(count.pack()));
                visits.extend((!hit.bot).then_some((hit.hour().day(), hit.visitor)));
            }
            counts.sort_unstable();
            visits.sort_unstable();
            visits.dedup();
            self.sums.add_many(LinkId(same[0] >> INDEX_BITS), counts, visits);
        }
        &self.sums
    }
}

/// Ten bits hold the places of a batch, and leave 54 for the link, which has 40.
const INDEX_BITS: u32 = 10;
const INDEX_MASK: u64 = (1 << INDEX_BITS) - 1;
const _: () = assert!(BATCH_RECORDS <= 1 << INDEX_BITS);

impl Sums {
    /// Each sketch with its own visitors.
    fn sketches(&self) -> impl Iterator<Item = (LinkId, Day, &[u64])> {
        let mut rest = &self.visitors[..];
        self.sketches.iter().map(move |(link, day, own)| {
            let (visitors, others) = rest.split_at(*own as usize);
            rest = others;
            (*link, *day, visitors)
        })
    }

    fn clear(&mut self) {
        self.counts.clear();
        self.sketches.clear();
        self.visitors.clear();
    }

    /// A link's only record.
    fn add_one(&mut self, hit: &Hit) {
        hit.each_count(|count| self.counts.push((count, 1)));
        if !hit.bot {
            self.sketches.push((hit.link, hit.hour().day(), 1));
            self.visitors.push(hit.visitor);
        }
    }

    /// What all records of a link add, sorted.
    fn add_many(&mut self, link: LinkId, counts: &[u64], visits: &[(Day, u64)]) {
        let counts = counts.chunk_by(|a, b| a == b);
        self.counts.extend(counts.map(|same| (Count::unpack(link, same[0]), same.len() as u32)));
        for same in visits.chunk_by(|a, b| a.0 == b.0) {
            self.sketches.push((link, same[0].0, same.len() as u32));
            self.visitors.extend(same.iter().map(|(_, visitor)| visitor));
        }
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
                if !batch.push(&Hit::from(&record)) {
                    let another_sketch = kind != 0 && !sketches.contains_key(&(record.link, day));
                    prop_assert!(batch.records() == BATCH_RECORDS || (another_sketch && sketches.len() == BATCH_SKETCHES));
                    break;
                }
                prop_assert_eq!((batch.to(), batch.records()), (record.seq, n + 1));
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
            prop_assert_eq!(sums.counts.len(), counts.len());
            prop_assert_eq!(sums.counts.iter().copied().collect::<BTreeMap<_, _>>(), counts);
            prop_assert_eq!(sums.sketches.len(), sketches.len());
            let mut rest = &sums.visitors[..];
            for (link, day, own) in &sums.sketches {
                let visitors: Vec<u64>;
                (visitors, rest) = (rest[..*own as usize].to_vec(), &rest[*own as usize..]);
                prop_assert_eq!(sketches.get(&(*link, *day)).map(|s| s.iter().copied().collect()), Some(visitors));
            }
            prop_assert!(rest.is_empty());
            batch.clear();
            prop_assert!(batch.sums().counts.is_empty() && batch.push(&Hit::from(&record(1, 1, 1, 1, 1))));
        }
    }
}
