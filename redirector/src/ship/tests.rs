//! The shipper's bookkeeping against a model of Redis, with everything that can go wrong on the way: calls that are
//! lost, delayed and repeated, a Redis that is emptied, set back or set to what Postgres has, an edge that restarts.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use common::ids::{LinkId, Partition, Partitions, Seq, VendorId};
use common::ship::{Answer, Batch, Call};
use common::traffic::{Browser, Channel, Country, Device, Os};
use common::wire::{HEADER_BYTES, Record, RecordFlags};
use proptest::prelude::*;

use super::lane::ShipLane;
use crate::journal::{Ack, Journal, JournalConfig, Writer};

const NOW_S: u64 = 1_795_132_800;
/// Longer than any pause the shipper makes.
const STEP: Duration = Duration::from_secs(30);

/// What Redis holds of one lane.
#[derive(Debug, Clone, Default)]
struct Model {
    parts: BTreeMap<u16, Bucket>,
}

#[derive(Debug, Clone)]
struct Bucket {
    end: Seq,
    base: Seq,
    claim: u64,
    counted: Vec<(Call, Vec<u64>)>,
}

impl Model {
    /// What `apply` does, without the sums.
    fn apply(&mut self, call: Call, links: Vec<u64>) -> Answer {
        let known = self.parts.get(&call.partition.0);
        match known {
            None if !call.opens_lane => return Answer::Missing,
            Some(bucket) if bucket.end != call.from => return Answer::EndsAt(bucket.end),
            _ => {}
        }
        let bucket = self.parts.entry(call.partition.0).or_insert_with(|| Bucket {
            end: call.from,
            base: call.from,
            claim: 0,
            counted: Vec::new(),
        });
        (bucket.end, bucket.claim) = (call.to, call.claim);
        bucket.counted.push((call, links));
        Answer::Counted(call.to)
    }
}

#[derive(Debug, Clone)]
enum Event {
    /// Clicks come in.
    Clicks(u8),
    /// The shipper has its turn and sends what is due.
    Send,
    /// The n-th call under way arrives; its answer comes back or is lost.
    Arrive { which: prop::sample::Index, answered: bool },
    /// The n-th call under way is given up by the shipper, but may still arrive.
    GiveUp(prop::sample::Index),
    /// Redis is asked where it ends.
    Ask,
    /// Redis is emptied.
    Flush,
    /// A replica that is behind takes over.
    Back(prop::sample::Index),
    /// Redis is set to what Postgres has.
    Reset(prop::sample::Index),
    /// The edge is killed and starts again.
    Restart,
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        6 => (1_u8..250).prop_map(Event::Clicks),
        8 => Just(Event::Send),
        16 => (any::<prop::sample::Index>(), prop::bool::weighted(0.8))
            .prop_map(|(which, answered)| Event::Arrive { which, answered }),
        2 => any::<prop::sample::Index>().prop_map(Event::GiveUp),
        3 => Just(Event::Ask),
        1 => Just(Event::Flush),
        1 => any::<prop::sample::Index>().prop_map(Event::Back),
        1 => any::<prop::sample::Index>().prop_map(Event::Reset),
        1 => Just(Event::Restart),
    ]
}

/// A call on its way, and what it adds.
#[derive(Debug, Clone)]
struct Flight {
    call: Call,
    links: Vec<u64>,
    /// Whether the shipper still waits for it.
    awaited: bool,
}

struct World {
    dir: tempfile::TempDir,
    held: Option<(Arc<Journal>, Writer, ShipLane)>,
    redis: Model,
    earlier: Vec<Model>,
    flights: Vec<Flight>,
    written: Vec<Record>,
    now: Instant,
}

fn open(dir: &Path) -> (Arc<Journal>, Writer, ShipLane) {
    let config = JournalConfig {
        dir: dir.to_owned(),
        edge: 3,
        partitions: Partitions::new(4).expect("a power of two"),
        segment_bytes: HEADER_BYTES as u64 + 64 * 64,
        sync_interval: Duration::from_millis(10),
        ack: Ack::Memory,
        retention: Duration::from_hours(48),
        max_bytes: u64::MAX,
    };
    let (journal, mut writers) = Journal::open(config, 1, NOW_S).expect("it opens");
    let writer = writers.remove(0);
    let lane = ShipLane::new(writer.log.clone());
    (journal, writer, lane)
}

impl World {
    fn new() -> Self {
        let dir = tempfile::tempdir().expect("a temp folder");
        let held = Some(open(dir.path()));
        let now = runtime::clock::monotonic();
        let (redis, earlier, flights, written) = Default::default();
        Self { dir, held, redis, earlier, flights, written, now }
    }

    fn held(&mut self) -> &mut (Arc<Journal>, Writer, ShipLane) {
        self.held.as_mut().expect("open between restarts")
    }

    fn happen(&mut self, event: &Event) {
        self.now += STEP;
        self.earlier.push(self.redis.clone());
        match event {
            Event::Clicks(n) => self.click(*n),
            Event::Send => self.send(),
            Event::Arrive { which, answered } => self.arrive(*which, *answered),
            Event::GiveUp(which) => self.give_up(*which),
            Event::Ask => self.ask(),
            Event::Flush => self.redis = Model::default(),
            Event::Back(which) => self.redis = which.get(&self.earlier).clone(),
            Event::Reset(which) => self.reset(*which),
            Event::Restart => {
                self.held = None;
                self.flights.iter_mut().for_each(|flight| flight.awaited = false);
                self.held = Some(open(self.dir.path()));
            }
        }
    }

    fn click(&mut self, n: u8) {
        for i in 0..u64::from(n) {
            let mut record = record(self.written.len() as u64 * 7 + i);
            let (journal, writer, _) = self.held();
            journal.keep_once();
            writer.append(&mut record).expect("there is room");
            self.written.push(record);
        }
    }

    fn send(&mut self) {
        let now = self.now;
        self.held().2.fill().expect("readable");
        for partition in Partitions::new(4).expect("a power of two").iter() {
            let mut batch = Batch::default();
            let Some(call) = self.held().2.next_call(partition, now, &mut batch) else { continue };
            let mut links = Vec::new();
            for (count, n) in &batch.sums().counts {
                if matches!(count, common::wire::Count::Human(..)) {
                    links.extend(std::iter::repeat_n(count.link().0, *n as usize));
                }
            }
            let upto = self.of(partition).filter(|record| record.seq <= call.to).count() as u64;
            assert_eq!(call.claim, upto, "the claim is the lane's total up to the call's end");
            self.flights.push(Flight { call, links, awaited: true });
        }
    }

    fn arrive(&mut self, which: prop::sample::Index, answered: bool) {
        if self.flights.is_empty() {
            return;
        }
        let flight = self.flights.swap_remove(which.index(self.flights.len()));
        let answer = self.redis.apply(flight.call, flight.links);
        let now = self.now;
        match (flight.awaited, answered) {
            (true, true) => self.held().2.answered(flight.call.partition, answer, now),
            (true, false) => _ = self.held().2.failed(flight.call.partition, now),
            (false, _) => {}
        }
    }

    fn give_up(&mut self, which: prop::sample::Index) {
        if self.flights.is_empty() {
            return;
        }
        let at = which.index(self.flights.len());
        if std::mem::replace(&mut self.flights[at].awaited, false) {
            let (partition, now) = (self.flights[at].call.partition, self.now);
            self.held().2.failed(partition, now);
        }
    }

    fn ask(&mut self) {
        for partition in Partitions::new(4).expect("a power of two").iter() {
            let end = self.redis.parts.get(&partition.0).map(|bucket| bucket.end);
            let lane = &mut self.held().2;
            let turn = lane.parts[usize::from(partition.0)].turn;
            lane.heard(partition, turn, end);
        }
    }

    /// To any record of each partition, as a restored Postgres would have it.
    fn reset(&mut self, which: prop::sample::Index) {
        for partition in Partitions::new(4).expect("a power of two").iter() {
            let ours: Vec<&Record> = self.of(partition).collect();
            let kept = which.index(ours.len() + 1);
            let end = kept.checked_sub(1).map_or(Seq::ZERO, |last| ours[last].seq);
            let bucket = Bucket { end, base: end, claim: kept as u64, counted: Vec::new() };
            self.redis.parts.insert(partition.0, bucket);
        }
    }

    fn of(&self, partition: Partition) -> impl Iterator<Item = &Record> {
        let partitions = Partitions::new(4).expect("a power of two");
        self.written.iter().filter(move |record| record.link.partition(partitions) == partition)
    }

    /// Nothing goes wrong any more: ship until all is shipped.
    fn heal(&mut self) {
        self.flights.clear();
        self.happen(&Event::Restart);
        for _ in 0..200 {
            self.happen(&Event::Ask);
            self.happen(&Event::Send);
            while !self.flights.is_empty() {
                self.arrive_first();
            }
            if self.held().2.is_shipped() {
                return;
            }
        }
        panic!("it is never done");
    }

    fn arrive_first(&mut self) {
        let flight = self.flights.remove(0);
        let (answer, now) = (self.redis.apply(flight.call, flight.links), self.now);
        self.held().2.answered(flight.call.partition, answer, now);
    }
}

fn record(n: u64) -> Record {
    Record {
        seq: Seq::ZERO,
        at_us: NOW_S * 1_000_000 + n,
        link: LinkId(n % 2_003 + 1), // more than a call has sketches for
        visitor: n + 1,
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

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn every_bucket_holds_exactly_the_records_of_its_interval(events in prop::collection::vec(event(), 1..80)) {
        let mut world = World::new();
        for event in &events {
            world.happen(event);
        }
        world.heal();
        prop_assert_eq!(world.held().2.confirmed(), world.written.len() as u64);
        for partition in Partitions::new(4).expect("a power of two").iter() {
            let Some(bucket) = world.redis.parts.get(&partition.0) else {
                prop_assert_eq!(world.of(partition).count(), 0);
                continue;
            };
            let mut expect: Vec<u64> =
                world.of(partition).filter(|r| r.seq > bucket.base).map(|record| record.link.0).collect();
            let mut counted: Vec<u64> = bucket.counted.iter().flat_map(|(_, links)| links.clone()).collect();
            expect.sort_unstable();
            counted.sort_unstable();
            prop_assert_eq!(counted, expect, "partition {}", partition.0);
            prop_assert_eq!(bucket.claim, world.of(partition).count() as u64, "the claim is a running total");
            for (call, links) in &bucket.counted {
                prop_assert_eq!(call.records, links.len());
            }
        }
    }
}

#[test]
fn an_emptied_redis_is_told_one_batch_and_then_asked() {
    let mut world = World::new();
    for _ in 0..80 {
        world.click(80);
    }
    world.heal();
    world.redis = Model::default();
    world.happen(&Event::Ask);
    world.happen(&Event::Send);
    world.now -= STEP;
    let first: Vec<Flight> = world.flights.drain(..).collect();
    assert!(first.iter().all(|flight| flight.call.opens_lane && flight.call.from == Seq::ZERO));
    for flight in first {
        let (answer, now) = (world.redis.apply(flight.call, flight.links), world.now);
        world.held().2.answered(flight.call.partition, answer, now);
    }
    let before = world.now;
    world.send();
    assert!(
        world.flights.is_empty(),
        "days of records are not sent while the aggregator may set Redis right"
    );
    world.reset_all_to_end();
    world.ask();
    world.now = before;
    world.click(4);
    world.send();
    assert!(world.flights.iter().all(|flight| !flight.call.opens_lane), "it goes on where Postgres ends");
    assert_eq!(world.flights.iter().map(|flight| flight.call.records).sum::<usize>(), 4);
}

#[test]
fn a_backlog_is_read_hardly_more_than_once() {
    let mut world = World::new();
    world.happen(&Event::Ask);
    let deliver = |world: &mut World, is_up: &dyn Fn(u16) -> bool| {
        world.happen(&Event::Send);
        for flight in std::mem::take(&mut world.flights) {
            let (partition, now) = (flight.call.partition, world.now);
            if is_up(partition.0) {
                let answer = world.redis.apply(flight.call, flight.links);
                world.held().2.answered(partition, answer, now);
            } else {
                world.held().2.failed(partition, now);
            }
        }
    };
    for _ in 0..160 {
        world.click(250);
        deliver(&mut world, &|_| false);
    }
    // One is answered a little earlier than the others.
    for _ in 0..5 {
        deliver(&mut world, &|partition| partition == 0);
    }
    while !world.held().2.is_shipped() {
        deliver(&mut world, &|_| true);
    }
    let (written, scanned) = (world.written.len() as u64, world.held().2.scanned);
    assert_eq!(world.held().2.confirmed(), written);
    assert!(scanned < written * 2, "{scanned} records read for {written}");
}

impl World {
    fn reset_all_to_end(&mut self) {
        for partition in Partitions::new(4).expect("a power of two").iter() {
            let claim = self.of(partition).count() as u64;
            let end = self.of(partition).last().map_or(Seq::ZERO, |record| record.seq);
            self.redis.parts.insert(partition.0, Bucket { end, base: end, claim, counted: Vec::new() });
        }
    }
}
