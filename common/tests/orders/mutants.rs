//! Bugs that somebody might write. Each is planted beside the real rules, and each must be caught.

use std::collections::BTreeMap;

use common::attribution::Verdict;
use common::ledger::{Account, Due, Position, difference};
use common::order::{Event, Folded, Kind, Line, Reversal, fold};
use common::rate::Rate;
use proptest::strategy::{Strategy, ValueTree as _};
use proptest::test_runner::{TestCaseResult, TestRunner};

use crate::books::{click_ids_of, commission_of};
use crate::properties::{arrival_does_not_matter, payouts_change_nothing_else, refunds_add_up};
use crate::reports::{any_refunds, any_scenario};

/// Every planted bug must show within this many cases, or the properties are not a test of it.
const CASES_TO_CATCH_A_BUG: u32 = 2_000;

/// A planted bug.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Bug {
    None,
    /// The sale that came last has the last word.
    LastArrivalSpeaks,
    /// Of equal versions and times, the sale that came last speaks.
    NoTieBreak,
    /// Each report of a refund is a refund.
    RefundsByReport,
    /// Each refund takes back its own share of the commission, rounded by itself.
    CommissionOfTheRefund,
    /// Of all good clicks, the one that was reported last wins.
    LastReportedClick,
    /// What is due is booked, not what is missing.
    TargetIsBooked,
    /// Whoever is not credited any more keeps the commission.
    OldCreditStays,
    /// A payout is not remembered when the commission changes.
    PaidIsForgotten,
}

fn sells(event: &Event) -> bool {
    matches!(event.kind, Kind::Placed | Kind::Completed) && !event.items.is_empty()
}

impl Bug {
    /// The order as the bug sees it. `events` come as they arrived.
    pub(crate) fn fold(self, events: &[&Event], order: Folded) -> Folded {
        let mut sales = events.iter().filter(|event| sells(event) && event.currency == order.currency);
        let speaker = match self {
            Self::LastArrivalSpeaks => sales.next_back(),
            Self::NoTieBreak => sales.max_by_key(|e| (e.version, e.occurred_at)),
            Self::RefundsByReport => return refunds_by_report(events, order),
            _ => None,
        };
        let Some(speaker) = speaker else { return order };
        let others = events.iter().filter(|event| !sells(event)).copied();
        let only = fold(others.chain([*speaker]));
        Folded { lines: only.lines, net_minor: only.net_minor, refunded_minor: only.refunded_minor, ..order }
    }

    /// Which of the candidates the bug credits.
    pub(crate) fn credit(self, events: &[&Event], order: &Folded, verdicts: &[Verdict]) -> Option<usize> {
        let credited = verdicts.iter().position(|verdict| *verdict == Verdict::Credited);
        if self != Self::LastReportedClick {
            return credited;
        }
        let place = |token: &String| order.click_ids.iter().position(|id| id == token);
        let is_good = |at: &usize| matches!(verdicts.get(*at), Some(Verdict::Credited | Verdict::Later));
        click_ids_of(events).filter_map(place).filter(is_good).last().or(credited)
    }

    /// What the bug thinks the order earns.
    pub(crate) fn commission(
        self,
        events: &[&Event],
        order: &Folded,
        rate: &impl Fn(&Line) -> Option<Rate>,
    ) -> i64 {
        if self != Self::CommissionOfTheRefund {
            return commission_of(order, rate);
        }
        let Some(rate) = order.lines.first().and_then(rate) else { return 0 };
        let refunds = events.iter().filter_map(|event| event.reversal.as_ref()?.amount_minor);
        rate.of(order.net_minor) - refunds.map(|amount| rate.of(amount)).sum::<i64>()
    }

    /// What the bug books.
    pub(crate) fn entries(self, posted: &BTreeMap<Position, i64>, due: Option<&Due>) -> Vec<(Position, i64)> {
        match self {
            Self::TargetIsBooked => difference(&BTreeMap::new(), due),
            Self::OldCreditStays => {
                let mut entries = difference(posted, due);
                entries.retain(|(p, _)| due.is_none_or(|due| due.affiliate == p.affiliate));
                entries
            }
            Self::PaidIsForgotten => {
                let mut unpaid = posted.clone();
                unpaid.retain(|position, _| position.account != Account::Cash);
                difference(&unpaid, due)
            }
            _ => difference(posted, due),
        }
    }
}

fn refunds_by_report(events: &[&Event], order: Folded) -> Folded {
    let renamed: Vec<Event> = events
        .iter()
        .enumerate()
        .map(|(n, event)| {
            let rename = |reversal: Reversal| Reversal { reversal_id: n.to_string(), ..reversal };
            Event { reversal: event.reversal.clone().map(rename), ..(*event).clone() }
        })
        .collect();
    let only = fold(&renamed);
    Folded { lines: only.lines, refunded_minor: only.refunded_minor, ..order }
}

/// Looks for a case in which the property does not hold.
#[track_caller]
fn caught<S: Strategy>(bug: Bug, cases: &S, property: impl Fn(S::Value, Bug) -> TestCaseResult) {
    let mut runner = TestRunner::deterministic();
    let found = (0..CASES_TO_CATCH_A_BUG).find_map(|n| {
        let case = cases.new_tree(&mut runner).expect("a case").current();
        property(case, bug).err().map(|error| (n, error))
    });
    let (n, error) = found.unwrap_or_else(|| panic!("nothing catches {bug:?}"));
    eprintln!("bug: {bug:?}: caught by case {n}: {error}");
}

#[test]
fn every_bug_about_arrival_is_caught() {
    for bug in [
        Bug::LastArrivalSpeaks,
        Bug::NoTieBreak,
        Bug::RefundsByReport,
        Bug::LastReportedClick,
        Bug::TargetIsBooked,
        Bug::OldCreditStays,
    ] {
        caught(bug, &any_scenario(), arrival_does_not_matter);
    }
}

#[test]
fn commission_reckoned_on_the_refund_is_caught() {
    caught(Bug::CommissionOfTheRefund, &any_refunds(), refunds_add_up);
}

#[test]
fn a_forgotten_payout_is_caught() {
    caught(Bug::PaidIsForgotten, &any_scenario(), payouts_change_nothing_else);
}
