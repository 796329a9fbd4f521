//! One accepted click, 64 bytes, little endian: one cache line in the journal.
//!
//! | offset | bytes | field |
//! |---|---|---|
//! | 0 | 8 | seq |
//! | 8 | 8 | time, µs since 1970, never going back within a lane |
//! | 16 | 8 | link id |
//! | 24 | 8 | visitor: keyed hash, never 0 |
//! | 32 | 8 | source: keyed hash of the sub-ids, 0 without |
//! | 40 | 4 | flags (8 bits), device (4), browser (5), operating system (4), channel (5) |
//! | 44 | 4 | keyed hash of the address prefix (/24, /48) |
//! | 48 | 4 | keyed hash of the user agent |
//! | 52 | 2 | country |
//! | 54 | 2 | link version, low 16 bits |
//! | 56 | 4 | vendor id |
//! | 60 | 4 | CRC-32C of the 60 bytes before, seeded with the segment's nonce; stored last: it commits the record |
//!
//! No address, user agent or sub-id is written anywhere: only keyed hashes of them.

use crate::ids::{LinkId, Seq, VendorId};
use crate::time::Millis;
use crate::traffic::{Browser, Channel, Country, Device, Os};

/// The size of a record: one cache line.
pub const RECORD_BYTES: usize = 64;

/// The bytes before the checksum.
const BODY: usize = 60;

/// What is said of a click besides its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RecordFlags(pub u8);

impl RecordFlags {
    /// A program, not a person: counted as filtered.
    pub const BOT: Self = Self(1);
    /// The catalog had not heard from Redis for a while when it answered.
    pub const STALE_CATALOG: Self = Self(1 << 1);

    /// Both sets of flags.
    #[must_use]
    pub fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether every flag of `other` is set.
    pub fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}

/// An accepted click as the journal keeps it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Record {
    /// Its immutable identity, together with the lane.
    pub seq: Seq,
    /// When it was accepted, µs since 1970.
    pub at_us: u64,
    /// The link that was followed.
    pub link: LinkId,
    /// Who, as a keyed hash. Never 0.
    pub visitor: u64,
    /// Keyed hash of the sub-ids; 0 without any.
    pub source: u64,
    /// Bot, stale catalog.
    pub flags: RecordFlags,
    /// Kind of device.
    pub device: Device,
    /// Browser family.
    pub browser: Browser,
    /// Operating system.
    pub os: Os,
    /// Traffic source.
    pub channel: Channel,
    /// Keyed hash of the address prefix.
    pub prefix: u32,
    /// Keyed hash of the user agent.
    pub agent: u32,
    /// Country of the address.
    pub country: Country,
    /// Low 16 bits of the link's version.
    pub link_version: u16,
    /// The link's vendor: a cross-check for audits.
    pub vendor: VendorId,
}

impl Record {
    /// When it was accepted.
    pub fn at(&self) -> Millis {
        Millis(self.at_us / 1000)
    }

    /// The 64 bytes. `nonce` is the segment's checksum seed: a record of another segment never decodes.
    pub fn encode(&self, nonce: u32) -> [u8; RECORD_BYTES] {
        let traffic = u32::from(self.flags.0)
            | u32::from(self.device.code()) << 8
            | u32::from(self.browser.code()) << 12
            | u32::from(self.os.code()) << 17
            | u32::from(self.channel.code()) << 21;
        let mut out = [0; RECORD_BYTES];
        out[0..8].copy_from_slice(&self.seq.0.to_le_bytes());
        out[8..16].copy_from_slice(&self.at_us.to_le_bytes());
        out[16..24].copy_from_slice(&self.link.0.to_le_bytes());
        out[24..32].copy_from_slice(&self.visitor.to_le_bytes());
        out[32..40].copy_from_slice(&self.source.to_le_bytes());
        out[40..44].copy_from_slice(&traffic.to_le_bytes());
        out[44..48].copy_from_slice(&self.prefix.to_le_bytes());
        out[48..52].copy_from_slice(&self.agent.to_le_bytes());
        out[52..54].copy_from_slice(&self.country.code().to_le_bytes());
        out[54..56].copy_from_slice(&self.link_version.to_le_bytes());
        out[56..60].copy_from_slice(&self.vendor.0.to_le_bytes());
        let crc = crc32c::crc32c_append(nonce, &out[..BODY]);
        out[BODY..].copy_from_slice(&crc.to_le_bytes());
        out
    }

    /// The record, or `None` when the bytes are not a whole record of the segment with this nonce.
    pub fn decode(bytes: &[u8; RECORD_BYTES], nonce: u32) -> Option<Self> {
        let u64_at = |at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().expect("eight bytes"));
        let u32_at = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes"));
        let u16_at = |at: usize| u16::from_le_bytes(bytes[at..at + 2].try_into().expect("two bytes"));
        if u32_at(BODY) != crc32c::crc32c_append(nonce, &bytes[..BODY]) {
            return None;
        }
        let traffic = u32_at(40);
        Some(Self {
            seq: Seq(u64_at(0)),
            at_us: u64_at(8),
            link: LinkId(u64_at(16)),
            visitor: u64_at(24),
            source: u64_at(32),
            flags: RecordFlags(traffic as u8),
            device: Device::from_code((traffic >> 8 & 0xf) as u8)?,
            browser: Browser::from_code((traffic >> 12 & 0x1f) as u8)?,
            os: Os::from_code((traffic >> 17 & 0xf) as u8)?,
            channel: Channel::from_code((traffic >> 21 & 0x1f) as u8)?,
            prefix: u32_at(44),
            agent: u32_at(48),
            country: Country::from_code(u16_at(52))?,
            link_version: u16_at(54),
            vendor: VendorId(u32_at(56)),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record() -> Record {
        Record {
            seq: Seq::new(7, 9),
            at_us: 1_795_132_800_123_456,
            link: LinkId(0x01_0203_0405),
            visitor: 11,
            source: 12,
            flags: RecordFlags::BOT.with(RecordFlags::STALE_CATALOG),
            device: Device::Mobile,
            browser: Browser::Safari,
            os: Os::Ios,
            channel: Channel::Social,
            prefix: 13,
            agent: 14,
            country: Country::parse("SE").expect("a country"),
            link_version: 15,
            vendor: VendorId(16),
        }
    }

    #[test]
    fn a_record_comes_back() {
        let bytes = record().encode(42);
        assert_eq!(Record::decode(&bytes, 42), Some(record()));
        assert_eq!(bytes[0..8], (7_u64 << 32 | 9).to_le_bytes(), "seq stands first");
        assert_eq!(bytes[16..21], [5, 4, 3, 2, 1], "the link stands at 16");
    }

    #[test]
    fn any_flipped_bit_or_another_nonce_is_refused() {
        let bytes = record().encode(42);
        assert_eq!(Record::decode(&bytes, 43), None);
        for bit in 0..RECORD_BYTES * 8 {
            let mut torn = bytes;
            torn[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(Record::decode(&torn, 42), None, "bit {bit}");
        }
        assert_eq!(Record::decode(&[0; RECORD_BYTES], 42), None, "an unwritten record");
    }
}
