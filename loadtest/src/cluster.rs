//! A Redis Cluster under fire: shoppers click at two edges, two aggregators count, and meanwhile masters are killed and
//! cut off and slots are handed over; then everything is audited.
//!
//! Three masters with a replica each, as real as Redis makes them. One thing is done at a time, and the next one when
//! every master has a replica again: two deaths of one shard at once are an outage, not a failover. What is done follows
//! from the seed. Only processes that this run has started are ever touched.

mod acts;
mod crew;
mod report;
mod settings;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Context as _, anyhow};
use onebox::servers::RedisCluster;
use runtime::clock;

use self::acts::{Done, strike};
use self::crew::Crew;
use self::report::Report;
use self::settings::{Config, Folder};
use crate::chaos::house::House;
use crate::chaos::told_to_stop;
use crate::chaos::watch::Watch;
use crate::drive::choice::Choice;
use crate::drive::engine::{self, Pace};
use crate::drive::log::LogWriter;
use crate::drive::plan::{Mix, Plan, Visitors};
use crate::drive::summary::Figures;
use crate::outcome::{Failure, Outcome};
use crate::verify::findings::Coverage;
use crate::verify::{self, Audit};

pub use self::settings::Args;

/// Connections kept open to each edge.
const CONNECTIONS: usize = 32;
/// How long the books may take to be complete after the last blow.
const DRAIN_LIMIT: Duration = Duration::from_mins(2);
/// Acts take seconds each; a run that lasts longer than this hangs.
const LONGEST: Duration = Duration::from_hours(1);
/// Clicks before the first blow and after the last one, so that both ends show the house at peace.
const PEACE: Duration = Duration::from_secs(3);

/// Opens a cluster and a house on it, breaks the cluster, audits. Passes if nothing was lost, doubled or answered wrongly.
pub async fn run(args: Args) -> Result<Outcome, Failure> {
    let config = args.validate()?;
    eprintln!("cluster: seed {}; run it again with --seed {0}", config.seed);
    let report = tokio::select! {
        report = on_a_cluster(&config) => report?,
        told = told_to_stop() => return Err(told.err().unwrap_or_else(|| anyhow!("told to stop")).into()),
    };
    Ok(Outcome::new(report.passed(), &report)?)
}

async fn on_a_cluster(config: &Config) -> anyhow::Result<Report> {
    let mut folder = tempfile::Builder::new().prefix("linkledger-cluster-").tempdir()?;
    let cluster = RedisCluster::start(folder.path())?;
    eprintln!("cluster: three masters and three replicas run in {}", folder.path().display());
    let mut house = House::open_with(&[("REDIS_URL", &cluster.url)]).await?;
    let crew = Crew::join(&house, &cluster, folder.path())?;
    let outcome = within(config, cluster, &mut house, &crew, folder.path()).await;
    let passed = outcome.as_ref().is_ok_and(Report::passed);
    if !passed || config.folder == Folder::Kept {
        drop(crew);
        folder.disable_cleanup(true);
        let (redis, rest) = (folder.path().display(), house.keep());
        eprintln!("cluster: journals, logs and databases are kept in {redis} and {}", rest.display());
    }
    outcome
}

async fn within(
    config: &Config,
    cluster: RedisCluster,
    house: &mut House,
    crew: &Crew,
    folder: &Path,
) -> anyhow::Result<Report> {
    let codes = config.codes.all();
    house.programme(&codes).await?;
    crew.until_known(&codes).await?;
    let edges = [house.edge()?, crew.edge];
    let logs: Vec<PathBuf> = (0..edges.len()).map(|n| folder.join(format!("responses-{n}.log"))).collect();

    let (begun, stop) = (clock::monotonic(), StopWhenDropped(Arc::default()));
    let drivers = edges.iter().zip(&logs).zip(0..);
    let drivers: Vec<Driver> = drivers
        .map(|((edge, log), n)| drive(config, *edge, log, n, begun, stop.0.clone()))
        .collect::<anyhow::Result<_>>()?;
    tokio::time::sleep(PEACE).await;
    let (acts, seed, mut cluster) = (config.acts, config.seed, cluster);
    let striking = tokio::task::spawn_blocking(move || {
        let done = strike(&mut cluster, acts, seed);
        (cluster, done)
    });
    let (cluster, done) = striking.await.context("striking panicked")?;
    let done: Done = done?;
    tokio::time::sleep(PEACE).await;
    drop(stop);
    let mut watches = Vec::new();
    for driver in drivers {
        watches.push(driver.join().map_err(|_| anyhow!("a driver panicked"))?.context("a driver failed")?);
    }
    let seconds = begun.elapsed().as_secs_f64();

    eprintln!("cluster: draining and auditing");
    house.heal().await?;
    let audit = Audit {
        logs,
        database_url: house.database_url.clone(),
        journals: vec![house.journal(), crew.journal.clone()],
        drain_limit: DRAIN_LIMIT,
        coverage: Coverage::Complete,
    };
    let findings = audit.run().await?;
    eprintln!("{}", verify::table(&findings));
    let violations = house.audit()?;
    drop(cluster);
    Ok(Report {
        seed: config.seed,
        rate: config.rate,
        seconds,
        edges: edges.len(),
        aggregators: crew::AGGREGATORS,
        done,
        // No edge dies in this run: nothing explains a request without an answer.
        unexplained_failures: watches.iter().map(|watch| watch.failures.len() as u64).sum(),
        wrong_answers: watches.iter().map(|watch| watch.wrong_answers).sum(),
        load: watches.iter().map(|watch| Figures::from(&watch.summary)).collect(),
        violations,
        findings,
    })
}

type Driver = JoinHandle<anyhow::Result<Watch>>;

/// Drives one edge at its share of the rate, until told to stop.
fn drive(
    config: &Config,
    edge: SocketAddr,
    log: &Path,
    number: u64,
    begun: Instant,
    stop: Arc<AtomicBool>,
) -> anyhow::Result<Driver> {
    let count = config.codes.count();
    let choice = Choice::zipf(count, 1.0);
    let visitors = Visitors::ByForwardedAddress;
    let seed = config.seed.wrapping_add(number);
    let plan = Plan::new(seed, config.codes.clone(), choice, Mix::Realistic, visitors, "go.example.com");
    let rate = config.rate / crew::EDGES as f64;
    let requests = (rate * LONGEST.as_secs_f64()) as u64;
    let (pace, mut log) = (Pace { rate, requests, connections: CONNECTIONS }, LogWriter::create(log)?);
    let driver = std::thread::Builder::new().name(format!("driver-{number}")).spawn(move || {
        let mut watch = Watch::default();
        engine::run(edge, &plan, pace, begun, &stop, &mut |exchange| {
            watch.note(exchange);
            log.write(&plan, exchange)
        })?;
        log.finish()?;
        anyhow::Ok(watch)
    })?;
    Ok(driver)
}

/// Ends the drivers' runs when nobody waits for them any more.
struct StopWhenDropped(Arc<AtomicBool>);

impl Drop for StopWhenDropped {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}
