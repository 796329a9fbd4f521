//! What exists of one lane, shared by its writer, the shipper and the keeper.
//!
//! The writer announces a record by storing its seq in `committed` (release); whoever saw that seq (acquire) finds
//! the record in the file. The list of segments changes once in a million records; no lock is taken per record.

use std::io;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use common::ids::{Lane, Partition, Partitions, Seq};
use common::wire::Record;
use parking_lot::RwLock;
use tokio::sync::watch;

use super::file::SegmentFile;

/// One lane's segments, oldest first, and how far they are written.
#[derive(Debug)]
pub struct LaneLog {
    /// Which lane.
    pub lane: Lane,
    /// What the claims are for.
    pub partitions: Partitions,
    pub(super) segments: RwLock<Vec<Arc<SegmentFile>>>,
    /// The last record that may be read. Zero before the first.
    committed: AtomicU64,
    /// The last record that survives a power failure.
    synced: watch::Sender<Synced>,
    /// For each partition, what Postgres has committed, as Redis last said. Only ever a reason to delete.
    durable: Box<[AtomicU64]>,
    /// Set when the disk refused to keep the current segment: the writer goes on in another one.
    pub(super) distrusted: AtomicBool,
    /// Records that did not decode though they were announced.
    corrupt: AtomicU64,
}

/// How far a lane is on disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Synced {
    /// Everything up to here was tried, and survives a power failure unless it was refused.
    pub(super) upto: Seq,
    /// The last record the disk refused.
    pub(super) refused: Seq,
}

/// The disk did not take a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refused;

/// How far a scan came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scanned {
    /// Every record up to here was visited.
    pub upto: Seq,
    /// How many there were.
    pub records: u32,
}

impl LaneLog {
    pub(super) fn new(
        lane: Lane,
        partitions: Partitions,
        segments: Vec<Arc<SegmentFile>>,
        last: Seq,
    ) -> Self {
        Self {
            lane,
            partitions,
            segments: RwLock::new(segments),
            committed: AtomicU64::new(last.0),
            synced: watch::Sender::new(Synced { upto: last, refused: Seq::ZERO }),
            durable: partitions.iter().map(|_| AtomicU64::new(0)).collect(),
            distrusted: AtomicBool::new(false),
            corrupt: AtomicU64::new(0),
        }
    }

    /// The last record that may be read; [`Seq::ZERO`] before the first.
    pub fn committed(&self) -> Seq {
        Seq(self.committed.load(Ordering::Acquire))
    }

    pub(super) fn commit(&self, seq: Seq) {
        self.committed.store(seq.0, Ordering::Release);
    }

    pub(super) fn synced(&self) -> Synced {
        *self.synced.borrow()
    }

    pub(super) fn set_synced(&self, synced: Synced) {
        self.synced.send_replace(synced);
    }

    /// Waits until `seq` survives a power failure. `Err`: the disk refused it.
    pub async fn wait_synced(&self, seq: Seq) -> Result<(), Refused> {
        let mut synced = self.synced.subscribe();
        match synced.wait_for(|synced| synced.upto >= seq || synced.refused >= seq).await {
            Ok(synced) if synced.refused < seq => Ok(()),
            _ => Err(Refused),
        }
    }

    /// What Postgres has committed of one partition, as far as Redis says.
    pub fn durable(&self, partition: Partition) -> Seq {
        Seq(self.durable[usize::from(partition.0)].load(Ordering::Relaxed))
    }

    /// Notes what Redis says. It may go back: then Postgres was restored, and old segments are needed again.
    pub fn set_durable(&self, partition: Partition, seq: Seq) {
        self.durable[usize::from(partition.0)].store(seq.0, Ordering::Relaxed);
    }

    /// Records that were announced but cannot be read any more: the disk lost them.
    pub fn corrupt(&self) -> u64 {
        self.corrupt.load(Ordering::Relaxed)
    }

    /// All records the lane ever had, deleted ones included: the sum of the claims.
    pub fn claimed(&self) -> u64 {
        let last = self.segments.read().last().cloned();
        last.map_or(0, |s| s.header.claims.iter().sum::<u64>() + u64::from(self.count_of(&s)))
    }

    /// The bytes on disk.
    pub fn bytes(&self) -> u64 {
        let segments = self.segments.read().clone();
        segments.iter().filter_map(|s| s.file.metadata().ok()).map(|m| m.len()).sum()
    }

    /// The time of the first record after `seq`, µs since 1970. `None` when there is none.
    pub fn time_after(&self, seq: Seq) -> Option<u64> {
        let mut at = None;
        self.scan(seq, 1, |record| at = Some(record.at_us)).ok()?;
        at
    }

    /// Visits the records after `after`, oldest first, at most `limit` of them.
    ///
    /// A record that was announced and does not decode is counted as corrupt and passed over: it is lost, but it
    /// must not hold up those behind it.
    pub fn scan(&self, after: Seq, limit: u32, mut visit: impl FnMut(&Record)) -> io::Result<Scanned> {
        let segments = self.segments.read().clone();
        let mut scanned = Scanned { upto: after, records: 0 };
        let from = segments.partition_point(|s| self.last_of(s) <= after);
        for segment in &segments[from.min(segments.len())..] {
            let begin = segment.header.first_seq();
            let skip = if begin > after { 0 } else { (after.0 - begin.0 + 1) as u32 };
            let end = self.count_of(segment).min(skip.saturating_add(limit - scanned.records));
            let mut index = skip;
            segment.read(skip..end, |record| {
                match record {
                    Some(record) => visit(&record),
                    None => _ = self.corrupt.fetch_add(1, Ordering::Relaxed),
                }
                index += 1;
                ControlFlow::Continue(())
            })?;
            if end > skip {
                scanned.upto = Seq(begin.0 + u64::from(end - 1));
                scanned.records += end - skip;
            }
            if scanned.records >= limit {
                break;
            }
        }
        Ok(scanned)
    }

    /// For each point, how many records of that partition the lane has up to that seq: the claim there.
    ///
    /// One pass over each segment that holds a point, however many points there are.
    pub fn claims_at(&self, points: &[(Partition, Seq)]) -> io::Result<Vec<u64>> {
        let segments = self.segments.read().clone();
        let mut claims = vec![0; points.len()];
        for (i, segment) in segments.iter().enumerate() {
            let begin = segment.header.first_seq();
            let next = segments.get(i + 1).map(|s| s.header.first_seq());
            let mut here = Vec::new();
            for (slot, (partition, seq)) in points.iter().enumerate() {
                let before_all = i == 0 && *seq < begin;
                if before_all || (*seq >= begin && next.is_none_or(|next| *seq < next)) {
                    claims[slot] = segment.header.claims[usize::from(partition.0)];
                    here.push((slot, *partition, *seq));
                }
            }
            let Some(upto) = here.iter().map(|(.., seq)| *seq).filter(|seq| *seq >= begin).max() else {
                continue;
            };
            let end = self
                .count_of(segment)
                .min((upto.0 - begin.0).saturating_add(1).min(u64::from(u32::MAX)) as u32);
            segment.read(0..end, |record| {
                if let Some(record) = record {
                    let partition = record.link.partition(self.partitions);
                    for (slot, _, _) in
                        here.iter().filter(|(_, p, seq)| *p == partition && record.seq <= *seq)
                    {
                        claims[*slot] += 1;
                    }
                }
                ControlFlow::Continue(())
            })?;
        }
        Ok(claims)
    }

    /// The oldest segment, unless it is the only one.
    pub(super) fn oldest_of_several(&self) -> Option<Arc<SegmentFile>> {
        let segments = self.segments.read();
        (segments.len() > 1).then(|| segments[0].clone())
    }

    /// How many records of a segment may be read now.
    fn count_of(&self, segment: &SegmentFile) -> u32 {
        segment.sealed().unwrap_or_else(|| {
            let (begin, committed) = (segment.header.first_seq(), self.committed());
            if committed.epoch() == begin.epoch() && committed >= begin {
                (committed.0 - begin.0 + 1) as u32
            } else {
                0
            }
        })
    }

    /// The last seq of a segment, or the one before its first while it is empty.
    pub(super) fn last_of(&self, segment: &SegmentFile) -> Seq {
        Seq((segment.header.first_seq().0 + u64::from(self.count_of(segment))).saturating_sub(1))
    }
}
