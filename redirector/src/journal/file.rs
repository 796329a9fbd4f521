//! A written segment as a reader sees it: a file, a header, and records. What is not whole is passed over.
//!
//! Nothing here trusts the bytes: whatever they are, reading ends with records that were written, or with none.

use std::fs::{File, OpenOptions};
use std::io;
use std::ops::{ControlFlow, Range};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use common::wire::{HEADER_BYTES, RECORD_BYTES, Record, SegmentHeader};

/// Records read with one system call: 16 KiB, small enough to stay in the fast caches.
const CHUNK: u32 = 256;

/// What a file in a lane's folder turned out to be.
pub(super) enum Found {
    /// Reserved and never written.
    Spare,
    /// A segment with a whole header.
    Segment(SegmentFile),
    /// Something else: a torn or foreign header.
    Unreadable,
}

/// A segment file with a whole header.
#[derive(Debug)]
pub struct SegmentFile {
    /// Where it is.
    pub path: PathBuf,
    /// What it says of itself.
    pub header: SegmentHeader,
    pub(super) file: File,
    seed: u32,
    /// How many records it has, once no more are written to it.
    sealed: OnceLock<u32>,
}

impl SegmentFile {
    /// Opens a file and reads its header.
    pub(super) fn open(path: &Path) -> io::Result<Found> {
        let file = OpenOptions::new().read(true).open(path)?;
        let mut bytes = [0; HEADER_BYTES];
        if let Err(error) = file.read_exact_at(&mut bytes, 0) {
            return if error.kind() == io::ErrorKind::UnexpectedEof {
                Ok(Found::Unreadable)
            } else {
                Err(error)
            };
        }
        if bytes == [0; HEADER_BYTES] {
            return Ok(Found::Spare);
        }
        let Some(header) = SegmentHeader::decode(&bytes) else { return Ok(Found::Unreadable) };
        Ok(Found::Segment(Self::new(path.to_owned(), header, file)))
    }

    /// A segment whose header is known, because it was just written.
    pub(super) fn new(path: PathBuf, header: SegmentHeader, file: File) -> Self {
        Self { path, seed: header.seed(), header, file, sealed: OnceLock::new() }
    }

    /// States how many records it has: no more will come.
    pub(super) fn seal(&self, count: u32) {
        let _first_one_counts = self.sealed.set(count);
    }

    /// How many records it has; `None` while it is being written.
    pub(super) fn sealed(&self) -> Option<u32> {
        self.sealed.get().copied()
    }

    /// How many records fit into the file as long as it is now.
    pub(super) fn room(&self) -> io::Result<u32> {
        let bytes = self.file.metadata()?.len().saturating_sub(HEADER_BYTES as u64);
        Ok(u32::try_from(bytes / RECORD_BYTES as u64).unwrap_or(u32::MAX))
    }

    /// Visits the records at `range`, in order. `None` for one that is torn, was never written, or stands at a place
    /// that is not its own. Ends early at the end of the file or when `visit` breaks.
    pub fn read(
        &self,
        range: Range<u32>,
        mut visit: impl FnMut(Option<Record>) -> ControlFlow<()>,
    ) -> io::Result<()> {
        let mut chunk = [0; CHUNK as usize * RECORD_BYTES];
        let mut index = range.start;
        while index < range.end {
            let wanted = CHUNK.min(range.end - index) as usize * RECORD_BYTES;
            let at = HEADER_BYTES as u64 + u64::from(index) * RECORD_BYTES as u64;
            let got = read_up_to(&self.file, &mut chunk[..wanted], at)?;
            for bytes in chunk[..got].chunks_exact(RECORD_BYTES) {
                let bytes = bytes.try_into().expect("chunks are exact");
                if visit(self.header.record(self.seed, index, bytes)).is_break() {
                    return Ok(());
                }
                index += 1;
            }
            if got < wanted {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Visits every whole record: what a writer left, however it ended. Damage takes no more with it than it hit, so
    /// records behind it are visited, too. Returns where the last of them ends.
    pub fn read_whole(&self, mut visit: impl FnMut(&Record)) -> io::Result<u32> {
        let (mut index, mut end) = (0, 0);
        self.read(0..u32::MAX, |record| {
            index += 1;
            if let Some(record) = record {
                visit(&record);
                end = index;
            }
            ControlFlow::Continue(())
        })?;
        Ok(end)
    }
}

/// Fills the buffer from `at` as far as the file goes.
fn read_up_to(file: &File, buffer: &mut [u8], at: u64) -> io::Result<usize> {
    let mut got = 0;
    while got < buffer.len() {
        match file.read_at(&mut buffer[got..], at + got as u64) {
            Ok(0) => break,
            Ok(n) => got += n,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(got)
}
