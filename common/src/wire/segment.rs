//! A journal as it lies on disk: one folder for each lane, numbered segments in it, and in the first 4 KiB of each what
//! makes its records readable and how many came before them.
//!
//! | offset | bytes | field |
//! |---|---|---|
//! | 0 | 8 | magic |
//! | 8 | 4 | version of this layout |
//! | 12 | 2 | lane |
//! | 14 | 2 | partitions |
//! | 16 | 4 | epoch |
//! | 20 | 4 | n of the first record |
//! | 24 | 16 | nonce, random |
//! | 40 | 8 × 128 | claims: for each partition, the lane's records before this segment |
//! | 4092 | 4 | CRC-32C of everything before |
//!
//! The claims are running totals since the lane was born, so they survive restarts and the deletion of old segments.
//! Records follow, each at its own place: one that stands elsewhere, or is of another segment, does not decode.

use super::record::{RECORD_BYTES, Record};
use crate::ids::{Lane, Partitions, Seq};

/// A page: the records behind it stay aligned to cache lines and blocks.
pub const HEADER_BYTES: usize = 4096;

/// Locked by the process that owns the lane, as long as it lives.
pub const LANE_LOCK: &str = "lock";

const SUFFIX: &str = ".seg";
const MAGIC: [u8; 8] = *b"LLJOURNL";
const VERSION: u32 = 1;
const CLAIMS_AT: usize = 40;
const CRC_AT: usize = HEADER_BYTES - 4;

/// What a segment says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SegmentHeader {
    /// Whose records these are.
    pub lane: Lane,
    /// Which opening of the lane wrote them.
    pub epoch: u32,
    /// The n of the first record; the others follow without a gap.
    pub first: u32,
    /// Random: a record of another segment, or of an earlier use of the same disk blocks, does not decode here.
    pub nonce: [u8; 16],
    /// How many partitions the claims are for.
    pub partitions: Partitions,
    /// For each partition, how many records of the lane stand before this segment.
    pub claims: Vec<u64>,
}

impl SegmentHeader {
    /// The seed of the records' checksums.
    pub fn seed(&self) -> u32 {
        crc32c::crc32c(&self.nonce)
    }

    /// The seq of the first record.
    pub fn first_seq(&self) -> Seq {
        Seq::new(self.epoch, self.first)
    }

    /// Record `index` of the segment, or `None` when these bytes are not it: torn, never written, or of another place.
    pub fn record(&self, seed: u32, index: u32, bytes: &[u8; RECORD_BYTES]) -> Option<Record> {
        let seq = Seq::new(self.epoch, self.first.checked_add(index)?);
        Record::decode(bytes, seed).filter(|record| record.seq == seq)
    }

    /// The bytes as they stand in the file.
    pub fn encode(&self) -> [u8; HEADER_BYTES] {
        let mut out = [0; HEADER_BYTES];
        out[0..8].copy_from_slice(&MAGIC);
        out[8..12].copy_from_slice(&VERSION.to_le_bytes());
        out[12..14].copy_from_slice(&self.lane.0.to_le_bytes());
        out[14..16].copy_from_slice(&self.partitions.count().to_le_bytes());
        out[16..20].copy_from_slice(&self.epoch.to_le_bytes());
        out[20..24].copy_from_slice(&self.first.to_le_bytes());
        out[24..40].copy_from_slice(&self.nonce);
        for (slot, claim) in out[CLAIMS_AT..CRC_AT].chunks_exact_mut(8).zip(&self.claims) {
            slot.copy_from_slice(&claim.to_le_bytes());
        }
        let crc = crc32c::crc32c(&out[..CRC_AT]);
        out[CRC_AT..].copy_from_slice(&crc.to_le_bytes());
        out
    }

    /// The header, or `None` when these bytes are not one of ours, whole and of a version we know.
    pub fn decode(bytes: &[u8; HEADER_BYTES]) -> Option<Self> {
        let u32_at = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes"));
        let u16_at = |at: usize| u16::from_le_bytes(bytes[at..at + 2].try_into().expect("two bytes"));
        let whole = bytes[0..8] == MAGIC
            && u32_at(8) == VERSION
            && u32_at(CRC_AT) == crc32c::crc32c(&bytes[..CRC_AT]);
        let partitions = Partitions::new(u16_at(14)).filter(|_| whole)?;
        let claims = bytes[CLAIMS_AT..].chunks_exact(8).take(usize::from(partitions.count()));
        Some(Self {
            lane: Lane(u16_at(12)),
            epoch: u32_at(16),
            first: u32_at(20),
            nonce: bytes[24..40].try_into().expect("sixteen bytes"),
            partitions,
            claims: claims.map(|c| u64::from_le_bytes(c.try_into().expect("eight bytes"))).collect(),
        })
    }
}

/// The folder of a lane below the journal's root.
pub fn lane_folder(lane: Lane) -> String {
    format!("{}/lane-{:02}", lane.edge(), lane.slot())
}

/// The lane whose folder is called so, in a folder called after its edge.
pub fn lane_of_folder(edge: &str, folder: &str) -> Option<Lane> {
    Lane::new(edge.parse().ok()?, folder.strip_prefix("lane-")?.parse().ok()?)
}

/// The name of the file with this number. Numbers grow, so names sort by age.
pub fn segment_file(number: u64) -> String {
    format!("{number:012}{SUFFIX}")
}

/// The number of the file with this name; `None` when it is no segment.
pub fn number_of_segment(file: &str) -> Option<u64> {
    file.strip_suffix(SUFFIX)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_pinned_and_come_back() {
        let lane = Lane::new(3, 7).expect("a lane");
        assert_eq!(
            (lane_folder(lane).as_str(), segment_file(12).as_str()),
            ("3/lane-07", "000000000012.seg")
        );
        assert_eq!(lane_of_folder("3", "lane-07"), Some(lane));
        assert_eq!(number_of_segment("000000000012.seg"), Some(12));
        for (edge, folder) in [("3", "lane-64"), ("1024", "lane-00"), ("x", "lane-00"), ("3", "07")] {
            assert_eq!(lane_of_folder(edge, folder), None, "{edge}/{folder}");
        }
        for file in ["000000000012.bad", "lock", "x.seg"] {
            assert_eq!(number_of_segment(file), None, "{file}");
        }
    }

    fn header(partitions: u16) -> SegmentHeader {
        SegmentHeader {
            lane: Lane(577),
            epoch: 60_000_000,
            first: 9,
            nonce: *b"0123456789abcdef",
            partitions: Partitions::new(partitions).expect("a power of two"),
            claims: (0..u64::from(partitions)).map(|p| p << 40 | 7).collect(),
        }
    }

    #[test]
    fn a_header_comes_back_with_as_many_claims_as_partitions() {
        for partitions in [1, 16, 128] {
            assert_eq!(SegmentHeader::decode(&header(partitions).encode()), Some(header(partitions)));
        }
    }

    #[test]
    fn any_flipped_bit_is_refused() {
        let bytes = header(16).encode();
        for bit in (0..HEADER_BYTES * 8).step_by(7) {
            let mut torn = bytes;
            torn[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(SegmentHeader::decode(&torn), None, "bit {bit}");
        }
        assert_eq!(SegmentHeader::decode(&[0; HEADER_BYTES]), None, "a spare");
    }
}
