//! Reading the journal of a machine that is gone, or a copy of one. Nothing here writes a byte of it.
//!
//! Nothing trusts the bytes either: records that are not whole are passed over, as the edge itself passes over them in what
//! an earlier process left.

use std::fs::{File, TryLockError};
use std::io::{self, BufReader, Read as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};
use common::ids::Lane;
use common::wire::{
    HEADER_BYTES, LANE_LOCK, RECORD_BYTES, Record, SegmentHeader, lane_folder, lane_of_folder,
    number_of_segment,
};

/// Read from the disk in one go.
const READ_BYTES: usize = 256 << 10;

/// A lane's folder, kept from any edge for as long as this lives.
#[derive(Debug)]
pub struct LaneFolder {
    /// Whose records it holds.
    pub lane: Lane,
    root: PathBuf,
    _lock: Option<File>,
}

/// A segment with a whole header. Its file is open only while its records are read: a lane may have thousands.
#[derive(Debug)]
pub struct Segment {
    /// Where it is.
    pub path: PathBuf,
    /// What it says of itself.
    pub header: SegmentHeader,
}

/// The records of a segment, oldest first.
#[derive(Debug)]
pub struct Records<'a> {
    header: &'a SegmentHeader,
    seed: u32,
    next: u32,
    file: BufReader<File>,
}

/// Every lane below a journal's root, each locked. Fails when an edge still holds one: that edge ships it itself.
pub fn lock_lanes(root: &Path) -> anyhow::Result<Vec<LaneFolder>> {
    let lanes = lanes(root)?;
    let lock = |lane| {
        LaneFolder::lock(root, lane)?.with_context(|| {
            format!("{} is held by a running redirector, which ships it itself", lane_folder(lane))
        })
    };
    lanes.into_iter().map(lock).collect()
}

/// Every lane with a folder below the root, in order.
pub fn lanes(root: &Path) -> anyhow::Result<Vec<Lane>> {
    let cannot_read = || format!("cannot read the journal folder {}", root.display());
    let mut lanes = Vec::new();
    for edge in std::fs::read_dir(root).with_context(cannot_read)? {
        let edge = edge.with_context(cannot_read)?;
        let name = edge.file_name();
        let Some(number) = name.to_str().filter(|name| name.parse::<u16>().is_ok()) else { continue };
        for folder in std::fs::read_dir(edge.path()).with_context(cannot_read)? {
            let name = folder.with_context(cannot_read)?.file_name();
            lanes.extend(name.to_str().and_then(|name| lane_of_folder(number, name)));
        }
    }
    lanes.sort_unstable();
    ensure!(
        !lanes.is_empty(),
        "there is no lane below {}: name the folder that the edge had as REDIRECTOR_JOURNAL_DIR",
        root.display()
    );
    Ok(lanes)
}

/// The lane's segments, oldest first; files that were never written, cannot be read or have just been deleted are left out.
pub fn segments(root: &Path, lane: Lane) -> anyhow::Result<Vec<Segment>> {
    let folder = root.join(lane_folder(lane));
    let cannot_read = || format!("cannot read {}", folder.display());
    let mut segments = Vec::new();
    for entry in std::fs::read_dir(&folder).with_context(cannot_read)? {
        let entry = entry.with_context(cannot_read)?;
        if entry.file_name().to_str().and_then(number_of_segment).is_none() {
            continue;
        }
        segments.extend(Segment::open(entry.path()).with_context(cannot_read)?);
    }
    segments.retain(|segment| segment.header.lane == lane);
    segments.sort_by_key(|segment| segment.header.first_seq());
    Ok(segments)
}

impl LaneFolder {
    /// `None`: an edge holds it.
    pub fn lock(root: &Path, lane: Lane) -> anyhow::Result<Option<Self>> {
        let path = root.join(lane_folder(lane)).join(LANE_LOCK);
        let cannot_lock = || format!("cannot lock {}", path.display());
        // Opened for reading: the disk of a dead machine may be mounted so.
        let lock = match File::open(&path) {
            Ok(file) => Some(file),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(error).with_context(cannot_lock),
        };
        match lock.as_ref().map_or(Ok(()), File::try_lock) {
            Ok(()) => Ok(Some(Self { lane, root: root.to_owned(), _lock: lock })),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(error).with_context(cannot_lock),
        }
    }

    /// Its segments, oldest first.
    pub fn segments(&self) -> anyhow::Result<Vec<Segment>> {
        segments(&self.root, self.lane)
    }
}

impl Segment {
    /// `None`: it was never written, its header is not whole, or an edge has just deleted it.
    fn open(path: PathBuf) -> io::Result<Option<Self>> {
        let mut bytes = [0; HEADER_BYTES];
        match File::open(&path).and_then(|mut file| file.read_exact(&mut bytes)) {
            Ok(()) => {}
            Err(error) if matches!(error.kind(), io::ErrorKind::UnexpectedEof | io::ErrorKind::NotFound) => {
                return Ok(None);
            }
            Err(error) => return Err(error),
        }
        Ok(SegmentHeader::decode(&bytes).map(|header| Self { path, header }))
    }

    /// Its whole records. Damage takes no more with it than it hit.
    pub fn records(&self) -> io::Result<Records<'_>> {
        let mut file = BufReader::with_capacity(READ_BYTES, File::open(&self.path)?);
        file.seek_relative(HEADER_BYTES as i64)?;
        Ok(Records { header: &self.header, seed: self.header.seed(), next: 0, file })
    }
}

impl Iterator for Records<'_> {
    type Item = io::Result<Record>;

    fn next(&mut self) -> Option<Self::Item> {
        let mut bytes = [0; RECORD_BYTES];
        loop {
            match self.file.read_exact(&mut bytes) {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return None,
                Err(error) => return Some(Err(error)),
            }
            let record = self.header.record(self.seed, self.next, &bytes);
            self.next += 1;
            if let Some(record) = record {
                return Some(Ok(record));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use common::ids::{LinkId, Partitions, Seq, VendorId};
    use common::traffic::{Browser, Channel, Country, Device, Os};
    use common::wire::RecordFlags;

    use super::*;

    fn record(seq: Seq) -> Record {
        Record {
            seq,
            at_us: 1_795_132_800_123_456,
            link: LinkId(1),
            visitor: 2,
            source: 3,
            flags: RecordFlags::default(),
            device: Device::ALL[0],
            browser: Browser::ALL[0],
            os: Os::ALL[0],
            channel: Channel::ALL[0],
            prefix: 4,
            agent: 5,
            country: Country::UNKNOWN,
            link_version: 6,
            vendor: VendorId(7),
        }
    }

    #[test]
    fn damage_costs_no_more_than_it_hit() -> anyhow::Result<()> {
        let header = SegmentHeader {
            lane: Lane(1),
            epoch: 8,
            first: 1,
            nonce: [9; 16],
            partitions: Partitions::STANDALONE,
            claims: vec![0; usize::from(Partitions::STANDALONE.count())],
        };
        let written: Vec<Record> = (1..=5).map(|n| record(Seq::new(header.epoch, n))).collect();
        let mut bytes = header.encode().to_vec();
        bytes.extend(written.iter().flat_map(|record| record.encode(header.seed())));
        bytes[HEADER_BYTES + 2 * RECORD_BYTES] ^= 1;
        bytes.extend([0; 3 * RECORD_BYTES]); // reserved, and never written
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("made-up.seg");
        std::fs::write(&path, bytes)?;

        let segment = Segment::open(path)?.context("a segment")?;
        let read: Vec<Record> = segment.records()?.collect::<io::Result<_>>()?;
        assert_eq!(read, [&written[..2], &written[3..]].concat());
        Ok(())
    }
}
