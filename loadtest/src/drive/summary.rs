//! What a run came to, in numbers.

use std::collections::BTreeMap;
use std::time::Duration;

use hdrhistogram::Histogram;
use serde::Serialize;

use super::engine::{Exchange, Reply};
use super::plan::Kind;

/// Longer latencies are kept as this: a request is given up long before.
const LONGEST: Duration = Duration::from_mins(1);
/// Three digits: a percentile is off by a thousandth at most.
const DIGITS: u8 = 3;

/// Latencies, from the planned moment of each request.
#[derive(Debug)]
pub struct Latencies(Histogram<u64>);

impl Latencies {
    /// None yet.
    pub fn new() -> Self {
        let longest = LONGEST.as_micros() as u64;
        Self(Histogram::new_with_bounds(1, longest, DIGITS).expect("bounds and digits are valid"))
    }

    /// Adds one.
    pub fn add(&mut self, latency: Duration) {
        self.0.saturating_record((latency.as_micros() as u64).max(1));
    }

    /// The percentiles people ask for.
    pub fn percentiles(&self) -> Percentiles {
        let at = |quantile: f64| self.0.value_at_quantile(quantile) as f64 / 1000.0;
        Percentiles {
            p50_ms: at(0.5),
            p90_ms: at(0.9),
            p99_ms: at(0.99),
            p999_ms: at(0.999),
            max_ms: self.0.max() as f64 / 1000.0,
        }
    }
}

impl Default for Latencies {
    fn default() -> Self {
        Self::new()
    }
}

/// Latencies in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Percentiles {
    /// Half are faster.
    pub p50_ms: f64,
    /// Nine of ten are faster.
    pub p90_ms: f64,
    /// 99 of 100 are faster.
    pub p99_ms: f64,
    /// 999 of 1,000 are faster.
    pub p999_ms: f64,
    /// The slowest.
    pub max_ms: f64,
}

/// Counts of one run.
#[derive(Debug, Default)]
pub struct Summary {
    /// Everything that was planned and came to an end.
    pub requests: u64,
    /// Clicks that got a token.
    pub accepted: u64,
    /// Clicks that were answered without one, by status.
    pub untracked: BTreeMap<u16, u64>,
    /// All answers, by status.
    pub statuses: BTreeMap<u16, u64>,
    /// Known links that were answered 5xx, prefetches apart, which are answered so.
    pub failed: u64,
    /// Sent and not answered.
    pub broken: u64,
    /// Never sent: no connection.
    pub refused: u64,
    /// From the planned moment to the answer, of all that were answered.
    pub latencies: Latencies,
}

impl Summary {
    /// Counts one request.
    pub fn count(&mut self, exchange: &Exchange<'_>) {
        self.requests += 1;
        let kind = exchange.shot.kind;
        match exchange.reply {
            Reply::Answered { status, token } => {
                *self.statuses.entry(status).or_default() += 1;
                self.latencies.add(exchange.latency);
                self.failed += u64::from(status >= 500 && kind != Kind::Prefetch);
                match (kind, token) {
                    (Kind::Click | Kind::Bot, Some(_)) => self.accepted += 1,
                    (Kind::Click | Kind::Bot, None) => *self.untracked.entry(status).or_default() += 1,
                    (Kind::Head | Kind::Prefetch, _) => {}
                }
            }
            Reply::Broken => self.broken += 1,
            Reply::Refused => self.refused += 1,
        }
    }
}

/// The counts as they are reported.
#[derive(Debug, Serialize)]
pub struct Figures {
    /// See [`Summary::requests`].
    pub requests: u64,
    /// See [`Summary::accepted`].
    pub accepted: u64,
    /// See [`Summary::untracked`].
    pub untracked: BTreeMap<u16, u64>,
    /// See [`Summary::statuses`].
    pub statuses: BTreeMap<u16, u64>,
    /// See [`Summary::failed`].
    pub failed: u64,
    /// See [`Summary::broken`].
    pub broken: u64,
    /// See [`Summary::refused`].
    pub refused: u64,
    /// See [`Summary::latencies`].
    pub latency: Percentiles,
}

impl From<&Summary> for Figures {
    fn from(summary: &Summary) -> Self {
        let Summary { requests, accepted, failed, broken, refused, .. } = *summary;
        Self {
            requests,
            accepted,
            untracked: summary.untracked.clone(),
            statuses: summary.statuses.clone(),
            failed,
            broken,
            refused,
            latency: summary.latencies.percentiles(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::drive::choice::Choice;
    use crate::drive::codes::Codes;
    use crate::drive::plan::{Mix, Plan, Visitors};

    #[test]
    fn ends_are_told_apart() {
        let codes = Codes::numbered("b", 10).expect("valid");
        let plan =
            Plan::new(1, codes, Choice::Uniform { count: 10 }, Mix::Realistic, Visitors::ByBrowser, "h");
        let shot = |kind| {
            (0..10_000).map(|number| plan.shot(number)).find(|shot| shot.kind == kind).expect("all kinds")
        };
        let mut summary = Summary::default();
        let answered = |status, token| Reply::Answered { status, token };
        for (kind, reply) in [
            (Kind::Click, answered(302, Some(&b"AQ"[..]))),
            (Kind::Bot, answered(302, Some(&b"AQ"[..]))),
            (Kind::Click, answered(302, None)),
            (Kind::Click, answered(503, None)),
            (Kind::Prefetch, answered(503, None)),
            (Kind::Head, answered(302, None)),
            (Kind::Click, Reply::Broken),
            (Kind::Click, Reply::Refused),
        ] {
            let latency = Duration::from_millis(2);
            summary.count(&Exchange { shot: shot(kind), intended: Duration::ZERO, latency, reply });
        }
        assert_eq!((summary.requests, summary.accepted, summary.failed), (8, 2, 1));
        assert_eq!((summary.broken, summary.refused), (1, 1));
        assert_eq!(summary.untracked, BTreeMap::from([(302, 1), (503, 1)]));
        assert_eq!(summary.statuses, BTreeMap::from([(302, 4), (503, 2)]));
        assert!((summary.latencies.percentiles().max_ms - 2.0).abs() < 0.01);
    }
}
