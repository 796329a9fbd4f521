//! `/v1/password-resets` and `/v1/email-verifications`: what links in mails lead to.

use axum::Json;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::credentials;
use super::session_api::own_account;
use super::sign_in::Client;
use crate::auth::{Caller, csrf};
use crate::body;
use crate::conventions::{EmailAddress, done, now};
use crate::problem::{ForPrograms, Problem};
use crate::server::App;

/// Whose password was forgotten.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Forgotten {
    #[schema(value_type = EmailAddress, example = "ada@example.com")]
    pub(crate) email: String,
}

/// A new password, by the token of a mail.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Reset {
    pub(crate) token: String,
    /// Twelve characters or more.
    #[schema(format = Password, min_length = 12, max_length = 1024)]
    pub(crate) password: String,
}

/// The token of a mail.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Token {
    pub(crate) token: String,
}

/// That a mail goes out, if there is anybody to send it to.
#[derive(Serialize, ToSchema)]
pub(crate) struct Asked {
    #[schema(example = "mail_request")]
    pub(crate) object: &'static str,
}

/// Sends a link to set a new password, if there is an account with this address. The answer does not tell.
#[utoipa::path(post, path = "/v1/password-resets", tag = "session", request_body = Forgotten, responses(
    (status = 202, description = "Asked", body = Asked),
    (status = "4XX", description = "Refused", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn forgot(
    State(app): State<App>,
    client: Client,
    headers: HeaderMap,
    request: Request,
) -> Response {
    let outcome = async {
        csrf::check_origin(&app.front, &headers)?;
        let Forgotten { email } = body::decision(request).await?;
        credentials::forgot(&app, client, &email, now()).await
    };
    asked(outcome.await.map_err(ForPrograms))
}

/// Sets a password by a token from a mail. Every session of the account ends.
#[utoipa::path(post, path = "/v1/password-resets/confirm", tag = "session", request_body = Reset, responses(
    (status = 204, description = "Set"),
    (status = "4XX", description = "Refused", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn reset(State(app): State<App>, headers: HeaderMap, request: Request) -> Response {
    let outcome = async {
        csrf::check_origin(&app.front, &headers)?;
        let Reset { token, password } = body::decision(request).await?;
        credentials::reset(&app, &token, password, now()).await
    };
    done(outcome).await
}

/// Sends a link that confirms one's own address.
#[utoipa::path(post, path = "/v1/email-verifications", tag = "session", responses(
    (status = 202, description = "Sent", body = Asked),
    (status = "4XX", description = "Refused", body = Problem, content_type = "application/problem+json"),
), security(("session" = [])))]
pub(super) async fn ask_to_verify(State(app): State<App>, caller: Caller) -> Response {
    let outcome = async {
        let (account_id, _) = own_account(&caller)?;
        credentials::ask_to_verify(&app, account_id, now()).await
    };
    asked(outcome.await.map_err(ForPrograms))
}

/// Confirms an address by a token from a mail.
#[utoipa::path(post, path = "/v1/email-verifications/confirm", tag = "session", request_body = Token, responses(
    (status = 204, description = "Confirmed"),
    (status = "4XX", description = "Refused", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn verify(State(app): State<App>, headers: HeaderMap, request: Request) -> Response {
    let outcome = async {
        csrf::check_origin(&app.front, &headers)?;
        let Token { token } = body::decision(request).await?;
        credentials::verify(&app, &token, now()).await
    };
    done(outcome).await
}

fn asked(outcome: Result<(), ForPrograms>) -> Response {
    match outcome {
        Ok(()) => (StatusCode::ACCEPTED, Json(Asked { object: "mail_request" })).into_response(),
        Err(failure) => failure.into_response(),
    }
}
