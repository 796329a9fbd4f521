//! `/team`: who may sign in, as what, and who may no longer.

use askama::Template;
use axum::extract::{Request, State};
use axum::response::{IntoResponse as _, Redirect, Response};

use super::choices::{self, Choice};
use super::look::{Look, Tab, back, time};
use crate::accounts::account::Filter;
use crate::accounts::manage::{self, AccountAnswer, Change, Wanted};
use crate::auth::{Scope, Via};
use crate::conventions::{Asked as _, IfMatch, Named, Page};
use crate::pages::form::{Fields, Kind};
use crate::pages::mails;
use crate::pages::markup::{Ago, Badge};
use crate::pages::shell::{Frame, Place};
use crate::pages::toast::Done;
use crate::pages::visit::Visit;
use crate::problem::Failure;
use crate::server::App;

const PATH: &str = "/team";

/// The roles with their words. The first three are an operator's.
const ROLES: [(&str, &str); 5] = [
    ("admin", "Administrator"),
    ("reviewer", "Reviewer"),
    ("finance", "Finance"),
    ("vendor", "Vendor"),
    ("affiliate", "Affiliate"),
];

/// The fields of a new account.
const NEW: [(&str, Kind); 5] = [
    ("email", Kind::Text),
    ("name", Kind::Text),
    ("role", Kind::Text),
    ("vendor", Kind::Optional),
    ("affiliate", Kind::Optional),
];

/// The fields of a change.
const CHANGED: [(&str, Kind); 2] = [("name", Kind::Text), ("role", Kind::Optional)];

#[derive(Template)]
#[template(path = "people/team.html")]
struct TeamPage {
    frame: Frame,
    roles: Vec<Tab>,
    standings: Vec<Tab>,
    email: String,
    hidden: Vec<(String, String)>,
    /// Whether mails are to be read here.
    has_mails: bool,
    rows: Vec<Row>,
    first: Option<String>,
    next: Option<String>,
}

struct Row {
    id: String,
    name: String,
    email: String,
    role: &'static str,
    standing: Badge,
    password: &'static str,
    second_factor: &'static str,
    since: Option<Ago>,
    is_disabled: bool,
    is_me: bool,
}

impl Row {
    fn new(account: AccountAnswer, visit: &Visit) -> Self {
        let role = ROLES.iter().find(|(name, _)| *name == account.role);
        let me =
            matches!(&visit.caller.via, Via::Session { account_id, .. } if *account_id == account.account_id);
        Self {
            role: role.map_or("Unknown", |(_, words)| words),
            standing: Badge::of(if account.is_disabled { "disabled" } else { "active" }),
            since: time(&account.created_at).map(|at| Ago::new(at, visit.now)),
            is_me: me,
            is_disabled: account.is_disabled,
            password: if account.has_password { "chosen" } else { "not yet" },
            second_factor: if account.has_totp { "on" } else { "off" },
            id: account.account_id,
            name: account.name,
            email: account.email,
        }
    }
}

#[derive(Template)]
#[template(path = "people/account.html")]
struct AccountPage {
    frame: Frame,
    /// The account that is changed; empty for a new one.
    id: String,
    /// Of an operator one may become another; empty where the role stays.
    roles: Vec<(&'static str, &'static str)>,
    /// Whom a new account may act for.
    vendors: Vec<Choice>,
    fields: Fields,
}

/// Answers `/team`.
pub(super) async fn list(State(app): State<App>, visit: Visit) -> Response {
    visit.show(page(&app, &visit)).await
}

async fn page(app: &App, visit: &Visit) -> Result<TeamPage, Failure> {
    let look = Look::read(PATH, &visit.query, &["role", "disabled", "email"]);
    let asked = <(Filter, Page)>::read(&look.query())?;
    let listed = manage::page(app, &visit.caller, &asked).await?;
    let roles = [("", "Everybody")].into_iter().chain(ROLES);
    Ok(TeamPage {
        frame: visit.frame(Place::Team),
        roles: look.tabs("role", roles.map(|(value, label)| (value, label, None))),
        standings: look
            .tabs("disabled", [("", "Any", None), ("false", "Active", None), ("true", "Disabled", None)]),
        email: look.value("email").to_owned(),
        hidden: look.hidden("email"),
        has_mails: mails::are_kept_for(app, &visit.caller),
        first: look.first(),
        next: look.next(listed.next_cursor.as_ref()),
        rows: listed.data.into_iter().map(|row| Row::new(row, visit)).collect(),
    })
}

/// Answers `/team/new`.
pub(super) async fn new(State(app): State<App>, visit: Visit) -> Response {
    visit.show(form(&app, &visit, "", ROLES.to_vec(), Fields::new().with("role", "reviewer"))).await
}

async fn form(
    app: &App,
    visit: &Visit,
    id: &str,
    roles: Vec<(&'static str, &'static str)>,
    fields: Fields,
) -> Result<AccountPage, Failure> {
    visit.caller.require_operator()?;
    visit.caller.require(Scope::AccountsWrite)?;
    let vendors = match id {
        "" => choices::vendors(app, visit, "No vendor", fields.value("vendor")).await?,
        _ => Vec::new(),
    };
    Ok(AccountPage { frame: visit.frame(Place::Team), id: id.to_owned(), roles, vendors, fields })
}

/// Answers `/team/{id}`.
pub(super) async fn edit(State(app): State<App>, visit: Visit, Named(id): Named) -> Response {
    let page = async {
        let account = manage::shown(&app, &visit.caller, &id).await?;
        let roles = roles_from(&account.role);
        let fields = Fields::new()
            .with("name", account.name)
            .with("role", if roles.is_empty() { String::new() } else { account.role })
            .with("version", account.row_version.to_string());
        form(&app, &visit, &id, roles, fields).await
    };
    visit.show(page).await
}

/// What somebody in this role may become.
fn roles_from(role: &str) -> Vec<(&'static str, &'static str)> {
    let operators = &ROLES[..3];
    if operators.iter().any(|(name, _)| *name == role) { operators.to_vec() } else { Vec::new() }
}

/// Makes an account.
pub(super) async fn make(State(app): State<App>, visit: Visit, request: Request) -> Response {
    let fields = match visit.form(request).await {
        Ok(form) => Fields::sent(form),
        Err(failure) => return visit.failed(failure),
    };
    let made = async {
        manage::make(&app, &visit.caller, fields.read::<Wanted>(&NEW)?).await?;
        Ok::<Redirect, Failure>(Done::AccountInvited.at(PATH))
    };
    finish(&app, &visit, "", ROLES.to_vec(), made.await, fields).await
}

/// Changes an account.
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
    let roles = roles_from(fields.value("role"));
    let changed = async {
        let (change, if_match) = (fields.read::<Change>(&CHANGED)?, IfMatch::only(fields.value("version")));
        manage::amend(&app, &visit.caller, &if_match, &id, change).await?;
        Ok::<Redirect, Failure>(Done::Saved.at(PATH))
    };
    finish(&app, &visit, &id, roles, changed.await, fields).await
}

async fn finish(
    app: &App,
    visit: &Visit,
    id: &str,
    roles: Vec<(&'static str, &'static str)>,
    outcome: Result<Redirect, Failure>,
    fields: Fields,
) -> Response {
    match outcome {
        Ok(done) => done.into_response(),
        Err(failure @ (Failure::Content(_) | Failure::Conflict(..))) => {
            match form(app, visit, id, roles, fields.refuse(&failure)).await {
                Ok(page) => visit.again(&failure, &page),
                Err(failure) => visit.failed(failure),
            }
        }
        Err(failure) => visit.failed(failure),
    }
}

/// Lets somebody in no longer.
pub(super) async fn disable(
    State(app): State<App>,
    visit: Visit,
    Named(id): Named,
    request: Request,
) -> Response {
    let disabled = async {
        visit.form(request).await?;
        manage::disabled(&app, &visit.caller, &IfMatch::any(), &id).await?;
        Ok(Done::AccountDisabled.to(&id, &back(&visit, PATH)))
    };
    visit.lead(disabled).await
}

/// Lets somebody in again.
pub(super) async fn enable(
    State(app): State<App>,
    visit: Visit,
    Named(id): Named,
    request: Request,
) -> Response {
    let enabled = async {
        visit.form(request).await?;
        manage::enabled(&app, &visit.caller, &IfMatch::any(), &id).await?;
        Ok(Done::AccountEnabled.to(&id, &back(&visit, PATH)))
    };
    visit.lead(enabled).await
}

/// Takes password and second factor away, and mails a link to begin anew.
pub(super) async fn reset(
    State(app): State<App>,
    visit: Visit,
    Named(id): Named,
    request: Request,
) -> Response {
    let begun = async {
        visit.form(request).await?;
        manage::begun_anew(&app, &visit.caller, &IfMatch::any(), &id).await?;
        Ok(Done::AccountReset.at(&back(&visit, PATH)))
    };
    visit.lead(begun).await
}
