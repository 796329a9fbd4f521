//! What shoppers do after they followed a link, as their shops report it.

use std::collections::{BTreeMap, VecDeque};

use chrono::{DateTime, TimeDelta, Utc};
use common::ids::Seq;
use common::order::{Customer, Event, Item, Kind, Reversal, ReversedItem};
use common::time::Millis;
use common::token::{self, Signer, VISITOR_MAX};

use crate::calendar::at_work;
use crate::cast::{Cast, Link};
use crate::clicks::{Click, Who, at};
use crate::counting::LANE;
use crate::dice::Dice;
use crate::fate::{self, Fate};

/// How many of the people who follow a link buy, shop by shop.
const BUYERS: [f64; 4] = [0.026, 0.008, 0.016, 0.020];
/// Which door each shop reports through.
const SOURCES: [&str; 4] = ["api", "shopify", "woocommerce", "stripe"];
/// Shoppers who had followed somebody else's link before.
const SECOND_THOUGHTS: f64 = 0.12;
/// One click in so many is remembered as such an earlier one, and how many are, shop by shop.
const REMEMBERED: (u64, usize) = (40, 30);
/// Orders beside those that followed a click: by nobody's link, by a coupon, and with a token that somebody changed.
const BY_NOBODY: f64 = 0.05;
const BY_COUPON: f64 = 0.05;
const CHANGED: f64 = 0.003;
/// Orders that come too fast after their click, and ones that affiliates of a certain kind make themselves.
const HASTE: f64 = 0.006;
const OWN_ORDERS: (i64, f64) = (4, 0.035);
/// Every so many orders a token makes the rounds, and comes on so many orders.
const SPREAD: (u32, i32) = (400, 5);
/// Nobody passes on the token of a click that was long ago: another would be credited.
const FRESH: TimeDelta = TimeDelta::hours(1);
const COUPONS: [Option<&str>; 4] = [Some("ADA10"), Some("BRUNO5"), None, None];
const SHOPPERS: [&str; 20] = [
    "Petra Pretend",
    "Max Makebelieve",
    "Ines Invented",
    "Finn Fiction",
    "Lena Likely",
    "Udo Unreal",
    "Mara Maybe",
    "Timo Tentative",
    "Olga Oneiric",
    "Pablo Perhaps",
    "Sofie Supposed",
    "Henk Hearsay",
    "Clara Conjecture",
    "Bela Bogus",
    "Ivana Imagined",
    "Noel Nowhere",
    "Gina Guess",
    "Arno Alleged",
    "Ruth Rumour",
    "Karl Contrived",
];

/// A report, and the door it came through.
#[derive(Debug)]
pub(crate) struct Report {
    pub(crate) vendor_id: i64,
    pub(crate) source: &'static str,
    pub(crate) event: Event,
}

/// Every shop's checkout.
pub(crate) struct Shops<'a> {
    cast: &'a Cast,
    signer: Signer,
    now: DateTime<Utc>,
    dice: Dice,
    /// Orders so far.
    orders: u32,
    /// After so many orders the next token makes the rounds.
    next_spread: u32,
    /// Some clicks that led to nothing yet, by vendor.
    earlier: BTreeMap<i64, VecDeque<String>>,
    reports: Vec<Report>,
}

/// An order, before anything is reported of it.
struct Order<'a> {
    link: &'a Link,
    placed_at: DateTime<Utc>,
    tokens: Vec<String>,
    coupon: Option<&'static str>,
    email: Option<String>,
    country: &'a str,
}

impl<'a> Shops<'a> {
    pub(crate) fn new(cast: &'a Cast, signer: Signer, now: DateTime<Utc>, seed: u64) -> Self {
        let dice = Dice::of(seed, u64::from(LANE.0));
        Self {
            cast,
            signer,
            now,
            dice,
            orders: 0,
            next_spread: SPREAD.0,
            earlier: BTreeMap::new(),
            reports: Vec::new(),
        }
    }

    /// Somebody followed a link. Perhaps they buy.
    pub(crate) fn visit(&mut self, click: &Click, seq: Seq) {
        let Who::Person { visitor, channel, country, .. } = click.who else { return };
        let link = &self.cast.links[click.link];
        let buys = self.dice.chance(BUYERS[shop(link)]);
        let is_remembered = self.dice.roll().is_multiple_of(REMEMBERED.0);
        if !buys && !is_remembered {
            return;
        }
        let token = self.signer.sign(&token::Click {
            flags: 0,
            ts_ms: click.ts_ms,
            link: common::ids::LinkId(link.id.cast_unsigned()),
            visitor: visitor & VISITOR_MAX,
            channel: channel.code().into(),
            lane: LANE,
            seq,
        });
        let token = String::from_utf8_lossy(&token).into_owned();
        if buys {
            self.buy(link, click.ts_ms, token, &country.to_string());
        } else {
            let earlier = self.earlier.entry(link.vendor_id).or_default();
            earlier.push_back(token);
            if earlier.len() > REMEMBERED.1 {
                earlier.pop_front();
            }
        }
    }

    /// All reports, in the order in which they came, and how many orders they are about.
    pub(crate) fn close(mut self) -> (Vec<Report>, u32) {
        let now = Millis(self.now.timestamp_millis().cast_unsigned());
        self.reports.retain(|report| report.event.occurred_at < now);
        self.reports.sort_by(|a, b| {
            (a.event.occurred_at, &a.event.event_id).cmp(&(b.event.occurred_at, &b.event.event_id))
        });
        (self.reports, self.orders)
    }

    fn buy(&mut self, link: &'a Link, clicked_ms: u64, token: String, country: &str) {
        let looked_around = self.looks_around();
        let placed_at = at(clicked_ms) + looked_around;
        let mut tokens = vec![token];
        if self.dice.chance(SECOND_THOUGHTS)
            && let Some(earlier) = self.earlier.get_mut(&link.vendor_id).and_then(VecDeque::pop_front)
        {
            tokens.push(earlier);
        }
        let is_own = link.affiliate_nth == OWN_ORDERS.0 && self.dice.chance(OWN_ORDERS.1);
        let email = is_own.then(|| link.email.clone());
        let makes_the_rounds = self.orders >= self.next_spread && tokens.len() == 1 && looked_around < FRESH;
        let times = if makes_the_rounds { SPREAD.1 } else { 1 };
        self.next_spread += if makes_the_rounds { SPREAD.0 } else { 0 };
        for time in 0..times {
            let placed_at = placed_at + TimeDelta::hours(9) * time;
            let (tokens, email) = (tokens.clone(), email.clone());
            self.order(&Order { link, placed_at, tokens, coupon: None, email, country });
        }
        let besides = Order {
            link,
            placed_at: placed_at + TimeDelta::minutes(37),
            tokens: Vec::new(),
            coupon: None,
            email: None,
            country,
        };
        if self.dice.chance(BY_NOBODY) {
            self.order(&besides);
        } else if let Some(coupon) = COUPONS[shop(link)].filter(|_| self.dice.chance(BY_COUPON)) {
            self.order(&Order { coupon: Some(coupon), ..besides });
        } else if self.dice.chance(CHANGED) {
            let changed = tokens.iter().map(|token| format!("{}A", &token[..token.len() - 1])).collect();
            self.order(&Order { tokens: changed, ..besides });
        }
    }

    /// From the click to the order: most buy at once, some come back in the evening, a few weeks later.
    fn looks_around(&mut self) -> TimeDelta {
        if self.dice.chance(HASTE) {
            return TimeDelta::milliseconds(self.dice.between(1_500.0, 9_000.0) as i64);
        }
        let minutes = match self.dice.weighted(&[72.0, 20.0, 8.0]) {
            0 => self.dice.between(2.0, 45.0),
            1 => self.dice.between(60.0, 2_880.0),
            _ => self.dice.between(2_880.0, 34_560.0),
        };
        TimeDelta::milliseconds((minutes * 60_000.0) as i64)
    }

    /// Reports all that happens to an order.
    fn order(&mut self, order: &Order<'_>) {
        self.orders += 1;
        let link = order.link;
        let name = format!("DEMO-P{}-{:05}", link.vendor_nth + 1, self.orders);
        let event = |word: &str, kind, at: DateTime<Utc>| Event {
            event_id: format!("{name}-{word}"),
            order_ref: name.clone(),
            kind,
            version: 0,
            occurred_at: Millis(at.timestamp_millis().cast_unsigned()),
            currency: None,
            items: Vec::new(),
            others_only: false,
            reversal: None,
            click_ids: Vec::new(),
            coupon: None,
            customer: None,
            delivery: None,
        };
        let items = self.items(link);
        let customer = self.customer(order);
        let sold = |event: Event| Event {
            currency: fate::euro(),
            items: items.clone(),
            click_ids: order.tokens.clone(),
            coupon: order.coupon.map(str::to_owned),
            customer: Some(customer.clone()),
            ..event
        };
        let taken_back = |event: Event, reversal_id: &str, items: Vec<ReversedItem>| {
            let reversal =
                Reversal { reversal_id: format!("{name}-{reversal_id}"), amount_minor: None, items };
            Event { currency: fate::euro(), reversal: Some(reversal), ..event }
        };
        let (fate, placed_at) = (Fate::draw(&mut self.dice), order.placed_at);
        let mut reports = Vec::new();
        if fate == Fate::Abandoned {
            reports.push(sold(event("left", Kind::Abandoned, placed_at)));
        } else {
            reports.push(sold(event("placed", Kind::Placed, placed_at)));
        }
        if fate == Fate::Cancelled {
            let at = at_work(placed_at + self.hours(1.0, 20.0));
            reports.push(event("cancelled", Kind::Cancelled, at));
        }
        if fate.is_sent() {
            let sent_at = at_work(placed_at + self.hours(14.0, 80.0));
            reports.push(event("completed", Kind::Completed, sent_at));
            match fate {
                Fate::RefundedInFull => {
                    let at = at_work(sent_at + self.hours(72.0, 500.0));
                    reports.push(taken_back(
                        event("all-back", Kind::Refunded, at),
                        "all",
                        fate::all_of(&items),
                    ));
                }
                Fate::RefundedInPart => {
                    let at = at_work(sent_at + self.hours(72.0, 500.0));
                    reports.push(taken_back(
                        event("one-back", Kind::Refunded, at),
                        "one",
                        fate::one_of(&items),
                    ));
                }
                Fate::ChargedBack => {
                    let at = sent_at + self.hours(400.0, 950.0);
                    reports.push(taken_back(
                        event("chargeback", Kind::Chargeback, at),
                        "bank",
                        fate::all_of(&items),
                    ));
                }
                _ => {}
            }
        }
        let (vendor_id, source) = (link.vendor_id, SOURCES[shop(link)]);
        self.reports.extend(reports.into_iter().map(|event| Report { vendor_id, source, event }));
    }

    fn hours(&mut self, from: f64, to: f64) -> TimeDelta {
        TimeDelta::seconds((self.dice.between(from, to) * 3_600.0) as i64)
    }

    fn items(&mut self, link: &Link) -> Vec<Item> {
        let mut bought = vec![link.product_id];
        if self.dice.chance(0.22) {
            let others = self.cast.of_vendor(link.vendor_id);
            bought.push(self.dice.pick(&others).id);
        }
        bought.dedup();
        let mut items = Vec::new();
        for product in bought.into_iter().filter_map(|id| self.cast.product(id)) {
            let quantity = [1, 2, 3][self.dice.weighted(&[84.0, 12.0, 4.0])];
            items.push(Item {
                item_id: (items.len() + 1).to_string(),
                product_id: Some(product.id.cast_unsigned()),
                name: Some(product.name.clone()),
                quantity,
                net_minor: product.price_minor * i64::from(quantity),
            });
        }
        items
    }

    fn customer(&mut self, order: &Order<'_>) -> Customer {
        let name = *self.dice.pick(&SHOPPERS);
        let address = name.to_lowercase().replace(' ', ".");
        Customer {
            name: Some(name.to_owned()),
            email: Some(order.email.clone().unwrap_or_else(|| format!("{address}@mail.example.com"))),
            phone: None,
            country: Some(order.country.to_owned()),
        }
    }
}

/// The shop's place among the shops.
fn shop(link: &Link) -> usize {
    link.vendor_nth as usize % BUYERS.len()
}
