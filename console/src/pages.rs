//! The pages: rendered here, readable without a script, a style sheet or a mouse.
//!
//! Invariant: nothing that somebody typed reaches a page unescaped; templates escape everything, and no filter in them
//! turns that off.

mod again;
pub(crate) mod demo;
pub(crate) mod docs;
mod form;
mod format;
mod link;
mod links;
mod live;
mod mails;
mod markup;
pub(crate) mod message;
mod money;
pub(crate) mod own;
mod parts;
mod people;
mod period;
mod qr;
mod shell;
mod sign_in;
mod spark;
mod splits;
mod strip;
mod toast;
mod visit;

use askama::Template;
use axum::Router;
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse as _, Response};
use axum::routing::{get, post};
use chrono::{DateTime, Utc};
use runtime::clock;

use crate::server::App;

/// The routes of the pages.
pub(crate) fn routes() -> Router<App> {
    Router::new()
        .route("/links", get(links::show))
        .route("/links/{code}", get(link::show))
        .route("/live/waiting", get(live::waiting))
        .route("/sign-in", get(sign_in::show).post(sign_in::submit))
        .route("/sign-in/again", get(again::show).post(again::submit))
        .route("/sign-out", post(sign_in::leave))
        .route("/forgot-password", get(sign_in::forgot).post(sign_in::ask))
        .route("/set-password", get(sign_in::choose).post(sign_in::set))
        .route("/verify-email", get(sign_in::offer_to_verify).post(sign_in::verify))
        .route("/mails", get(mails::list))
        .route("/mails/{name}", get(mails::one))
        .merge(people::routes())
        .merge(money::routes())
        .merge(own::routes())
}

fn render(status: StatusCode, page: &impl Template) -> Response {
    match page.render() {
        Ok(html) => (status, Html(html)).into_response(),
        Err(error) => {
            tracing::error!(%error, "a template cannot be rendered");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

fn now() -> DateTime<Utc> {
    clock::system_time().into()
}
