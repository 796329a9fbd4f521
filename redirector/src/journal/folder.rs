//! One lane's folder: the lock that makes its owner the only writer, the epoch, and the recovery of what is there.

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context as _;
use common::ids::{Lane, Partitions, Seq};
use common::wire::{
    HEADER_BYTES, LANE_LOCK, RECORD_BYTES, lane_folder, lane_of_folder, number_of_segment, segment_file,
};
use tracing::{info, warn};

use super::file::{Found, SegmentFile};

/// 2024-01-01T00:00:00Z: epochs are seconds since then, so they fit 31 bits until 2092.
const EPOCH_ZERO: u64 = 1_704_067_200;

const META: &str = "epoch";

/// A lane's folder, locked for as long as this lives.
#[derive(Debug)]
pub(super) struct Folder {
    pub(super) lane: Lane,
    pub(super) path: PathBuf,
    _lock: File,
}

/// What recovery found in a folder.
#[derive(Debug)]
pub(super) struct Recovered {
    /// Segments with records, oldest first, all sealed.
    pub(super) segments: Vec<Arc<SegmentFile>>,
    /// Reserved files that were never written.
    pub(super) spares: Vec<PathBuf>,
    /// The last whole record, or zero.
    pub(super) last: Seq,
    /// Its time.
    pub(super) at_us: u64,
    /// For each partition, all records the lane ever had.
    pub(super) claims: Vec<u64>,
    /// The highest file number in use.
    pub(super) number: u64,
}

impl Folder {
    /// The folder of a lane below the journal's root.
    pub(super) fn path_of(root: &Path, lane: Lane) -> PathBuf {
        root.join(lane_folder(lane))
    }

    /// Creates the folder if need be and takes its lock. `None`: another process has it.
    pub(super) fn lock(root: &Path, lane: Lane) -> io::Result<Option<Self>> {
        let path = Self::path_of(root, lane);
        DirBuilder::new().recursive(true).mode(0o700).create(&path)?;
        let lock = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(path.join(LANE_LOCK))?;
        match lock.try_lock() {
            Ok(()) => Ok(Some(Self { lane, path, _lock: lock })),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }

    /// Makes the next epoch durable and returns it. Called before the first record of an opening is written.
    ///
    /// Past the stored one *and* past the clock: neither a lost journal tail nor a machine image that was set back
    /// can make a seq appear twice.
    pub(super) fn begin_epoch(&self, at_least: u32, now_s: u64) -> anyhow::Result<u32> {
        let meta = self.path.join(META);
        let stored = match std::fs::read_to_string(&meta) {
            Ok(text) => {
                text.trim().parse().with_context(|| format!("{} does not hold a number", meta.display()))?
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => 0_u32,
            Err(error) => return Err(error).with_context(|| format!("cannot read {}", meta.display())),
        };
        let by_clock = u32::try_from(now_s.saturating_sub(EPOCH_ZERO)).unwrap_or(u32::MAX >> 1);
        let epoch = stored.max(at_least).saturating_add(1).max(by_clock);
        write_durably(&self.path, META, format!("{epoch}\n").as_bytes())
            .with_context(|| format!("cannot store the epoch in {}", self.path.display()))?;
        Ok(epoch)
    }

    /// The path of the file with this number.
    pub(super) fn file(&self, number: u64) -> PathBuf {
        self.path.join(segment_file(number))
    }

    /// Reads what an earlier owner left, seals it, and puts aside what cannot be read.
    pub(super) fn recover(&self, partitions: Partitions) -> anyhow::Result<Recovered> {
        let mut found = Recovered {
            segments: Vec::new(),
            spares: Vec::new(),
            last: Seq::ZERO,
            at_us: 0,
            claims: vec![0; usize::from(partitions.count())],
            number: 0,
        };
        let files = segment_files(&self.path)?;
        found.number = files.last().map_or(0, |(number, _)| *number);
        for (_, path) in files {
            self.sort(&path, partitions, &mut found)
                .with_context(|| format!("cannot recover {}", path.display()))?;
        }
        found.segments.sort_by_key(|s| s.header.first_seq());
        if !found.segments.is_empty() {
            sync_folder(&self.path)?;
            info!(lane = self.lane.0, segments = found.segments.len(), last = %found.last, "recovered a lane");
        }
        Ok(found)
    }

    fn sort(&self, path: &Path, partitions: Partitions, found: &mut Recovered) -> anyhow::Result<()> {
        let segment = match SegmentFile::open(path)? {
            Found::Spare => {
                found.spares.push(path.to_owned());
                return Ok(());
            }
            Found::Unreadable => return put_aside(path),
            Found::Segment(segment) => segment,
        };
        if segment.header.lane != self.lane {
            return put_aside(path);
        }
        anyhow::ensure!(
            segment.header.partitions == partitions,
            "it was written for {} partitions, not {}: start with the number the programme was installed with",
            segment.header.partitions.count(),
            partitions.count()
        );
        let mut claims = segment.header.claims.clone();
        let (mut last, mut at_us) = (Seq::ZERO, 0);
        let count = segment.read_whole(|record| {
            claims[usize::from(record.link.partition(partitions).0)] += 1;
            (last, at_us) = (record.seq, record.at_us);
        })?;
        if count == 0 {
            return Ok(std::fs::remove_file(path)?);
        }
        if count < segment.room()? {
            let file = OpenOptions::new().write(true).open(path)?;
            file.set_len((HEADER_BYTES + count as usize * RECORD_BYTES) as u64)?;
            file.sync_all()?;
        }
        segment.seal(count);
        if last > found.last {
            found.last = last;
            found.claims = claims;
        }
        found.at_us = found.at_us.max(at_us);
        found.segments.push(Arc::new(segment));
        Ok(())
    }
}

/// Keeps a file that cannot be read out of the way, for people to look at. Never deleted.
fn put_aside(path: &Path) -> anyhow::Result<()> {
    warn!(path = %path.display(), "a journal segment cannot be read; it is kept as .bad");
    metrics::counter!("redirector_journal_unreadable_segments_total").increment(1);
    Ok(std::fs::rename(path, path.with_extension("bad"))?)
}

/// The segment files of a folder with their numbers, oldest first.
pub(super) fn segment_files(folder: &Path) -> io::Result<Vec<(u64, PathBuf)>> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        if let Some(number) = entry.file_name().to_str().and_then(number_of_segment) {
            files.push((number, entry.path()));
        }
    }
    files.sort_unstable();
    Ok(files)
}

/// Every lane with a folder below the root, of whatever edge.
pub(super) fn lanes_below(root: &Path) -> io::Result<Vec<Lane>> {
    let mut lanes = Vec::new();
    for edge in std::fs::read_dir(root)? {
        let edge = edge?;
        let name = edge.file_name();
        let Some(number) = name.to_str().filter(|name| name.parse::<u16>().is_ok()) else { continue };
        for folder in std::fs::read_dir(edge.path())? {
            let name = folder?.file_name();
            lanes.extend(name.to_str().and_then(|name| lane_of_folder(number, name)));
        }
    }
    lanes.sort_unstable();
    Ok(lanes)
}

/// Replaces a small file so that after a power failure it is either the old or the new one.
fn write_durably(folder: &Path, name: &str, bytes: &[u8]) -> io::Result<()> {
    let draft = folder.join(format!("{name}.new"));
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&draft)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    std::fs::rename(&draft, folder.join(name))?;
    sync_folder(folder)
}

/// Makes the creation, renaming or deletion of files in a folder durable.
pub(super) fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}
