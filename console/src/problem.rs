//! What can go wrong while answering, and the one place that turns it into an answer: problem details (RFC 9457) for
//! programs, a page in plain words for people. Neither ever shows a cause from inside.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use thiserror::Error;

use crate::auth::Scope;
use crate::pages;
use crate::store::StoreError;

/// Seconds after which asking again is worth it while Postgres is away: it restarts in a few.
const RETRY_AFTER_S: &str = "5";

/// The same while too many orders come at once: those in flight are written within milliseconds.
const OVERLOAD_RETRY_AFTER_S: &str = "1";

/// The same while somebody has to set a secret.
const SEALED_RETRY_AFTER_S: &str = "60";

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
    /// A method that this address does not answer.
    #[error("this address does not answer this method; the Allow header says which it answers")]
    Method,
    /// A body, where none is read.
    #[error("a request here must have no body")]
    Body,
    /// A body that is not what this address reads.
    #[error("send this with Content-Type: {0}")]
    MediaType(&'static str),
    /// A body beyond the limit of its address, in bytes.
    #[error("the body is longer than the {0} bytes that are read here")]
    TooLong(usize),
    /// A body that did not arrive in time, or not to its end.
    #[error("the body did not arrive completely; send the request again")]
    BodyCutShort,
    /// A body that is not JSON as we read it.
    #[error("{0}")]
    NotJson(String),
    /// A body that was read, but says something that cannot be used: all of it.
    #[error("{}", .0.first().map_or("the body cannot be used", |bad| &bad.detail))]
    Content(Vec<BadParameter>),
    /// No key, or one that is not good (any more). Which of it is not said.
    #[error("sign in, or send a valid API key as: Authorization: Bearer llk_…")]
    NoKey,
    /// A good key or account that may not do this.
    #[error("this takes the scope {0}, which neither the API key nor the role of the account has")]
    NoScope(Scope),
    /// Somebody who acts for a vendor or an affiliate, where only others may.
    #[error("this is not for accounts and keys of this kind")]
    OperatorsOnly,
    /// Somebody who is no affiliate, where only affiliates may.
    #[error("only affiliates may do this, for themselves")]
    AffiliatesOnly,
    /// Somebody who signed in too long ago for money and bank data.
    #[error("give your password again first: POST /v1/session/reauthenticate")]
    Reauthenticate,
    /// A request that a page of another site made a browser send.
    #[error("this request does not come from a page of this console")]
    CrossSite,
    /// A session's request without the token that only our pages know.
    #[error("send the session's csrf_token (GET /v1/session) in the header X-CSRF-Token")]
    NoCsrfToken,
    /// An address, a password or a code that is wrong. Which of it is not said.
    #[error("e-mail address, password or code are wrong")]
    SignIn,
    /// A good password, without the code that the account needs too.
    #[error("this account needs the code of its authenticator app as well")]
    CodeNeeded,
    /// Too many failed sign-ins; in so many seconds another is looked at.
    #[error("too many failed attempts; try again in {0} seconds")]
    TooManyAttempts(u64),
    /// More requests than one caller may send; in so many seconds more are answered.
    #[error("too many requests; try again in {0} seconds")]
    TooManyRequests(u64),
    /// A version that is not the present one, which is this.
    #[error("this was changed meanwhile: it is {0} now; read it again and decide anew")]
    Precondition(String),
    /// A step that the state does not allow.
    #[error("{0}")]
    IllegalState(String),
    /// One `Idempotency-Key`, two requests.
    #[error("this Idempotency-Key was used for another request; take a new one for each thing to create")]
    IdempotencyKeyReused,
    /// The same request, not answered yet.
    #[error(
        "a request with this Idempotency-Key was begun and not answered; if it stays so, look whether it was done, and \
         try under another key"
    )]
    SameRequestRuns,
    /// Something that has to be sealed, without `CONSOLE_SECRET`.
    #[error(
        "the console has no CONSOLE_SECRET (openssl rand -hex 32), without which this cannot be kept safe"
    )]
    NoSecret,
    /// Something sealed that does not open.
    #[error(
        "what is stored cannot be opened: the console has another CONSOLE_SECRET than it was sealed with"
    )]
    CannotOpen(crate::vault::Purpose),
    /// A call of a shop system whose signature or secret is not good.
    #[error("{0}")]
    BadSignature(&'static str),
    /// Something that is not there, or not there for this key: the code and the words.
    #[error("{1}")]
    Missing(&'static str, String),
    /// Something that contradicts what is already written down: the code and the words.
    #[error("{1}")]
    Conflict(&'static str, String),
    /// More people at once than passwords can be looked at.
    #[error("too many people sign in at once; try again in a moment")]
    Busy,
    /// More of something than one may have: the code and the words.
    #[error("{1}")]
    Quota(&'static str, String),
    /// The place where documents lie cannot be read or written.
    #[error("documents cannot be read or kept at the moment; nothing was changed: try again")]
    StoreAway(#[source] StoreError),
    /// More orders at once than are written down.
    #[error("too many orders at once; send it again in a second")]
    Overloaded,
    /// Postgres cannot be asked to write.
    #[error("the database is not available at the moment; nothing was written down: send it again")]
    NotWritten(#[source] sqlx::Error),
    /// A webhook, while the console cannot open its secret.
    #[error(
        "webhooks are not taken in: the console has no CONSOLE_SECRET (openssl rand -hex 32), or not the one \
             that this endpoint was made with"
    )]
    Sealed,
    /// No Host header, or several.
    #[error("a request must have exactly one Host header")]
    NoHost,
    /// A Host that is not this machine: a page of another site may be behind it.
    #[error(
        "this console answers to localhost, loopback addresses and its --public-url only, not to the name in the Host \
         header"
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

/// One parameter, or one field of a body, that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct BadParameter {
    /// Its name as it was given.
    pub field: String,
    /// For programs: `unknown_parameter`, `invalid_timestamp`, …
    pub code: &'static str,
    /// For people: what is wrong and what would be right.
    pub detail: String,
}

/// A field of the body that cannot be used.
pub(crate) fn unusable(field: &str, code: &'static str, detail: impl Into<String>) -> Failure {
    Failure::Content(vec![BadParameter { field: field.to_owned(), code, detail: detail.into() }])
}

/// A parameter of the address that cannot be used.
pub(crate) fn unusable_parameter(field: &str, code: &'static str, detail: impl Into<String>) -> Failure {
    Failure::Parameters(vec![BadParameter { field: field.to_owned(), code, detail: detail.into() }])
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
            Self::MediaType(_) => {
                (StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", "Another kind of body, please")
            }
            Self::TooLong(_) => (StatusCode::PAYLOAD_TOO_LARGE, "body_too_long", "Too long"),
            Self::BodyCutShort => (StatusCode::REQUEST_TIMEOUT, "body_cut_short", "Body cut short"),
            Self::NotJson(_) => (StatusCode::BAD_REQUEST, "invalid_json", "Not JSON as it is read here"),
            Self::Content(bad) => (
                StatusCode::UNPROCESSABLE_ENTITY,
                bad.first().map_or("bad_content", |bad| bad.code),
                "Cannot use what the body says",
            ),
            Self::NoKey => (StatusCode::UNAUTHORIZED, "unauthorized", "Not signed in"),
            Self::NoScope(_) => (StatusCode::FORBIDDEN, "missing_scope", "Not with this key or role"),
            Self::OperatorsOnly => (StatusCode::FORBIDDEN, "not_for_this_account", "Not with this account"),
            Self::AffiliatesOnly => (StatusCode::FORBIDDEN, "affiliates_only", "For affiliates only"),
            Self::Reauthenticate => {
                (StatusCode::FORBIDDEN, "reauthentication_needed", "Your password, please")
            }
            Self::CrossSite => (StatusCode::FORBIDDEN, "cross_site", "From another site"),
            Self::NoCsrfToken => (StatusCode::FORBIDDEN, "csrf_token_needed", "The page is too old"),
            Self::SignIn => (StatusCode::UNAUTHORIZED, "sign_in_failed", "Cannot sign in"),
            Self::CodeNeeded => (StatusCode::UNAUTHORIZED, "code_needed", "One more code, please"),
            Self::TooManyAttempts(_) => {
                (StatusCode::TOO_MANY_REQUESTS, "too_many_attempts", "Too many attempts")
            }
            Self::TooManyRequests(_) => {
                (StatusCode::TOO_MANY_REQUESTS, "too_many_requests", "Too many requests")
            }
            Self::Precondition(_) => {
                (StatusCode::PRECONDITION_FAILED, "precondition_failed", "Changed meanwhile")
            }
            Self::IllegalState(_) => (StatusCode::CONFLICT, "illegal_state", "Not from this state"),
            Self::IdempotencyKeyReused => {
                (StatusCode::UNPROCESSABLE_ENTITY, "idempotency_key_reused", "A key for two requests")
            }
            Self::SameRequestRuns => (StatusCode::CONFLICT, "request_not_answered", "Not answered yet"),
            Self::NoSecret => (StatusCode::SERVICE_UNAVAILABLE, "no_console_secret", "Not set up"),
            Self::CannotOpen(_) => (StatusCode::INTERNAL_SERVER_ERROR, "cannot_open", "Our fault"),
            Self::BadSignature(_) => (StatusCode::UNAUTHORIZED, "bad_signature", "Not signed by the shop"),
            Self::Missing(code, _) => (StatusCode::NOT_FOUND, code, "Not here"),
            Self::Conflict(code, _) => (StatusCode::CONFLICT, code, "Contradicts what is written down"),
            Self::Busy => (StatusCode::SERVICE_UNAVAILABLE, "busy", "Busy"),
            Self::Quota(code, _) => (StatusCode::TOO_MANY_REQUESTS, code, "Enough of these"),
            Self::StoreAway(_) => (StatusCode::SERVICE_UNAVAILABLE, "store_away", "Documents are away"),
            Self::Overloaded => (StatusCode::SERVICE_UNAVAILABLE, "overloaded", "Too much at once"),
            Self::NotWritten(_) => (StatusCode::SERVICE_UNAVAILABLE, "database_away", "The database is away"),
            Self::Sealed => (StatusCode::SERVICE_UNAVAILABLE, "no_console_secret", "Webhooks are not set up"),
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
    pub(crate) fn log(&self) {
        match self {
            Self::DatabaseAway(cause) => tracing::warn!(%cause, "the database cannot be asked"),
            Self::NotWritten(cause) => tracing::warn!(%cause, "the database cannot be written to"),
            Self::StoreAway(cause) => tracing::error!(%cause, "the store of documents does not work"),
            Self::Sealed => tracing::error!("a webhook's secret cannot be opened: check CONSOLE_SECRET"),
            Self::Fault(cause) => tracing::error!(cause, "cannot answer"),
            Self::CannotOpen(purpose) => tracing::error!(?purpose, "cannot be opened: check CONSOLE_SECRET"),
            Self::TooMuch => tracing::warn!("a report took too long"),
            _ => {}
        }
    }

    pub(crate) fn add_headers(&self, response: &mut Response) {
        let headers = response.headers_mut();
        let mut say = |name, value| {
            headers.insert(name, HeaderValue::from_static(value));
        };
        match self {
            Self::NoKey => say(header::WWW_AUTHENTICATE, "Bearer realm=\"linkledger\""),
            Self::BadSignature(_) => say(header::WWW_AUTHENTICATE, "Signature realm=\"linkledger\""),
            Self::Busy | Self::Overloaded => say(header::RETRY_AFTER, OVERLOAD_RETRY_AFTER_S),
            Self::DatabaseAway(_) | Self::NotWritten(_) | Self::StoreAway(_) => {
                say(header::RETRY_AFTER, RETRY_AFTER_S);
            }
            Self::TooManyAttempts(seconds) | Self::TooManyRequests(seconds) => {
                headers.insert(header::RETRY_AFTER, HeaderValue::from(*seconds));
            }
            Self::Sealed => say(header::RETRY_AFTER, SEALED_RETRY_AFTER_S),
            Self::Body | Self::NoHost | Self::TooLong(_) | Self::BodyCutShort => {
                say(header::CONNECTION, "close");
            }
            _ => {}
        }
    }
}

impl Failure {
    /// A failure to write: whatever is about the server is worth trying again, and says that nothing was stored.
    pub fn writing(error: sqlx::Error) -> Self {
        // Serialisation, deadlock, lock not available, a server that is a standby now, statement timeout.
        const AGAIN: [&str; 5] = ["40001", "40P01", "55P03", "25006", "57014"];
        let code = error.as_database_error().and_then(sqlx::error::DatabaseError::code);
        match code.as_deref() {
            Some(code) if AGAIN.contains(&code) => Self::NotWritten(error),
            _ => match Self::from(error) {
                Self::DatabaseAway(cause) => Self::NotWritten(cause),
                other => other,
            },
        }
    }
}

impl From<sqlx::Error> for Failure {
    fn from(error: sqlx::Error) -> Self {
        // Postgres's code for a statement ended by statement_timeout.
        const QUERY_CANCELED: &str = "57014";
        // And for a text that no text of its can be: one with a NUL.
        const NO_SUCH_CHARACTER: &str = "22021";
        let code = error.as_database_error().and_then(sqlx::error::DatabaseError::code);
        match (&error, code.as_deref()) {
            (_, Some(QUERY_CANCELED)) => Self::TooMuch,
            (_, Some(NO_SUCH_CHARACTER)) => {
                unusable("body", "invalid_value", "no text may hold the character NUL (\\u0000)")
            }
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

/// Problem details as a program reads them (RFC 9457).
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct Problem {
    r#type: String,
    title: &'static str,
    status: u16,
    detail: String,
    /// What to branch on.
    pub code: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<String>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    errors: Vec<BadParameter>,
}

impl From<&Failure> for Problem {
    fn from(failure: &Failure) -> Self {
        let (status, code, title) = failure.kind();
        let errors = match failure {
            Failure::Parameters(bad) | Failure::Content(bad) => bad.clone(),
            _ => Vec::new(),
        };
        Self {
            r#type: format!("urn:linkledger:problem:{code}"),
            title,
            status: status.as_u16(),
            detail: failure.to_string(),
            code,
            field: errors.first().map(|bad| bad.field.clone()),
            errors,
        }
    }
}

impl IntoResponse for ForPrograms {
    fn into_response(self) -> Response {
        let Self(failure) = self;
        failure.log();
        let (status, ..) = failure.kind();
        let mut response = (status, Json(Problem::from(&failure))).into_response();
        let kind = HeaderValue::from_static("application/problem+json");
        response.headers_mut().insert(header::CONTENT_TYPE, kind);
        failure.add_headers(&mut response);
        response
    }
}

impl From<Failure> for ForPrograms {
    fn from(failure: Failure) -> Self {
        Self(failure)
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
