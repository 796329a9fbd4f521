//! An event as one shop's payload made it, before it is known whose it is.

use std::collections::BTreeMap;

use common::order::{Event, Kind};
use common::time::Millis;
use sha2::{Digest as _, Sha256};

use super::fields::Flaws;
use crate::problem::BadParameter;

/// What the item of an order without items is called.
pub(super) const WHOLE_ORDER: &str = "order";

/// Bytes of the hash in an event's name: nobody finds two meanings with one name among any number of orders.
const NAME_BYTES: usize = 16;

/// An event, and what the payload says about whose it is.
#[derive(Debug, Clone)]
pub(super) struct Draft {
    /// The event for all vendors together.
    pub(super) event: Event,
    /// Whose everything is, unless an item says otherwise.
    pub(super) vendor: Option<i64>,
    /// Items, bought or returned, that say whose they are.
    pub(super) item_vendors: BTreeMap<String, i64>,
    /// Where its time comes from.
    pub(super) time: Time,
}

/// Where an event's time comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Time {
    /// The payload: part of what is reported.
    Reported,
    /// Our clock when it arrived: a repetition arrives later and is still the same report.
    OfArrival,
}

impl Draft {
    /// An event whose payload does not speak of vendors.
    pub(super) fn plain(event: Event, time: Time) -> Self {
        Self { event, vendor: None, item_vendors: BTreeMap::new(), time }
    }

    /// Names an event whose sender does not: after what it means, so that a repetition has the same name, and no two
    /// meanings ever share one.
    pub(super) fn named_by_content(mut self, prefix: &str) -> Self {
        self.event.event_id = String::new();
        let hash = data_encoding::HEXLOWER.encode(&self.hash()[..NAME_BYTES]);
        self.event.event_id = format!("{prefix}:{}:{hash}", self.event.order_ref);
        self
    }

    /// What tells this report from another under the same id: its meaning, not the bytes it came in.
    pub(super) fn hash(&self) -> [u8; 32] {
        let mut event = self.event.clone();
        if self.time == Time::OfArrival {
            event.occurred_at = Millis(0);
        }
        let mut hash = Sha256::new();
        hash.update(serde_json::to_vec(&event).expect("an event is JSON"));
        if self.vendor.is_some() || !self.item_vendors.is_empty() {
            hash.update(format!("\0{:?}{:?}", self.vendor, self.item_vendors));
        }
        hash.finalize().into()
    }

    /// Everything that is wrong with the event, in the words of the API.
    pub(super) fn check(&self) -> Flaws {
        let reversal = if self.event.kind == Kind::Chargeback { "chargeback" } else { "refund" };
        let flaws = self.event.check().into_iter().map(|flaw| {
            let field = flaw
                .field
                .replacen("reversal.reversal_id", &format!("{reversal}.{reversal}_id"), 1)
                .replacen("reversal", reversal, 1);
            BadParameter { detail: format!("`{field}` {}", flaw.words), field, code: flaw.code }
        });
        flaws.collect()
    }
}
