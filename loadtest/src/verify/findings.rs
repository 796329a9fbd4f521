//! Holding the two against each other. Pure: what was read goes in, what is wrong comes out.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use common::hll::Sketch;
use common::token::Click;
use common::wire::{Count, RecordFlags, Stamps};
use serde::Serialize;

use super::accepted::Accepted;
use super::books::Books;
use super::recount::Recount;

/// Differences shown one by one; more only fill the screen.
const SHOWN: usize = 20;

/// What an audit found. Every count of something wrong must be 0.
#[derive(Debug, Default, Serialize)]
pub struct Findings {
    /// Requests in the logs.
    pub requests: u64,
    /// Distinct clicks that shoppers hold a token of.
    pub accepted: u64,
    /// Clicks that Postgres has counted.
    pub counted: u64,
    /// Records the journal has up to where Postgres is. Absent without a journal, as all that is known from it only.
    pub recorded: Option<u64>,
    /// Accepted clicks, or records, that are in no count: by link and hour, none balanced by another.
    pub lost: u64,
    /// Counts without a record. Without a journal nobody can tell.
    pub doubled: Option<u64>,
    /// Records that nobody holds a token of: the answer was lost on its way, or they are not of these logs.
    pub surplus: Option<u64>,
    /// Requests that were sent and not answered: each may explain one of the surplus.
    pub unanswered: u64,
    /// Tokens that name the click of another token.
    pub repeated_tokens: u64,
    /// Accepted clicks without a record in the journal.
    pub tokens_without_record: u64,
    /// Tokens that say something else than their record.
    pub disagreeing_tokens: u64,
    /// Records, or without a journal accepted clicks, that Postgres has not reached.
    pub pending: u64,
    /// Counts by platform or origin that differ from a recount.
    pub breakdown_mismatches: u64,
    /// Links and days whose sketch or estimate differs from a recount.
    pub sketch_mismatches: u64,
    /// Lanes of partitions whose watermark is not their last record, or whose claim is not the number of records.
    pub watermark_mismatches: u64,
    /// Records out of order in their lane.
    pub disordered_records: u64,
    /// Known links that were answered 5xx.
    pub failed: u64,
    /// How long it took until Postgres had everything.
    pub drain_seconds: f64,
    /// The first few differences, in words.
    pub examples: Vec<String>,
}

/// How much of what was recorded the logs know of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Coverage {
    /// Others clicked too: a surplus means nothing.
    Shared,
    /// Every click there ever was is in the logs: a surplus beyond the unanswered requests is wrong.
    Complete,
}

impl Findings {
    /// Whether everything is as it must be.
    pub fn passed(&self, coverage: Coverage) -> bool {
        let wrong = [
            self.lost,
            self.doubled.unwrap_or(0),
            self.disagreeing_tokens,
            self.pending,
            self.breakdown_mismatches,
            self.sketch_mismatches,
            self.watermark_mismatches,
            self.disordered_records,
            self.failed,
        ];
        let explained = coverage == Coverage::Shared || self.surplus.unwrap_or(0) <= self.unanswered;
        wrong.iter().all(|count| *count == 0) && explained
    }

    /// What can be said with the journal: exactly everything.
    pub fn exact(accepted: &Accepted, recount: &Recount, books: &Books, drain: Duration) -> Self {
        let mut findings = Self::begin(accepted, books, drain);
        let found = recount.found.iter().filter(|found| **found).count() as u64;
        findings.tokens_without_record = findings.accepted - found;
        findings.recorded = Some(recount.records);
        findings.surplus = Some((recount.records + recount.beyond).saturating_sub(found));
        findings.pending = recount.beyond;
        findings.disagreeing_tokens = recount.disagreeing;
        findings.disordered_records = recount.disordered;
        findings.lost += findings.tokens_without_record;
        for (click, _) in accepted.clicks.iter().zip(&recount.found).filter(|(_, found)| !**found) {
            findings.example(|| format!("no record of {click:?}"));
        }
        findings.compare_counts(&recount.counts, &books.counts);
        findings.compare_sketches(recount, books);
        findings.compare_marks(recount, books);
        findings
    }

    /// What can be said without the journal: every accepted click is counted, and perhaps others too.
    pub fn at_least(accepted: &Accepted, books: &Books, pending: u64, drain: Duration) -> Self {
        let mut findings = Self::begin(accepted, books, drain);
        findings.pending = pending;
        let mut expected = HashMap::<Count, u64>::new();
        accepted.clicks.iter().for_each(|click| *expected.entry(count_of(click)).or_default() += 1);
        for (count, expected) in expected {
            let stored = books.counts.get(&count).copied().unwrap_or(0);
            if stored < expected {
                findings.lost += expected - stored;
                findings.example(|| format!("{} has {stored}, not {expected} or more", name(&count)));
            }
        }
        findings
    }

    fn begin(accepted: &Accepted, books: &Books, drain: Duration) -> Self {
        let hourly = books.counts.iter().filter(|(count, _)| is_hourly(count));
        Self {
            requests: accepted.requests,
            accepted: accepted.clicks.len() as u64,
            counted: hourly.map(|(_, n)| n).sum(),
            lost: accepted.repeated,
            unanswered: accepted.broken,
            repeated_tokens: accepted.repeated,
            failed: accepted.failed,
            drain_seconds: drain.as_secs_f64(),
            ..Self::default()
        }
    }

    fn compare_counts(&mut self, expected: &HashMap<Count, u64>, stored: &HashMap<Count, u64>) {
        let all: BTreeSet<&Count> = expected.keys().chain(stored.keys()).collect();
        let mut doubled = 0;
        for count in all {
            let of = |counts: &HashMap<Count, u64>| counts.get(count).copied().unwrap_or(0);
            let (expected, stored) = (of(expected), of(stored));
            if expected == stored {
                continue;
            }
            if is_hourly(count) {
                self.lost += expected.saturating_sub(stored);
                doubled += stored.saturating_sub(expected);
            } else {
                self.breakdown_mismatches += 1;
            }
            self.example(|| format!("{} is {stored} in Postgres, {expected} by recount", name(count)));
        }
        self.doubled = Some(doubled);
    }

    fn compare_sketches(&mut self, recount: &Recount, books: &Books) {
        let mut seen = 0;
        for (link, day, sketch) in recount.sketches() {
            let stored = books.sketches.get(&(link, day));
            seen += u64::from(stored.is_some());
            let same = stored.is_some_and(|stored| {
                Sketch::from_redis(&stored.sketch).is_ok_and(|found| found == sketch)
                    && u64::try_from(stored.estimate) == Ok(sketch.estimate())
            });
            if !same {
                self.sketch_mismatches += 1;
                self.example(|| format!("the sketch of link {} on {} differs", link.0, day.date()));
            }
        }
        self.sketch_mismatches += books.sketches.len() as u64 - seen;
    }

    fn compare_marks(&mut self, recount: &Recount, books: &Books) {
        for (place, mark) in &books.watermark {
            let expected = recount.marks.get(place).copied().unwrap_or_default();
            if expected != *mark {
                self.watermark_mismatches += 1;
                self.example(|| format!("{place:?}: Postgres has {mark:?}, the journal {expected:?}"));
            }
        }
    }

    fn example(&mut self, words: impl FnOnce() -> String) {
        if self.examples.len() < SHOWN {
            self.examples.push(words());
        }
    }
}

/// The counter that an accepted click must be in.
fn count_of(click: &Click) -> Count {
    let hour = common::time::Millis(click.ts_ms).hour();
    if RecordFlags(click.flags).has(RecordFlags::BOT) {
        Count::Filtered(click.link, hour)
    } else {
        Count::Human(click.link, hour)
    }
}

fn is_hourly(count: &Count) -> bool {
    matches!(count, Count::Human(..) | Count::Filtered(..))
}

fn name(count: &Count) -> String {
    let mut out = Vec::new();
    count.write(&mut Stamps::default(), &mut out);
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use common::flush::Watermark;
    use common::ids::{Lane, LinkId, Partition, Seq};
    use common::time::Hour;

    use super::*;
    use crate::verify::books::Stored;

    const HOUR: Hour = Hour(498_648);

    fn click(seq: u64) -> Click {
        let ts_ms = u64::from(HOUR.0) * 3_600_000;
        Click { flags: 0, ts_ms, link: LinkId(1), visitor: 1, channel: 0, lane: Lane(0), seq: Seq(seq) }
    }

    fn accepted(seqs: &[u64]) -> Accepted {
        Accepted { clicks: seqs.iter().map(|seq| click(*seq)).collect(), broken: 1, ..Accepted::default() }
    }

    /// Books and a recount that agree on `human` clicks of link 1, and on as many visitors of it.
    fn agreeing(human: u64) -> (Recount, Books) {
        let mut recount = Recount { records: human, found: vec![true; human as usize], ..Recount::default() };
        recount.counts.insert(Count::Human(LinkId(1), HOUR), human);
        recount.visits = (1..=human).map(|visitor| (LinkId(1), HOUR.day(), visitor)).collect();
        recount.marks.insert((Lane(0), Partition(0)), Watermark { seq: Seq(human), claim: human });
        let sketches = recount.sketches().map(|(link, day, sketch)| {
            let stored = Stored { sketch: sketch.to_redis(), estimate: sketch.estimate().cast_signed() };
            ((link, day), stored)
        });
        let (watermark, counts) = (recount.marks.clone(), recount.counts.clone());
        let books = Books { watermark, counts, sketches: sketches.collect() };
        (recount, books)
    }

    #[track_caller]
    fn check(recount: &Recount, books: &Books, seqs: &[u64], expect: impl Fn(&Findings) -> bool) {
        let findings = Findings::exact(&accepted(seqs), recount, books, Duration::ZERO);
        assert!(expect(&findings) && !findings.passed(Coverage::Complete), "{findings:?}");
    }

    #[test]
    fn books_that_agree_pass() {
        let (recount, books) = agreeing(3);
        let findings = Findings::exact(&accepted(&[1, 2, 3]), &recount, &books, Duration::ZERO);
        assert!(findings.passed(Coverage::Complete), "{findings:?}");
        assert_eq!(
            (findings.accepted, findings.recorded, findings.counted, findings.surplus),
            (3, Some(3), 3, Some(0))
        );
    }

    #[test]
    fn a_surplus_needs_an_unanswered_request_each() {
        let (mut recount, books) = agreeing(3);
        recount.found.truncate(2);
        let findings = Findings::exact(&accepted(&[1, 2]), &recount, &books, Duration::ZERO);
        assert!(findings.surplus == Some(1) && findings.passed(Coverage::Complete), "{findings:?}");
        recount.found.truncate(1);
        check(&recount, &books, &[1], |findings| findings.surplus == Some(2));
        let findings = Findings::exact(&accepted(&[1]), &recount, &books, Duration::ZERO);
        assert!(findings.passed(Coverage::Shared), "others may have clicked");
    }

    #[test]
    fn loss_and_doubling_do_not_balance() {
        let (mut recount, mut books) = agreeing(3);
        recount.counts.insert(Count::Human(LinkId(2), HOUR), 5);
        books.counts.insert(Count::Filtered(LinkId(2), HOUR), 4);
        check(&recount, &books, &[1, 2, 3], |findings| findings.lost == 5 && findings.doubled == Some(4));
    }

    #[test]
    fn every_other_difference_is_found() {
        let (recount, mut books) = agreeing(3);
        books.sketches.clear();
        check(&recount, &books, &[1, 2, 3], |findings| findings.sketch_mismatches == 1);

        let (recount, mut books) = agreeing(3);
        let spare = Stored { sketch: Sketch::new().to_redis(), estimate: 0 };
        books.sketches.insert((LinkId(9), HOUR.day()), spare);
        check(&recount, &books, &[1, 2, 3], |findings| findings.sketch_mismatches == 1);

        let (recount, mut books) = agreeing(3);
        books.watermark.insert((Lane(1), Partition(0)), Watermark { seq: Seq(1), claim: 1 });
        check(&recount, &books, &[1, 2, 3], |findings| findings.watermark_mismatches == 1);

        let (mut recount, books) = agreeing(3);
        recount.found[1] = false;
        check(&recount, &books, &[1, 2, 3], |findings| {
            findings.lost == 1 && findings.tokens_without_record == 1
        });
    }

    #[test]
    fn without_a_journal_loss_is_found_and_more_is_allowed() {
        let (_, books) = agreeing(3);
        let lost = |seqs: &[u64]| Findings::at_least(&accepted(seqs), &books, 0, Duration::ZERO).lost;
        assert_eq!((lost(&[1, 2]), lost(&[1, 2, 3]), lost(&[1, 2, 3, 4])), (0, 0, 1));
    }
}
