//! Whose is it? Every event belongs to vendors before it is written down.
//!
//! A vendor's key or endpoint says it, and no payload can say otherwise. What is reported for the whole programme says
//! it item by item, and is told to every vendor of the order ([`common::order::Split`]). What cannot be split without
//! guessing is refused.

use std::collections::{BTreeMap, BTreeSet};

use common::order::{Event, Parked, Unsplit, Whole, parked};
use common::time::Millis;
use sqlx::PgConnection;

use super::draft::{Draft, Time};
use crate::problem::{BadParameter, Failure};

/// On whose behalf something is reported: told by the key or the endpoint, never by the payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tenant {
    /// One vendor.
    Vendor(i64),
    /// All of them.
    Programme,
}

impl From<Option<i64>> for Tenant {
    fn from(vendor: Option<i64>) -> Self {
        vendor.map_or(Self::Programme, Self::Vendor)
    }
}

/// An event that is ready to be written down.
#[derive(Debug, Clone)]
pub(super) struct Report {
    /// For all its vendors together.
    pub(super) event: Event,
    /// What tells it from another under the same name.
    pub(super) hash: [u8; 32],
    /// Why it waits for somebody to look at it.
    pub(super) parked: Option<Parked>,
}

impl Report {
    /// The report of the whole programme that a draft is, as of its arrival.
    pub(super) fn of_programme(draft: &Draft, now: Millis) -> Self {
        let mut event = draft.event.clone();
        if draft.time == Time::OfArrival {
            event.occurred_at = now;
        }
        Self { parked: parked(event.occurred_at, now), hash: draft.hash(), event }
    }

    /// A vendor reports its own sales only.
    pub(super) fn of_vendor(vendor: i64, draft: &Draft, now: Millis) -> Result<Self, Failure> {
        let mut said = draft.vendor.iter().chain(draft.item_vendors.values());
        if said.any(|said| *said != vendor) {
            return Err(refused(
                "vendor_id",
                "other_vendor",
                "names another vendor than the key's or endpoint's own",
            ));
        }
        // Its own number says nothing, and is no other report.
        let plain = Draft { vendor: None, item_vendors: BTreeMap::new(), ..draft.clone() };
        Ok(Self::of_programme(&plain, now))
    }
}

/// The vendors and products that drafts speak of, as far as they exist.
#[derive(Debug)]
pub(super) struct Directory {
    vendors: BTreeSet<i64>,
    /// Whose each product is.
    products: BTreeMap<i64, i64>,
}

impl Directory {
    pub(super) async fn read<'a>(
        conn: &mut PgConnection,
        drafts: impl Iterator<Item = &'a Draft> + Clone,
    ) -> sqlx::Result<Self> {
        let said = drafts.clone().flat_map(|draft| draft.vendor.iter().chain(draft.item_vendors.values()));
        let said: Vec<i64> = said.copied().collect::<BTreeSet<_>>().into_iter().collect();
        let items = drafts.flat_map(|draft| &draft.event.items);
        let products: BTreeSet<i64> = items.filter_map(|item| item.product_id?.try_into().ok()).collect();
        Ok(Self {
            vendors: vendors(conn, &said).await?,
            products: owners(conn, &products.into_iter().collect::<Vec<_>>()).await?,
        })
    }

    /// The event of a draft, and whose its items are, as far as the draft and its products say.
    pub(super) fn whole(&self, draft: &Draft, event: Event) -> Result<Whole<i64>, Failure> {
        let mut said = draft.vendor.iter().chain(draft.item_vendors.values());
        if let Some(vendor) = said.find(|vendor| !self.vendors.contains(vendor)) {
            let words = format!("names vendor {vendor}, which does not exist");
            return Err(refused("vendor_id", "unknown_vendor", &words));
        }
        let said = |item_id: &String| draft.item_vendors.get(item_id).copied().or(draft.vendor);
        let mut owners = BTreeMap::new();
        for item in event.reversal.iter().flat_map(|reversal| &reversal.items) {
            owners.extend(said(&item.item_id).map(|vendor| (item.item_id.clone(), vendor)));
        }
        for (at, item) in event.items.iter().enumerate() {
            let field = format!("items[{at}].vendor_id");
            let product = item.product_id.and_then(|id| self.products.get(&i64::try_from(id).ok()?)).copied();
            let vendor = match (said(&item.item_id), product) {
                (Some(said), Some(product)) if said != product => {
                    return Err(refused(&field, "other_vendor", "names another vendor than the product's"));
                }
                (said, product) => said.or(product).ok_or_else(|| {
                    refused(&field, "whose_item", "is needed: nothing else says whose this item is")
                })?,
            };
            owners.insert(item.item_id.clone(), vendor);
        }
        Ok(Whole { event, owners, inferred: BTreeSet::new(), addressee: draft.vendor })
    }
}

/// What the sender is told when an order cannot be split.
pub(super) fn unsplit(event: &Event, why: &Unsplit) -> Failure {
    let order = &event.order_ref;
    match why {
        Unsplit::Unknown => Failure::Conflict(
            "unknown_order",
            format!(
                "whose order {order:?} is, or that item of it, is not known: report the order with its items first and \
                 send this again, or say `vendor_id`"
            ),
        ),
        Unsplit::NameTheItems => {
            let words =
                "is of an order of several vendors: name the items it takes back, with an amount each";
            refused(event.kind.name(), "name_the_items", words)
        }
        Unsplit::ItemOfSeveral(item) => {
            let words = format!("is needed: several vendors have sold item {item:?} of order {order:?}");
            refused("vendor_id", "whose_item", &words)
        }
        Unsplit::ItemTakenBack(item) => Failure::Conflict(
            "item_taken_back",
            format!(
                "item {item:?} of order {order:?} was another vendor's when it was taken back; nothing was changed: give \
                 this line an item_id of its own"
            ),
        ),
    }
}

pub(super) fn refused(field: &str, code: &'static str, words: &str) -> Failure {
    Failure::Content(vec![BadParameter {
        field: field.to_owned(),
        code,
        detail: format!("`{field}` {words}"),
    }])
}

async fn vendors(conn: &mut PgConnection, said: &[i64]) -> sqlx::Result<BTreeSet<i64>> {
    if said.is_empty() {
        return Ok(BTreeSet::new());
    }
    let found = sqlx::query_scalar!("select vendor_id from vendor where vendor_id = any($1)", said);
    Ok(found.fetch_all(conn).await?.into_iter().collect())
}

async fn owners(conn: &mut PgConnection, products: &[i64]) -> sqlx::Result<BTreeMap<i64, i64>> {
    if products.is_empty() {
        return Ok(BTreeMap::new());
    }
    let found =
        sqlx::query!("select product_id, vendor_id from product where product_id = any($1)", products);
    Ok(found.fetch_all(conn).await?.into_iter().map(|row| (row.product_id, row.vendor_id)).collect())
}
