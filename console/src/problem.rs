//! What can go wrong while answering, and the one place that turns it into an answer: problem details (RFC 9457) for
//! programs, a page in plain words for people. Neither ever shows a cause from inside.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use thiserror::Error;

use crate::pages;

/// Seconds after which asking again is worth it while Postgres is away: it restarts in a few.
const RETRY_AFTER_S: &str = "5";

/// Why there is no ordinary answer.
#[derive(Debug, Error)]
pub enum Failure {
    /// Parameters that cannot be used, all of them.
    #[error("{}", .0.first().map_or("a parameter cannot be used", |bad| &bad.detail))]
    Parameters(Vec<BadParameter>),
    /// No link has this code.
    #[error("there is no link with the code {0:?}")]
    NoSuchLink(String),
    /// No page has this address.
    #[error("there is nothing at this address")]
    NoSuchPage,
    /// Another method than GET and HEAD.
    #[error("only GET and HEAD are answered here")]
    Method,
    /// A body, where none is read.
    #[error("a request here must have no body")]
    Body,
    /// No Host header, or several.
    #[error("a request must have exactly one Host header")]
    NoHost,
    /// A Host that is not this machine: a page of another site may be behind it.
    #[error(
        "this console answers only to localhost and loopback addresses, not to the name in the Host header"
    )]
    ForeignHost,
    /// The report would take too long.
    #[error("the report took too long; ask for a shorter span, or by day")]
    TooMuch,
    /// Postgres cannot be asked.
    #[error("the database is not available at the moment; nothing is lost, clicks are still counted")]
    DatabaseAway(#[source] sqlx::Error),
    /// A fault of ours.
    #[error("something went wrong here; it has been logged")]
    Fault(String),
}

/// One parameter that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BadParameter {
    /// Its name as it was given.
    pub field: String,
    /// For programs: `unknown_parameter`, `invalid_timestamp`, …
    pub code: &'static str,
    /// For people: what is wrong and what would be right.
    pub detail: String,
}

/// The same failure for a program: problem details.
#[derive(Debug)]
pub struct ForPrograms(pub Failure);

/// The same failure for a person: a page.
#[derive(Debug)]
pub struct ForPeople(pub Failure);

impl Failure {
    /// The status, the code for programs, and the title for people.
    pub fn kind(&self) -> (StatusCode, &'static str, &'static str) {
        match self {
            Self::Parameters(bad) => (
                StatusCode::BAD_REQUEST,
                bad.first().map_or("bad_parameter", |bad| bad.code),
                "Cannot read the request",
            ),
            Self::NoSuchLink(_) => (StatusCode::NOT_FOUND, "no_such_link", "No such link"),
            Self::NoSuchPage => (StatusCode::NOT_FOUND, "not_found", "Nothing here"),
            Self::Method => (StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", "Method not allowed"),
            Self::Body => (StatusCode::PAYLOAD_TOO_LARGE, "body_not_allowed", "No body, please"),
            Self::NoHost => (StatusCode::BAD_REQUEST, "bad_host", "Bad Host header"),
            Self::ForeignHost => (StatusCode::MISDIRECTED_REQUEST, "foreign_host", "Not for this name"),
            Self::TooMuch => (StatusCode::SERVICE_UNAVAILABLE, "too_much", "Too much to add up"),
            Self::DatabaseAway(_) => {
                (StatusCode::SERVICE_UNAVAILABLE, "database_away", "The database is away")
            }
            Self::Fault(_) => (StatusCode::INTERNAL_SERVER_ERROR, "fault", "Our fault"),
        }
    }

    /// Says in the log what the answer leaves out.
    fn log(&self) {
        match self {
            Self::DatabaseAway(cause) => tracing::warn!(%cause, "the database cannot be asked"),
            Self::Fault(cause) => tracing::error!(cause, "cannot answer"),
            Self::TooMuch => tracing::warn!("a report took too long"),
            _ => {}
        }
    }

    fn add_headers(&self, response: &mut Response) {
        let headers = response.headers_mut();
        match self {
            Self::Method => {
                headers.insert(header::ALLOW, HeaderValue::from_static("GET, HEAD"));
            }
            Self::DatabaseAway(_) => {
                headers.insert(header::RETRY_AFTER, HeaderValue::from_static(RETRY_AFTER_S));
            }
            Self::Body | Self::NoHost => {
                headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
            }
            _ => {}
        }
    }
}

impl From<sqlx::Error> for Failure {
    fn from(error: sqlx::Error) -> Self {
        // Postgres's code for a statement ended by statement_timeout.
        const QUERY_CANCELED: &str = "57014";
        let code = error.as_database_error().and_then(sqlx::error::DatabaseError::code);
        match (&error, code.as_deref()) {
            (_, Some(QUERY_CANCELED)) => Self::TooMuch,
            (_, Some(code)) if is_about_the_server(code) => Self::DatabaseAway(error),
            (_, Some(_)) | (sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_), _) => {
                Self::Fault(error.to_string())
            }
            _ => Self::DatabaseAway(error),
        }
    }
}

/// Whether a code of Postgres speaks of the server or its set-up rather than of our statement: connections (08),
/// signing in (28, 3D), resources (53), shutdown (57P), and a schema or role that is not there yet.
fn is_about_the_server(code: &str) -> bool {
    ["08", "28", "3D", "53", "57P"].iter().any(|class| code.starts_with(class))
        || matches!(code, "42P01" | "42703" | "42704" | "42501" | "22023")
}

impl IntoResponse for ForPrograms {
    fn into_response(self) -> Response {
        #[derive(Serialize)]
        struct Problem<'a> {
            r#type: String,
            title: &'static str,
            status: u16,
            detail: String,
            code: &'static str,
            #[serde(skip_serializing_if = "Option::is_none")]
            field: Option<&'a str>,
            #[serde(skip_serializing_if = "<[_]>::is_empty")]
            errors: &'a [BadParameter],
        }
        let Self(failure) = self;
        failure.log();
        let (status, code, title) = failure.kind();
        let errors: &[BadParameter] = if let Failure::Parameters(bad) = &failure { bad } else { &[] };
        let problem = Problem {
            r#type: format!("urn:linkledger:problem:{code}"),
            title,
            status: status.as_u16(),
            detail: failure.to_string(),
            code,
            field: errors.first().map(|bad| bad.field.as_str()),
            errors,
        };
        let mut response = (status, Json(problem)).into_response();
        let kind = HeaderValue::from_static("application/problem+json");
        response.headers_mut().insert(header::CONTENT_TYPE, kind);
        failure.add_headers(&mut response);
        response
    }
}

impl IntoResponse for ForPeople {
    fn into_response(self) -> Response {
        let Self(failure) = self;
        failure.log();
        let mut response = pages::message::of(&failure);
        failure.add_headers(&mut response);
        response
    }
}
