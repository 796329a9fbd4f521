//! The journal: every accepted click, on this machine's disk, before the shopper is answered.
//!
//! One folder for each lane, locked by its owner. A record is stored in mapped memory (the kernel's, so the death of
//! this process loses nothing), announced, and read again from the file by the shipper. No record is ever changed,
//! no seq is used twice, and no segment is deleted before Postgres is known to have counted it.

mod file;
mod folder;
mod keeper;
mod log;
mod segment;
mod survey;
#[cfg(test)]
mod tests;
mod writer;

use std::os::unix::fs::DirBuilderExt as _;
use std::path::PathBuf;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use anyhow::Context as _;
use common::ids::{Lane, Partitions};
use parking_lot::RwLock;

use self::folder::Folder;
use self::writer::Supply;

pub use self::file::SegmentFile;
pub use self::keeper::Room;
pub use self::log::{LaneLog, Refused, Scanned};
pub use self::survey::{Survey, read_dir};
pub use self::writer::{JournalFull, Writer};

/// Segments that wait ready for each writer. Two: one to go on with, one while the next is being reserved.
pub const SPARES: usize = 2;

/// When a click may be answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Ack {
    /// As soon as the kernel has the record: the death of the process loses nothing.
    Memory,
    /// When the disk has it: a power failure loses nothing either.
    Fsync,
}

/// The journal's settings.
#[derive(Debug, Clone)]
pub struct JournalConfig {
    /// Where all lanes of this machine are.
    pub dir: PathBuf,
    /// This edge's number.
    pub edge: u16,
    /// Counters' partitions, as the programme was installed.
    pub partitions: Partitions,
    /// The size of one segment.
    pub segment_bytes: u64,
    /// How often written records are forced to disk.
    pub sync_interval: Duration,
    /// When a click may be answered.
    pub ack: Ack,
    /// How long records are kept after Postgres has them, so that a restored Postgres can be brought forward again.
    pub retention: Duration,
    /// The journal never takes more of the disk than this.
    pub max_bytes: u64,
}

/// All lanes this process holds: its own, and those it adopted to ship what is left in them.
#[derive(Debug)]
pub struct Journal {
    /// The settings it was opened with.
    pub config: JournalConfig,
    lanes: RwLock<Vec<Arc<Held>>>,
    syncer: OnceLock<std::thread::Thread>,
}

/// A lane this process holds the lock of.
#[derive(Debug)]
struct Held {
    log: Arc<LaneLog>,
    folder: Folder,
    /// `None`: adopted, nothing is written here.
    supply: Option<Arc<Supply>>,
    /// The number of the newest file.
    number: AtomicU64,
}

impl Journal {
    /// Takes a free lane for each writer, recovers it, begins a new epoch in it, and reserves its first segments.
    ///
    /// A full disk is no error: writers then say so, and shoppers are redirected all the same.
    pub fn open(
        config: JournalConfig,
        writers: usize,
        now_s: u64,
    ) -> anyhow::Result<(Arc<Self>, Vec<Writer>)> {
        std::fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&config.dir)
            .with_context(|| format!("cannot create the journal folder {}", config.dir.display()))?;
        let journal = Self { config, lanes: RwLock::default(), syncer: OnceLock::new() };
        let mut opened = Vec::with_capacity(writers);
        for slot in 0..Lane::SLOTS {
            if opened.len() == writers {
                break;
            }
            let lane = Lane::new(journal.config.edge, slot).context("the edge id is out of range")?;
            let locked = Folder::lock(&journal.config.dir, lane).with_context(|| {
                format!("cannot open {}", Folder::path_of(&journal.config.dir, lane).display())
            })?;
            if let Some(folder) = locked {
                opened.push(journal.hold_for_writing(folder, now_s)?);
            }
        }
        anyhow::ensure!(
            opened.len() == writers,
            "all {} lanes of edge {} are in use on this machine: start fewer workers",
            Lane::SLOTS,
            journal.config.edge
        );
        journal.prepare_spares();
        journal.adopt();
        Ok((Arc::new(journal), opened))
    }

    /// Every lane held now, in no particular order. Adopted lanes join later.
    pub fn logs(&self) -> Vec<Arc<LaneLog>> {
        self.lanes.read().iter().map(|held| held.log.clone()).collect()
    }

    /// How many lanes are held now.
    pub fn lane_count(&self) -> usize {
        self.lanes.read().len()
    }

    fn hold_for_writing(&self, folder: Folder, now_s: u64) -> anyhow::Result<Writer> {
        let found = folder.recover(self.config.partitions)?;
        let epoch = folder.begin_epoch(found.last.epoch(), now_s)?;
        let log = Arc::new(LaneLog::new(folder.lane, self.config.partitions, found.segments, found.last));
        let supply = Arc::new(Supply::default());
        supply.epoch.store(epoch, std::sync::atomic::Ordering::Release);
        for spare in found.spares {
            keeper::reuse_spare(&spare, self.config.segment_bytes, &supply);
        }
        let number = AtomicU64::new(found.number);
        self.lanes.write().push(Arc::new(Held {
            log: log.clone(),
            folder,
            supply: Some(supply.clone()),
            number,
        }));
        Ok(Writer::new(log, supply, epoch, found.at_us, found.claims))
    }
}
