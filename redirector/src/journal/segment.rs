//! The memory a writer appends to: one preallocated file, mapped. The only `unsafe` of the workspace is here.
//!
//! Only the lane's writer maps a segment; whoever reads, in this process or another, reads the file. The kernel keeps
//! one copy of both, so a record is safe from the death of the process the moment it is stored.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use common::wire::{HEADER_BYTES, RECORD_BYTES};
use memmap2::{MmapOptions, MmapRaw};
use rustix::fs::{FallocateFlags, fallocate};

const WORD: usize = size_of::<u64>();
const RECORD_WORDS: usize = RECORD_BYTES / WORD;

/// A mapped segment file: one header and room for [`Segment::capacity`] records.
#[derive(Debug)]
pub(super) struct Segment {
    map: MmapRaw,
    /// How many records fit.
    pub(super) capacity: u32,
}

impl Segment {
    /// Creates the file with every block reserved, so that a full disk shows here and never as a fault while writing.
    pub(super) fn create(path: &Path, bytes: u64) -> io::Result<Self> {
        let file = OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(path)?;
        let reserved =
            reserve(&file, bytes).and_then(|()| file.sync_all()).and_then(|()| Self::map(&file, bytes));
        reserved.inspect_err(|_| {
            let _it_stays_as_garbage_and_is_deleted_at_the_next_start = std::fs::remove_file(path);
        })
    }

    /// Maps a spare that an earlier process left unused.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let file = OpenOptions::new().read(true).write(true).open(path)?;
        let bytes = file.metadata()?.len();
        reserve(&file, bytes)?;
        Self::map(&file, bytes)
    }

    fn map(file: &File, bytes: u64) -> io::Result<Self> {
        let room = (bytes as usize).saturating_sub(HEADER_BYTES) / RECORD_BYTES;
        let len = HEADER_BYTES + room * RECORD_BYTES;
        let map = MmapOptions::new().len(len).map_raw(file)?;
        Ok(Self { map, capacity: room as u32 })
    }

    /// Writes the header. The first record is stored after it.
    pub(super) fn write_header(&self, header: &[u8; HEADER_BYTES]) {
        self.store(0, header);
    }

    /// Writes record `index`, its last word (which holds the checksum) last.
    pub(super) fn write_record(&self, index: u32, record: &[u8; RECORD_BYTES]) {
        self.store(HEADER_BYTES / WORD + index as usize * RECORD_WORDS, record);
    }

    fn store(&self, at: usize, bytes: &[u8]) {
        let words = &self.words()[at..at + bytes.len() / WORD];
        let values = bytes.chunks_exact(WORD).map(|b| u64::from_ne_bytes(b.try_into().expect("a word")));
        let (last, body) = words.split_last().expect("a record or header has words");
        let mut values = values;
        for (word, value) in body.iter().zip(&mut values) {
            word.store(value, Ordering::Relaxed);
        }
        last.store(values.next().expect("as many values as words"), Ordering::Release);
    }

    #[expect(unsafe_code, reason = "mapped memory can only be reached through a pointer")]
    #[expect(clippy::cast_ptr_alignment, reason = "a mapping begins on a page")]
    fn words(&self) -> &[AtomicU64] {
        let pointer = self.map.as_mut_ptr().cast_const().cast::<AtomicU64>();
        // SAFETY: the pointer is the start of a live mapping of exactly `map.len()` bytes that is unmapped only when
        // `self` is dropped, which the returned borrow prevents; a mapping begins on a page, so it is aligned; it was
        // mapped readable and writable. Every bit pattern is a valid AtomicU64, and atomics may be changed by others
        // (another mapping of the same file) at any time. The file is never made shorter while it is mapped: only its
        // lane's owner, which holds the folder's lock, truncates, and only files it has not mapped.
        unsafe { std::slice::from_raw_parts(pointer, self.map.len() / WORD) }
    }
}

/// Reserves every block. File systems that cannot are written full of zeros instead.
fn reserve(file: &File, bytes: u64) -> io::Result<()> {
    match fallocate(file, FallocateFlags::empty(), 0, bytes) {
        Err(rustix::io::Errno::OPNOTSUPP) if file.metadata()?.len() < bytes => write_zeros(file, bytes),
        Ok(()) | Err(rustix::io::Errno::OPNOTSUPP) => Ok(()),
        Err(errno) => Err(errno.into()),
    }
}

fn write_zeros(mut file: &File, mut bytes: u64) -> io::Result<()> {
    static ZEROS: [u8; 65_536] = [0; 65_536];
    while bytes > 0 {
        let n = bytes.min(ZEROS.len() as u64);
        file.write_all(&ZEROS[..n as usize])?;
        bytes -= n;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_stored_in_memory_is_read_from_the_file() {
        let folder = tempfile::tempdir().expect("a temp folder");
        let path = folder.path().join("segment");
        let segment = Segment::create(&path, 3 * 4096).expect("there is room");
        assert_eq!(segment.capacity, 128);
        segment.write_header(&[7; HEADER_BYTES]);
        segment.write_record(0, &[1; RECORD_BYTES]);
        segment.write_record(127, &[2; RECORD_BYTES]);
        let bytes = std::fs::read(&path).expect("readable");
        assert_eq!(bytes.len(), 3 * 4096);
        assert!(bytes[..4096].iter().all(|b| *b == 7));
        assert!(bytes[4096..4160].iter().all(|b| *b == 1));
        assert!(bytes[4160..12_224].iter().all(|b| *b == 0));
        assert!(bytes[12_224..].iter().all(|b| *b == 2));
        assert!(Segment::create(&path, 4096).is_err(), "an existing file is never overwritten");
    }
}
