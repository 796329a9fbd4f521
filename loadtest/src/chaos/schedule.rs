//! What is done to the house, and when: it follows from a seed, so that a bad run can be run again.

use std::time::Duration;

use super::points::{Point, Provoke};
use crate::dice::Dice;

/// Chaos begins after the first requests and ends before the last, so that both ends show the house at peace.
const QUIET: Duration = Duration::from_secs(1);
/// Of 100 kills, how many are followed by something else before the next one.
const EXTRAS_PERCENT: u64 = 40;
/// A point is passed so often, at most, before its process dies there.
const MOST_PASSES: u64 = 3;
/// How long a process is frozen in passing, ms: from less than a Redis timeout to several of them.
const FREEZE_MS: std::ops::Range<u64> = 100..3_000;

/// Something that can be killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, clap::ValueEnum)]
pub enum Target {
    /// The edge.
    Redirector,
    /// The counters.
    Redis,
    /// The bridge.
    Aggregator,
    /// The books.
    Postgres,
    /// The door for orders.
    Console,
}

impl Target {
    /// What a click passes on its way.
    pub const ALL: [Self; 4] = [Self::Redirector, Self::Redis, Self::Aggregator, Self::Postgres];
    /// What an order passes on its way.
    pub const OF_ORDERS: [Self; 3] = [Self::Console, Self::Aggregator, Self::Postgres];

    /// Its name on the board of `onebox`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Redirector => "redirector",
            Self::Redis => "redis",
            Self::Aggregator => "aggregator",
            Self::Postgres => "postgres",
            Self::Console => "console",
        }
    }
}

/// One act of violence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Act {
    /// kill -9.
    Kill(Target),
    /// Redis forgets everything.
    FlushAll,
    /// SIGSTOP: it is there, and silent.
    Freeze(Target),
    /// SIGCONT.
    Thaw(Target),
    /// A service is told to die when it passes a point for the `nth` time, and started anew to hear it.
    Arm {
        /// Where.
        point: Point,
        /// At which pass.
        nth: u64,
    },
}

impl Act {
    /// What it is counted as.
    pub fn name(self) -> String {
        match self {
            Self::Kill(target) => format!("kill_{}", target.name()),
            Self::FlushAll => "flushall".to_owned(),
            Self::Freeze(target) => format!("freeze_{}", target.name()),
            Self::Thaw(target) => format!("thaw_{}", target.name()),
            Self::Arm { point, .. } => format!("arm_{}", point.name),
        }
    }
}

/// What kinds of chaos there are to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wishes {
    /// How long the run is.
    pub length: Duration,
    /// Time between two kills, on average.
    pub kill_every: Duration,
    /// What may be killed and frozen.
    pub targets: Vec<Target>,
    /// Empty Redis this often.
    pub flushall_every: Option<Duration>,
    /// Freeze Redis once for so long, in the middle.
    pub stop_redis: Option<Duration>,
    /// Instead of being killed at random, services die at these points, one after the other.
    pub points: &'static [Point],
}

/// When Redis is frozen once, and when it goes on.
pub fn long_freeze(wishes: &Wishes) -> Option<(Duration, Duration)> {
    let long = wishes.stop_redis?;
    let begin = wishes.length.saturating_sub(long) / 2;
    Some((begin, begin + long))
}

/// All acts, in order, each with its time from the start of the run.
pub fn acts(seed: u64, wishes: &Wishes) -> Vec<(Duration, Act)> {
    let mut acts = Vec::new();
    if !wishes.targets.is_empty() {
        random_acts(Dice::new(seed, "chaos"), wishes, &mut acts);
    }
    if let Some(every) = wishes.flushall_every {
        let times = (1..).map(|n| every * n).take_while(|at| *at + QUIET < wishes.length);
        acts.extend(times.map(|at| (at, Act::FlushAll)));
    }
    if let Some((begin, end)) = long_freeze(wishes) {
        acts.extend([(begin, Act::Freeze(Target::Redis)), (end, Act::Thaw(Target::Redis))]);
    }
    acts.sort_by_key(|(at, _)| *at);
    acts
}

fn random_acts(dice: Dice, wishes: &Wishes, acts: &mut Vec<(Duration, Act)>) {
    let last = wishes.length.saturating_sub(QUIET);
    let every = wishes.kill_every.as_micros() as u64;
    for turn in 0.. {
        let throw = |aspect: u64, bound: u64| dice.below(turn * 8 + aspect, bound);
        // Anywhere within its turn, so that kills meet every phase of a flush.
        let at = QUIET + Duration::from_micros(every * turn + throw(0, every));
        if at >= last {
            return;
        }
        if !wishes.points.is_empty() {
            let point = wishes.points[(turn % wishes.points.len() as u64) as usize];
            // What has to be provoked happens once.
            let nth = if point.provoke == Provoke::Nothing { 1 + throw(1, MOST_PASSES) } else { 1 };
            acts.push((at, Act::Arm { point, nth }));
            continue;
        }
        let target = wishes.targets[throw(1, wishes.targets.len() as u64) as usize];
        acts.push((at, Act::Kill(target)));
        let then = at + Duration::from_micros(throw(2, every));
        if throw(3, 100) < EXTRAS_PERCENT && then < last {
            extra(
                wishes,
                throw(4, 3),
                then,
                Duration::from_millis(FREEZE_MS.start + throw(5, FREEZE_MS.end)),
                acts,
            );
        }
    }
}

/// Something that is no kill, if its target may be touched.
fn extra(wishes: &Wishes, which: u64, at: Duration, long: Duration, acts: &mut Vec<(Duration, Act)>) {
    let freeze = |target| [(at, Act::Freeze(target)), (at + long, Act::Thaw(target))];
    match which {
        0 if wishes.targets.contains(&Target::Redis) => acts.push((at, Act::FlushAll)),
        1 if wishes.targets.contains(&Target::Redis) => acts.extend(freeze(Target::Redis)),
        2 if wishes.targets.contains(&Target::Aggregator) => acts.extend(freeze(Target::Aggregator)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::super::points::OF_CLICKS;
    use super::*;

    fn wishes() -> Wishes {
        Wishes {
            length: Duration::from_mins(2),
            kill_every: Duration::from_secs(2),
            targets: Target::ALL.to_vec(),
            flushall_every: None,
            stop_redis: None,
            points: &[],
        }
    }

    #[test]
    fn points_take_turns() {
        let points = Wishes { points: &OF_CLICKS, ..wishes() };
        let acts = acts(1, &points);
        let turns = acts.iter().zip(OF_CLICKS.iter().cycle());
        for ((_, act), expected) in turns {
            assert!(matches!(act, Act::Arm { point, nth: 1..=3 } if point == expected), "{act:?}");
        }
        assert!(acts.len() > 2 * OF_CLICKS.len());
    }

    #[test]
    fn a_seed_is_a_schedule_with_everything_in_it() {
        let acts_of = |seed| acts(seed, &wishes());
        assert_eq!(acts_of(1), acts_of(1));
        assert_ne!(acts_of(1), acts_of(2));
        for seed in 0..50 {
            let acts = acts_of(seed);
            assert!(acts.is_sorted_by_key(|(at, _)| *at));
            let kills = |target| acts.iter().filter(|(_, act)| *act == Act::Kill(target)).count();
            let all: usize = Target::ALL.into_iter().map(kills).sum();
            assert!((57..=59).contains(&all), "{all} kills");
            assert!(Target::ALL.into_iter().all(|target| kills(target) > 3), "seed {seed}");
            assert!(acts.iter().any(|(_, act)| *act == Act::FlushAll), "seed {seed}");
            for target in Target::ALL {
                let count = |act| acts.iter().filter(|(_, other)| *other == act).count();
                assert_eq!(count(Act::Freeze(target)), count(Act::Thaw(target)));
            }
        }
    }

    #[test]
    fn only_what_is_wished_is_touched() {
        let edge = Wishes { targets: vec![Target::Redirector], ..wishes() };
        assert!(acts(3, &edge).iter().all(|(_, act)| *act == Act::Kill(Target::Redirector)));
        let emptied = Wishes {
            targets: Vec::new(),
            flushall_every: Some(Duration::from_secs(10)),
            length: Duration::from_mins(1),
            ..wishes()
        };
        let times: Vec<u64> = acts(3, &emptied).iter().map(|(at, _)| at.as_secs()).collect();
        assert_eq!(times, [10, 20, 30, 40, 50]);
        let stopped = Wishes {
            targets: Vec::new(),
            stop_redis: Some(Duration::from_mins(1)),
            length: Duration::from_secs(90),
            ..wishes()
        };
        let (freeze, thaw) = (Act::Freeze(Target::Redis), Act::Thaw(Target::Redis));
        assert_eq!(acts(3, &stopped), [(Duration::from_secs(15), freeze), (Duration::from_secs(75), thaw)]);
    }
}
