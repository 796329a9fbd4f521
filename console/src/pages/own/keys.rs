//! `/keys`: what programs call with. A key is shown once, on the answer to the form that makes it.

use askama::Template;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::Response;

use super::can_be_mended;
use crate::accounts::keys_api::{self as keys, KeyAnswer};
use crate::auth::Scope;
use crate::conventions::{Named, Page};
use crate::pages::form::{Fields, Kind};
use crate::pages::markup::{Badge, Day};
use crate::pages::people::choices;
use crate::pages::render;
use crate::pages::shell::{Frame, Place};
use crate::pages::toast::Done;
use crate::pages::visit::Visit;
use crate::problem::Failure;
use crate::server::App;

/// Where the list is.
const PATH: &str = "/keys";

/// Characters of the day that a time of the API begins with.
const DATE: usize = 10;

/// The fields of the form, as the API reads them.
const SHAPE: [(&str, Kind); 3] = [("name", Kind::Text), ("vendor", Kind::Optional), ("scopes", Kind::Words)];

#[derive(Template)]
#[template(path = "own/keys.html")]
struct KeysPage {
    frame: Frame,
    fields: Fields,
    scopes: Vec<Choice>,
    /// Whose rows alone a key may see.
    vendors: Vec<(String, String)>,
    rows: Vec<Row>,
    first: Option<String>,
    next: Option<String>,
    /// A key that was just made.
    made: Option<Made>,
}

/// A scope that may be given to a key: the box, and whether it is ticked.
struct Choice {
    field: String,
    name: &'static str,
    words: &'static str,
    is_ticked: bool,
}

struct Made {
    name: String,
    key: String,
}

struct Row {
    id: String,
    name: String,
    vendor: Option<String>,
    scopes: String,
    made: Option<Day>,
    state: Badge,
    is_revoked: bool,
}

/// Shows them.
pub(super) async fn show(State(app): State<App>, visit: Visit) -> Response {
    visit.show(page(&app, &visit, Fields::new(), None)).await
}

/// Makes one, and shows it once.
pub(super) async fn make(State(app): State<App>, visit: Visit, request: Request) -> Response {
    let fields = match visit.form(request).await {
        Ok(form) => ticked(Fields::sent(form)),
        Err(failure) => return visit.failed(failure),
    };
    let made = async { keys::make(&app, &visit.caller, fields.read(&SHAPE)?).await };
    match made.await {
        Ok(key) => {
            let made = Made { name: key.name, key: key.key.unwrap_or_default() };
            match page(&app, &visit, Fields::new(), Some(made)).await {
                Ok(page) => render(StatusCode::CREATED, &page),
                Err(failure) => visit.failed(failure),
            }
        }
        Err(failure) if can_be_mended(&failure) => {
            match page(&app, &visit, fields.refuse(&failure), None).await {
                Ok(page) => visit.again(&failure, &page),
                Err(failure) => visit.failed(failure),
            }
        }
        Err(failure) => visit.failed(failure),
    }
}

/// Ends one.
pub(super) async fn revoke(
    State(app): State<App>,
    visit: Visit,
    Named(id): Named,
    request: Request,
) -> Response {
    let revoked = async {
        visit.form(request).await?;
        keys::revoked(&app, &visit.caller, &id).await?;
        Ok(Done::KeyRevoked.at(PATH))
    };
    visit.lead(revoked).await
}

/// The boxes as the one field that the API reads.
fn ticked(fields: Fields) -> Fields {
    let names = Scope::ALL.map(Scope::name);
    let chosen: Vec<&str> =
        names.into_iter().filter(|name| !fields.value(&format!("scope-{name}")).is_empty()).collect();
    let chosen = chosen.join(" ");
    fields.with("scopes", chosen)
}

async fn page(app: &App, visit: &Visit, fields: Fields, made: Option<Made>) -> Result<KeysPage, Failure> {
    let after = visit.asked("after");
    let list = keys::page(app, &visit.caller, &Page { after: after.clone(), ..Page::default() }).await?;
    let mine = Scope::ALL.into_iter().filter(|scope| visit.caller.scopes.contains(scope));
    let scopes = mine
        .map(|scope| Choice {
            field: format!("scope-{scope}"),
            name: scope.name(),
            words: words(scope),
            is_ticked: fields.value("scopes").split(' ').any(|name| name == scope.name()),
        })
        .collect();
    let vendors = choices::vendors(app, visit, "The whole programme", fields.value("vendor")).await?;
    Ok(KeysPage {
        frame: visit.frame(Place::Keys),
        fields,
        scopes,
        vendors,
        rows: list.data.into_iter().map(Row::from).collect(),
        first: after.map(|_| PATH.to_owned()),
        next: list.next_cursor.map(|last| format!("{PATH}?after={last}")),
        made,
    })
}

impl From<KeyAnswer> for Row {
    fn from(key: KeyAnswer) -> Self {
        let is_revoked = key.revoked_at.is_some();
        Self {
            id: key.api_key_id,
            name: key.name,
            vendor: key.vendor,
            scopes: key.scopes.join(", "),
            made: key.created_at.get(..DATE).and_then(|day| Some(Day(day.parse().ok()?))),
            state: Badge::of(if is_revoked { "revoked" } else { "active" }),
            is_revoked,
        }
    }
}

/// What a scope lets a program do.
fn words(scope: Scope) -> &'static str {
    match scope {
        Scope::OrdersWrite => "Report orders",
        Scope::ReportsRead => "Read reports, orders, payouts and statements",
        Scope::HoldsReview => "Decide about commissions on hold",
        Scope::PayoutsWrite => "Ask for payouts",
        Scope::PayoutsApprove => "Approve payouts that somebody else asked for",
        Scope::AffiliatesRead => "See affiliates and their profiles",
        Scope::AffiliatesWrite => "Change affiliates",
        Scope::AffiliatesReview => "Decide about applications and documents",
        Scope::ProgrammeRead => "See vendors, products, partnerships, links",
        Scope::ProgrammeWrite => "Change them",
        Scope::AccountsWrite => "Manage accounts and keys",
        Scope::WebhooksWrite => "Manage webhooks",
        Scope::AuditRead => "Read who did what",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticked_boxes_become_the_apis_list() {
        let fields = Fields::new().with("scope-orders:write", "on").with("scope-nonsense", "on");
        let fields = ticked(fields.with("scope-audit:read", "on"));
        assert_eq!(fields.value("scopes"), "orders:write audit:read");
    }
}
