//! Holding the books against the reference, order by order.

use std::collections::BTreeMap;
use std::fmt::Debug;

use common::ids::LinkId;
use common::ledger::{self, Account};
use common::order::{Status, status};
use common::time::Millis;
use serde::Serialize;

use super::books::{Books, Daily, Name, Stored, millis, name_of, print_of};
use super::make::Maker;
use super::reference::{Decided, Expected, expect, takes_part};

/// Examples that are shown.
const SHOWN: usize = 12;

/// Whether payouts ran meanwhile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Payouts {
    None,
    /// Then cash is taken from the books as it is, and all else must follow from it.
    Some,
}

/// What was found.
#[derive(Debug, Default, Serialize)]
pub(super) struct Findings {
    /// Orders of one vendor each, as the database has them.
    pub(super) orders: u64,
    /// Events that must be stored.
    pub(super) events: u64,
    /// How many of them take no part.
    pub(super) parked: u64,
    /// Whatever is not as the reference says.
    pub(super) differences: u64,
    /// Orders by status.
    pub(super) statuses: BTreeMap<&'static str, u64>,
    /// Orders by what was decided about their credit.
    pub(super) credited: u64,
    pub(super) held: u64,
    /// Ledger sums by account, in millions of minor units of whatever currency: that the run was not empty.
    pub(super) ledger: BTreeMap<&'static str, i64>,
    /// Payout batches that were paid.
    pub(super) paid: u64,
    pub(super) examples: Vec<String>,
}

impl Findings {
    /// Notes a difference.
    pub(super) fn wrong(&mut self, words: impl FnOnce() -> String) {
        self.differences += 1;
        if self.examples.len() < SHOWN {
            self.examples.push(words());
        }
    }

    fn same<T: PartialEq + Debug>(&mut self, name: &Name, what: &str, stored: &T, expected: &T) {
        if stored != expected {
            self.wrong(|| format!("{what} of order {name:?} is {stored:?}, must be {expected:?}"));
        }
    }
}

/// Compares everything, order by order.
pub(super) fn judge(
    maker: &Maker<'_>,
    orders: u64,
    mut books: Books,
    payouts: Payouts,
    now: Millis,
) -> Findings {
    let (mut findings, mut daily) = (Findings::default(), Daily::new());
    for number in 0..orders {
        let parts = maker.make(number).parts();
        for ((vendor, order_ref), events) in &parts {
            let name = (vendor.0, order_ref.clone());
            findings.events += events.len() as u64;
            for event in events {
                let part = takes_part(maker.world, event);
                findings.parked += u64::from(!part);
                let stored = books.events.remove(&name_of(vendor.0, &event.event_id));
                findings.same(
                    &name,
                    &format!("event {}", event.event_id),
                    &stored,
                    &Some(print_of(event, part)),
                );
            }
            let stored = books.orders.remove(&name);
            let decided = stored.as_ref().map(|stored| decided(stored, payouts)).unwrap_or_default();
            let events: Vec<_> = events.iter().collect();
            let expected = expect(maker.world, &maker.purse.keyring, *vendor, &events, &decided, now);
            match (stored, expected) {
                (None, None) => {}
                (Some(stored), Some(expected)) => {
                    findings.orders += 1;
                    findings.order(&name, &stored, &expected, payouts);
                    add_daily(&mut daily, &expected);
                }
                (None, Some(_)) => findings.wrong(|| format!("there is no order {name:?}")),
                (Some(_), None) => findings.wrong(|| format!("order {name:?} should not be there")),
            }
        }
    }
    for name in books.orders.keys() {
        findings.wrong(|| format!("nobody reported order {name:?}"));
    }
    let surplus = books.events.len();
    if surplus > 0 {
        findings.wrong(|| format!("{surplus} events are stored that nobody reported"));
    }
    findings.daily(&books.daily, &daily);
    findings
}

/// Whether a payout ever had a part in it, and be it that the next took it back.
fn was_paid(stored: &Stored) -> bool {
    stored.positions.keys().any(|position| position.account == Account::Cash)
}

/// What the reference takes over.
fn decided(stored: &Stored, payouts: Payouts) -> Decided {
    let row = &stored.row;
    let credited = row.link_id.zip(row.affiliate_id).zip(row.credited_by.clone());
    let credited =
        credited.map(|((link, affiliate), by)| (LinkId(link.cast_unsigned()), affiliate.cast_unsigned(), by));
    let paid_to = credited.filter(|_| was_paid(stored) && payouts == Payouts::Some);
    Decided { is_held: stored.row.is_held, paid_to }
}

impl Findings {
    fn order(&mut self, name: &Name, stored: &Stored, expected: &Expected, payouts: Payouts) {
        let (row, folded) = (&stored.row, &expected.folded);
        let paid = ledger::paid(&stored.positions);
        let word = status(folded, expected.commission_minor, paid);
        self.same(name, "the status", &row.status.as_str(), &word.name());
        *self.statuses.entry(word.name()).or_default() += 1;
        let currency = folded.currency.map(|currency| currency.to_string());
        self.same(name, "the currency", &row.currency, &currency);
        let amounts = |net, refunded, commission, paid| [net, refunded, commission, paid];
        self.same(
            name,
            "net, refunded, commission, paid",
            &amounts(row.net_minor, row.refunded_minor, row.commission_minor, row.paid_minor),
            &amounts(folded.net_minor, folded.refunded_minor, expected.commission_minor, paid),
        );
        let credit = expected
            .credit
            .map(|credit| (credit.link.0.cast_signed(), credit.affiliate.cast_signed(), credit.by));
        let stored_credit = row.link_id.zip(row.affiliate_id).zip(row.credited_by.as_deref());
        self.same(name, "the credit", &stored_credit.map(|((link, who), by)| (link, who, by)), &credit);
        self.credited += u64::from(credit.is_some());
        let times = [folded.placed_at, folded.completed_at];
        self.same(
            name,
            "placed and completed",
            &[row.placed_at.map(millis), row.completed_at.map(millis)],
            &times,
        );
        self.same(name, "the number of events", &i64::from(row.event_count), &(expected.events as i64));
        self.lines(name, stored, expected);
        self.books(name, stored, expected, payouts);
        self.holds(name, stored, expected);
        self.verdicts(name, stored, expected, payouts);
        if word == Status::Abandoned && !stored.positions.is_empty() {
            self.wrong(|| format!("order {name:?} was never bought, and has commission"));
        }
    }

    fn lines(&mut self, name: &Name, stored: &Stored, expected: &Expected) {
        self.same(name, "the number of lines", &stored.lines.len(), &expected.lines.len());
        for line in &expected.lines {
            let row = stored.lines.get(&line.item_id).map(|row| {
                (
                    (row.net_minor, row.refunded_minor, row.commission_minor),
                    (row.rate_ppm.map(i32::cast_unsigned), row.rate_source.as_deref()),
                )
            });
            let must = (
                (line.net_minor, line.refunded_minor, line.commission_minor),
                (line.rate_ppm, line.rate_source),
            );
            self.same(name, &format!("line {}", line.item_id), &row, &Some(must));
        }
    }

    /// Nothing is left to book, and whatever is booked follows from what was paid.
    fn books(&mut self, name: &Name, stored: &Stored, expected: &Expected, payouts: Payouts) {
        for (position, amount) in &stored.positions {
            *self.ledger.entry(position.account.name()).or_default() += amount / 1_000_000;
        }
        if payouts == Payouts::None
            && stored.positions.keys().any(|position| position.account == Account::Cash)
        {
            self.wrong(|| format!("order {name:?} was paid, and nobody paid anything"));
        }
        let left = ledger::difference(&stored.positions, expected.due.as_ref());
        if !left.is_empty() {
            self.wrong(|| format!("the books of order {name:?} lack {left:?}; due is {:?}", expected.due));
        }
    }

    /// Every flag that the whole order raises was raised. More may have been, while a part of it was known.
    fn holds(&mut self, name: &Name, stored: &Stored, expected: &Expected) {
        self.held += u64::from(stored.row.is_held);
        // Nobody reviews anything here: every hold is open.
        self.same(name, "held", &stored.row.is_held, &!stored.flags.is_empty());
        let was_fast = stored.flags.iter().any(|flag| flag == "fast_order");
        if expected.is_fast
            && expected.commission_minor > 0
            && !was_fast
            && ledger::paid(&stored.positions) == 0
        {
            self.wrong(|| format!("order {name:?} was too fast and is not held"));
        }
    }

    fn verdicts(&mut self, name: &Name, stored: &Stored, expected: &Expected, payouts: Payouts) {
        if payouts == Payouts::Some && was_paid(stored) {
            return; // what came after the payout was judged without a chance
        }
        let codes = expected.verdicts.iter().map(|(text, verdict)| (text.clone(), verdict.code().to_owned()));
        self.same(name, "the verdicts", &stored.verdicts, &codes.collect());
    }

    fn daily(&mut self, stored: &Daily, expected: &Daily) {
        for key in stored.keys().chain(expected.keys().filter(|key| !stored.contains_key(key))) {
            let of = |daily: &Daily| daily.get(key).copied().unwrap_or_default();
            if of(stored) != of(expected) {
                self.wrong(|| format!("the day {key:?} is {:?}, must be {:?}", of(stored), of(expected)));
            }
        }
    }
}

fn add_daily(daily: &mut Daily, expected: &Expected) {
    let folded = &expected.folded;
    let (Some(credit), Some(currency), Some(ordered_at)) =
        (expected.credit, folded.currency, folded.ordered_at())
    else {
        return;
    };
    if folded.is_cancelled {
        return;
    }
    let row = daily.entry((credit.link, ordered_at.day(), currency.to_string())).or_default();
    row.0 += 1;
    row.1 += folded.net_minor - folded.refunded_minor;
    row.2 += expected.commission_minor;
}

#[cfg(test)]
mod tests;
