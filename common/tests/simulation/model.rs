//! Redis, Postgres and a journal in a few lines each.

use std::collections::{BTreeMap, BTreeSet};

use common::flush::{Span, Verdict, Watermark, judge};
use common::ids::{Lane, Seq};
use common::ship::Answer;

/// A planted bug.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bug {
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

/// One click, whatever seq it was given.
pub type Click = u64;

/// Counts, and who was seen.
pub type Counts = BTreeMap<Click, u32>;

#[derive(Debug, Clone)]
pub struct Sealed {
    pub id: u64,
    pub spans: Vec<Span>,
    pub counts: Counts,
}

/// One Redis node, one partition.
#[derive(Debug, Clone, Default)]
pub struct Node {
    pub end: BTreeMap<Lane, Seq>,
    pub base: BTreeMap<Lane, Seq>,
    pub claim: BTreeMap<Lane, u64>,
    pub counts: Counts,
    pub sketch: BTreeSet<Click>,
    pub sealed: Option<Sealed>,
    pub durable: BTreeMap<Lane, Seq>,
}

/// The arguments of `apply`.
#[derive(Debug, Clone)]
pub struct Apply {
    pub lane: Lane,
    pub from: Seq,
    pub to: Seq,
    pub opens_lane: bool,
    pub claim: u64,
    pub clicks: Vec<Click>,
}

impl Node {
    pub fn apply(&mut self, batch: &Apply, bug: Bug) -> Answer {
        match self.end.get(&batch.lane) {
            None if !batch.opens_lane => return Answer::Missing,
            None => _ = self.base.insert(batch.lane, batch.from),
            Some(end) if *end != batch.from && bug != Bug::NoCompareAndSet => return Answer::EndsAt(*end),
            Some(_) => {}
        }
        for click in &batch.clicks {
            *self.counts.entry(*click).or_default() += 1;
            self.sketch.insert(*click);
        }
        self.claim.insert(batch.lane, batch.claim);
        self.end.insert(batch.lane, batch.to);
        Answer::Counted(batch.to)
    }

    pub fn seal(&mut self, id: u64) -> Option<&Sealed> {
        if self.sealed.is_none() && !self.counts.is_empty() {
            let base = std::mem::replace(&mut self.base, self.end.clone());
            let span = |(&lane, &end): (&Lane, &Seq)| Span {
                lane,
                base: base.get(&lane).copied().unwrap_or_default(),
                end,
                claim: self.claim.get(&lane).copied().unwrap_or_default(),
            };
            let spans = self.end.iter().map(span).collect();
            self.sealed = Some(Sealed { id, spans, counts: std::mem::take(&mut self.counts) });
        }
        self.sealed.as_ref()
    }

    pub fn holds(&self, seal: u64) -> bool {
        self.sealed.as_ref().is_some_and(|sealed| sealed.id == seal)
    }

    pub fn drop_sealed(&mut self, seal: u64, watermark: &BTreeMap<Lane, Watermark>) {
        if self.holds(seal) {
            self.sealed = None;
        }
        self.durable.extend(watermark.iter().map(|(lane, mark)| (*lane, mark.seq)));
    }

    pub fn reset(&mut self, to: &BTreeMap<Lane, Watermark>) {
        let sketch = std::mem::take(&mut self.sketch);
        let seqs: BTreeMap<Lane, Seq> = to.iter().map(|(lane, mark)| (*lane, mark.seq)).collect();
        let claim = to.iter().map(|(lane, mark)| (*lane, mark.claim)).collect();
        *self =
            Self { end: seqs.clone(), base: seqs.clone(), durable: seqs, claim, sketch, ..Self::default() };
    }
}

/// Postgres: one partition's watermark and everything counted.
#[derive(Debug, Clone, Default)]
pub struct Postgres {
    pub watermark: BTreeMap<Lane, Watermark>,
    pub counts: Counts,
    pub sketch: BTreeSet<Click>,
    /// Sum of what the journals claimed, minus what was counted. Zero, or the books do not add up.
    pub difference: i64,
}

impl Postgres {
    /// The flush transaction.
    pub fn flush(&mut self, bucket: &Sealed, sketch: BTreeSet<Click>, bug: Bug) -> Verdict {
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
