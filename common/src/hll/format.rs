//! The bytes of a sketch, as Redis keeps them in a string.
//!
//! `HYLL`, one byte of encoding (0 dense, 1 sparse), three zeros, eight bytes of cached estimate whose highest bit says
//! that it is out of date; then the registers. Dense: 6 bits each, lowest bits first. Sparse: runs,
//!
//! | bytes | run |
//! |---|---|
//! | `00nnnnnn` | n + 1 registers of zero |
//! | `01nnnnnn nnnnnnnn` | n + 1 registers of zero |
//! | `1vvvvvnn` | n + 1 registers of v + 1 |

use super::{Encoding, REGISTERS, Sketch};

const MAGIC: &[u8] = b"HYLL";
const HEADER: usize = 16;
const DENSE_BYTES: usize = HEADER + REGISTERS * 6 / 8;
/// Redis's default `hll-sparse-max-bytes`: beyond, it writes dense.
const SPARSE_MAX_BYTES: usize = 3000;
/// What five bits hold.
const SPARSE_MAX_VALUE: u8 = 32;
/// What two bits hold.
const VALUE_MAX_RUN: usize = 4;
/// What six bits hold; longer runs of zero take two bytes.
const ZERO_MAX_RUN: usize = 64;

/// Why bytes are not a sketch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// Not even a header with the right letters.
    #[error("the bytes are not a HyperLogLog of Redis")]
    Header,
    /// Neither dense nor sparse.
    #[error("the HyperLogLog has the unknown encoding {0}")]
    Encoding(u8),
    /// Dense, of another length.
    #[error("the dense HyperLogLog has {0} bytes, not {DENSE_BYTES}")]
    Length(usize),
    /// Sparse, but its runs are not 16,384 registers.
    #[error("the runs of the sparse HyperLogLog are not {REGISTERS} registers")]
    Runs,
}

impl Sketch {
    /// Reads what Redis or [`Self::to_redis`] wrote. The cached estimate is ignored.
    pub fn from_redis(bytes: &[u8]) -> Result<Self, Malformed> {
        let (header, body) = bytes.split_first_chunk::<HEADER>().ok_or(Malformed::Header)?;
        if !header.starts_with(MAGIC) {
            return Err(Malformed::Header);
        }
        let mut sketch = Self::new();
        match header[4] {
            0 if bytes.len() == DENSE_BYTES => {
                sketch.encoding = Encoding::Dense;
                read_dense(body, &mut sketch.registers);
            }
            0 => return Err(Malformed::Length(bytes.len())),
            1 => read_sparse(body, &mut *sketch.registers).ok_or(Malformed::Runs)?,
            other => return Err(Malformed::Encoding(other)),
        }
        Ok(sketch)
    }

    /// The bytes that PFMERGE of the same sketches into a new key leaves there.
    pub fn to_redis(&self) -> Vec<u8> {
        match self.encoding {
            Encoding::Sparse => write_sparse(&self.registers),
            Encoding::Dense => None,
        }
        .unwrap_or_else(|| write_dense(&self.registers))
    }
}

fn header(encoding: u8) -> [u8; HEADER] {
    let mut header = [0; HEADER];
    header[..MAGIC.len()].copy_from_slice(MAGIC);
    header[4] = encoding;
    header[HEADER - 1] = 0x80;
    header
}

/// Four registers are three bytes.
fn read_dense(body: &[u8], registers: &mut [u8; REGISTERS]) {
    for (four, [a, b, c]) in registers.as_chunks_mut::<4>().0.iter_mut().zip(body.as_chunks::<3>().0) {
        *four = [a & 0x3f, a >> 6 | b << 2 & 0x3f, b >> 4 | c << 4 & 0x3f, c >> 2];
    }
}

fn write_dense(registers: &[u8; REGISTERS]) -> Vec<u8> {
    let mut out = Vec::with_capacity(DENSE_BYTES);
    out.extend(header(0));
    for [a, b, c, d] in registers.as_chunks::<4>().0 {
        out.extend([a | b << 6, b >> 2 | c << 4, c >> 4 | d << 2]);
    }
    out
}

/// Fills the registers run by run. `None` unless the runs fill them exactly.
fn read_sparse(mut body: &[u8], mut registers: &mut [u8]) -> Option<()> {
    while let Some((op, rest)) = body.split_first() {
        let (value, run);
        (value, run, body) = match op >> 6 {
            0b00 => (0, usize::from(op & 0x3f), rest),
            0b01 => {
                let (low, rest) = rest.split_first()?;
                (0, usize::from(op & 0x3f) << 8 | usize::from(*low), rest)
            }
            _ => ((op >> 2 & 0x1f) + 1, usize::from(op & 0x3), rest),
        };
        let (filled, left) = registers.split_at_mut_checked(run + 1)?;
        filled.fill(value);
        registers = left;
    }
    registers.is_empty().then_some(())
}

/// The shortest runs, or `None` where Redis would have turned to dense.
///
/// Redis sets one register after the other, splitting the run of zeros at the end into zeros, value and zeros, and
/// looks at the length *before* it joins the value with equal ones on its left. So this does the same.
fn write_sparse(registers: &[u8; REGISTERS]) -> Option<Vec<u8>> {
    let mut out = header(1).to_vec();
    let mut written = 0;
    let mut last_run = None;
    for (at, value) in registers.iter().copied().enumerate().filter(|(_, value)| *value != 0) {
        if value > SPARSE_MAX_VALUE {
            return None;
        }
        let split = zeros_bytes(at - written) + 1 + zeros_bytes(REGISTERS - at - 1);
        if out.len() + split > SPARSE_MAX_BYTES {
            return None;
        }
        push_zeros(&mut out, at - written);
        let joined = last_run.filter(|(v, run)| at == written && *v == value && *run < VALUE_MAX_RUN);
        let run = joined.map_or(1, |(_, run)| run + 1);
        if joined.is_some() {
            out.pop();
        }
        out.push(0x80 | (value - 1) << 2 | (run - 1) as u8);
        last_run = Some((value, run));
        written = at + 1;
    }
    push_zeros(&mut out, REGISTERS - written);
    Some(out)
}

fn zeros_bytes(run: usize) -> usize {
    match run {
        0 => 0,
        1..=ZERO_MAX_RUN => 1,
        _ => 2,
    }
}

fn push_zeros(out: &mut Vec<u8>, run: usize) {
    match zeros_bytes(run) {
        0 => {}
        1 => out.push((run - 1) as u8),
        _ => out.extend([0x40 | ((run - 1) >> 8) as u8, (run - 1) as u8]),
    }
}

#[cfg(test)]
mod tests {
    use data_encoding::HEXLOWER;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn bytes_are_those_of_redis() {
        // PFADD k visitor-0 … visitor-9, then PFMERGE into a new key, by Redis 7.0.15.
        let golden = "48594c4c01000000000000000000008059318843468042c39045e88042b29047d18045398042348c453f8c41cb8041cf";
        let mut sketch = Sketch::new();
        (0..10).for_each(|n| sketch.insert(format!("visitor-{n}").as_bytes()));
        assert_eq!(HEXLOWER.encode(&sketch.to_redis()), golden);
        assert_eq!(Sketch::from_redis(&sketch.to_redis()).map(|read| read == sketch), Ok(true));
        let empty = "48594c4c0100000000000000000000807fff";
        assert_eq!(HEXLOWER.encode(&Sketch::new().to_redis()), empty);
    }

    #[test]
    fn dense_bytes_are_those_of_redis() {
        // CRC-32C of the 12,304 bytes after PFADD of visitor-0 … visitor-4999 and PFMERGE, by Redis 7.0.15.
        let mut sketch = Sketch::new();
        (0..5000).for_each(|n| sketch.insert(format!("visitor-{n}").as_bytes()));
        let bytes = sketch.to_redis();
        assert_eq!((bytes.len(), crc32c::crc32c(&bytes)), (DENSE_BYTES, 0x8cfc_36e1));
    }

    #[test]
    fn what_is_not_a_sketch_is_refused() {
        let sparse = Sketch::new().to_redis();
        let dense = write_dense(&[7; REGISTERS]);
        let with = |at: usize, byte: u8, bytes: &[u8]| {
            let mut bytes = bytes.to_vec();
            bytes[at] = byte;
            bytes
        };
        for (bytes, expect) in [
            (vec![], Malformed::Header),
            (sparse[..15].to_vec(), Malformed::Header),
            (with(0, b'h', &sparse), Malformed::Header),
            (with(4, 2, &sparse), Malformed::Encoding(2)),
            (with(4, 0, &sparse), Malformed::Length(18)),
            (dense[1..].to_vec(), Malformed::Header),
            (dense[..12_303].to_vec(), Malformed::Length(12_303)),
            ([&dense[..], b"\0"].concat(), Malformed::Length(12_305)),
            (sparse[..16].to_vec(), Malformed::Runs),
            (sparse[..17].to_vec(), Malformed::Runs),
            ([&sparse[..], b"\0"].concat(), Malformed::Runs),
            (with(17, 0, &sparse), Malformed::Runs),
        ] {
            assert_eq!(Sketch::from_redis(&bytes).err(), Some(expect), "{bytes:?}");
        }
    }

    #[test]
    fn a_value_too_large_for_runs_makes_it_dense() {
        let mut sketch = Sketch::new();
        sketch.registers[REGISTERS - 1] = SPARSE_MAX_VALUE;
        assert_eq!(sketch.to_redis().len(), HEADER + 3);
        sketch.registers[REGISTERS - 1] += 1;
        assert_eq!(sketch.to_redis().len(), DENSE_BYTES);
    }

    #[test]
    fn a_dense_source_makes_the_union_dense() {
        let dense = Sketch::from_redis(&write_dense(&[0; REGISTERS])).expect("a dense sketch");
        let mut union = Sketch::new();
        assert_eq!(union.to_redis().len(), HEADER + 2);
        union.merge(&dense);
        assert_eq!(union.to_redis().len(), DENSE_BYTES);
    }

    proptest! {
        #[test]
        fn registers_come_back_from_either_encoding(
            set in proptest::collection::vec((0..REGISTERS, 1..64_u8), 0..2000),
            stride in 1..8_usize,
        ) {
            let mut sketch = Sketch::new();
            for (at, value) in set {
                sketch.registers[at / stride] = value;
            }
            for bytes in [Some(write_dense(&sketch.registers)), write_sparse(&sketch.registers)].into_iter().flatten() {
                let read = Sketch::from_redis(&bytes).expect("our own bytes");
                prop_assert!(read.registers == sketch.registers);
            }
        }

        #[test]
        fn no_bytes_are_a_panic(encoding in 0..3_u8, body in proptest::collection::vec(any::<u8>(), 0..600)) {
            let bytes = [&header(encoding)[..], &body].concat();
            if let Ok(sketch) = Sketch::from_redis(&bytes) {
                sketch.estimate();
                sketch.to_redis();
            }
        }
    }
}
