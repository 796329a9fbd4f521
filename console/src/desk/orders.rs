//! `/v1/orders`: a list of orders, and one of them with everything the shop reported.

use std::collections::HashMap;

use axum::extract::State;
use axum::response::Response;
use chrono::{DateTime, TimeDelta};
use common::order::{Customer, Delivery, Event, Folded, Status, fold};
use serde::Serialize;
use utoipa::ToSchema;

use super::holds::HoldAnswer;
use super::shape::{NothingFits, no_such_order, vendor_of};
use crate::affiliates::{find, no_such_affiliate};
use crate::api::given::Given;
use crate::auth::{Caller, Scope, Tenant};
use crate::conventions::{
    Asked, Asking, CurrencyCode, LinkCode, List, Moment, Named, Number, Page, PageParams, json, possible,
    time, unknown_cursor, words,
};
use crate::db;
use crate::intake::described;
use crate::problem::{Failure, Problem};
use crate::report::breakdown::name_of_channel;
use crate::report::holds;
use crate::report::orders::{self, Filter, LineFacts, OrderFacts, Reported, Sibling};
use crate::server::App;

/// Where the list is.
pub(super) const PATH: &str = "/v1/orders";

words! {
    /// How far an order is.
    StatusName: Status::ALL.map(Status::name)
}

/// One order, as lists show it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Order)]
pub(crate) struct OrderAnswer {
    pub(crate) object: &'static str,
    pub(crate) order_id: String,
    pub(crate) order_ref: String,
    pub(crate) vendor_id: i64,
    pub(crate) vendor: String,
    pub(crate) status: String,
    pub(crate) currency: Option<String>,
    pub(crate) net_minor: i64,
    pub(crate) refunded_minor: i64,
    pub(crate) commission_minor: i64,
    pub(crate) paid_minor: i64,
    pub(crate) link: Option<String>,
    pub(crate) affiliate_id: Option<i64>,
    pub(crate) affiliate: Option<String>,
    pub(crate) credited_by: Option<String>,
    /// Why nobody is credited.
    pub(crate) not_credited: Option<String>,
    pub(crate) click_at: Option<String>,
    pub(crate) traffic_source: Option<String>,
    pub(crate) placed_at: Option<String>,
    pub(crate) completed_at: Option<String>,
    pub(crate) matures_at: Option<String>,
    pub(crate) is_held: bool,
}

/// One order in detail.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = OrderDetail)]
pub(crate) struct OrderDetail {
    #[serde(flatten)]
    pub(crate) order: OrderAnswer,
    #[schema(value_type = Option<described::Customer>)]
    pub(crate) customer: Option<Customer>,
    #[schema(value_type = Option<described::Delivery>)]
    pub(crate) delivery: Option<Delivery>,
    pub(crate) items: Vec<ItemAnswer>,
    pub(crate) holds: Vec<HoldAnswer>,
    /// Other vendors' parts of the same order: for the programme only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) siblings: Option<Vec<SiblingAnswer>>,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = OrderItem)]
pub(crate) struct ItemAnswer {
    pub(crate) item_id: String,
    pub(crate) product_id: Option<i64>,
    pub(crate) name: Option<String>,
    pub(crate) quantity: i32,
    pub(crate) refunded_quantity: i32,
    pub(crate) net_minor: i64,
    pub(crate) refunded_minor: i64,
    pub(crate) rate_ppm: Option<i32>,
    pub(crate) rate_source: Option<String>,
    pub(crate) commission_minor: i64,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = OrderSibling)]
pub(crate) struct SiblingAnswer {
    pub(crate) order_id: String,
    pub(crate) order_ref: String,
    pub(crate) vendor_id: i64,
    pub(crate) vendor: String,
    pub(crate) status: String,
    pub(crate) currency: Option<String>,
    pub(crate) net_minor: i64,
    pub(crate) refunded_minor: i64,
    pub(crate) commission_minor: i64,
}

/// One page of orders, newest first.
#[utoipa::path(get, path = PATH, tag = "orders", params(
    ("vendor" = inline(Option<Number>), Query, description = "Only this vendor's"),
    ("affiliate" = inline(Option<Number>), Query, description = "Only those credited to this affiliate"),
    ("link" = inline(Option<LinkCode>), Query, description = "Only those credited to the link with this code"),
    ("status" = inline(Option<StatusName>), Query, description = "Only those that are so far"),
    ("currency" = inline(Option<CurrencyCode>), Query, description = "Three capitals"),
    ("from" = inline(Option<Moment>), Query, description = "Ordered then or later"),
    ("to" = inline(Option<Moment>), Query, description = "Ordered before"),
    PageParams,
), responses(
    (status = 200, description = "A page, newest first", body = List<OrderAnswer>),
    (status = "4XX", description = "Refused", body = Problem, content_type = "application/problem+json"),
), security(("key" = []), ("session" = [])))]
pub(super) async fn list(State(app): State<App>, caller: Caller, Asking(asked): Asking<Orders>) -> Response {
    json(page(&app, &caller, &asked)).await
}

/// One order.
#[utoipa::path(get, path = "/v1/orders/{order_id}", tag = "orders", params(
    ("order_id" = String, Path, description = "`ord_…`"),
), responses(
    (status = 200, description = "The order with all its parts", body = OrderDetail),
    (status = "4XX", description = "Refused", body = Problem, content_type = "application/problem+json"),
), security(("key" = []), ("session" = [])))]
pub(super) async fn show(State(app): State<App>, caller: Caller, Named(order_id): Named) -> Response {
    json(detail(&app, &caller, &order_id)).await
}

/// Which orders, and which page of them.
#[derive(Debug, Default)]
pub(crate) struct Orders {
    pub(crate) filter: Filter,
    pub(crate) page: Page,
}

impl Asked for Orders {
    fn read(query: &str) -> Result<Self, Failure> {
        let mut given = Given::read(query);
        let vendor_id = given.id("vendor");
        let (mut from, to) = given.span();
        if to.is_some() {
            // A span leaves out orders without a time, which stand at the epoch.
            from = from.or(Some(DateTime::UNIX_EPOCH + TimeDelta::milliseconds(1)));
        }
        let filter = Filter {
            vendor_id,
            affiliate_id: given.id("affiliate"),
            link: given.one("link").and_then(|code| given.code("link", code)),
            status: given.word("status", &Status::ALL.map(Status::name)),
            currency: given.currency().map(|currency| currency.to_string()),
            from,
            to,
            ..Filter::default()
        };
        let page = given.page();
        given
            .finish("vendor, affiliate, link, status, currency, from, to, limit, starting_after")
            .map_err(Failure::Parameters)?;
        Ok(Self { filter, page })
    }
}

/// One page of orders.
pub(crate) async fn page(app: &App, caller: &Caller, asked: &Orders) -> Result<List<OrderAnswer>, Failure> {
    caller.require(Scope::ReportsRead)?;
    let filter = match vendor_of(caller, asked.filter.vendor_id) {
        Ok(vendor_id) => Filter { vendor_id, ..asked.filter.clone() },
        Err(NothingFits) => return List::of_nothing(PATH, &asked.page),
    };
    let mut snapshot = db::tenant_snapshot(app, caller).await?;
    let after = match &asked.page.after {
        None => None,
        Some(id) => {
            let last = orders::one(&mut snapshot, caller.vendor(), id).await?;
            Some(last.ok_or_else(unknown_cursor)?.place())
        }
    };
    let rows = orders::list(&mut snapshot, &filter, after.as_ref(), asked.page.limit + 1).await?;
    snapshot.commit().await?;
    let rows = rows.into_iter().map(OrderAnswer::from).collect();
    Ok(List::cut(PATH, rows, asked.page.limit, |order: &OrderAnswer| order.order_id.clone()))
}

/// What was ordered in the orders of a page, by name.
pub(crate) async fn product_names(
    app: &App,
    caller: &Caller,
    orders: &[OrderAnswer],
) -> Result<HashMap<String, Vec<String>>, Failure> {
    caller.require(Scope::ReportsRead)?;
    let keys = orders.iter().map(|order| (order.vendor_id, order.order_ref.clone()));
    let mut snapshot = db::tenant_snapshot(app, caller).await?;
    let names = orders::products(&mut snapshot, keys).await?;
    snapshot.commit().await?;
    Ok(names)
}

/// The number of an affiliate, as orders are narrowed by it.
pub(crate) async fn affiliate_number(app: &App, caller: &Caller, public_id: &str) -> Result<i64, Failure> {
    let mut snapshot = db::tenant_snapshot(app, caller).await?;
    let found = find(&mut snapshot, public_id).await?;
    snapshot.commit().await?;
    found.ok_or_else(no_such_affiliate)
}

/// One order with all its parts.
pub(crate) async fn detail(app: &App, caller: &Caller, order_id: &str) -> Result<OrderDetail, Failure> {
    caller.require(Scope::ReportsRead)?;
    let order_id = possible(order_id, no_such_order)?;
    let mut snapshot = db::tenant_snapshot(app, caller).await?;
    let order = orders::one(&mut snapshot, caller.vendor(), order_id).await?.ok_or_else(no_such_order)?;
    let lines = orders::lines(&mut snapshot, &order).await?;
    let (reported, holds) = if caller.is_affiliate() {
        (Vec::new(), Vec::new())
    } else {
        (
            orders::events(&mut snapshot, &order).await?,
            holds::of_order(&mut snapshot, caller.vendor(), order_id).await?,
        )
    };
    let siblings = match caller.tenant {
        Tenant::Vendor(_) | Tenant::Affiliate(_) => None,
        Tenant::Programme => Some(orders::siblings(&mut snapshot, &order).await?),
    };
    snapshot.commit().await?;
    let folded = folded(&reported)?;
    Ok(OrderDetail {
        order: OrderAnswer::from(order),
        customer: folded.customer,
        delivery: folded.delivery,
        items: lines.into_iter().map(ItemAnswer::from).collect(),
        holds: holds.into_iter().map(HoldAnswer::from).collect(),
        siblings: siblings.map(|siblings| siblings.into_iter().map(SiblingAnswer::from).collect()),
    })
}

/// The order as the events that take part make it.
pub(super) fn folded(reported: &[Reported]) -> Result<Folded, Failure> {
    let taking_part = reported.iter().filter(|reported| reported.parked.is_none());
    let events: Result<Vec<Event>, _> = taking_part.map(Reported::event).collect();
    let events =
        events.map_err(|error| Failure::Fault(format!("a stored order event cannot be read: {error}")))?;
    Ok(fold(&events))
}

impl From<OrderFacts> for OrderAnswer {
    fn from(order: OrderFacts) -> Self {
        Self {
            object: "order",
            order_id: order.order_id,
            order_ref: order.order_ref,
            vendor_id: order.vendor_id,
            vendor: order.vendor,
            status: order.status,
            currency: order.currency,
            net_minor: order.net_minor,
            refunded_minor: order.refunded_minor,
            commission_minor: order.commission_minor,
            paid_minor: order.paid_minor,
            link: order.link,
            affiliate_id: order.affiliate_id,
            affiliate: order.affiliate,
            credited_by: order.credited_by,
            not_credited: order.not_credited,
            click_at: time(order.click_at),
            traffic_source: order.channel.map(name_of_channel),
            placed_at: time(order.placed_at),
            completed_at: time(order.completed_at),
            matures_at: time(order.matures_at),
            is_held: order.is_held,
        }
    }
}

impl From<LineFacts> for ItemAnswer {
    fn from(line: LineFacts) -> Self {
        Self {
            item_id: line.item_id,
            product_id: line.product_id,
            name: line.name,
            quantity: line.quantity,
            refunded_quantity: line.refunded_quantity,
            net_minor: line.net_minor,
            refunded_minor: line.refunded_minor,
            rate_ppm: line.rate_ppm,
            rate_source: line.rate_source,
            commission_minor: line.commission_minor,
        }
    }
}

impl From<Sibling> for SiblingAnswer {
    fn from(sibling: Sibling) -> Self {
        Self {
            order_id: sibling.order_id,
            order_ref: sibling.order_ref,
            vendor_id: sibling.vendor_id,
            vendor: sibling.vendor,
            status: sibling.status,
            currency: sibling.currency,
            net_minor: sibling.net_minor,
            refunded_minor: sibling.refunded_minor,
            commission_minor: sibling.commission_minor,
        }
    }
}
