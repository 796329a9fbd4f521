//! `/v1/session/totp`: a second factor for one's own account.
//!
//! What is enrolled travels sealed to the browser and back: nothing is stored before the app has shown that it works.

use axum::extract::{Request, State};
use axum::response::Response;
use chrono::{DateTime, TimeDelta, Utc};
use data_encoding::BASE64URL_NOPAD;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use super::session_api::own_account;
use super::totp;
use crate::auth::Caller;
use crate::conventions::{done, illegal_state, json as answer, now};
use crate::problem::{Failure, Problem, unusable};
use crate::server::App;
use crate::vault::Purpose;
use crate::{audit, body};

/// How long an enrolment waits for its first code.
const PATIENCE: TimeDelta = TimeDelta::minutes(15);
/// Characters of an enrolment at most: it has about a hundred.
const MAX_ENROLMENT: usize = 400;

/// What an authenticator app needs to know.
#[derive(Serialize, ToSchema)]
pub(crate) struct Offer {
    #[schema(example = "totp_enrolment")]
    pub(crate) object: &'static str,
    /// To be typed into the app.
    pub(crate) secret: String,
    /// To be shown to it as a QR code.
    pub(crate) otpauth_uri: String,
    /// To be sent back with the app's first code.
    pub(crate) enrolment: String,
}

impl Offer {
    fn new(secret: &[u8], email: &str, enrolment: String) -> Self {
        let (text, otpauth_uri) = (totp::as_text(secret), totp::uri(secret, email));
        Self { object: "totp_enrolment", secret: text, otpauth_uri, enrolment }
    }
}

/// The first code of the app.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Confirmation {
    pub(crate) enrolment: String,
    #[schema(example = "123456")]
    pub(crate) totp: String,
}

/// Begins to add a second factor. Nothing changes before it is confirmed.
#[utoipa::path(post, path = "/v1/session/totp", tag = "session", responses(
    (status = 200, description = "What the app needs", body = Offer),
    (status = "4XX", description = "Refused", body = Problem, content_type = "application/problem+json"),
    (status = 503, description = "The console has no CONSOLE_SECRET", body = Problem, content_type = "application/problem+json"),
), security(("session" = [])))]
pub(super) async fn enrol(State(app): State<App>, caller: Caller) -> Response {
    answer(offer(&app, &caller, now())).await
}

/// Offers the caller a second factor.
pub(crate) async fn offer(app: &App, caller: &Caller, now: DateTime<Utc>) -> Result<Offer, Failure> {
    let (account_id, _) = own_account(caller)?;
    caller.require_recent(now)?;
    let row = sqlx::query!(
        "select email, totp_sealed is not null as \"has_one!\" from account where account_id = $1",
        account_id
    )
    .fetch_one(&app.accounts)
    .await?;
    if row.has_one {
        return Err(illegal_state("account", "protected by an app", "protected by another"));
    }
    let mut secret = [0; totp::SECRET_BYTES];
    getrandom::fill(&mut secret).map_err(|error| Failure::Fault(format!("no random numbers: {error}")))?;
    let until = (now + PATIENCE).timestamp().to_be_bytes();
    let sealed = app.vault.seal(Purpose::TotpEnrolment, account_id, &[&until[..], &secret].concat())?;
    Ok(Offer::new(&secret, &row.email, BASE64URL_NOPAD.encode(&sealed)))
}

/// Offers the same once more, after a code that was not the app's.
pub(crate) async fn offer_again(
    app: &App,
    caller: &Caller,
    enrolment: &str,
    now: DateTime<Utc>,
) -> Result<Offer, Failure> {
    let (account_id, _) = own_account(caller)?;
    let secret = enrolled(app, account_id, enrolment, now)?;
    let email = sqlx::query_scalar!("select email from account where account_id = $1", account_id)
        .fetch_one(&app.accounts)
        .await?;
    Ok(Offer::new(&secret, &email, enrolment.to_owned()))
}

/// Confirms a second factor with its first code. From now on signing in takes a code.
#[utoipa::path(post, path = "/v1/session/totp/confirm", tag = "session", request_body = Confirmation, responses(
    (status = 204, description = "Protected"),
    (status = "4XX", description = "Refused", body = Problem, content_type = "application/problem+json"),
), security(("session" = [])))]
pub(super) async fn confirm(State(app): State<App>, caller: Caller, request: Request) -> Response {
    let outcome = async {
        let confirmation = body::decision(request).await?;
        add(&app, &caller, &confirmation, now()).await
    };
    done(outcome).await
}

/// Confirms the second factor that was offered.
pub(crate) async fn add(
    app: &App,
    caller: &Caller,
    given: &Confirmation,
    now: DateTime<Utc>,
) -> Result<(), Failure> {
    let (account_id, _) = own_account(caller)?;
    caller.require_recent(now)?;
    let secret = enrolled(app, account_id, &given.enrolment, now)?;
    let now_s = u64::try_from(now.timestamp()).unwrap_or_default();
    let step = totp::step_of(&secret, &given.totp, now_s, 0).ok_or_else(|| {
        unusable("totp", "wrong_code", "this is not the app's code; is the phone's clock right?")
    })?;
    let sealed = app.vault.seal(Purpose::Totp, account_id, &secret)?;
    let mut tx = app.accounts.begin().await.map_err(Failure::writing)?;
    let added = sqlx::query!(
        "update account set totp_sealed = $2, totp_last_step = $3, row_version = row_version + 1 \
         where account_id = $1 and totp_sealed is null",
        account_id,
        sealed,
        step
    )
    .execute(&mut *tx)
    .await
    .map_err(Failure::writing)?;
    if added.rows_affected() == 0 {
        return Err(illegal_state("account", "protected by an app", "protected by another"));
    }
    audit::record(&mut tx, caller, "account.add_totp", account_id, None, None, json!({})).await?;
    tx.commit().await.map_err(Failure::writing)
}

fn enrolled(app: &App, account_id: &str, enrolment: &str, now: DateTime<Utc>) -> Result<Vec<u8>, Failure> {
    let wrong =
        || unusable("enrolment", "invalid_enrolment", "this enrolment is too old or not yours; begin again");
    let sealed = Some(enrolment).filter(|text| text.len() <= MAX_ENROLMENT);
    let sealed = sealed.and_then(|text| BASE64URL_NOPAD.decode(text.as_bytes()).ok()).ok_or_else(wrong)?;
    let plain = match app.vault.open(Purpose::TotpEnrolment, account_id, &sealed) {
        Err(Failure::CannotOpen(_)) => return Err(wrong()),
        other => other?,
    };
    let (until, secret) = plain.split_first_chunk::<8>().ok_or_else(wrong)?;
    if i64::from_be_bytes(*until) < now.timestamp() {
        return Err(wrong());
    }
    Ok(secret.to_vec())
}

/// Takes the second factor away.
#[utoipa::path(delete, path = "/v1/session/totp", tag = "session", responses(
    (status = 204, description = "A password is enough again"),
    (status = "4XX", description = "Refused", body = Problem, content_type = "application/problem+json"),
), security(("session" = [])))]
pub(super) async fn remove(State(app): State<App>, caller: Caller) -> Response {
    done(removed(&app, &caller)).await
}

/// Takes the caller's second factor away.
pub(crate) async fn removed(app: &App, caller: &Caller) -> Result<(), Failure> {
    let (account_id, _) = own_account(caller)?;
    caller.require_recent(now())?;
    let mut tx = app.accounts.begin().await.map_err(Failure::writing)?;
    let removed = sqlx::query!(
        "update account set totp_sealed = null, row_version = row_version + 1 \
         where account_id = $1 and totp_sealed is not null",
        account_id
    )
    .execute(&mut *tx)
    .await
    .map_err(Failure::writing)?;
    if removed.rows_affected() == 0 {
        return Err(illegal_state("account", "not protected by an app", "protected by none"));
    }
    audit::record(&mut tx, caller, "account.remove_totp", account_id, None, None, json!({})).await?;
    tx.commit().await.map_err(Failure::writing)
}
