//! What a run with orders came to.

use std::collections::BTreeMap;

use serde::Serialize;

use super::judge::Findings;
use super::post::Tally;

/// What is reported.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    pub(super) seed: u64,
    pub(super) copies: u64,
    pub(super) posters: usize,
    /// Click tokens that the edge gave out; the others were signed here.
    pub(super) real_tokens: usize,
    #[serde(flatten)]
    pub(super) tally: Tally,
    pub(super) posts_per_second: f64,
    /// kill -9 of console, aggregator or Postgres.
    pub(super) kills: u64,
    /// Everything that was done, by kind.
    pub(super) acts: BTreeMap<String, u64>,
    /// At which points the aggregator died, and how often.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) fired: BTreeMap<String, u64>,
    /// What could not be done: its target was just down.
    pub(super) missed: u64,
    pub(super) post_seconds: f64,
    /// From the last post until nothing was left to settle.
    pub(super) settle_seconds: f64,
    /// Of what must hold in Postgres: `aggregator once audit`.
    pub(super) violations: u64,
    #[serde(flatten)]
    pub(super) findings: Findings,
    pub(super) seconds: f64,
}

impl Report {
    /// Whether the books are right and nobody was refused.
    pub(super) fn passed(&self) -> bool {
        self.findings.differences == 0 && self.violations == 0 && self.tally.refused == 0
    }
}
