//! What shoppers went through: every end is judged against what was done to the house at that time.

use std::ops::Range;
use std::time::Duration;

use crate::drive::engine::{Exchange, Reply};
use crate::drive::plan::Kind;
use crate::drive::summary::{Latencies, Summary};

/// What an edge answers for a link that works.
const FOUND: u16 = 302;
/// After the death of an edge, connections may fail for so long: until `onebox` has it running again.
const RESTART_LIMIT: Duration = Duration::from_secs(10);
/// The signal and its consequence are noted by two threads.
const SKEW: Duration = Duration::from_millis(20);

/// Everything that is noted of a run.
#[derive(Debug, Default)]
pub struct Watch {
    /// The counts.
    pub summary: Summary,
    /// Known links that were answered otherwise than they must be, 5xx apart.
    pub wrong_answers: u64,
    /// When requests failed that had no answer, from the start.
    pub failures: Vec<Duration>,
    /// Latencies before, during and after the time that Redis was frozen for long, if it was.
    pub phases: Option<Phases>,
}

/// Latencies around an outage.
#[derive(Debug)]
pub struct Phases {
    outage: Range<Duration>,
    /// Of requests before it.
    pub before: Latencies,
    /// Of requests within it.
    pub during: Latencies,
    /// Of requests after it.
    pub after: Latencies,
}

impl Phases {
    /// Nothing noted yet.
    pub fn around(outage: Range<Duration>) -> Self {
        Self { outage, before: Latencies::new(), during: Latencies::new(), after: Latencies::new() }
    }

    fn note(&mut self, exchange: &Exchange<'_>) {
        let phase = match exchange.intended {
            at if at < self.outage.start => &mut self.before,
            at if at < self.outage.end => &mut self.during,
            _ => &mut self.after,
        };
        phase.add(exchange.latency);
    }
}

impl Watch {
    /// Notes the end of a request.
    pub fn note(&mut self, exchange: &Exchange<'_>) {
        self.summary.count(exchange);
        match exchange.reply {
            Reply::Answered { status, .. } => {
                let wrong = status != FOUND && status < 500 && exchange.shot.kind != Kind::Prefetch;
                self.wrong_answers += u64::from(wrong);
                self.phases.iter_mut().for_each(|phases| phases.note(exchange));
            }
            Reply::Broken | Reply::Refused => self.failures.push(exchange.intended + exchange.latency),
        }
    }

    /// How many requests failed while no edge had just been killed, and the longest time between a kill and a failure
    /// that it explains. `kills` are the times of the edge's deaths, in order.
    pub fn unexplained(&self, kills: &[Duration]) -> (u64, Duration) {
        let (mut unexplained, mut longest) = (0, Duration::ZERO);
        for failed in &self.failures {
            let last = kills.partition_point(|kill| *kill <= *failed + SKEW).checked_sub(1);
            match last.map(|last| failed.saturating_sub(kills[last])) {
                Some(since) if since <= RESTART_LIMIT => longest = longest.max(since),
                Some(_) | None => unexplained += 1,
            }
        }
        (unexplained, longest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_recent_death_explains_a_failure() {
        let at = Duration::from_millis;
        let watch = Watch { failures: vec![at(990), at(1_400), at(20_000), at(500)], ..Watch::default() };
        assert_eq!(watch.unexplained(&[at(1_000), at(1_200)]), (2, at(200)));
        assert_eq!(watch.unexplained(&[]), (4, Duration::ZERO));
    }
}
