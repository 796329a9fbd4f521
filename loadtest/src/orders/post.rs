//! Posting: everything, several times, in any order, by many at once, until each report is taken.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use runtime::clock;
use serde::Serialize;
use serde_json::Value;

use super::chance::Chance;
use super::client::Client;
use super::make::Maker;
use super::world::vendor_key;

/// Events of one batch, as the API allows.
const MOST: u64 = 500;
/// Bytes of one batch: below the API's megabyte.
const MOST_BYTES: usize = 900 << 10;
/// Calls of all sizes: of a hundred, so many are a single report, and so many more a small batch.
const SINGLES_PERCENT: u64 = 25;
const SMALL_PERCENT: u64 = 45;
/// Events of a small batch.
const SMALL: u64 = 20;
/// A killed console is back within this many tries: two minutes.
const TRIES: u32 = 1_200;
/// Between two tries.
const PAUSE: Duration = Duration::from_millis(100);

/// What there is to post.
pub(super) struct Mail {
    /// Reports as JSON, by key.
    reports: BTreeMap<u32, Vec<Box<str>>>,
    /// Which of them go in one call, in the order the calls are made.
    calls: Vec<Call>,
    bearers: BTreeMap<u32, String>,
}

/// One call: a key and positions among its reports.
struct Call {
    key: u32,
    reports: Vec<u32>,
}

/// What became of it.
#[derive(Debug, Default, Clone, Serialize)]
pub(super) struct Tally {
    /// Calls that were answered.
    pub(super) calls: u64,
    /// Events that were taken, repetitions included.
    pub(super) posts: u64,
    pub(super) accepted: u64,
    pub(super) duplicates: u64,
    pub(super) parked: u64,
    /// Calls that were made again: nobody answered, or the answer was 5xx.
    pub(super) retries: u64,
    /// Answers that a good report never gets, such as 409.
    pub(super) refused: u64,
    pub(super) refusals: Vec<String>,
}

impl Mail {
    /// Writes all reports, and puts so many copies of each in a random order.
    pub(super) fn write(maker: &Maker<'_>, orders: u64, copies: u64) -> Self {
        let mut reports = BTreeMap::<u32, Vec<Box<str>>>::new();
        for number in 0..orders {
            for report in maker.make(number).reports {
                reports.entry(report.key()).or_default().push(report.json().to_string().into());
            }
        }
        let mut chance = Chance::of(maker.seed, "mail", 0);
        let mut calls = Vec::new();
        for (key, of_key) in &reports {
            let all = 0..of_key.len() as u32;
            let mut order: Vec<u32> = (0..copies).flat_map(|_| all.clone()).collect();
            shuffle(&mut order, &mut chance);
            cut(*key, &order, of_key, &mut chance, &mut calls);
        }
        shuffle(&mut calls, &mut chance);
        let bearers = reports.keys().map(|key| (*key, vendor_key(maker.seed, *key))).collect();
        Self { reports, calls, bearers }
    }

    /// Calls to make.
    pub(super) fn calls(&self) -> usize {
        self.calls.len()
    }

    /// Posts it all with so many at once, not before `at_least` is over. `done` counts calls.
    pub(super) fn post(
        &self,
        console: SocketAddr,
        posters: usize,
        at_least: Duration,
        done: &AtomicUsize,
    ) -> anyhow::Result<Tally> {
        let (next, begun) = (AtomicUsize::new(0), clock::monotonic());
        let poster = || -> anyhow::Result<Tally> {
            let (mut client, mut tally) = (Client::of(console), Tally::default());
            while let Some(call) = self.calls.get(next.fetch_add(1, Ordering::Relaxed)) {
                pace(begun, at_least, done.load(Ordering::Relaxed), self.calls.len());
                self.make(call, &mut client, &mut tally)?;
                done.fetch_add(1, Ordering::Relaxed);
            }
            Ok(tally)
        };
        std::thread::scope(|scope| {
            let posters: Vec<_> = (0..posters).map(|_| scope.spawn(poster)).collect();
            let mut all = Tally::default();
            for poster in posters {
                let tally = poster.join().map_err(|_| anyhow::anyhow!("a poster panicked"))??;
                all.add(tally);
            }
            Ok(all)
        })
    }

    fn make(&self, call: &Call, client: &mut Client, tally: &mut Tally) -> anyhow::Result<()> {
        let reports = &self.reports[&call.key];
        let texts = call.reports.iter().map(|at| &*reports[*at as usize]);
        let (path, body) = match call.reports[..] {
            [at] => ("/v1/orders", reports[at as usize].to_string()),
            _ => ("/v1/orders/batch", format!("{{\"events\":[{}]}}", texts.collect::<Vec<_>>().join(","))),
        };
        let request = format!(
            "POST {path} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {}\r\n\
             content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            self.bearers[&call.key],
            body.len()
        );
        for _ in 0..TRIES {
            match client.send(request.as_bytes()) {
                Ok(answer) if answer.status < 300 => {
                    tally.calls += 1;
                    return tally.note(&answer.body, call.reports.len());
                }
                Ok(answer) if answer.status < 500 && answer.status != 429 => {
                    tally.calls += 1;
                    tally.refuse(&format!("{}: {}", answer.status, String::from_utf8_lossy(&answer.body)));
                    return Ok(());
                }
                Ok(_) | Err(_) => {
                    tally.retries += 1;
                    std::thread::sleep(PAUSE);
                }
            }
        }
        anyhow::bail!("the console did not take a call in {TRIES} tries")
    }
}

/// Cuts a key's reports into calls of any size.
fn cut(key: u32, order: &[u32], reports: &[Box<str>], chance: &mut Chance, calls: &mut Vec<Call>) {
    let mut rest = order;
    while !rest.is_empty() {
        let wanted = match chance.below(100) {
            0..SINGLES_PERCENT => 1,
            size if size < SINGLES_PERCENT + SMALL_PERCENT => chance.within(2..=SMALL),
            _ => chance.within(2..=MOST),
        };
        let mut bytes = 0;
        let fits = |at: &&u32| {
            bytes += reports[**at as usize].len() + 1;
            bytes <= MOST_BYTES
        };
        let count = rest.iter().take(wanted as usize).take_while(fits).count().max(1);
        let (call, after) = rest.split_at(count);
        calls.push(Call { key, reports: call.to_vec() });
        rest = after;
    }
}

fn shuffle<T>(all: &mut [T], chance: &mut Chance) {
    for at in (1..all.len()).rev() {
        all.swap(at, chance.below(at as u64 + 1) as usize);
    }
}

/// Waits until it is this call's turn.
fn pace(begun: Instant, at_least: Duration, done: usize, all: usize) {
    let due = at_least.mul_f64(done as f64 / all.max(1) as f64);
    std::thread::sleep(due.saturating_sub(begun.elapsed()));
}

impl Tally {
    /// Notes an answer: one outcome, or one for each event.
    fn note(&mut self, body: &[u8], events: usize) -> anyhow::Result<()> {
        let answer: Value = serde_json::from_slice(body).context("the console does not speak JSON")?;
        let outcomes = match answer["data"].as_array() {
            Some(data) => data.iter().collect(),
            None => vec![&answer],
        };
        ensure!(outcomes.len() == events, "{} outcomes for {events} events", outcomes.len());
        for outcome in outcomes {
            match outcome["outcome"].as_str() {
                Some("accepted") => self.accepted += 1,
                Some("duplicate") => self.duplicates += 1,
                Some("parked") => self.parked += 1,
                _ => {
                    self.refuse(&outcome.to_string());
                    continue;
                }
            }
            self.posts += 1;
        }
        Ok(())
    }

    fn refuse(&mut self, words: &str) {
        self.refused += 1;
        if self.refusals.len() < 5 {
            self.refusals.push(words.chars().take(500).collect());
        }
    }

    fn add(&mut self, other: Self) {
        self.calls += other.calls;
        self.posts += other.posts;
        self.accepted += other.accepted;
        self.duplicates += other.duplicates;
        self.parked += other.parked;
        self.retries += other.retries;
        self.refused += other.refused;
        self.refusals.extend(other.refusals);
        self.refusals.truncate(5);
    }
}
