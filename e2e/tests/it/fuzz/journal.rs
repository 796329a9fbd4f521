//! A segment of a journal, as a crash, a full disk or a tired one leaves it.

use std::fs;
use std::path::Path;
use std::time::Duration;

use common::ids::{Lane, Partitions, Seq};
use common::wire::{Record, lane_folder, segment_file};
use redirector::journal::{Ack, Journal, JournalConfig, read_dir};
use runtime::clock;

const EDGE: u16 = 1;
/// Room for a thousand records: a file of the usual size takes longer to reserve than to read.
const SEGMENT: u64 = 64 * 1024;

/// It is read without a panic; cut short, it has the same records up to the cut; and a writer that takes the lane over
/// leaves every one of them where it is.
pub(crate) fn run(bytes: &[u8]) {
    let folder = tempfile::tempdir().expect("a folder");
    let lane = folder.path().join(lane_folder(Lane::new(EDGE, 0).expect("a lane")));
    fs::create_dir_all(&lane).expect("a folder");
    let segment = lane.join(segment_file(1));

    fs::write(&segment, &bytes[..bytes.len() * 2 / 3]).expect("a segment");
    let cut = records(folder.path());
    fs::write(&segment, bytes).expect("a segment");
    let whole = records(folder.path());
    assert!(whole.starts_with(&cut), "{} of {}", cut.len(), whole.len());
    assert!(whole.windows(2).all(|two| two[0].seq < two[1].seq), "each once, in order");

    // A segment of another number of partitions is refused, with everything left as it is.
    let opened = Journal::open(config(folder.path()), 1, clock::now_us() / 1_000_000);
    assert_eq!(records(folder.path()), whole, "taken over");
    if let Ok((_, writers)) = opened {
        let last = whole.last().map_or(Seq::ZERO, |record| record.seq);
        assert_eq!(writers[0].log.committed(), last, "a writer goes on behind the last");
    }
}

/// A small journal.
pub(crate) fn config(folder: &Path) -> JournalConfig {
    JournalConfig {
        dir: folder.to_owned(),
        edge: EDGE,
        partitions: Partitions::STANDALONE,
        segment_bytes: SEGMENT,
        sync_interval: Duration::from_secs(1),
        ack: Ack::Memory,
        retention: Duration::from_hours(1),
        max_bytes: 1 << 30,
    }
}

fn records(root: &Path) -> Vec<Record> {
    let mut records = Vec::new();
    let survey = read_dir(root, |_, record| records.push(*record)).expect("readable");
    assert_eq!(survey.records, records.len() as u64);
    records
}
