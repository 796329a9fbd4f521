//! `/orders`: what shops reported, narrowed by status, vendor, affiliate and days. Affiliates know them as their sales.

use std::collections::HashMap;

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use chrono::{DateTime, Days, NaiveTime, TimeDelta, Utc};
use common::order::Status;
use sqlx::PgConnection;

use super::PATH;
use crate::auth::{Caller, Scope};
use crate::conventions::{Page, unknown_cursor};
use crate::db;
use crate::pages::format::named;
use crate::pages::markup::{Amount, Badge, Instant};
use crate::pages::parts::Choice;
use crate::pages::period::{AFTER, Period, View, bad};
use crate::pages::shell::{Frame, Place};
use crate::pages::visit::Visit;
use crate::problem::Failure;
use crate::report::orders::{self, Filter, OrderFacts};
use crate::server::App;

/// Vendors to choose from. A programme with more is searched by the order's reference.
const MAX_VENDORS: i64 = 200;

#[derive(Template)]
#[template(path = "money/orders.html")]
struct OrdersPage {
    frame: Frame,
    title: &'static str,
    is_affiliate: bool,
    statuses: Vec<Choice>,
    periods: Vec<Choice>,
    held: Option<Choice>,
    view: View,
    /// Names and numbers; empty where there is nothing to choose.
    vendors: Vec<(String, String)>,
    knows_affiliates: bool,
    hidden: Vec<(&'static str, String)>,
    rows: Vec<Row>,
    is_narrowed: bool,
    first_address: Option<String>,
    next_address: Option<String>,
}

/// One order of a list.
pub(crate) struct Row {
    pub(crate) address: String,
    pub(crate) order_ref: String,
    pub(crate) products: String,
    pub(crate) vendor: String,
    pub(crate) affiliate: String,
    pub(crate) at: Option<Instant>,
    pub(crate) status: Badge,
    pub(crate) held: Option<Badge>,
    pub(crate) net: Option<Amount>,
    pub(crate) commission: Option<Amount>,
}

impl Row {
    /// An order with what was bought.
    pub(crate) fn new(order: OrderFacts, products: &HashMap<String, Vec<String>>) -> Self {
        let amount = |minor| order.currency.as_deref().map(|currency| Amount::new(minor, currency));
        Self {
            address: format!("{PATH}/{}", order.order_id),
            products: products.get(&order.order_id).map(|names| named(names)).unwrap_or_default(),
            at: order.ordered_at().map(Instant),
            status: Badge::of(&order.status),
            held: order.is_held.then(|| Badge::of("held")),
            net: amount(order.net_minor - order.refunded_minor),
            commission: order.affiliate_id.and_then(|_| amount(order.commission_minor)),
            affiliate: order.affiliate.unwrap_or_else(|| "–".to_owned()),
            vendor: order.vendor,
            order_ref: order.order_ref,
        }
    }
}

/// Answers `/orders`.
pub(crate) async fn show(State(app): State<App>, visit: Visit) -> Response {
    visit.show(page(&app, &visit)).await
}

async fn page(app: &App, visit: &Visit) -> Result<OrdersPage, Failure> {
    let caller = &visit.caller;
    caller.require(Scope::ReportsRead)?;
    let names = ["status", "held", "vendor", "affiliate", "q", AFTER];
    let view = View::read(&visit.query, Period::Always, &names)?;
    let limit = Page::default().limit;
    let mut snapshot = db::tenant_snapshot(app, caller).await?;
    let filter = filter(&mut snapshot, caller, &view, visit.now).await?;
    let after = match view.choice(AFTER) {
        "" => None,
        id => {
            Some(orders::one(&mut snapshot, caller.vendor(), id).await?.ok_or_else(unknown_cursor)?.place())
        }
    };
    let mut found = match &filter {
        Some(filter) => orders::list(&mut snapshot, filter, after.as_ref(), limit + 1).await?,
        None => Vec::new(),
    };
    let has_more = found.len() as i64 > limit;
    found.truncate(limit as usize);
    let products = orders::products(&mut snapshot, found.iter().map(OrderFacts::key)).await?;
    let vendors = if caller.vendor().is_some() { Vec::new() } else { vendors(&mut snapshot).await? };
    snapshot.commit().await?;
    let next = found.last().filter(|_| has_more).map(|last| view.with(AFTER, &last.order_id).address(PATH));
    let is_affiliate = caller.is_affiliate();
    Ok(OrdersPage {
        frame: visit.frame(Place::Orders),
        title: if is_affiliate { "Sales" } else { "Orders" },
        is_affiliate,
        statuses: statuses(&view),
        periods: periods(&view),
        held: (!is_affiliate).then(|| held(&view)),
        vendors: if vendors.len() > 1 { vendors } else { Vec::new() },
        knows_affiliates: !is_affiliate,
        hidden: view.hidden_pairs(&["q", "vendor", "affiliate", "by"]),
        rows: found.into_iter().map(|order| Row::new(order, &products)).collect(),
        is_narrowed: view != view.plain().with_period(Period::Always),
        first_address: (!view.choice(AFTER).is_empty()).then(|| view.with(AFTER, "").address(PATH)),
        next_address: next,
        view,
    })
}

/// What the address narrows the list to. `None`: an affiliate that is not there, so nothing fits.
async fn filter(
    conn: &mut PgConnection,
    caller: &Caller,
    view: &View,
    now: DateTime<Utc>,
) -> Result<Option<Filter>, Failure> {
    let status = match view.choice("status") {
        "" => None,
        name if Status::ALL.iter().any(|status| status.name() == name) => Some(name.to_owned()),
        _ => return Err(bad("status", "there is no such status")),
    };
    let vendor_id = match (caller.vendor(), view.choice("vendor")) {
        (Some(own), _) => Some(own),
        (None, "") => None,
        (None, number) => Some(number.parse().map_err(|_| bad("vendor", "there is no such vendor"))?),
    };
    let affiliate_id = match view.choice("affiliate") {
        "" => None,
        username => match affiliate(conn, username).await? {
            None => return Ok(None),
            found => found,
        },
    };
    let (from, to) = match view.period {
        Period::Always => (None, None),
        period => {
            let (first, last) = period.days(now);
            let midnight = |day: chrono::NaiveDate| day.and_time(NaiveTime::MIN).and_utc();
            // A span leaves out orders without a time, which stand at the epoch.
            let from = midnight(first).max(DateTime::UNIX_EPOCH + TimeDelta::milliseconds(1));
            (Some(from), last.checked_add_days(Days::new(1)).map(midnight))
        }
    };
    let order_ref = Some(view.choice("q").to_owned()).filter(|text| !text.is_empty());
    let is_held = (!caller.is_affiliate() && view.choice("held") == "yes").then_some(true);
    Ok(Some(Filter { vendor_id, affiliate_id, status, from, to, is_held, order_ref, ..Filter::default() }))
}

async fn affiliate(conn: &mut PgConnection, username: &str) -> sqlx::Result<Option<i64>> {
    sqlx::query_scalar!("select affiliate_id from affiliate where username = $1", username)
        .fetch_optional(conn)
        .await
}

/// Vendors as choices, by name.
pub(in crate::pages::money) async fn vendors(conn: &mut PgConnection) -> sqlx::Result<Vec<(String, String)>> {
    let rows = sqlx::query!("select vendor_id, name from vendor order by name limit $1", MAX_VENDORS)
        .fetch_all(conn)
        .await?;
    Ok(rows.into_iter().map(|row| (row.vendor_id.to_string(), row.name)).collect())
}

fn statuses(view: &View) -> Vec<Choice> {
    let choice = |label: &'static str, name: &str| Choice {
        label,
        address: view.with("status", name).address(PATH),
        is_current: view.choice("status") == name,
    };
    let all = std::iter::once(choice("All", ""));
    all.chain(Status::ALL.iter().map(|status| choice(status.name(), status.name()))).collect()
}

fn periods(view: &View) -> Vec<Choice> {
    let choice = |(period, _, label): (Period, &str, &'static str)| Choice {
        label,
        address: view.with_period(period).address(PATH),
        is_current: view.period == period,
    };
    std::iter::once((Period::Always, "", "Any time")).chain(Period::PRESETS).map(choice).collect()
}

fn held(view: &View) -> Choice {
    let is_current = view.choice("held") == "yes";
    let address = view.with("held", if is_current { "" } else { "yes" }).address(PATH);
    Choice { label: "On hold", address, is_current }
}
