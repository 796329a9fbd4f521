//! Flushing: what Postgres does with a sealed bucket.
//!
//! A bucket states the interval it covers in every lane. It is added only if every interval that moved begins where
//! Postgres ends; the new end is written in the same commit. That comparison is the whole fence: two aggregators, a
//! lost commit reply, a replica promoted late or a restored Postgres all end in one of the three verdicts.

use std::collections::BTreeMap;

use crate::ids::{Lane, Seq};

/// What Postgres has counted of one lane in one partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Watermark {
    /// Every record up to here is counted.
    pub seq: Seq,
    /// How many records that are, as the journal states it.
    pub claim: u64,
}

/// One lane of a sealed bucket: it holds the counts of the lane's records in `(base, end]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// The lane.
    pub lane: Lane,
    /// Where the bucket begins. Zero for a lane that was opened in it.
    pub base: Seq,
    /// Where it ends.
    pub end: Seq,
    /// The journal's running total at `end`.
    pub claim: u64,
}

impl Span {
    fn moved(&self) -> bool {
        self.base != self.end
    }
}

/// What is to be done with a bucket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Add the counts and move the watermark to these ends, in one commit.
    Apply(BTreeMap<Lane, Watermark>),
    /// Postgres has it already (an earlier commit whose reply was lost). Drop it.
    Duplicate,
    /// It does not follow from what Postgres has. Throw it away and start Redis again at the watermark.
    Conflict,
}

/// Judges a sealed bucket against the watermark, which the caller holds locked.
///
/// A lane that did not move says nothing new and never moves the watermark; but one that stands *ahead* of it shows
/// that Postgres went back in time, and is judged like one that moved.
pub fn judge(spans: &[Span], watermark: &BTreeMap<Lane, Watermark>) -> Verdict {
    let counted = |lane: Lane| watermark.get(&lane).copied().unwrap_or_default().seq;
    let mut speaking = spans.iter().filter(|span| span.moved() || span.base > counted(span.lane)).peekable();
    if !speaking.clone().any(|span| span.end > counted(span.lane)) {
        return Verdict::Duplicate;
    }
    if speaking.any(|span| span.base != counted(span.lane)) {
        return Verdict::Conflict;
    }
    let moved = spans.iter().filter(|span| span.moved());
    Verdict::Apply(moved.map(|s| (s.lane, Watermark { seq: s.end, claim: s.claim })).collect())
}

/// Whether an active bucket may stand: with nothing to seal, it must begin where Postgres ends, in every lane.
///
/// Without this an idle partition would never notice that Postgres was restored to an earlier day.
pub fn base_agrees(base: &BTreeMap<Lane, Seq>, watermark: &BTreeMap<Lane, Watermark>) -> bool {
    base.iter().all(|(lane, seq)| *seq == watermark.get(lane).copied().unwrap_or_default().seq)
}

/// Where Redis starts again after a conflict: at the watermark, and at zero for lanes that Postgres has never seen.
pub fn reset_to(
    seen: impl IntoIterator<Item = Lane>,
    watermark: &BTreeMap<Lane, Watermark>,
) -> BTreeMap<Lane, Watermark> {
    let mut start: BTreeMap<Lane, Watermark> =
        seen.into_iter().map(|lane| (lane, Watermark::default())).collect();
    start.extend(watermark);
    start
}

/// Clicks the journals claim to have handed over in this bucket. Equal to the clicks counted in it, or the books
/// do not add up. Signed: a wrong bucket may claim less than Postgres has.
pub fn claimed(next: &BTreeMap<Lane, Watermark>, watermark: &BTreeMap<Lane, Watermark>) -> i64 {
    let before = |lane| watermark.get(lane).copied().unwrap_or_default().claim;
    next.iter().map(|(lane, mark)| mark.claim.cast_signed() - before(lane).cast_signed()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: Lane = Lane(576);
    const B: Lane = Lane(577);

    fn span(lane: Lane, base: u64, end: u64) -> Span {
        Span { lane, base: Seq(base), end: Seq(end), claim: end }
    }

    fn marks(of: &[(Lane, u64)]) -> BTreeMap<Lane, Watermark> {
        of.iter().map(|&(lane, seq)| (lane, Watermark { seq: Seq(seq), claim: seq })).collect()
    }

    #[track_caller]
    fn check(spans: &[Span], watermark: &[(Lane, u64)], expect: &Verdict) {
        assert_eq!(judge(spans, &marks(watermark)), *expect);
    }

    #[test]
    fn a_bucket_that_follows_is_applied_and_moves_only_what_moved() {
        check(&[span(A, 0, 300), span(B, 0, 20)], &[], &Verdict::Apply(marks(&[(A, 300), (B, 20)])));
        check(
            &[span(A, 300, 400), span(B, 20, 20)],
            &[(A, 300), (B, 20)],
            &Verdict::Apply(marks(&[(A, 400)])),
        );
        // B rests at 5 while Postgres is ahead of it: an old view of an idle lane says nothing.
        check(&[span(A, 300, 400), span(B, 5, 5)], &[(A, 300), (B, 20)], &Verdict::Apply(marks(&[(A, 400)])));
    }

    #[test]
    fn a_bucket_that_is_already_counted_is_a_duplicate() {
        check(&[span(A, 0, 300)], &[(A, 300)], &Verdict::Duplicate);
        check(&[span(A, 0, 300), span(B, 0, 20)], &[(A, 400), (B, 20)], &Verdict::Duplicate);
    }

    #[test]
    fn a_bucket_with_a_gap_or_an_overlap_is_a_conflict() {
        check(&[span(A, 250, 400)], &[(A, 300)], &Verdict::Conflict);
        check(&[span(A, 350, 400)], &[(A, 300)], &Verdict::Conflict);
        check(&[span(A, 0, 400)], &[(A, 300)], &Verdict::Conflict);
    }

    #[test]
    fn an_idle_lane_ahead_of_postgres_is_a_conflict() {
        check(&[span(A, 300, 400), span(B, 20, 20)], &[(A, 300), (B, 10)], &Verdict::Conflict);
        check(&[span(B, 20, 20)], &[(B, 10)], &Verdict::Conflict);
    }

    #[test]
    fn an_idle_partition_notices_a_restored_postgres() {
        let base = BTreeMap::from([(A, Seq(300))]);
        assert!(base_agrees(&base, &marks(&[(A, 300), (B, 9)])));
        assert!(!base_agrees(&base, &marks(&[(A, 200)])));
        assert!(!base_agrees(&base, &marks(&[])));
    }

    #[test]
    fn a_reset_names_every_lane_it_saw() {
        assert_eq!(reset_to([A, B], &marks(&[(A, 7)])), marks(&[(A, 7), (B, 0)]));
    }

    #[test]
    fn claims_are_what_was_handed_over_since() {
        assert_eq!(claimed(&marks(&[(A, 400), (B, 20)]), &marks(&[(A, 300)])), 120);
        assert_eq!(claimed(&marks(&[(A, 100)]), &marks(&[(A, 300)])), -200);
    }
}
