//! A report as the intake takes it, and as it must be stored.

use std::collections::BTreeMap;

use chrono::SecondsFormat;
use common::ids::VendorId;
use common::order::{Event, Kind};
use common::time::Millis;
use serde_json::{Map, Value, json};

use super::world::PROGRAMME_KEY;

/// One report of an order.
#[derive(Debug, Clone)]
pub(super) struct Report {
    /// The event, for all vendors together.
    pub(super) event: Event,
    /// Whose it is.
    pub(super) of: Of,
}

/// Whose a report is, and so who sends it.
#[derive(Debug, Clone)]
pub(super) enum Of {
    /// A shop's own: its key says so.
    Shop(VendorId),
    /// A marketplace's, about one of its vendors.
    One(VendorId),
    /// A marketplace's, about all of them: each item says whose it is.
    Several(BTreeMap<String, VendorId>),
}

impl Report {
    /// Which key it is sent with: a vendor's number, or [`PROGRAMME_KEY`].
    pub(super) fn key(&self) -> u32 {
        match self.of {
            Of::Shop(vendor) => vendor.0,
            Of::One(_) | Of::Several(_) => PROGRAMME_KEY,
        }
    }

    /// The vendors that it names: from then on they have a part in the order.
    pub(super) fn named(&self) -> Vec<VendorId> {
        match &self.of {
            Of::Shop(vendor) | Of::One(vendor) => vec![*vendor],
            Of::Several(owners) => owners.values().copied().collect(),
        }
    }

    /// What must be stored of it for a vendor of its order, which is all these reports: the vendor's items alone.
    pub(super) fn part(&self, vendor: VendorId, order: &[Self]) -> Option<Event> {
        let Of::Several(owners) = &self.of else {
            return self.named().contains(&vendor).then(|| self.event.clone());
        };
        let theirs = |item_id: &String| owners.get(item_id) == Some(&vendor);
        let mut event = self.event.clone();
        if let Some(reversal) = &mut event.reversal {
            let is_same = |other: &&Self| {
                let id = other.event.reversal.as_ref().map(|other| &other.reversal_id);
                other.event.kind == event.kind && id == Some(&reversal.reversal_id)
            };
            // A refund is for those that it takes something of; a correction, for those that were told it first.
            if !order.iter().filter(is_same).any(|other| other.named().contains(&vendor)) {
                return None;
            }
            reversal.items.retain(|item| theirs(&item.item_id));
            if reversal.items.is_empty() {
                reversal.amount_minor = Some(0);
            }
        }
        event.items.retain(|item| theirs(&item.item_id));
        let is_sale = matches!(event.kind, Kind::Placed | Kind::Completed);
        event.others_only = is_sale && event.items.len() < self.event.items.len() && event.items.is_empty();
        Some(event)
    }

    /// The body to post.
    pub(super) fn json(&self) -> Value {
        let event = &self.event;
        let mut body = json!({
            "event_id": event.event_id,
            "order_ref": event.order_ref,
            "type": event.kind.name(),
            "occurred_at": timestamp(event.occurred_at),
        });
        let fields = body.as_object_mut().expect("an object was just made");
        let mut put = |name: &str, value: Value| drop(fields.insert(name.to_owned(), value));
        if event.version > 0 {
            put("version", event.version.into());
        }
        if let Some(currency) = &event.currency {
            put("currency", currency.as_str().into());
        }
        if !event.items.is_empty() {
            put("items", event.items.iter().map(|item| self.owned(&item.item_id, item)).collect());
        }
        if let Some(reversal) = &event.reversal {
            let name = if event.kind == Kind::Chargeback { "chargeback" } else { "refund" };
            let mut part = Map::new();
            part.insert(format!("{name}_id"), reversal.reversal_id.as_str().into());
            match reversal.amount_minor {
                Some(amount) => part.insert("amount_minor".to_owned(), amount.into()),
                None => part.insert(
                    "items".to_owned(),
                    reversal.items.iter().map(|item| self.owned(&item.item_id, item)).collect(),
                ),
            };
            put(name, part.into());
        }
        match &event.click_ids[..] {
            [] => {}
            // Both spellings are taken.
            [one] => put("click_id", one.as_str().into()),
            several => put("click_ids", json!(several)),
        }
        if let Some(coupon) = &event.coupon {
            put("coupon", coupon.as_str().into());
        }
        if let Some(customer) = &event.customer {
            put("customer", json!(customer));
        }
        if let Of::One(vendor) = self.of {
            put("vendor_id", vendor.0.into());
        }
        body
    }

    /// An item's own fields, and whose it is where that is not clear.
    fn owned(&self, item_id: &str, item: &impl serde::Serialize) -> Value {
        let mut item = json!(item);
        if let (Of::Several(owners), Value::Object(fields)) = (&self.of, &mut item) {
            fields.extend(owners.get(item_id).map(|vendor| ("vendor_id".to_owned(), vendor.0.into())));
        }
        item
    }
}

fn timestamp(at: Millis) -> String {
    let at = chrono::DateTime::from_timestamp_millis(at.0.cast_signed()).unwrap_or_default();
    at.to_rfc3339_opts(SecondsFormat::Millis, true)
}
