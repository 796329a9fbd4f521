//! The first 4 KiB of a segment: what makes its records readable, and how many came before them.
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

use common::ids::{Lane, Partitions, Seq};

/// A page: the records behind it stay aligned to cache lines and blocks.
pub const HEADER_BYTES: usize = 4096;

const MAGIC: [u8; 8] = *b"LLJOURNL";
const VERSION: u32 = 1;
const CLAIMS_AT: usize = 40;
const CRC_AT: usize = HEADER_BYTES - 4;

/// What a segment says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
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

impl Header {
    /// The seed of the records' checksums.
    pub fn seed(&self) -> u32 {
        crc32c::crc32c(&self.nonce)
    }

    /// The seq of the first record.
    pub fn first_seq(&self) -> Seq {
        Seq::new(self.epoch, self.first)
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

#[cfg(test)]
mod tests {
    use super::*;

    fn header(partitions: u16) -> Header {
        Header {
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
            assert_eq!(Header::decode(&header(partitions).encode()), Some(header(partitions)));
        }
    }

    #[test]
    fn any_flipped_bit_is_refused() {
        let bytes = header(16).encode();
        for bit in (0..HEADER_BYTES * 8).step_by(7) {
            let mut torn = bytes;
            torn[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(Header::decode(&torn), None, "bit {bit}");
        }
        assert_eq!(Header::decode(&[0; HEADER_BYTES]), None, "a spare");
    }
}
