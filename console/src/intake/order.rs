//! The body of `POST /v1/orders`, of each event of a batch, and of a Standard Webhook.

use std::collections::BTreeMap;

use chrono::DateTime;
use common::money::Currency;
use common::order::{Customer, Delivery, Event, Item, Kind, Reversal, ReversedItem};
use common::time::Millis;

use super::draft::{Draft, Time, WHOLE_ORDER};
use super::fields::{Fields, Flaws};
use super::json::Json;
use crate::problem::Failure;

/// Reads one event. `event_id` is used where the body names none.
pub(super) fn read(body: Json, event_id: Option<&str>) -> Result<Draft, Failure> {
    let mut flaws = Flaws::new();
    let draft = draft(Fields::of("", body, &mut flaws), event_id, &mut flaws);
    // What could not be read is missing in the event: its own complaints would only repeat that.
    if flaws.is_empty() {
        flaws = draft.check();
    }
    if flaws.is_empty() { Ok(draft) } else { Err(Failure::Content(flaws)) }
}

fn draft(mut fields: Fields, event_id: Option<&str>, flaws: &mut Flaws) -> Draft {
    let mut vendors = BTreeMap::new();
    let event_id = match event_id {
        Some(given) => fields.text("event_id", flaws).unwrap_or_else(|| given.to_owned()),
        None => fields.need_text("event_id", flaws),
    };
    let order_ref = fields.need_text("order_ref", flaws);
    let kind = kind(&mut fields, flaws);
    let occurred_at = occurred_at(&mut fields, flaws);
    let version = fields.integer("version", flaws).unwrap_or(0);
    let currency = currency(&mut fields, flaws);
    let event = Event {
        event_id,
        order_ref,
        kind,
        version,
        occurred_at,
        currency,
        items: items(&mut fields, &mut vendors, flaws),
        others_only: false,
        reversal: reversal(&mut fields, kind, &mut vendors, flaws),
        click_ids: click_ids(&mut fields, flaws),
        coupon: fields.text("coupon", flaws),
        customer: customer(&mut fields, flaws),
        delivery: delivery(&mut fields, flaws),
    };
    let vendor = fields.integer("vendor_id", flaws);
    fields.finish(flaws);
    Draft { event, vendor, item_vendors: vendors, time: Time::Reported }
}

fn kind(fields: &mut Fields, flaws: &mut Flaws) -> Kind {
    let before = flaws.len();
    let name = fields.need_text("type", flaws);
    Kind::from_name(&name).unwrap_or_else(|| {
        if flaws.len() == before {
            let names: Vec<&str> = Kind::ALL.iter().map(|kind| kind.name()).collect();
            fields.refuse("type", "unknown_type", format!("must be one of {}", names.join(", ")), flaws);
        }
        Kind::Abandoned
    })
}

fn occurred_at(fields: &mut Fields, flaws: &mut Flaws) -> Millis {
    let before = flaws.len();
    let text = fields.need_text("occurred_at", flaws);
    let instant = DateTime::parse_from_rfc3339(&text);
    let millis = instant.as_ref().ok().and_then(|instant| u64::try_from(instant.timestamp_millis()).ok());
    if millis.is_none() && flaws.len() == before {
        let (code, words) = match instant {
            Ok(_) => ("out_of_range", "must not be before 1970"),
            Err(_) => ("invalid_timestamp", "must be an RFC 3339 timestamp such as 2026-11-21T10:00:00Z"),
        };
        fields.refuse("occurred_at", code, words, flaws);
    }
    Millis(millis.unwrap_or_default())
}

fn currency(fields: &mut Fields, flaws: &mut Flaws) -> Option<Currency> {
    let text = fields.text("currency", flaws)?;
    match text.parse() {
        Ok(currency) => Some(currency),
        Err(error) => {
            fields.refuse("currency", "unknown_currency", format!("cannot be used: {error}"), flaws);
            None
        }
    }
}

fn items(fields: &mut Fields, vendors: &mut BTreeMap<String, i64>, flaws: &mut Flaws) -> Vec<Item> {
    let path = fields.name("items");
    let entries = fields.list("items", flaws);
    let whole = fields.minor("net_minor", flaws);
    if let Some(net_minor) = whole {
        if !entries.is_empty() {
            fields.refuse("net_minor", "ambiguous", "stands beside `items`: give only one of them", flaws);
        }
        return vec![Item {
            item_id: WHOLE_ORDER.to_owned(),
            product_id: None,
            name: None,
            quantity: 1,
            net_minor,
        }];
    }
    let entry = |(at, entry)| {
        let mut fields = Fields::of(format!("{path}[{at}]"), entry, flaws);
        let item_id = fields.need_text("item_id", flaws);
        let item = Item {
            product_id: fields.integer("product_id", flaws),
            name: fields.text("name", flaws),
            quantity: fields.integer("quantity", flaws).unwrap_or(1),
            net_minor: need_minor(&mut fields, "net_minor", flaws),
            item_id,
        };
        if let Some(vendor) = fields.integer("vendor_id", flaws) {
            vendors.insert(item.item_id.clone(), vendor);
        }
        fields.finish(flaws);
        item
    };
    entries.into_iter().enumerate().map(entry).collect()
}

fn need_minor(fields: &mut Fields, name: &'static str, flaws: &mut Flaws) -> i64 {
    let before = flaws.len();
    fields.minor(name, flaws).unwrap_or_else(|| {
        if flaws.len() == before {
            fields.refuse(name, "missing", "is missing", flaws);
        }
        0
    })
}

fn reversal(
    fields: &mut Fields,
    kind: Kind,
    vendors: &mut BTreeMap<String, i64>,
    flaws: &mut Flaws,
) -> Option<Reversal> {
    let refund = fields.object("refund", flaws).map(|part| (part, "refund_id", Kind::Refunded));
    let chargeback = fields.object("chargeback", flaws).map(|part| (part, "chargeback_id", Kind::Chargeback));
    let mut found = None;
    for (mut part, id, belongs_to) in [refund, chargeback].into_iter().flatten() {
        if belongs_to != kind {
            let words = format!("belongs to an event of type {}", belongs_to.name());
            fields.refuse(id.trim_end_matches("_id"), "unexpected", words, flaws);
        }
        let reversal_id = part.need_text(id, flaws);
        let amount_minor = part.minor("amount_minor", flaws);
        let items = returned(&mut part, vendors, flaws);
        part.finish(flaws);
        found = Some(Reversal { reversal_id, amount_minor, items });
    }
    found
}

fn returned(part: &mut Fields, vendors: &mut BTreeMap<String, i64>, flaws: &mut Flaws) -> Vec<ReversedItem> {
    let path = part.name("items");
    let entries = part.list("items", flaws);
    let entry = |(at, entry)| {
        let mut fields = Fields::of(format!("{path}[{at}]"), entry, flaws);
        let item = ReversedItem {
            item_id: fields.need_text("item_id", flaws),
            quantity: fields.integer("quantity", flaws).unwrap_or(0),
            amount_minor: need_minor(&mut fields, "amount_minor", flaws),
        };
        if let Some(vendor) = fields.integer("vendor_id", flaws) {
            vendors.insert(item.item_id.clone(), vendor);
        }
        fields.finish(flaws);
        item
    };
    entries.into_iter().enumerate().map(entry).collect()
}

fn click_ids(fields: &mut Fields, flaws: &mut Flaws) -> Vec<String> {
    let mut click_ids: Vec<String> = fields.text("click_id", flaws).into_iter().collect();
    for entry in fields.list("click_ids", flaws) {
        match entry {
            Json::Text(text) => click_ids.push(text),
            other => {
                let words = format!("must hold texts, not {}", other.kind());
                fields.refuse("click_ids", "not_a_text", words, flaws);
            }
        }
    }
    click_ids
}

fn customer(fields: &mut Fields, flaws: &mut Flaws) -> Option<Customer> {
    let mut part = fields.object("customer", flaws)?;
    let customer = Customer {
        name: part.text("name", flaws),
        email: part.text("email", flaws),
        phone: part.text("phone", flaws),
        country: part.text("country", flaws),
    };
    part.finish(flaws);
    Some(customer)
}

fn delivery(fields: &mut Fields, flaws: &mut Flaws) -> Option<Delivery> {
    let mut part = fields.object("delivery", flaws)?;
    let delivery = Delivery {
        method: part.text("method", flaws),
        status: part.text("status", flaws),
        address: part.text("address", flaws),
        tracking: part.text("tracking", flaws),
    };
    part.finish(flaws);
    Some(delivery)
}
