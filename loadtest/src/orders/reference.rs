//! What the books must say of an order: the pure rules applied to the set of its events, in this process.
//!
//! It shares the rules with the product, not the way: no batches, no locks, no order of arrival. Two things it takes
//! from the database, because they were decided on the way and stand for ever: holds that were raised while only a
//! part of the order was known, and who was credited when commission was first paid.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use common::attribution::{Candidate, Terms, Verdict, attribute};
use common::commission::{RateSource, of_lines};
use common::fraud::FAST_ORDER_MS;
use common::ids::{LinkId, VendorId};
use common::ledger::{Due, Maturity};
use common::order::{Event, Folded, fold, parked};
use common::rate::Rate;
use common::time::Millis;
use common::token::Keyring;

use super::world::World;

/// What was decided on the way.
#[derive(Debug, Clone, Default)]
pub(super) struct Decided {
    /// Whether somebody has to look at the order first.
    pub(super) is_held: bool,
    /// Who was credited when it was first paid, and by what.
    pub(super) paid_to: Option<(LinkId, u64, String)>,
}

/// What an order must be.
#[derive(Debug)]
pub(super) struct Expected {
    pub(super) folded: Folded,
    /// Events that take part.
    pub(super) events: usize,
    pub(super) credit: Option<Credit>,
    pub(super) lines: Vec<Line>,
    pub(super) commission_minor: i64,
    pub(super) due: Option<Due>,
    /// Of every candidate, by its text. Empty while it is no order.
    pub(super) verdicts: BTreeMap<String, Verdict>,
    /// Whether it must be held for being ordered too fast.
    pub(super) is_fast: bool,
}

/// Who is credited, and by what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Credit {
    pub(super) link: LinkId,
    pub(super) affiliate: u64,
    pub(super) by: &'static str,
}

/// A line's rate and commission.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) item_id: String,
    pub(super) net_minor: i64,
    pub(super) refunded_minor: i64,
    pub(super) rate_ppm: Option<u32>,
    pub(super) rate_source: Option<&'static str>,
    pub(super) commission_minor: i64,
}

/// Works out what an order of these events must be at `now`. `None`: all of them are parked, so there is none.
pub(super) fn expect(
    world: &World,
    keyring: &Keyring,
    vendor: VendorId,
    events: &[&Event],
    decided: &Decided,
    now: Millis,
) -> Option<Expected> {
    let events: Vec<&Event> = events.iter().copied().filter(|event| takes_part(world, event)).collect();
    if events.is_empty() {
        return None;
    }
    let folded = fold(events.iter().copied());
    let mut expected = Expected {
        events: events.len(),
        credit: None,
        lines: Vec::new(),
        commission_minor: 0,
        due: None,
        verdicts: BTreeMap::new(),
        is_fast: false,
        folded,
    };
    if let Some(ordered_at) = expected.folded.ordered_at() {
        let terms = *world.vendor(vendor).terms.at(ordered_at).expect("terms begin with time itself");
        expected.attribute(world, keyring, vendor, &terms, ordered_at, decided);
        expected.reckon(world, vendor, ordered_at);
        expected.due(&terms, decided, now);
    } else {
        expected.reckon(world, vendor, now);
    }
    Some(expected)
}

/// Whether an event is believed. The made-up ones that are not are so by days.
pub(super) fn takes_part(world: &World, event: &Event) -> bool {
    parked(event.occurred_at, world.made_at).is_none()
}

impl Expected {
    fn attribute(
        &mut self,
        world: &World,
        keyring: &Keyring,
        vendor: VendorId,
        terms: &Terms,
        ordered_at: Millis,
        decided: &Decided,
    ) {
        let tokens = self.folded.click_ids.iter().map(|token| (token.clone(), click(world, keyring, token)));
        let coupons: BTreeSet<&String> = self.folded.coupons.difference(&self.folded.click_ids).collect();
        let coupons = coupons.into_iter().map(|code| (code.clone(), coupon(world, vendor, code, ordered_at)));
        let (texts, candidates): (Vec<String>, Vec<Candidate>) = tokens.chain(coupons).unzip();
        let verdicts = attribute(vendor, terms, ordered_at, &candidates);
        let winner = verdicts.iter().position(|verdict| *verdict == Verdict::Credited);
        self.credit = winner.and_then(|at| credit(&candidates[at]));
        self.is_fast = winner.is_some_and(|at| match &candidates[at] {
            Candidate::Click { click, .. } => {
                ordered_at.0.cast_signed() - click.ts_ms.cast_signed() < FAST_ORDER_MS
            }
            _ => false,
        });
        if let Some((link, affiliate, by)) = &decided.paid_to {
            // Whoever was paid stays credited, if ever they could be.
            let mut good = candidates.iter().zip(&verdicts).filter(|(_, verdict)| could_be(**verdict));
            let paid = good.find_map(|(candidate, _)| {
                credit(candidate).filter(|c| (&c.link, &c.affiliate, c.by) == (link, affiliate, by))
            });
            self.credit = paid.or(self.credit);
        }
        self.verdicts = texts.into_iter().zip(verdicts).collect();
    }

    fn reckon(&mut self, world: &World, vendor: VendorId, at: Millis) {
        let rate = |product: Option<u64>| -> Option<(Rate, RateSource)> {
            world.rate(vendor, self.credit?.affiliate, product, at)
        };
        let commissions = of_lines(&self.folded, |line| rate(line.product_id).map(|(rate, _)| rate));
        self.lines = self
            .folded
            .lines
            .iter()
            .zip(&commissions)
            .map(|(line, commission)| {
                let rate = rate(line.product_id);
                Line {
                    item_id: line.item_id.clone(),
                    net_minor: line.net_minor,
                    refunded_minor: line.refunded_minor,
                    rate_ppm: rate.map(|(rate, _)| rate.ppm()),
                    rate_source: rate.map(|(_, source)| source.name()),
                    commission_minor: *commission,
                }
            })
            .collect();
        self.commission_minor = commissions.iter().sum();
    }

    fn due(&mut self, terms: &Terms, decided: &Decided, now: Millis) {
        let hold = Duration::from_hours(24 * u64::from(terms.hold_days));
        let is_over = self.folded.completed_at.is_some_and(|completed| completed.plus(hold) <= now);
        let maturity = if is_over && !decided.is_held { Maturity::Mature } else { Maturity::Pending };
        self.due = self.credit.zip(self.folded.currency).map(|(credit, currency)| Due {
            affiliate: credit.affiliate,
            link: credit.link,
            currency,
            commission_minor: self.commission_minor,
            maturity,
        });
    }
}

/// Whether it may have won when only a part of the order was known: other candidates may have come later, or a report
/// that dates the order otherwise.
fn could_be(verdict: Verdict) -> bool {
    let is_beaten = matches!(verdict, Verdict::Later | Verdict::BehindClick | Verdict::BehindCoupon);
    let hangs_on_the_date =
        matches!(verdict, Verdict::BeforeWindow | Verdict::AfterOrder | Verdict::CouponNotValid);
    verdict == Verdict::Credited || is_beaten || hangs_on_the_date
}

fn credit(candidate: &Candidate) -> Option<Credit> {
    match candidate {
        Candidate::Click { click, standings } => {
            Some(Credit { link: click.link, affiliate: standings.affiliate, by: "click" })
        }
        Candidate::Coupon { link, standings, .. } => {
            Some(Credit { link: *link, affiliate: standings.affiliate, by: "coupon" })
        }
        Candidate::Forged(_) | Candidate::UnknownLink | Candidate::UnknownCoupon => None,
    }
}

fn click(world: &World, keyring: &Keyring, token: &str) -> Candidate {
    match keyring.verify(token.as_bytes()) {
        Err(refused) => Candidate::Forged(refused),
        Ok(click) => match world.link(click.link) {
            None => Candidate::UnknownLink,
            Some(link) => Candidate::Click { click, standings: world.standings(link, Millis(click.ts_ms)) },
        },
    }
}

fn coupon(world: &World, vendor: VendorId, code: &str, ordered_at: Millis) -> Candidate {
    let found = world.coupons.iter().find(|coupon| coupon.vendor == vendor && coupon.code == code);
    let known = found.and_then(|coupon| Some((coupon, world.link(coupon.link)?)));
    known.map_or(Candidate::UnknownCoupon, |(coupon, link)| Candidate::Coupon {
        link: coupon.link,
        standings: world.standings(link, ordered_at),
        since: coupon.since,
        until: coupon.until,
    })
}
