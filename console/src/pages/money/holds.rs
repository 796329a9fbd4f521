//! `/holds`: commissions that wait for somebody to look at them, and events that take no part until somebody has.

use askama::Template;
use axum::extract::{Request, State};
use axum::response::{IntoResponse as _, Redirect, Response};

use crate::auth::Scope;
use crate::conventions::{Named, Page};
use crate::desk::decision::Decision;
use crate::desk::events::{self, EventAnswer};
use crate::desk::holds::{self, Filter, Finding, HoldAnswer};
use crate::pages::form::Fields;
use crate::pages::markup::{Amount, Badge, Instant};
use crate::pages::parts::Choice;
use crate::pages::period::{AFTER, Period, View};
use crate::pages::shell::{Frame, Place};
use crate::pages::toast::Done;
use crate::pages::visit::Visit;
use crate::pages::{format, message};
use crate::problem::Failure;
use crate::server::App;

/// Where the list is.
pub(super) const PATH: &str = "/holds";

/// The states of a hold with their names on the page; the first is shown unless asked otherwise.
const STATES: [(&str, &str); 3] = [("open", "Open"), ("released", "Released"), ("confirmed", "Confirmed")];

#[derive(Template)]
#[template(path = "money/holds.html")]
struct HoldsPage {
    frame: Frame,
    states: Vec<Choice>,
    state: &'static str,
    rows: Vec<Row>,
    parked: Vec<Parked>,
    has_more_parked: bool,
    first_address: Option<String>,
    next_address: Option<String>,
}

struct Row {
    order: String,
    order_ref: String,
    review: String,
    reason: String,
    vendor: String,
    affiliate: String,
    raised: Option<Instant>,
    commission: Option<Amount>,
    state: Badge,
    is_open: bool,
    decided: Option<String>,
}

struct Parked {
    let_in: String,
    event_id: String,
    order_ref: String,
    vendor: String,
    kind: String,
    occurred: Option<Instant>,
    why: String,
}

#[derive(Template)]
#[template(path = "money/hold.html")]
struct HoldPage {
    frame: Frame,
    row: Row,
    fields: Fields,
}

/// Answers `/holds`.
pub(crate) async fn list(State(app): State<App>, visit: Visit) -> Response {
    visit.show(page(&app, &visit)).await
}

async fn page(app: &App, visit: &Visit) -> Result<HoldsPage, Failure> {
    let view = View::read(&visit.query, Period::Always, &["state", AFTER])?;
    let asked = view.choice("state");
    let state = STATES.iter().find(|(name, _)| *name == asked).map_or("open", |(name, _)| *name);
    let after = Some(view.choice(AFTER).to_owned()).filter(|after| !after.is_empty());
    let is_first = after.is_none();
    let filter = Filter {
        state: Some(state.to_owned()),
        page: Page { after, ..Page::default() },
        ..Filter::default()
    };
    let held = holds::page(app, &visit.caller, &filter).await?;
    let parked = events::page(app, &visit.caller, &events::Filter::default()).await?;
    let choice = |(name, label): (&'static str, &'static str)| Choice {
        label,
        address: view.with("state", if name == "open" { "" } else { name }).address(PATH),
        is_current: name == state,
    };
    Ok(HoldsPage {
        frame: visit.frame(Place::Holds),
        states: STATES.into_iter().map(choice).collect(),
        state,
        rows: held.data.into_iter().map(Row::from).collect(),
        has_more_parked: parked.has_more,
        parked: parked.data.into_iter().map(Parked::from).collect(),
        first_address: (!is_first).then(|| view.with(AFTER, "").address(PATH)),
        next_address: held.next_cursor.map(|after| view.with(AFTER, &after).address(PATH)),
    })
}

/// Answers `/holds/{order_id}/{flag}`: what was noticed, and the two decisions.
pub(crate) async fn one(
    State(app): State<App>,
    visit: Visit,
    Named((order_id, flag)): Named<(String, String)>,
) -> Response {
    visit.show(hold(&app, &visit, (&order_id, &flag), Fields::new())).await
}

async fn hold(
    app: &App,
    visit: &Visit,
    (order_id, flag): (&str, &str),
    fields: Fields,
) -> Result<HoldPage, Failure> {
    let found = holds::find(app, &visit.caller, order_id, flag).await?;
    Ok(HoldPage { frame: visit.frame(Place::Holds), row: Row::from(found), fields })
}

/// Decides about a hold, with a note.
pub(crate) async fn decide(
    State(app): State<App>,
    visit: Visit,
    Named((order_id, flag)): Named<(String, String)>,
    request: Request,
) -> Response {
    let fields = match visit.form(request).await {
        Ok(form) => Fields::sent(form),
        Err(failure) => return visit.failed(failure),
    };
    let finding = if fields.is("finding", "confirmed") { Finding::Confirmed } else { Finding::Released };
    let decided = async {
        let decision = Decision::new(&visit.caller, Some(fields.value("note").to_owned()))?;
        holds::decide(&app, &visit.caller, (&order_id, &flag), finding, &decision).await
    };
    let failure = match decided.await {
        Ok(_) => {
            let done = match finding {
                Finding::Released => Done::HoldReleased,
                Finding::Confirmed => Done::HoldConfirmed,
            };
            return done.at(PATH).into_response();
        }
        Err(failure @ (Failure::Content(_) | Failure::Conflict(..))) => failure,
        Err(failure) => return visit.failed(failure),
    };
    match hold(&app, &visit, (&order_id, &flag), fields.refuse(&failure)).await {
        Ok(page) => visit.again(&failure, &page),
        Err(failure) => visit.failed(failure),
    }
}

/// Lets a parked event take part.
pub(crate) async fn let_in(State(app): State<App>, visit: Visit, request: Request) -> Response {
    visit.lead(take_part(&app, &visit, request)).await
}

async fn take_part(app: &App, visit: &Visit, request: Request) -> Result<Redirect, Failure> {
    let fields = Fields::sent(visit.form(request).await?);
    visit.caller.require(Scope::HoldsReview)?;
    let vendor_id = fields.value("vendor_id").parse().unwrap_or_default();
    let decision = Decision::new(&visit.caller, None)?;
    events::let_in(app, &visit.caller, (vendor_id, fields.value("event_id")), &decision).await?;
    Ok(Done::EventLetIn.at(PATH))
}

impl From<HoldAnswer> for Row {
    fn from(hold: HoldAnswer) -> Self {
        let decided = hold.reviewed_by.map(|by| match &hold.note {
            Some(note) => format!("{by}: {note}"),
            None => by,
        });
        Self {
            order: format!("/orders/{}", hold.order_id),
            review: format!("{PATH}/{}/{}", hold.order_id, hold.flag),
            order_ref: hold.order_ref,
            reason: message::sentence(&hold.reason),
            vendor: hold.vendor,
            affiliate: hold.affiliate.unwrap_or_else(|| "–".to_owned()),
            raised: hold.raised_at.as_deref().and_then(Instant::said),
            commission: hold.currency.as_deref().map(|currency| Amount::new(hold.commission_minor, currency)),
            is_open: hold.state == "open",
            state: Badge::of(&hold.state),
            decided,
        }
    }
}

impl From<EventAnswer> for Parked {
    fn from(event: EventAnswer) -> Self {
        Self {
            let_in: event.vendor_id.to_string(),
            event_id: event.event_id,
            order_ref: event.order_ref,
            vendor: event.vendor,
            kind: format::word(&event.kind),
            occurred: event.occurred_at.as_deref().and_then(Instant::said),
            why: event.parked.unwrap_or_default(),
        }
    }
}
