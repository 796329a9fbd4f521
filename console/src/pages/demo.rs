//! What pages have more where the console shows a demo: a line that says so, and buttons to sign in as its people.
//!
//! Invariant: without `--demo` there is no such line, no button and no address behind it.

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Redirect, Response};
use axum::routing::post;

use super::now;
use super::visit::inside;
use crate::accounts::guests::{GUESTS, Guest, sign_in_as};
use crate::auth::{csrf, session};
use crate::body;
use crate::front::Guests;
use crate::problem::{Failure, ForPeople};
use crate::server::App;

/// What every page of a demo says.
const BANNER: &str = "Demo programme: made-up people, made-up money";

tokio::task_local! {
    /// Whether the request that is being answered came to a demo.
    static GUESTS_OF_REQUEST: Guests;
}

/// Remembers for the frame and the form, which are made deep inside, what this console is.
pub(crate) async fn around(State(guests): State<Guests>, request: Request, next: Next) -> Response {
    GUESTS_OF_REQUEST.scope(guests, next.run(request)).await
}

/// The line for the page that is being made, if it is a demo's.
pub(super) fn banner() -> Option<&'static str> {
    is_demo().then_some(BANNER)
}

/// Whom the sign-in form offers to be.
pub(super) fn offered() -> &'static [Guest] {
    if is_demo() { &GUESTS } else { &[] }
}

fn is_demo() -> bool {
    GUESTS_OF_REQUEST.try_with(|guests| *guests == Guests::Welcome).unwrap_or(false)
}

/// Where the buttons lead; nowhere unless it is a demo.
pub(crate) fn routes(guests: Guests) -> Router<App> {
    match guests {
        Guests::Welcome => Router::new().route("/sign-in/demo", post(enter)),
        Guests::Unknown => Router::new(),
    }
}

/// Signs in as one of the demo's people.
async fn enter(State(app): State<App>, headers: HeaderMap, request: Request) -> Response {
    let begun = async {
        csrf::check_origin(&app.front, &headers)?;
        let mut form = body::form(request).await?;
        let begun = sign_in_as(&app, &headers, &form.take("as"), now()).await?;
        Ok::<_, Failure>((begun, inside(&form.take("next"))))
    };
    match begun.await {
        Ok((begun, next)) => {
            let cookie = session::cookie(&app.front, &begun.secret);
            ([(header::SET_COOKIE, cookie)], Redirect::to(&next)).into_response()
        }
        Err(failure) => ForPeople(failure).into_response(),
    }
}
