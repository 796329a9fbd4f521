//! Somebody's visit to a page: who it is, what the address says, and when.

use askama::Template;
use axum::extract::{FromRequestParts, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::{IntoResponse as _, Redirect, Response};
use chrono::{DateTime, Utc};
use url::form_urlencoded;

use super::shell::{Frame, Place};
use super::{message, now, render};
use crate::auth::{Caller, Visitor};
use crate::body::{self, Form};
use crate::conventions::Answer;
use crate::problem::Failure;
use crate::server::App;

/// The visit of somebody who is signed in. Everybody else is led to the sign-in form and back.
#[derive(Debug, Clone)]
pub(crate) struct Visit {
    pub(crate) caller: Caller,
    /// The address after `?`.
    pub(crate) query: String,
    /// The page to come back to: the one that was asked for, or the one whose form was sent.
    pub(crate) back: String,
    pub(crate) now: DateTime<Utc>,
}

impl FromRequestParts<App> for Visit {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Response> {
        let Visitor(caller) = Visitor::from_request_parts(parts, app).await?;
        let query = parts.uri.query().unwrap_or_default().to_owned();
        let back = if parts.method.is_safe() {
            parts.uri.path_and_query().map_or("/", |here| here.as_str()).to_owned()
        } else {
            page_of(&parts.headers)
        };
        Ok(Self { caller, query, back, now: now() })
    }
}

/// The page whose form was sent, as its browser names it.
fn page_of(headers: &HeaderMap) -> String {
    let referer = headers.get(header::REFERER).and_then(|value| value.to_str().ok()?.parse::<Uri>().ok());
    let path = referer.and_then(|uri| uri.path_and_query().map(|here| here.as_str().to_owned()));
    path.unwrap_or_else(|| HOME.to_owned())
}

impl Visit {
    /// The frame of a page in this part of the console.
    pub(crate) fn frame(&self, place: Place) -> Frame {
        Frame::of(&self.caller, place, &self.query, self.now)
    }

    /// The page, or why there is none, inside the frame.
    pub(crate) fn show<'a, P: Template>(
        &'a self,
        page: impl Future<Output = Result<P, Failure>> + Send + 'a,
    ) -> Answer<'a> {
        Box::pin(async {
            match page.await {
                Ok(page) => render(StatusCode::OK, &page),
                Err(failure) => self.failed(failure),
            }
        })
    }

    /// The form again, with what is wrong in it.
    #[expect(clippy::unused_self, reason = "reads like the other ends of a visit")]
    pub(crate) fn again(&self, failure: &Failure, page: &impl Template) -> Response {
        let (status, ..) = failure.kind();
        render(status, page)
    }

    /// Where a form leads, or why it does not.
    pub(crate) fn lead<'a>(
        &'a self,
        outcome: impl Future<Output = Result<Redirect, Failure>> + Send + 'a,
    ) -> Answer<'a> {
        Box::pin(async { outcome.await.map_or_else(|failure| self.failed(failure), Redirect::into_response) })
    }

    /// Why there is no page. Who has to prove again who they are is asked to, and led back.
    #[expect(clippy::needless_pass_by_value, reason = "a failure ends here")]
    pub(crate) fn failed(&self, failure: Failure) -> Response {
        if matches!(failure, Failure::Reauthenticate) {
            return super::again::ask_first(self);
        }
        failure.log();
        let mut response = message::within(self.frame(Place::Elsewhere), &failure);
        failure.add_headers(&mut response);
        response
    }

    /// The fields of a form that one of our pages sent.
    pub(crate) async fn form(&self, request: Request) -> Result<Form, Failure> {
        body::form_of(&self.caller, request).await
    }

    /// One thing that the address says.
    pub(crate) fn asked(&self, name: &str) -> Option<String> {
        let mut pairs = form_urlencoded::parse(self.query.as_bytes());
        pairs
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.into_owned())
            .filter(|value| !value.is_empty())
    }
}

/// Where people land who did not ask for a page.
const HOME: &str = "/";

/// An address inside the console: what a form may be told to lead back to. Anything else leads home.
pub(crate) fn inside(next: &str) -> String {
    let is_path = next.starts_with('/') && !next.starts_with("//");
    let is_plain = next.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
    let is_form = ["/sign-", "/forgot-password", "/set-password"].iter().any(|own| next.starts_with(own));
    if is_path && is_plain && !is_form { next.to_owned() } else { HOME.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_led_astray() {
        assert_eq!(inside("/links/summer-1?by=hour&q=a%20b"), "/links/summer-1?by=hour&q=a%20b");
        for foreign in [
            "",
            "links",
            "//evil.example.com",
            "https://evil.example.com",
            "/\\evil.example.com",
            "/\tx",
            "/a\r\nSet-Cookie: a=b",
            "/sign-in?next=/sign-in",
        ] {
            assert_eq!(inside(foreign), HOME, "{foreign:?}");
        }
    }
}
