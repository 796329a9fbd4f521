//! Postgres in a few lines, and the bugs that are planted.

use std::collections::{BTreeMap, BTreeSet};

use common::flush::{Span, Verdict, Watermark, judge};
use common::ids::Lane;

use crate::node::{Click, Counts, Sealed};

/// A planted bug.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Bug {
    None,
    /// `apply` adds whatever arrives.
    NoCompareAndSet,
    /// Postgres adds whatever bucket it is given.
    NoBaseCheck,
    /// Sketches are read from whatever node answers.
    UnguardedSketchRead,
    /// A restarted edge goes on numbering where its journal ends.
    EpochNotBumped,
    /// The watermark moves to a bucket's end in every lane, moved or not, and idle lanes are not judged.
    IdleLaneMovesWatermark,
    /// With nothing to seal, the base is not compared with the watermark.
    NoIdleCheck,
    /// After MISSING the edge begins at the last durable mark it heard of.
    RebasesAtDurable,
    /// The edge deletes its journal as soon as it is durable.
    NoRetention,
}

/// Postgres: one partition's watermark and everything counted.
#[derive(Debug, Clone, Default)]
pub(crate) struct Postgres {
    pub(crate) watermark: BTreeMap<Lane, Watermark>,
    pub(crate) counts: Counts,
    pub(crate) sketch: BTreeSet<Click>,
    /// Sum of what the journals claimed, minus what was counted. Zero, or the books do not add up.
    pub(crate) difference: i64,
}

impl Postgres {
    /// The flush transaction.
    pub(crate) fn flush(&mut self, bucket: &Sealed, sketch: BTreeSet<Click>, bug: Bug) -> Verdict {
        let ends = |spans: &mut dyn Iterator<Item = &Span>| {
            spans.map(|s| (s.lane, Watermark { seq: s.end, claim: s.claim })).collect()
        };
        let verdict = match bug {
            Bug::NoBaseCheck => Verdict::Apply(ends(&mut bucket.spans.iter().filter(|s| s.base != s.end))),
            Bug::IdleLaneMovesWatermark => {
                let moved: Vec<Span> = bucket.spans.iter().filter(|s| s.base != s.end).copied().collect();
                match judge(&moved, &self.watermark) {
                    Verdict::Apply(_) => Verdict::Apply(ends(&mut bucket.spans.iter())),
                    other => other,
                }
            }
            _ => judge(&bucket.spans, &self.watermark),
        };
        if let Verdict::Apply(next) = &verdict {
            let counted: u32 = bucket.counts.values().sum();
            self.difference += common::flush::claimed(next, &self.watermark) - i64::from(counted);
            for (click, n) in &bucket.counts {
                *self.counts.entry(*click).or_default() += n;
            }
            self.sketch.extend(sketch);
            self.watermark.extend(next);
        }
        verdict
    }
}
