//! Export: every accepted click of an edge's journal as rows of Parquet, by day, for a warehouse.
//!
//! Each segment of the journal becomes one file in the folder of each day it has clicks of. A file is named after its
//! lane and the clicks the lane had before the segment, so a segment always becomes the same files: exporting again
//! replaces them whole, and exporting beside a running edge writes what is there by now. Neither Postgres nor Redis is
//! asked, and the journal is only read.

mod rows;
mod warehouse;

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::path::Path;
use std::{fmt, io};

use anyhow::Context as _;
use common::ids::Lane;
use common::time::Day;
use common::wire::lane_folder;
use indicatif::{ProgressBar, ProgressStyle};
use tracing::{info, warn};

use self::warehouse::{DayFile, Warehouse};
use crate::journal::{Segment, lanes, segments};

/// What came of an export.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Exported {
    /// Lanes in the journal.
    pub lanes: u64,
    /// Clicks that the journal holds; the warehouse has every one.
    pub clicks: u64,
    /// Files that were written; those of whole segments that were exported before are left alone.
    pub files: u64,
    /// Clicks that the edge dropped from its journal before they were exported.
    pub missed: u64,
}

impl fmt::Display for Exported {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { lanes, clicks, files, missed } = self;
        write!(f, "{clicks} clicks of {lanes} lanes are exported; {files} files were written")?;
        if *missed > 0 {
            write!(f, "; {missed} clicks had left the journal before: export more often")?;
        }
        Ok(())
    }
}

/// Writes every click below a journal's root into the folder of a warehouse.
pub fn export_clicks(journal: &Path, folder: &Path) -> anyhow::Result<Exported> {
    let lanes = lanes(journal)?;
    let warehouse = Warehouse::open(folder)?;
    let mut exported = Exported::default();
    for lane in lanes {
        let place = lane_folder(lane);
        let of_lane = export_lane(journal, lane, &warehouse)
            .with_context(|| format!("cannot export {place}; what is there stays right: export again"))?;
        info!(place, clicks = of_lane.clicks, files = of_lane.files, "exported a lane");
        exported.add(of_lane);
    }
    Ok(exported)
}

impl Exported {
    fn add(&mut self, other: Self) {
        self.lanes += other.lanes;
        self.clicks += other.clicks;
        self.files += other.files;
        self.missed += other.missed;
    }
}

fn export_lane(journal: &Path, lane: Lane, warehouse: &Warehouse) -> anyhow::Result<Exported> {
    let place = lane_folder(lane);
    let segments = segments(journal, lane)?;
    let shelved = warehouse.shelved(lane)?;
    let starts: Vec<u64> = segments.iter().map(before).collect();
    let mut exported = Exported { lanes: 1, ..Exported::default() };
    exported.missed = missed(&shelved, starts.first().copied())
        .inspect(|missed| {
            warn!(place, missed, "clicks left the journal before they were exported: export more often");
        })
        .unwrap_or_default();
    let progress = progress(&place, segments.len());
    for (segment, next) in segments.iter().zip(starts.iter().skip(1).map(Some).chain([None])) {
        let before = before(segment);
        let whole = next.map(|next| next - before);
        // Only the last segment grows; of the others it is known how many clicks they hold.
        match whole.filter(|whole| shelved.get(&before) == Some(whole)) {
            Some(there) => exported.clicks += there,
            None => export_segment(segment, warehouse, &mut exported)?,
        }
        progress.inc(1);
    }
    progress.finish_and_clear();
    Ok(exported)
}

/// Writes one file for each day of the segment.
fn export_segment(segment: &Segment, warehouse: &Warehouse, exported: &mut Exported) -> anyhow::Result<()> {
    let (lane, before) = (segment.header.lane, before(segment));
    let records = match segment.records() {
        Ok(records) => records,
        // The edge has just deleted it; what it held is missing when the next export begins behind it.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error).context("cannot read the journal"),
    };
    let mut days: BTreeMap<Day, DayFile> = BTreeMap::new();
    for record in records {
        let record = record.context("cannot read the journal")?;
        let day = record.at().day();
        let file = match days.entry(day) {
            Entry::Occupied(there) => there.into_mut(),
            Entry::Vacant(new) => new.insert(warehouse.begin(day, lane, before)?),
        };
        file.push(record)?;
        exported.clicks += 1;
    }
    for file in days.into_values() {
        file.finish()?;
        exported.files += 1;
    }
    Ok(())
}

/// How many clicks the lane had before this segment.
fn before(segment: &Segment) -> u64 {
    segment.header.claims.iter().sum()
}

/// How many clicks lie between what the warehouse has and the oldest the journal has. `None`: not one.
fn missed(shelved: &BTreeMap<u64, u64>, oldest: Option<u64>) -> Option<u64> {
    let oldest = oldest?;
    let (before, clicks) = shelved.range(..oldest).next_back()?;
    Some(oldest - (before + clicks).min(oldest)).filter(|missed| *missed > 0)
}

/// A bar on a terminal, nothing elsewhere.
fn progress(place: &str, segments: usize) -> ProgressBar {
    let look = ProgressStyle::with_template("{msg} {wide_bar} {pos}/{len} segments, {eta} left")
        .expect("a template that can be read");
    ProgressBar::new(segments as u64).with_style(look).with_message(place.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_left_the_journal_before_it_was_exported_is_told() {
        let shelved = BTreeMap::from([(0, 100), (100, 50), (250, 10)]);
        assert_eq!(missed(&shelved, Some(150)), None, "the next segment follows");
        assert_eq!(missed(&shelved, Some(200)), Some(50));
        assert_eq!(
            missed(&shelved, Some(250)),
            Some(100),
            "what is there of the oldest segment says nothing"
        );
        assert_eq!(missed(&shelved, Some(100)), None);
        assert_eq!(missed(&shelved, None), None, "nothing in the journal");
        assert_eq!(missed(&BTreeMap::new(), Some(500)), None, "a warehouse begins with what there is");
    }
}
