//! `/vendors`: the shops of the programme, where their links may lead, and how their orders are credited.

use std::future::ready;

use askama::Template;
use axum::extract::{Request, State};
use axum::response::{IntoResponse as _, Redirect, Response};

use super::look::{Look, Tab, back};
use crate::auth::Scope;
use crate::conventions::{Asked as _, IfMatch, Named};
use crate::pages::form::{Fields, Kind};
use crate::pages::markup::{Badge, Day, Instant};
use crate::pages::shell::{Frame, Place};
use crate::pages::toast::Done;
use crate::pages::visit::Visit;
use crate::problem::Failure;
use crate::programme::terms::{self, Terms};
use crate::programme::vendors::{self, Change, Filter, Switch, Vendor, Wanted};
use crate::server::App;

const PATH: &str = "/vendors";

/// The fields of a vendor.
const SHAPE: [(&str, Kind); 5] = [
    ("name", Kind::Text),
    ("allowed_hosts", Kind::Words),
    ("allows_http", Kind::Flag),
    ("website", Kind::Nullable),
    ("fallback_url", Kind::Nullable),
];

/// The fields of other terms.
const TERMS: [(&str, Kind); 4] = [
    ("hold_days", Kind::Number),
    ("window_days", Kind::Number),
    ("attribution", Kind::Optional),
    ("since", Kind::Day),
];

/// Which of several clicks wins.
const ATTRIBUTIONS: [(&str, &str); 2] =
    [("last_click", "The last click"), ("first_click", "The first click")];

#[derive(Template)]
#[template(path = "people/vendors.html")]
struct VendorsPage {
    frame: Frame,
    may_write: bool,
    standings: Vec<Tab>,
    search: String,
    hidden: Vec<(String, String)>,
    rows: Vec<Row>,
    is_narrowed: bool,
    first: Option<String>,
    next: Option<String>,
}

struct Row {
    id: String,
    name: String,
    website: Option<String>,
    hosts: Vec<String>,
    fallback: Option<String>,
    allows_http: bool,
    is_active: bool,
    standing: Badge,
    since: Day,
    version: i64,
}

impl From<Vendor> for Row {
    fn from(vendor: Vendor) -> Self {
        Self {
            standing: standing(vendor.is_active),
            since: Day(vendor.created_at.date_naive()),
            version: vendor.row_version,
            id: vendor.vendor_id,
            name: vendor.name,
            website: vendor.website,
            hosts: vendor.allowed_hosts,
            fallback: vendor.fallback_url,
            allows_http: vendor.allows_http,
            is_active: vendor.is_active,
        }
    }
}

/// A shop that is off was not punished: grey, not red.
pub(super) fn standing(is_active: bool) -> Badge {
    Badge::of(if is_active { "active" } else { "inactive" })
}

#[derive(Template)]
#[template(path = "people/vendor.html")]
struct VendorPage {
    frame: Frame,
    may_write: bool,
    may_agree: bool,
    row: Row,
    terms: Vec<Agreed>,
    attributions: [(&'static str, &'static str); 2],
    fields: Fields,
}

/// Terms of the past, the present or the future.
struct Agreed {
    since: Option<Instant>,
    badge: Badge,
    is_current: bool,
    hold_days: i32,
    window_days: i32,
    credited: &'static str,
}

impl Agreed {
    fn new(terms: &Terms, visit: &Visit) -> Self {
        let credited = ATTRIBUTIONS.iter().find(|(name, _)| *name == terms.attribution);
        Self {
            // What holds since ever began at the epoch.
            since: (terms.since.timestamp() > 0).then_some(Instant(terms.since)),
            badge: Badge::of_agreed(terms.is_current, terms.since > visit.now),
            is_current: terms.is_current,
            hold_days: terms.hold_days,
            window_days: terms.window_days,
            credited: credited.map_or("Unknown", |(_, words)| words),
        }
    }
}

#[derive(Template)]
#[template(path = "people/vendor_form.html")]
struct VendorForm {
    frame: Frame,
    /// The vendor that is changed; empty for a new one.
    id: String,
    fields: Fields,
}

/// Answers `/vendors`.
pub(super) async fn list(State(app): State<App>, visit: Visit) -> Response {
    visit.show(page(&app, &visit)).await
}

async fn page(app: &App, visit: &Visit) -> Result<VendorsPage, Failure> {
    let look = Look::read(PATH, &visit.query, &["is_active", "search"]);
    let listed = vendors::page(app, &visit.caller, &Filter::read(&look.query())?).await?;
    let choices = [("", "All"), ("true", "Active"), ("false", "Inactive")];
    Ok(VendorsPage {
        frame: visit.frame(Place::Vendors),
        may_write: may_write(visit),
        standings: look.tabs("is_active", choices.map(|(value, label)| (value, label, None))),
        search: look.value("search").to_owned(),
        hidden: look.hidden("search"),
        is_narrowed: look.is_narrowed(&["is_active", "search"]),
        first: look.first(),
        next: look.next(listed.next_cursor.as_ref()),
        rows: listed.data.into_iter().map(Row::from).collect(),
    })
}

fn may_write(visit: &Visit) -> bool {
    visit.caller.require(Scope::ProgrammeWrite).is_ok() && visit.caller.require_operator().is_ok()
}

/// Answers `/vendors/{id}`.
pub(super) async fn show(State(app): State<App>, visit: Visit, Named(id): Named) -> Response {
    visit.show(one(&app, &visit, &id, Fields::new())).await
}

async fn one(app: &App, visit: &Visit, id: &str, fields: Fields) -> Result<VendorPage, Failure> {
    let vendor = vendors::shown(app, &visit.caller, id).await?;
    let terms = terms::all(app, &visit.caller, id).await?.data;
    let caller = &visit.caller;
    Ok(VendorPage {
        frame: visit.frame(Place::Vendors),
        may_write: may_write(visit),
        may_agree: caller.require(Scope::ProgrammeWrite).is_ok() && caller.require_shop_side().is_ok(),
        row: Row::from(vendor),
        attributions: ATTRIBUTIONS,
        fields: now_in_force(fields, &terms),
        terms: terms.iter().map(|terms| Agreed::new(terms, visit)).collect(),
    })
}

/// An untouched form begins with the terms that hold.
fn now_in_force(fields: Fields, terms: &[Terms]) -> Fields {
    let Some(now) = terms.iter().find(|terms| terms.is_current) else { return fields };
    if !fields.value("version").is_empty() {
        return fields;
    }
    fields
        .with("hold_days", now.hold_days.to_string())
        .with("window_days", now.window_days.to_string())
        .with("attribution", now.attribution.as_str())
}

/// Agrees on other terms.
pub(super) async fn agree(
    State(app): State<App>,
    visit: Visit,
    Named(id): Named,
    request: Request,
) -> Response {
    let fields = match visit.form(request).await {
        Ok(form) => Fields::sent(form),
        Err(failure) => return visit.failed(failure),
    };
    let agreed = async {
        let if_match = IfMatch::only(fields.value("version"));
        terms::agreed(&app, &visit.caller, &if_match, &id, fields.read(&TERMS)?).await?;
        Ok::<Redirect, Failure>(Done::TermsAgreed.at(&format!("{PATH}/{id}")))
    };
    match agreed.await {
        Ok(done) => done.into_response(),
        Err(failure @ (Failure::Content(_) | Failure::Conflict(..))) => {
            match one(&app, &visit, &id, fields.refuse(&failure)).await {
                Ok(page) => visit.again(&failure, &page),
                Err(failure) => visit.failed(failure),
            }
        }
        Err(failure) => visit.failed(failure),
    }
}

/// Answers `/vendors/new`.
pub(super) async fn new(visit: Visit) -> Response {
    visit.show(ready(form(&visit, "", Fields::new()))).await
}

fn form(visit: &Visit, id: &str, fields: Fields) -> Result<VendorForm, Failure> {
    visit.caller.require_operator()?;
    visit.caller.require(Scope::ProgrammeWrite)?;
    Ok(VendorForm { frame: visit.frame(Place::Vendors), id: id.to_owned(), fields })
}

/// Answers `/vendors/{id}/edit`.
pub(super) async fn edit(State(app): State<App>, visit: Visit, Named(id): Named) -> Response {
    let page = async {
        let vendor = vendors::shown(&app, &visit.caller, &id).await?;
        let fields = Fields::new()
            .with("name", vendor.name)
            .with("allowed_hosts", vendor.allowed_hosts.join("\n"))
            .with("allows_http", if vendor.allows_http { "on" } else { "" })
            .with("website", vendor.website.unwrap_or_default())
            .with("fallback_url", vendor.fallback_url.unwrap_or_default())
            .with("version", vendor.row_version.to_string());
        form(&visit, &id, fields)
    };
    visit.show(page).await
}

/// Takes a vendor in.
pub(super) async fn make(State(app): State<App>, visit: Visit, request: Request) -> Response {
    let fields = match visit.form(request).await {
        Ok(form) => Fields::sent(form),
        Err(failure) => return visit.failed(failure),
    };
    let made = async {
        let made = vendors::make(&app, &visit.caller, fields.read::<Wanted>(&SHAPE)?).await?;
        Ok::<Redirect, Failure>(Done::Made.at(&format!("{PATH}/{}", made.vendor_id)))
    };
    finish(&visit, "", made.await, fields)
}

/// Changes a vendor.
pub(super) async fn amend(
    State(app): State<App>,
    visit: Visit,
    Named(id): Named,
    request: Request,
) -> Response {
    let fields = match visit.form(request).await {
        Ok(form) => Fields::sent(form),
        Err(failure) => return visit.failed(failure),
    };
    let changed = async {
        let (change, if_match) = (fields.read::<Change>(&SHAPE)?, IfMatch::only(fields.value("version")));
        vendors::amend(&app, &visit.caller, &if_match, &id, change).await?;
        Ok::<Redirect, Failure>(Done::Saved.at(&format!("{PATH}/{id}")))
    };
    finish(&visit, &id, changed.await, fields)
}

fn finish(visit: &Visit, id: &str, outcome: Result<Redirect, Failure>, fields: Fields) -> Response {
    match outcome {
        Ok(done) => done.into_response(),
        Err(failure @ (Failure::Content(_) | Failure::Conflict(..))) => {
            match form(visit, id, fields.refuse(&failure)) {
                Ok(page) => visit.again(&failure, &page),
                Err(failure) => visit.failed(failure),
            }
        }
        Err(failure) => visit.failed(failure),
    }
}

/// Switches a vendor on.
pub(super) async fn activate(
    State(app): State<App>,
    visit: Visit,
    Named(id): Named,
    request: Request,
) -> Response {
    visit.lead(switched(&app, &visit, &id, request, (Switch::On, Done::VendorActivated))).await
}

/// Switches a vendor off, with all its links.
pub(super) async fn deactivate(
    State(app): State<App>,
    visit: Visit,
    Named(id): Named,
    request: Request,
) -> Response {
    visit.lead(switched(&app, &visit, &id, request, (Switch::Off, Done::VendorDeactivated))).await
}

async fn switched(
    app: &App,
    visit: &Visit,
    id: &str,
    request: Request,
    (to, done): (Switch, Done),
) -> Result<Redirect, Failure> {
    visit.form(request).await?;
    vendors::switch(app, &visit.caller, &IfMatch::any(), id, to).await?;
    Ok(done.to(id, &back(visit, PATH)))
}
