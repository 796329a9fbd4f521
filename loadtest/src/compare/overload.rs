//! Three times as many shoppers as an edge can answer: it answers as many as ever, in time, and when the crowd has gone
//! nothing is left of it. The others are not heard by the kernel, and knock again (ADR 12).
//!
//! The edge shares its core with busy programs, so that a client on the other core can offer three times what it answers.

use std::process::Command;
use std::time::Duration;

use anyhow::Context as _;
use comfy_table::Table;
use comfy_table::presets::UTF8_FULL_CONDENSED;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serde::Serialize;
use tempfile::TempDir;

use super::contender::{Name, SERVER_CORE};
use super::crowd::{Coming, Crowd, come};
use super::process::{Process, peak_bytes};
use super::{drain, links, prepare};
use crate::drive::choice::Choice;
use crate::drive::codes::Codes;
use crate::drive::plan::{Mix, Plan, Visitors};

/// Programs that share the edge's core.
const BUSY: usize = 2;
/// Shoppers at any time while the peak is looked for: enough that the edge never waits, few enough that nobody does.
const AT_PEAK: usize = 64;
/// How long the peak is looked for, and how long is looked at what comes after.
const BESIDE: Duration = Duration::from_secs(8);
/// The crowd, beside what the edge answers at its peak.
const TIMES: f64 = 3.0;
/// What comes after it.
const AFTERWARDS: f64 = 0.5;
/// At least so much of the peak is answered meanwhile.
const GOODPUT: f64 = 0.9;
/// Whoever comes so long after the crowd notices nothing of it.
const RECOVERY: Duration = Duration::from_secs(2);
/// What was found.
#[derive(Debug, Serialize)]
pub(super) struct Overload {
    peak: Phase,
    crowd: Phase,
    afterwards: Phase,
    /// Of the peak.
    goodput: f64,
    /// After the crowd.
    recovered_seconds: f64,
    peak_mib: u64,
}

#[derive(Debug, Serialize)]
struct Phase {
    seconds: f64,
    came: u64,
    redirected: u64,
    redirected_per_second: f64,
    answered_p50_ms: f64,
    answered_p99_ms: f64,
    turned_away: u64,
    turned_away_p50_ms: f64,
    turned_away_p99_ms: f64,
    gave_up: u64,
    wrong: u64,
}

impl Phase {
    fn of(crowd: &Crowd) -> Self {
        let millis =
            |histogram: &hdrhistogram::Histogram<u64>, share| histogram.value_at_quantile(share) as f64 / 1e3;
        Self {
            seconds: crowd.length.as_secs_f64(),
            came: crowd.came,
            redirected: crowd.redirected,
            redirected_per_second: crowd.redirected_per_second().round(),
            answered_p50_ms: millis(&crowd.answered_us, 0.5),
            answered_p99_ms: millis(&crowd.answered_us, 0.99),
            turned_away: crowd.turned_away,
            turned_away_p50_ms: millis(&crowd.turned_away_us, 0.5),
            turned_away_p99_ms: millis(&crowd.turned_away_us, 0.99),
            gave_up: crowd.gave_up,
            wrong: crowd.wrong,
        }
    }
}

impl Overload {
    /// For people.
    pub(super) fn table(&self) -> Table {
        let mut table = Table::new();
        table.load_style(UTF8_FULL_CONDENSED).set_header([
            "",
            "came",
            "redirected",
            "a second",
            "p50 ms",
            "p99 ms",
            "turned away",
            "p99 ms",
            "gave up",
        ]);
        for (name, phase) in
            [("peak", &self.peak), ("three times that", &self.crowd), ("half of it after", &self.afterwards)]
        {
            table.add_row([
                name.to_owned(),
                phase.came.to_string(),
                phase.redirected.to_string(),
                format!("{:.0}", phase.redirected_per_second),
                format!("{:.1}", phase.answered_p50_ms),
                format!("{:.1}", phase.answered_p99_ms),
                phase.turned_away.to_string(),
                format!("{:.1}", phase.turned_away_p99_ms),
                phase.gave_up.to_string(),
            ]);
        }
        table
    }

    /// What does not hold.
    pub(super) fn missed(&self) -> impl Iterator<Item = String> {
        let wrong = self.peak.wrong + self.crowd.wrong + self.afterwards.wrong;
        [
            (self.goodput < GOODPUT)
                .then(|| format!("{:.0} % of the peak was answered", self.goodput * 100.0)),
            (self.recovered_seconds > RECOVERY.as_secs_f64())
                .then(|| format!("shoppers noticed it for {:.1} s after", self.recovered_seconds)),
            (wrong > 0).then(|| format!("{wrong} answers were wrong")),
        ]
        .into_iter()
        .flatten()
    }
}

/// Measures with this many links, and a crowd for `length`.
pub(super) fn measure(count: u64, length: Duration) -> anyhow::Result<Overload> {
    // Each shopper is a file; the edge inherits it.
    let files = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: files.maximum, ..files })?;
    let folder =
        TempDir::with_prefix("loadtest-overload-").context("cannot make a folder for temporary files")?;
    let codes = Codes::numbered(links::PREFIX, count)?;
    let stage = prepare(folder.path(), &codes, &[Name::Redirector])?;
    let edge = Name::Redirector.start(&stage)?;
    let choice = Choice::Uniform { count };
    let plan = Plan::new(1, codes, choice, Mix::ClicksOnly, Visitors::ByBrowser, "go.example.com");
    let mut busy = Vec::new();
    for _ in 0..BUSY {
        let mut program = Command::new("sh");
        program.args(["-c", "while :; do :; done"]);
        busy.push(Process::start("busy", program, SERVER_CORE, folder.path())?);
    }
    let crowd = |number: u64, coming, length| come(edge.address, &plan, number << 32, coming, length);
    eprintln!("looking for the peak");
    let peak = crowd(0, Coming::Always(AT_PEAK), BESIDE)?;
    drain(&edge)?;
    let rate = peak.redirected_per_second();
    eprintln!("{rate:.0} redirects a second; now three times as many come for {length:?}");
    let overload = crowd(1, Coming::Rate(rate * TIMES), length)?;
    let afterwards = crowd(2, Coming::Rate(rate * AFTERWARDS), BESIDE)?;
    drain(&edge)?;
    Ok(Overload {
        goodput: overload.redirected_per_second() / rate,
        recovered_seconds: afterwards.last_trouble.unwrap_or_default().as_secs_f64(),
        peak_mib: peak_bytes(edge.process.pid())? >> 20,
        peak: Phase::of(&peak),
        crowd: Phase::of(&overload),
        afterwards: Phase::of(&afterwards),
    })
}
