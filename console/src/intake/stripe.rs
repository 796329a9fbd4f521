//! Stripe's events. Each names itself (`evt_…`), and that is the event's id here.
//!
//! The order is the payment intent: sessions, charges, refunds and disputes all name it. What a session says (version
//! 1, or 2 once a delayed payment has come) goes before what its payment intent says (version 0), as only the session
//! tells goods from tax and shipping.

use common::money::Currency;
use common::order::{Event, Item, Kind, Reversal};
use common::time::Millis;

use super::draft::{Draft, Time, WHOLE_ORDER};
use super::json::Json;
use super::shop::{Reading, bad, customer, distinct, need_currency, need_id, token, words};
use crate::problem::Failure;

/// What a payment intent, charge or dispute says about amounts.
const OF_PAYMENT: u64 = 0;
/// What a checkout session says.
const OF_SESSION: u64 = 1;
/// What it says after a delayed payment.
const OF_LATE_PAYMENT: u64 = 2;

/// The types of events that say something about an order's money. The last two are about disputes.
const USED: [&str; 8] = [
    "checkout.session.completed",
    "checkout.session.async_payment_succeeded",
    "checkout.session.async_payment_failed",
    "checkout.session.expired",
    "payment_intent.succeeded",
    "charge.refunded",
    "charge.dispute.created",
    "charge.dispute.closed",
];

/// Reads an event.
pub(super) fn read(body: &Json) -> Result<Reading, Failure> {
    let kind = body.get("type").and_then(Json::text).ok_or_else(|| bad("type", "missing", "is missing"))?;
    if !USED.contains(&kind) {
        let kind: String = kind.chars().take(100).collect();
        return Ok(Reading::Nothing("event_type", format!("events of type {kind} are not used here")));
    }
    let object = body.at(&["data", "object"]).ok_or_else(|| bad("data.object", "missing", "is missing"))?;
    let base = base(body, object)?;
    let draft = match kind {
        "checkout.session.completed" => {
            let is_paid = object.get("payment_status").and_then(Json::text) != Some("unpaid");
            session(base, object, if is_paid { Kind::Completed } else { Kind::Placed }, OF_SESSION)?
        }
        "checkout.session.async_payment_succeeded" => {
            session(base, object, Kind::Completed, OF_LATE_PAYMENT)?
        }
        "checkout.session.async_payment_failed" => Event { kind: Kind::Cancelled, ..base },
        "checkout.session.expired" => Event { kind: Kind::Abandoned, ..base },
        "payment_intent.succeeded" => payment(base, object)?,
        "charge.refunded" => refund(base, object)?,
        _ => match dispute(base, object)? {
            Some(event) => event,
            None => return Ok(Reading::Nothing("inquiry", "an inquiry takes no money back".to_owned())),
        },
    };
    Ok(Reading::one(Draft::plain(draft, Time::Reported)))
}

/// What every event has.
fn base(body: &Json, object: &Json) -> Result<Event, Failure> {
    let created = body.get("created").and_then(Json::integer).and_then(|seconds| u64::try_from(seconds).ok());
    let created =
        created.ok_or_else(|| bad("created", "invalid_timestamp", "is missing or not seconds since 1970"))?;
    let payment_intent = if object.get("object").and_then(Json::text) == Some("payment_intent") {
        "id"
    } else {
        "payment_intent"
    };
    let order_ref = [payment_intent, "charge", "id"].into_iter().find_map(|field| object.get(field)?.id());
    let tokens = [object.at(&["metadata", "clk"]), object.get("client_reference_id")];
    Ok(Event {
        event_id: need_id(body, "id")?,
        order_ref: order_ref.ok_or_else(|| bad("data.object.id", "missing", "is missing"))?,
        kind: Kind::Abandoned,
        version: 0,
        occurred_at: Millis(created.saturating_mul(1_000)),
        currency: None,
        items: Vec::new(),
        others_only: false,
        reversal: None,
        click_ids: distinct(tokens.into_iter().flatten().filter_map(|json| token(json.text()?))),
        coupon: words(object.at(&["metadata", "coupon"])),
        customer: None,
        delivery: None,
    })
}

fn session(base: Event, object: &Json, kind: Kind, version: u64) -> Result<Event, Failure> {
    let currency = need_currency(object, &["currency"])?;
    let total = need_minor(object, &["amount_total"], currency)?;
    let tax = minor(object, &["total_details", "amount_tax"], currency)?;
    let shipping = minor(object, &["total_details", "amount_shipping"], currency)?;
    let details = |field| words(object.at(&["customer_details", field]));
    let country = words(object.at(&["customer_details", "address", "country"]));
    Ok(Event {
        kind,
        version,
        customer: customer(details("name"), details("email"), details("phone"), country),
        ..sold(base, currency, total.saturating_sub(tax).saturating_sub(shipping))
    })
}

fn payment(base: Event, object: &Json) -> Result<Event, Failure> {
    let currency = need_currency(object, &["currency"])?;
    let received = need_minor(object, &["amount_received"], currency)?;
    let email = words(object.get("receipt_email"));
    let event = sold(base, currency, received);
    Ok(Event {
        kind: Kind::Completed,
        version: OF_PAYMENT,
        customer: customer(None, email, None, None),
        ..event
    })
}

fn sold(base: Event, currency: Currency, net_minor: i64) -> Event {
    let item = Item {
        item_id: WHOLE_ORDER.to_owned(),
        product_id: None,
        name: None,
        quantity: 1,
        net_minor: net_minor.max(0),
    };
    Event { currency: Some(currency), items: vec![item], ..base }
}

/// `amount_refunded` is the sum of a charge's refunds so far: one reversal, of which the largest sum speaks.
fn refund(base: Event, object: &Json) -> Result<Event, Failure> {
    let currency = need_currency(object, &["currency"])?;
    let sum = need_minor(object, &["amount_refunded"], currency)?;
    let reversal =
        Reversal { reversal_id: need_id(object, "id")?, amount_minor: Some(sum), items: Vec::new() };
    let version = sum.unsigned_abs();
    Ok(Event { kind: Kind::Refunded, version, currency: Some(currency), reversal: Some(reversal), ..base })
}

/// A dispute takes its amount back when it begins (version 0); how it was closed (version 1) has the last word.
fn dispute(base: Event, object: &Json) -> Result<Option<Event>, Failure> {
    let status = object.get("status").and_then(Json::text).unwrap_or_default();
    if status.starts_with("warning") {
        return Ok(None);
    }
    let currency = need_currency(object, &["currency"])?;
    let amount = need_minor(object, &["amount"], currency)?;
    let (version, amount) = match status {
        "won" | "prevented" => (1, 0),
        "lost" => (1, amount),
        _ => (0, amount),
    };
    let reversal =
        Reversal { reversal_id: need_id(object, "id")?, amount_minor: Some(amount), items: Vec::new() };
    Ok(Some(Event {
        kind: Kind::Chargeback,
        version,
        currency: Some(currency),
        reversal: Some(reversal),
        ..base
    }))
}

fn need_minor(object: &Json, path: &[&str], currency: Currency) -> Result<i64, Failure> {
    let field = format!("data.object.{}", path.join("."));
    let number = object.at(path).and_then(Json::integer).and_then(|number| i64::try_from(number).ok());
    let number = number
        .ok_or_else(|| bad(&field, "not_minor_units", "is missing or not a whole number of minor units"))?;
    Ok(iso(number, currency))
}

fn minor(object: &Json, path: &[&str], currency: Currency) -> Result<i64, Failure> {
    if object.at(path).is_none() { Ok(0) } else { need_minor(object, path, currency) }
}

/// Stripe counts three currencies in other units than ISO 4217 does.
fn iso(amount: i64, currency: Currency) -> i64 {
    match currency.as_str() {
        "ISK" | "UGX" => amount / 100,
        "MGA" => amount.saturating_mul(100),
        _ => amount,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_currencies_are_counted_differently() {
        let of = |amount, code: &str| iso(amount, code.parse().expect("a currency"));
        for (amount, code, expect) in [
            (1250, "EUR", 1250),
            (1250, "JPY", 1250),
            (125_000, "ISK", 1250),
            (500, "UGX", 5),
            (10, "MGA", 1000),
            (1250, "KWD", 1250),
        ] {
            assert_eq!(of(amount, code), expect, "{code}");
        }
    }
}
