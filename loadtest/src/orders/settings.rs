//! What a run with orders is to be: flags as typed, and as validated.

use std::time::Duration;

use runtime::{Invalid, Problems, clock};

use super::judge::Payouts;
use crate::chaos::points::OF_ORDERS;
use crate::chaos::schedule::{Target, Wishes};
use crate::chaos::settings::points;
use crate::span;

/// More would not fit into the memory that compares them.
const MAX_ORDERS: u64 = 1_000_000;
/// The busiest story has about twenty reports.
const MAX_EVENTS: usize = 20;
/// As many connections as a console serves one caller well.
const MAX_POSTERS: usize = 64;
/// A person waits for the end.
const LONGEST: Duration = Duration::from_hours(1);
/// Kills that never come, for a run without any.
const NEVER: &str = "never";

/// Report orders to a house of its own, shuffled and repeated, while it is killed; then hold its books against the rules.
#[derive(Debug, clap::Parser)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "flags as they are typed; `Config` has none that contradict"
)]
pub struct Args {
    /// How many orders
    #[arg(long, env = "LOADTEST_ORDERS", value_name = "N", default_value_t = 100_000)]
    orders: u64,

    /// Reports of an order, at most
    #[arg(long, env = "LOADTEST_EVENTS_MAX", value_name = "N", default_value_t = 12)]
    events_max: usize,

    /// How many post at the same time
    #[arg(long, env = "LOADTEST_POSTERS", value_name = "N", default_value_t = 16)]
    posters: usize,

    /// How often everything is posted
    #[arg(long, env = "LOADTEST_COPIES", value_name = "N", default_value_t = 3)]
    copies: u64,

    /// What everything follows from; printed, and random when not set
    #[arg(long, env = "LOADTEST_SEED", value_name = "N")]
    seed: Option<u64>,

    /// Time between two kills of console, aggregator or Postgres, on average; or `never`
    #[arg(long, env = "LOADTEST_KILL_EVERY", value_name = "TIME", default_value = "2s")]
    kill_every: String,

    /// Post at least so long, not as fast as it goes
    #[arg(long, env = "LOADTEST_SECONDS", value_name = "TIME")]
    seconds: Option<String>,

    /// Let two people pay out what has matured, in the middle and at the end
    #[arg(long, env = "LOADTEST_PAYOUTS")]
    payouts: bool,

    /// No chaos: measure how fast orders are settled, beside a bare insert of the same rows
    #[arg(long, env = "LOADTEST_THROUGHPUT", conflicts_with_all = ["payouts", "seconds"])]
    throughput: bool,

    /// Instead of killing at random, let the aggregator die at every named point in turn; debug builds have points
    #[arg(long, env = "LOADTEST_FAIL_POINTS")]
    fail_points: bool,

    /// Leave the folder behind even if all is well
    #[arg(long, env = "LOADTEST_KEEP")]
    keep: bool,
}

/// Settings that were found good.
#[derive(Debug)]
pub(super) struct Config {
    pub(super) orders: u64,
    pub(super) events_max: usize,
    pub(super) posters: usize,
    pub(super) copies: u64,
    pub(super) seed: u64,
    pub(super) kills: Option<Wishes>,
    pub(super) at_least: Duration,
    pub(super) payouts: Payouts,
    pub(super) what: What,
    pub(super) folder: Folder,
}

/// What is to be found out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum What {
    /// Whether the books are right whatever happens.
    Chaos,
    /// How fast they are made.
    Throughput,
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
        let counts = [
            ("--orders", self.orders, MAX_ORDERS),
            ("--events-max", self.events_max as u64, MAX_EVENTS as u64),
            ("--posters", self.posters as u64, MAX_POSTERS as u64),
            ("--copies", self.copies, 10),
        ];
        for (flag, count, most) in counts {
            if !(1..=most).contains(&count) {
                problems.add(flag, format!("cannot use {count}: give 1 to {most}"));
            }
        }
        let at_least = match &self.seconds {
            Some(text) => span::parse(&mut problems, "--seconds", text, LONGEST),
            None => Some(Duration::ZERO),
        };
        let kill_every = match self.kill_every.as_str() {
            NEVER => Some(None),
            text => span::parse(&mut problems, "--kill-every", text, LONGEST).map(Some),
        };
        let points = points(&mut problems, self.fail_points.then_some(&OF_ORDERS[..]));
        problems.finish(|| {
            Some(Config {
                orders: self.orders,
                events_max: self.events_max,
                posters: self.posters,
                copies: self.copies,
                seed: self.seed.unwrap_or_else(|| clock::now_us() % 1_000_000),
                kills: kill_every?.map(|kill_every| Wishes {
                    // It ends with the last post.
                    length: LONGEST,
                    kill_every,
                    targets: Target::OF_ORDERS.to_vec(),
                    flushall_every: None,
                    stop_redis: None,
                    points,
                }),
                at_least: at_least?,
                payouts: if self.payouts { Payouts::Some } else { Payouts::None },
                what: if self.throughput { What::Throughput } else { What::Chaos },
                folder: if self.keep { Folder::Kept } else { Folder::Removed },
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;

    fn validate(arguments: &[&str]) -> Result<Config, Invalid> {
        Args::parse_from(std::iter::once("orders").chain(arguments.iter().copied())).validate()
    }

    #[test]
    fn kills_may_be_left_out() {
        assert!(validate(&["--kill-every", "never"]).expect("valid").kills.is_none());
        let kills = validate(&["--kill-every", "500ms"]).expect("valid").kills.expect("kills");
        assert_eq!((kills.kill_every.as_millis(), kills.targets.len()), (500, 3));
    }

    #[test]
    fn every_bad_setting_is_reported_at_once() {
        let wrong = ["--orders", "0", "--events-max", "99", "--posters", "0", "--copies", "0"];
        let also = ["--kill-every", "often", "--seconds", "2h"];
        let invalid = validate(&[&wrong[..], &also[..]].concat()).expect_err("six are wrong");
        assert_eq!(invalid.complaints.len(), 6, "{invalid}");
    }
}
