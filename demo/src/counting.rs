//! Clicks as a flush would have brought them to Postgres: counters, sketches, and a batch for every partition and day,
//! all of one lane of an edge that does not exist.
//!
//! Invariant: what the lane claims, what the batches hold and what was counted are one number, partition by partition.

use std::collections::BTreeMap;

use aggregator::jobs::flush::{add_counts, lock_partition, store_sketches};
use anyhow::Context as _;
use chrono::{DateTime, TimeDelta, Utc};
use common::hll::Sketch;
use common::ids::{Lane, LinkId, Partitions, Seq};
use common::time::{self, Millis};
use common::wire::Count;
use sqlx::PgConnection;

use crate::calendar::Day;
use crate::cast::Cast;
use crate::clicks::{Click, Who};

/// The last lane there is. Its edge is the last one too, which nobody has.
pub(crate) const LANE: Lane = Lane(u16::MAX);
/// The lane was opened once.
const EPOCH: u32 = 1;

/// Counts day after day.
#[derive(Debug)]
pub(crate) struct Counting {
    partitions: Partitions,
    /// Records in the lane.
    records: u32,
    /// How far each partition is counted: seq and claim.
    marks: BTreeMap<u16, (Seq, i64)>,
    batches: Vec<Batch>,
}

/// What a flush wrote for one partition on one day.
#[derive(Debug)]
struct Batch {
    part: u16,
    clicks: i64,
    base: Seq,
    upto: Seq,
    day: Day,
    rows: i32,
}

/// A day's clicks, ready to be written.
#[derive(Debug)]
pub(crate) struct Counted {
    counts: Vec<(Count, u64)>,
    sketches: Vec<(LinkId, time::Day, Sketch)>,
    /// The record of the first click; the others follow it in order.
    first: u32,
}

impl Counted {
    /// The place in the lane of the nth click of the day.
    pub(crate) fn seq(&self, nth: usize) -> Seq {
        Seq::new(EPOCH, self.first + nth as u32)
    }

    pub(crate) async fn write(&self, tx: &mut PgConnection) -> anyhow::Result<()> {
        store_sketches(tx, &self.sketches).await?;
        add_counts(tx, &self.counts).await.map(drop)
    }
}

impl Counting {
    pub(crate) fn new(partitions: Partitions) -> Self {
        Self { partitions, records: 0, marks: BTreeMap::new(), batches: Vec::new() }
    }

    /// All clicks so far.
    pub(crate) fn clicks(&self) -> u32 {
        self.records
    }

    /// Counts a day's clicks, which are in order.
    pub(crate) fn day(&mut self, day: Day, clicks: &[Click], cast: &Cast) -> Counted {
        let mut counts: BTreeMap<Count, u64> = BTreeMap::new();
        let mut sketches: BTreeMap<(LinkId, time::Day), Sketch> = BTreeMap::new();
        let mut parts: BTreeMap<u16, i64> = BTreeMap::new();
        for click in clicks {
            let link = LinkId(cast.links[click.link].id.cast_unsigned());
            let (hour, date) = (Millis(click.ts_ms).hour(), Millis(click.ts_ms).day());
            *parts.entry(link.partition(self.partitions).0).or_default() += 1;
            let mut raise = |count| *counts.entry(count).or_default() += 1;
            match click.who {
                Who::Program => raise(Count::Filtered(link, hour)),
                Who::Person { visitor, channel, country, held: (device, browser, os) } => {
                    raise(Count::Human(link, hour));
                    raise(Count::Platform(link, date, device, browser, os));
                    raise(Count::Origin(link, date, country, channel));
                    sketches.entry((link, date)).or_default().insert(&visitor.to_le_bytes());
                }
            }
        }
        let first = self.records + 1;
        self.records += clicks.len() as u32;
        let upto = Seq::new(EPOCH, self.records);
        for (part, clicks) in parts {
            let (base, claim) = self.marks.get(&part).copied().unwrap_or_default();
            self.marks.insert(part, (upto, claim + clicks));
            let is_here = |count: &&Count| count.link().partition(self.partitions).0 == part;
            let rows = counts.keys().filter(is_here).count() as i32;
            self.batches.push(Batch { part, clicks, base, upto, day, rows });
        }
        Counted {
            counts: counts.into_iter().collect(),
            sketches: sketches.into_iter().map(|((link, day), sketch)| (link, day, sketch)).collect(),
            first,
        }
    }

    /// Takes the partitions, so that no flush is under way until the commit.
    pub(crate) async fn lock(&self, tx: &mut PgConnection) -> anyhow::Result<()> {
        for partition in self.partitions.iter() {
            lock_partition(tx, partition).await?;
        }
        Ok(())
    }

    /// Writes the batches down and moves the watermark. The caller holds the partitions.
    pub(crate) async fn close(&self, tx: &mut PgConnection, now: DateTime<Utc>) -> anyhow::Result<()> {
        let of = |of: fn(&Batch) -> i64| self.batches.iter().map(of).collect::<Vec<_>>();
        let part = |batch: &Batch| batch.part.cast_signed();
        sqlx::query(include_str!("counting/batches.sql"))
            .bind(self.batches.iter().map(part).collect::<Vec<_>>())
            .bind(of(|batch| batch.clicks))
            .bind(of(|batch| batch.rows.into()))
            .bind(i32::from(LANE.0))
            .bind(of(|batch| batch.base.0.cast_signed()))
            .bind(of(|batch| batch.upto.0.cast_signed()))
            .bind(self.batches.iter().map(|batch| flushed_at(batch.day, now)).collect::<Vec<_>>())
            .execute(&mut *tx)
            .await
            .context("cannot write the batches down")?;
        let marks = || self.marks.iter();
        sqlx::query(include_str!("counting/watermarks.sql"))
            .bind(marks().map(|(part, _)| part.cast_signed()).collect::<Vec<_>>())
            .bind(i32::from(LANE.0))
            .bind(marks().map(|(_, (seq, _))| seq.0.cast_signed()).collect::<Vec<_>>())
            .bind(marks().map(|(_, (_, claim))| *claim).collect::<Vec<_>>())
            .execute(tx)
            .await
            .context("cannot move the watermark")
            .map(drop)
    }
}

fn flushed_at(day: Day, now: DateTime<Utc>) -> DateTime<Utc> {
    (day.start() + TimeDelta::days(1)).min(now)
}

/// Whether this past is in the database already.
pub(crate) async fn is_written(tx: &mut PgConnection) -> anyhow::Result<bool> {
    sqlx::query_scalar("select exists (select from flush_watermark where lane = $1)")
        .bind(i32::from(LANE.0))
        .fetch_one(tx)
        .await
        .context("cannot read the watermark")
}

/// How many partitions the database was installed with.
pub(crate) fn partitions(installed: Option<u16>) -> anyhow::Result<Partitions> {
    installed.and_then(Partitions::new).context("the database is not installed: run `aggregator migrate`")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lane_is_the_last_one_of_the_last_edge() {
        assert_eq!(Some(LANE), Lane::new(Lane::EDGES - 1, Lane::SLOTS - 1));
        assert!(partitions(Some(16)).is_ok() && partitions(None).is_err());
    }
}
