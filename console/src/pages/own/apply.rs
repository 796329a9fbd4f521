//! `/apply`, and `/join` with an invitation: anybody may ask to take part, without an account.

use std::future::ready;

use askama::Template;
use axum::extract::{RawQuery, Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Redirect, Response};

use super::can_be_mended;
use crate::accounts::Client;
use crate::affiliates::apply::take;
use crate::api::given::Given;
use crate::auth::csrf;
use crate::body;
use crate::pages::form::{Fields, Kind};
use crate::pages::markup::Instant;
use crate::pages::shell::Frame;
use crate::pages::{now, render};
use crate::problem::{Failure, ForPeople};
use crate::programme::invitations::accept::open;
use crate::server::App;

/// The fields of the form, as the API reads them.
const SHAPE: [(&str, Kind); 12] = [
    ("username", Kind::Text),
    ("email", Kind::Text),
    ("password", Kind::Text),
    ("invitation", Kind::Optional),
    ("name", Kind::Text),
    ("phone", Kind::Optional),
    ("country", Kind::Optional),
    ("bio", Kind::Optional),
    ("website", Kind::Optional),
    ("social_media.instagram", Kind::Optional),
    ("social_media.twitter", Kind::Optional),
    ("social_media.facebook", Kind::Optional),
];

#[derive(Template)]
#[template(path = "own/apply.html")]
struct ApplyPage {
    frame: Frame,
    fields: Fields,
    invitation: Option<Invitation>,
}

#[derive(Template)]
#[template(path = "own/applied.html")]
struct AppliedPage {
    frame: Frame,
}

/// An invitation, as whoever holds its link reads it.
struct Invitation {
    email: String,
    vendor: Option<String>,
    rate: Option<String>,
    message: String,
    until: Instant,
}

/// Shows the form.
pub(super) async fn show() -> Response {
    let page = ApplyPage { frame: Frame::new(now()), fields: Fields::new(), invitation: None };
    render(StatusCode::OK, &page)
}

/// Shows the form with what an invitation says.
pub(super) async fn join(State(app): State<App>, RawQuery(query): RawQuery) -> Response {
    let token = query.and_then(|query| Given::read(&query).one("token")).unwrap_or_default();
    match invitation(&app, &token).await {
        Ok(invitation) => {
            let fields = Fields::new().with("email", &invitation.email).with("invitation", token);
            let page = ApplyPage { frame: Frame::new(now()), fields, invitation: Some(invitation) };
            render(StatusCode::OK, &page)
        }
        Err(failure) => ForPeople(failure).into_response(),
    }
}

/// Takes the application in, and leads to what happens next. That page is the same for an address that is known already.
pub(super) async fn submit(
    State(app): State<App>,
    client: Client,
    headers: HeaderMap,
    request: Request,
) -> Response {
    let read = async {
        csrf::check_origin(&app.front, &headers)?;
        body::form(request).await
    };
    let fields = match read.await {
        Ok(form) => Fields::sent(form),
        Err(failure) => return ForPeople(failure).into_response(),
    };
    let entered = take(&app, client, ready(fields.read(&SHAPE)));
    match entered.await {
        Ok(_) => Redirect::to("/apply/sent").into_response(),
        Err(failure) if can_be_mended(&failure) => refused(&app, fields, &failure).await,
        Err(failure) => ForPeople(failure).into_response(),
    }
}

/// What happens next.
pub(super) async fn sent() -> Response {
    render(StatusCode::OK, &AppliedPage { frame: Frame::new(now()) })
}

/// The form again, without the password: no page holds one.
async fn refused(app: &App, fields: Fields, failure: &Failure) -> Response {
    let token = fields.value("invitation").to_owned();
    let invitation = if token.is_empty() { None } else { invitation(app, &token).await.ok() };
    // An invitation that does not work any more need not be in the way of applying without it.
    let fields = if invitation.is_some() { fields } else { fields.with("invitation", "") };
    let fields = fields.refuse(failure).with("password", "");
    let (status, ..) = failure.kind();
    render(status, &ApplyPage { frame: Frame::new(now()), fields, invitation })
}

async fn invitation(app: &App, token: &str) -> Result<Invitation, Failure> {
    let opened = open(app, token).await?;
    Ok(Invitation {
        email: opened.email,
        vendor: opened.vendor_name,
        rate: opened.commission_rate,
        message: opened.message,
        until: Instant(opened.expires_at),
    })
}
