//! `/v1/session`: signing in and out, and what belongs to whoever is signed in.

use axum::Json;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::credentials;
use super::password;
use super::sign_in::{self, Client, Credentials};
use crate::api::answer::rfc3339;
use crate::auth::session::{self, ABSOLUTE};
use crate::auth::{Caller, Role, Scope, Tenant, Via, csrf};
use crate::body;
use crate::conventions::{done, now};
use crate::problem::{Failure, ForPrograms, Problem};
use crate::server::App;

/// What signs somebody in.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SignIn {
    #[schema(example = "ada@example.com")]
    pub(crate) email: String,
    #[schema(format = Password)]
    pub(crate) password: String,
    /// The code of the authenticator app, where the account has one.
    pub(crate) totp: Option<String>,
}

/// Proof that somebody is still there.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Reauthentication {
    #[schema(format = Password)]
    pub(crate) password: String,
    pub(crate) totp: Option<String>,
}

/// A new password with the old one.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewPassword {
    #[schema(format = Password)]
    pub(crate) current_password: String,
    pub(crate) totp: Option<String>,
    /// Twelve characters or more.
    #[schema(format = Password, min_length = 12, max_length = 1024)]
    pub(crate) password: String,
}

/// Who is signed in, or whose key this is.
#[derive(Serialize, ToSchema)]
pub(crate) struct SessionAnswer {
    #[schema(example = "session")]
    pub(crate) object: &'static str,
    pub(crate) name: String,
    /// Null for an API key.
    pub(crate) account_id: Option<String>,
    pub(crate) role: Option<&'static str>,
    /// Whose rows are seen.
    pub(crate) tenant: TenantAnswer,
    pub(crate) scopes: Vec<&'static str>,
    /// Send it as `X-CSRF-Token` with everything that changes something.
    pub(crate) csrf_token: Option<String>,
    /// Until when money and bank data can be touched without giving the password again.
    pub(crate) recent_until: Option<String>,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct TenantAnswer {
    /// `programme`, `vendor` or `affiliate`.
    pub(crate) kind: &'static str,
    pub(crate) id: Option<i64>,
}

/// A session that was just begun. The cookie came in the `Set-Cookie` header.
#[derive(Serialize, ToSchema)]
pub(crate) struct BegunAnswer {
    #[schema(example = "session")]
    pub(crate) object: &'static str,
    pub(crate) csrf_token: String,
    /// It ends earlier when it is not used for half an hour.
    pub(crate) expires_at: String,
}

/// Signs in. The answer sets a cookie; a session that this browser had before ends.
#[utoipa::path(post, path = "/v1/session", tag = "session", request_body = SignIn, responses(
    (status = 201, description = "Signed in", body = BegunAnswer),
    (status = "4XX", description = "Not signed in", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn begin(
    State(app): State<App>,
    client: Client,
    headers: HeaderMap,
    request: Request,
) -> Response {
    let outcome = async {
        csrf::check_origin(&app.front, &headers)?;
        let SignIn { email, password, totp } = body::decision(request).await?;
        let now = now();
        let credentials = Credentials { email, password, code: totp };
        Ok((sign_in::sign_in(&app, client, &headers, credentials, now).await?, now))
    };
    match outcome.await {
        Err(failure) => ForPrograms(failure).into_response(),
        Ok((begun, now)) => {
            let cookie = session::cookie(&app.front, &begun.secret);
            let answer = BegunAnswer {
                object: "session",
                csrf_token: begun.csrf,
                expires_at: rfc3339(now + ABSOLUTE),
            };
            (StatusCode::CREATED, [(header::SET_COOKIE, cookie)], Json(answer)).into_response()
        }
    }
}

/// Who is calling, and what they may do.
#[utoipa::path(get, path = "/v1/session", tag = "session", responses(
    (status = 200, description = "Who calls", body = SessionAnswer),
    (status = "4XX", description = "Nobody who is known", body = Problem, content_type = "application/problem+json"),
), security(("key" = []), ("session" = [])))]
pub(super) async fn show(caller: Caller) -> Json<SessionAnswer> {
    let (kind, id) = match caller.tenant {
        Tenant::Programme => ("programme", None),
        Tenant::Vendor(id) => ("vendor", Some(id)),
        Tenant::Affiliate(id) => ("affiliate", Some(id)),
    };
    let scopes = caller.scopes.iter().copied().map(Scope::name).collect();
    let (account_id, role, csrf_token, recent_until) = match caller.via {
        Via::Session { account_id, role, csrf, reauthenticated_at, .. } => (
            Some(account_id),
            Some(Role::name(role)),
            Some(csrf),
            Some(rfc3339(reauthenticated_at + crate::auth::RECENT)),
        ),
        Via::Key(_) | Via::Nothing => (None, None, None, None),
    };
    let tenant = TenantAnswer { kind, id };
    Json(SessionAnswer {
        object: "session",
        name: caller.name,
        account_id,
        role,
        tenant,
        scopes,
        csrf_token,
        recent_until,
    })
}

/// Signs out: the session ends here, not only in the browser.
#[utoipa::path(delete, path = "/v1/session", tag = "session", responses(
    (status = 204, description = "Signed out"),
    (status = "4XX", description = "Nobody was signed in", body = Problem, content_type = "application/problem+json"),
), security(("session" = [])))]
pub(super) async fn end(State(app): State<App>, caller: Caller, headers: HeaderMap) -> Response {
    let outcome = async {
        own_account(&caller)?;
        let mut conn = app.accounts.acquire().await?;
        session::end(&mut conn, &app.front, &headers).await
    };
    match outcome.await {
        Err(failure) => ForPrograms(failure).into_response(),
        Ok(()) => {
            (StatusCode::NO_CONTENT, [(header::SET_COOKIE, session::no_cookie(&app.front))]).into_response()
        }
    }
}

/// Gives the password again, before payouts and bank data.
#[utoipa::path(post, path = "/v1/session/reauthenticate", tag = "session", request_body = Reauthentication, responses(
    (status = 204, description = "Known again for ten minutes"),
    (status = "4XX", description = "Refused", body = Problem, content_type = "application/problem+json"),
), security(("session" = [])))]
pub(super) async fn reauthenticate(State(app): State<App>, caller: Caller, request: Request) -> Response {
    let outcome = async {
        own_account(&caller)?;
        let Reauthentication { password, totp } = body::decision(request).await?;
        prove_again(&app, &caller, password, totp.as_deref(), now()).await
    };
    done(outcome).await
}

/// Checks the password of whoever has this session, and notes that they are known again.
pub(crate) async fn prove_again(
    app: &App,
    caller: &Caller,
    password: String,
    code: Option<&str>,
    now: DateTime<Utc>,
) -> Result<(), Failure> {
    let (account_id, session) = own_account(caller)?;
    sign_in::reauthenticate(app, account_id, password, code, now).await?;
    sqlx::query!("update session set reauthenticated_at = $2 where session_sha256 = $1", &session.0, now)
        .execute(&app.accounts)
        .await
        .map_err(Failure::writing)?;
    Ok(())
}

/// Changes one's own password. Every other session of the account ends.
#[utoipa::path(post, path = "/v1/session/password", tag = "session", request_body = NewPassword, responses(
    (status = 204, description = "Changed"),
    (status = "4XX", description = "Refused", body = Problem, content_type = "application/problem+json"),
), security(("session" = [])))]
pub(super) async fn change_password(State(app): State<App>, caller: Caller, request: Request) -> Response {
    let outcome = async {
        own_account(&caller)?;
        set_password(&app, &caller, body::decision(request).await?).await
    };
    done(outcome).await
}

/// Changes the caller's own password.
pub(crate) async fn set_password(
    app: &App,
    caller: &Caller,
    NewPassword { current_password, totp, password }: NewPassword,
) -> Result<(), Failure> {
    let (account_id, session) = own_account(caller)?;
    password::check(&password, &[&caller.name])?;
    sign_in::reauthenticate(app, account_id, current_password, totp.as_deref(), now()).await?;
    credentials::change(app, caller, account_id, session, password).await
}

/// The account and session of a caller who has them.
pub(crate) fn own_account(caller: &Caller) -> Result<(&str, session::Hash), Failure> {
    match &caller.via {
        Via::Session { account_id, session, .. } => Ok((account_id, *session)),
        Via::Key(_) | Via::Nothing => Err(Failure::OperatorsOnly),
    }
}
