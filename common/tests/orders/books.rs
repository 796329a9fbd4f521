//! A vendor with three links and one order: what `settle` does, without Postgres.

use std::collections::BTreeMap;

use common::attribution::{Candidate, Rule, Standings, Terms, Verdict, attribute};
use common::commission;
use common::ids::{Lane, LinkId, Seq, VendorId};
use common::ledger::{Account, Due, Maturity, Position, matures_at, paid};
use common::order::{Event, Folded, Line, Status, fold, status};
use common::rate::Rate;
use common::time::Millis;
use common::token::{Click, Refused};

use crate::mutants::Bug;

pub(crate) const VENDOR: VendorId = VendorId(1);
pub(crate) const DAY: u64 = 86_400_000;
/// 2026-11-01T10:00:00Z.
pub(crate) const START: Millis = Millis(1_793_527_200_000);

/// The tokens that reports carry, by name: `(link, time, seq)`. Two share their time, one is too old, one too late.
pub(crate) const CLICKS: [(&str, u64, u64, u64); 6] = [
    ("click-a", 100, START.0 - 12 * DAY, 5),
    ("click-b", 101, START.0 - DAY, 6),
    ("click-c", 102, START.0 - DAY, 7),
    ("click-old", 100, START.0 - 40 * DAY, 1),
    ("click-late", 101, START.0 + 60 * DAY, 9),
    ("click-paused", 103, START.0 - 3, 8),
];
/// Coupons and the links they credit, sorted.
pub(crate) const COUPONS: [(&str, u64); 2] = [("KETTLE5", 102), ("TEA10", 100)];

/// One order as the database has it, and the vendor's terms.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Books {
    pub(crate) terms: Terms,
    pub(crate) posted: BTreeMap<Position, i64>,
    /// What was booked, transaction by transaction.
    pub(crate) booked: Vec<Vec<(Position, i64)>>,
}

/// An order as `settle` leaves it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Settled {
    pub(crate) order: Folded,
    pub(crate) verdicts: Vec<Verdict>,
    pub(crate) due: Option<Due>,
    pub(crate) status: Status,
}

impl Books {
    pub(crate) fn new(rule: Rule) -> Self {
        let terms = Terms { window_days: 30, hold_days: 14, rule };
        Self { terms, posted: BTreeMap::new(), booked: Vec::new() }
    }

    /// Brings the books to where these events and this moment want them. `events` come as they arrived.
    pub(crate) fn settle(&mut self, events: &[&Event], now: Millis, bug: Bug) -> Settled {
        let order = bug.fold(events, fold(events.iter().copied()));
        let candidates = candidates(&order);
        let verdicts = order
            .ordered_at()
            .map(|ordered_at| attribute(VENDOR, &self.terms, ordered_at, &candidates))
            .unwrap_or_default();
        let winner = bug.credit(events, &order, &verdicts).and_then(|at| party(&candidates[at]));
        let due = winner.zip(order.currency).map(|((affiliate, link), currency)| Due {
            affiliate,
            link,
            currency,
            commission_minor: bug.commission(events, &order, &rate_of(affiliate)),
            maturity: Maturity::at(matures_at(order.completed_at, self.terms.hold_days), now),
        });
        self.book(bug.entries(&self.posted, due.as_ref()));
        let commission = due.map_or(0, |due| due.commission_minor);
        let status = status(&order, commission, paid(&self.posted));
        Settled { order, verdicts, due, status }
    }

    /// Pays out whatever is payable, as a payout does.
    pub(crate) fn pay(&mut self) {
        let payable = self.posted.iter().filter(|(position, _)| position.account == Account::Payable);
        let entries = payable.flat_map(|(&position, &amount)| {
            [(position, -amount), (Position { account: Account::Cash, ..position }, amount)]
        });
        self.book(entries.collect());
    }

    fn book(&mut self, entries: Vec<(Position, i64)>) {
        for &(position, amount) in &entries {
            *self.posted.entry(position).or_default() += amount;
        }
        self.posted.retain(|_, amount| *amount != 0);
        if !entries.is_empty() {
            self.booked.push(entries);
        }
    }

    /// The balance of one party on one account.
    pub(crate) fn balance(&self, affiliate: u64, account: Account) -> i64 {
        let of = self.posted.iter().filter(|(p, _)| p.affiliate == affiliate && p.account == account);
        of.map(|(_, amount)| amount).sum()
    }
}

/// Every token in the order of arrival.
pub(crate) fn click_ids_of<'a>(events: &[&'a Event]) -> impl Iterator<Item = &'a String> {
    events.iter().flat_map(|event| &event.click_ids)
}

/// Tokens and then coupons, as they stand in the folded order.
fn candidates(order: &Folded) -> Vec<Candidate> {
    let clicks = order.click_ids.iter().map(|token| click(token));
    clicks.chain(order.coupons.iter().map(|code| coupon(code))).collect()
}

fn party(candidate: &Candidate) -> Option<(u64, LinkId)> {
    match candidate {
        Candidate::Click { click, standings } => Some((standings.affiliate, click.link)),
        Candidate::Coupon { link, standings, .. } => Some((standings.affiliate, *link)),
        _ => None,
    }
}

fn standings(link: u64) -> Standings {
    Standings {
        vendor: VENDOR,
        affiliate: link - 90,
        link_active: link != 103,
        link_expires: None,
        vendor_active: true,
        affiliate_approved: true,
        affiliate_active: true,
        partnership_active: true,
    }
}

fn click(token: &str) -> Candidate {
    let Some((_, link, ts_ms, seq)) = CLICKS.into_iter().find(|(name, ..)| *name == token) else {
        return Candidate::Forged(Refused::Length);
    };
    let (lane, seq) = (Lane(576), Seq(seq));
    let click = Click { flags: 0, ts_ms, link: LinkId(link), visitor: 7, channel: 0, lane, seq };
    Candidate::Click { click, standings: standings(link) }
}

fn coupon(code: &str) -> Candidate {
    let Some((_, link)) = COUPONS.into_iter().find(|(name, _)| *name == code) else {
        return Candidate::UnknownCoupon;
    };
    Candidate::Coupon { link: LinkId(link), standings: standings(link), since: Millis(0), until: None }
}

/// Affiliate 10 has 12.5 %, 11 has 5 %, others have no rate; product 7 has a third.
fn rate_of(affiliate: u64) -> impl Fn(&Line) -> Option<Rate> {
    move |line| match (line.product_id, affiliate) {
        (Some(7), _) => Rate::new(333_333),
        (_, 10) => Rate::new(125_000),
        (_, 11) => Rate::new(50_000),
        _ => None,
    }
}

/// The commission of an order, line by line.
pub(crate) fn commission_of(order: &Folded, rate: &impl Fn(&Line) -> Option<Rate>) -> i64 {
    commission::of_lines(order, rate).iter().sum()
}
