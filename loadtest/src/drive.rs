//! Driving: an open loop of browser-like requests at a steady rate, from a plan that follows from a seed.
//!
//! The rate is held whatever the edge does, and latency counts from the moment a request was planned for, so an edge
//! that stalls looks as slow as its shoppers find it.

pub mod answer;
pub mod browsers;
pub mod choice;
pub mod codes;
mod connection;
pub mod engine;
pub mod log;
pub mod plan;
pub mod summary;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use runtime::{Invalid, Problems, SecretSource, clock};

use self::choice::Choice;
use self::codes::Codes;
use self::engine::{MAX_CONNECTIONS, Pace};
use self::log::LogWriter;
use self::plan::{Mix, Plan, Visitors};
use self::summary::{Figures, Summary};
use crate::loopback;
use crate::outcome::{Failure, Outcome};
use crate::progress::Progress;
use crate::span;

/// More than any machine sends to itself; a typing error should not fill the disk with logs.
const MAX_RATE: f64 = 1_000_000.0;
/// A longer run is a service, not a test.
const LONGEST: Duration = Duration::from_hours(24);
/// Progress is shown once in so many requests.
const SHOW_EVERY: u64 = 500;

/// Send requests at a steady rate, measured from the moment each was due.
#[derive(Debug, clap::Parser)]
pub struct Args {
    /// The edge, on this machine
    #[arg(long, env = "LOADTEST_TARGET", value_name = "URL", default_value = "http://127.0.0.1:8080")]
    target: String,

    /// Requests a second
    #[arg(long, env = "LOADTEST_RATE", value_name = "N", default_value = "1000")]
    rate: String,

    /// For how long
    #[arg(long, env = "LOADTEST_SECONDS", value_name = "N", default_value = "10")]
    seconds: String,

    /// What the plan follows from; the same seed asks the same again
    #[arg(long, env = "LOADTEST_SEED", value_name = "N", default_value_t = 1)]
    seed: u64,

    /// A file of links' codes, one a line
    #[arg(long, env = "LOADTEST_CODES", value_name = "FILE", conflicts_with = "links")]
    codes: Option<PathBuf>,

    /// Take the active links from this Postgres (`@file` reads the address from a file)
    #[arg(long, env = "DATABASE_URL", value_name = "URL|@FILE", hide_env_values = true)]
    database_url: Option<SecretSource>,

    /// Numbered links: the prefix followed by eight digits from 0
    #[arg(long, env = "LOADTEST_LINKS", value_name = "N")]
    links: Option<u64>,

    /// What numbered links begin with
    #[arg(long, env = "LOADTEST_PREFIX", value_name = "TEXT", default_value = "b")]
    prefix: String,

    /// How unevenly links are followed: 0 = all alike, 1 = as popularity goes
    #[arg(long, env = "LOADTEST_ZIPF", value_name = "EXPONENT", default_value_t = 1.0)]
    zipf: f64,

    /// Connections kept open
    #[arg(long, env = "LOADTEST_CONNECTIONS", value_name = "N", default_value_t = 64)]
    connections: usize,

    /// The name in the Host header
    #[arg(long, env = "LOADTEST_HOST", value_name = "NAME", default_value = "go.example.com")]
    host: String,

    /// Give each visitor an address in X-Forwarded-For; the edge must trust this machine as a proxy
    #[arg(long, env = "LOADTEST_FORWARDED")]
    forwarded: bool,

    /// Clicks of people only: no programs, looks or prefetches
    #[arg(long, env = "LOADTEST_CLICKS_ONLY")]
    clicks_only: bool,

    /// Where to log every response, for `loadtest verify`
    #[arg(long, env = "LOADTEST_LOG", value_name = "FILE")]
    log: Option<PathBuf>,
}

/// Settings that were found good.
#[derive(Debug)]
pub struct Config {
    target: SocketAddr,
    pace: Pace,
    seed: u64,
    source: Source,
    zipf: f64,
    host: String,
    mix: Mix,
    visitors: Visitors,
    log: Option<PathBuf>,
}

/// Where the links' codes come from.
#[derive(Debug)]
enum Source {
    Ready(Codes),
    Postgres(runtime::Secret),
}

impl Args {
    /// Judges all settings and reports every bad one.
    pub fn validate(self) -> Result<Config, Invalid> {
        let mut problems = Problems::of::<Self>();
        let target = problems.check("--target", loopback::http_target(&self.target));
        let rate = number(&mut problems, "--rate", &self.rate, MAX_RATE);
        let length = span::parse(&mut problems, "--seconds", &self.seconds, LONGEST);
        if !(0.0..=4.0).contains(&self.zipf) {
            problems.add("--zipf", format!("cannot use {}: give 0 to 4", self.zipf));
        }
        if !(1..=MAX_CONNECTIONS).contains(&self.connections) {
            problems.add(
                "--connections",
                format!("cannot use {}: give 1 to {MAX_CONNECTIONS}", self.connections),
            );
        }
        let source = match (&self.codes, self.links, &self.database_url) {
            (Some(file), _, _) => problems.check("--codes", Codes::from_file(file)).map(Source::Ready),
            (None, Some(links), _) => {
                problems.check("--links", Codes::numbered(&self.prefix, links)).map(Source::Ready)
            }
            (None, None, Some(url)) => problems.check("--database-url", url.read()).map(Source::Postgres),
            (None, None, None) => {
                problems.add("--database-url", "name the links: give --database-url, --codes or --links");
                None
            }
        };
        problems.finish(|| {
            let (rate, seconds) = (rate?, length?.as_secs_f64());
            Some(Config {
                target: target?,
                pace: Pace { rate, requests: (rate * seconds).ceil() as u64, connections: self.connections },
                seed: self.seed,
                source: source?,
                zipf: self.zipf,
                host: self.host,
                mix: if self.clicks_only { Mix::ClicksOnly } else { Mix::Realistic },
                visitors: if self.forwarded { Visitors::ByForwardedAddress } else { Visitors::ByBrowser },
                log: self.log,
            })
        })
    }
}

/// A number above zero and up to `most`.
pub fn number(problems: &mut Problems, flag: &'static str, text: &str, most: f64) -> Option<f64> {
    let fits = |number: f64| if number > 0.0 && number <= most { Ok(number) } else { Err(()) };
    let outcome = text.trim().parse().map_err(drop).and_then(fits);
    problems.check(flag, outcome.map_err(|()| format!("{text:?} is not a number above 0 and up to {most}")))
}

/// Drives. It passes if every request was answered, and no known link with 5xx.
pub async fn run(args: Args) -> Result<Outcome, Failure> {
    let Config { target, pace, seed, source, zipf, host, mix, visitors, log } = args.validate()?;
    let codes = match source {
        Source::Ready(codes) => codes,
        Source::Postgres(url) => Codes::from_database(url.expose()).await?,
    };
    let count = codes.count();
    let choice = if zipf > 0.0 { Choice::zipf(count, zipf) } else { Choice::Uniform { count } };
    let plan = Plan::new(seed, codes, choice, mix, visitors, &host);
    let mut log = log.as_deref().map(LogWriter::create).transpose()?;
    let (mut summary, mut progress) = (Summary::default(), Progress::start("requests", pace.requests));
    engine::run(target, &plan, pace, clock::monotonic(), &AtomicBool::new(false), &mut |exchange| {
        summary.count(exchange);
        if summary.requests % SHOW_EVERY == 0 {
            progress.at(summary.requests, &format!("{} broken, {} refused", summary.broken, summary.refused));
        }
        log.as_mut().map_or(Ok(()), |log| log.write(&plan, exchange))
    })?;
    drop(progress);
    log.map_or(Ok(()), LogWriter::finish)?;
    let passed = summary.failed == 0 && summary.broken == 0 && summary.refused == 0;
    Ok(Outcome::new(passed, &Figures::from(&summary))?)
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;

    fn validate(arguments: &[&str]) -> Result<Config, Invalid> {
        Args::parse_from(std::iter::once("drive").chain(arguments.iter().copied())).validate()
    }

    #[test]
    fn requests_are_rate_times_seconds() {
        let config = validate(&["--links", "10", "--rate", "250", "--seconds", "2.5"]).expect("valid");
        assert_eq!((config.pace.requests, config.mix), (625, Mix::Realistic));
    }

    #[test]
    fn every_bad_setting_is_reported_at_once() {
        let wrong = ["--target", "http://192.0.2.1:80", "--rate", "0", "--seconds", "long", "--zipf", "9"];
        let also = ["--connections", "0", "--links", "0"];
        let invalid = validate(&[&wrong[..], &also[..]].concat()).expect_err("six are wrong");
        assert_eq!(invalid.complaints.len(), 6, "{invalid}");
    }
}
