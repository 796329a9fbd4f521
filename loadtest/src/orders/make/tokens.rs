//! What says who sent the shopper: clicks and coupons, good ones and everything they are refused for.

use std::time::Duration;

use common::attribution::ORDER_SKEW;
use common::ids::LinkId;
use common::time::Millis;

use super::{Maker, Plot, REAL_EVERY};
use crate::orders::chance::Chance;
use crate::orders::purse::Key;
use crate::orders::wire::Report;
use crate::orders::world::Vendor;

/// At most so many tokens for an order.
const MOST: u64 = 4;
/// A link that was never made.
const NO_LINK: LinkId = LinkId(1 << 30);
/// What an order less old than this after its click is held for.
const NOT_FAST: Duration = Duration::from_secs(10);

/// What an order comes with.
pub(super) struct Candidates {
    tokens: Vec<String>,
    coupons: Vec<String>,
}

pub(super) fn candidates(maker: &Maker<'_>, plot: &Plot, chance: &mut Chance) -> Candidates {
    let mut tokens = Vec::new();
    for nth in 0..chance.below(MOST + 1) {
        let number = plot.number * MOST + nth;
        tokens.push(token(maker, plot, number, chance));
    }
    if plot.number.is_multiple_of(REAL_EVERY) {
        tokens.extend(maker.purse.turn(plot.number / REAL_EVERY).map(|real| real.token.clone()));
    }
    let mut coupons = Vec::new();
    if chance.percent(20) {
        for _ in 0..chance.within(1..=2) {
            let vendor = *chance.pick(&plot.vendors);
            let own: Vec<_> = maker.world.coupons.iter().filter(|coupon| coupon.vendor == vendor).collect();
            let coupon = if own.is_empty() || chance.percent(10) {
                chance.pick(&maker.world.coupons)
            } else {
                chance.pick(&own)
            };
            // As people type it.
            let typed = if chance.percent(50) {
                coupon.code.clone()
            } else {
                format!(" {} ", coupon.code.to_lowercase())
            };
            coupons.push(typed);
        }
    }
    if chance.percent(3) {
        coupons.push("NOSUCHCODE".to_owned());
    }
    Candidates { tokens, coupons }
}

fn token(maker: &Maker<'_>, plot: &Plot, number: u64, chance: &mut Chance) -> String {
    let vendor = maker.world.vendor(*chance.pick(&plot.vendors));
    let own = maker.world.links[*chance.pick(&vendor.links)].id;
    let any = chance.pick(&maker.world.links).id;
    let before = |span: Duration| plot.ordered_at.minus(NOT_FAST + span);
    let (soon, long) = (chance.span(Duration::from_hours(8)), chance.span(Duration::from_hours(45 * 24)));
    let recently = before(if chance.percent(60) { soon } else { long });
    let mut sign = |key, link, at| maker.purse.sign(key, link, at, number, &mut *chance);
    match number_of(maker.seed, number) {
        0..62 => sign(Key::Active, own, recently),
        62..68 => sign(Key::Active, any, recently),
        68..74 => sign(Key::Active, own, at_the_window(plot, vendor, number)),
        74..77 => {
            sign(Key::Active, own, plot.ordered_at.plus(ORDER_SKEW + Duration::from_millis(number % 2)))
        }
        77..80 => sign(Key::Active, own, plot.ordered_at.minus(Duration::from_millis(number % 10_000))),
        80..86 => flipped(&sign(Key::Active, own, recently), number),
        86..90 => sign(Key::Retired, own, at_retirement(maker, number)),
        90..92 => sign(Key::Revoked, own, recently),
        92..94 => sign(Key::Unknown, own, recently),
        94..96 => sign(Key::Active, NO_LINK, recently),
        96..98 => format!("not-a-token-{number}"),
        _ => format!("{:x<64}", format!("{number}-")),
    }
}

/// Which kind of token this is, of a hundred.
fn number_of(seed: u64, number: u64) -> u64 {
    Chance::of(seed, "tokens", number).below(100)
}

/// The first instant of the window, or the last one before it.
fn at_the_window(plot: &Plot, vendor: &Vendor, number: u64) -> Millis {
    let days = vendor.terms.at(plot.ordered_at).map_or(1, |terms| terms.window_days);
    plot.ordered_at.minus(Duration::from_hours(24 * u64::from(days)) + Duration::from_millis(number % 2))
}

/// The last instant a retired key could sign at, or the first it could not.
fn at_retirement(maker: &Maker<'_>, number: u64) -> Millis {
    maker.purse.retired_at.minus(Duration::from_millis(number % 2))
}

/// The token with one letter changed: still 64 of the alphabet, but not what was signed.
fn flipped(token: &str, number: u64) -> String {
    let mut letters: Vec<char> = token.chars().collect();
    let at = (number % 62) as usize + 2;
    letters[at] = if letters[at] == 'A' { 'B' } else { 'A' };
    letters.into_iter().collect()
}

/// Puts tokens and coupons on reports, some of them on several.
pub(super) fn hand_out(candidates: Candidates, reports: &mut [Report], chance: &mut Chance) {
    if reports.is_empty() {
        return;
    }
    for token in candidates.tokens {
        for _ in 0..chance.within(1..=2) {
            let at = chance.below(reports.len() as u64) as usize;
            let click_ids = &mut reports[at].event.click_ids;
            if !click_ids.contains(&token) {
                click_ids.push(token.clone());
            }
        }
    }
    for coupon in candidates.coupons {
        let at = chance.below(reports.len() as u64) as usize;
        reports[at].event.coupon = Some(coupon);
    }
}
