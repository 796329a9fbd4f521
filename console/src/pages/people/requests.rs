//! `/requests`: what affiliates ask of vendors, and what they are answered.

use askama::Template;
use axum::extract::{Request, State};
use axum::response::{IntoResponse as _, Redirect, Response};

use super::choices::{self, Choice};
use super::look::{Look, Tab};
use crate::auth::{Scope, Tenant};
use crate::conventions::{Asked as _, IfMatch, Named};
use crate::pages::form::{Fields, Kind};
use crate::pages::format;
use crate::pages::markup::{Ago, Badge, Instant};
use crate::pages::shell::{Frame, Place};
use crate::pages::toast::Done;
use crate::pages::visit::Visit;
use crate::problem::Failure;
use crate::programme::requests::{self, AffiliateRequest, Answer, Filter, Verdict, Wanted};
use crate::server::App;

const PATH: &str = "/requests";

/// What may be asked for, in the API's words and in ours.
const TYPES: [(&str, &str); 4] = [
    ("partner_with_vendor", "Promote a vendor"),
    ("promote_product", "Promote a product"),
    ("raise_rate", "A higher commission"),
    ("other", "Something else"),
];

/// The fields of a request.
const ASKED: [(&str, Kind); 4] = [
    ("request_type", Kind::Text),
    ("vendor_id", Kind::Text),
    ("product_id", Kind::Optional),
    ("message", Kind::Text),
];

/// The fields of an answer.
const ANSWERED: [(&str, Kind); 2] = [("rate", Kind::Optional), ("response_message", Kind::Text)];

/// One request, as pages show it.
struct Row {
    id: String,
    what: String,
    affiliate_id: String,
    affiliate: String,
    vendor: String,
    product: Option<String>,
    status: Badge,
    is_pending: bool,
    /// Whether saying yes takes a commission.
    takes_rate: bool,
    message: String,
    response: Option<String>,
    responded: Option<Instant>,
    responded_by: Option<String>,
    asked: Ago,
    version: i64,
}

impl Row {
    fn new(request: AffiliateRequest, visit: &Visit) -> Self {
        let words = TYPES.iter().find(|(name, _)| *name == request.request_type);
        Self {
            what: words.map_or_else(|| format::word(&request.request_type), |(_, words)| (*words).to_owned()),
            takes_rate: matches!(request.request_type.as_str(), "partner_with_vendor" | "raise_rate"),
            status: Badge::of(&request.status),
            is_pending: request.status == "pending",
            responded: request.responded_at.map(Instant),
            asked: Ago::new(request.created_at, visit.now),
            id: request.request_id,
            affiliate_id: request.affiliate_id,
            affiliate: request.affiliate,
            vendor: request.vendor_name,
            product: request.product_name,
            message: request.message,
            response: request.response_message,
            responded_by: request.responded_by,
            version: request.row_version,
        }
    }
}

#[derive(Template)]
#[template(path = "people/requests.html")]
struct RequestsPage {
    frame: Frame,
    is_affiliate: bool,
    may_answer: bool,
    statuses: Vec<Tab>,
    types: Vec<Tab>,
    rows: Vec<Row>,
    is_narrowed: bool,
    first: Option<String>,
    next: Option<String>,
}

#[derive(Template)]
#[template(path = "people/request.html")]
struct RequestPage {
    frame: Frame,
    is_affiliate: bool,
    may_answer: bool,
    row: Row,
    fields: Fields,
}

#[derive(Template)]
#[template(path = "people/request_new.html")]
struct AskPage {
    frame: Frame,
    fields: Fields,
    types: [(&'static str, &'static str); 4],
    vendors: Vec<Choice>,
    products: Vec<Choice>,
}

/// Answers `/requests`.
pub(super) async fn list(State(app): State<App>, visit: Visit) -> Response {
    visit.show(page(&app, &visit)).await
}

async fn page(app: &App, visit: &Visit) -> Result<RequestsPage, Failure> {
    let look = Look::read(PATH, &visit.query, &["status", "request_type"]);
    let listed = requests::page(app, &visit.caller, &Filter::read(&look.query())?).await?;
    let choices = [("", "All"), ("pending", "Pending"), ("approved", "Approved"), ("rejected", "Rejected")];
    let types = [("", "Any kind")].into_iter().chain(TYPES);
    Ok(RequestsPage {
        frame: visit.frame(Place::Requests),
        is_affiliate: visit.caller.is_affiliate(),
        may_answer: may_answer(visit),
        statuses: look.tabs("status", choices.map(|(value, label)| (value, label, None))),
        types: look.tabs("request_type", types.map(|(value, label)| (value, label, None))),
        is_narrowed: look.is_narrowed(&["status", "request_type"]),
        first: look.first(),
        next: look.next(listed.next_cursor.as_ref()),
        rows: listed.data.into_iter().map(|row| Row::new(row, visit)).collect(),
    })
}

fn may_answer(visit: &Visit) -> bool {
    visit.caller.require(Scope::ProgrammeWrite).is_ok() && visit.caller.require_shop_side().is_ok()
}

/// Answers `/requests/{id}`.
pub(super) async fn show(State(app): State<App>, visit: Visit, Named(id): Named) -> Response {
    visit.show(one(&app, &visit, &id, Fields::new())).await
}

async fn one(app: &App, visit: &Visit, id: &str, fields: Fields) -> Result<RequestPage, Failure> {
    let row = Row::new(requests::shown(app, &visit.caller, id).await?, visit);
    Ok(RequestPage {
        frame: visit.frame(Place::Requests),
        is_affiliate: visit.caller.is_affiliate(),
        may_answer: may_answer(visit),
        row,
        fields,
    })
}

/// Says yes.
pub(super) async fn approve(
    State(app): State<App>,
    visit: Visit,
    Named(id): Named,
    request: Request,
) -> Response {
    answer(&app, &visit, &id, request, Verdict::Approved).await
}

/// Says no.
pub(super) async fn reject(
    State(app): State<App>,
    visit: Visit,
    Named(id): Named,
    request: Request,
) -> Response {
    answer(&app, &visit, &id, request, Verdict::Rejected).await
}

async fn answer(app: &App, visit: &Visit, id: &str, request: Request, verdict: Verdict) -> Response {
    let fields = match visit.form(request).await {
        Ok(form) => Fields::sent(form),
        Err(failure) => return visit.failed(failure),
    };
    let answered = async {
        let (answer, if_match) = (fields.read::<Answer>(&ANSWERED)?, IfMatch::only(fields.value("version")));
        requests::answer(app, &visit.caller, &if_match, id, answer, verdict).await
    };
    match answered.await {
        Ok(_) => Done::Decided.at(PATH).into_response(),
        Err(failure @ (Failure::Content(_) | Failure::Conflict(..))) => {
            match one(app, visit, id, fields.refuse(&failure)).await {
                Ok(page) => visit.again(&failure, &page),
                Err(failure) => visit.failed(failure),
            }
        }
        Err(failure) => visit.failed(failure),
    }
}

/// Answers `/requests/new`.
pub(super) async fn ask(State(app): State<App>, visit: Visit) -> Response {
    let fields = Fields::new()
        .with("vendor_id", visit.asked("vendor").unwrap_or_default())
        .with("product_id", visit.asked("product").unwrap_or_default());
    visit.show(form(&app, &visit, fields)).await
}

async fn form(app: &App, visit: &Visit, fields: Fields) -> Result<AskPage, Failure> {
    visit.caller.require(Scope::ProgrammeWrite)?;
    if !matches!(visit.caller.tenant, Tenant::Affiliate(_)) {
        return Err(Failure::AffiliatesOnly);
    }
    Ok(AskPage {
        frame: visit.frame(Place::Requests),
        types: TYPES,
        vendors: choices::vendors(app, visit, "Choose a vendor", fields.value("vendor_id")).await?,
        products: choices::products(app, visit, "None in particular").await?,
        fields,
    })
}

/// Asks.
pub(super) async fn make(State(app): State<App>, visit: Visit, request: Request) -> Response {
    let fields = match visit.form(request).await {
        Ok(form) => Fields::sent(form),
        Err(failure) => return visit.failed(failure),
    };
    let made = async {
        requests::make(&app, &visit.caller, fields.read::<Wanted>(&ASKED)?).await?;
        Ok::<Redirect, Failure>(Done::Asked.at(PATH))
    };
    match made.await {
        Ok(done) => done.into_response(),
        Err(failure @ (Failure::Content(_) | Failure::Conflict(..))) => {
            match form(&app, &visit, fields.refuse(&failure)).await {
                Ok(page) => visit.again(&failure, &page),
                Err(failure) => visit.failed(failure),
            }
        }
        Err(failure) => visit.failed(failure),
    }
}
