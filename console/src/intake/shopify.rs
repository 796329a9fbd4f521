//! Shopify's webhooks. Only the body is signed, so nothing but the body decides: the topic in the header must agree
//! with what the body says, and an event's id is made of what it means, never of a header.

use common::money::Currency;
use common::order::{Delivery, Event, Item, Kind, Reversal, ReversedItem};
use common::time::Millis;

use super::draft::{Draft, Time};
use super::json::Json;
use super::shop::{
    Reading, amount, bad, customer, distinct, full_name, instant, need_amount, need_currency, need_id,
    need_instant, token, token_of_address, version, words,
};
use crate::problem::Failure;

/// Reads a webhook.
pub(super) fn read(topic: Option<&str>, body: &Json) -> Result<Reading, Failure> {
    let topic = topic.ok_or_else(|| bad("X-Shopify-Topic", "missing", "is missing"))?;
    let event = match topic {
        "orders/create" => order(body, Kind::Placed, need_instant(body, "created_at")?)?,
        "orders/paid" => {
            if body.get("financial_status").and_then(Json::text) != Some("paid") {
                return Err(mismatch("financial_status", topic));
            }
            order(body, Kind::Completed, changed(body)?)?
        }
        "orders/cancelled" => {
            let at = instant(body.get("cancelled_at")).ok_or_else(|| mismatch("cancelled_at", topic))?;
            Event { currency: None, items: Vec::new(), ..order(body, Kind::Cancelled, at)? }
        }
        "refunds/create" => match refund(body)? {
            Some(event) => event,
            None => return Ok(Reading::Nothing("no_goods", "the refund takes no goods back".to_owned())),
        },
        other => {
            let other: String = other.chars().take(100).collect();
            return Ok(Reading::Nothing(
                "event_type",
                format!("webhooks of topic {other} are not used here"),
            ));
        }
    };
    Ok(Reading::one(Draft::plain(event, Time::Reported).named_by_content(&format!("shopify:{topic}"))))
}

fn mismatch(field: &str, topic: &str) -> Failure {
    bad(field, "topic_mismatch", &format!("does not say what the topic {topic} does"))
}

fn changed(body: &Json) -> Result<Millis, Failure> {
    instant(body.get("updated_at")).map_or_else(|| need_instant(body, "created_at"), Ok)
}

fn order(body: &Json, kind: Kind, occurred_at: Millis) -> Result<Event, Failure> {
    if body.get("order_id").is_some() {
        return Err(bad("order_id", "topic_mismatch", "belongs to a refund, not to an order"));
    }
    let currency = need_currency(body, &["currency"])?;
    let attributes = body.get("note_attributes").map_or(&[][..], Json::entries).iter();
    let noted = attributes.filter_map(|attribute| {
        let is_ours = attribute.get("name")?.text()?.eq_ignore_ascii_case("clk");
        token(attribute.get("value")?.text()?).filter(|_| is_ours)
    });
    let landed = body.get("landing_site").and_then(Json::text).and_then(token_of_address);
    let mut coupons = body.get("discount_codes").map_or(&[][..], Json::entries).iter();
    let of_customer = |field| words(body.at(&["customer", field]));
    let country = words(body.at(&["shipping_address", "country_code"]))
        .or_else(|| words(body.at(&["billing_address", "country_code"])));
    let method = body.get("shipping_lines").and_then(|lines| words(lines.entries().first()?.get("title")));
    Ok(Event {
        event_id: String::new(),
        order_ref: need_id(body, "id")?,
        kind,
        version: version(changed(body)?),
        occurred_at,
        currency: Some(currency),
        items: items(body, currency)?,
        others_only: false,
        reversal: None,
        click_ids: distinct(noted.chain(landed)),
        coupon: coupons.find_map(|coupon| words(coupon.get("code"))),
        customer: customer(
            body.get("customer").and_then(full_name),
            of_customer("email").or_else(|| words(body.get("email"))),
            of_customer("phone").or_else(|| words(body.get("phone"))),
            country,
        ),
        delivery: method.map(|method| Delivery { method: Some(method), ..Delivery::default() }),
    })
}

fn items(body: &Json, currency: Currency) -> Result<Vec<Item>, Failure> {
    let has_tax = body.get("taxes_included") == Some(&Json::Bool(true));
    let lines = body.get("line_items").map_or(&[][..], Json::entries).iter().enumerate();
    let item = |(at, line): (usize, &Json)| {
        let place = format!("line_items[{at}].");
        let quantity = line.get("quantity").and_then(Json::integer).and_then(|n| u32::try_from(n).ok());
        let Some(quantity) = quantity.filter(|n| *n > 0) else { return Ok(None) };
        let price = need_amount(line, &["price"], &place, currency)?;
        let mut net = i128::from(price) * i128::from(quantity);
        for discount in line.get("discount_allocations").map_or(&[][..], Json::entries) {
            net -= i128::from(need_amount(discount, &["amount"], &place, currency)?);
        }
        for tax in line.get("tax_lines").map_or(&[][..], Json::entries).iter().filter(|_| has_tax) {
            net -= i128::from(amount(tax, &["price"], &place, currency)?);
        }
        let net_minor = i64::try_from(net.max(0)).unwrap_or(i64::MAX);
        let name = words(line.get("title").or_else(|| line.get("name")));
        Ok(Some(Item { item_id: need_id(line, "id")?, product_id: None, name, quantity, net_minor }))
    };
    lines.map(item).filter_map(Result::transpose).collect()
}

fn refund(body: &Json) -> Result<Option<Event>, Failure> {
    let lines = body.get("refund_line_items").map_or(&[][..], Json::entries);
    let payments = body.get("transactions").map_or(&[][..], Json::entries);
    let currency = if let Some(line) = lines.first() {
        need_currency(line, &["subtotal_set", "shop_money", "currency_code"])?
    } else if let Some(payment) = payments.first() {
        need_currency(payment, &["currency"])?
    } else {
        return Ok(None);
    };
    let reversal_id = need_id(body, "id")?;
    let items = returned(lines, currency)?;
    let whole = if items.is_empty() { money_back(body, payments, currency)? } else { 0 };
    if items.is_empty() && whole == 0 {
        return Ok(None);
    }
    let amount_minor = items.is_empty().then_some(whole);
    Ok(Some(Event {
        event_id: String::new(),
        order_ref: need_id(body, "order_id")?,
        kind: Kind::Refunded,
        version: 0,
        occurred_at: need_instant(body, "created_at")?,
        currency: Some(currency),
        items: Vec::new(),
        others_only: false,
        reversal: Some(Reversal { reversal_id, amount_minor, items }),
        click_ids: Vec::new(),
        coupon: None,
        customer: None,
        delivery: None,
    }))
}

/// Lines that came back; one that came back in two parts is added up.
fn returned(lines: &[Json], currency: Currency) -> Result<Vec<ReversedItem>, Failure> {
    let mut items = Vec::<ReversedItem>::new();
    for (at, line) in lines.iter().enumerate() {
        let item_id = need_id(line, "line_item_id")?;
        let place = format!("refund_line_items[{at}].");
        let amount_minor = need_amount(line, &["subtotal_set", "shop_money", "amount"], &place, currency)?;
        let quantity =
            line.get("quantity").and_then(Json::integer).and_then(|n| u32::try_from(n).ok()).unwrap_or(0);
        match items.iter_mut().find(|item| item.item_id == item_id) {
            Some(item) => {
                item.quantity = item.quantity.saturating_add(quantity);
                item.amount_minor = item.amount_minor.saturating_add(amount_minor);
            }
            None => items.push(ReversedItem { item_id, quantity, amount_minor }),
        }
    }
    Ok(items)
}

/// What was paid back without goods coming back, less what of it was shipping.
fn money_back(body: &Json, payments: &[Json], currency: Currency) -> Result<i64, Failure> {
    let mut back = 0_i64;
    for (at, payment) in payments.iter().enumerate() {
        let says = |field: &str| payment.get(field).and_then(Json::text);
        if says("kind") == Some("refund") && matches!(says("status"), Some("success" | "pending")) {
            back = back.saturating_add(need_amount(
                payment,
                &["amount"],
                &format!("transactions[{at}]."),
                currency,
            )?);
        }
    }
    for adjustment in body.get("order_adjustments").map_or(&[][..], Json::entries) {
        if adjustment.get("kind").and_then(Json::text) == Some("shipping_refund") {
            for field in ["amount", "tax_amount"] {
                let shipping =
                    adjustment.get(field).and_then(Json::text).map(|text| text.trim_start_matches('-'));
                back = back.saturating_sub(
                    shipping.and_then(|text| common::money::parse_decimal(text, currency).ok()).unwrap_or(0),
                );
            }
        }
    }
    Ok(back.max(0))
}
