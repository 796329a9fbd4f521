//! What is wrong with a report, told all at once, before anything of it is kept.

use std::collections::BTreeSet;

use super::event::{Event, Item, Reversal};
use crate::money::MAX_MINOR;

/// Characters in a name or an id. Shop systems stay below 100; Postgres indexes must hold them.
pub const MAX_TEXT: usize = 200;
/// Characters in an address: several lines of [`MAX_TEXT`].
pub const MAX_ADDRESS: usize = 1_000;
/// Lines of an order: a body of 256 KiB holds no more of them.
pub const MAX_ITEMS: usize = 500;
/// Click tokens of an event: a shopper who followed more links before buying is a program.
pub const MAX_CLICK_IDS: usize = 20;
/// Pieces in a line: fits every column, and is more than anybody buys.
pub const MAX_QUANTITY: u32 = 1_000_000;
/// Versions and product ids: what a bigint holds.
pub const MAX_NUMBER: u64 = i64::MAX as u64;
/// The last millisecond of the year 9999: what every calendar holds.
pub const MAX_TIME: u64 = 253_402_300_799_999;

/// One thing that is wrong with a report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flaw {
    /// Where: `items[2].net_minor`.
    pub field: String,
    /// What, for programs: one of a few stable words.
    pub code: &'static str,
    /// What, for people, and what to do.
    pub words: String,
}

/// Collects flaws.
#[derive(Default)]
struct Flaws(Vec<Flaw>);

impl Flaws {
    fn add(&mut self, field: impl Into<String>, code: &'static str, words: impl Into<String>) {
        self.0.push(Flaw { field: field.into(), code, words: words.into() });
    }

    fn id(&mut self, field: &str, text: &str) {
        if text.trim().is_empty() {
            self.add(field, "empty", "must not be empty");
        }
        if text.chars().any(char::is_control) {
            self.add(field, "control_character", "must not hold control characters");
        }
        self.length(field, text, MAX_TEXT);
    }

    fn text(&mut self, field: &str, text: Option<&String>, limit: usize) {
        let Some(text) = text else { return };
        if text.contains('\0') {
            self.add(field, "control_character", "must not hold the character U+0000");
        }
        self.length(field, text, limit);
    }

    fn length(&mut self, field: &str, text: &str, limit: usize) {
        if text.chars().count() > limit {
            self.add(field, "too_long", format!("has more than {limit} characters"));
        }
    }

    fn amount(&mut self, field: String, minor: i64) {
        if minor < 0 {
            self.add(field, "negative", "must not be negative: report what was taken back as a refund");
        } else if minor > MAX_MINOR {
            self.add(field, "too_large", format!("is more than {MAX_MINOR}"));
        }
    }

    fn total(&mut self, field: &str, amounts: impl Iterator<Item = i64>) {
        if amounts.map(i128::from).sum::<i128>() > i128::from(MAX_MINOR) {
            self.add(field, "too_large", format!("amounts add up to more than {MAX_MINOR}"));
        }
    }

    fn number(&mut self, field: impl Into<String>, number: u64, limit: u64) {
        if number > limit {
            self.add(field, "too_large", format!("is more than {limit}"));
        }
    }

    fn count(&mut self, field: &str, n: usize, limit: usize) {
        if n > limit {
            self.add(field, "too_many", format!("has {n} entries, at most {limit} are taken"));
        }
    }
}

impl Event {
    /// Everything that is wrong with it. Empty: it may be kept.
    pub fn check(&self) -> Vec<Flaw> {
        let mut flaws = Flaws::default();
        flaws.id("event_id", &self.event_id);
        flaws.id("order_ref", &self.order_ref);
        flaws.number("version", self.version, MAX_NUMBER);
        flaws.number("occurred_at", self.occurred_at.0, MAX_TIME);
        let has_amounts = !self.items.is_empty() || self.others_only || self.reversal.is_some();
        if self.currency.is_none() && has_amounts {
            flaws.add(
                "currency",
                "missing",
                "is needed where there are amounts: three capitals, such as EUR",
            );
        }
        check_items(&self.items, &mut flaws);
        if self.others_only && !(self.kind.sells() && self.items.is_empty()) {
            flaws.add("others_only", "unexpected", "is for a sale none of whose items are this vendor's");
        }
        match &self.reversal {
            None if self.kind.reverses() => flaws.add(
                "reversal",
                "missing",
                format!("a {} event says what is taken back", self.kind.name()),
            ),
            Some(_) if !self.kind.reverses() => flaws.add(
                "reversal",
                "unexpected",
                format!("a {} event takes nothing back: report a refund of its own", self.kind.name()),
            ),
            reversal => reversal.iter().for_each(|reversal| check_reversal(reversal, &mut flaws)),
        }
        self.check_words(&mut flaws);
        flaws.0
    }

    fn check_words(&self, flaws: &mut Flaws) {
        flaws.count("click_ids", self.click_ids.len(), MAX_CLICK_IDS);
        for (at, click_id) in self.click_ids.iter().enumerate().take(MAX_CLICK_IDS) {
            flaws.id(&format!("click_ids[{at}]"), click_id);
        }
        if let Some(coupon) = &self.coupon {
            flaws.id("coupon", coupon);
        }
        if let Some(customer) = &self.customer {
            flaws.text("customer.name", customer.name.as_ref(), MAX_TEXT);
            flaws.text("customer.email", customer.email.as_ref(), MAX_TEXT);
            flaws.text("customer.phone", customer.phone.as_ref(), MAX_TEXT);
            flaws.text("customer.country", customer.country.as_ref(), MAX_TEXT);
        }
        if let Some(delivery) = &self.delivery {
            flaws.text("delivery.method", delivery.method.as_ref(), MAX_TEXT);
            flaws.text("delivery.status", delivery.status.as_ref(), MAX_TEXT);
            flaws.text("delivery.address", delivery.address.as_ref(), MAX_ADDRESS);
            flaws.text("delivery.tracking", delivery.tracking.as_ref(), MAX_TEXT);
        }
    }
}

fn check_items(items: &[Item], flaws: &mut Flaws) {
    flaws.count("items", items.len(), MAX_ITEMS);
    let mut seen = BTreeSet::new();
    for (at, item) in items.iter().enumerate().take(MAX_ITEMS) {
        let field = |name: &str| format!("items[{at}].{name}");
        flaws.id(&field("item_id"), &item.item_id);
        if !seen.insert(&item.item_id) {
            flaws.add(field("item_id"), "duplicate", "names the same item again: give each line its own id");
        }
        match item.product_id {
            Some(0) => flaws.add(field("product_id"), "zero", "must be 1 or more, or left out"),
            Some(id) => flaws.number(field("product_id"), id, MAX_NUMBER),
            None => {}
        }
        flaws.text(&field("name"), item.name.as_ref(), MAX_TEXT);
        if item.quantity == 0 {
            flaws.add(field("quantity"), "zero", "must be 1 or more");
        }
        flaws.number(field("quantity"), item.quantity.into(), MAX_QUANTITY.into());
        flaws.amount(field("net_minor"), item.net_minor);
    }
    flaws.total("items", items.iter().map(|item| item.net_minor));
}

fn check_reversal(reversal: &Reversal, flaws: &mut Flaws) {
    flaws.id("reversal.reversal_id", &reversal.reversal_id);
    match (reversal.amount_minor, reversal.items.is_empty()) {
        (None, true) => flaws.add("reversal", "missing", "needs an amount, or items with amounts"),
        (Some(_), false) => {
            flaws.add("reversal", "ambiguous", "has an amount and items: give only one of them");
        }
        _ => {}
    }
    if let Some(amount) = reversal.amount_minor {
        flaws.amount("reversal.amount_minor".to_owned(), amount);
    }
    flaws.count("reversal.items", reversal.items.len(), MAX_ITEMS);
    let mut seen = BTreeSet::new();
    for (at, item) in reversal.items.iter().enumerate().take(MAX_ITEMS) {
        let field = |name: &str| format!("reversal.items[{at}].{name}");
        flaws.id(&field("item_id"), &item.item_id);
        if !seen.insert(&item.item_id) {
            flaws.add(field("item_id"), "duplicate", "names the same item again: add the amounts up");
        }
        flaws.number(field("quantity"), item.quantity.into(), MAX_QUANTITY.into());
        flaws.amount(field("amount_minor"), item.amount_minor);
    }
    flaws.total("reversal.items", reversal.items.iter().map(|item| item.amount_minor));
}

#[cfg(test)]
mod tests {
    use super::super::event::{Kind, ReversedItem};
    use super::*;
    use crate::time::Millis;

    fn item(item_id: &str, net_minor: i64) -> Item {
        Item { item_id: item_id.to_owned(), product_id: None, name: None, quantity: 1, net_minor }
    }

    fn placed() -> Event {
        Event {
            event_id: "evt-1".to_owned(),
            order_ref: "A-1001".to_owned(),
            kind: Kind::Placed,
            version: 0,
            occurred_at: Millis(1_795_000_000_000),
            currency: Some("EUR".parse().expect("a currency")),
            items: vec![item("1", 4_990)],
            others_only: false,
            reversal: None,
            click_ids: vec![],
            coupon: None,
            customer: None,
            delivery: None,
        }
    }

    fn refunded(amount_minor: Option<i64>, items: &[(&str, i64)]) -> Event {
        let of = |&(item_id, amount_minor): &(&str, i64)| ReversedItem {
            item_id: item_id.to_owned(),
            quantity: 0,
            amount_minor,
        };
        let items = items.iter().map(of).collect();
        let reversal = Some(Reversal { reversal_id: "r1".to_owned(), amount_minor, items });
        Event { kind: Kind::Refunded, items: vec![], reversal, ..placed() }
    }

    /// What is wrong, as `field code`.
    #[track_caller]
    fn check(event: &Event, expect: &[&str]) {
        let flaws = event.check();
        let short: Vec<String> = flaws.iter().map(|flaw| format!("{} {}", flaw.field, flaw.code)).collect();
        assert_eq!(short, expect);
        assert!(flaws.iter().all(|flaw| !flaw.words.is_empty()));
    }

    #[test]
    fn good_reports_have_no_flaws() {
        check(&placed(), &[]);
        check(&Event { kind: Kind::Cancelled, items: vec![], currency: None, ..placed() }, &[]);
        check(&Event { kind: Kind::Completed, items: vec![], currency: None, ..placed() }, &[]);
        check(&refunded(Some(0), &[]), &[]);
        check(&refunded(None, &[("1", 500), ("2", MAX_MINOR - 500)]), &[]);
        check(&Event { kind: Kind::Chargeback, ..refunded(Some(MAX_MINOR), &[]) }, &[]);
    }

    #[test]
    fn ids_are_neither_empty_nor_long_nor_odd() {
        for (id, expect) in [
            (String::new(), &["empty"][..]),
            ("  ".to_owned(), &["empty"]),
            ("x".repeat(MAX_TEXT + 1), &["too_long"]),
            ("é".repeat(MAX_TEXT), &[]),
            ("a\nb".to_owned(), &["control_character"]),
            ("a\0".to_owned(), &["control_character"]),
        ] {
            let of = |field: &str| -> Vec<String> {
                expect.iter().map(|code| format!("{field} {code}")).collect()
            };
            let check = |event: Event, field: &str| {
                let (expect, flaws) = (of(field), event.check());
                let short: Vec<String> = flaws.iter().map(|f| format!("{} {}", f.field, f.code)).collect();
                assert_eq!(short, expect, "{id:?}");
            };
            check(Event { event_id: id.clone(), ..placed() }, "event_id");
            check(Event { order_ref: id.clone(), ..placed() }, "order_ref");
            check(Event { coupon: Some(id.clone()), ..placed() }, "coupon");
            check(Event { click_ids: vec!["t".to_owned(), id.clone()], ..placed() }, "click_ids[1]");
            check(Event { items: vec![item(&id, 1)], ..placed() }, "items[0].item_id");
            check(refunded(None, &[(&id, 1)]), "reversal.items[0].item_id");
        }
    }

    #[test]
    fn amounts_stay_within_their_limits_alone_and_together() {
        for (net, expect) in [
            (0, &[][..]),
            (MAX_MINOR, &[]),
            (-1, &["items[0].net_minor negative"]),
            (i64::MIN, &["items[0].net_minor negative"]),
        ] {
            check(&Event { items: vec![item("1", net)], ..placed() }, expect);
        }
        let too_large = ["items[0].net_minor too_large", "items too_large"];
        check(&Event { items: vec![item("1", MAX_MINOR + 1)], ..placed() }, &too_large);
        let sum = vec![item("1", MAX_MINOR), item("2", 1)];
        check(&Event { items: sum, ..placed() }, &["items too_large"]);
        check(&refunded(Some(-1), &[]), &["reversal.amount_minor negative"]);
        check(&refunded(Some(i64::MAX), &[]), &["reversal.amount_minor too_large"]);
        check(&refunded(None, &[("1", MAX_MINOR), ("2", 1)]), &["reversal.items too_large"]);
        let many = vec![item("1", i64::MAX), item("2", i64::MAX)];
        assert_eq!(Event { items: many, ..placed() }.check().len(), 3);
    }

    #[test]
    fn a_reversal_belongs_to_refunds_and_says_one_thing() {
        check(&refunded(None, &[]), &["reversal missing"]);
        check(&refunded(Some(1), &[("1", 1)]), &["reversal ambiguous"]);
        check(&Event { reversal: None, ..refunded(None, &[]) }, &["reversal missing"]);
        check(&Event { kind: Kind::Placed, ..refunded(Some(1), &[]) }, &["reversal unexpected"]);
        check(&refunded(None, &[("1", 1), ("1", 1)]), &["reversal.items[1].item_id duplicate"]);
        check(&Event { currency: None, ..refunded(Some(1), &[]) }, &["currency missing"]);
    }

    #[test]
    fn items_of_others_only_are_a_sale_without_items() {
        let elsewhere = Event { items: vec![], others_only: true, ..placed() };
        check(&elsewhere, &[]);
        check(&Event { kind: Kind::Completed, ..elsewhere.clone() }, &[]);
        check(&Event { currency: None, ..elsewhere.clone() }, &["currency missing"]);
        check(&Event { others_only: true, ..placed() }, &["others_only unexpected"]);
        for kind in [Kind::Abandoned, Kind::Cancelled] {
            check(&Event { kind, ..elsewhere.clone() }, &["others_only unexpected"]);
        }
        check(&Event { others_only: true, ..refunded(Some(1), &[]) }, &["others_only unexpected"]);
    }

    #[test]
    fn numbers_and_counts_fit_their_columns() {
        let of = |item: Item| Event { items: vec![item], ..placed() };
        check(&Event { version: MAX_NUMBER, occurred_at: Millis(MAX_TIME), ..placed() }, &[]);
        check(&Event { version: MAX_NUMBER + 1, ..placed() }, &["version too_large"]);
        check(&Event { occurred_at: Millis(MAX_TIME + 1), ..placed() }, &["occurred_at too_large"]);
        check(&of(Item { product_id: Some(0), ..item("1", 1) }), &["items[0].product_id zero"]);
        check(&of(Item { product_id: Some(u64::MAX), ..item("1", 1) }), &["items[0].product_id too_large"]);
        check(&of(Item { quantity: 0, ..item("1", 1) }), &["items[0].quantity zero"]);
        check(&of(Item { quantity: MAX_QUANTITY, ..item("1", 1) }), &[]);
        check(&of(Item { quantity: u32::MAX, ..item("1", 1) }), &["items[0].quantity too_large"]);
        check(
            &of(Item { name: Some("\0".to_owned()), ..item("1", 1) }),
            &["items[0].name control_character"],
        );
        check(&Event { currency: None, ..placed() }, &["currency missing"]);
        check(
            &Event { items: vec![item("1", 1), item("1", 2)], ..placed() },
            &["items[1].item_id duplicate"],
        );
        let items = |n: usize| Event { items: (0..n).map(|n| item(&n.to_string(), 1)).collect(), ..placed() };
        check(&items(MAX_ITEMS), &[]);
        check(&items(MAX_ITEMS + 1), &["items too_many"]);
        let clicks = |n: usize| Event { click_ids: vec!["t".to_owned(); n], ..placed() };
        check(&clicks(MAX_CLICK_IDS), &[]);
        check(&clicks(MAX_CLICK_IDS + 1), &["click_ids too_many"]);
    }

    #[test]
    fn all_flaws_are_told_at_once() {
        let event = Event { event_id: String::new(), currency: None, items: vec![item("", -1)], ..placed() };
        check(
            &event,
            &["event_id empty", "currency missing", "items[0].item_id empty", "items[0].net_minor negative"],
        );
    }
}
