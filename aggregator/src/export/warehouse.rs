//! The folder of a warehouse: a folder for each day, a file for each segment in it. A file appears whole, or not.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use common::ids::Lane;
use common::time::Day;
use common::wire::Record;
use parquet::file::reader::{FileReader as _, SerializedFileReader};

use super::rows::Rows;

const DAY: &str = "day=";
const SUFFIX: &str = ".parquet";
/// Behind the name of a file that is not whole yet: readers look for [`SUFFIX`].
const UNFINISHED: &str = ".part";

/// Where the files are.
#[derive(Debug)]
pub(super) struct Warehouse {
    folder: PathBuf,
}

impl Warehouse {
    /// Makes the folder if there is none.
    pub(super) fn open(folder: &Path) -> anyhow::Result<Self> {
        fs::create_dir_all(folder).with_context(|| format!("cannot make the folder {}", folder.display()))?;
        Ok(Self { folder: folder.to_owned() })
    }

    /// What it has of a lane: for each segment, named by the clicks before it, how many clicks.
    pub(super) fn shelved(&self, lane: Lane) -> anyhow::Result<BTreeMap<u64, u64>> {
        let cannot_read = || format!("cannot read the folder {}", self.folder.display());
        let mut shelved = BTreeMap::new();
        for day in fs::read_dir(&self.folder).with_context(cannot_read)? {
            let day = day.with_context(cannot_read)?;
            if !day.file_name().to_str().is_some_and(|name| name.starts_with(DAY)) {
                continue;
            }
            for file in fs::read_dir(day.path()).with_context(cannot_read)? {
                let file = file.with_context(cannot_read)?;
                let Some(before) = file.file_name().to_str().and_then(|name| before(lane, name)) else {
                    continue;
                };
                // A file that cannot be read counts for nothing, and is written again.
                *shelved.entry(before).or_default() += rows(&file.path()).unwrap_or_default();
            }
        }
        Ok(shelved)
    }

    /// Begins the file of a segment's clicks on one day.
    pub(super) fn begin(&self, day: Day, lane: Lane, before: u64) -> anyhow::Result<DayFile> {
        let folder = self.folder.join(format!("{DAY}{}", day.date()));
        fs::create_dir_all(&folder)
            .with_context(|| format!("cannot make the folder {}", folder.display()))?;
        let path = folder.join(file_name(lane, before));
        let unfinished = path.with_extension(format!("parquet{UNFINISHED}"));
        let file =
            File::create(&unfinished).with_context(|| format!("cannot write {}", unfinished.display()))?;
        Ok(DayFile { rows: Rows::begin(lane, file)?, unfinished, path })
    }
}

/// A file that is being written.
pub(super) struct DayFile {
    rows: Rows,
    unfinished: PathBuf,
    path: PathBuf,
}

impl DayFile {
    /// Adds one click.
    pub(super) fn push(&mut self, record: Record) -> anyhow::Result<()> {
        self.rows.push(record).with_context(|| format!("cannot write {}", self.unfinished.display()))
    }

    /// Forces it to disk and puts it where it belongs, in place of what was there.
    pub(super) fn finish(self) -> anyhow::Result<()> {
        let cannot_write = || format!("cannot write {}", self.path.display());
        self.rows.finish().with_context(cannot_write)?.sync_all().with_context(cannot_write)?;
        fs::rename(&self.unfinished, &self.path).with_context(cannot_write)
    }
}

/// `edge-3-lane-07-000000012345.parquet`: names sort by age within a lane.
fn file_name(lane: Lane, before: u64) -> String {
    format!("{}{before:012}{SUFFIX}", prefix(lane))
}

/// The clicks before the segment that a file of this lane is named after.
fn before(lane: Lane, file: &str) -> Option<u64> {
    file.strip_prefix(&prefix(lane))?.strip_suffix(SUFFIX)?.parse().ok()
}

fn prefix(lane: Lane) -> String {
    format!("edge-{}-lane-{:02}-", lane.edge(), lane.slot())
}

fn rows(path: &Path) -> anyhow::Result<u64> {
    let rows = SerializedFileReader::new(File::open(path)?)?.metadata().file_metadata().num_rows();
    Ok(rows.try_into()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_say_whose_they_are_and_come_back() {
        let lane = Lane::new(3, 7).expect("a lane");
        assert_eq!(file_name(lane, 12_345), "edge-3-lane-07-000000012345.parquet");
        assert_eq!(before(lane, "edge-3-lane-07-000000012345.parquet"), Some(12_345));
        for other in
            ["edge-3-lane-08-000000012345.parquet", "edge-3-lane-07-000000012345.parquet.part", "_SUCCESS"]
        {
            assert_eq!(before(lane, other), None, "{other}");
        }
    }
}
