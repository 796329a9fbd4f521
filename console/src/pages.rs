//! The pages: rendered here, readable without a script, a style sheet or a mouse.
//!
//! Invariant: nothing that somebody typed reaches a page unescaped; templates escape everything, and no filter in them
//! turns that off.

mod chart;
pub mod docs;
mod format;
pub mod link;
pub mod links;
pub mod mails;
pub mod message;
mod parts;
mod period;
pub mod sign_in;
mod strip;

use askama::Template;
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse as _, Redirect, Response};
use chrono::{DateTime, Utc};
use runtime::clock;

use crate::assets;
use crate::auth::{Caller, Via};
use crate::problem::{Failure, ForPeople};

/// The front door leads to the report on links.
pub async fn home() -> Redirect {
    Redirect::temporary("/links")
}

/// What the frame around every page shows.
struct Frame {
    style: String,
    icon: String,
    /// The instant the page was made, `20 Nov 2026, 14:10 UTC`.
    made_at: String,
    /// Who is signed in.
    visitor: Option<Signed>,
}

/// Somebody who is signed in, as every page shows them.
struct Signed {
    name: String,
    /// What their forms send along.
    csrf: String,
}

impl Frame {
    /// The frame of somebody's page.
    fn of(now: DateTime<Utc>, caller: &Caller) -> Self {
        let visitor = match &caller.via {
            Via::Session { csrf, .. } => Some(Signed { name: caller.name.clone(), csrf: csrf.clone() }),
            Via::Key(_) | Via::Nothing => None,
        };
        Self { visitor, ..Self::new(now) }
    }

    fn new(now: DateTime<Utc>) -> Self {
        Self {
            style: assets::style_address(),
            icon: assets::icon_address(),
            made_at: now.format("%-d %b %Y, %H:%M UTC").to_string(),
            visitor: None,
        }
    }
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

fn show(page: Result<impl Template, Failure>) -> Response {
    match page {
        Ok(page) => render(StatusCode::OK, &page),
        Err(failure) => ForPeople(failure).into_response(),
    }
}

fn now() -> DateTime<Utc> {
    clock::system_time().into()
}
