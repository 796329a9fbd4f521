//! One Redis node and one partition of it, in a few lines. `e2e` holds the real scripts to it.

use std::collections::{BTreeMap, BTreeSet};

use common::flush::{Span, Watermark};
use common::ids::{Lane, Seq};
use common::ship::Answer;

/// One click, whatever seq it was given.
pub(crate) type Click = u64;

/// Counts, and who was seen.
pub(crate) type Counts = BTreeMap<Click, u32>;

#[derive(Debug, Clone)]
pub(crate) struct Sealed {
    pub(crate) id: u64,
    pub(crate) spans: Vec<Span>,
    pub(crate) counts: Counts,
}

/// One Redis node, one partition.
#[derive(Debug, Clone, Default)]
pub(crate) struct Node {
    pub(crate) end: BTreeMap<Lane, Seq>,
    pub(crate) base: BTreeMap<Lane, Seq>,
    pub(crate) claim: BTreeMap<Lane, u64>,
    pub(crate) counts: Counts,
    pub(crate) sketch: BTreeSet<Click>,
    pub(crate) sealed: Option<Sealed>,
    pub(crate) durable: BTreeMap<Lane, Seq>,
}

/// The arguments of `apply`.
#[derive(Debug, Clone)]
pub(crate) struct Apply {
    pub(crate) lane: Lane,
    pub(crate) from: Seq,
    pub(crate) to: Seq,
    pub(crate) opens_lane: bool,
    pub(crate) claim: u64,
    pub(crate) clicks: Vec<Click>,
}

impl Node {
    pub(crate) fn apply(&mut self, batch: &Apply) -> Answer {
        match self.end.get(&batch.lane) {
            None if !batch.opens_lane => return Answer::Missing,
            None => _ = self.base.insert(batch.lane, batch.from),
            Some(end) if *end != batch.from => return Answer::EndsAt(*end),
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

    pub(crate) fn seal(&mut self, id: u64) -> Option<&Sealed> {
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

    pub(crate) fn holds(&self, seal: u64) -> bool {
        self.sealed.as_ref().is_some_and(|sealed| sealed.id == seal)
    }

    pub(crate) fn drop_sealed(&mut self, seal: u64, watermark: &BTreeMap<Lane, Watermark>) {
        if self.holds(seal) {
            self.sealed = None;
        }
        self.durable.extend(watermark.iter().map(|(lane, mark)| (*lane, mark.seq)));
    }

    pub(crate) fn reset(&mut self, to: &BTreeMap<Lane, Watermark>) {
        let sketch = std::mem::take(&mut self.sketch);
        let seqs: BTreeMap<Lane, Seq> = to.iter().map(|(lane, mark)| (*lane, mark.seq)).collect();
        let claim = to.iter().map(|(lane, mark)| (*lane, mark.claim)).collect();
        *self =
            Self { end: seqs.clone(), base: seqs.clone(), durable: seqs, claim, sketch, ..Self::default() };
    }
}
