//! What a run on a cluster came to.

use serde::Serialize;

use super::acts::Done;
use crate::drive::summary::Figures;
use crate::verify::findings::{Coverage, Findings};

/// What is reported.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    pub(super) seed: u64,
    /// Requests a second, over all edges.
    pub(super) rate: f64,
    pub(super) seconds: f64,
    pub(super) edges: usize,
    pub(super) aggregators: usize,
    #[serde(flatten)]
    pub(super) done: Done,
    /// Requests without an answer.
    pub(super) unexplained_failures: u64,
    /// Known links answered neither 302 nor 5xx.
    pub(super) wrong_answers: u64,
    /// For each edge.
    pub(super) load: Vec<Figures>,
    /// How often something does not hold in Postgres that must.
    pub(super) violations: u64,
    #[serde(flatten)]
    pub(super) findings: Findings,
}

impl Report {
    /// Whether everything is as promised.
    pub(super) fn passed(&self) -> bool {
        self.findings.passed(Coverage::Complete)
            && self.unexplained_failures == 0
            && self.wrong_answers == 0
            && self.violations == 0
            && self.load.iter().all(|load| load.untracked.is_empty())
    }
}
