//! `/sign-in/again`: the password once more, before money moves or bank data changes. Leads back to where it was asked for.

use askama::Template;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Redirect, Response};

use super::shell::{Frame, Place};
use super::visit::{Visit, inside};
use super::{message, render};
use crate::accounts;
use crate::problem::Failure;
use crate::server::App;

#[derive(Template)]
#[template(path = "again.html")]
struct AgainPage {
    frame: Frame,
    problem: Option<String>,
    next: String,
}

/// The form, in place of a page that takes a fresh password.
pub(super) fn ask_first(visit: &Visit) -> Response {
    let page = AgainPage { frame: visit.frame(Place::Elsewhere), problem: None, next: inside(&visit.back) };
    render(StatusCode::FORBIDDEN, &page)
}

/// Shows the form.
pub(crate) async fn show(visit: Visit) -> Response {
    let next = inside(&visit.asked("next").unwrap_or_default());
    render(StatusCode::OK, &AgainPage { frame: visit.frame(Place::Elsewhere), problem: None, next })
}

/// Checks the password and leads back.
pub(crate) async fn submit(State(app): State<App>, visit: Visit, request: Request) -> Response {
    let mut form = match visit.form(request).await {
        Ok(form) => form,
        Err(failure) => return visit.failed(failure),
    };
    let next = inside(&form.take("next"));
    let code = Some(form.take("totp")).filter(|code| !code.is_empty());
    match accounts::prove_again(&app, &visit.caller, form.take("password"), code.as_deref(), visit.now).await
    {
        Ok(()) => Redirect::to(&next).into_response(),
        Err(
            failure @ (Failure::SignIn | Failure::CodeNeeded | Failure::TooManyAttempts(_) | Failure::Busy),
        ) => {
            let problem = Some(message::sentence(&failure.to_string()));
            visit.again(&failure, &AgainPage { frame: visit.frame(Place::Elsewhere), problem, next })
        }
        Err(failure) => visit.failed(failure),
    }
}
