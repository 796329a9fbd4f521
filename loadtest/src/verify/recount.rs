//! Counting again from the journal: what Postgres must say, record by record, up to where Postgres says it is.
//!
//! It shares the vocabulary with the product, not the way: no batches, buckets or scripts, one addition a record.

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;

use anyhow::Context as _;
use common::flush::Watermark;
use common::hll::Sketch;
use common::ids::{Lane, LinkId, Partition, Partitions, Seq};
use common::time::Day;
use common::wire::{Count, Record, RecordFlags};
use redirector::journal;

use super::accepted::{Accepted, agrees};

/// How far each lane goes in each partition.
pub type Marks = BTreeMap<(Lane, Partition), Watermark>;

/// What the journal says up to a watermark.
#[derive(Debug, Default)]
pub struct Recount {
    /// Every counter.
    pub counts: HashMap<Count, u64>,
    /// Human visitors of a link and day, as often as they came.
    pub visits: Vec<(LinkId, Day, u64)>,
    /// The last record of each lane and partition, and how many there are up to it.
    pub marks: Marks,
    /// Records that were counted.
    pub records: u64,
    /// Records beyond the watermark: not counted in Postgres yet.
    pub beyond: u64,
    /// Records whose seq is not above the one before.
    pub disordered: u64,
    /// Which of the accepted clicks have a record, by position.
    pub found: Vec<bool>,
    /// Accepted clicks whose token says something else than the record.
    pub disagreeing: u64,
}

/// How far the journals go now.
pub fn ends(journals: &[PathBuf], partitions: Partitions) -> anyhow::Result<Marks> {
    let mut marks = Marks::new();
    read(journals, |lane, record| step(&mut marks, lane, partitions, record))?;
    Ok(marks)
}

impl Recount {
    /// Counts every record up to the watermark, and looks for the accepted clicks among all of them.
    pub fn of(
        journals: &[PathBuf],
        partitions: Partitions,
        watermark: &Marks,
        accepted: &Accepted,
    ) -> anyhow::Result<Self> {
        let mut recount = Self { found: vec![false; accepted.clicks.len()], ..Self::default() };
        let mut last = (Lane(0), Seq::ZERO);
        read(journals, |lane, record| {
            recount.disordered += u64::from((lane, record.seq) <= last && lane == last.0);
            last = (lane, record.seq);
            if let Some(position) = accepted.position(lane, record.seq) {
                recount.found[position] = true;
                recount.disagreeing += u64::from(!agrees(&accepted.clicks[position], record));
            }
            let partition = record.link.partition(partitions);
            if watermark.get(&(lane, partition)).is_none_or(|mark| record.seq > mark.seq) {
                recount.beyond += 1;
                return;
            }
            step(&mut recount.marks, lane, partitions, record);
            recount.count(record);
        })?;
        recount.visits.sort_unstable();
        recount.visits.dedup();
        Ok(recount)
    }

    fn count(&mut self, record: &Record) {
        self.records += 1;
        let (link, hour, day) = (record.link, record.at().hour(), record.at().day());
        let mut add = |count| *self.counts.entry(count).or_default() += 1;
        if record.flags.has(RecordFlags::BOT) {
            return add(Count::Filtered(link, hour));
        }
        add(Count::Human(link, hour));
        add(Count::Platform(link, day, record.device, record.browser, record.os));
        add(Count::Origin(link, day, record.country, record.channel));
        self.visits.push((link, day, record.visitor));
    }

    /// The sketches of all links and days, one after the other: a million of them would not fit into memory.
    pub fn sketches(&self) -> impl Iterator<Item = (LinkId, Day, Sketch)> + '_ {
        self.visits.chunk_by(|a, b| (a.0, a.1) == (b.0, b.1)).map(|visits| {
            let mut sketch = Sketch::new();
            for (_, _, visitor) in visits {
                sketch.insert(&visitor.to_le_bytes());
            }
            (visits[0].0, visits[0].1, sketch)
        })
    }
}

fn step(marks: &mut Marks, lane: Lane, partitions: Partitions, record: &Record) {
    let mark = marks.entry((lane, record.link.partition(partitions))).or_default();
    mark.seq = mark.seq.max(record.seq);
    mark.claim += 1;
}

/// Reads the journals of several edges, one after the other: no lane is in two of them.
fn read(journals: &[PathBuf], mut visit: impl FnMut(Lane, &Record)) -> anyhow::Result<()> {
    for dir in journals {
        let survey =
            journal::read_dir(dir, &mut visit).with_context(|| format!("cannot read {}", dir.display()))?;
        anyhow::ensure!(
            survey.unreadable == 0,
            "{} files in {} are no segments",
            survey.unreadable,
            dir.display()
        );
    }
    Ok(())
}
