//! `/integration`: how a vendor's shop reports its orders, with what it needs at hand.

use askama::Template;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use chrono::{DateTime, SubsecRound as _, Utc};

use super::can_be_mended;
use crate::api::answer::rfc3339;
use crate::db;
use crate::intake::trial;
use crate::keys::EndpointSource;
use crate::keys::own::{self, Endpoint};
use crate::pages::form::Fields;
use crate::pages::format;
use crate::pages::markup::{Ago, Badge, Day};
use crate::pages::render;
use crate::pages::shell::{Frame, Place};
use crate::pages::visit::Visit;
use crate::problem::Failure;
use crate::report::received::{self, Received};
use crate::server::App;

/// Reports that are shown: enough to see that one has arrived. The rest stand with their orders.
const SHOWN: i64 = 10;

/// The systems that report, as they are stored, and as people call them.
const SOURCES: [(EndpointSource, &str, &str); 5] = [
    (EndpointSource::Shopify, "shopify", "Shopify"),
    (EndpointSource::Woocommerce, "woocommerce", "WooCommerce"),
    (EndpointSource::Stripe, "stripe", "Stripe"),
    (EndpointSource::Postback, "postback", "Tracker (GET postback)"),
    (EndpointSource::Standard, "standard", "My own program, signed"),
];

#[derive(Template)]
#[template(path = "own/integration.html")]
struct IntegrationPage {
    frame: Frame,
    fields: Fields,
    /// Where the console is, as others call it.
    base: String,
    sources: Vec<(&'static str, &'static str)>,
    endpoints: Vec<Row>,
    /// A secret that was just made, and of which system.
    secret: Option<(String, &'static str)>,
    /// What the order is called that was just tried.
    tried: Option<String>,
    /// The newest reports, newest first.
    received: Vec<Report>,
    /// An instant to report an order at, as the API reads it.
    sample_time: String,
}

struct Report {
    kind: String,
    event_id: String,
    order_ref: String,
    /// Where the order is. `None`: it was not worked out yet.
    order: Option<String>,
    way: &'static str,
    since: Ago,
    state: Badge,
}

struct Row {
    system: &'static str,
    address: String,
    made: Day,
    is_postback: bool,
}

/// Shows it.
pub(super) async fn show(State(app): State<App>, visit: Visit) -> Response {
    visit.show(page(&app, &visit, Fields::new())).await
}

/// Makes an address for one system, and shows its secret once.
pub(super) async fn make(State(app): State<App>, visit: Visit, request: Request) -> Response {
    let fields = match visit.form(request).await {
        Ok(form) => Fields::sent(form),
        Err(failure) => return visit.failed(failure),
    };
    let made = async {
        let wanted = SOURCES.iter().find(|(_, name, _)| fields.is("source", name));
        let (source, _, words) =
            wanted.ok_or_else(|| super::wrong("source", "unknown_value", "choose one of the systems"))?;
        let secret = own::endpoint(&app, &visit.caller, *source).await?;
        let page = page(&app, &visit, Fields::new()).await?;
        Ok(IntegrationPage { secret: Some((secret, *words)), ..page })
    };
    match made.await {
        Ok(page) => render(StatusCode::CREATED, &page),
        Err(failure) if can_be_mended(&failure) => match page(&app, &visit, fields.refuse(&failure)).await {
            Ok(page) => visit.again(&failure, &page),
            Err(failure) => visit.failed(failure),
        },
        Err(failure) => visit.failed(failure),
    }
}

/// Reports a test order, and says what it is called.
pub(super) async fn try_out(State(app): State<App>, visit: Visit, request: Request) -> Response {
    if let Err(failure) = visit.form(request).await {
        return visit.failed(failure);
    }
    let tried = async {
        let tried = trial::report(&app, &visit.caller, visit.now).await?;
        Ok(IntegrationPage { tried: Some(tried), ..page(&app, &visit, Fields::new()).await? })
    };
    match tried.await {
        Ok(page) => render(StatusCode::CREATED, &page),
        Err(failure) => visit.failed(failure),
    }
}

async fn page(app: &App, visit: &Visit, fields: Fields) -> Result<IntegrationPage, Failure> {
    let endpoints = own::endpoints(app, &visit.caller).await?;
    let mut snapshot = db::tenant_snapshot(app, &visit.caller).await?;
    let received = received::newest(&mut snapshot, SHOWN).await?;
    snapshot.commit().await?;
    let base = app.front.base_url();
    Ok(IntegrationPage {
        frame: visit.frame(Place::Integration),
        fields,
        sources: SOURCES.iter().map(|(_, name, words)| (*name, *words)).collect(),
        endpoints: endpoints.into_iter().map(|endpoint| Row::new(&endpoint, &base)).collect(),
        secret: None,
        tried: None,
        received: received.into_iter().map(|report| Report::new(report, visit.now)).collect(),
        sample_time: rfc3339(visit.now.trunc_subsecs(0)),
        base,
    })
}

impl Report {
    fn new(report: Received, now: DateTime<Utc>) -> Self {
        let state = match (report.is_parked, &report.order_id) {
            (true, _) => Badge { word: "Waits for a look", class: "wait" },
            (false, None) => Badge { word: "Taken in", class: "done" },
            (false, Some(_)) => Badge { word: "Worked out", class: "good" },
        };
        let way = SOURCES.iter().find(|(_, name, _)| *name == report.source);
        Self {
            kind: format::word(&report.kind),
            order: report.order_id.map(|id| format!("/orders/{id}")),
            event_id: report.event_id,
            order_ref: report.order_ref,
            way: way.map_or("One HTTP call", |(_, _, words)| words),
            since: Ago::new(report.received_at, now),
            state,
        }
    }
}

impl Row {
    fn new(endpoint: &Endpoint, base: &str) -> Self {
        let known = SOURCES.iter().find(|(_, name, _)| *name == endpoint.source);
        Self {
            system: known.map_or("A system", |(_, _, words)| words),
            address: format!("{base}{}", endpoint.path()),
            made: Day(endpoint.created_at.date_naive()),
            is_postback: endpoint.source == EndpointSource::Postback.name(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn systems_are_called_as_they_are_stored() {
        assert!(SOURCES.iter().all(|(source, name, _)| source.name() == *name));
    }
}
