//! The demo's checkout: what shoppers do after they followed a link, as a shop reports it.
//!
//! Stories take turns, so that a few minutes show every status an order can have.

use std::net::SocketAddr;
use std::time::Duration;

use chrono::{DateTime, SecondsFormat, Utc};
use runtime::Shutdown;
use serde_json::{Value, json};
use tracing::{debug, warn};

use super::Link;
use super::dice::Dice;
use crate::http;

/// How long a shopper looks around before buying, in seconds: an order within ten seconds of its click is held as
/// suspicious, which only one story wants.
const LOOKS_AROUND: std::ops::Range<u64> = 12..25;
/// How long the hasty one takes.
const HASTE: Duration = Duration::from_secs(2);
/// The coupon of the demo programme.
const COUPON: &str = "ADA10";
const SHOPPERS: [&str; 6] =
    ["Petra Pretend", "Max Makebelieve", "Ines Invented", "Finn Fiction", "Lena Likely", "Udo Unreal"];
const COUNTRIES: [&str; 5] = ["DE", "FR", "SE", "ES", "AT"];

/// What a shop reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Report {
    Abandoned,
    Placed,
    Completed,
    /// One piece comes back.
    RefundedInPart,
    /// Everything comes back.
    RefundedInFull,
    Cancelled,
}

/// How the shop learns who sent the shopper.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sent {
    Click,
    Coupon,
    Nobody,
}

/// A story: who sent the shopper, and what is reported how many seconds after the report before.
#[derive(Clone, Copy, Debug)]
struct Story {
    sent: Sent,
    haste: bool,
    reports: &'static [(u64, Report)],
}

const fn story(reports: &'static [(u64, Report)]) -> Story {
    Story { sent: Sent::Click, haste: false, reports }
}

const KEPT: &[(u64, Report)] = &[(0, Report::Placed), (5, Report::Completed)];

/// Every second one is kept, so that there is something to pay out.
const STORIES: [Story; 16] = [
    story(KEPT),
    story(&[(0, Report::Placed), (3, Report::Cancelled)]),
    story(KEPT),
    story(&[(0, Report::Placed), (4, Report::Completed), (8, Report::RefundedInFull)]),
    story(KEPT),
    story(&[(0, Report::Abandoned)]),
    story(KEPT),
    story(&[(0, Report::Placed), (4, Report::Completed), (8, Report::RefundedInPart)]),
    Story { sent: Sent::Coupon, haste: false, reports: KEPT },
    story(&[(0, Report::Placed)]),
    story(KEPT),
    Story { sent: Sent::Nobody, haste: false, reports: KEPT },
    story(KEPT),
    Story { sent: Sent::Click, haste: true, reports: KEPT },
    // Long enough for the commission to have been paid out, so that it is taken back.
    story(&[(0, Report::Placed), (2, Report::Completed), (240, Report::RefundedInFull)]),
    story(&[(0, Report::Abandoned), (20, Report::Placed), (5, Report::Completed)]),
];

/// What a shopper brings along: a product, and who sent them.
#[derive(Clone, Debug)]
pub(super) struct Find {
    pub(super) token: String,
    pub(super) link: Link,
}

/// The checkout of every vendor.
#[derive(Clone, Debug)]
pub(super) struct Shop {
    console: SocketAddr,
    key: String,
    /// No order has the name of another, not even after a restart.
    series: u64,
    orders: u64,
    dice: Dice,
    shutdown: Shutdown,
}

impl Shop {
    pub(super) fn new(console: SocketAddr, key: String, seed: u64, shutdown: Shutdown) -> Self {
        Self { console, key, series: seed / 1_000_000, orders: 0, dice: Dice::new(!seed), shutdown }
    }

    /// A shopper has come: their story takes its course. Few come, and each is gone after minutes.
    pub(super) fn visit(&mut self, find: Find) {
        let story = STORIES[self.orders as usize % STORIES.len()];
        let looks = LOOKS_AROUND.start + self.dice.roll() % (LOOKS_AROUND.end - LOOKS_AROUND.start);
        let looks = if story.haste { HASTE } else { Duration::from_secs(looks) };
        let order = Order {
            name: format!("DEMO-{}-{}", self.series, self.orders),
            quantity: 1 + (self.dice.roll() % 3) as i64,
            shopper: self.dice.pick::<&str>(&SHOPPERS),
            country: self.dice.pick::<&str>(&COUNTRIES),
            sent: story.sent,
            find,
        };
        self.orders += 1;
        self.shutdown.tasks.spawn(self.clone().tell(order, looks, story.reports));
    }

    async fn tell(self, order: Order, looks: Duration, reports: &'static [(u64, Report)]) {
        if !self.shutdown.sleep(looks).await {
            return;
        }
        for (pause, report) in reports {
            if !self.shutdown.sleep(Duration::from_secs(*pause)).await {
                return;
            }
            let event = order.event(*report, runtime::clock::system_time().into());
            match http::post(self.console, "/v1/orders", &self.key, &event).await {
                Ok(answer) if answer.status < 300 => {}
                Ok(answer) => warn!(status = answer.status, "a demo order was refused: {}", answer.body),
                Err(error) => debug!("a demo order was not taken: {error:#}"),
            }
        }
    }
}

#[derive(Clone, Debug)]
struct Order {
    /// The shop's own name for it.
    name: String,
    quantity: i64,
    shopper: &'static str,
    country: &'static str,
    sent: Sent,
    find: Find,
}

impl Order {
    fn event(&self, report: Report, now: DateTime<Utc>) -> Value {
        let (kind, word) = match report {
            Report::Abandoned => ("abandoned", "left"),
            Report::Placed => ("placed", "placed"),
            Report::Completed => ("completed", "completed"),
            Report::RefundedInPart => ("refunded", "one-back"),
            Report::RefundedInFull => ("refunded", "all-back"),
            Report::Cancelled => ("cancelled", "cancelled"),
        };
        let mut event = json!({
            "event_id": format!("{}-{word}", self.name),
            "order_ref": self.name,
            "type": kind,
            "occurred_at": now.to_rfc3339_opts(SecondsFormat::Millis, true),
            "currency": "EUR",
        });
        match report {
            Report::Abandoned | Report::Placed | Report::Completed => self.describe(&mut event),
            Report::RefundedInPart => event["refund"] = self.refund(1),
            Report::RefundedInFull => event["refund"] = self.refund(self.quantity),
            // A shop that cancels says so and nothing else.
            Report::Cancelled => drop(event.as_object_mut().and_then(|event| event.remove("currency"))),
        }
        event
    }

    fn describe(&self, event: &mut Value) {
        event["items"] = json!([{
            "item_id": "1",
            "product_id": self.find.link.product_id,
            "name": self.find.link.product,
            "quantity": self.quantity,
            "net_minor": self.find.link.price_minor * self.quantity,
        }]);
        let address = self.shopper.to_lowercase().replace(' ', ".");
        event["customer"] = json!({
            "name": self.shopper,
            "email": format!("{address}@mail.example.com"),
            "country": self.country,
        });
        match self.sent {
            Sent::Click => event["click_id"] = self.find.token.as_str().into(),
            Sent::Coupon => event["coupon"] = COUPON.into(),
            Sent::Nobody => {}
        }
    }

    fn refund(&self, quantity: i64) -> Value {
        let amount = self.find.link.price_minor * quantity;
        json!({
            "refund_id": format!("{}-{quantity}", self.name),
            "items": [{ "item_id": "1", "quantity": quantity, "amount_minor": amount }],
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order() -> Order {
        let link = Link {
            code: "demo-tin-ada".into(),
            product_id: 4,
            product: "Travel Tin".into(),
            price_minor: 1_990,
        };
        Order {
            name: "DEMO-1-1".into(),
            quantity: 2,
            shopper: "Petra Pretend",
            country: "DE",
            sent: Sent::Click,
            find: Find { token: "T".into(), link },
        }
    }

    #[test]
    fn money_is_whole_and_refunds_give_back_what_was_paid() {
        let (order, now) = (order(), DateTime::UNIX_EPOCH);
        let placed = order.event(Report::Placed, now);
        let back = order.event(Report::RefundedInFull, now);
        assert_eq!(placed["items"][0]["net_minor"], back["refund"]["items"][0]["amount_minor"]);
        assert_eq!(
            (&placed["click_id"], &placed["occurred_at"]),
            (&"T".into(), &"1970-01-01T00:00:00.000Z".into())
        );
        assert_ne!(placed["event_id"], back["event_id"]);
        assert!(order.event(Report::Cancelled, now).get("currency").is_none());
    }

    #[test]
    fn stories_tell_everything_that_can_be_reported() {
        let told: Vec<Report> = STORIES.iter().flat_map(|s| s.reports).map(|(_, report)| *report).collect();
        for report in [
            Report::Abandoned,
            Report::Placed,
            Report::Completed,
            Report::RefundedInPart,
            Report::RefundedInFull,
            Report::Cancelled,
        ] {
            assert!(told.contains(&report), "{report:?}");
        }
        assert!(
            [Sent::Click, Sent::Coupon, Sent::Nobody]
                .iter()
                .all(|sent| STORIES.iter().any(|story| story.sent == *sent))
        );
    }
}
