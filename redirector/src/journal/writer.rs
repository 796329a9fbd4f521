//! Appending: one thread, no lock and no system call for a record.

use std::collections::VecDeque;
use std::fs::File;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use common::ids::Seq;
use common::wire::{Record, SegmentHeader};
use parking_lot::Mutex;

use super::file::SegmentFile;
use super::log::LaneLog;
use super::segment::Segment;

/// There is no room for another record: the disk is full, or the limit on the journal is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the journal is full")]
pub struct JournalFull;

/// Segments that wait to be written, and the epochs that may be used.
#[derive(Debug, Default)]
pub(super) struct Supply {
    pub(super) spares: Mutex<VecDeque<Spare>>,
    /// The highest epoch that is durable. Above the writer's own, it may move on to it.
    pub(super) epoch: AtomicU32,
}

/// A reserved, mapped, empty segment.
#[derive(Debug)]
pub(super) struct Spare {
    pub(super) path: PathBuf,
    pub(super) file: File,
    pub(super) segment: Segment,
    pub(super) nonce: [u8; 16],
}

/// The one writer of a lane.
#[derive(Debug)]
pub struct Writer {
    /// What readers see of the lane.
    pub log: Arc<LaneLog>,
    supply: Arc<Supply>,
    active: Option<Active>,
    epoch: u32,
    /// The n of the last record in this epoch.
    n: u32,
    at_us: u64,
    /// Running totals, one for each partition.
    claims: Vec<u64>,
}

#[derive(Debug)]
struct Active {
    segment: Segment,
    file: Arc<SegmentFile>,
    seed: u32,
    /// Where the next record goes.
    index: u32,
}

impl Writer {
    pub(super) fn new(
        log: Arc<LaneLog>,
        supply: Arc<Supply>,
        epoch: u32,
        at_us: u64,
        claims: Vec<u64>,
    ) -> Self {
        Self { log, supply, active: None, epoch, n: 0, at_us, claims }
    }

    /// Gives the record its place and, if the clock went back, its time; writes it; announces it.
    ///
    /// When this returns, the record survives the death of this process. It never waits.
    pub fn append(&mut self, record: &mut Record) -> Result<(), JournalFull> {
        let n = self.n.checked_add(1).ok_or(JournalFull).or_else(|full| self.next_epoch().ok_or(full))?;
        let distrusted = self.log.distrusted.load(Ordering::Relaxed);
        if distrusted || self.active.as_ref().is_none_or(|a| a.index == a.segment.capacity) {
            self.roll(n)?;
        }
        let active = self.active.as_mut().ok_or(JournalFull)?;
        self.at_us = self.at_us.max(record.at_us);
        record.seq = Seq::new(self.epoch, n);
        record.at_us = self.at_us;
        active.segment.write_record(active.index, &record.encode(active.seed));
        active.index += 1;
        self.n = n;
        self.claims[usize::from(record.link.partition(self.log.partitions).0)] += 1;
        self.log.commit(record.seq);
        Ok(())
    }

    /// Closes the current segment, if any, and opens a spare at `n`.
    fn roll(&mut self, n: u32) -> Result<(), JournalFull> {
        if let Some(full) = self.active.take() {
            full.file.seal(full.index);
        }
        let spare = self.supply.spares.lock().pop_front().ok_or(JournalFull)?;
        let header = SegmentHeader {
            lane: self.log.lane,
            epoch: self.epoch,
            first: n,
            nonce: spare.nonce,
            partitions: self.log.partitions,
            claims: self.claims.clone(),
        };
        spare.segment.write_header(&header.encode());
        let file = Arc::new(SegmentFile::new(spare.path, header, spare.file));
        self.log.segments.write().push(file.clone());
        self.log.distrusted.store(false, Ordering::Relaxed);
        self.active = Some(Active { segment: spare.segment, seed: file.header.seed(), file, index: 0 });
        Ok(())
    }

    /// After four thousand million records, the next epoch, if the keeper has made it durable. Returns the first n.
    fn next_epoch(&mut self) -> Option<u32> {
        let epoch = self.supply.epoch.load(Ordering::Acquire);
        (epoch > self.epoch).then(|| {
            (self.epoch, self.n) = (epoch, 0);
            if let Some(closed) = self.active.take() {
                closed.file.seal(closed.index);
            }
            1
        })
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        if let Some(active) = self.active.take() {
            active.file.seal(active.index);
        }
    }
}
