//! What is done to the cluster, one thing after another, each until the cluster is whole again.

use std::time::Duration;

use anyhow::Context as _;
use common::ids::Partitions;
use common::wire::{LINKS_GENERATION, LINKS_LOG, PartitionKeys};
use onebox::servers::RedisCluster;
use runtime::clock;
use serde::Serialize;

use crate::dice::Dice;
use crate::progress::Progress;

/// After a failover, how long the old master may stay away, ms: from at once to long enough to be far behind.
const AWAY_MS: u64 = 2_000;
/// The same for one that is cut off: long enough that nobody may wait for it to say that it is no master any more.
const CUT_OFF_MS: u64 = 10_000;
/// Between two acts, ms: any phase of a flush may be met.
const PAUSE_MS: std::ops::Range<u64> = 300..1_500;

/// How often each thing is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Wishes {
    /// kill -9 of a master.
    pub(super) kills: u64,
    /// A slot handed over to another master.
    pub(super) moves: u64,
    /// A master cut off until another has taken over, who then comes back and believes it still is one.
    pub(super) partitions: u64,
}

/// What was done.
#[derive(Debug, Default, Serialize)]
pub(super) struct Done {
    master_kills: u64,
    slot_migrations: u64,
    partitions: u64,
    /// From the death of a master until all slots were served again, at most.
    longest_failover_seconds: f64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Act {
    Kill,
    Move,
    Partition,
}

/// Does it all.
pub(super) fn strike(cluster: &mut RedisCluster, wishes: Wishes, seed: u64) -> anyhow::Result<Done> {
    let (dice, mut done) = (Dice::new(seed, "cluster"), Done::default());
    let acts = order(wishes, dice);
    let mut progress = Progress::start("cluster", acts.len() as u64);
    for (turn, act) in (0..).zip(acts) {
        let throw = |aspect: u64, bound: u64| dice.below(turn * 8 + aspect, bound);
        let within = || format!("act {turn}: {act:?}");
        std::thread::sleep(Duration::from_millis(PAUSE_MS.start + throw(0, PAUSE_MS.end)));
        let masters = cluster.masters().with_context(within)?;
        let master = masters[throw(1, masters.len() as u64) as usize];
        let away = |most: u64| Duration::from_millis(throw(2, most));
        match act {
            Act::Kill => {
                kill(cluster, master, away(AWAY_MS), &mut done).with_context(within)?;
                done.master_kills += 1;
            }
            Act::Partition => {
                cut_off(cluster, master, away(CUT_OFF_MS), &mut done).with_context(within)?;
                done.partitions += 1;
            }
            Act::Move => {
                cluster.move_slot(&key(throw(3, KEYS))).with_context(within)?;
                done.slot_migrations += 1;
            }
        }
        cluster.until_whole().with_context(within)?;
        progress.at(turn + 1, &format!("last {act:?}"));
    }
    Ok(done)
}

fn kill(cluster: &mut RedisCluster, master: usize, away: Duration, done: &mut Done) -> anyhow::Result<()> {
    let begun = clock::monotonic();
    cluster.kill9(master)?;
    cluster.until_failed_over(master)?;
    done.note(begun.elapsed());
    std::thread::sleep(away);
    cluster.restart(master)
}

fn cut_off(cluster: &mut RedisCluster, master: usize, away: Duration, done: &mut Done) -> anyhow::Result<()> {
    let begun = clock::monotonic();
    cluster.freeze(master)?;
    cluster.until_failed_over(master)?;
    done.note(begun.elapsed());
    std::thread::sleep(away);
    cluster.resume(master)
}

impl Done {
    fn note(&mut self, failover: Duration) {
        self.longest_failover_seconds = self.longest_failover_seconds.max(failover.as_secs_f64());
    }
}

/// Slots worth moving: those of the counters, and those of the links' generation and stream.
const KEYS: u64 = Partitions::STANDALONE.count() as u64 + 2;

fn key(n: u64) -> String {
    match Partitions::STANDALONE.iter().nth(n as usize) {
        Some(partition) => PartitionKeys::new(partition).end,
        None if n.is_multiple_of(2) => LINKS_LOG.to_owned(),
        None => LINKS_GENERATION.to_owned(),
    }
}

/// All acts, shuffled.
fn order(wishes: Wishes, dice: Dice) -> Vec<Act> {
    let of = |act, count: u64| std::iter::repeat_n(act, count as usize);
    let all = of(Act::Kill, wishes.kills).chain(of(Act::Move, wishes.moves));
    let mut acts: Vec<Act> = all.chain(of(Act::Partition, wishes.partitions)).collect();
    for at in (1..acts.len()).rev() {
        acts.swap(at, dice.below(u64::MAX - at as u64, at as u64 + 1) as usize);
    }
    acts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_wished_is_done_in_an_order_of_its_seed() {
        let wishes = Wishes { kills: 30, moves: 10, partitions: 5 };
        let acts = order(wishes, Dice::new(1, "cluster"));
        let count = |act| acts.iter().filter(|other| **other == act).count();
        assert_eq!((count(Act::Kill), count(Act::Move), count(Act::Partition)), (30, 10, 5));
        assert_eq!(acts, order(wishes, Dice::new(1, "cluster")));
        assert_ne!(acts, order(wishes, Dice::new(2, "cluster")));
    }

    #[test]
    fn slots_of_counters_and_of_links_are_moved() {
        let keys: Vec<String> = (0..KEYS).map(key).collect();
        assert_eq!(keys[0], "{p00}:w");
        assert!(keys.contains(&LINKS_LOG.to_owned()) && keys.contains(&LINKS_GENERATION.to_owned()));
    }
}
