//! `/invitations`: who was asked to join, what became of it, and asking several people at once.

use askama::Template;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::Response;

use super::choices::{self, Choice};
use super::look::{Look, Tab, back};
use crate::auth::{Scope, Tenant};
use crate::conventions::{Asked as _, IfMatch, Named};
use crate::pages::form::{Fields, Kind};
use crate::pages::markup::{Ago, Badge, Instant};
use crate::pages::shell::{Frame, Place};
use crate::pages::toast::Done;
use crate::pages::visit::Visit;
use crate::pages::{mails, render};
use crate::problem::Failure;
use crate::programme::invitations::send::{self, Outcome, Wanted};
use crate::programme::invitations::{self, Filter, Invitation};
use crate::server::App;

const PATH: &str = "/invitations";

/// The fields of an invitation, as the API reads them.
const SHAPE: [(&str, Kind); 4] = [
    ("emails", Kind::Words),
    ("vendor_id", Kind::Optional),
    ("rate", Kind::Optional),
    ("message", Kind::Text),
];

#[derive(Template)]
#[template(path = "people/invitations.html")]
struct InvitationsPage {
    frame: Frame,
    statuses: Vec<Tab>,
    email: String,
    hidden: Vec<(String, String)>,
    /// Whether mails are to be read here.
    has_mails: bool,
    rows: Vec<Row>,
    may_write: bool,
    is_narrowed: bool,
    first: Option<String>,
    next: Option<String>,
}

struct Row {
    id: String,
    email: String,
    whose: String,
    rate: Option<String>,
    status: Badge,
    sent: Ago,
    expires: Instant,
    invited_by: String,
    affiliate: Option<String>,
    is_open: bool,
}

impl Row {
    fn new(invitation: Invitation, visit: &Visit) -> Self {
        Self {
            status: Badge::of(&invitation.status),
            is_open: matches!(invitation.status.as_str(), "sent" | "opened" | "expired"),
            sent: Ago::new(invitation.sent_at, visit.now),
            expires: Instant(invitation.expires_at),
            id: invitation.invitation_id,
            email: invitation.email,
            whose: invitation.vendor_name.unwrap_or_else(|| "the programme".to_owned()),
            rate: invitation.commission_rate,
            invited_by: invitation.invited_by.split(" <").next().unwrap_or_default().to_owned(),
            affiliate: invitation.affiliate_id,
        }
    }
}

#[derive(Template)]
#[template(path = "people/invite.html")]
struct InvitePage {
    frame: Frame,
    fields: Fields,
    /// Empty for a vendor, who invites for itself.
    vendors: Vec<Choice>,
}

#[derive(Template)]
#[template(path = "people/invited.html")]
struct InvitedPage {
    frame: Frame,
    sent: usize,
    /// The address, and what became of it.
    rows: Vec<(String, Badge, &'static str)>,
}

/// Answers `/invitations`.
pub(super) async fn show(State(app): State<App>, visit: Visit) -> Response {
    visit.show(page(&app, &visit)).await
}

async fn page(app: &App, visit: &Visit) -> Result<InvitationsPage, Failure> {
    let look = Look::read(PATH, &visit.query, &["status", "email"]);
    let listed = invitations::page(app, &visit.caller, &Filter::read(&look.query())?).await?;
    let choices = [
        ("", "All"),
        ("sent", "Sent"),
        ("opened", "Opened"),
        ("accepted", "Accepted"),
        ("expired", "Expired"),
        ("revoked", "Revoked"),
    ];
    Ok(InvitationsPage {
        frame: visit.frame(Place::Invitations),
        statuses: look.tabs("status", choices.map(|(value, label)| (value, label, None))),
        email: look.value("email").to_owned(),
        hidden: look.hidden("email"),
        has_mails: mails::are_kept_for(app, &visit.caller),
        may_write: visit.caller.require(Scope::ProgrammeWrite).is_ok(),
        is_narrowed: look.is_narrowed(&["status", "email"]),
        first: look.first(),
        next: look.next(listed.next_cursor.as_ref()),
        rows: listed.data.into_iter().map(|row| Row::new(row, visit)).collect(),
    })
}

/// Answers `/invitations/new`.
pub(super) async fn ask(State(app): State<App>, visit: Visit) -> Response {
    let fields = Fields::new().with("vendor_id", visit.asked("vendor").unwrap_or_default());
    visit.show(form(&app, &visit, fields)).await
}

async fn form(app: &App, visit: &Visit, fields: Fields) -> Result<InvitePage, Failure> {
    visit.caller.require(Scope::ProgrammeWrite)?;
    visit.caller.require_shop_side()?;
    let vendors = match visit.caller.tenant {
        Tenant::Vendor(_) => Vec::new(),
        _ => {
            choices::vendors(app, visit, "None: the programme as a whole", fields.value("vendor_id")).await?
        }
    };
    Ok(InvitePage { frame: visit.frame(Place::Invitations), fields, vendors })
}

/// Invites, and says what became of each address.
pub(super) async fn send(State(app): State<App>, visit: Visit, request: Request) -> Response {
    let fields = match visit.form(request).await {
        Ok(form) => Fields::sent(form),
        Err(failure) => return visit.failed(failure),
    };
    let sent = async { send::all(&app, &visit.caller, fields.read::<Wanted>(&SHAPE)?).await };
    match sent.await {
        Ok(outcomes) => {
            let frame = visit.frame(Place::Invitations);
            let rows = outcomes.data.into_iter().map(told).collect();
            render(StatusCode::OK, &InvitedPage { frame, sent: outcomes.sent, rows })
        }
        Err(failure @ (Failure::Content(_) | Failure::Conflict(..))) => {
            let fields = fields.refuse(&failure);
            match form(&app, &visit, fields).await {
                Ok(page) => visit.again(&failure, &page),
                Err(failure) => visit.failed(failure),
            }
        }
        Err(failure) => visit.failed(failure),
    }
}

fn told(outcome: Outcome) -> (String, Badge, &'static str) {
    let (badge, words) = match outcome.outcome {
        "sent" => (Badge::of("sent"), "a link is on its way by mail"),
        "invalid_email" => (Badge { word: "Not sent", class: "bad" }, "this is no mail address"),
        "repeated" => (Badge { word: "Left out", class: "off" }, "it stands in the list twice"),
        "already_invited" => {
            (Badge { word: "Not sent", class: "off" }, "an invitation that still works was sent before")
        }
        _ => (Badge { word: "Not sent", class: "off" }, "somebody with this address takes part already"),
    };
    (outcome.email, badge, words)
}

/// Sends an invitation again.
pub(super) async fn resend(
    State(app): State<App>,
    visit: Visit,
    Named(id): Named,
    request: Request,
) -> Response {
    let sent = async {
        visit.form(request).await?;
        invitations::sent_again(&app, &visit.caller, &IfMatch::any(), &id).await?;
        Ok(Done::InvitationSent.at(&back(&visit, PATH)))
    };
    visit.lead(sent).await
}

/// Makes its link worthless.
pub(super) async fn revoke(
    State(app): State<App>,
    visit: Visit,
    Named(id): Named,
    request: Request,
) -> Response {
    let revoked = async {
        visit.form(request).await?;
        invitations::revoked(&app, &visit.caller, &IfMatch::any(), &id).await?;
        Ok(Done::InvitationRevoked.at(&back(&visit, PATH)))
    };
    visit.lead(revoked).await
}
