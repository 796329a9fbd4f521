//! What keeps the journal fit for writing, on two threads of its own: one forces records to disk, one reserves
//! segments ahead, adopts lanes that lost their process, and deletes what Postgres has long counted.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::Context as _;
use common::ids::{Partition, Seq};
use runtime::failpoint::may_fail;
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use super::file::SegmentFile;
use super::folder::{self, Folder};
use super::log::Synced;
use super::segment::Segment;
use super::writer::{Spare, Supply};
use super::{Ack, Held, Journal, LaneLog, SPARES};

/// How often spares are looked at: a segment lasts for seconds at the highest rate a core can serve.
const KEEP_INTERVAL: Duration = Duration::from_millis(100);
/// How often lanes without a process are looked for, in [`KEEP_INTERVAL`]s: three seconds.
const ADOPT_EVERY: u32 = 30;
/// How often old segments are looked at, in [`KEEP_INTERVAL`]s: ten seconds.
const PRUNE_EVERY: u32 = 100;
/// A quarter of the n of an epoch is left when the next epoch is made durable.
const NEXT_EPOCH_AT: u32 = u32::MAX / 4 * 3;

/// How much room there is for writing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Room {
    /// Every writer has its spares.
    Green,
    /// A writer has fewer spares than it should.
    Yellow,
    /// A writer has none: when its segment is full, clicks go untracked.
    Red,
}

impl Journal {
    /// Forces records to disk until `stop`.
    pub fn sync_until(&self, stop: &CancellationToken) -> anyhow::Result<()> {
        let _only_one_thread_syncs = self.syncer.set(std::thread::current());
        while !stop.is_cancelled() {
            self.sync();
            std::thread::park_timeout(self.config.sync_interval);
        }
        self.sync();
        Ok(())
    }

    /// Asks for a sync now. Called in [`Ack::Fsync`] mode; everyone who waits meanwhile shares the next one.
    pub fn hurry_sync(&self) {
        if let (Ack::Fsync, Some(thread)) = (self.config.ack, self.syncer.get()) {
            thread.unpark();
        }
    }

    /// Reserves, adopts and deletes until `stop`.
    pub fn keep_until(&self, stop: &CancellationToken, now_us: impl Fn() -> u64) -> anyhow::Result<()> {
        let mut turn: u32 = 0;
        let mut ends = HashMap::new();
        while !stop.is_cancelled() {
            self.prepare_spares();
            if turn.is_multiple_of(ADOPT_EVERY) {
                self.adopt();
            }
            if turn.is_multiple_of(PRUNE_EVERY) {
                self.prune(now_us(), &mut ends);
                self.prepare_epochs(now_us() / 1_000_000)?;
            }
            turn = turn.wrapping_add(1);
            std::thread::sleep(KEEP_INTERVAL);
        }
        Ok(())
    }

    /// Reserves what is missing now, for tests that run no keeper.
    #[cfg(test)]
    pub(crate) fn keep_once(&self) {
        self.prepare_spares();
    }

    /// How much room there is for writing.
    pub fn room(&self) -> Room {
        let lanes = self.lanes.read();
        let spares =
            lanes.iter().filter_map(|held| held.supply.as_ref()).map(|s| s.spares.lock().len()).min();
        match spares {
            Some(0) => Room::Red,
            Some(n) if n < SPARES => Room::Yellow,
            _ => Room::Green,
        }
    }

    /// The bytes on disk, spares included.
    pub fn bytes(&self) -> u64 {
        let lanes = self.lanes.read().clone();
        lanes.iter().map(|held| folder_bytes(&held.folder.path)).sum()
    }

    pub(super) fn sync(&self) {
        for held in self.lanes.read().clone() {
            let (committed, synced) = (held.log.committed(), held.log.synced());
            if committed == synced.upto {
                continue;
            }
            let segments = held.log.segments.read().clone();
            let mut unsynced = segments
                .iter()
                .filter(|s| held.log.last_of(s) > synced.upto && s.header.first_seq() <= committed);
            match unsynced.try_for_each(|s| may_fail("journal.sync").and_then(|()| s.file.sync_data())) {
                Ok(()) => held.log.set_synced(Synced { upto: committed, ..synced }),
                Err(error) => distrust(&held.log, &error, committed),
            }
        }
    }

    /// Tops up every writer's spares, as far as disk and limit allow.
    pub(super) fn prepare_spares(&self) {
        for held in self.lanes.read().clone() {
            let Some(supply) = &held.supply else { continue };
            while supply.spares.lock().len() < SPARES {
                match self.prepare_spare(&held) {
                    Ok(Some(spare)) => supply.spares.lock().push_back(spare),
                    Ok(None) => break,
                    Err(error) => {
                        metrics::counter!("redirector_journal_reserve_failures_total").increment(1);
                        if supply.spares.lock().is_empty() {
                            warn!(lane = held.log.lane.0, "no room for another journal segment: {error:#}");
                        }
                        break;
                    }
                }
            }
        }
    }

    /// `None`: the limit on the journal is reached.
    fn prepare_spare(&self, held: &Held) -> anyhow::Result<Option<Spare>> {
        if self.bytes() + self.config.segment_bytes > self.config.max_bytes {
            return Ok(None);
        }
        let path = held.folder.file(held.number.fetch_add(1, Ordering::Relaxed) + 1);
        let segment = Segment::create(&path, self.config.segment_bytes).with_context(|| {
            format!("cannot reserve {} bytes for {}", self.config.segment_bytes, path.display())
        })?;
        folder::sync_folder(&held.folder.path)?;
        Ok(Some(spare(path, segment)?))
    }

    /// Takes every lane of this machine that no process holds, to ship what is left in it.
    pub(super) fn adopt(&self) {
        let lanes = folder::lanes_below(&self.config.dir).unwrap_or_default();
        for lane in lanes {
            if self.lanes.read().iter().any(|held| held.log.lane == lane) {
                continue;
            }
            let adopted =
                Folder::lock(&self.config.dir, lane).map_err(anyhow::Error::from).and_then(|locked| {
                    let Some(folder) = locked else { return Ok(None) };
                    let found = folder.recover(self.config.partitions)?;
                    Ok(Some((folder, found)))
                });
            match adopted {
                Ok(None) => {}
                Ok(Some((folder, found))) => {
                    info!(lane = lane.0, "adopted a lane without a process");
                    for spare in found.spares {
                        let _an_unused_file = std::fs::remove_file(spare);
                    }
                    let log = LaneLog::new(lane, self.config.partitions, found.segments, found.last);
                    let number = AtomicU64::new(found.number);
                    self.lanes.write().push(Arc::new(Held {
                        log: Arc::new(log),
                        folder,
                        supply: None,
                        number,
                    }));
                }
                Err(error) => warn!(lane = lane.0, "cannot adopt a lane: {error:#}"),
            }
        }
    }

    /// Deletes segments that Postgres has counted and that are older than the retention. Never others.
    ///
    /// The newest segment stays in any case: its header holds the running totals.
    pub(super) fn prune(&self, now_us: u64, ends: &mut HashMap<PathBuf, Vec<Seq>>) {
        let keep_after = now_us.saturating_sub(self.config.retention.as_micros() as u64);
        for held in self.lanes.read().clone() {
            while let Some(oldest) = held.log.oldest_of_several() {
                let Ok(last) = ends
                    .get(&oldest.path)
                    .map_or_else(|| last_of_partitions(&held.log, &oldest), |e| Ok(e.clone()))
                else {
                    break;
                };
                ends.insert(oldest.path.clone(), last.clone());
                let durable =
                    held.log.partitions.iter().zip(&last).all(|(p, last)| held.log.durable(p) >= *last);
                let old = written_before(&oldest, keep_after);
                if !(durable && old) || std::fs::remove_file(&oldest.path).is_err() {
                    break;
                }
                ends.remove(&oldest.path);
                held.log.segments.write().remove(0);
                metrics::counter!("redirector_journal_pruned_segments_total").increment(1);
            }
        }
    }

    /// Makes the next epoch durable for writers that have used most of theirs.
    fn prepare_epochs(&self, now_s: u64) -> anyhow::Result<()> {
        for held in self.lanes.read().clone() {
            let (Some(supply), last) = (&held.supply, held.log.committed()) else { continue };
            if last.n() > NEXT_EPOCH_AT && supply.epoch.load(Ordering::Acquire) == last.epoch() {
                supply.epoch.store(held.folder.begin_epoch(last.epoch(), now_s)?, Ordering::Release);
            }
        }
        Ok(())
    }
}

/// After a failed sync the kernel may have dropped the pages and would call a second try a success. The file is not
/// tried again: the writer goes on in another one.
fn distrust(log: &LaneLog, why: &std::io::Error, committed: Seq) {
    error!(lane = log.lane.0, %why, "the disk refused journal records; going on in another segment");
    metrics::counter!("redirector_journal_sync_failures_total").increment(1);
    log.distrusted.store(true, Ordering::Relaxed);
    log.set_synced(Synced { upto: committed, refused: committed });
}

/// Puts a file that an earlier process reserved to use, or deletes it when it has another size.
pub(super) fn reuse_spare(path: &Path, segment_bytes: u64, supply: &Supply) {
    let fits = std::fs::metadata(path).is_ok_and(|m| m.len() == segment_bytes);
    let reused = if fits && supply.spares.lock().len() < SPARES {
        Segment::open(path)
            .map_err(anyhow::Error::from)
            .and_then(|segment| spare(path.to_owned(), segment))
            .ok()
    } else {
        None
    };
    match reused {
        Some(spare) => supply.spares.lock().push_back(spare),
        None => _ = std::fs::remove_file(path),
    }
}

fn spare(path: PathBuf, segment: Segment) -> anyhow::Result<Spare> {
    let mut nonce = [0; 16];
    getrandom::fill(&mut nonce).context("the system gives no random numbers")?;
    let file = std::fs::File::open(&path)?;
    Ok(Spare { path, file, segment, nonce })
}

/// For each partition, its last record in a segment; zero where it has none.
fn last_of_partitions(log: &LaneLog, segment: &SegmentFile) -> std::io::Result<Vec<Seq>> {
    let mut last = vec![Seq::ZERO; usize::from(log.partitions.count())];
    segment.read_whole(|record| {
        let Partition(p) = record.link.partition(log.partitions);
        last[usize::from(p)] = record.seq;
    })?;
    Ok(last)
}

fn written_before(segment: &SegmentFile, limit_us: u64) -> bool {
    let mut at_us = u64::MAX;
    let end = segment.sealed().unwrap_or(0);
    let read = segment.read(end.saturating_sub(1)..end, |record| {
        at_us = record.map_or(u64::MAX, |record| record.at_us);
        std::ops::ControlFlow::Break(())
    });
    read.is_ok() && at_us < limit_us
}

fn folder_bytes(folder: &Path) -> u64 {
    let Ok(entries) = std::fs::read_dir(folder) else { return 0 };
    entries.flatten().filter_map(|entry| entry.metadata().ok()).map(|m| m.len()).sum()
}
