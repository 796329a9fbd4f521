//! What a comparison says: each round, the medians, the ratios, and whether they are within what is promised.

use std::collections::BTreeMap;

use comfy_table::presets::UTF8_FULL_CONDENSED;
use comfy_table::{CellAlignment, Table};
use serde::Serialize;

use super::contender::Name;

/// What a counted redirect may cost, as a share of another server's redirect.
const BOUNDS: [(Name, f64); 3] = [(Name::Hyper, 1.15), (Name::Nginx, 1.05), (Name::NginxLuaRedis, 0.3)];

/// One server's window of one round. Times in microseconds for each request unless named otherwise.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Round {
    /// Whose.
    pub(super) server: Name,
    /// Which round, from 1.
    #[serde(rename = "round")]
    pub(super) number: u64,
    /// Answers.
    pub(super) requests: u64,
    /// How many a second.
    pub(super) requests_per_second: f64,
    /// Processor time of all its threads and processes, until every click was counted.
    pub(super) cpu_us: f64,
    /// The part of it until the last answer.
    pub(super) cpu_us_before_drain: f64,
    /// The same by the names of threads, from a hundredth of a microsecond on.
    pub(super) cpu_us_by_thread: BTreeMap<String, f64>,
    /// Processor time of Redis.
    pub(super) redis_cpu_us: f64,
    /// How long the last clicks took to Redis after the last answer.
    pub(super) drain_seconds: f64,
    /// Latency: the middle one.
    pub(super) p50_us: u64,
    /// Latency: only one in a hundred is longer.
    pub(super) p99_us: u64,
    /// Wrong answers.
    pub(super) wrong: u64,
    /// The first of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) first_wrong: Option<String>,
}

/// One server over all rounds, all medians.
#[derive(Debug, Serialize)]
struct Summary {
    server: Name,
    cpu_us: f64,
    cpu_us_before_drain: f64,
    redis_cpu_us: f64,
    requests_per_second: f64,
    p50_us: f64,
    p99_us: f64,
    wrong: u64,
    /// The redirector's processor time for a request as a share of this server's: the median of the rounds' ratios,
    /// since both of a round met the same machine.
    #[serde(skip_serializing_if = "Option::is_none")]
    redirector_ratio: Option<f64>,
}

#[derive(Debug, Serialize)]
struct Bound {
    server: Name,
    at_most: f64,
    ratio: f64,
    passed: bool,
}

/// The whole of it.
#[derive(Debug, Serialize)]
pub(super) struct Comparison {
    links: u64,
    connections: usize,
    medians: Vec<Summary>,
    bounds: Vec<Bound>,
    rounds: Vec<Round>,
}

impl Comparison {
    /// Sums up the rounds.
    pub(super) fn new(links: u64, connections: usize, rounds: Vec<Round>) -> Self {
        let medians: Vec<Summary> = Name::all()
            .filter(|name| rounds.iter().any(|r| r.server == *name))
            .map(|name| summary(name, &rounds))
            .collect();
        let bounds = BOUNDS.into_iter().filter_map(|(server, at_most)| {
            let ratio = medians.iter().find(|summary| summary.server == server)?.redirector_ratio?;
            Some(Bound { server, at_most, ratio, passed: ratio <= at_most })
        });
        Self { links, connections, bounds: bounds.collect(), medians, rounds }
    }

    /// Whether every answer was right.
    pub(super) fn is_right(&self) -> bool {
        self.rounds.iter().all(|round| round.wrong == 0)
    }

    /// What was promised and not kept.
    pub(super) fn missed(&self) -> impl Iterator<Item = String> {
        self.bounds.iter().filter(|bound| !bound.passed).map(|bound| {
            let Bound { server, at_most, ratio, .. } = bound;
            format!(
                "the redirector takes {ratio:.3} times the processor time of {}, not at most {at_most}",
                server.label()
            )
        })
    }

    /// For people.
    pub(super) fn table(&self) -> Table {
        let mut table = Table::new();
        table.load_style(UTF8_FULL_CONDENSED).set_header([
            "server",
            "CPU µs",
            "without drain",
            "Redis CPU µs",
            "requests/s",
            "p50 µs",
            "p99 µs",
            "redirector is",
            "at most",
            "wrong",
        ]);
        for summary in &self.medians {
            let bound = self.bounds.iter().find(|bound| bound.server == summary.server);
            table.add_row([
                summary.server.label().to_owned(),
                format!("{:.2}", summary.cpu_us),
                format!("{:.2}", summary.cpu_us_before_drain),
                format!("{:.2}", summary.redis_cpu_us),
                format!("{:.0}", summary.requests_per_second),
                format!("{:.0}", summary.p50_us),
                format!("{:.0}", summary.p99_us),
                summary.redirector_ratio.map_or(String::new(), |ratio| format!("{ratio:.3}×")),
                bound.map_or(String::new(), |bound| {
                    format!("{:.2}× {}", bound.at_most, if bound.passed { "kept" } else { "MISSED" })
                }),
                summary.wrong.to_string(),
            ]);
        }
        table.column_iter_mut().skip(1).for_each(|column| column.set_cell_alignment(CellAlignment::Right));
        table
    }
}

fn summary(server: Name, rounds: &[Round]) -> Summary {
    let of = |name: Name| rounds.iter().filter(move |round| round.server == name);
    let middle = |pick: fn(&Round) -> f64| median(of(server).map(pick).collect());
    let ratios: Vec<f64> = of(Name::Redirector)
        .filter_map(|ours| {
            of(server).find(|theirs| theirs.number == ours.number).map(|theirs| ours.cpu_us / theirs.cpu_us)
        })
        .collect();
    Summary {
        server,
        cpu_us: middle(|round| round.cpu_us),
        cpu_us_before_drain: middle(|round| round.cpu_us_before_drain),
        redis_cpu_us: middle(|round| round.redis_cpu_us),
        requests_per_second: middle(|round| round.requests_per_second),
        p50_us: middle(|round| round.p50_us as f64),
        p99_us: middle(|round| round.p99_us as f64),
        wrong: of(server).map(|round| round.wrong).sum(),
        redirector_ratio: (server != Name::Redirector && !ratios.is_empty()).then(|| median(ratios)),
    }
}

/// The middle value; of an even number, the mean of the two in the middle. Zero for none.
fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    match values.len() {
        0 => 0.0,
        n if n % 2 == 1 => values[n / 2],
        n => f64::midpoint(values[n / 2 - 1], values[n / 2]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn round(server: Name, number: u64, cpu_us: f64) -> Round {
        Round {
            server,
            number,
            requests: 1,
            requests_per_second: 1.0,
            cpu_us,
            cpu_us_before_drain: cpu_us,
            cpu_us_by_thread: BTreeMap::new(),
            redis_cpu_us: 0.0,
            drain_seconds: 0.0,
            p50_us: 1,
            p99_us: 2,
            wrong: 0,
            first_wrong: None,
        }
    }

    #[test]
    fn medians_of_odd_and_even_numbers() {
        for (values, middle) in [(vec![3.0, 1.0, 2.0], 2.0), (vec![4.0, 1.0, 2.0, 3.0], 2.5), (vec![], 0.0)] {
            assert!((median(values) - middle).abs() < f64::EPSILON);
        }
    }

    #[test]
    fn ratios_are_of_the_same_round_and_bounds_are_judged() {
        // The second round met a busy machine: both servers took twice as long.
        let rounds = vec![
            round(Name::Redirector, 1, 6.0),
            round(Name::Hyper, 1, 5.0),
            round(Name::Redirector, 2, 12.0),
            round(Name::Hyper, 2, 10.0),
            round(Name::Nginx, 1, 6.0),
            round(Name::Nginx, 2, 12.0),
        ];
        let comparison = Comparison::new(1, 1, rounds);
        let ratios: Vec<_> = comparison.medians.iter().map(|summary| summary.redirector_ratio).collect();
        assert_eq!(ratios, [None, Some(1.2), Some(1.0)]);
        let missed: Vec<String> = comparison.missed().collect();
        assert!(missed.len() == 1 && missed[0].contains("hyper"), "{missed:?}");
    }
}
