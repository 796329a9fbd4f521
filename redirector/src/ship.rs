//! Shipping: bringing the journal's records to Redis, on a thread of its own.
//!
//! Whatever happens to Redis is noticed here and nowhere else. A batch is sent until an answer comes; `apply` adds an
//! interval only where the bucket ends, so that lost, late and repeated calls change nothing. No position is kept on
//! disk: Redis is asked, and if it has lost everything, the oldest record that is kept comes first.

mod call;
mod lane;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use common::ids::Lane;
use common::ship::{Answer, Batch};
use futures_util::future::{FutureExt as _, LocalBoxFuture};
use futures_util::stream::{FuturesUnordered, StreamExt as _};
use metrics::{Counter, Histogram, counter, histogram};
use redis::RedisResult;
use runtime::clock;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use self::call::{PATIENCE, Place, Speech, Standing};
use self::lane::ShipLane;
use crate::journal::Journal;
use crate::store::{Connection, Store};

/// How often every lane is asked after, so that an emptied Redis is noticed by an idle lane.
const ASK_INTERVAL: Duration = Duration::from_millis(500);
/// Between attempts to reach Redis.
const RECONNECT_PAUSE: Duration = Duration::from_millis(250);
/// A cluster's connection finds its way around lost nodes by itself, but a node that hangs never says that another one
/// has taken over: after so many failures of one partition in a row, about the time of a failover, it is replaced.
const CLUSTER_FAILURES: u32 = 4;
/// How long the last records may take when the edge stops. What is left is shipped by whoever takes the lane next.
const DRAIN: Duration = Duration::from_secs(2);

/// What others may know of the shipper.
#[derive(Debug, Default)]
pub struct ShipState {
    /// Records that Redis has, by their claims.
    pub confirmed: AtomicU64,
    /// The time of the oldest record that Redis lacks, µs since 1970; 0 for none.
    pub oldest_us: AtomicU64,
}

/// Ships until `stop`, and then what is left, within [`DRAIN`].
pub async fn run(
    journal: Arc<Journal>,
    store: Store,
    interval: Duration,
    state: Arc<ShipState>,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    let mut shipper = Shipper {
        speech: Rc::new(Speech::new(journal.config.partitions)),
        journal,
        store,
        state,
        lanes: HashMap::new(),
        connection: None,
        connect_after: None,
        failures: 0,
        unanswered: 0,
        ask_after: None,
        batch: Batch::default(),
        flying: FuturesUnordered::new(),
        meters: Meters::new(),
    };
    let mut tick = tokio::time::interval(interval);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut deadline: Option<Instant> = None;
    loop {
        tokio::select! {
            Some(done) = shipper.flying.next() => shipper.finish(done)?,
            _ = tick.tick() => shipper.turn().await?,
            () = stop.cancelled(), if deadline.is_none() => deadline = Some(clock::monotonic() + DRAIN),
        }
        if deadline.is_some_and(|deadline| shipper.is_done() || clock::monotonic() > deadline) {
            info!(left = !shipper.is_done(), "the shipper stopped");
            return Ok(());
        }
    }
}

struct Shipper {
    journal: Arc<Journal>,
    store: Store,
    state: Arc<ShipState>,
    speech: Rc<Speech>,
    lanes: HashMap<Lane, ShipLane>,
    connection: Option<Connection>,
    connect_after: Option<Instant>,
    /// Calls in a row that failed, whoever they were for.
    failures: u32,
    /// Questions in a row that failed.
    unanswered: u32,
    ask_after: Option<Instant>,
    /// Used again for every call.
    batch: Batch,
    flying: FuturesUnordered<LocalBoxFuture<'static, Done>>,
    meters: Meters,
}

/// Something that was waited for.
enum Done {
    Applied { place: Place, sent: Instant, records: usize, outcome: RedisResult<Answer> },
    Asked { lane: Lane, turns: Vec<u64>, outcome: RedisResult<Vec<Standing>> },
}

impl Shipper {
    /// What is done every interval: look for new lanes and records, send what is due, ask now and then.
    async fn turn(&mut self) -> anyhow::Result<()> {
        if self.lanes.len() != self.journal.lane_count() {
            for log in self.journal.logs() {
                self.lanes.entry(log.lane).or_insert_with(|| ShipLane::new(log));
            }
        }
        self.connect().await;
        let now = clock::monotonic();
        let ask = self.ask_after.is_none_or(|at| now >= at);
        for lane in self.lanes.keys().copied().collect::<Vec<_>>() {
            self.lane(lane).fill()?;
            for partition in self.journal.config.partitions.iter() {
                self.send((lane, partition), now);
            }
            if ask {
                self.ask(lane);
            }
        }
        if ask {
            self.ask_after = Some(now + ASK_INTERVAL);
            let oldest = self.lanes.values().filter_map(ShipLane::oldest_us).min();
            self.state.oldest_us.store(oldest.unwrap_or(0), Ordering::Relaxed);
            self.meters.scanned.absolute(self.lanes.values().map(|lane| lane.scanned).sum());
        }
        self.state.confirmed.store(self.lanes.values().map(ShipLane::confirmed).sum(), Ordering::Relaxed);
        Ok(())
    }

    async fn connect(&mut self) {
        let now = clock::monotonic();
        if self.connection.is_some() || self.connect_after.is_some_and(|at| now < at) {
            return;
        }
        match self.store.connect(PATIENCE).await {
            Ok(connection) => {
                info!("the shipper is connected to Redis");
                self.connection = Some(connection);
                (self.failures, self.unanswered) = (0, 0);
                (self.ask_after, self.connect_after) = (None, None);
            }
            Err(error) => {
                if self.connect_after.is_none() {
                    warn!("the shipper cannot reach Redis; clicks are kept in the journal: {error}");
                }
                self.connect_after = Some(clock::monotonic() + RECONNECT_PAUSE);
                self.meters.unreachable.increment(1);
            }
        }
    }

    fn send(&mut self, place: Place, now: Instant) {
        let (Some(connection), (lane, partition)) = (&self.connection, place) else { return };
        let Some(lane) = self.lanes.get_mut(&lane) else { return };
        let Some(call) = lane.next_call(partition, now, &mut self.batch) else { return };
        let command = self.speech.command(&call, self.batch.sums());
        let mut connection = connection.clone();
        let apply = async move {
            let outcome = call::apply(&command, &mut connection).await;
            Done::Applied { place, sent: now, records: call.records, outcome }
        };
        self.flying.push(apply.boxed_local());
    }

    fn ask(&mut self, lane: Lane) {
        let Some(connection) = &self.connection else { return };
        let turns = self.lanes[&lane].parts.iter().map(|part| part.turn).collect();
        let (connection, speech) = (connection.clone(), self.speech.clone());
        let ask =
            async move { Done::Asked { lane, turns, outcome: speech.standings(lane, &connection).await } };
        self.flying.push(ask.boxed_local());
    }

    fn finish(&mut self, done: Done) -> anyhow::Result<()> {
        let now = clock::monotonic();
        match done {
            Done::Applied { place: (lane, partition), sent, records, outcome } => {
                self.meters.applied(&outcome, records, now - sent);
                match outcome {
                    Ok(answer) => {
                        if self.failures > 0 && !self.store.is_cluster() {
                            self.lanes.values_mut().for_each(|lane| lane.hurry(now));
                        }
                        self.failures = 0;
                        self.lane(lane).answered(partition, answer, now);
                        if self.lane(lane).is_pressed(partition) {
                            self.lane(lane).fill()?;
                            self.send((lane, partition), now);
                        }
                    }
                    Err(error) => {
                        let in_a_row = self.lane(lane).failed(partition, now);
                        self.doubt(&error, in_a_row);
                    }
                }
            }
            Done::Asked { lane, turns, outcome: Ok(standings) } => {
                self.unanswered = 0;
                for ((partition, turn), standing) in
                    self.journal.config.partitions.iter().zip(turns).zip(standings)
                {
                    self.lane(lane).log.set_durable(partition, standing.durable);
                    self.lane(lane).heard(partition, turn, standing.end);
                }
            }
            Done::Asked { outcome: Err(error), .. } => {
                self.unanswered += 1;
                self.doubt(&error, self.unanswered);
            }
        }
        Ok(())
    }

    /// After a failure the connection is replaced, unless Redis itself answered with the error. A cluster's is kept
    /// until the same thing has failed `in_a_row`, some times.
    fn doubt(&mut self, error: &redis::RedisError, in_a_row: u32) {
        self.failures += 1;
        if self.failures == 1 {
            warn!("Redis did not take a batch; it is sent again: {error}");
        }
        let answered = matches!(error.kind(), redis::ErrorKind::Server(_) | redis::ErrorKind::Extension);
        let patient = self.store.is_cluster() && !in_a_row.is_multiple_of(CLUSTER_FAILURES);
        if !answered && !patient {
            self.connection = None;
            self.connect_after.get_or_insert(clock::monotonic() + RECONNECT_PAUSE);
        }
    }

    fn is_done(&self) -> bool {
        self.lanes.values().all(ShipLane::is_shipped)
    }

    fn lane(&mut self, lane: Lane) -> &mut ShipLane {
        self.lanes.get_mut(&lane).expect("lanes are never given up")
    }
}

struct Meters {
    replies: HashMap<&'static str, Counter>,
    unreachable: Counter,
    records: Counter,
    scanned: Counter,
    batch: Histogram,
    seconds: Histogram,
}

impl Meters {
    fn new() -> Self {
        let kinds = ["ok", "stale", "missing", "timeout", "error"];
        Self {
            replies: kinds
                .map(|kind| (kind, counter!("redirector_ship_replies_total", "reply" => kind)))
                .into(),
            unreachable: counter!("redirector_ship_connect_failures_total"),
            records: counter!("redirector_shipped_records_total"),
            scanned: counter!("redirector_ship_scanned_records_total"),
            batch: histogram!("redirector_ship_batch_records"),
            seconds: histogram!("redirector_ship_call_seconds"),
        }
    }

    fn applied(&self, outcome: &RedisResult<Answer>, records: usize, took: Duration) {
        self.replies[call::name_of(outcome)].increment(1);
        self.seconds.record(took.as_secs_f64());
        if matches!(outcome, Ok(Answer::Counted(_))) {
            self.records.increment(records as u64);
            self.batch.record(records as f64);
        }
    }
}
