//! Where human clicks come from: shares as bars behind their names.

use super::format;
use super::markup::Count;
use crate::report::breakdown::{Breakdown, Share};

/// Parts of a split that are shown one by one; the rest is one row.
const MAX_PARTS: usize = 8;

/// One way to split the human clicks.
pub(crate) struct Split {
    pub(crate) title: &'static str,
    /// What stands beside the clicks of each part.
    pub(crate) aside: &'static str,
    /// The page that has all of it.
    pub(crate) more: Option<String>,
    pub(crate) parts: Vec<Part>,
}

pub(crate) struct Part {
    pub(crate) name: String,
    /// Its own page.
    pub(crate) address: Option<String>,
    pub(crate) human: Count,
    pub(crate) aside: String,
    /// The length of the bar, percent of the longest.
    pub(crate) width: String,
}

/// The splits of a breakdown that have anything in them.
pub(crate) fn splits(breakdown: &Breakdown) -> Vec<Split> {
    let all = [
        ("Traffic source", &breakdown.channels),
        ("Country", &breakdown.countries),
        ("Device", &breakdown.devices),
        ("Browser", &breakdown.browsers),
        ("Operating system", &breakdown.systems),
    ];
    all.into_iter()
        .filter(|(_, shares)| !shares.is_empty())
        .map(|(title, shares)| Split::of(title, shares))
        .collect()
}

impl Split {
    /// The largest shares one by one, and the rest together.
    pub(crate) fn of(title: &'static str, shares: &[Share]) -> Self {
        let total: u64 = shares.iter().map(|share| share.human).sum();
        let largest = shares.first().map_or(1, |share| share.human.max(1));
        let part = |name: String, human: u64| Part {
            name,
            address: None,
            human: Count(human),
            aside: format::percent(human, total),
            width: format::width(human, largest),
        };
        let shown = if shares.len() > MAX_PARTS { MAX_PARTS - 1 } else { shares.len() };
        let mut parts: Vec<Part> =
            shares[..shown].iter().map(|share| part(format::word(&share.name), share.human)).collect();
        let rest = &shares[shown..];
        if !rest.is_empty() {
            parts.push(part(format!("{} others", rest.len()), rest.iter().map(|share| share.human).sum()));
        }
        Self { title, aside: "Share", more: None, parts }
    }
}
