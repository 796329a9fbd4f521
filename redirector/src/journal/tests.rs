//! What the journal promises, on real files: kills, torn and damaged files, full disks, two processes.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::time::Duration;

use common::ids::{Lane, LinkId, Partition, Partitions, Seq, VendorId};
use common::traffic::{Browser, Channel, Country, Device, Os};
use common::wire::{HEADER_BYTES, RECORD_BYTES, Record, RecordFlags};
use proptest::prelude::*;

use super::*;

/// 64 records in a segment, so that a test fills many.
const SEGMENT: u64 = HEADER_BYTES as u64 + 64 * RECORD_BYTES as u64;
const NOW_S: u64 = 1_795_132_800;
const RETENTION: Duration = Duration::from_hours(48);

fn config(dir: &Path) -> JournalConfig {
    JournalConfig {
        dir: dir.to_owned(),
        edge: 3,
        partitions: Partitions::new(4).expect("a power of two"),
        segment_bytes: SEGMENT,
        sync_interval: Duration::from_millis(10),
        ack: Ack::Memory,
        retention: RETENTION,
        max_bytes: 64 * SEGMENT,
    }
}

fn open(dir: &Path) -> (Arc<Journal>, Writer) {
    let (journal, mut writers) = Journal::open(config(dir), 1, NOW_S).expect("it opens");
    (journal, writers.remove(0))
}

fn record(link: u64) -> Record {
    Record {
        seq: Seq::ZERO,
        at_us: NOW_S * 1_000_000 + link,
        link: LinkId(link),
        visitor: link * 31 + 1,
        source: 0,
        flags: RecordFlags::default(),
        device: Device::default(),
        browser: Browser::default(),
        os: Os::default(),
        channel: Channel::default(),
        prefix: 1,
        agent: 2,
        country: Country::default(),
        link_version: 3,
        vendor: VendorId(4),
    }
}

/// Appends `n` records, reserving segments as the keeper would.
fn append(journal: &Journal, writer: &mut Writer, n: u64) -> Vec<Record> {
    let written = (0..n).map(|i| {
        journal.prepare_spares();
        let mut record = record(i % 97 + 1);
        writer.append(&mut record).expect("there is room");
        record
    });
    written.collect()
}

fn records_in(dir: &Path) -> Vec<Record> {
    let mut records = Vec::new();
    read_dir(dir, |_, record| records.push(*record)).expect("readable");
    records
}

/// What a kill leaves: the files as the kernel has them, without the lock.
fn as_killed(dir: &Path) -> tempfile::TempDir {
    let copy = tempfile::tempdir().expect("a temp folder");
    let (from, to) = (dir.join("3/lane-00"), copy.path().join("3/lane-00"));
    std::fs::create_dir_all(&to).expect("writable");
    for entry in std::fs::read_dir(from).expect("readable").flatten() {
        std::fs::copy(entry.path(), to.join(entry.file_name())).expect("writable");
    }
    copy
}

fn claims_of(records: &[Record], upto: Seq) -> BTreeMap<u16, u64> {
    let mut claims = BTreeMap::new();
    for record in records.iter().filter(|record| record.seq <= upto) {
        *claims.entry(record.link.partition(config(Path::new("")).partitions).0).or_default() += 1;
    }
    claims
}

#[test]
fn a_kill_loses_nothing_and_a_seq_is_never_used_again() {
    let dir = tempfile::tempdir().expect("a temp folder");
    let (journal, mut writer) = open(dir.path());
    let mut all = append(&journal, &mut writer, 150);
    let mut folder = as_killed(dir.path());
    for _ in 0..4 {
        assert_eq!(records_in(folder.path()), all);
        let (journal, mut writer) = open(folder.path());
        assert_eq!(writer.log.committed(), all.last().expect("some").seq);
        assert_eq!(writer.log.claimed(), all.len() as u64);
        let more = append(&journal, &mut writer, 70);
        assert!(more[0].seq > all.last().expect("some").seq);
        all.extend(more);
        assert_eq!(writer.log.claimed(), all.len() as u64);
        folder = as_killed(folder.path());
    }
    assert!(all.is_sorted_by(|a, b| a.seq < b.seq && a.at_us <= b.at_us));
}

#[test]
fn an_epoch_is_past_the_stored_one_and_past_the_clock() {
    let dir = tempfile::tempdir().expect("a temp folder");
    let epoch = |now_s| {
        let (_, writers) = Journal::open(config(dir.path()), 1, now_s).expect("it opens");
        let text =
            std::fs::read_to_string(dir.path().join("3/lane-00/epoch")).expect("stored before any record");
        drop(writers);
        text.trim().parse::<u64>().expect("a number")
    };
    let first = epoch(NOW_S);
    assert_eq!(first, NOW_S - 1_704_067_200);
    assert_eq!(epoch(NOW_S), first + 1, "the same second");
    assert_eq!(epoch(NOW_S - 3600), first + 2, "the clock went back");
    assert_eq!(epoch(NOW_S + 3600), first + 3600);
}

#[test]
fn time_never_goes_back_in_a_lane() {
    let dir = tempfile::tempdir().expect("a temp folder");
    let (journal, mut writer) = open(dir.path());
    for (at_us, expect) in [(500, 500), (400, 500), (600, 600)] {
        let mut record = Record { at_us, ..record(1) };
        writer.append(&mut record).expect("there is room");
        assert_eq!(record.at_us, expect);
    }
    let killed = as_killed(dir.path());
    let (_journal, mut writer) = open(killed.path());
    let mut late = Record { at_us: 1, ..record(1) };
    writer.append(&mut late).expect("there is room");
    assert_eq!(late.at_us, 600);
    drop(journal);
}

#[test]
fn a_full_journal_says_so_and_goes_on_when_there_is_room_again() {
    let dir = tempfile::tempdir().expect("a temp folder");
    let limited = JournalConfig { max_bytes: 3 * SEGMENT, ..config(dir.path()) };
    let (journal, mut writers) = Journal::open(limited, 1, NOW_S).expect("it opens");
    let mut writer = writers.remove(0);
    let mut last = Seq::ZERO;
    let mut written = 0;
    loop {
        journal.prepare_spares();
        let mut record = record(5);
        if writer.append(&mut record).is_err() {
            break;
        }
        (last, written) = (record.seq, written + 1);
    }
    assert!((64..=3 * 64).contains(&written), "{written}");
    assert_eq!(journal.room(), Room::Red);
    let later = NOW_S * 1_000_000 + RETENTION.as_micros() as u64 + 1_000_000;
    journal.prune(later, &mut HashMap::default());
    assert_eq!(records_in(dir.path()).len(), written, "nothing is deleted before Postgres has it");
    for partition in journal.config.partitions.iter() {
        writer.log.set_durable(partition, last);
    }
    journal.prune(NOW_S * 1_000_000, &mut HashMap::default());
    assert_eq!(records_in(dir.path()).len(), written, "nor before its time");
    journal.prune(later, &mut HashMap::default());
    assert!(records_in(dir.path()).len() < written);
    journal.prepare_spares();
    let mut record = record(5);
    writer.append(&mut record).expect("room again");
    assert_eq!(
        (record.seq.0, writer.log.claimed()),
        (last.0 + 1, written as u64 + 1),
        "claims outlive segments"
    );
}

#[test]
fn one_partition_that_is_not_durable_keeps_a_segment() {
    let dir = tempfile::tempdir().expect("a temp folder");
    let (journal, mut writer) = open(dir.path());
    let written = append(&journal, &mut writer, 200);
    let later = NOW_S * 1_000_000 + RETENTION.as_micros() as u64 + 1_000_000;
    let [most @ .., behind] = &[0, 1, 2, 3].map(Partition);
    for partition in most {
        writer.log.set_durable(*partition, written[199].seq);
    }
    writer.log.set_durable(*behind, written[50].seq);
    journal.prune(later, &mut HashMap::default());
    assert_eq!(records_in(dir.path()), written);
}

#[test]
fn a_distrusted_segment_is_left_without_losing_the_count() {
    let dir = tempfile::tempdir().expect("a temp folder");
    let (journal, mut writer) = open(dir.path());
    let mut written = append(&journal, &mut writer, 10);
    writer.log.distrusted.store(true, std::sync::atomic::Ordering::Relaxed);
    written.extend(append(&journal, &mut writer, 10));
    assert_eq!(writer.log.segments.read().len(), 2);
    assert_eq!(records_in(dir.path()), written);
    let mut seen = Vec::new();
    writer.log.scan(Seq::ZERO, 100, |record| seen.push(*record)).expect("readable");
    assert_eq!(seen, written);
}

#[test]
fn two_processes_share_a_folder_and_the_second_adopts_what_the_first_leaves() {
    let dir = tempfile::tempdir().expect("a temp folder");
    let (first, mut one) = open(dir.path());
    let (second, two) = open(dir.path());
    assert_ne!(one.log.lane, two.log.lane);
    let written = append(&first, &mut one, 100);
    second.adopt();
    assert_eq!(second.lane_count(), 1, "a held lane is left alone");
    let lane = one.log.lane;
    drop((first, one));
    second.adopt();
    let adopted = second.logs().into_iter().find(|log| log.lane == lane).expect("adopted");
    let mut seen = Vec::new();
    adopted.scan(Seq::ZERO, 1000, |record| seen.push(*record)).expect("readable");
    assert_eq!((seen, adopted.claimed()), (written, 100));
}

#[test]
fn leftover_spares_are_used_and_folders_are_private() {
    use std::os::unix::fs::PermissionsExt as _;
    let dir = tempfile::tempdir().expect("a temp folder");
    let lane = dir.path().join("3/lane-00");
    let files = || folder::segment_files(&lane).expect("readable").len();
    drop(open(dir.path()));
    let (before, (journal, mut writer)) = (files(), open(dir.path()));
    assert_eq!((before, files()), (SPARES, SPARES));
    append(&journal, &mut writer, 1);
    assert_eq!(std::fs::metadata(&lane).expect("there").permissions().mode() & 0o777, 0o700);
    for (_, path) in folder::segment_files(&lane).expect("readable") {
        assert_eq!(std::fs::metadata(path).expect("there").permissions().mode() & 0o777, 0o600);
    }
}

#[test]
fn another_number_of_partitions_is_refused() {
    let dir = tempfile::tempdir().expect("a temp folder");
    let (journal, mut writer) = open(dir.path());
    append(&journal, &mut writer, 1);
    drop((journal, writer));
    let other = JournalConfig { partitions: Partitions::STANDALONE, ..config(dir.path()) };
    let error = Journal::open(other, 1, NOW_S).expect_err("the claims are for four");
    assert!(format!("{error:#}").contains("written for 4 partitions"), "{error:#}");
}

#[tokio::test]
async fn waiting_for_the_disk_ends_with_the_next_sync() {
    let dir = tempfile::tempdir().expect("a temp folder");
    let (journal, mut writer) = open(dir.path());
    let written = append(&journal, &mut writer, 70);
    let (log, last) = (writer.log.clone(), written[69].seq);
    let soon = tokio::time::timeout(Duration::from_millis(50), log.wait_synced(last)).await;
    assert!(soon.is_err(), "nothing was synced yet");
    journal.sync();
    log.wait_synced(last).await.expect("the disk has it");
}

/// A way in which a file comes to harm.
#[derive(Debug, Clone, Copy)]
enum Harm {
    Flip { bit: u8 },
    Cut,
    Zero,
}

fn harm() -> impl Strategy<Value = Harm> {
    prop_oneof![(0_u8..8).prop_map(|bit| Harm::Flip { bit }), Just(Harm::Cut), Just(Harm::Zero)]
}

fn inflict(path: &Path, at: usize, harm: Harm) {
    let mut bytes = std::fs::read(path).expect("readable");
    match harm {
        Harm::Flip { bit } => bytes[at] ^= 1 << bit,
        Harm::Cut => bytes.truncate(at),
        Harm::Zero => bytes[at..].fill(0),
    }
    std::fs::write(path, bytes).expect("writable");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn harm_loses_no_more_than_it_hits_and_never_invents(
        records in 1_u64..300,
        place in 0.0..1.0_f64,
        segment in 0.0..1.0_f64,
        harm in harm(),
    ) {
        let dir = tempfile::tempdir().expect("a temp folder");
        let (journal, mut writer) = open(dir.path());
        let written = append(&journal, &mut writer, records);
        let killed = as_killed(dir.path());
        let lane = killed.path().join("3/lane-00");
        let files = folder::segment_files(&lane).expect("readable");
        let segments = written.len().div_ceil(64);
        let hit = (segment * segments as f64) as usize;
        let at = (place * SEGMENT as f64) as usize;
        inflict(&files[hit].1, at, harm);

        let survived = records_in(killed.path());
        let (from, until) = (hit * 64, ((hit + 1) * 64).min(written.len()));
        let first_hit = (from + at.saturating_sub(HEADER_BYTES) / RECORD_BYTES).clamp(from, until);
        let (safe, safe_again) = match harm {
            _ if at < HEADER_BYTES => (from, until),
            Harm::Flip { .. } => (first_hit, (first_hit + 1).min(until)),
            Harm::Cut | Harm::Zero => (first_hit, until),
        };
        prop_assert!(survived.iter().all(|record| written.contains(record)), "invented");
        for record in written[..safe].iter().chain(&written[safe_again..]) {
            prop_assert!(survived.contains(record), "lost {:?}", record.seq);
        }

        let (journal, mut writer) = open(killed.path());
        let mut shipped = Vec::new();
        writer.log.scan(Seq::ZERO, u32::MAX, |record| shipped.push(*record)).expect("readable");
        prop_assert_eq!(&shipped, &survived, "the shipper sees what an audit sees");
        let more = append(&journal, &mut writer, 70);
        prop_assert!(more[0].seq > written[written.len() - 1].seq);
        let killed = as_killed(killed.path());
        let all: Vec<Record> = survived.into_iter().chain(more).collect();
        prop_assert_eq!(records_in(killed.path()), all);
    }

    #[test]
    fn scans_and_claims_are_what_reading_everything_gives(
        openings in prop::collection::vec(1_u64..150, 1..4),
        after in 0.0..1.1_f64,
        limit in 1_u32..400,
    ) {
        let dir = tempfile::tempdir().expect("a temp folder");
        let mut all = Vec::new();
        let mut held = None;
        for n in openings {
            drop(held.take());
            let (journal, mut writer) = open(dir.path());
            all.extend(append(&journal, &mut writer, n));
            held = Some((journal, writer));
        }
        let (_, writer) = held.expect("one opening at least");
        let place = (after * all.len() as f64) as usize;
        let after = all.get(place).map_or(Seq(all[all.len() - 1].seq.0 + 5), |record| record.seq);
        let mut seen = Vec::new();
        let scanned = writer.log.scan(after, limit, |record| seen.push(*record)).expect("readable");
        let expect: Vec<Record> = all.iter().filter(|r| r.seq > after).take(limit as usize).copied().collect();
        prop_assert_eq!(scanned.upto, expect.last().map_or(after, |record| record.seq));
        prop_assert_eq!(seen, expect);

        let partitions = writer.log.partitions;
        let points: Vec<(Partition, Seq)> =
            partitions.iter().flat_map(|p| [(p, Seq::ZERO), (p, after), (p, Seq(u64::MAX >> 1))]).collect();
        let claims = writer.log.claims_at(&points).expect("readable");
        for ((partition, seq), claim) in points.into_iter().zip(claims) {
            prop_assert_eq!(claim, claims_of(&all, seq).get(&partition.0).copied().unwrap_or(0), "{:?} {}", partition, seq);
        }
    }

    #[test]
    fn any_bytes_at_all_are_read_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..9_000)) {
        let dir = tempfile::tempdir().expect("a temp folder");
        let lane = Folder::path_of(dir.path(), Lane::new(3, 0).expect("a lane"));
        std::fs::create_dir_all(&lane).expect("writable");
        std::fs::write(lane.join("000000000001.seg"), &bytes).expect("writable");
        prop_assert_eq!(records_in(dir.path()), Vec::new());
        let (_journal, writer) = open(dir.path());
        prop_assert_eq!(writer.log.claimed(), 0);
    }
}
