//! Who is credited with an order: of all clicks and coupons it came with, at most one.
//!
//! Judged by what was in force when the click happened, never by what holds today or by which report came first.
//! Every candidate keeps its verdict, because that is the answer to "why was this sale not credited to me".

use core::time::Duration;

use crate::ids::{Lane, LinkId, Seq, VendorId};
use crate::time::Millis;
use crate::token::{Click, Refused};

mod verdict;

pub use verdict::Verdict;

/// How much later than its order a click may be. Two clocks told the two times.
pub const ORDER_SKEW: Duration = Duration::from_mins(5);
/// How much earlier than a history's first row a moment may be and still be judged by it: a link is made by one
/// clock and followed by another.
pub const CLOCK_SKEW: Duration = Duration::from_mins(5);

/// Which click wins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Rule {
    /// The one nearest to the order.
    LastClick,
    /// The one that first brought the shopper.
    FirstClick,
}

impl Rule {
    /// The name in Postgres.
    pub const fn name(self) -> &'static str {
        match self {
            Self::LastClick => "last_click",
            Self::FirstClick => "first_click",
        }
    }

    /// The rule with this name.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::LastClick, Self::FirstClick].into_iter().find(|rule| rule.name() == name)
    }
}

/// A vendor's terms, as they were when the order was placed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terms {
    /// How old a click may be: exactly so many days of 24 hours is still good.
    pub window_days: u32,
    /// How long commission waits after completion.
    pub hold_days: u32,
    /// Which click wins.
    pub rule: Rule,
}

/// What stood at one moment: that of the click, or of the order for a coupon.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a history of its own in Postgres, and any may fail"
)]
pub struct Standings {
    /// Whose link it is.
    pub vendor: VendorId,
    /// Who earns by it.
    pub affiliate: u64,
    /// Whether the link was switched on.
    pub link_active: bool,
    /// From which instant on it is expired.
    pub link_expires: Option<Millis>,
    /// Whether the vendor took part.
    pub vendor_active: bool,
    /// Whether the affiliate had been let in.
    pub affiliate_approved: bool,
    /// Whether the affiliate was switched on.
    pub affiliate_active: bool,
    /// Whether the two worked together.
    pub partnership_active: bool,
}

/// A click or coupon that an order came with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Candidate {
    /// A token that we did not sign, or no longer believe.
    Forged(Refused),
    /// A good token of a link that nothing is known of.
    UnknownLink,
    /// A good token.
    Click {
        /// What it says.
        click: Click,
        /// What stood when it was followed.
        standings: Standings,
    },
    /// A coupon of this vendor.
    Coupon {
        /// The link whose affiliate it credits.
        link: LinkId,
        /// What stood when the order was placed.
        standings: Standings,
        /// From when on it is good.
        since: Millis,
        /// From when on it is not any more.
        until: Option<Millis>,
    },
    /// A coupon that nobody is credited for.
    UnknownCoupon,
}

/// What makes one click come before another. Two clicks never agree in all of it.
type Place = (u64, Seq, Lane, LinkId);

/// The verdict on each candidate, in their order. At most one is credited.
///
/// Clicks go before coupons. Of several good coupons the first one wins: the caller hands them over sorted by code.
/// The order of clicks does not matter.
pub fn attribute(
    vendor: VendorId,
    terms: &Terms,
    ordered_at: Millis,
    candidates: &[Candidate],
) -> Vec<Verdict> {
    let mut verdicts: Vec<_> =
        candidates.iter().map(|candidate| objection(vendor, terms, ordered_at, candidate)).collect();
    let good = |at: &usize| verdicts[*at].is_none();
    let clicks =
        (0..candidates.len()).filter(good).filter_map(|at| place(&candidates[at]).map(|place| (place, at)));
    let click = match terms.rule {
        // Reversed, so that of a click that stands here twice the same one is taken by both rules.
        Rule::LastClick => clicks.rev().max_by_key(|(place, _)| *place),
        Rule::FirstClick => clicks.min_by_key(|(place, _)| *place),
    };
    let click = click.map(|(_, at)| at);
    let winner = click.or_else(|| (0..candidates.len()).find(good));
    for (at, verdict) in verdicts.iter_mut().enumerate().filter(|(_, verdict)| verdict.is_none()) {
        *verdict = Some(match place(&candidates[at]) {
            _ if Some(at) == winner => Verdict::Credited,
            Some(_) => Verdict::Later,
            None if click.is_some() => Verdict::BehindClick,
            None => Verdict::BehindCoupon,
        });
    }
    verdicts.into_iter().flatten().collect()
}

/// The place of a click among clicks. `None`: not a click.
fn place(candidate: &Candidate) -> Option<Place> {
    match candidate {
        Candidate::Click { click, .. } => Some((click.ts_ms, click.seq, click.lane, click.link)),
        _ => None,
    }
}

/// Why a candidate cannot be credited, whatever else the order came with. `None`: it can.
fn objection(vendor: VendorId, terms: &Terms, ordered_at: Millis, candidate: &Candidate) -> Option<Verdict> {
    match candidate {
        Candidate::Forged(refused) => Some(Verdict::Forged(*refused)),
        Candidate::UnknownLink => Some(Verdict::UnknownLink),
        Candidate::UnknownCoupon => Some(Verdict::UnknownCoupon),
        Candidate::Click { click, standings } => {
            let at = Millis(click.ts_ms);
            let objection = || outside(terms, ordered_at, at).or_else(|| fallen(standings, at));
            other_vendor(vendor, standings).or_else(objection)
        }
        Candidate::Coupon { standings, since, until, .. } => {
            let is_good = *since <= ordered_at && until.is_none_or(|until| ordered_at < until);
            let objection =
                || (!is_good).then_some(Verdict::CouponNotValid).or_else(|| fallen(standings, ordered_at));
            other_vendor(vendor, standings).or_else(objection)
        }
    }
}

fn other_vendor(vendor: VendorId, standings: &Standings) -> Option<Verdict> {
    (standings.vendor != vendor).then_some(Verdict::OtherVendor)
}

/// Both ends belong to the window.
fn outside(terms: &Terms, ordered_at: Millis, click: Millis) -> Option<Verdict> {
    let window = Duration::from_hours(24 * u64::from(terms.window_days));
    if click < ordered_at.minus(window) {
        Some(Verdict::BeforeWindow)
    } else if click > ordered_at.plus(ORDER_SKEW) {
        Some(Verdict::AfterOrder)
    } else {
        None
    }
}

/// What the link hung on and did not hold at that moment.
fn fallen(standings: &Standings, at: Millis) -> Option<Verdict> {
    [
        (standings.link_active, Verdict::LinkPaused),
        (standings.link_expires.is_none_or(|expires| at < expires), Verdict::LinkExpired),
        (standings.vendor_active, Verdict::VendorInactive),
        (standings.affiliate_approved, Verdict::AffiliateNotApproved),
        (standings.affiliate_active, Verdict::AffiliateInactive),
        (standings.partnership_active, Verdict::PartnershipInactive),
    ]
    .into_iter()
    .find_map(|(holds, verdict)| (!holds).then_some(verdict))
}

#[cfg(test)]
mod tests;
