//! `/affiliates`: who takes part, who wants to, and what each of them brings.

use askama::Template;
use axum::extract::State;
use axum::response::Response;

use super::look::{Look, Tab, time};
use crate::affiliates::answer::AffiliateAnswer;
use crate::affiliates::list::{self, Filter};
use crate::affiliates::review::may_decide;
use crate::conventions::Asked as _;
use crate::pages::markup::{Ago, Amount, Badge, Count};
use crate::pages::shell::{Frame, Place};
use crate::pages::visit::Visit;
use crate::problem::Failure;
use crate::server::App;

const PATH: &str = "/affiliates";

/// What an address of the list may say, as the API calls it.
const KNOWN: [&str; 5] = ["status", "is_active", "country", "search", "sort"];

/// The orders of the list with their names; the first is the usual one.
const SORTS: [(&str, &str); 4] =
    [("", "Pending first"), ("newest", "Newest"), ("oldest", "Oldest"), ("name", "By name")];

#[derive(Template)]
#[template(path = "people/affiliates.html")]
struct AffiliatesPage {
    frame: Frame,
    /// Vendors see who promotes them, operators everybody.
    is_operator: bool,
    statuses: Vec<Tab>,
    standings: Vec<Tab>,
    sorts: Vec<Tab>,
    rows: Vec<Row>,
    search: String,
    country: String,
    hidden: Vec<(String, String)>,
    is_narrowed: bool,
    here: String,
    first: Option<String>,
    next: Option<String>,
}

struct Row {
    id: String,
    name: String,
    under: String,
    country: Option<String>,
    status: Badge,
    standing: Badge,
    signed_up: Option<Ago>,
    figures: Option<Figures>,
    is_active: bool,
    is_pending: bool,
    may_decide: bool,
}

/// What an affiliate brought in the days that are shown.
struct Figures {
    clicks: Count,
    /// `None`: not known.
    unique: Option<Count>,
    sales: Count,
    revenue: Vec<Amount>,
    commission: Vec<Amount>,
}

/// Answers `/affiliates`.
pub(super) async fn show(State(app): State<App>, visit: Visit) -> Response {
    visit.show(page(&app, &visit)).await
}

async fn page(app: &App, visit: &Visit) -> Result<AffiliatesPage, Failure> {
    let look = Look::read(PATH, &visit.query, &KNOWN);
    let listed = list::page(app, &visit.caller, &Filter::read(&look.query())?).await?;
    let counts = &listed.counts;
    let all = counts.pending + counts.approved + counts.rejected;
    let may_decide = may_decide(&visit.caller).is_ok();
    Ok(AffiliatesPage {
        frame: visit.frame(Place::Affiliates),
        is_operator: visit.caller.require_operator().is_ok(),
        statuses: look.tabs(
            "status",
            [
                ("", "All", Some(all)),
                ("pending", "Pending", Some(counts.pending)),
                ("approved", "Approved", Some(counts.approved)),
                ("rejected", "Rejected", Some(counts.rejected)),
            ],
        ),
        standings: look
            .tabs("is_active", [("", "Any", None), ("true", "Active", None), ("false", "Suspended", None)]),
        sorts: look.tabs("sort", SORTS.map(|(value, label)| (value, label, None))),
        is_narrowed: look.is_narrowed(&KNOWN[..4]),
        search: look.value("search").to_owned(),
        country: look.value("country").to_owned(),
        hidden: look.hidden("search").into_iter().filter(|(name, _)| name != "country").collect(),
        here: look.address(),
        first: look.first(),
        next: look.next(listed.page.next_cursor.as_ref()),
        rows: listed.page.data.into_iter().map(|row| Row::new(row, visit, may_decide)).collect(),
    })
}

impl Row {
    fn new(affiliate: AffiliateAnswer, visit: &Visit, may_decide: bool) -> Self {
        let email = affiliate.private.and_then(|private| private.email);
        let figures = affiliate.figures.map(|figures| Figures {
            clicks: Count(figures.human_clicks),
            unique: figures.unique_visits.map(Count),
            sales: Count(figures.sales),
            revenue: Amount::each(
                figures.earnings.iter().map(|money| (money.revenue_minor, &*money.currency)),
            ),
            commission: Amount::each(
                figures.earnings.iter().map(|money| (money.commission_minor, &*money.currency)),
            ),
        });
        Self {
            under: email.map_or_else(
                || format!("@{}", affiliate.username),
                |email| format!("@{} · {email}", affiliate.username),
            ),
            id: affiliate.affiliate_id,
            name: affiliate.name,
            country: affiliate.country,
            status: Badge::of(&affiliate.status),
            standing: Badge::active(affiliate.is_active),
            signed_up: time(&affiliate.signed_up_at).map(|at| Ago::new(at, visit.now)),
            figures,
            is_active: affiliate.is_active,
            is_pending: affiliate.status == "pending",
            may_decide,
        }
    }
}
