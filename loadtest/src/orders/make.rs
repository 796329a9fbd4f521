//! Orders, made up: each a set of events such as shops report, with everything that goes wrong with them.
//!
//! Order `n` follows from the seed, the world and the purse alone, so that it can be posted now and judged later
//! without being kept.

mod items;
mod reports;
mod tokens;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use common::ids::VendorId;
use common::money::Currency;
use common::order::Event;
use common::time::Millis;

use super::chance::Chance;
use super::purse::Purse;
use super::wire::Report;
use super::world::World;

/// Of a hundred orders, how many come from a marketplace that sells for several vendors at once.
const PROGRAMME_PERCENT: u64 = 12;
/// One order in this many carries a token that the edge gave out just now.
pub(super) const REAL_EVERY: u64 = 20;
/// Orders are at most this old, so that no event is parked for its age while the run lasts.
const OLDEST: Duration = Duration::from_hours(6 * 24);
/// And at least so old, so that all that is reported of them has happened.
const YOUNGEST: Duration = Duration::from_hours(13);
/// How long after its click a shopper with a real token orders: not so fast that it looks like a program.
const AFTER_CLICK: Duration = Duration::from_secs(12);
/// All of such an order has happened so long after its click; the audit waits for it to be past.
pub(super) const REAL_LASTS: Duration = Duration::from_secs(30);

/// Where orders come from.
pub(super) struct Maker<'a> {
    pub(super) seed: u64,
    pub(super) events_max: usize,
    pub(super) world: &'a World,
    pub(super) purse: &'a Purse,
}

/// An order as reported.
pub(super) struct Made {
    /// What is posted.
    pub(super) reports: Vec<Report>,
}

/// What is settled before the reports are made.
struct Plot {
    number: u64,
    order_ref: String,
    vendors: Vec<VendorId>,
    currency: Currency,
    ordered_at: Millis,
    /// How far reports are apart at most.
    pace: Duration,
}

impl Maker<'_> {
    /// Order `number`.
    pub(super) fn make(&self, number: u64) -> Made {
        let mut chance = Chance::of(self.seed, "orders", number);
        let plot = self.plot(number, &mut chance);
        let candidates = tokens::candidates(self, &plot, &mut chance);
        let mut reports = reports::reports(&plot, self.world, &mut chance);
        // Cut, not refused: an order need not begin at its beginning.
        reports.truncate(self.events_max);
        tokens::hand_out(candidates, &mut reports, &mut chance);
        Made { reports }
    }

    fn plot(&self, number: u64, chance: &mut Chance) -> Plot {
        let all = &self.world.vendors;
        let real = number.is_multiple_of(REAL_EVERY).then(|| self.purse.turn(number / REAL_EVERY)).flatten();
        let first = real.map_or_else(|| chance.pick(all).id, |real| real.vendor);
        let mut vendors = vec![first];
        let is_programme = chance.percent(PROGRAMME_PERCENT);
        if is_programme {
            for _ in 0..chance.within(1..=2) {
                let other = chance.pick(all).id;
                if !vendors.contains(&other) {
                    vendors.push(other);
                }
            }
        }
        let code = *chance.pick(&["EUR", "EUR", "EUR", "USD", "JPY", "KWD"]);
        let ago = YOUNGEST + chance.span(OLDEST.saturating_sub(YOUNGEST));
        let (ordered_at, pace) = match real {
            Some(real) => (real.at.plus(AFTER_CLICK), REAL_LASTS / 4),
            None => (self.world.made_at.minus(ago), Duration::from_hours(3)),
        };
        Plot {
            number,
            order_ref: format!("{}{number:07}", if is_programme { 'P' } else { 'A' }),
            vendors,
            currency: code.parse().expect("a currency"),
            ordered_at,
            pace,
        }
    }
}

impl Made {
    /// What must be stored of it, by its vendors' orders: every report of the order that is for them, whichever came
    /// first.
    pub(super) fn parts(&self) -> BTreeMap<(VendorId, String), Vec<Event>> {
        let mut orders = BTreeMap::<_, Vec<Event>>::new();
        let vendors: BTreeSet<VendorId> = self.reports.iter().flat_map(Report::named).collect();
        for vendor in vendors {
            for event in self.reports.iter().filter_map(|report| report.part(vendor, &self.reports)) {
                orders.entry((vendor, event.order_ref.clone())).or_default().push(event);
            }
        }
        orders
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::orders::books::{name_of, print_of};
    use crate::orders::reference::{Decided, expect};

    const SECRET: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
    const NOW: Millis = Millis(1_795_132_800_000);
    const ORDERS: u64 = 2_000;

    fn with_maker(seed: u64, use_it: impl FnOnce(&Maker<'_>)) {
        let world = World::make(seed, NOW);
        let retired_at = NOW.minus(Duration::from_hours(20 * 24));
        let purse = Purse::open(SECRET, retired_at).expect("a secret");
        use_it(&Maker { seed, events_max: 12, world: &world, purse: &purse });
    }

    #[test]
    fn an_order_follows_from_its_number_and_intake_would_take_it() {
        with_maker(7, |maker| {
            let mut names = BTreeSet::new();
            for number in 0..ORDERS {
                let made = maker.make(number);
                assert!((1..=12).contains(&made.reports.len()));
                let again = maker.make(number);
                for (report, same) in made.reports.iter().zip(&again.reports) {
                    assert_eq!(report.json(), same.json());
                }
                let parts = made.parts().into_iter();
                for (vendor, event) in
                    parts.flat_map(|((vendor, _), events)| events.into_iter().map(move |e| (vendor, e)))
                {
                    assert_eq!(event.check(), [], "{event:?}");
                    assert!(
                        names.insert(name_of(vendor.0, &event.event_id)),
                        "{event:?} is not the first of its name"
                    );
                    assert_ne!(print_of(&event, true), print_of(&event, false));
                }
            }
        });
    }

    #[test]
    fn everything_that_can_become_of_an_order_does() {
        with_maker(7, |maker| {
            let (mut words, mut accounts) = (BTreeSet::new(), BTreeSet::new());
            for number in 0..ORDERS {
                for ((vendor, _), events) in maker.make(number).parts() {
                    let events: Vec<&Event> = events.iter().collect();
                    let is_nothing = |event: &Event| {
                        event.reversal.as_ref().is_some_and(|r| {
                            r.items.is_empty() && event.event_id.starts_with('P') && r.amount_minor == Some(0)
                        })
                    };
                    words.extend(events.iter().any(|event| event.others_only).then_some("others only"));
                    words
                        .extend(events.iter().any(|event| is_nothing(event)).then_some("nothing taken back"));
                    let keyring = &maker.purse.keyring;
                    let Some(order) = expect(maker.world, keyring, vendor, &events, &Decided::default(), NOW)
                    else {
                        words.insert("none");
                        continue;
                    };
                    words.insert(common::order::status(&order.folded, order.commission_minor, 0).name());
                    words.extend(order.verdicts.values().map(|verdict| verdict.code()));
                    words.extend(order.credit.map(|credit| credit.by));
                    words.extend(order.folded.ignored.iter().map(|(_, why)| match why {
                        common::order::Ignored::OtherCurrency => "other currency",
                        common::order::Ignored::NoCurrency => "no currency",
                        common::order::Ignored::UnknownItem => "unknown item",
                    }));
                    let left = common::ledger::difference(&BTreeMap::new(), order.due.as_ref());
                    accounts.extend(left.iter().map(|(position, _)| position.account));
                }
            }
            assert_eq!(accounts.len(), 3, "{accounts:?}");
            for word in [
                "Abandoned",
                "Pending",
                "Completed",
                "Refunded",
                "Cancelled",
                "click",
                "coupon",
                "credited",
                "later",
                "behind_click",
                "behind_coupon",
                "unknown_link",
                "unknown_coupon",
                "coupon_not_valid",
                "other_vendor",
                "before_window",
                "after_order",
                "link_paused",
                "link_expired",
                "vendor_inactive",
                "affiliate_not_approved",
                "affiliate_inactive",
                "partnership_inactive",
                "token_length",
                "token_unknown_key",
                "token_revoked_key",
                "token_retired_key",
                "token_signature",
                "other currency",
                "unknown item",
                "others only",
                "nothing taken back",
            ] {
                assert!(words.contains(word), "no order of this seed is {word}: {words:?}");
            }
        });
    }
}
