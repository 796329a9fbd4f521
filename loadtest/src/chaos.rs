//! Chaos: shoppers click at a steady rate while everything is killed, frozen and emptied at random moments; then the
//! house heals, drains, and is audited.
//!
//! What is done, and when, follows from the seed. Only processes that this run has started are ever touched.

pub mod house;
pub mod points;
mod report;
pub mod schedule;
pub(crate) mod settings;
pub mod strike;
pub mod watch;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use runtime::clock;
use tokio::signal::unix::{SignalKind, signal};

use self::house::House;
use self::report::{Frozen, Report};
use self::schedule::{Act, Target};
use self::settings::{Config, Folder};
use self::strike::{Done, strike};
use self::watch::{Phases, Watch};
use crate::drive::choice::Choice;
use crate::drive::engine::{self, Pace};
use crate::drive::log::LogWriter;
use crate::drive::plan::{Mix, Plan, Visitors};
use crate::drive::summary::Figures;
use crate::outcome::{Failure, Outcome};
use crate::progress::Progress;
use crate::verify::findings::Coverage;
use crate::verify::{self, Audit};

pub use self::settings::Args;

/// Connections kept open.
const CONNECTIONS: usize = 64;
/// How long the books may take to be complete after the last blow.
const DRAIN_LIMIT: Duration = Duration::from_mins(2);
/// Between two looks at what is due.
const STEP: Duration = Duration::from_millis(5);

/// Opens a house, breaks it, heals it, audits it. Passes if nothing was lost, doubled or answered wrongly.
pub async fn run(args: Args) -> Result<Outcome, Failure> {
    let config = args.validate()?;
    eprintln!("chaos: seed {}; run it again with --seed {0}", config.seed);
    let report = tokio::select! {
        report = in_a_house(&config) => report?,
        told = told_to_stop() => return Err(told.err().unwrap_or_else(|| anyhow!("told to stop")).into()),
    };
    Ok(Outcome::new(report.passed(), &report)?)
}

/// SIGINT or SIGTERM: the house is stopped before this process ends.
pub(crate) async fn told_to_stop() -> anyhow::Result<()> {
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    Ok(())
}

async fn in_a_house(config: &Config) -> anyhow::Result<Report> {
    // Points are passed once a flush: more of them, more passes.
    let settings = [("AGGREGATOR_FLUSH_INTERVAL", "500ms")];
    let mut house = House::open_with(if config.wishes.points.is_empty() { &[] } else { &settings }).await?;
    eprintln!("chaos: a house of its own runs in {}", house.data().display());
    let outcome = within(config, &mut house).await;
    let passed = outcome.as_ref().is_ok_and(Report::passed);
    let kept = (!passed || config.folder == Folder::Kept).then(|| house.keep());
    if let Some(folder) = &kept {
        eprintln!("chaos: journal, logs and databases are kept in {}", folder.display());
    }
    Ok(Report { folder: kept, ..outcome? })
}

async fn within(config: &Config, house: &mut House) -> anyhow::Result<Report> {
    let count = config.codes.count();
    house.programme(&config.codes.all()).await?;
    let visitors = Visitors::ByForwardedAddress;
    let choice = Choice::zipf(count, 1.0);
    let plan =
        Plan::new(config.seed, config.codes.clone(), choice, Mix::Realistic, visitors, "go.example.com");
    let log = house.data().join("responses.log");
    let Ride { watch, struck, missed, backlog } = ride(config, house, plan, &log).await?;

    eprintln!("chaos: healing");
    let begun = clock::monotonic();
    house.heal().await?;
    let heal_seconds = begun.elapsed().as_secs_f64();
    eprintln!("chaos: draining and auditing");
    let audit = Audit {
        logs: vec![log],
        database_url: house.database_url.clone(),
        journals: vec![house.journal()],
        drain_limit: DRAIN_LIMIT,
        coverage: Coverage::Complete,
    };
    let findings = audit.run().await?;
    eprintln!("{}", verify::table(&findings));
    let kills_edge = |act: &Act| match act {
        Act::Kill(target) => *target == Target::Redirector,
        Act::Arm { point, .. } => point.target == Target::Redirector,
        Act::FlushAll | Act::Freeze(_) | Act::Thaw(_) => false,
    };
    let deaths: Vec<Duration> = struck.iter().filter(|(_, act)| kills_edge(act)).map(|(at, _)| *at).collect();
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
        fired: house.fired()?,
        missed,
        unexplained_failures,
        longest_outage_seconds: longest.as_secs_f64(),
        wrong_answers: watch.wrong_answers,
        load: Figures::from(&watch.summary),
        findings,
        heal_seconds,
        frozen: watch.phases.as_ref().map(|phases| Frozen::new(phases, backlog)),
        folder: None,
    })
}

/// What came of a ride.
struct Ride {
    watch: Watch,
    /// What was done, and when.
    struck: Vec<(Duration, Act)>,
    missed: u64,
    /// How long the books took to catch up after the long freeze; zero without one.
    backlog: Duration,
}

/// Drives in a thread of its own while it strikes.
async fn ride(config: &Config, house: &House, plan: Plan, log: &Path) -> anyhow::Result<Ride> {
    let (edge, begun) = (house.edge()?, clock::monotonic());
    let requests = (config.rate * config.wishes.length.as_secs_f64()).ceil() as u64;
    let pace = Pace { rate: config.rate, requests, connections: CONNECTIONS };
    let stop = StopWhenDropped(Arc::default());
    let done = Arc::new(AtomicU64::new(0));
    let frozen = schedule::long_freeze(&config.wishes);
    let phases = frozen.map(|(from, to)| Phases::around(from..to));
    let mut log = LogWriter::create(log)?;
    let driver = std::thread::Builder::new().name("driver".into()).spawn({
        let (stop, done) = (stop.0.clone(), done.clone());
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
    let (mut progress, mut backlog) = (Progress::start("chaos", requests), None);
    let (mut struck, mut missed, mut note) = (Vec::new(), 0, String::new());
    let mut acts = schedule::acts(config.seed, &config.wishes).into_iter().peekable();
    while !driver.is_finished() {
        while let Some((planned, act)) = acts.next_if(|(at, _)| begun.elapsed() >= *at) {
            // The moment before: what follows from it comes after.
            let at = begun.elapsed();
            match strike(house, act).await {
                Done::Yes => struck.push((at, act)),
                Done::NothingThere => missed += 1,
            }
            if frozen.is_some_and(|(_, thaw)| act == Act::Thaw(Target::Redis) && planned == thaw) {
                let draining = verify::drain(house.database_url.clone(), house.journal(), DRAIN_LIMIT);
                backlog = Some(tokio::spawn(draining));
            }
            note = format!("{} acts, last {}", struck.len(), act.name());
        }
        progress.at(done.load(Ordering::Relaxed), &note);
        tokio::time::sleep(STEP).await;
    }
    let watch = driver.join().map_err(|_| anyhow!("the driver panicked"))?.context("the driver failed")?;
    let backlog = match backlog {
        Some(draining) => draining.await.context("nobody watched the backlog")??,
        None => Duration::ZERO,
    };
    Ok(Ride { watch, struck, missed, backlog })
}

/// Ends the driver's run when nobody waits for it any more.
struct StopWhenDropped(Arc<AtomicBool>);

impl Drop for StopWhenDropped {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}
