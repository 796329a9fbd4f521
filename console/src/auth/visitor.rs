//! Readers of pages and of open reports: callers for whom a missing sign-in has another answer.

use axum::extract::FromRequestParts;
use axum::http::header;
use axum::http::request::Parts;
use axum::response::{IntoResponse as _, Redirect, Response};
use url::form_urlencoded;

use super::{Caller, Scope, Tenant, Via, csrf, of_program, session};
use crate::problem::ForPeople;
use crate::problem::ForPrograms;
use crate::server::App;

/// Somebody who looks at pages. Who has not signed in is asked to, and led back.
///
/// The token of a form is in its body: read it with [`crate::body::form`], which refuses a form without it.
#[derive(Clone, Debug)]
pub struct Visitor(pub Caller);

impl FromRequestParts<App> for Visitor {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Response> {
        match session::caller(app, &parts.headers).await {
            Err(failure) => Err(ForPeople(failure).into_response()),
            Ok(None) => Err(to_sign_in(parts)),
            Ok(Some(caller)) if parts.method.is_safe() => Ok(Self(caller)),
            Ok(Some(caller)) => match csrf::check_origin(&app.front, &parts.headers) {
                Ok(()) => Ok(Self(caller)),
                Err(failure) => Err(ForPeople(failure).into_response()),
            },
        }
    }
}

fn to_sign_in(parts: &Parts) -> Response {
    let wanted = parts.uri.path_and_query().map_or("/", |wanted| wanted.as_str());
    // What was typed into a form is lost either way; leading back to its address would only be refused.
    if !parts.method.is_safe() || wanted == "/" {
        return Redirect::to("/sign-in").into_response();
    }
    let next: String = form_urlencoded::byte_serialize(wanted.as_bytes()).collect();
    Redirect::to(&format!("/sign-in?next={next}")).into_response()
}

/// Somebody who reads `/v1/reports`: a caller like any other, or, where reports are open, anybody on this machine.
#[derive(Clone, Debug)]
pub struct Reader(pub Caller);

impl FromRequestParts<App> for Reader {
    type Rejection = ForPrograms;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ForPrograms> {
        let has_key = parts.headers.contains_key(header::AUTHORIZATION);
        if app.front.has_open_reports() && !has_key {
            let signed_in = session::caller(app, &parts.headers).await.map_err(ForPrograms)?;
            return Ok(Self(signed_in.unwrap_or_else(anybody)));
        }
        of_program(parts, app).await.map(Self).map_err(ForPrograms)
    }
}

fn anybody() -> Caller {
    Caller {
        name: "anybody on this machine".to_owned(),
        via: Via::Nothing,
        tenant: Tenant::Programme,
        scopes: vec![Scope::ReportsRead],
    }
}
