//! What is to be shipped of one lane: for each partition a cursor, the records that follow it, and their claim.
//!
//! The cursor moves by Redis's word alone. Records wait in memory up to a limit; beyond it they stay in the journal,
//! where they are safe, and are read again later.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use common::ids::{Partition, Seq};
use common::ship::{Answer, BATCH_RECORDS, Batch, Call, Cursor, Hit};

use crate::journal::LaneLog;

/// Records of a partition that wait in memory: enough that partitions rarely run out of step while they wait.
const PENDING: usize = 4 * BATCH_RECORDS;
/// Records read from the journal in one go: a few milliseconds of work.
const READ: u32 = 16_384;
/// Records: a second or two of shipping.
const NEAR: u64 = 4 * READ as u64;
/// The first pause after a failed call, doubled with each further one.
const RETRY_FIRST: Duration = Duration::from_millis(50);
/// The longest pause after failed calls.
const RETRY_LAST: Duration = Duration::from_secs(2);
/// After an emptied Redis was told where an old lane stands, and there is more than one call of it, how long to wait
/// for the aggregator to set it to what Postgres has: two of its intervals. Without the pause, days of records would
/// be sent and thrown away.
const HOLD: Duration = Duration::from_secs(10);

/// One lane on its way to Redis.
#[derive(Debug)]
pub(super) struct ShipLane {
    pub(super) log: Arc<LaneLog>,
    pub(super) parts: Vec<Part>,
    /// Records read from the journal so far, those that were read again included.
    pub(super) scanned: u64,
}

/// One partition of a lane.
#[derive(Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "four independent facts; no combination is excluded")]
pub(super) struct Part {
    cursor: Cursor,
    /// Where Redis ends, as the journal sees it: everything behind it is to be shipped.
    start: Seq,
    /// The records after `start`, up to `next`.
    pending: VecDeque<Hit>,
    next: Seq,
    /// The lane's records in this partition up to `next`.
    claim: u64,
    /// `next` was moved to a place whose claim is not known.
    adrift: bool,
    flying: bool,
    /// The last call was as large as calls may be: there is more, and no reason to wait.
    pressed: bool,
    /// Changes with everything sent and heard, so that an answer to an older question is told from news.
    pub(super) turn: u64,
    failures: u32,
    not_before: Option<Instant>,
    /// Redis has once held records of it.
    was_known: bool,
}

impl ShipLane {
    pub(super) fn new(log: Arc<LaneLog>) -> Self {
        let parts = log.partitions.iter().map(|_| Part::default()).collect();
        Self { log, parts, scanned: 0 }
    }

    /// Reads what follows from the journal, as far as there is room for it.
    ///
    /// Partitions go through the journal in step, so that each record is read once for all of them: the fullest one
    /// that gets answers sets the pace, and those ahead wait for one that is near. One that gets none falls behind
    /// instead of holding up the others, and comes back into step with all that stand where it is read for.
    pub(super) fn fill(&mut self) -> io::Result<()> {
        self.locate()?;
        let Some(head) = self.parts.iter().filter(|part| part.has_room(PENDING)).map(|part| part.next).max()
        else {
            return Ok(());
        };
        let is_starving = |part: &&Part| part.has_room(BATCH_RECORDS) && part.next < head;
        if let Some(from) = self.parts.iter().filter(is_starving).map(|part| part.next).min() {
            self.read(from, READ)?;
        }
        let is_awaited = |part: &Part| part.is_answered() && is_near(part.next, head);
        if head == self.log.committed() || self.parts.iter().any(is_awaited) {
            return Ok(());
        }
        // If nobody gets answers, all go on together as far as all have room.
        let ahead = || self.parts.iter().filter(|part| part.next == head);
        let fullest = ahead().filter(|part| part.is_answered()).map(|part| part.pending.len()).max();
        let fullest = fullest.or_else(|| ahead().map(|part| part.pending.len()).max()).unwrap_or_default();
        let room = PENDING.saturating_sub(fullest);
        if room >= BATCH_RECORDS {
            // Half of what would fit if links were spread evenly, as they nearly are.
            self.read(head, READ.min((room * self.parts.len() / 2) as u32))?;
        }
        Ok(())
    }

    /// Reads up to `limit` records after `from`, for every partition that has room and does not begin before.
    fn read(&mut self, from: Seq, limit: u32) -> io::Result<()> {
        let eligible = |part: &Part| part.has_room(PENDING) && part.next >= from;
        let mut open: Vec<bool> = self.parts.iter().map(eligible).collect();
        let (log, parts) = (&self.log, &mut self.parts);
        let scanned = log.scan(from, limit, |record| {
            let p = usize::from(record.link.partition(log.partitions).0);
            let part = &mut parts[p];
            if !open[p] || record.seq <= part.next {
                return;
            }
            if part.pending.len() == PENDING {
                open[p] = false;
                return;
            }
            part.pending.push_back(Hit::from(record));
            part.next = record.seq;
            part.claim += 1;
        })?;
        self.scanned += u64::from(scanned.records);
        for (part, _) in parts.iter_mut().zip(&open).filter(|(_, open)| **open) {
            part.next = part.next.max(scanned.upto);
        }
        Ok(())
    }

    /// Finds the claims of the places that Redis's answers moved cursors to.
    fn locate(&mut self) -> io::Result<()> {
        let adrift = self.log.partitions.iter().zip(&self.parts).filter(|(_, part)| part.adrift);
        let points: Vec<(Partition, Seq)> = adrift.map(|(p, part)| (p, part.next)).collect();
        if points.is_empty() {
            return Ok(());
        }
        for ((partition, _), claim) in points.iter().zip(self.log.claims_at(&points)?) {
            let part = &mut self.parts[usize::from(partition.0)];
            (part.claim, part.adrift) = (claim, false);
        }
        Ok(())
    }

    /// The next call of a partition, if one is due; its records are put into `batch`. It is in flight from now on.
    pub(super) fn next_call(
        &mut self,
        partition: Partition,
        now: Instant,
        batch: &mut Batch,
    ) -> Option<Call> {
        let part = &mut self.parts[usize::from(partition.0)];
        let waits = part.flying || part.adrift || part.not_before.is_some_and(|at| now < at);
        if waits || part.pending.is_empty() || part.cursor == Cursor::Unknown {
            return None;
        }
        batch.clear();
        part.pressed = !part.pending.iter().all(|hit| batch.push(hit));
        part.flying = true;
        part.turn += 1;
        Some(Call {
            lane: self.log.lane,
            partition,
            from: part.cursor.from(),
            to: batch.to(),
            opens_lane: part.cursor.opens_lane(),
            claim: part.claim - (part.pending.len() - batch.records()) as u64,
            records: batch.records(),
        })
    }

    /// Redis answered a call.
    pub(super) fn answered(&mut self, partition: Partition, answer: Answer, now: Instant) {
        let part = &mut self.parts[usize::from(partition.0)];
        part.flying = false;
        part.failures = 0;
        part.not_before = None;
        let begun_anew = matches!(answer, Answer::Counted(_)) && part.cursor == Cursor::Missing;
        if begun_anew && part.was_known && part.pressed {
            part.not_before = Some(now + HOLD);
        }
        part.follow(answer);
    }

    /// A call failed, or its outcome is unknown: the same batch is sent again later. Returns how many calls of the
    /// partition have failed in a row.
    pub(super) fn failed(&mut self, partition: Partition, now: Instant) -> u32 {
        let part = &mut self.parts[usize::from(partition.0)];
        part.flying = false;
        part.turn += 1;
        let pause = RETRY_FIRST * (1 << part.failures.min(6));
        part.not_before = Some(now + pause.min(RETRY_LAST) + spread(partition));
        part.failures += 1;
        part.failures
    }

    /// The server is back: what failed is sent again soon, lest one partition runs ahead while the others pause.
    pub(super) fn hurry(&mut self, now: Instant) {
        for (partition, part) in self.log.partitions.iter().zip(&mut self.parts) {
            let soon = now + spread(partition);
            part.not_before = part.not_before.map(|at| if part.failures > 0 { at.min(soon) } else { at });
        }
    }

    /// Redis was asked where it ends, when the partition's turn was `turn`.
    pub(super) fn heard(&mut self, partition: Partition, turn: u64, end: Option<Seq>) {
        let part = &mut self.parts[usize::from(partition.0)];
        if part.flying || part.turn != turn {
            return;
        }
        let answer = end.map_or(Answer::Missing, Answer::EndsAt);
        if part.cursor.after(answer) != part.cursor {
            part.not_before = None;
            part.follow(answer);
        }
    }

    /// Whether everything that can be read is with Redis.
    pub(super) fn is_shipped(&self) -> bool {
        let committed = self.log.committed();
        self.parts.iter().all(|part| part.pending.is_empty() && !part.flying && part.next >= committed)
    }

    /// Whether a partition goes on at once after an answer. If not, it waits for the next turn: a few large calls cost
    /// a fraction of many small ones.
    pub(super) fn is_pressed(&self, partition: Partition) -> bool {
        self.parts[usize::from(partition.0)].pressed
    }

    /// How many of the lane's records are with Redis, by their claims.
    pub(super) fn confirmed(&self) -> u64 {
        self.parts.iter().map(|part| part.claim.saturating_sub(part.pending.len() as u64)).sum()
    }

    /// The time of the oldest record that waits, µs since 1970.
    pub(super) fn oldest_us(&self) -> Option<u64> {
        let waiting = |part: &Part| match part.pending.front() {
            Some(hit) => Some(hit.at_us),
            None if part.next < self.log.committed() => self.log.time_after(part.next),
            None => None,
        };
        self.parts.iter().filter_map(waiting).min()
    }
}

/// Partitions spread out a little, so that a server that comes back is not asked by all at once.
fn spread(partition: Partition) -> Duration {
    Duration::from_millis(u64::from(partition.0) % 16 * 3)
}

/// Whether a place lies so little before another that waiting for it costs less than reading on without it.
fn is_near(next: Seq, head: Seq) -> bool {
    (head.0.saturating_sub(NEAR)..head.0).contains(&next.0)
}

impl Part {
    /// Whether it can take more of the journal, `limit` records in all.
    fn has_room(&self, limit: usize) -> bool {
        self.cursor != Cursor::Unknown && self.pending.len() < limit
    }

    /// Whether Redis answered its last call, if there was one, and may be sent the next.
    fn is_answered(&self) -> bool {
        self.cursor != Cursor::Unknown && self.failures == 0 && self.not_before.is_none()
    }

    fn follow(&mut self, answer: Answer) {
        self.turn += 1;
        self.cursor = self.cursor.after(answer);
        let end = self.cursor.from();
        self.was_known |= end > Seq::ZERO;
        if !self.adrift && (self.start..=self.next).contains(&end) {
            while self.pending.front().is_some_and(|hit| hit.seq <= end) {
                self.pending.pop_front();
            }
        } else {
            self.pending.clear();
            self.next = end;
            self.adrift = true;
        }
        self.start = end;
    }
}
