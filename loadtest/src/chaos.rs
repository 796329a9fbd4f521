//! Chaos: shoppers click at a steady rate while everything is killed, frozen and emptied at random moments; then the
//! house heals, drains, and is audited.
//!
//! What is done, and when, follows from the seed. Only processes that this run has started are ever touched.

pub mod house;
pub mod schedule;
pub mod strike;
pub mod watch;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use runtime::{Invalid, Problems, clock};
use serde::Serialize;
use tokio::signal::unix::{SignalKind, signal};

use self::house::House;
use self::schedule::{Act, Target, Wishes};
use self::strike::{Done, strike};
use self::watch::{Phases, Watch};
use crate::drive::choice::Choice;
use crate::drive::codes::Codes;
use crate::drive::engine::{self, Pace};
use crate::drive::log::LogWriter;
use crate::drive::number;
use crate::drive::plan::{Mix, Plan, Visitors};
use crate::drive::summary::{Figures, Percentiles};
use crate::outcome::{Failure, Outcome};
use crate::progress::Progress;
use crate::verify::findings::{Coverage, Findings};
use crate::verify::{self, Audit};

/// More than two cores redirect while they count.
const MAX_RATE: f64 = 100_000.0;
/// An hour.
const MAX_SECONDS: f64 = 3_600.0;
/// The edge knows them all before chaos begins, and a person waits for that.
const MAX_LINKS: u64 = 100_000;
/// Connections kept open.
const CONNECTIONS: usize = 64;
/// What codes begin with.
const PREFIX: &str = "c";
/// How long the books may take to be complete after the last blow.
const DRAIN_LIMIT: Duration = Duration::from_mins(2);
/// While Redis is frozen, 99 of 100 answers may take this many times as long as before.
const FROZEN_FACTOR: f64 = 2.0;
/// Between two looks at what is due.
const STEP: Duration = Duration::from_millis(5);

/// Drive a house of its own while killing, freezing and emptying what is behind the edge, and the edge.
#[derive(Debug, clap::Parser)]
pub struct Args {
    /// For how long
    #[arg(long, env = "LOADTEST_SECONDS", value_name = "N", default_value = "120")]
    seconds: String,

    /// Requests a second
    #[arg(long, env = "LOADTEST_RATE", value_name = "N", default_value = "5000")]
    rate: String,

    /// Time between two kills, on average
    #[arg(long, env = "LOADTEST_KILL_EVERY", value_name = "SECONDS", default_value = "2s")]
    kill_every: String,

    /// What everything follows from; printed, and random when not set
    #[arg(long, env = "LOADTEST_SEED", value_name = "N")]
    seed: Option<u64>,

    /// How many links
    #[arg(long, env = "LOADTEST_LINKS", value_name = "N", default_value_t = 1_000)]
    links: u64,

    /// Empty Redis this often
    #[arg(long, env = "LOADTEST_FLUSHALL_EVERY", value_name = "SECONDS")]
    flushall_every: Option<String>,

    /// Freeze Redis for so long, in the middle of the run
    #[arg(long, env = "LOADTEST_STOP_REDIS", value_name = "SECONDS")]
    stop_redis: Option<String>,

    /// What may be killed: redirector, redis, aggregator, postgres, or none
    #[arg(long, env = "LOADTEST_ONLY", value_name = "NAME", value_delimiter = ',')]
    only: Vec<String>,

    /// Leave the folder behind even if all is well
    #[arg(long, env = "LOADTEST_KEEP")]
    keep: bool,
}

/// Settings that were found good.
#[derive(Debug)]
struct Config {
    wishes: Wishes,
    rate: f64,
    seed: u64,
    codes: Codes,
    folder: Folder,
}

/// What becomes of the house's folder when all is well.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Folder {
    Removed,
    Kept,
}

impl Args {
    fn validate(self) -> Result<Config, Invalid> {
        let mut problems = Problems::of::<Self>();
        let span = |problems: &mut Problems, flag, text: &str| {
            let seconds = number(problems, flag, text.trim_end_matches('s'), MAX_SECONDS);
            seconds.map(Duration::from_secs_f64)
        };
        let length = span(&mut problems, "--seconds", &self.seconds);
        let kill_every = span(&mut problems, "--kill-every", &self.kill_every);
        let flushall_every = self.flushall_every.map(|text| span(&mut problems, "--flushall-every", &text));
        let stop_redis = self.stop_redis.map(|text| span(&mut problems, "--stop-redis", &text));
        if let (Some(length), Some(Some(stop))) = (length, stop_redis)
            && stop + Duration::from_secs(2) > length
        {
            problems.add("--stop-redis", "leaves no time before and after: give more --seconds");
        }
        let rate = number(&mut problems, "--rate", &self.rate, MAX_RATE);
        if self.links > MAX_LINKS {
            problems.add("--links", format!("cannot use {}: give at most {MAX_LINKS}", self.links));
        }
        let codes = problems.check("--links", Codes::numbered(PREFIX, self.links));
        let targets = problems.check("--only", targets(&self.only));
        let folder = if self.keep { Folder::Kept } else { Folder::Removed };
        problems.finish(|| {
            Some(Config {
                wishes: Wishes {
                    length: length?,
                    kill_every: kill_every?,
                    targets: targets?,
                    flushall_every: flushall_every.flatten(),
                    stop_redis: stop_redis.flatten(),
                },
                rate: rate?,
                seed: self.seed.unwrap_or_else(|| clock::now_us() % 1_000_000),
                codes: codes?,
                folder,
            })
        })
    }
}

fn targets(only: &[String]) -> Result<Vec<Target>, String> {
    match only.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => Ok(Target::ALL.to_vec()),
        ["none"] => Ok(Vec::new()),
        ref names => names
            .iter()
            .map(|name| Target::ALL.into_iter().find(|target| target.name() == *name).ok_or(name))
            .collect::<Result<_, _>>()
            .map_err(|name| format!("{name:?} is not redirector, redis, aggregator or postgres")),
    }
}

/// What is reported.
#[derive(Debug, Serialize)]
struct Report {
    seed: u64,
    rate: f64,
    seconds: f64,
    /// What was done, by kind.
    acts: BTreeMap<String, u64>,
    /// What could not be done: its target was just down.
    missed: u64,
    /// Requests without an answer, though no edge had just died.
    unexplained_failures: u64,
    /// From the death of an edge to the last request that failed for it.
    longest_outage_seconds: f64,
    /// Known links answered neither 302 nor 5xx.
    wrong_answers: u64,
    load: Figures,
    #[serde(flatten)]
    findings: Findings,
    heal_seconds: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    frozen: Option<Frozen>,
    #[serde(skip_serializing_if = "Option::is_none")]
    folder: Option<PathBuf>,
}

/// Latencies around the time that Redis was frozen.
#[derive(Debug, Serialize)]
struct Frozen {
    before: Percentiles,
    during: Percentiles,
    after: Percentiles,
    /// The 99th percentile within, as a multiple of the one before.
    p99_ratio: f64,
}

impl From<&Phases> for Frozen {
    fn from(phases: &Phases) -> Self {
        let (before, during) = (phases.before.percentiles(), phases.during.percentiles());
        let p99_ratio = during.p99_ms / before.p99_ms;
        Self { before, during, after: phases.after.percentiles(), p99_ratio }
    }
}

impl Report {
    fn passed(&self) -> bool {
        self.findings.passed(Coverage::Complete)
            && self.unexplained_failures == 0
            && self.wrong_answers == 0
            && self.load.untracked.is_empty()
            && self.frozen.as_ref().is_none_or(|frozen| frozen.p99_ratio <= FROZEN_FACTOR)
    }
}

/// Opens a house, breaks it, heals it, audits it. Passes if nothing was lost, doubled or answered wrongly.
pub async fn run(args: Args) -> Result<Outcome, Failure> {
    let config = args.validate()?;
    eprintln!("chaos: seed {}; run it again with --seed {0}", config.seed);
    let mut house = House::open().await?;
    eprintln!("chaos: a house of its own runs in {}", house.data().display());
    let outcome = within(&config, &mut house).await;
    let passed = outcome.as_ref().is_ok_and(Report::passed);
    let kept = (!passed || config.folder == Folder::Kept).then(|| house.keep());
    if let Some(folder) = &kept {
        eprintln!("chaos: journal, logs and databases are kept in {}", folder.display());
    }
    let report = Report { folder: kept, ..outcome? };
    Ok(Outcome::new(passed, &report)?)
}

async fn within(config: &Config, house: &mut House) -> anyhow::Result<Report> {
    let (count, mut code) = (config.codes.count(), Vec::new());
    let codes: Vec<String> = (0..count)
        .map(|position| {
            code.clear();
            config.codes.write(position, &mut code);
            String::from_utf8_lossy(&code).into_owned()
        })
        .collect();
    house.programme(&codes).await?;
    let visitors = Visitors::ByForwardedAddress;
    let choice = Choice::zipf(count, 1.0);
    let plan =
        Plan::new(config.seed, config.codes.clone(), choice, Mix::Realistic, visitors, "go.example.com");
    let log = house.data().join("responses.log");
    let Ride { watch, struck, missed } = ride(config, house, plan, &log).await?;

    eprintln!("chaos: healing");
    let begun = clock::monotonic();
    house.heal().await?;
    let heal_seconds = begun.elapsed().as_secs_f64();
    eprintln!("chaos: draining and auditing");
    let audit = Audit {
        logs: vec![log],
        database_url: house.database_url.clone(),
        journal: Some(house.journal()),
        drain_limit: DRAIN_LIMIT,
        coverage: Coverage::Complete,
    };
    let findings = audit.run().await?;
    eprintln!("{}", verify::table(&findings));
    let deaths: Vec<Duration> =
        struck.iter().filter(|(_, act)| *act == Act::Kill(Target::Redirector)).map(|(at, _)| *at).collect();
    let (unexplained_failures, longest) = watch.unexplained(&deaths);
    let mut acts = BTreeMap::new();
    for (_, act) in &struck {
        *acts.entry(act.name()).or_default() += 1;
    }
    Ok(Report {
        seed: config.seed,
        rate: config.rate,
        seconds: config.wishes.length.as_secs_f64(),
        acts,
        missed,
        unexplained_failures,
        longest_outage_seconds: longest.as_secs_f64(),
        wrong_answers: watch.wrong_answers,
        load: Figures::from(&watch.summary),
        findings,
        heal_seconds,
        frozen: watch.phases.as_ref().map(Frozen::from),
        folder: None,
    })
}

/// What came of a ride.
struct Ride {
    watch: Watch,
    /// What was done, and when.
    struck: Vec<(Duration, Act)>,
    missed: u64,
}

/// Drives in a thread of its own while it strikes.
async fn ride(config: &Config, house: &House, plan: Plan, log: &Path) -> anyhow::Result<Ride> {
    let (edge, begun) = (house.edge()?, clock::monotonic());
    let requests = (config.rate * config.wishes.length.as_secs_f64()).ceil() as u64;
    let pace = Pace { rate: config.rate, requests, connections: CONNECTIONS };
    let (stop, done) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let phases = schedule::long_freeze(&config.wishes).map(|(from, to)| Phases::around(from..to));
    let mut log = LogWriter::create(log)?;
    let driver = std::thread::Builder::new().name("driver".into()).spawn({
        let (stop, done) = (stop.clone(), done.clone());
        move || {
            let mut watch = Watch { phases, ..Watch::default() };
            engine::run(edge, &plan, pace, begun, &stop, &mut |exchange| {
                watch.note(exchange);
                done.store(watch.summary.requests, Ordering::Relaxed);
                log.write(&plan, exchange)
            })?;
            log.finish()?;
            anyhow::Ok(watch)
        }
    })?;
    let struck = strike_all(config, house, begun, &done, pace.requests, || driver.is_finished()).await;
    if struck.is_err() {
        stop.store(true, Ordering::Relaxed);
    }
    let watch =
        driver.join().map_err(|_| anyhow::anyhow!("the driver panicked"))?.context("the driver failed")?;
    let (struck, missed) = struck?;
    Ok(Ride { watch, struck, missed })
}

/// Does everything at its time, and waits until the driver is through.
async fn strike_all(
    config: &Config,
    house: &House,
    begun: Instant,
    done: &AtomicU64,
    requests: u64,
    finished: impl Fn() -> bool,
) -> anyhow::Result<(Vec<(Duration, Act)>, u64)> {
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    let mut progress = Progress::start("chaos", requests);
    let (mut struck, mut missed, mut note) = (Vec::new(), 0, String::new());
    let mut acts = schedule::acts(config.seed, &config.wishes).into_iter().peekable();
    while !finished() {
        while let Some((_, act)) = acts.next_if(|(at, _)| begun.elapsed() >= *at) {
            // The moment before: what follows from it comes after.
            let at = begun.elapsed();
            match strike(house, act).await {
                Done::Yes => struck.push((at, act)),
                Done::NothingThere => missed += 1,
            }
            note = format!("{} acts, last {}", struck.len(), act.name());
        }
        progress.at(done.load(Ordering::Relaxed), &note);
        tokio::select! {
            () = tokio::time::sleep(STEP) => {}
            _ = interrupt.recv() => anyhow::bail!("interrupted"),
            _ = terminate.recv() => anyhow::bail!("terminated"),
        }
    }
    Ok((struck, missed))
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;

    fn validate(arguments: &[&str]) -> Result<Config, Invalid> {
        Args::parse_from(std::iter::once("chaos").chain(arguments.iter().copied())).validate()
    }

    #[test]
    fn spans_may_have_their_unit() {
        let arguments = ["--seconds", "90", "--kill-every", "2s", "--only", "none", "--stop-redis", "60s"];
        let wishes = validate(&arguments).expect("valid").wishes;
        assert_eq!((wishes.length.as_secs(), wishes.kill_every.as_secs()), (90, 2));
        assert_eq!((wishes.targets.len(), wishes.stop_redis), (0, Some(Duration::from_mins(1))));
        let two = validate(&["--only", "redis,postgres"]).expect("valid").wishes.targets;
        assert_eq!(two, [Target::Redis, Target::Postgres]);
    }

    #[test]
    fn every_bad_setting_is_reported_at_once() {
        let wrong = ["--seconds", "10", "--kill-every", "often", "--rate", "-1", "--links", "0"];
        let also = ["--stop-redis", "10s", "--only", "console", "--flushall-every", "0"];
        let invalid = validate(&[&wrong[..], &also[..]].concat()).expect_err("six are wrong");
        assert_eq!(invalid.complaints.len(), 6, "{invalid}");
    }
}
