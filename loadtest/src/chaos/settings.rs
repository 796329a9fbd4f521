//! What a run of chaos is to be: flags as typed, and as validated.

use std::time::Duration;

use runtime::{Invalid, Problems, clock, failpoint};

use super::points::{OF_CLICKS, Point};
use super::schedule::{Target, Wishes};
use crate::drive::codes::Codes;
use crate::drive::number;
use crate::span;

/// More than two cores redirect while they count.
const MAX_RATE: f64 = 100_000.0;
/// A person waits for the end.
const LONGEST: Duration = Duration::from_hours(1);
/// The edge knows them all before chaos begins, and a person waits for that.
const MAX_LINKS: u64 = 100_000;
/// What codes begin with.
const PREFIX: &str = "c";

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
    #[arg(long, env = "LOADTEST_KILL_EVERY", value_name = "TIME", default_value = "2s")]
    kill_every: String,

    /// What everything follows from; printed, and random when not set
    #[arg(long, env = "LOADTEST_SEED", value_name = "N")]
    seed: Option<u64>,

    /// How many links
    #[arg(long, env = "LOADTEST_LINKS", value_name = "N", default_value_t = 1_000)]
    links: u64,

    /// Empty Redis this often
    #[arg(long, env = "LOADTEST_FLUSHALL_EVERY", value_name = "TIME")]
    flushall_every: Option<String>,

    /// Freeze Redis for so long, in the middle of the run
    #[arg(long, env = "LOADTEST_STOP_REDIS", value_name = "TIME")]
    stop_redis: Option<String>,

    /// What may be killed: redirector, redis, aggregator, postgres, or none
    #[arg(long, env = "LOADTEST_ONLY", value_name = "NAME", value_delimiter = ',')]
    only: Vec<String>,

    /// Instead of killing at random, let services die at every named point in turn; debug builds have points
    #[arg(long, env = "LOADTEST_FAIL_POINTS")]
    fail_points: bool,

    /// Leave the folder behind even if all is well
    #[arg(long, env = "LOADTEST_KEEP")]
    keep: bool,
}

/// Settings that were found good.
#[derive(Debug)]
pub(super) struct Config {
    pub(super) wishes: Wishes,
    pub(super) rate: f64,
    pub(super) seed: u64,
    pub(super) codes: Codes,
    pub(super) folder: Folder,
}

/// What becomes of the house's folder when all is well.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Folder {
    Removed,
    Kept,
}

impl Args {
    /// Judges all settings and reports every bad one.
    pub(super) fn validate(self) -> Result<Config, Invalid> {
        let mut problems = Problems::of::<Self>();
        let length = span::parse(&mut problems, "--seconds", &self.seconds, LONGEST);
        let kill_every = span::parse(&mut problems, "--kill-every", &self.kill_every, LONGEST);
        let flushall_every =
            self.flushall_every.map(|text| span::parse(&mut problems, "--flushall-every", &text, LONGEST));
        let stop_redis =
            self.stop_redis.map(|text| span::parse(&mut problems, "--stop-redis", &text, LONGEST));
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
        let points = points(&mut problems, self.fail_points.then_some(&OF_CLICKS[..]));
        let folder = if self.keep { Folder::Kept } else { Folder::Removed };
        problems.finish(|| {
            Some(Config {
                wishes: Wishes {
                    length: length?,
                    kill_every: kill_every?,
                    targets: targets?,
                    flushall_every: flushall_every.flatten(),
                    stop_redis: stop_redis.flatten(),
                    points,
                },
                rate: rate?,
                seed: self.seed.unwrap_or_else(|| clock::now_us() % 1_000_000),
                codes: codes?,
                folder,
            })
        })
    }
}

/// The points to die at, if any are wished and this build's services have them.
pub(crate) fn points(problems: &mut Problems, wished: Option<&'static [Point]>) -> &'static [Point] {
    if wished.is_some() && !failpoint::are_compiled_in() {
        let remedy = "this build has none: build without --release, or with --features runtime/failpoints";
        problems.add("--fail-points", remedy);
    }
    wished.unwrap_or_default()
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
        let wrong = ["--seconds", "10", "--kill-every", "often", "--rate", "0", "--links", "0"];
        let also = ["--stop-redis", "10s", "--only", "console", "--flushall-every", "0"];
        let invalid = validate(&[&wrong[..], &also[..]].concat()).expect_err("most are wrong");
        assert_eq!(invalid.complaints.len(), 6, "{invalid}");
    }
}
