//! `loadtest drive`: sends a plan of requests to an edge on this machine and says what came back.

pub mod answer;
mod browsers;
pub mod choice;
pub mod codes;
mod connection;
pub mod engine;
pub mod log;
pub mod plan;
pub mod tally;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::time::Duration;

use clap::Parser;
use runtime::config::{Invalid, Problems};
use serde::Serialize;

use self::choice::Choice;
use self::codes::Codes;
use self::engine::{Course, Live, Pace};
use self::log::Log;
use self::plan::{Mix, Plan, Visitors};
use self::tally::{Latency, Lost, Tally};
use crate::affinity;
use crate::loopback;
use crate::outcome::{Failure, Outcome};
use crate::progress::Progress;

/// Between looks at the progress.
const LOOK_EVERY: Duration = Duration::from_millis(200);
/// A longer run is a service, not a test.
const MAX_SECONDS: u64 = 86_400;
/// More connections than one machine has ports for would measure the machine.
const MAX_CONNECTIONS: usize = 20_000;

/// Sends a plan of requests to an edge on this machine.
#[derive(Debug, Clone, Parser)]
pub struct Args {
    /// The edge, on this machine
    #[arg(long, env = "LOADTEST_TARGET", value_name = "URL", default_value = "http://127.0.0.1:8080")]
    pub target: String,

    /// Requests a second; 0 sends as fast as answers come
    #[arg(long, env = "LOADTEST_RATE", default_value_t = 1_000.0)]
    pub rate: f64,

    /// For how many seconds
    #[arg(long, env = "LOADTEST_SECONDS", default_value_t = 10)]
    pub seconds: u64,

    /// Connections that are kept open
    #[arg(long, env = "LOADTEST_CONNECTIONS", default_value_t = 64)]
    pub connections: usize,

    /// The seed; the same seed sends the same requests
    #[arg(long, env = "LOADTEST_SEED", default_value_t = 1)]
    pub seed: u64,

    /// A file with the links' codes, one a line
    #[arg(long, value_name = "FILE", conflicts_with_all = ["links", "database_url"])]
    pub codes: Option<PathBuf>,

    /// Ask for this many numbered codes: the prefix and eight digits
    #[arg(long, value_name = "N", conflicts_with = "database_url")]
    pub links: Option<u64>,

    /// What numbered codes begin with
    #[arg(long, value_name = "TEXT", default_value = "b")]
    pub code_prefix: String,

    /// Take the codes of all active links from this Postgres
    #[arg(long, env = "DATABASE_URL", hide_env_values = true, value_name = "URL")]
    pub database_url: Option<String>,

    /// Popularity follows Zipf's law with this exponent
    #[arg(long, value_name = "S", default_value_t = 1.0)]
    pub zipf: f64,

    /// Every link is as popular
    #[arg(long, conflicts_with = "zipf")]
    pub uniform: bool,

    /// Send several thousand addresses in X-Forwarded-For; the edge must trust this machine
    #[arg(long)]
    pub forwarded: bool,

    /// Send people's clicks only: no programs, HEAD or prefetches
    #[arg(long)]
    pub clicks_only: bool,

    /// Write what became of each request here, for `verify`
    #[arg(long, value_name = "FILE")]
    pub log: Option<PathBuf>,

    /// Stay on this core
    #[arg(long, value_name = "CORE")]
    pub pin: Option<usize>,
}

/// The settings of a run, checked.
#[derive(Debug)]
struct Config {
    course: Course,
    zipf: Option<f64>,
}

/// The figures of a run.
#[derive(Debug, Serialize)]
pub struct Report {
    target: SocketAddr,
    seed: u64,
    seconds: u64,
    rate: f64,
    /// Answers a second, over the run's length.
    pub reached: f64,
    /// Requests per status.
    pub statuses: BTreeMap<u16, u64>,
    /// Requests without an answer, by why.
    pub lost: BTreeMap<Lost, u64>,
    /// Redirects with a click token.
    pub accepted: u64,
    /// Clicks redirected without a token.
    pub untracked: u64,
    /// Answers of 500 and above, but for refused prefetches.
    pub server_errors: u64,
    /// From the intended time, in µs.
    pub latency_us: Option<Latency>,
}

/// Runs the subcommand.
pub fn run(args: &Args) -> Result<Outcome, Failure> {
    let config = validate(args)?;
    let codes = find_codes(args)?;
    let choice = match config.zipf {
        Some(exponent) => Choice::zipf(codes.count(), exponent),
        None => Choice::Uniform { count: codes.count() },
    };
    let mix = if args.clicks_only { Mix::ClicksOnly } else { Mix::Realistic };
    let visitors = if args.forwarded { Visitors::ByForwardedAddress } else { Visitors::ByBrowser };
    let target = config.course.target;
    let plan = Plan::new(args.seed, codes, choice, mix, visitors, &target.to_string());
    eprintln!("drive: {} links, seed {}, to {target} for {} s", plan.codes.count(), args.seed, args.seconds);
    let mut log = args.log.as_deref().map(|path| Log::create(path, &format!("seed {}", args.seed))).transpose()?;
    let live = Live::default();
    let tally = std::thread::scope(|scope| {
        let work = scope.spawn(|| {
            args.pin.map_or(Ok(()), affinity::pin_thread)?;
            engine::run(&plan, config.course, log.as_mut(), &live)
        });
        let mut progress = Progress::start("drive", (args.rate * args.seconds as f64) as u64);
        while !work.is_finished() {
            progress.at(live.done.load(Ordering::Relaxed), "requests");
            std::thread::sleep(LOOK_EVERY);
        }
        work.join().map_err(|_panic| anyhow::anyhow!("the driver panicked"))?
    })?;
    log.map_or(Ok(()), Log::finish)?;
    Ok(Outcome::new(tally.answers() > 0, &Report::new(args, target, &tally))?)
}

impl Report {
    fn new(args: &Args, target: SocketAddr, tally: &Tally) -> Self {
        Self {
            target,
            seed: args.seed,
            seconds: args.seconds,
            rate: args.rate,
            reached: tally.answers() as f64 / args.seconds as f64,
            statuses: tally.statuses.clone(),
            lost: tally.lost.clone(),
            accepted: tally.accepted,
            untracked: tally.untracked,
            server_errors: tally.server_errors,
            latency_us: tally.latency(),
        }
    }
}

fn validate(args: &Args) -> Result<Config, Invalid> {
    let mut problems = Problems::of::<Args>();
    let target = problems.check("--target", loopback::http_target(&args.target));
    if !(0.0..=1e7).contains(&args.rate) {
        problems.add("--rate", format_args!("cannot use {}: give 0 to 10000000 requests a second", args.rate));
    }
    if !(1..=MAX_SECONDS).contains(&args.seconds) {
        problems.add("--seconds", format_args!("cannot use {}: give 1 to {MAX_SECONDS}", args.seconds));
    }
    if !(1..=MAX_CONNECTIONS).contains(&args.connections) {
        problems.add("--connections", format_args!("cannot use {}: give 1 to {MAX_CONNECTIONS}", args.connections));
    }
    if !(0.0..=5.0).contains(&args.zipf) {
        problems.add("--zipf", format_args!("cannot use {}: give an exponent of 0 to 5", args.zipf));
    }
    if args.codes.is_none() && args.links.is_none() && args.database_url.is_none() {
        problems.add("--codes", "nothing says which links to ask for: give --codes, --links or --database-url");
    }
    if let Some(links) = args.links {
        problems.check("--links", Codes::numbered(&args.code_prefix, links));
    }
    problems.finish(|| {
        let pace = if args.rate == 0.0 { Pace::Closed } else { Pace::Open { rate: args.rate } };
        let length = Duration::from_secs(args.seconds);
        let course = Course { target: target?, connections: args.connections, pace, length };
        Some(Config { course, zipf: (!args.uniform).then_some(args.zipf) })
    })
}

fn find_codes(args: &Args) -> anyhow::Result<Codes> {
    match (&args.codes, args.links, &args.database_url) {
        (Some(path), ..) => Codes::from_file(path),
        (None, Some(links), _) => Codes::numbered(&args.code_prefix, links),
        (None, None, Some(url)) => {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(Codes::from_database(url))
        }
        (None, None, None) => unreachable!("validate asked for one of them"),
    }
}

#[cfg(test)]
mod tests;
