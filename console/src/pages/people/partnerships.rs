//! `/partnerships`: who promotes whom, at which commission, since when and from when on another.

use askama::Template;
use axum::extract::{Request, State};
use axum::response::{IntoResponse as _, Redirect, Response};

use super::look::{Look, Tab};
use crate::api::given::MAX_LIMIT;
use crate::auth::{Caller, Scope};
use crate::conventions::{Asked as _, IfMatch, Named, Page};
use crate::pages::form::{Fields, Kind};
use crate::pages::markup::{Badge, Instant};
use crate::pages::shell::{Frame, Place};
use crate::pages::toast::Done;
use crate::pages::visit::Visit;
use crate::problem::Failure;
use crate::programme::partnerships::{self, Filter, Partnership, step};
use crate::programme::rates::{self, Agreed, Wanted};
use crate::programme::standing::Step;
use crate::programme::{products, rate_input};
use crate::server::App;

const PATH: &str = "/partnerships";

/// The fields of another commission.
const RATE: [(&str, Kind); 2] = [("rate", Kind::Optional), ("since", Kind::Day)];

/// One partnership, as pages show it.
struct Row {
    id: String,
    vendor: String,
    affiliate_id: String,
    affiliate: String,
    affiliate_name: String,
    status: Badge,
    rate: Option<String>,
    /// Another one that was agreed, and from when on.
    next: Option<(String, Instant)>,
    joined: Option<Instant>,
    begun: Instant,
    version: i64,
}

impl From<Partnership> for Row {
    fn from(partnership: Partnership) -> Self {
        let next = partnership.next_rate;
        Self {
            status: Badge::of(&partnership.status),
            next: next.and_then(|next| Some((next.commission_rate?, Instant(next.since)))),
            joined: partnership.joined_at.map(Instant),
            begun: Instant(partnership.created_at),
            id: partnership.partnership_id,
            vendor: partnership.vendor_name,
            affiliate_id: partnership.affiliate_id,
            affiliate: partnership.affiliate,
            affiliate_name: partnership.affiliate_name,
            rate: partnership.commission_rate,
            version: partnership.row_version,
        }
    }
}

#[derive(Template)]
#[template(path = "people/partnerships.html")]
struct PartnershipsPage {
    frame: Frame,
    is_affiliate: bool,
    is_operator: bool,
    statuses: Vec<Tab>,
    rows: Vec<Row>,
    is_narrowed: bool,
    first: Option<String>,
    next: Option<String>,
}

#[derive(Template)]
#[template(path = "people/partnership.html")]
struct PartnershipPage {
    frame: Frame,
    is_affiliate: bool,
    may_write: bool,
    row: Row,
    /// What may be done from its state: the verb, its words, and how the button looks.
    steps: Vec<(&'static str, &'static str, &'static str)>,
    rates: Vec<AgreedRate>,
    /// Products with a commission of their own, which goes before the partnership's.
    overrides: Vec<(String, String, String)>,
    notice_days: i64,
    fields: Fields,
}

/// A commission of the past, the present or the future.
pub(super) struct AgreedRate {
    pub(super) rate: String,
    pub(super) since: Instant,
    pub(super) badge: Badge,
}

impl AgreedRate {
    /// The history, latest first. `none` is what no rate is called.
    pub(super) fn history(agreed: Vec<Agreed>, visit: &Visit, none: &str) -> Vec<Self> {
        let rate = |agreed: Agreed| Self {
            badge: Badge::of_agreed(agreed.is_current, agreed.since > visit.now),
            rate: agreed.commission_rate.unwrap_or_else(|| none.to_owned()),
            since: Instant(agreed.since),
        };
        agreed.into_iter().map(rate).collect()
    }
}

/// Answers `/partnerships`.
pub(super) async fn list(State(app): State<App>, visit: Visit) -> Response {
    visit.show(page(&app, &visit)).await
}

async fn page(app: &App, visit: &Visit) -> Result<PartnershipsPage, Failure> {
    let look = Look::read(PATH, &visit.query, &["status", "vendor", "affiliate"]);
    let listed = partnerships::page(app, &visit.caller, &Filter::read(&look.query())?).await?;
    let choices = [
        ("", "All"),
        ("pending", "Pending"),
        ("approved", "Approved"),
        ("active", "Active"),
        ("inactive", "Inactive"),
        ("rejected", "Rejected"),
    ];
    Ok(PartnershipsPage {
        frame: visit.frame(Place::Partnerships),
        is_affiliate: visit.caller.is_affiliate(),
        is_operator: visit.caller.require_operator().is_ok(),
        statuses: look.tabs("status", choices.map(|(value, label)| (value, label, None))),
        is_narrowed: look.is_narrowed(&["status", "vendor", "affiliate"]),
        first: look.first(),
        next: look.next(listed.next_cursor.as_ref()),
        rows: listed.data.into_iter().map(Row::from).collect(),
    })
}

/// Answers `/partnerships/{id}`.
pub(super) async fn show(State(app): State<App>, visit: Visit, Named(id): Named) -> Response {
    visit.show(one(&app, &visit, &id, Fields::new())).await
}

async fn one(app: &App, visit: &Visit, id: &str, fields: Fields) -> Result<PartnershipPage, Failure> {
    let partnership = partnerships::shown(app, &visit.caller, id).await?;
    let agreed = rates::all_of_partnership(app, &visit.caller, id).await?.data;
    let page = Page { limit: MAX_LIMIT, after: None };
    let vendor = Some(partnership.vendor_id.clone());
    let filter = products::Filter { vendor, is_active: Some(true), search: None, page };
    let sold = products::page(app, &visit.caller, &filter).await?.data;
    let may_write = may_write(&visit.caller);
    Ok(PartnershipPage {
        frame: visit.frame(Place::Partnerships),
        is_affiliate: visit.caller.is_affiliate(),
        may_write,
        steps: if may_write { steps(&partnership.status) } else { Vec::new() },
        rates: AgreedRate::history(agreed, visit, "none"),
        overrides: sold.into_iter().filter_map(own_rate).collect(),
        notice_days: rate_input::NOTICE.num_days(),
        row: Row::from(partnership),
        fields,
    })
}

fn own_rate(product: products::Product) -> Option<(String, String, String)> {
    let rate = rate_input::in_per_cent(product.rate_ppm)?;
    Some((product.product_id, product.name, rate))
}

fn may_write(caller: &Caller) -> bool {
    caller.require(Scope::ProgrammeWrite).is_ok() && caller.require_shop_side().is_ok()
}

/// What may be done from this state.
fn steps(status: &str) -> Vec<(&'static str, &'static str, &'static str)> {
    match status {
        "pending" => vec![("approve", "Approve", "primary"), ("reject", "Reject", "danger")],
        "approved" => vec![("activate", "Activate", "primary")],
        "inactive" => vec![("activate", "Activate again", "primary")],
        "active" => vec![("deactivate", "Deactivate", "danger")],
        _ => Vec::new(),
    }
}

/// Takes one of the steps.
pub(super) async fn take_step(
    State(app): State<App>,
    visit: Visit,
    Named((id, verb)): Named<(String, String)>,
    request: Request,
) -> Response {
    let taken = async {
        let version = visit.form(request).await?.take("version");
        let wanted = match verb.as_str() {
            "approve" => Step::Approve,
            "reject" => Step::Reject,
            "activate" => Step::Activate,
            "deactivate" => Step::Deactivate,
            _ => return Err(Failure::NoSuchPage),
        };
        step(&app, &visit.caller, &IfMatch::only(&version), &id, wanted).await?;
        Ok(Done::PartnershipChanged.at(&format!("{PATH}/{id}")))
    };
    visit.lead(taken).await
}

/// Agrees on another commission.
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
        let (wanted, if_match) = (fields.read::<Wanted>(&RATE)?, IfMatch::only(fields.value("version")));
        rates::for_partnership(&app, &visit.caller, &if_match, &id, wanted).await?;
        Ok::<Redirect, Failure>(Done::RateAgreed.at(&format!("{PATH}/{id}")))
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
