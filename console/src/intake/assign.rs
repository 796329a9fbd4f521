//! Whose is it? Every event belongs to vendors before it is written down.
//!
//! A vendor's key or endpoint says it, and no payload can say otherwise. What is reported for the whole programme is
//! split: each vendor gets an event with the same name that has its own items only, so that no vendor's books ever
//! hold another's sales. What cannot be split without guessing is refused.

use std::collections::{BTreeMap, BTreeSet};

use common::order::{Event, Parked, Reversal, parked};
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
    /// The shop's name for it.
    pub(super) event_id: String,
    /// What tells it from another under the same name.
    pub(super) hash: [u8; 32],
    /// Why it waits for somebody to look at it.
    pub(super) parked: Option<Parked>,
    /// What becomes of it for each vendor.
    pub(super) parts: Vec<(i64, Event)>,
}

/// Finds out whose each event is, in order: an event may rest on those before it.
pub(super) async fn assign(
    conn: &mut PgConnection,
    tenant: Tenant,
    drafts: Vec<Result<Draft, Failure>>,
    now: Millis,
) -> sqlx::Result<Vec<Result<Report, Failure>>> {
    let mut programme = match tenant {
        Tenant::Vendor(_) => Programme::default(),
        Tenant::Programme => Programme::read(conn, drafts.iter().flatten()).await?,
    };
    let report = |draft: Result<Draft, Failure>| {
        let mut draft = draft?;
        if draft.time == Time::OfArrival {
            draft.event.occurred_at = now;
        }
        let parts = match tenant {
            Tenant::Vendor(vendor) => own(vendor, &draft)?,
            Tenant::Programme => programme.split(&draft)?,
        };
        let plain = Draft { vendor: None, item_vendors: BTreeMap::new(), ..draft.clone() };
        let hash = if let Tenant::Vendor(_) = tenant { plain.hash() } else { draft.hash() };
        let parked = parked(draft.event.occurred_at, now);
        Ok(Report { event_id: draft.event.event_id, hash, parked, parts })
    };
    Ok(drafts.into_iter().map(report).collect())
}

/// A vendor reports its own sales only.
fn own(vendor: i64, draft: &Draft) -> Result<Vec<(i64, Event)>, Failure> {
    let mut said = draft.vendor.iter().chain(draft.item_vendors.values());
    if said.any(|said| *said != vendor) {
        return Err(refused(
            "vendor_id",
            "other_vendor",
            "names another vendor than the key's or endpoint's own",
        ));
    }
    Ok(vec![(vendor, draft.event.clone())])
}

/// What the programme knows: vendors, products, and the orders it has heard of.
#[derive(Debug, Default)]
struct Programme {
    vendors: BTreeSet<i64>,
    products: BTreeMap<i64, i64>,
    /// For each order reported for the programme: whose it is, and whose each item is.
    orders: BTreeMap<String, Known>,
}

#[derive(Debug, Default)]
struct Known {
    vendors: BTreeSet<i64>,
    items: BTreeMap<String, i64>,
}

impl Programme {
    async fn read(
        conn: &mut PgConnection,
        drafts: impl Iterator<Item = &Draft> + Clone,
    ) -> sqlx::Result<Self> {
        let said = drafts.clone().flat_map(|draft| draft.vendor.iter().chain(draft.item_vendors.values()));
        let said: Vec<i64> = said.copied().collect::<BTreeSet<_>>().into_iter().collect();
        let items = drafts.clone().flat_map(|draft| &draft.event.items);
        let products: BTreeSet<i64> = items.filter_map(|item| item.product_id?.try_into().ok()).collect();
        let orders: BTreeSet<&str> = drafts.map(|draft| draft.event.order_ref.as_str()).collect();
        let orders: Vec<String> = orders.into_iter().map(str::to_owned).collect();
        Ok(Self {
            vendors: vendors(conn, &said).await?,
            products: owners(conn, &products.into_iter().collect::<Vec<_>>()).await?,
            orders: known(conn, &orders).await?,
        })
    }

    /// One event for each vendor, and from then on the order is known to be theirs.
    fn split(&mut self, draft: &Draft) -> Result<Vec<(i64, Event)>, Failure> {
        if let Some(vendor) =
            draft.vendor.iter().chain(draft.item_vendors.values()).find(|v| !self.vendors.contains(v))
        {
            return Err(refused(
                "vendor_id",
                "unknown_vendor",
                &format!("names vendor {vendor}, which does not exist"),
            ));
        }
        let empty = Known::default();
        let known = self.orders.get(&draft.event.order_ref).unwrap_or(&empty);
        let parts = if !draft.event.items.is_empty() {
            self.by_items(draft)?
        } else if let Some(reversal) = &draft.event.reversal {
            by_reversal(draft, reversal, known)?
        } else {
            let vendors: BTreeSet<i64> =
                draft.vendor.map_or_else(|| known.vendors.clone(), |vendor| [vendor].into());
            if vendors.is_empty() {
                return Err(unknown_order(draft));
            }
            vendors.into_iter().map(|vendor| (vendor, draft.event.clone())).collect()
        };
        let known = self.orders.entry(draft.event.order_ref.clone()).or_default();
        for (vendor, event) in &parts {
            known.vendors.insert(*vendor);
            known.items.extend(event.items.iter().map(|item| (item.item_id.clone(), *vendor)));
        }
        Ok(parts)
    }

    fn by_items(&self, draft: &Draft) -> Result<Vec<(i64, Event)>, Failure> {
        let mut parts = Parts::of(&draft.event);
        for (at, item) in draft.event.items.iter().enumerate() {
            let product = item.product_id.and_then(|id| self.products.get(&i64::try_from(id).ok()?)).copied();
            let said = draft.item_vendors.get(&item.item_id).copied().or(draft.vendor);
            let field = format!("items[{at}].vendor_id");
            let vendor = match (said, product) {
                (Some(said), Some(product)) if said != product => {
                    return Err(refused(&field, "other_vendor", "names another vendor than the product's"));
                }
                (said, product) => said.or(product).ok_or_else(|| {
                    refused(&field, "whose_item", "is needed: nothing else says whose this item is")
                })?,
            };
            parts.of_vendor(vendor).items.push(item.clone());
        }
        Ok(parts.finish())
    }
}

fn by_reversal(draft: &Draft, reversal: &Reversal, known: &Known) -> Result<Vec<(i64, Event)>, Failure> {
    let mut parts = Parts::of(&draft.event);
    if reversal.items.is_empty() {
        let mut vendors =
            draft.vendor.map_or_else(|| known.vendors.clone(), |vendor| [vendor].into()).into_iter();
        let vendor = match (vendors.next(), vendors.next()) {
            (Some(vendor), None) => vendor,
            (None, _) => return Err(unknown_order(draft)),
            (Some(_), Some(_)) => {
                let words =
                    "is of an order of several vendors: name the items it takes back, with an amount each";
                return Err(refused(draft.event.kind.name(), "name_the_items", words));
            }
        };
        parts.of_vendor(vendor).reversal = Some(reversal.clone());
        return Ok(parts.finish());
    }
    for item in &reversal.items {
        let said = draft.item_vendors.get(&item.item_id).copied().or(draft.vendor);
        let vendor =
            said.or_else(|| known.items.get(&item.item_id).copied()).ok_or_else(|| unknown_order(draft))?;
        let part = parts.of_vendor(vendor);
        let empty =
            || Reversal { reversal_id: reversal.reversal_id.clone(), amount_minor: None, items: Vec::new() };
        part.reversal.get_or_insert_with(empty).items.push(item.clone());
    }
    Ok(parts.finish())
}

/// The events that one becomes: everything copied, except what has a price.
struct Parts<'a> {
    whole: &'a Event,
    parts: BTreeMap<i64, Event>,
}

impl<'a> Parts<'a> {
    fn of(whole: &'a Event) -> Self {
        Self { whole, parts: BTreeMap::new() }
    }

    fn of_vendor(&mut self, vendor: i64) -> &mut Event {
        let empty = || Event { items: Vec::new(), reversal: None, ..self.whole.clone() };
        self.parts.entry(vendor).or_insert_with(empty)
    }

    fn finish(self) -> Vec<(i64, Event)> {
        self.parts.into_iter().collect()
    }
}

fn refused(field: &str, code: &'static str, words: &str) -> Failure {
    Failure::Content(vec![BadParameter {
        field: field.to_owned(),
        code,
        detail: format!("`{field}` {words}"),
    }])
}

fn unknown_order(draft: &Draft) -> Failure {
    let order = &draft.event.order_ref;
    let detail = format!(
        "whose order {order:?} is, or that item of it, is not known: report the order with its items first and send \
         this again, or say `vendor_id`"
    );
    Failure::Conflict("unknown_order", detail)
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

async fn known(conn: &mut PgConnection, orders: &[String]) -> sqlx::Result<BTreeMap<String, Known>> {
    let rows = sqlx::query_file!("src/intake/known.sql", orders).fetch_all(conn).await?;
    let mut known = BTreeMap::<String, Known>::new();
    for row in rows {
        let order = known.entry(row.order_ref).or_default();
        order.vendors.insert(row.vendor_id);
        order.items.extend(row.items.into_iter().map(|item| (item, row.vendor_id)));
    }
    Ok(known)
}
