//! What is done to one link: `/links/{code}/edit`, and switching it off and on again.

use askama::Template;
use axum::extract::{Request, State};
use axum::response::{IntoResponse as _, Redirect, Response};

use super::can_be_mended;
use super::link_new::last_second;
use crate::conventions::{IfMatch, Named};
use crate::pages::form::{Fields, Kind};
use crate::pages::shell::{Frame, Place};
use crate::pages::toast::Done;
use crate::pages::visit::Visit;
use crate::problem::Failure;
use crate::programme::links::{self, Change};
use crate::programme::vendors::Switch;
use crate::server::App;

/// The fields as the API reads them.
const SHAPE: [(&str, Kind); 2] = [("destination", Kind::Optional), ("expiry_date", Kind::Nullable)];

#[derive(Template)]
#[template(path = "own/link_edit.html")]
struct EditPage {
    frame: Frame,
    fields: Fields,
    code: String,
    destination: String,
    /// An affiliate makes a new link instead.
    may_redirect: bool,
}

/// Shows the form.
pub(super) async fn show(State(app): State<App>, visit: Visit, Named(code): Named) -> Response {
    visit.show(page(&app, &visit, &code, None)).await
}

/// Changes the link.
pub(super) async fn submit(
    State(app): State<App>,
    visit: Visit,
    Named(code): Named,
    request: Request,
) -> Response {
    let fields = match visit.form(request).await {
        Ok(form) => Fields::sent(form),
        Err(failure) => return visit.failed(failure),
    };
    let changed = async {
        let day = last_second(fields.value("expiry_date"));
        let sent = Fields::new().with("destination", fields.value("destination")).with("expiry_date", day);
        let change: Change = sent.read(&SHAPE)?;
        links::amend(&app, &visit.caller, &IfMatch::any(), &code, change).await
    };
    match changed.await {
        Ok(link) => Done::Saved.at(&format!("/links/{}", link.row.code)).into_response(),
        Err(failure) if can_be_mended(&failure) => {
            match page(&app, &visit, &code, Some(fields.refuse(&failure))).await {
                Ok(page) => visit.again(&failure, &page),
                Err(failure) => visit.failed(failure),
            }
        }
        Err(failure) => visit.failed(failure),
    }
}

/// Switches the link on.
pub(super) async fn activate(
    State(app): State<App>,
    visit: Visit,
    Named(code): Named,
    request: Request,
) -> Response {
    visit.lead(switched(&app, &visit, &code, request, Switch::On)).await
}

/// Switches the link off.
pub(super) async fn deactivate(
    State(app): State<App>,
    visit: Visit,
    Named(code): Named,
    request: Request,
) -> Response {
    visit.lead(switched(&app, &visit, &code, request, Switch::Off)).await
}

async fn switched(
    app: &App,
    visit: &Visit,
    code: &str,
    request: Request,
    to: Switch,
) -> Result<Redirect, Failure> {
    visit.form(request).await?;
    let done = match to {
        Switch::On => Done::LinkActivated,
        Switch::Off => Done::LinkPaused,
    };
    let link = links::switch(app, &visit.caller, &IfMatch::any(), code, to).await?;
    Ok(done.to(&link.row.code, &format!("/links/{}", link.row.code)))
}

async fn page(app: &App, visit: &Visit, code: &str, typed: Option<Fields>) -> Result<EditPage, Failure> {
    let row = links::shown(app, &visit.caller, code).await?.row;
    let stored = || {
        let day = row.expiry_date.map(|at| at.date_naive().to_string()).unwrap_or_default();
        Fields::new().with("destination", &row.destination).with("expiry_date", day)
    };
    Ok(EditPage {
        frame: visit.frame(Place::Links),
        fields: typed.unwrap_or_else(stored),
        may_redirect: !visit.caller.is_affiliate(),
        code: row.code,
        destination: row.destination,
    })
}
