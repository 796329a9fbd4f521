//! Names of things: small types, so that a link can never be passed where a vendor is meant.

use std::fmt;
use std::num::NonZero;

use serde::{Deserialize, Serialize};

/// A link, `1..2^40`: the token has five bytes for it. Given by Postgres, never reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct LinkId(pub u64);

impl LinkId {
    /// The largest id that fits the five bytes of a click token.
    pub const MAX: Self = Self((1 << 40) - 1);

    /// The Redis partition this link is counted in. `partitions` is a power of two fixed at install.
    ///
    /// The mix is the 64-bit finaliser of `MurmurHash3`: ids are consecutive, and consecutive ids must spread.
    pub fn partition(self, partitions: Partitions) -> Partition {
        let mut x = self.0;
        x ^= x >> 33;
        x = x.wrapping_mul(0xff51_afd7_ed55_8ccd);
        x ^= x >> 33;
        x = x.wrapping_mul(0xc4ce_b9fe_1a85_ec53);
        x ^= x >> 33;
        Partition((x & u64::from(partitions.0 - 1)) as u16)
    }
}

/// A vendor, `1..2^32`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct VendorId(pub u32);

/// One writer of clicks: `edge_id * 64 + slot`. A lane has at most one writer at a time, held by a file lock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Lane(pub u16);

impl Lane {
    /// Lanes an edge may hold: six bits of the lane number.
    pub const SLOTS: u16 = 64;
    /// Edges a programme may have: ten bits of the lane number.
    pub const EDGES: u16 = 1024;

    /// The lane of `slot` on `edge`. `None` when either is out of range.
    pub fn new(edge: u16, slot: u16) -> Option<Self> {
        (edge < Self::EDGES && slot < Self::SLOTS).then(|| Self(edge * Self::SLOTS + slot))
    }

    /// The edge this lane belongs to.
    pub fn edge(self) -> u16 {
        self.0 / Self::SLOTS
    }

    /// The lane's number within its edge.
    pub fn slot(self) -> u16 {
        self.0 % Self::SLOTS
    }
}

/// The place of a record in its lane: `epoch << 32 | n`. Strictly increasing for ever, never reused, below `2^63`.
///
/// Compared for order by the edge and by Postgres; Redis compares it as a string only, as its numbers are doubles.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Seq(pub u64);

impl Seq {
    /// Before every record. Also the base of a lane that Redis has never seen.
    pub const ZERO: Self = Self(0);

    /// The `n`-th record (counted from 1) written since the lane was opened at `epoch`.
    pub fn new(epoch: u32, n: u32) -> Self {
        Self(u64::from(epoch) << 32 | u64::from(n))
    }

    /// Which opening of the lane this is.
    pub fn epoch(self) -> u32 {
        (self.0 >> 32) as u32
    }

    /// The place within the epoch, from 1.
    pub fn n(self) -> u32 {
        self.0 as u32
    }
}

impl fmt::Display for Seq {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// How many partitions the counters are spread over: a power of two, fixed at install.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Partitions(u16);

impl Partitions {
    /// Enough for one machine: sixteen small critical sections instead of one.
    pub const STANDALONE: Self = Self(16);
    /// The segment header holds one running total for each partition.
    pub const MAX: u16 = 128;

    /// `None` unless `n` is a power of two of at most [`Self::MAX`].
    pub fn new(n: u16) -> Option<Self> {
        (n.is_power_of_two() && n <= Self::MAX).then_some(Self(n))
    }

    /// The number of partitions.
    pub const fn count(self) -> u16 {
        self.0
    }

    /// Every partition, in order.
    pub fn iter(self) -> impl Iterator<Item = Partition> + Clone {
        (0..self.0).map(Partition)
    }
}

/// One of the [`Partitions`]: the unit of one flush transaction and, in a cluster, of one hash slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Partition(pub u16);

/// A link's public name: 4 to 32 characters of `[0-9A-Za-z_-]`, checked on the raw bytes of the path.
///
/// Kept inline (no allocation): it is built for every request.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Code {
    /// Never zero, so that a code that may be missing takes no more room.
    len: NonZero<u8>,
    bytes: [u8; Self::MAX_LEN],
}

impl Code {
    /// Shorter codes are too easy to guess.
    pub const MIN_LEN: usize = 4;
    /// Longer codes do not fit the fixed array.
    pub const MAX_LEN: usize = 32;

    /// `None` when `raw` is not a code. Nothing is decoded or folded: `%41` is not `A`.
    pub fn new(raw: &[u8]) -> Option<Self> {
        let good = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-');
        if !(Self::MIN_LEN..=Self::MAX_LEN).contains(&raw.len()) || !raw.iter().all(good) {
            return None;
        }
        let mut bytes = [0; Self::MAX_LEN];
        bytes[..raw.len()].copy_from_slice(raw);
        Some(Self { len: NonZero::new(raw.len() as u8)?, bytes })
    }

    /// The code as text.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(self.as_bytes()).expect("a code is ASCII by construction")
    }

    /// The code as bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len.get())]
    }
}

impl fmt::Debug for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Code({})", self.as_str())
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_4_to_32_plain_characters() {
        for good in ["abcd", "A_-9", &"x".repeat(32)] {
            assert_eq!(Code::new(good.as_bytes()).map(|c| c.to_string()).as_deref(), Some(good));
        }
        for bad in ["", "abc", &"x".repeat(33), "ab%41", "a/bc", "ab.cd", "abcé", "ab\0cd", "ab cd"] {
            assert_eq!(Code::new(bad.as_bytes()), None, "{bad:?}");
        }
    }

    #[test]
    fn consecutive_links_spread_evenly_over_partitions() {
        let partitions = Partitions::STANDALONE;
        let mut counts = vec![0_u32; usize::from(partitions.count())];
        for id in 1..=16_000 {
            counts[usize::from(LinkId(id).partition(partitions).0)] += 1;
        }
        assert!(counts.iter().all(|n| (900..1100).contains(n)), "{counts:?}");
    }

    #[test]
    fn a_lane_is_edge_and_slot() {
        let lane = Lane::new(1023, 63).expect("the last lane");
        assert_eq!((lane.0, lane.edge(), lane.slot()), (u16::MAX, 1023, 63));
        assert_eq!((Lane::new(1024, 0), Lane::new(0, 64)), (None, None));
    }
}
