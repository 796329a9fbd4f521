//! What a run of chaos came to.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use serde::Serialize;

use super::watch::Phases;
use crate::drive::summary::{Figures, Percentiles};
use crate::verify::findings::{Coverage, Findings};

/// While Redis is frozen, 99 of 100 answers may take this many times as long as before.
const FROZEN_FACTOR: f64 = 2.0;

/// What is reported.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    pub(super) seed: u64,
    pub(super) rate: f64,
    pub(super) seconds: f64,
    /// What was done, by kind.
    pub(super) acts: BTreeMap<String, u64>,
    /// At which points services died, and how often.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) fired: BTreeMap<String, u64>,
    /// What could not be done: its target was just down.
    pub(super) missed: u64,
    /// Requests without an answer, though no edge had just died.
    pub(super) unexplained_failures: u64,
    /// From the death of an edge to the last request that failed for it.
    pub(super) longest_outage_seconds: f64,
    /// Known links answered neither 302 nor 5xx.
    pub(super) wrong_answers: u64,
    pub(super) load: Figures,
    #[serde(flatten)]
    pub(super) findings: Findings,
    pub(super) heal_seconds: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) frozen: Option<Frozen>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) folder: Option<PathBuf>,
}

/// Latencies around the time that Redis was frozen.
#[derive(Debug, Serialize)]
pub(super) struct Frozen {
    before: Percentiles,
    during: Percentiles,
    after: Percentiles,
    /// The 99th percentile within, as a multiple of the one before.
    p99_ratio: f64,
    /// From the moment Redis went on until Postgres had everything recorded until then.
    backlog_drained_seconds: f64,
}

impl Frozen {
    /// From what was noted around the outage.
    pub(super) fn new(phases: &Phases, backlog: Duration) -> Self {
        let (before, during) = (phases.before.percentiles(), phases.during.percentiles());
        let p99_ratio = during.p99_ms / before.p99_ms;
        let after = phases.after.percentiles();
        Self { before, during, after, p99_ratio, backlog_drained_seconds: backlog.as_secs_f64() }
    }
}

impl Report {
    /// Whether everything is as promised.
    pub(super) fn passed(&self) -> bool {
        self.findings.passed(Coverage::Complete)
            && self.unexplained_failures == 0
            && self.wrong_answers == 0
            && self.load.untracked.is_empty()
            && self.frozen.as_ref().is_none_or(|frozen| frozen.p99_ratio <= FROZEN_FACTOR)
    }
}
