//! What a run on a cluster is to be: flags as typed, and as validated.

use runtime::{Invalid, Problems, clock};

use super::acts::Wishes;
use crate::drive::codes::Codes;
use crate::drive::number;

/// More than two cores redirect while they count and a cluster runs beside.
const MAX_RATE: f64 = 50_000.0;
/// Each takes some ten seconds, and a person waits for the end.
const MAX_ACTS: u64 = 1_000;
/// The edges know them all before it begins.
const MAX_LINKS: u64 = 10_000;
/// What codes begin with.
const PREFIX: &str = "c";

/// Drive two edges on a Redis Cluster of its own while masters are killed and cut off and slots move; then audit
#[derive(Debug, clap::Parser)]
pub struct Args {
    /// Requests a second, over both edges
    #[arg(long, env = "LOADTEST_RATE", value_name = "N", default_value = "5000")]
    rate: String,

    /// Masters killed, one after the other
    #[arg(long, env = "LOADTEST_MASTER_KILLS", value_name = "N", default_value_t = 30)]
    kills: u64,

    /// Slots handed over to another master
    #[arg(long, env = "LOADTEST_SLOT_MIGRATIONS", value_name = "N", default_value_t = 10)]
    migrations: u64,

    /// Masters cut off until another has taken over
    #[arg(long, env = "LOADTEST_PARTITIONS", value_name = "N", default_value_t = 5)]
    partitions: u64,

    /// How many links
    #[arg(long, env = "LOADTEST_LINKS", value_name = "N", default_value_t = 1_000)]
    links: u64,

    /// What everything follows from; printed, and random when not set
    #[arg(long, env = "LOADTEST_SEED", value_name = "N")]
    seed: Option<u64>,

    /// Leave the folders behind even if all is well
    #[arg(long, env = "LOADTEST_KEEP")]
    keep: bool,
}

/// Settings that were found good.
#[derive(Debug)]
pub(super) struct Config {
    pub(super) acts: Wishes,
    pub(super) rate: f64,
    pub(super) seed: u64,
    pub(super) codes: Codes,
    pub(super) folder: Folder,
}

/// What becomes of the folders when all is well.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Folder {
    Removed,
    Kept,
}

impl Args {
    /// Judges all settings and reports every bad one.
    pub(super) fn validate(self) -> Result<Config, Invalid> {
        let mut problems = Problems::of::<Self>();
        let rate = number(&mut problems, "--rate", &self.rate, MAX_RATE);
        for (flag, count, most) in [
            ("--kills", self.kills, MAX_ACTS),
            ("--migrations", self.migrations, MAX_ACTS),
            ("--partitions", self.partitions, MAX_ACTS),
            ("--links", self.links, MAX_LINKS),
        ] {
            if count > most {
                problems.add(flag, format!("cannot use {count}: give at most {most}"));
            }
        }
        let codes = problems.check("--links", Codes::numbered(PREFIX, self.links));
        let acts = Wishes { kills: self.kills, moves: self.migrations, partitions: self.partitions };
        let folder = if self.keep { Folder::Kept } else { Folder::Removed };
        problems.finish(|| {
            Some(Config {
                acts,
                rate: rate?,
                seed: self.seed.unwrap_or_else(|| clock::now_us() % 1_000_000),
                codes: codes?,
                folder,
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;

    #[test]
    fn every_bad_setting_is_reported_at_once() {
        let wrong = ["cluster", "--rate", "0", "--kills", "5000", "--partitions", "1001", "--links", "0"];
        let invalid = Args::parse_from(wrong).validate().expect_err("all are wrong");
        assert_eq!(invalid.complaints.len(), 4, "{invalid}");
    }
}
