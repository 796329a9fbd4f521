//! Making it up.

use std::collections::BTreeMap;
use std::time::Duration;

use common::attribution::{Rule, Terms};
use common::ids::{LinkId, VendorId};
use common::rate::Rate;
use common::time::Millis;

use super::{Affiliate, Coupon, History, Link, Membership, Partnership, Product, Switch, Vendor, World};
use crate::orders::chance::Chance;

/// Enough for orders of several vendors, few enough that each has many.
const VENDORS: u32 = 12;
const AFFILIATES: u64 = 40;
const LINKS: u64 = 240;
const PRODUCTS_EACH: u64 = 6;
const COUPONS: u64 = 96;
/// The programme is this old: older than any click that can be credited.
const AGE: Duration = Duration::from_hours(120 * 24);
/// Changes fall into the time that orders and their clicks are made of.
const CHANGES: Duration = Duration::from_hours(40 * 24);
/// What a new vendor's terms are in Postgres.
const DEFAULT_TERMS: Terms = Terms { window_days: 30, hold_days: 14, rule: Rule::LastClick };

impl World {
    /// The world of a seed, as of now.
    pub(in crate::orders) fn make(seed: u64, now: Millis) -> Self {
        let mut world = Self {
            made_at: now,
            vendors: (1..=VENDORS).map(|n| vendor(seed, now, VendorId(n))).collect(),
            affiliates: (1..=AFFILIATES).map(|n| affiliate(seed, now, n)).collect(),
            partnerships: BTreeMap::new(),
            links: Vec::new(),
            products: BTreeMap::new(),
            coupons: Vec::new(),
        };
        for (at, vendor) in world.vendors.iter_mut().enumerate() {
            let first = at as u64 * PRODUCTS_EACH + 1;
            vendor.products = (first..first + PRODUCTS_EACH).collect();
            for id in &vendor.products {
                world.products.insert(*id, product(seed, now, vendor.id, *id));
            }
        }
        for n in 1..=LINKS {
            let link = link(seed, now, n);
            let (vendor, affiliate) = (link.vendor, link.affiliate);
            world.vendors[vendor.0 as usize - 1].links.push(world.links.len());
            world
                .partnerships
                .entry((vendor, affiliate))
                .or_insert_with(|| partnership(seed, now, vendor, affiliate));
            world.links.push(link);
        }
        world.coupons = (0..COUPONS).map(|n| coupon(seed, now, n, &world.links)).collect();
        world
    }
}

/// Rows at random moments after one that has held all the time.
fn changing<T>(
    chance: &mut Chance,
    now: Millis,
    first: T,
    most: u64,
    mut row: impl FnMut(&mut Chance) -> T,
) -> History<T> {
    let mut rows = vec![(now.minus(AGE), first)];
    for _ in 0..chance.within(0..=most) {
        let since = now.minus(chance.span(CHANGES));
        rows.push((since, row(chance)));
    }
    History::of(rows)
}

fn vendor(seed: u64, now: Millis, id: VendorId) -> Vendor {
    let mut chance = Chance::of(seed, "vendors", u64::from(id.0));
    let mut terms = vec![(Millis(0), DEFAULT_TERMS)];
    for _ in 0..chance.within(1..=3) {
        let row = Terms {
            window_days: *chance.pick(&[1, 7, 14, 30]),
            // Both that is payable at once and that is not, whatever the day.
            hold_days: *chance.pick(&[0, 0, 3, 14]),
            rule: *chance.pick(&[Rule::LastClick, Rule::FirstClick]),
        };
        terms.push((now.minus(chance.span(CHANGES)), row));
    }
    // One in three was switched off for some days.
    let mut active = vec![(now.minus(AGE), true)];
    if chance.percent(33) {
        let off = now.minus(chance.span(CHANGES));
        active.extend([(off, false), (off.plus(chance.span(Duration::from_hours(7 * 24))), true)]);
    }
    let is_active = History::of(active);
    Vendor { id, is_active, terms: History::of(terms), products: Vec::new(), links: Vec::new() }
}

fn affiliate(seed: u64, now: Millis, id: u64) -> Affiliate {
    let mut chance = Chance::of(seed, "affiliates", id);
    let good = Membership { is_approved: true, is_active: true };
    let often = if chance.percent(30) { 4 } else { 0 };
    let standing = changing(&mut chance, now, good, often, |chance| Membership {
        is_approved: chance.percent(60),
        is_active: chance.percent(70),
    });
    Affiliate { id, standing }
}

fn product(seed: u64, now: Millis, vendor: VendorId, id: u64) -> Product {
    let mut chance = Chance::of(seed, "products", id);
    let mut rates = Vec::new();
    if chance.percent(40) {
        for _ in 0..chance.within(1..=3) {
            let rate = if chance.percent(30) { None } else { rate(&mut chance) };
            rates.push((now.minus(chance.span(CHANGES)), rate));
        }
    }
    Product { vendor, rates: History::of(rates) }
}

/// Any, the borders among them, and odd ones that round.
fn rate(chance: &mut Chance) -> Option<Rate> {
    Rate::new(match chance.below(20) {
        0 => 0,
        1 => Rate::WHOLE_PPM,
        2..=9 => chance.within(1..=60) as u32 * 5_000,
        _ => chance.within(1..=300_000) as u32,
    })
}

fn partnership(seed: u64, now: Millis, vendor: VendorId, affiliate: u64) -> Partnership {
    let number = u64::from(vendor.0) << 32 | affiliate;
    let mut chance = Chance::of(seed, "partnerships", number);
    let often = if chance.percent(20) { 3 } else { 0 };
    let is_active = changing(&mut chance, now, true, often, |chance| chance.percent(60));
    let mut rates = Vec::new();
    // One in twenty begins within the time of the orders: those before it earn nothing.
    let first = if chance.percent(5) { chance.span(Duration::from_hours(5 * 24)) } else { AGE };
    for since in
        [first, chance.span(CHANGES), chance.span(CHANGES)].into_iter().filter(|since| *since <= first)
    {
        rates.extend(rate(&mut chance).map(|rate| (now.minus(since), rate)));
    }
    Partnership { is_active, rates: History::of(rates) }
}

fn link(seed: u64, now: Millis, n: u64) -> Link {
    let mut chance = Chance::of(seed, "links", n);
    let often = if chance.percent(25) { 4 } else { 0 };
    let on = Switch { is_active: true, expires: None };
    let standing = changing(&mut chance, now, on, often, |chance| Switch {
        is_active: chance.percent(70),
        expires: chance.percent(40).then(|| now.minus(chance.span(CHANGES)).plus(Duration::from_hours(24))),
    });
    Link {
        id: LinkId(n),
        code: format!("o{n:07}"),
        // Every vendor has as many.
        vendor: VendorId((n % u64::from(VENDORS)) as u32 + 1),
        affiliate: chance.within(1..=AFFILIATES),
        standing,
    }
}

fn coupon(seed: u64, now: Millis, n: u64, links: &[Link]) -> Coupon {
    let mut chance = Chance::of(seed, "coupons", n);
    let link = chance.pick(links);
    let since = now.minus(chance.span(CHANGES));
    let until = chance.percent(40).then(|| since.plus(chance.span(CHANGES)).plus(Duration::from_millis(1)));
    Coupon { vendor: link.vendor, code: format!("SAVE{n}"), link: link.id, since, until }
}
