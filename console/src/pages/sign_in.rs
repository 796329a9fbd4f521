//! `/sign-in` and `/sign-out`, and setting a password: plain forms that work without a script.

use askama::Template;
use axum::extract::{RawQuery, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Redirect, Response};

use super::shell::Frame;
use super::visit::inside;
use super::{demo, now, render};
use crate::accounts::guests::Guest;
use crate::accounts::{Client, Credentials, credentials, sign_in};
use crate::api::given::Given;
use crate::auth::{Visitor, csrf, session};
use crate::body::{self, Form};
use crate::problem::{Failure, ForPeople};
use crate::server::App;

#[derive(Template)]
#[template(path = "sign_in.html")]
struct SignInPage {
    frame: Frame,
    problem: Option<String>,
    email: String,
    next: String,
    needs_code: bool,
    /// Whom a demo offers to be.
    guests: &'static [Guest],
}

#[derive(Template)]
#[template(path = "forgot_password.html")]
struct ForgotPage {
    frame: Frame,
    was_asked: bool,
}

#[derive(Template)]
#[template(path = "set_password.html")]
struct SetPasswordPage {
    frame: Frame,
    problem: Option<String>,
    token: String,
    is_set: bool,
}

#[derive(Template)]
#[template(path = "verify_email.html")]
struct VerifyPage {
    frame: Frame,
    problem: Option<String>,
    token: String,
    is_verified: bool,
}

/// Shows the form.
pub(crate) async fn show(RawQuery(query): RawQuery) -> Response {
    let next = query.and_then(|query| Given::read(&query).one("next")).unwrap_or_default();
    let (email, problem) = (String::new(), None);
    let page = SignInPage {
        frame: Frame::new(now()),
        problem,
        email,
        next: inside(&next),
        needs_code: false,
        guests: demo::offered(),
    };
    render(StatusCode::OK, &page)
}

/// Signs in and leads to the page that was wanted.
pub(crate) async fn submit(
    State(app): State<App>,
    client: Client,
    headers: HeaderMap,
    request: Request,
) -> Response {
    let read = async {
        csrf::check_origin(&app.front, &headers)?;
        body::form(request).await
    };
    let mut form = match read.await {
        Ok(form) => form,
        Err(failure) => return ForPeople(failure).into_response(),
    };
    let (email, next) = (form.take("email"), inside(&form.take("next")));
    let code = Some(form.take("totp")).filter(|code| !code.is_empty());
    let credentials = Credentials { email: email.clone(), password: form.take("password"), code };
    match sign_in(&app, client, &headers, credentials, now()).await {
        Ok(begun) => {
            let cookie = session::cookie(&app.front, &begun.secret);
            ([(header::SET_COOKIE, cookie)], Redirect::to(&next)).into_response()
        }
        Err(
            failure @ (Failure::SignIn | Failure::CodeNeeded | Failure::TooManyAttempts(_) | Failure::Busy),
        ) => {
            let (status, ..) = failure.kind();
            let needs_code = matches!(failure, Failure::CodeNeeded);
            let problem = Some(super::message::sentence(&failure.to_string()));
            let (frame, guests) = (Frame::new(now()), demo::offered());
            render(status, &SignInPage { frame, problem, email, next, needs_code, guests })
        }
        Err(failure) => ForPeople(failure).into_response(),
    }
}

/// Signs out and leads back to the form.
pub(crate) async fn leave(
    State(app): State<App>,
    Visitor(caller): Visitor,
    headers: HeaderMap,
    request: Request,
) -> Response {
    let outcome = async {
        body::form_of(&caller, request).await?;
        let mut conn = app.accounts.acquire().await?;
        session::end(&mut conn, &app.front, &headers).await
    };
    match outcome.await {
        Ok(()) => {
            ([(header::SET_COOKIE, session::no_cookie(&app.front))], Redirect::to("/sign-in")).into_response()
        }
        Err(failure) => ForPeople(failure).into_response(),
    }
}

/// Shows the form that asks for a mail.
pub(crate) async fn forgot() -> Response {
    render(StatusCode::OK, &ForgotPage { frame: Frame::new(now()), was_asked: false })
}

/// Sends the mail, if there is anybody to send it to.
pub(crate) async fn ask(
    State(app): State<App>,
    client: Client,
    headers: HeaderMap,
    request: Request,
) -> Response {
    let outcome = async {
        csrf::check_origin(&app.front, &headers)?;
        let mut form = body::form(request).await?;
        credentials::forgot(&app, client, &form.take("email"), now()).await
    };
    match outcome.await {
        Ok(()) => render(StatusCode::OK, &ForgotPage { frame: Frame::new(now()), was_asked: true }),
        Err(failure) => ForPeople(failure).into_response(),
    }
}

/// Shows the form for a new password. Nothing is used up by looking.
pub(crate) async fn choose(RawQuery(query): RawQuery) -> Response {
    let token = query.and_then(|query| Given::read(&query).one("token")).unwrap_or_default();
    let page = SetPasswordPage { frame: Frame::new(now()), problem: None, token, is_set: false };
    render(StatusCode::OK, &page)
}

/// Sets a new password by the token of a mail.
pub(crate) async fn set(State(app): State<App>, headers: HeaderMap, request: Request) -> Response {
    let read = async {
        csrf::check_origin(&app.front, &headers)?;
        body::form(request).await
    };
    let mut form = match read.await {
        Ok(form) => form,
        Err(failure) => return ForPeople(failure).into_response(),
    };
    let (token, password, again) = (form.take("token"), form.take("password"), form.take("again"));
    let frame = Frame::new(now());
    if password != again {
        let problem = Some("The two passwords differ.".to_owned());
        return render(
            StatusCode::UNPROCESSABLE_ENTITY,
            &SetPasswordPage { frame, problem, token, is_set: false },
        );
    }
    match credentials::reset(&app, &token, password, now()).await {
        Ok(()) => {
            let page = SetPasswordPage { frame, problem: None, token: String::new(), is_set: true };
            render(StatusCode::OK, &page)
        }
        Err(failure @ (Failure::Content(_) | Failure::Busy)) => {
            let (status, ..) = failure.kind();
            let problem = Some(super::message::sentence(&failure.to_string()));
            render(status, &SetPasswordPage { frame, problem, token, is_set: false })
        }
        Err(failure) => ForPeople(failure).into_response(),
    }
}

/// Asks whether to confirm an address: programs that look at links in mails must not do it.
pub(crate) async fn offer_to_verify(RawQuery(query): RawQuery) -> Response {
    let token = query.and_then(|query| Given::read(&query).one("token")).unwrap_or_default();
    render(StatusCode::OK, &VerifyPage { frame: Frame::new(now()), problem: None, token, is_verified: false })
}

/// Confirms an address.
pub(crate) async fn verify(State(app): State<App>, headers: HeaderMap, request: Request) -> Response {
    let outcome = async {
        csrf::check_origin(&app.front, &headers)?;
        let mut form: Form = body::form(request).await?;
        credentials::verify(&app, &form.take("token"), now()).await
    };
    let frame = Frame::new(now());
    match outcome.await {
        Ok(()) => {
            let page = VerifyPage { frame, problem: None, token: String::new(), is_verified: true };
            render(StatusCode::OK, &page)
        }
        Err(failure @ Failure::Content(_)) => {
            let (status, ..) = failure.kind();
            let problem = Some(super::message::sentence(&failure.to_string()));
            render(status, &VerifyPage { frame, problem, token: String::new(), is_verified: false })
        }
        Err(failure) => ForPeople(failure).into_response(),
    }
}
