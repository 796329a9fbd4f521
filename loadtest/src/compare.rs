//! The redirector beside what one would use in its place: processor time for each redirect, on one core each.
//!
//! Servers take turns, round by round, so that whatever else the machine does meets them all. Each runs on core 0
//! with all its threads and processes; the client and Redis run on core 1. What the redirector owes after a window
//! (clicks in its journal) is shipped before the books of that round are closed, so nothing of a count is left out.

mod admin;
mod client;
mod contender;
mod crowd;
mod footprint;
mod links;
mod overload;
mod process;
mod reply;
mod report;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, ensure};
use onebox::servers::Redis;
use runtime::{Problems, clock};
use tempfile::TempDir;

use self::contender::{Contender, Stage};
use self::links::Form;
use self::process::cpu_time;
use self::report::{Comparison, Round};
use crate::affinity::pin_thread;
use crate::drive::choice::Choice;
use crate::drive::codes::Codes;
use crate::drive::plan::{Mix, Plan, Visitors};
use crate::outcome::{Failure, Outcome};
use crate::progress::Progress;

pub use self::contender::Name;

/// The core of the client and of Redis.
const CLIENT_CORE: usize = 1;
/// Before each measured window: fills caches, opens pools.
const WARM_UP: Duration = Duration::from_millis(500);
/// A window's clicks are in Redis after this at the latest.
const DRAIN_LIMIT: Duration = Duration::from_mins(2);
/// How often to look whether they are. Each look costs the redirector half a millisecond, which counts as its own: as
/// rare as a scrape would be, next to the seconds a drain takes.
const DRAIN_POLL: Duration = Duration::from_millis(500);
/// How long a crowd is too large for the edge, and the links it follows: what is short is time and not memory.
const OVERLOAD: Duration = Duration::from_mins(1);
const OVERLOAD_LINKS: u64 = 10_000;
/// More would take days.
const MAX_ROUNDS: u64 = 1_000;
const MAX_LINKS: u64 = 20_000_000;

/// How to compare.
#[derive(Debug, clap::Parser)]
pub struct Args {
    /// How long each server is measured in each round, seconds
    #[arg(long, env = "COMPARE_SECONDS_PER_ROUND", value_name = "SECONDS", default_value = "5")]
    seconds_per_round: String,

    /// How often the servers take turns
    #[arg(long, env = "COMPARE_ROUNDS", value_name = "N", default_value = "5")]
    rounds: String,

    /// How many links every server knows [default: 1000000, with --footprint 10000000]
    #[arg(long, env = "COMPARE_LINKS", value_name = "N")]
    links: Option<String>,

    /// Connections of the client, each with one request under way
    #[arg(long, env = "COMPARE_CONNECTIONS", value_name = "N", default_value = "32")]
    connections: String,

    /// Ask for few links often: Zipf's law with this exponent [default: all alike]
    #[arg(long, env = "COMPARE_ZIPF", value_name = "EXPONENT")]
    zipf: Option<String>,

    /// Only these servers
    #[arg(long, env = "COMPARE_ONLY", value_name = "NAMES", value_delimiter = ',')]
    only: Vec<Name>,

    /// What requests are made of
    #[arg(long, env = "COMPARE_SEED", value_name = "N", default_value = "1")]
    seed: String,

    /// Write the JSON line to this file, too
    #[arg(long, env = "COMPARE_OUTPUT", value_name = "FILE")]
    output: Option<PathBuf>,

    /// End with exit code 1 when a bound is missed
    #[arg(long, env = "COMPARE_ASSERT")]
    assert: bool,

    /// Instead: memory for each link and time to start, of the redirector alone
    #[arg(long, env = "COMPARE_FOOTPRINT")]
    footprint: bool,

    /// Instead: three times as many shoppers as the redirector can answer, for a minute
    #[arg(long, env = "COMPARE_OVERLOAD", conflicts_with = "footprint")]
    overload: bool,
}

#[derive(Debug)]
struct Config {
    window: Duration,
    rounds: u64,
    links: u64,
    connections: usize,
    choice: Choice,
    names: Vec<Name>,
    seed: u64,
}

/// Compares, prints a table, and gives the figures.
pub fn run(args: Args) -> Result<Outcome, Failure> {
    let (output, footprint, overload, strict) =
        (args.output.clone(), args.footprint, args.overload, args.assert);
    let config = args.validate()?;
    pin_thread(CLIENT_CORE)
        .context("a comparison needs two cores: one for the server, one for the client")?;
    let outcome = if footprint {
        let footprint = footprint::measure(config.links)?;
        eprintln!("{}", footprint.table());
        Outcome::new(true, &footprint)?
    } else if overload {
        let overload = overload::measure(OVERLOAD_LINKS, OVERLOAD)?;
        eprintln!("{}", overload.table());
        overload.missed().for_each(|missed| eprintln!("BOUND MISSED: {missed}"));
        Outcome::new(overload.missed().next().is_none(), &overload)?
    } else {
        let comparison = compare(&config)?;
        eprintln!("{}", comparison.table());
        comparison.missed().for_each(|missed| eprintln!("BOUND MISSED: {missed}"));
        let passed = comparison.is_right() && !(strict && comparison.missed().next().is_some());
        Outcome::new(passed, &comparison)?
    };
    if let Some(path) = output {
        fs::write(&path, format!("{}\n", outcome.report))
            .with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(outcome)
}

impl Args {
    fn validate(self) -> Result<Config, Failure> {
        let mut problems = Problems::of::<Args>();
        let seconds = problems.check("--seconds-per-round", positive(&self.seconds_per_round));
        let rounds = problems.check("--rounds", within(&self.rounds, MAX_ROUNDS));
        let default = if self.footprint { "10000000" } else { "1000000" };
        let links = problems.check("--links", within(self.links.as_deref().unwrap_or(default), MAX_LINKS));
        // The redirector takes 200 connections from one address, and keeps one for itself here.
        let connections = problems.check("--connections", within(&self.connections, 199));
        let exponent = self.zipf.as_deref().map(|text| problems.check("--zipf", positive(text)));
        let seed = problems.parse::<u64>("--seed", &self.seed);
        let names = Name::all().filter(|name| self.only.is_empty() || self.only.contains(name)).collect();
        let config = problems.finish(|| {
            let links = links?;
            let choice = match exponent {
                None => Choice::Uniform { count: links },
                Some(exponent) => Choice::zipf(links, exponent?),
            };
            let (window, connections) = (Duration::from_secs_f64(seconds?), connections? as usize);
            Some(Config { window, rounds: rounds?, links, connections, choice, names, seed: seed? })
        })?;
        Ok(config)
    }
}

fn positive(text: &str) -> Result<f64, String> {
    let number = text.parse().ok().filter(|number: &f64| *number > 0.0 && *number <= 3_600.0);
    number.ok_or_else(|| format!("{text:?} is not a number above 0 and at most 3600"))
}

fn within(text: &str, most: u64) -> Result<u64, String> {
    let number = text.parse().ok().filter(|number| (1..=most).contains(number));
    number.ok_or_else(|| format!("{text:?} is not a whole number from 1 to {most}"))
}

fn compare(config: &Config) -> anyhow::Result<Comparison> {
    let folder =
        TempDir::with_prefix("loadtest-compare-").context("cannot make a folder for temporary files")?;
    let codes = Codes::numbered(links::PREFIX, config.links)?;
    let stage = prepare(folder.path(), &codes, &config.names)?;
    let mut contenders = Vec::new();
    for name in &config.names {
        if let Some(how) = name.missing() {
            eprintln!("{} is left out, it is not installed here: {how}", name.label());
            continue;
        }
        eprintln!("starting {}", name.label());
        contenders.push(name.start(&stage)?);
    }
    let host = "go.example.com";
    let plan =
        Plan::new(config.seed, codes, config.choice.clone(), Mix::ClicksOnly, Visitors::ByBrowser, host);
    let mut rounds = Vec::new();
    let mut progress = Progress::start("rounds", config.rounds * contenders.len() as u64);
    for number in 0..config.rounds {
        for contender in &contenders {
            progress.at(rounds.len() as u64, contender.name.label());
            let round = measure(config, &stage, contender, &plan, number)
                .with_context(|| format!("{} failed in round {}", contender.name.label(), number + 1))?;
            rounds.push(round);
        }
    }
    drop(progress);
    Ok(Comparison::new(config.links, config.connections, rounds))
}

/// Starts Redis with all links in it and writes the map files.
fn prepare(folder: &Path, codes: &Codes, names: &[Name]) -> anyhow::Result<Stage> {
    let stage = Stage {
        folder: folder.to_path_buf(),
        redis: Redis::start(folder)?,
        links: codes.count(),
        nginx_map: folder.join("nginx.map"),
        haproxy_map: folder.join("haproxy.map"),
    };
    let mut redis = connect(&stage.redis)?;
    // A rewrite of the file in the middle of a round would be measured with it.
    redis::cmd("CONFIG").arg("SET").arg("auto-aof-rewrite-percentage").arg(0).exec(&mut redis)?;
    if names.contains(&Name::Redirector) {
        links::fill(&mut redis, codes, Form::Published)?;
    }
    if names.contains(&Name::NginxLuaRedis) {
        links::fill(&mut redis, codes, Form::Plain)?;
    }
    links::complete(&mut redis)?;
    links::write_maps(codes, &stage.nginx_map, &stage.haproxy_map)?;
    Ok(stage)
}

fn connect(redis: &Redis) -> anyhow::Result<redis::Connection> {
    redis::Client::open(redis.url.as_str())?.get_connection().context("cannot reach the comparison's Redis")
}

/// One server's window of one round.
fn measure(
    config: &Config,
    stage: &Stage,
    contender: &Contender,
    plan: &Plan,
    number: u64,
) -> anyhow::Result<Round> {
    // Every server gets the same requests in a round, and others in the next.
    let first = number << 32;
    let window = |first, length| {
        client::drive(contender.address, plan, first, config.connections, length, contender.expect)
    };
    window(first + (1 << 31), WARM_UP)?;
    drain(contender)?;
    let (pid, redis) = (contender.process.pid(), stage.redis.pid());
    let (before, redis_before) = (cpu_time(pid)?, cpu_time(redis)?);
    // Redis shares the client's core: while it adds up clicks, or tidies up after the round before, the client sends
    // none, and a server that runs out of requests is woken for each one, at some microseconds apiece. So Redis is held
    // while requests are driven, except where every request needs it; the redirector's clicks are given to it right
    // after: each click's shipping is measured, in the drain.
    let held = (contender.name != Name::NginxLuaRedis).then(|| Held::hold(&stage.redis)).transpose()?;
    let window = window(first, config.window)?;
    let served = cpu_time(pid)?;
    drop(held);
    let drained_in = drain(contender)?;
    let (after, redis_after) = (cpu_time(pid)?, cpu_time(redis)?);
    forget_counts(stage)?;
    ensure!(window.requests > 0, "nothing was answered");
    let per_request = |time: Duration| time.as_secs_f64() * 1e6 / window.requests as f64;
    let spent = process::spent(&before, &after);
    let by_thread = spent.iter().map(|(name, time)| (name.clone(), per_request(*time)));
    Ok(Round {
        server: contender.name,
        number: number + 1,
        requests: window.requests,
        requests_per_second: window.requests as f64 / window.length.as_secs_f64(),
        cpu_us: per_request(spent.values().sum()),
        cpu_us_before_drain: per_request(process::spent(&before, &served).values().sum()),
        cpu_us_by_thread: by_thread.filter(|(_, micros)| *micros >= 0.01).collect(),
        redis_cpu_us: per_request(process::spent(&redis_before, &redis_after).values().sum()),
        drain_seconds: drained_in.as_secs_f64(),
        p50_us: window.latency_us.value_at_quantile(0.5),
        p99_us: window.latency_us.value_at_quantile(0.99),
        wrong: window.wrong,
        first_wrong: window.first_wrong,
    })
}

/// A Redis that neither answers nor spends anything until this is dropped.
struct Held<'a>(&'a Redis);

impl<'a> Held<'a> {
    fn hold(redis: &'a Redis) -> anyhow::Result<Self> {
        redis.freeze()?;
        Ok(Self(redis))
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.0.resume().expect("a process that was stopped can go on");
    }
}

/// Waits until a redirector's clicks are in Redis; others owe nothing.
fn drain(contender: &Contender) -> anyhow::Result<Duration> {
    let begun = clock::monotonic();
    let Some(admin) = contender.admin else { return Ok(Duration::ZERO) };
    while admin::metric(admin, "redirector_journal_unshipped_clicks")? > 0.0 {
        ensure!(begun.elapsed() < DRAIN_LIMIT, "clicks were not shipped within {DRAIN_LIMIT:?}");
        std::thread::sleep(DRAIN_POLL);
    }
    Ok(begun.elapsed())
}

/// Takes the counts out of Redis, as the aggregator does every few seconds: they would pile up.
fn forget_counts(stage: &Stage) -> anyhow::Result<()> {
    let mut forget = redis::cmd("UNLINK");
    for partition in common::ids::Partitions::STANDALONE.iter() {
        forget.arg(common::wire::PartitionKeys::new(partition).counts);
    }
    forget.exec(&mut connect(&stage.redis)?).context("cannot take the counts out of Redis")
}
