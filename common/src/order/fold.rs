//! From everything a shop reported to the order as it stands: a function of the set of events, of nothing else.

use std::collections::{BTreeMap, BTreeSet};

use super::event::{Customer, Delivery, Event, Kind};
use super::reversals;
use crate::money::{Currency, MAX_MINOR};
use crate::time::Millis;

/// An order as all its events together make it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Folded {
    /// What its amounts are in: as it was first sold. `None`: nothing was sold yet.
    pub currency: Option<Currency>,
    /// What was bought and what came back, sorted by item.
    pub lines: Vec<Line>,
    /// The sum of the lines' net prices.
    pub net_minor: i64,
    /// The sum of what was taken back of the lines. Never more than the net.
    pub refunded_minor: i64,
    /// When it was first reported bought.
    pub placed_at: Option<Millis>,
    /// When it was first reported done.
    pub completed_at: Option<Millis>,
    /// Whether any report called it off.
    pub is_cancelled: bool,
    /// Every click token that came with it, once.
    pub click_ids: BTreeSet<String>,
    /// Every coupon that came with it, once, in capitals.
    pub coupons: BTreeSet<String>,
    /// Who bought, by the last word on it.
    pub customer: Option<Customer>,
    /// How it gets there, by the last word on it.
    pub delivery: Option<Delivery>,
    /// Events, or parts of them, that could not take part, sorted by event.
    pub ignored: Vec<(String, Ignored)>,
}

impl Folded {
    /// When it became an order, which decides about windows, terms and rates. `None`: it is none yet.
    pub fn ordered_at(&self) -> Option<Millis> {
        self.placed_at.or(self.completed_at)
    }
}

/// One item, and what came back of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// The shop's name for the line.
    pub item_id: String,
    /// Which product, if the programme knows it.
    pub product_id: Option<u64>,
    /// What it is called.
    pub name: Option<String>,
    /// How many were bought.
    pub quantity: u32,
    /// What they cost.
    pub net_minor: i64,
    /// How many came back: at most as many as were bought.
    pub refunded_quantity: u32,
    /// How much was taken back: at most what they cost.
    pub refunded_minor: i64,
}

impl Line {
    /// What commission is reckoned on.
    pub fn remaining(&self) -> i64 {
        self.net_minor - self.refunded_minor
    }
}

/// Why an event, or a part of it, has no effect. It is kept and shown, so that somebody can report what was meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, thiserror::Error)]
pub enum Ignored {
    /// An order keeps the currency it was first sold in.
    #[error("its amounts are in another currency than the order's")]
    OtherCurrency,
    /// Amounts of no currency.
    #[error("its amounts name no currency, or none is known for the order yet")]
    NoCurrency,
    /// The rest of the event counts.
    #[error("it takes back an item that the order does not have")]
    UnknownItem,
}

/// The word of one event against another's about the same thing: the higher version, then the later, then the
/// greater id, so that there is always exactly one last word.
pub(super) fn rank(event: &Event) -> (u64, Millis, &str) {
    (event.version, event.occurred_at, &event.event_id)
}

/// Folds a set of events into the order. Order and repetition of the events change nothing; parked ones are left
/// out by the caller.
pub fn fold<'a>(events: impl IntoIterator<Item = &'a Event>) -> Folded {
    let events: BTreeSet<&Event> = events.into_iter().collect();
    let currency = currency(&events);
    let (heard, mut ignored) = (heard(&events, currency), not_heard(&events, currency));
    let mut lines = lines(&heard);
    ignored.extend(reversals::apply(&mut lines, &heard));
    let sum = |amount: fn(&Line) -> i64| {
        i64::try_from(lines.iter().map(|line| i128::from(amount(line))).sum::<i128>()).unwrap_or(i64::MAX)
    };
    let first = |kind| heard.iter().filter(|e| e.kind == kind).map(|e| e.occurred_at).min();
    Folded {
        currency,
        net_minor: sum(|line| line.net_minor),
        refunded_minor: sum(|line| line.refunded_minor),
        lines,
        placed_at: first(Kind::Placed),
        completed_at: first(Kind::Completed),
        is_cancelled: first(Kind::Cancelled).is_some(),
        click_ids: events.iter().flat_map(|e| e.click_ids.iter().cloned()).collect(),
        coupons: events.iter().filter_map(|e| capitals(e.coupon.as_deref()?)).collect(),
        customer: last_word(&events, |e| e.customer.clone()),
        delivery: last_word(&events, |e| e.delivery.clone()),
        ignored: ignored.into_iter().collect(),
    }
}

/// Coupons are compared in capitals, without blanks around them.
fn capitals(coupon: &str) -> Option<String> {
    let coupon = coupon.trim();
    (!coupon.is_empty()).then(|| coupon.to_uppercase())
}

fn last_word<T>(events: &BTreeSet<&Event>, of: impl Fn(&Event) -> Option<T>) -> Option<T> {
    let said = events.iter().filter_map(|event| Some((rank(event), of(event)?)));
    said.max_by_key(|(rank, _)| *rank).map(|(_, word)| word)
}

/// Whether it says what was bought, and be it that nothing was bought here.
fn is_sale(event: &Event) -> bool {
    event.kind.sells() && (!event.items.is_empty() || event.others_only)
}

/// The currency the order was first sold in, by the shop's clock and not by the version: a later correction may
/// change prices, but not what they are in.
fn currency(events: &BTreeSet<&Event>) -> Option<Currency> {
    let sales = events.iter().filter(|event| is_sale(event) && event.currency.is_some());
    sales.min_by_key(|event| (event.occurred_at, &event.event_id))?.currency
}

/// Why an event takes no part. One without amounts always does.
fn refusal(event: &Event, order: Option<Currency>) -> Option<Ignored> {
    let has_amounts = is_sale(event) || event.kind.reverses() && event.reversal.is_some();
    match event.currency {
        _ if !has_amounts || event.currency.is_some() && event.currency == order => None,
        Some(_) if order.is_some() => Some(Ignored::OtherCurrency),
        _ => Some(Ignored::NoCurrency),
    }
}

fn heard<'a>(events: &BTreeSet<&'a Event>, order: Option<Currency>) -> Vec<&'a Event> {
    events.iter().copied().filter(|event| refusal(event, order).is_none()).collect()
}

fn not_heard(events: &BTreeSet<&Event>, order: Option<Currency>) -> BTreeSet<(String, Ignored)> {
    events.iter().filter_map(|event| Some((event.event_id.clone(), refusal(event, order)?))).collect()
}

/// The items of the sale that has the last word. Amounts beyond what intake lets through are cut, not believed.
fn lines(heard: &[&Event]) -> Vec<Line> {
    let sale = heard.iter().filter(|event| is_sale(event)).max_by_key(|event| rank(event));
    let mut lines = BTreeMap::new();
    for item in sale.iter().flat_map(|event| &event.items) {
        lines.entry(&item.item_id).or_insert_with(|| Line {
            item_id: item.item_id.clone(),
            product_id: item.product_id,
            name: item.name.clone(),
            quantity: item.quantity,
            net_minor: item.net_minor.clamp(0, MAX_MINOR),
            refunded_quantity: 0,
            refunded_minor: 0,
        });
    }
    lines.into_values().collect()
}
