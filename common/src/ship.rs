//! Shipping: which records go to Redis next, and what its answer means.
//!
//! One cursor for each lane and partition, one call in flight for each cursor. Whatever is repeated, lost or
//! reordered on the way, an interval is added only if the bucket ends exactly where it begins.

use std::collections::BTreeMap;

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

/// The sums of one interval of one lane in one partition.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Batch {
    /// The last record's seq. Zero while empty.
    pub to: Seq,
    /// How many records there are.
    pub records: usize,
    /// What to add to each counter.
    pub counts: BTreeMap<Count, u32>,
    /// Human visitors to add to each sketch.
    pub visitors: BTreeMap<(LinkId, Day), Vec<u64>>,
}

impl Batch {
    /// Adds a record, which must follow the ones before it in its lane. `false`: full, it was not added.
    pub fn push(&mut self, record: &Record) -> bool {
        let (hour, day) = (record.at().hour(), record.at().day());
        let bot = record.flags.has(RecordFlags::BOT);
        let new_sketch = !bot && !self.visitors.contains_key(&(record.link, day));
        if self.records == BATCH_RECORDS || (new_sketch && self.visitors.len() == BATCH_SKETCHES) {
            return false;
        }
        if bot {
            *self.counts.entry(Count::Filtered(record.link, hour)).or_default() += 1;
        } else {
            let platform = Count::Platform(record.link, day, record.device, record.browser, record.os);
            let origin = Count::Origin(record.link, day, record.country, record.channel);
            for count in [Count::Human(record.link, hour), platform, origin] {
                *self.counts.entry(count).or_default() += 1;
            }
            self.visitors.entry((record.link, day)).or_default().push(record.visitor);
        }
        self.to = record.seq;
        self.records += 1;
        true
    }
}

/// How long Redis keeps a sketch after the last visitor: far longer than any flush may lag before edges hold back.
pub const SKETCH_TTL: Millis = Millis(72 * 3_600_000);
