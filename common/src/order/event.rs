//! What a shop reports about an order, in one shape for every shop system.

use core::time::Duration;

use serde::{Deserialize, Serialize};

use crate::money::Currency;
use crate::time::Millis;

/// One report. Kept for ever as it came; its canonical form is its JSON, fields in this order, empty ones left out.
///
/// The order of events is total (by id first), so that a set of them can be walked in one way only.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Event {
    /// The shop's name for this report: the same id is the same report.
    pub event_id: String,
    /// The shop's name for the order.
    pub order_ref: String,
    /// What happened.
    pub kind: Kind,
    /// The shop's count of changes to what the report is about. Where two disagree, the higher one speaks.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub version: u64,
    /// When it happened, by the shop's clock.
    pub occurred_at: Millis,
    /// What the amounts are in. Not needed where there are none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub currency: Option<Currency>,
    /// What was bought, each at its net price. All of it, or nothing: a later report replaces the whole list.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub items: Vec<Item>,
    /// Of a sale that has items, all of other vendors ([`super::Split`]): what was bought of this one is nothing, and an
    /// older list does not go on counting.
    #[serde(default, skip_serializing_if = "is_false")]
    pub others_only: bool,
    /// What a refund or chargeback takes back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reversal: Option<Reversal>,
    /// Click tokens that came with the order, as they came.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub click_ids: Vec<String>,
    /// The coupon typed at the checkout.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub coupon: Option<String>,
    /// Who bought.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub customer: Option<Customer>,
    /// How it gets there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delivery: Option<Delivery>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands over a reference")]
fn is_zero(n: &u64) -> bool {
    *n == 0
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands over a reference")]
fn is_false(flag: &bool) -> bool {
    !flag
}

/// What happened to the order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A checkout that was left.
    Abandoned,
    /// Bought.
    Placed,
    /// Delivered, or whatever the shop calls done.
    Completed,
    /// The shop gave money back.
    Refunded,
    /// The bank took money back. Won later: the same reversal, a higher version, amount 0.
    Chargeback,
    /// Called off as a whole.
    Cancelled,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 6] =
        [Self::Abandoned, Self::Placed, Self::Completed, Self::Refunded, Self::Chargeback, Self::Cancelled];

    /// The name in JSON and Postgres.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Abandoned => "abandoned",
            Self::Placed => "placed",
            Self::Completed => "completed",
            Self::Refunded => "refunded",
            Self::Chargeback => "chargeback",
            Self::Cancelled => "cancelled",
        }
    }

    /// The kind with this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// Whether it says what was bought.
    pub(crate) fn sells(self) -> bool {
        matches!(self, Self::Placed | Self::Completed)
    }

    /// Whether it takes money back.
    pub(crate) fn reverses(self) -> bool {
        matches!(self, Self::Refunded | Self::Chargeback)
    }
}

/// One line of an order.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Item {
    /// The shop's name for the line, unique in the order.
    pub item_id: String,
    /// Which product, if the programme knows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub product_id: Option<u64>,
    /// What it is called.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// How many.
    pub quantity: u32,
    /// Price of the whole line without tax and shipping, after discounts, in minor units.
    pub net_minor: i64,
}

/// What is taken back: an amount of the whole order, or of named items, never both.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Reversal {
    /// The shop's name for the refund or chargeback: reported under two event ids it still counts once.
    pub reversal_id: String,
    /// For the order as a whole, in minor units: spread over its lines.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub amount_minor: Option<i64>,
    /// For certain lines.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub items: Vec<ReversedItem>,
}

/// What is taken back of one line.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ReversedItem {
    /// Which line.
    pub item_id: String,
    /// How many came back. 0: money only.
    pub quantity: u32,
    /// How much of its net price, in minor units.
    pub amount_minor: i64,
}

/// Who bought: for the shop's own pages, and to see that nobody earns by their own purchases.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Customer {
    /// What they are called.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Where they are written to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// Where they are called.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phone: Option<String>,
    /// Where they live.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub country: Option<String>,
}

/// How it gets there.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Delivery {
    /// By post, by courier, to be collected …
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    /// How far it got, in the shop's words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
    /// Where to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// The carrier's number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tracking: Option<String>,
}

/// How old a report may be. Shops repeat a webhook for three days at most; beyond a week rates and windows of long
/// ago could be chosen by writing a date.
pub const BACKDATED: Duration = Duration::from_hours(7 * 24);
/// How far a shop's clock may be ahead of ours.
pub const IN_THE_FUTURE: Duration = Duration::from_mins(5);

/// Why an event waits for somebody to look at it. Until then it takes no part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Parked {
    /// It says to have happened before [`BACKDATED`].
    #[error("backdated")]
    Backdated,
    /// It says to happen after [`IN_THE_FUTURE`].
    #[error("in the future")]
    InTheFuture,
}

/// Whether the time a report gives can be believed. Both ends belong to the believable.
pub fn parked(occurred_at: Millis, received_at: Millis) -> Option<Parked> {
    if occurred_at < received_at.minus(BACKDATED) {
        Some(Parked::Backdated)
    } else if occurred_at > received_at.plus(IN_THE_FUTURE) {
        Some(Parked::InTheFuture)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_canonical_form_is_pinned() {
        let event = Event {
            event_id: "evt-1".to_owned(),
            order_ref: "A-1001".to_owned(),
            kind: Kind::Placed,
            version: 2,
            occurred_at: Millis(1_795_000_000_000),
            currency: Some("EUR".parse().expect("a currency")),
            items: vec![Item {
                item_id: "1".to_owned(),
                product_id: Some(7),
                name: Some("Teapot".to_owned()),
                quantity: 1,
                net_minor: 4_990,
            }],
            others_only: false,
            reversal: None,
            click_ids: vec!["tok".to_owned()],
            coupon: Some("TEA10".to_owned()),
            customer: Some(Customer { email: Some("mia@example.com".to_owned()), ..Customer::default() }),
            delivery: None,
        };
        let json = r#"{"event_id":"evt-1","order_ref":"A-1001","kind":"placed","version":2,"occurred_at":1795000000000,"currency":"EUR","items":[{"item_id":"1","product_id":7,"name":"Teapot","quantity":1,"net_minor":4990}],"click_ids":["tok"],"coupon":"TEA10","customer":{"email":"mia@example.com"}}"#;
        assert_eq!(serde_json::to_string(&event).expect("JSON"), json);
        assert_eq!(serde_json::from_str::<Event>(json).expect("an event"), event);

        let elsewhere = Event {
            items: vec![],
            others_only: true,
            click_ids: vec![],
            coupon: None,
            customer: None,
            ..event
        };
        let json = r#"{"event_id":"evt-1","order_ref":"A-1001","kind":"placed","version":2,"occurred_at":1795000000000,"currency":"EUR","others_only":true}"#;
        assert_eq!(serde_json::to_string(&elsewhere).expect("JSON"), json);
        assert_eq!(serde_json::from_str::<Event>(json).expect("an event"), elsewhere);
    }

    #[test]
    fn kinds_are_called_alike_in_json_and_in_postgres() {
        for kind in Kind::ALL {
            assert_eq!(serde_json::to_string(&kind).expect("JSON"), format!("{:?}", kind.name()));
            assert_eq!(Kind::from_name(kind.name()), Some(kind));
        }
        assert_eq!(Kind::from_name("Placed"), None);
    }

    #[test]
    fn a_time_is_believed_within_a_week_back_and_five_minutes_ahead() {
        let now = 1_795_000_000_000_u64;
        let (week, ahead) = (7 * 86_400_000, 300_000);
        for (occurred_at, expect) in [
            (now - week - 1, Some(Parked::Backdated)),
            (now - week, None),
            (now, None),
            (now + ahead, None),
            (now + ahead + 1, Some(Parked::InTheFuture)),
            (0, Some(Parked::Backdated)),
            (u64::MAX, Some(Parked::InTheFuture)),
        ] {
            assert_eq!(parked(Millis(occurred_at), Millis(now)), expect, "{occurred_at}");
        }
        assert_eq!(parked(Millis(0), Millis(5)), None);
    }
}
