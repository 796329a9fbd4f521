//! Three edges, two aggregators, a Redis that fails over, a Postgres that is restored, and a network that lies.

use std::collections::{BTreeMap, BTreeSet};

use common::flush::{Verdict, Watermark, base_agrees, reset_to};
use common::ids::{Lane, Seq};
use common::ship::{Answer, Cursor};

use crate::model::{Bug, Postgres};
use crate::node::{Apply, Click, Node, Sealed};

const EDGES: usize = 3;
const AGGREGATORS: usize = 2;
const STEPS: usize = 1500;
/// Then, when everything has arrived, faults without clicks: what goes wrong on a quiet night must heal without a click.
const QUIET_STEPS: usize = 150;
/// How far behind a promoted replica may be, in writes; and how many Postgres backups are kept.
const REPLICA_LAG: usize = 30;
const BACKUPS: usize = 10;

/// What came out of a run.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    pub(crate) clicks: usize,
    pub(crate) lost: usize,
    pub(crate) doubled: usize,
    pub(crate) missing_in_sketch: usize,
    pub(crate) difference: i64,
    pub(crate) events: BTreeMap<&'static str, u32>,
}

impl Outcome {
    pub(crate) fn is_exact(&self) -> bool {
        self.lost == 0 && self.doubled == 0 && self.missing_in_sketch == 0 && self.difference == 0
    }

    pub(crate) fn add(&mut self, other: &Self) {
        self.clicks += other.clicks;
        for (what, times) in &other.events {
            *self.events.entry(what).or_default() += times;
        }
    }
}

/// `SplitMix64`: small, seedable, good enough to roll dice.
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, n: usize) -> usize {
        (self.next() % n as u64) as usize
    }

    fn chance(&mut self, percent: u64) -> bool {
        self.next() % 100 < percent
    }
}

#[derive(Debug)]
struct Record {
    seq: Seq,
    click: Click,
    /// The journal's running total with this record.
    claim: u64,
}

/// A lane: its journal survives a kill, its cursor does not.
#[derive(Debug)]
struct Edge {
    lane: Lane,
    epoch: u32,
    n: u32,
    claim: u64,
    journal: Vec<Record>,
    cursor: Cursor,
    durable: Option<Seq>,
}

#[derive(Debug, Default)]
enum Step {
    #[default]
    Seal,
    Commit(Side, Sealed),
    Clean(Side, u64, Verdict, BTreeMap<Lane, Watermark>),
}

/// Which of two primaries a client believes in during a split brain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    Primary,
    Deposed,
}

struct World {
    dice: Dice,
    bug: Bug,
    primary: Node,
    deposed: Option<Node>,
    replica_states: Vec<Node>,
    postgres: Postgres,
    backups: Vec<Postgres>,
    edges: Vec<Edge>,
    aggregators: Vec<Step>,
    network: Vec<(usize, Apply)>,
    next_id: u64,
    /// Clicks whose record was lost with the power before it was synced: nothing is promised of them.
    forgiven: BTreeSet<Click>,
    journalled: BTreeSet<Click>,
    events: BTreeMap<&'static str, u32>,
    /// Every other world: where the power never fails, the claims must add up too.
    power_fails: bool,
    power_was_lost: bool,
}

/// One run: faults and healing, twice, then the audit.
pub(crate) fn run(seed: u64, bug: Bug) -> Outcome {
    let mut world = World::new(seed, bug);
    for (steps, quiet) in [(STEPS, false), (QUIET_STEPS, true)] {
        for _ in 0..steps {
            world.step(quiet);
        }
        world.heal();
    }
    world.audit()
}

impl World {
    fn new(seed: u64, bug: Bug) -> Self {
        let edge = |i: usize| Edge {
            lane: Lane(i as u16),
            epoch: 1,
            n: 0,
            claim: 0,
            journal: Vec::new(),
            cursor: Cursor::Unknown,
            durable: None,
        };
        let events = [
            "counted",
            "ends_at",
            "missing",
            "applied",
            "duplicate",
            "conflict",
            "wrong_seal",
            "idle_reset",
            "edge_kill",
            "power_loss",
            "failover",
            "flushall",
            "restore",
        ];
        Self {
            dice: Dice(seed),
            bug,
            primary: Node::default(),
            deposed: None,
            replica_states: Vec::new(),
            postgres: Postgres::default(),
            backups: Vec::new(),
            edges: (0..EDGES).map(edge).collect(),
            aggregators: (0..AGGREGATORS).map(|_| Step::Seal).collect(),
            network: Vec::new(),
            next_id: 0,
            forgiven: BTreeSet::new(),
            journalled: BTreeSet::new(),
            events: events.map(|what| (what, 0)).into(),
            power_fails: seed % 2 == 1,
            power_was_lost: false,
        }
    }

    fn id(&mut self) -> u64 {
        self.next_id += 1;
        self.next_id
    }

    fn met(&mut self, what: &'static str) {
        *self.events.entry(what).or_default() += 1;
    }

    fn some_node(&mut self) -> Side {
        if self.deposed.is_some() && self.dice.chance(50) { Side::Deposed } else { Side::Primary }
    }

    fn node(&mut self, which: Side) -> &mut Node {
        match (which, &mut self.deposed) {
            (Side::Deposed, Some(node)) => node,
            _ => &mut self.primary,
        }
    }

    fn step(&mut self, quiet: bool) {
        let edge = self.dice.below(EDGES);
        match self.dice.below(1000) {
            0..350 if !quiet => self.click(edge),
            350..600 => {
                if self.dice.chance(15) {
                    self.poll(edge);
                }
                self.send(edge);
            }
            600..800 if !self.network.is_empty() => {
                let at = self.dice.below(self.network.len());
                let (edge, batch) = self.network.swap_remove(at);
                let reply_lost = self.dice.chance(10);
                self.deliver(edge, &batch, reply_lost);
            }
            800..920 => {
                let aggregator = self.dice.below(AGGREGATORS);
                self.flush_step(aggregator);
            }
            920..938 => self.kill(edge),
            938..940 if self.power_fails => self.lose_power(edge),
            940..970 => self.hear_durable(edge),
            970..978 if !self.replica_states.is_empty() && self.deposed.is_none() => {
                let behind = self.dice.below(self.replica_states.len());
                let promoted = self.replica_states[behind].clone();
                self.deposed = Some(std::mem::replace(&mut self.primary, promoted));
                self.met("failover");
            }
            978..988 => self.deposed = None,
            988..991 => {
                self.primary = Node::default();
                self.deposed = None;
                self.replica_states.clear();
                self.met("flushall");
            }
            991..993 if !self.backups.is_empty() => {
                let which = self.dice.below(self.backups.len());
                self.postgres = self.backups.swap_remove(which);
                self.backups.clear();
                self.met("restore");
            }
            _ => {}
        }
    }

    fn click(&mut self, edge: usize) {
        let click = self.id();
        self.journalled.insert(click);
        let edge = &mut self.edges[edge];
        edge.n += 1;
        edge.claim += 1;
        edge.journal.push(Record { seq: Seq::new(edge.epoch, edge.n), click, claim: edge.claim });
    }

    /// The idle question: where does the bucket end?
    fn poll(&mut self, edge: usize) {
        let lane = self.edges[edge].lane;
        let answer = self.primary.end.get(&lane).map_or(Answer::Missing, |end| Answer::EndsAt(*end));
        self.edges[edge].cursor = self.edges[edge].cursor.after(answer);
    }

    fn send(&mut self, at: usize) {
        let size = 1 + self.dice.below(20);
        let edge = &self.edges[at];
        let mut from = edge.cursor.from();
        if self.bug == Bug::RebasesAtDurable && edge.cursor.opens_lane() {
            from = edge.durable.unwrap_or_default();
        }
        let records: Vec<&Record> =
            edge.journal.iter().filter(|record| record.seq > from).take(size).collect();
        let Some(last) = records.last() else { return };
        let batch = Apply {
            lane: edge.lane,
            from,
            to: last.seq,
            opens_lane: edge.cursor.opens_lane(),
            claim: last.claim,
            clicks: records.iter().map(|record| record.click).collect(),
        };
        if self.dice.chance(5) {
            self.network.push((at, batch.clone())); // a client library that repeats
        }
        self.network.push((at, batch));
    }

    fn deliver(&mut self, edge: usize, batch: &Apply, reply_lost: bool) {
        let bug = self.bug;
        let which = self.some_node();
        if which == Side::Primary && self.dice.chance(20) {
            self.replica_states.push(self.primary.clone());
            let surplus = self.replica_states.len().saturating_sub(REPLICA_LAG);
            self.replica_states.drain(..surplus);
        }
        let node = self.node(which);
        let mut batch = batch.clone();
        if let (Bug::NoCompareAndSet, Some(end)) = (bug, node.end.get(&batch.lane)) {
            batch.from = *end; // whatever arrives is taken for what comes next
        }
        let answer = node.apply(&batch);
        self.met(match answer {
            Answer::Counted(_) => "counted",
            Answer::EndsAt(_) => "ends_at",
            Answer::Missing => "missing",
        });
        if !reply_lost {
            self.edges[edge].cursor = self.edges[edge].cursor.after(answer);
        }
    }

    fn flush_step(&mut self, at: usize) {
        let step = std::mem::take(&mut self.aggregators[at]);
        let next = match step {
            Step::Seal => self.seal(),
            Step::Commit(which, bucket) => self.commit(which, &bucket),
            Step::Clean(which, seal, verdict, watermark) => {
                self.clean(which, seal, &verdict, &watermark);
                Step::Seal
            }
        };
        let killed = self.dice.chance(5);
        self.aggregators[at] = if killed { Step::Seal } else { next };
    }

    fn seal(&mut self) -> Step {
        let id = self.id();
        let which = self.some_node();
        if let Some(bucket) = self.node(which).seal(id).cloned() {
            return Step::Commit(which, bucket);
        }
        let watermark = self.postgres.watermark.clone();
        let base = self.node(which).base.clone();
        if self.bug != Bug::NoIdleCheck && !base_agrees(&base, &watermark) {
            self.node(which).reset(&reset_to(base.into_keys(), &watermark));
            self.met("idle_reset");
        }
        Step::Seal
    }

    fn commit(&mut self, which: Side, bucket: &Sealed) -> Step {
        let bug = self.bug;
        // The sketches may be read from another node than the counts.
        let read_from = if self.dice.chance(50) { self.some_node() } else { which };
        if !self.node(read_from).holds(bucket.id) && bug != Bug::UnguardedSketchRead {
            self.met("wrong_seal");
            return Step::Seal;
        }
        let mut sketch = self.node(read_from).sketch.clone();
        sketch.retain(|click| bucket.counts.contains_key(click));
        if self.dice.chance(20) {
            self.backups.push(self.postgres.clone());
            let surplus = self.backups.len().saturating_sub(BACKUPS);
            self.backups.drain(..surplus);
        }
        let verdict = self.postgres.flush(bucket, sketch, bug);
        self.met(match verdict {
            Verdict::Apply(_) => "applied",
            Verdict::Duplicate => "duplicate",
            Verdict::Conflict => "conflict",
        });
        if self.dice.chance(10) {
            return Step::Seal; // the reply to COMMIT was lost
        }
        Step::Clean(which, bucket.id, verdict, self.postgres.watermark.clone())
    }

    fn clean(&mut self, which: Side, seal: u64, verdict: &Verdict, watermark: &BTreeMap<Lane, Watermark>) {
        let node = self.node(which);
        match verdict {
            Verdict::Conflict => {
                let seen: Vec<Lane> = node.end.keys().copied().collect();
                node.reset(&reset_to(seen, watermark));
            }
            Verdict::Apply(_) | Verdict::Duplicate => node.drop_sealed(seal, watermark),
        }
    }

    /// kill -9 and restart: the journal is whole, what was in memory is gone.
    fn kill(&mut self, edge: usize) {
        let bump = self.bug != Bug::EpochNotBumped;
        let edge = &mut self.edges[edge];
        edge.cursor = Cursor::Unknown;
        if bump {
            (edge.epoch, edge.n) = (edge.epoch + 1, 0);
        } else if let Some(last) = edge.journal.last() {
            edge.n = last.seq.n();
        }
        self.met("edge_kill");
    }

    /// The machine dies: records that were not yet synced are gone, though they may have been shipped.
    fn lose_power(&mut self, edge: usize) {
        let unsynced = self.dice.below(6);
        let journal = &mut self.edges[edge].journal;
        let gone = journal.split_off(journal.len().saturating_sub(unsynced));
        self.power_was_lost |= !gone.is_empty();
        self.forgiven.extend(gone.iter().map(|record| record.click));
        self.kill(edge);
        self.met("power_loss");
    }

    fn hear_durable(&mut self, edge: usize) {
        let retain = self.bug != Bug::NoRetention;
        let edge = &mut self.edges[edge];
        let heard = self.primary.durable.get(&edge.lane).copied();
        edge.durable = edge.durable.max(heard);
        if let (false, Some(durable)) = (retain, edge.durable) {
            edge.journal.retain(|record| record.seq > durable);
        }
    }

    /// No more faults: everything that is left must arrive.
    fn heal(&mut self) {
        self.deposed = None;
        self.network.clear();
        self.aggregators.iter_mut().for_each(|step| *step = Step::Seal);
        for _ in 0..400 {
            for edge in 0..EDGES {
                self.poll(edge);
                self.send(edge);
            }
            for (edge, batch) in std::mem::take(&mut self.network) {
                self.deliver(edge, &batch, false);
            }
            self.flush_step(0);
        }
    }

    fn audit(self) -> Outcome {
        let counts = &self.postgres.counts;
        let promised = self.journalled.difference(&self.forgiven);
        Outcome {
            clicks: self.journalled.len(),
            lost: promised.clone().filter(|click| !counts.contains_key(click)).count(),
            doubled: counts.values().filter(|n| **n > 1).count(),
            missing_in_sketch: promised.filter(|click| !self.postgres.sketch.contains(click)).count(),
            // A machine that lost its power may have lost records that are counted already: its claim is lower.
            difference: if self.power_was_lost { 0 } else { self.postgres.difference },
            events: self.events,
        }
    }
}
