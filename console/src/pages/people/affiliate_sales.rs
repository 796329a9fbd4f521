//! `/affiliates/{id}/sales`: every transaction that an affiliate is credited with.

use std::collections::HashMap;

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use common::order::Status;

use super::affiliate::{Head, Open, looked_up};
use super::look::{Look, Tab, time};
use crate::conventions::{Asked as _, Named};
use crate::desk::orders::{self, OrderAnswer, Orders};
use crate::pages::format::named;
use crate::pages::markup::{Amount, Badge, Instant};
use crate::pages::shell::{Frame, Place};
use crate::pages::visit::Visit;
use crate::problem::Failure;
use crate::report::orders::Filter;
use crate::server::App;

#[derive(Template)]
#[template(path = "people/affiliate_sales.html")]
struct SalesPage {
    frame: Frame,
    head: Head,
    statuses: Vec<Tab>,
    rows: Vec<Row>,
    is_narrowed: bool,
    here: String,
    first: Option<String>,
    next: Option<String>,
}

struct Row {
    order: String,
    products: String,
    reference: String,
    vendor: String,
    status: Badge,
    is_held: bool,
    net: Option<Amount>,
    commission: Option<Amount>,
    at: Option<Instant>,
}

/// Answers `/affiliates/{id}/sales`.
pub(super) async fn show(State(app): State<App>, visit: Visit, Named(id): Named) -> Response {
    visit.show(page(&app, &visit, &id)).await
}

async fn page(app: &App, visit: &Visit, id: &str) -> Result<SalesPage, Failure> {
    let affiliate = looked_up(app, visit, id).await?;
    let look = Look::read(format!("/affiliates/{id}/sales"), &visit.query, &["status"]);
    let asked = Orders::read(&look.query())?;
    let number = orders::affiliate_number(app, &visit.caller, id).await?;
    let asked = Orders { filter: Filter { affiliate_id: Some(number), ..asked.filter }, page: asked.page };
    let listed = orders::page(app, &visit.caller, &asked).await?;
    let names = orders::product_names(app, &visit.caller, &listed.data).await?;
    let statuses = Status::ALL.map(|status| (status.name(), status.name(), None));
    Ok(SalesPage {
        frame: visit.frame(Place::Affiliates),
        head: Head::new(&affiliate, &visit.caller, Open::Sales),
        statuses: look.tabs("status", [("", "All", None)].into_iter().chain(statuses)),
        is_narrowed: look.is_narrowed(&["status"]),
        here: look.address(),
        first: look.first(),
        next: look.next(listed.next_cursor.as_ref()),
        rows: listed.data.into_iter().map(|order| Row::new(order, &names)).collect(),
    })
}

impl Row {
    fn new(order: OrderAnswer, names: &HashMap<String, Vec<String>>) -> Self {
        let amount = |minor| order.currency.as_deref().map(|currency| Amount::new(minor, currency));
        let at = order.placed_at.as_deref().or(order.completed_at.as_deref());
        Self {
            products: names.get(&order.order_id).map(|names| named(names)).unwrap_or_default(),
            net: amount(order.net_minor - order.refunded_minor),
            commission: amount(order.commission_minor),
            at: at.and_then(time).map(Instant),
            status: Badge::of(&order.status),
            is_held: order.is_held,
            order: order.order_id,
            reference: order.order_ref,
            vendor: order.vendor,
        }
    }
}
