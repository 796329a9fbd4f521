//! `WooCommerce`'s webhooks. Each brings the whole order as it is now, with all its refunds so far, so that one webhook
//! is several events. Only the body is signed; an event's id is made of what it means, and its version is the second
//! in which the order was changed.

use common::money::{Currency, parse_decimal};
use common::order::{Delivery, Event, Item, Kind, Reversal};
use common::time::Millis;

use super::draft::{Draft, Time};
use super::json::Json;
use super::shop::{
    Reading, amount, bad, customer, distinct, full_name, instant, need_amount, need_currency, need_id, token,
    token_of_address, version, words,
};
use crate::problem::Failure;

/// A change this long after the order was made is told by its own time: the order's would be too old to be believed.
const SOON_MS: u64 = 6 * 24 * 3_600_000;

/// What `WooCommerce` sends, unsigned, when a webhook is saved.
pub(super) fn is_ping(body: &[u8]) -> bool {
    let number = body.strip_prefix(b"webhook_id=");
    number.is_some_and(|number| {
        !number.is_empty() && number.len() < 20 && number.iter().all(u8::is_ascii_digit)
    })
}

/// Reads a webhook.
pub(super) fn read(topic: Option<&str>, body: &Json) -> Result<Reading, Failure> {
    let topic = topic.ok_or_else(|| bad("X-WC-Webhook-Topic", "missing", "is missing"))?;
    if !matches!(topic, "order.created" | "order.updated" | "order.restored") {
        let topic: String = topic.chars().take(100).collect();
        return Ok(Reading::Nothing("event_type", format!("webhooks of topic {topic} are not used here")));
    }
    let status =
        body.get("status").and_then(Json::text).ok_or_else(|| bad("status", "missing", "is missing"))?;
    let kind = match status {
        "pending" | "on-hold" | "processing" => Some(Kind::Placed),
        "completed" => Some(Kind::Completed),
        "cancelled" | "failed" | "trash" => Some(Kind::Cancelled),
        "refunded" => None,
        other => {
            let other: String = other.chars().take(100).collect();
            return Ok(Reading::Nothing("status", format!("orders of status {other} are not used here")));
        }
    };
    let order = Order::read(body)?;
    let mut events = Vec::new();
    events.extend(kind.map(|kind| order.event(body, kind)));
    events.extend(order.refunds(body, status)?);
    let named = |event| Draft::plain(event, Time::Reported).named_by_content("woocommerce");
    Ok(Reading::Events(events.into_iter().map(named).collect()))
}

/// What all events of one webhook share.
struct Order {
    id: String,
    currency: Currency,
    items: Vec<Item>,
    created: Millis,
    changed: Millis,
}

impl Order {
    fn read(body: &Json) -> Result<Self, Failure> {
        let currency = need_currency(body, &["currency"])?;
        let created = instant(body.get("date_created_gmt"));
        let created = created
            .ok_or_else(|| bad("date_created_gmt", "invalid_timestamp", "is missing or not a timestamp"))?;
        Ok(Self {
            id: need_id(body, "id")?,
            currency,
            items: items(body, currency)?,
            created,
            changed: instant(body.get("date_modified_gmt")).unwrap_or(created),
        })
    }

    fn event(&self, body: &Json, kind: Kind) -> Event {
        let is_recent = self.changed.0.saturating_sub(self.created.0) <= SOON_MS;
        let occurred_at = match kind {
            Kind::Placed if is_recent => self.created,
            Kind::Completed => instant(body.get("date_completed_gmt")).unwrap_or(self.changed),
            _ => self.changed,
        };
        let billing = |field| words(body.at(&["billing", field]));
        let mut coupons = body.get("coupon_lines").map_or(&[][..], Json::entries).iter();
        let method =
            body.get("shipping_lines").and_then(|lines| words(lines.entries().first()?.get("method_title")));
        let sells = kind != Kind::Cancelled;
        Event {
            currency: sells.then_some(self.currency),
            items: if sells { self.items.clone() } else { Vec::new() },
            click_ids: tokens(body),
            coupon: coupons.find_map(|coupon| words(coupon.get("code"))),
            customer: customer(
                body.get("billing").and_then(full_name),
                billing("email"),
                billing("phone"),
                billing("country"),
            ),
            delivery: method.map(|method| Delivery { method: Some(method), ..Delivery::default() }),
            ..self.base(kind, occurred_at)
        }
    }

    fn base(&self, kind: Kind, occurred_at: Millis) -> Event {
        Event {
            event_id: String::new(),
            order_ref: self.id.clone(),
            kind,
            version: version(self.changed),
            occurred_at,
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

    /// The refunds so far. Their totals hold tax and shipping; the share of the goods in the order is what counts.
    fn refunds(&self, body: &Json, status: &str) -> Result<Vec<Event>, Failure> {
        let goods: i128 = self.items.iter().map(|item| i128::from(item.net_minor)).sum();
        let paid = i128::from(amount(body, &["total"], "", self.currency)?);
        let refunds = body.get("refunds").map_or(&[][..], Json::entries);
        let mut back = Vec::new();
        for (at, refund) in refunds.iter().enumerate() {
            let field = format!("refunds[{at}].total");
            let total = refund.get("total").and_then(Json::text).unwrap_or_default().trim_start_matches('-');
            let total = parse_decimal(total, self.currency)
                .map_err(|error| bad(&field, "bad_amount", &format!("cannot be used: {error}")))?;
            let share = if paid > 0 { (i128::from(total) * goods + paid / 2) / paid } else { goods };
            back.push((need_id(refund, "id")?, share.min(goods)));
        }
        if status == "refunded" && back.is_empty() {
            back.push((self.id.clone(), goods));
        }
        let event = |(reversal_id, share)| Event {
            currency: Some(self.currency),
            reversal: Some(Reversal {
                reversal_id,
                amount_minor: i64::try_from(share).ok(),
                items: Vec::new(),
            }),
            ..self.base(Kind::Refunded, self.changed)
        };
        Ok(back.into_iter().map(event).collect())
    }
}

/// Line totals are after discounts and without tax.
fn items(body: &Json, currency: Currency) -> Result<Vec<Item>, Failure> {
    let lines = body.get("line_items").map_or(&[][..], Json::entries).iter().enumerate();
    let item = |(at, line): (usize, &Json)| {
        let quantity = line.get("quantity").and_then(Json::integer).and_then(|n| u32::try_from(n).ok());
        Ok(Item {
            item_id: need_id(line, "id")?,
            product_id: None,
            name: words(line.get("name")),
            quantity: quantity.unwrap_or(1).max(1),
            net_minor: need_amount(line, &["total"], &format!("line_items[{at}]."), currency)?,
        })
    };
    lines.map(item).collect()
}

/// Tokens in the order's own data: as the snippet's field leaves them, and in the address the shopper came by.
fn tokens(body: &Json) -> Vec<String> {
    let entries = body.get("meta_data").map_or(&[][..], Json::entries).iter();
    let found = entries.filter_map(|entry| {
        let value = entry.get("value")?.text()?;
        match entry.get("key")?.text()? {
            "clk" | "_clk" => token(value),
            "_wc_order_attribution_session_entry" => token_of_address(value),
            _ => None,
        }
    });
    distinct(found)
}
