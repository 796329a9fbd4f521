//! What is reported of an order: told twice, late, corrected, taken back, disputed, called off.

use std::collections::BTreeMap;
use std::time::Duration;

use common::ids::VendorId;
use common::order::{Customer, Event, Kind, Reversal, ReversedItem};
use common::time::Millis;

use super::Plot;
use super::items::{Basket, basket};
use crate::orders::chance::Chance;
use crate::orders::wire::{Of, Report};
use crate::orders::world::World;

/// A time so long ago that the event is parked.
const LONG_AGO: Duration = Duration::from_hours(9 * 24);
/// A time so far ahead that the event is parked, however long the run lasts.
const FAR_AHEAD: Duration = Duration::from_hours(30 * 24);
/// Commission held for three days must not become payable while the books are compared: nothing of an order happens
/// within this band around three days ago, but earlier.
const THREE_DAYS: Duration = Duration::from_hours(72);
const BAND: (Duration, Duration) = (Duration::from_mins(10), Duration::from_hours(4));

/// The reports of one order, while they are written.
struct Story<'a> {
    plot: &'a Plot,
    made_at: Millis,
    reports: Vec<Report>,
}

pub(super) fn reports(plot: &Plot, world: &World, chance: &mut Chance) -> Vec<Report> {
    let mut story = Story { plot, made_at: world.made_at, reports: Vec::new() };
    let basket = basket(plot, world, chance);
    let last = story.sales(basket, chance);
    story.reversals(&last, chance);
    story.oddities(&last, chance);
    story.reports
}

impl Story<'_> {
    fn sales(&mut self, mut basket: Basket, chance: &mut Chance) -> Basket {
        let tale = chance.below(100);
        if tale < 6 || chance.percent(25) {
            let at = self.plot.ordered_at.minus(chance.span(self.plot.pace));
            let items = chance.percent(50).then(|| basket.clone());
            self.add(Kind::Abandoned, 0, at, items.as_ref(), chance);
        }
        let (places, completes) = match tale {
            // Left, and nothing more.
            0..6 => (false, false),
            6..12 => (false, true),
            12..40 => (true, false),
            _ => (true, true),
        };
        if places {
            self.add(Kind::Placed, 0, self.plot.ordered_at, Some(&basket), chance);
            let corrections = if self.is_busy() { chance.within(1..=4) } else { chance.below(3) };
            for version in 1..=corrections {
                basket = basket.corrected(&self.plot.vendors, chance);
                let at = self.later(chance);
                self.add(Kind::Placed, version, at, Some(&basket), chance);
            }
        }
        if completes {
            let at = if places { self.later(chance) } else { self.plot.ordered_at };
            let items = (!places || chance.percent(30)).then(|| basket.clone());
            self.add(Kind::Completed, 3, at, items.as_ref(), chance);
            if chance.percent(15) {
                // Told again under another id.
                let at = self.later(chance);
                self.add(Kind::Completed, 3, at, items.as_ref(), chance);
            }
        }
        basket
    }

    fn reversals(&mut self, basket: &Basket, chance: &mut Chance) {
        let refunds = match chance.below(100) {
            _ if self.is_busy() => chance.within(1..=4),
            0..55 => 0,
            55..80 => 1,
            80..92 => 2,
            _ => 4,
        };
        for nth in 0..refunds {
            let id = format!("r{nth}");
            let reversal = self.reversal(id, basket, chance);
            self.take_back(Kind::Refunded, 0, reversal.clone(), chance);
            if chance.percent(20) {
                // One refund under two event ids is one refund.
                self.take_back(Kind::Refunded, 0, reversal.clone(), chance);
            }
            if reversal.items.len() > 1 && chance.percent(25) {
                // It was only a part of it.
                let items = reversal.items[1..].to_vec();
                self.take_back(Kind::Refunded, 1, Reversal { items, ..reversal }, chance);
            }
        }
        if self.is_busy() || chance.percent(10) {
            let reversal = self.reversal("c0".to_owned(), basket, chance);
            self.take_back(Kind::Chargeback, 1, reversal.clone(), chance);
            if chance.percent(50) {
                self.take_back(Kind::Chargeback, 2, won(reversal), chance);
            }
        }
    }

    fn oddities(&mut self, basket: &Basket, chance: &mut Chance) {
        if chance.percent(7) {
            let at = self.later(chance);
            self.without_amounts(Kind::Cancelled, at, chance);
        }
        if self.plot.vendors.len() > 1 && chance.percent(10) {
            // One vendor's part alone is corrected, whatever the others' are.
            let vendor = *chance.pick(&self.plot.vendors);
            let part = basket.of(vendor);
            if !part.items.is_empty() {
                let (at, version) = (self.later(chance), chance.below(4));
                self.add(Kind::Placed, version, at, Some(&part), chance);
                self.reports.last_mut().expect("a report was just added").of = Of::One(vendor);
            }
        }
        if chance.percent(2) {
            // In another currency than the order: kept, and of no effect.
            let at = self.later(chance);
            self.add(Kind::Placed, 9, at, Some(basket), chance);
            let other = if self.plot.currency.as_str() == "SEK" { "NOK" } else { "SEK" };
            self.last().currency = Some(other.parse().expect("a currency"));
            // Later than the sale that counts, or the order itself would be in it.
            self.last().occurred_at = self.plot.ordered_at.plus(self.plot.pace);
        }
        if chance.percent(2) {
            let items =
                vec![ReversedItem { item_id: "no-such-item".to_owned(), quantity: 1, amount_minor: 100 }];
            let reversal = Reversal { reversal_id: "lost".to_owned(), amount_minor: None, items };
            self.take_back_of_one(Kind::Refunded, reversal, chance);
        }
        if chance.percent(2) {
            let away =
                if chance.percent(50) { self.made_at.minus(LONG_AGO) } else { self.made_at.plus(FAR_AHEAD) };
            self.without_amounts(Kind::Cancelled, away, chance);
            self.last().occurred_at = away;
        }
    }

    /// One order in four is corrected, returned and disputed as often as the longest story goes.
    fn is_busy(&self) -> bool {
        self.plot.number % 4 == 1
    }

    /// A part of some items, all of them, or an amount of the whole.
    fn reversal(&self, reversal_id: String, basket: &Basket, chance: &mut Chance) -> Reversal {
        let whole: i64 = basket.items.iter().map(|item| item.net_minor).sum();
        if self.plot.vendors.len() == 1 && chance.percent(40) {
            // Sometimes more than there is.
            let amount = chance.below(whole.cast_unsigned() * 5 / 4 + 2).cast_signed();
            return Reversal { reversal_id, amount_minor: Some(amount), items: Vec::new() };
        }
        let all = chance.percent(30);
        let mut items = Vec::new();
        for item in &basket.items {
            let (item_id, quantity, amount_minor) = (item.item_id.clone(), item.quantity, item.net_minor);
            if all {
                items.push(ReversedItem { item_id, quantity, amount_minor });
            } else if chance.percent(40) {
                let quantity = chance.below(u64::from(quantity) + 1) as u32;
                let amount_minor = chance.below(amount_minor.cast_unsigned() + 1).cast_signed();
                items.push(ReversedItem { item_id, quantity, amount_minor });
            }
        }
        if items.is_empty() {
            let item = &basket.items[0];
            items.push(ReversedItem {
                item_id: item.item_id.clone(),
                quantity: 0,
                amount_minor: item.net_minor / 2,
            });
        }
        Reversal { reversal_id, amount_minor: None, items }
    }

    fn take_back(&mut self, kind: Kind, version: u64, reversal: Reversal, chance: &mut Chance) {
        let at = self.later(chance);
        let mut event = self.event(kind, version, at);
        event.currency = Some(self.plot.currency);
        let of = if self.plot.vendors.len() == 1 {
            self.alone(chance)
        } else {
            // Items are named after their vendors.
            let vendor = |id: &str| Some(VendorId(id.split('-').next()?.parse().ok()?));
            let owner = |item: &ReversedItem| Some((item.item_id.clone(), vendor(&item.item_id)?));
            Of::Several(reversal.items.iter().filter_map(owner).collect())
        };
        event.reversal = Some(reversal);
        self.reports.push(Report { event, of });
    }

    fn take_back_of_one(&mut self, kind: Kind, reversal: Reversal, chance: &mut Chance) {
        let at = self.later(chance);
        let (event, of) = (self.event(kind, 0, at), self.alone(chance));
        self.reports.push(Report { event, of });
        self.last().currency = Some(self.plot.currency);
        self.last().reversal = Some(reversal);
    }

    fn without_amounts(&mut self, kind: Kind, at: Millis, chance: &mut Chance) {
        let (event, of) = (self.event(kind, 0, at), self.all(chance));
        self.reports.push(Report { event, of });
    }

    fn add(&mut self, kind: Kind, version: u64, at: Millis, basket: Option<&Basket>, chance: &mut Chance) {
        let mut event = self.event(kind, version, at);
        let of = match basket {
            Some(basket) => {
                event.items.clone_from(&basket.items);
                event.currency = Some(self.plot.currency);
                if self.plot.vendors.len() == 1 && chance.percent(50) {
                    self.alone(chance)
                } else {
                    self.several(&basket.owners)
                }
            }
            None => self.all(chance),
        };
        if chance.percent(15) {
            let email = format!("shopper{}@mail.example.com", self.plot.number);
            event.customer = Some(Customer { email: Some(email), ..Customer::default() });
        }
        self.reports.push(Report { event, of });
    }

    /// About one vendor: its own report, or a marketplace's.
    fn alone(&self, chance: &mut Chance) -> Of {
        let vendor = *chance.pick(&self.plot.vendors);
        if self.plot.order_ref.starts_with('P') { Of::One(vendor) } else { Of::Shop(vendor) }
    }

    /// About the order, and so about every vendor that it ever has; sometimes about one of them.
    fn all(&self, chance: &mut Chance) -> Of {
        if chance.percent(60) { self.several(&BTreeMap::new()) } else { self.alone(chance) }
    }

    /// About items: a marketplace's, or a shop's own.
    fn several(&self, owners: &BTreeMap<String, VendorId>) -> Of {
        if self.plot.order_ref.starts_with('P') {
            Of::Several(owners.clone())
        } else {
            Of::Shop(self.plot.vendors[0])
        }
    }

    fn event(&self, kind: Kind, version: u64, at: Millis) -> Event {
        Event {
            event_id: format!("{}-{}", self.plot.order_ref, self.reports.len()),
            order_ref: self.plot.order_ref.clone(),
            kind,
            version,
            occurred_at: self.quiet(at),
            currency: None,
            items: Vec::new(),
            others_only: false,
            reversal: None,
            click_ids: Vec::new(),
            coupon: None,
            customer: None,
            delivery: None,
        }
    }

    fn last(&mut self) -> &mut Event {
        &mut self.reports.last_mut().expect("a report was just added").event
    }

    fn later(&self, chance: &mut Chance) -> Millis {
        self.plot.ordered_at.plus(Duration::from_millis(1) + chance.span(self.plot.pace))
    }

    fn quiet(&self, at: Millis) -> Millis {
        let (from, to) =
            (self.made_at.minus(THREE_DAYS + BAND.0), self.made_at.minus(THREE_DAYS).plus(BAND.1));
        if (from..to).contains(&at) { at.minus(BAND.0 + BAND.1) } else { at }
    }
}

/// The bank gives the money back: the same dispute, later, for nothing.
fn won(mut reversal: Reversal) -> Reversal {
    match &mut reversal.amount_minor {
        Some(amount) => *amount = 0,
        None => reversal.items.iter_mut().for_each(|item| item.amount_minor = 0),
    }
    reversal
}
