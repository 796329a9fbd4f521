//! `/affiliates/{id}/links`: every link of an affiliate, what it brought, and its switch.

use askama::Template;
use axum::extract::State;
use axum::response::Response;

use super::affiliate::{Head, Open, looked_up};
use super::look::{Look, Tab};
use crate::auth::Scope;
use crate::conventions::{Asked as _, Named};
use crate::pages::markup::{Amount, Badge, Count, Instant};
use crate::pages::shell::{Frame, Place};
use crate::pages::visit::Visit;
use crate::problem::Failure;
use crate::programme::links::{self, Filter, Link};
use crate::server::App;

#[derive(Template)]
#[template(path = "people/affiliate_links.html")]
struct LinksPage {
    frame: Frame,
    head: Head,
    statuses: Vec<Tab>,
    rows: Vec<Row>,
    is_narrowed: bool,
    here: String,
    may_switch: bool,
    first: Option<String>,
    next: Option<String>,
}

struct Row {
    code: String,
    destination: String,
    vendor: String,
    product: Option<String>,
    standing: Badge,
    /// What pauses it besides its own switch.
    paused_by: Option<&'static str>,
    is_on: bool,
    clicks: Count,
    orders: Count,
    commission: Vec<Amount>,
    expires: Option<Instant>,
}

/// Answers `/affiliates/{id}/links`.
pub(super) async fn show(State(app): State<App>, visit: Visit, Named(id): Named) -> Response {
    visit.show(page(&app, &visit, &id)).await
}

async fn page(app: &App, visit: &Visit, id: &str) -> Result<LinksPage, Failure> {
    let affiliate = looked_up(app, visit, id).await?;
    let look = Look::read(format!("/affiliates/{id}/links"), &visit.query, &["status"]);
    let filter = Filter { affiliate: Some(id.to_owned()), ..Filter::read(&look.query())? };
    let listed = links::page(app, &visit.caller, &filter).await?;
    let choices = [("", "All"), ("active", "Active"), ("paused", "Paused"), ("expired", "Expired")];
    Ok(LinksPage {
        frame: visit.frame(Place::Affiliates),
        head: Head::new(&affiliate, &visit.caller, Open::Links),
        statuses: look.tabs("status", choices.map(|(value, label)| (value, label, None))),
        is_narrowed: look.is_narrowed(&["status"]),
        here: look.address(),
        may_switch: visit.caller.require(Scope::ProgrammeWrite).is_ok(),
        first: look.first(),
        next: look.next(listed.next_cursor.as_ref()),
        rows: listed.data.into_iter().map(Row::from).collect(),
    })
}

impl From<Link> for Row {
    fn from(Link { row, numbers, .. }: Link) -> Self {
        let commission = numbers.total_commission.iter();
        Self {
            standing: Badge::of(&row.status),
            paused_by: row.paused_by.as_deref().and_then(hangs_on),
            is_on: row.is_active,
            clicks: Count(numbers.clicks),
            orders: Count(numbers.orders),
            commission: Amount::each(commission.map(|money| (money.commission_minor, &*money.currency))),
            expires: row.expiry_date.map(Instant),
            code: row.code,
            destination: row.destination,
            vendor: row.vendor_name,
            product: row.product_name,
        }
    }
}

/// What a link hangs on that is off.
fn hangs_on(paused_by: &str) -> Option<&'static str> {
    match paused_by {
        "affiliate" => Some("the affiliate is suspended"),
        "partnership" => Some("the partnership is off"),
        "vendor" => Some("the vendor is off"),
        _ => None,
    }
}
