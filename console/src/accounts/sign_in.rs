//! Signing in: one way for programs and for the page.
//!
//! Invariant: an account that does not exist, a wrong password, an account without one and one that is disabled are
//! answered alike, after the same work.

use std::net::IpAddr;

use axum::extract::FromRequestParts;
use axum::http::HeaderMap;
use axum::http::request::Parts;
use chrono::{DateTime, Utc};
use metrics::counter;
use serde_json::json;

use super::throttle::{self, Subject};
use super::totp;
use crate::audit;
use crate::auth::session::{self, Begun};
use crate::problem::{Failure, ForPrograms};
use crate::server::{App, Peer};
use crate::vault::Purpose;

/// Characters of an address at most, as in Postgres.
pub(crate) const MAX_EMAIL: usize = 254;

/// The address a request came from, as far as our own proxies say.
#[derive(Clone, Copy, Debug)]
pub struct Client(pub IpAddr);

impl FromRequestParts<App> for Client {
    type Rejection = ForPrograms;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ForPrograms> {
        let peer = parts.extensions.get::<Peer>();
        let peer = peer.ok_or_else(|| ForPrograms(Failure::Fault("a request from nowhere".to_owned())))?;
        Ok(Self(app.front.client(peer.0, &parts.headers)))
    }
}

/// What somebody says who signs in.
#[derive(Clone)]
pub struct Credentials {
    /// The address as typed.
    pub email: String,
    /// The password.
    pub password: String,
    /// The code of the second factor, if it was given.
    pub code: Option<String>,
}

/// An account's address as it is stored.
pub fn stored_email(typed: &str) -> String {
    typed.trim().to_lowercase()
}

/// Whether an account may have this address.
pub fn is_email(text: &str) -> bool {
    let parts = text.split_once('@');
    let is_whole = parts.is_some_and(|(local, domain)| {
        !local.is_empty() && !domain.is_empty() && !domain.contains('@') && !domain.starts_with('.')
    });
    is_whole
        && text.len() <= MAX_EMAIL
        && !text.contains(|c: char| c.is_whitespace() || c.is_control() || "<>,;\"".contains(c))
}

/// Begins a session for whoever knows the password, in place of the one this browser had.
pub async fn sign_in(
    app: &App,
    client: Client,
    headers: &HeaderMap,
    credentials: Credentials,
    now: DateTime<Utc>,
) -> Result<Begun, Failure> {
    let email = stored_email(&credentials.email);
    let email = if email.chars().count() > MAX_EMAIL { String::new() } else { email };
    let outcome = attempt(app, client, headers, &email, credentials, now).await;
    let word = match &outcome {
        Ok(_) => "ok",
        Err(Failure::TooManyAttempts(_)) => "throttled",
        Err(Failure::SignIn) => "refused",
        Err(Failure::CodeNeeded) => "code_needed",
        Err(_) => "failed",
    };
    counter!("console_sign_ins_total", "outcome" => word).increment(1);
    outcome
}

async fn attempt(
    app: &App,
    client: Client,
    headers: &HeaderMap,
    email: &str,
    credentials: Credentials,
    now: DateTime<Utc>,
) -> Result<Begun, Failure> {
    let (pool, vault) = (&app.accounts, &app.vault);
    let (account, address) = (Subject::Account(email), Subject::Address(client.0));
    throttle::attempt(pool, vault, address, now).await?;
    throttle::attempt(pool, vault, account, now).await?;
    let found = sqlx::query!(
        "select account_id, name, password_hash, totp_sealed, disabled_at is not null as \"is_disabled!\" \
         from account where email = $1",
        email
    )
    .fetch_optional(pool)
    .await?;
    let stored = found.as_ref().and_then(|row| row.password_hash.clone());
    let is_right = app.passwords.is_right(credentials.password, stored).await?;
    let row = found.filter(|row| is_right && !row.is_disabled).ok_or(Failure::SignIn)?;
    if let Some(sealed) = &row.totp_sealed {
        check_code(app, &row.account_id, sealed, credentials.code.as_deref(), now).await?;
    }
    throttle::forgive(pool, vault, account, Some(address)).await?;
    let mut tx = pool.begin().await.map_err(Failure::writing)?;
    session::end(&mut tx, &app.front, headers).await?;
    let begun = session::begin(&mut tx, &row.account_id, now).await?;
    let actor = session::name_of(&row.name, email);
    audit::record_as(&mut tx, &actor, "session.begin", &row.account_id, None, None, json!({})).await?;
    tx.commit().await.map_err(Failure::writing)?;
    Ok(begun)
}

/// Proves that whoever has a session is still its owner: password, and code where there is a second factor.
pub(super) async fn reauthenticate(
    app: &App,
    account_id: &str,
    password: String,
    code: Option<&str>,
    now: DateTime<Utc>,
) -> Result<(), Failure> {
    let row = sqlx::query!(
        "select email, password_hash, totp_sealed from account where account_id = $1",
        account_id
    )
    .fetch_optional(&app.accounts)
    .await?
    .ok_or(Failure::NoKey)?;
    let account = Subject::Account(&row.email);
    throttle::attempt(&app.accounts, &app.vault, account, now).await?;
    if !app.passwords.is_right(password, row.password_hash).await? {
        return Err(Failure::SignIn);
    }
    if let Some(sealed) = &row.totp_sealed {
        check_code(app, account_id, sealed, code, now).await?;
    }
    throttle::forgive(&app.accounts, &app.vault, account, None).await
}

/// Refuses a code that is wrong, or was used before. Of two requests with one code at once, one is refused.
async fn check_code(
    app: &App,
    account_id: &str,
    sealed: &[u8],
    code: Option<&str>,
    now: DateTime<Utc>,
) -> Result<(), Failure> {
    let code = code.map(str::trim).filter(|code| !code.is_empty()).ok_or(Failure::CodeNeeded)?;
    let secret = app.vault.open(Purpose::Totp, account_id, sealed)?;
    let now_s = u64::try_from(now.timestamp()).unwrap_or_default();
    let step = totp::step_of(&secret, code, now_s, 0).ok_or(Failure::SignIn)?;
    let used = sqlx::query!(
        "update account set totp_last_step = $2 where account_id = $1 and totp_last_step < $2",
        account_id,
        step
    )
    .execute(&app.accounts)
    .await
    .map_err(Failure::writing)?;
    if used.rows_affected() == 1 { Ok(()) } else { Err(Failure::SignIn) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_whole_and_plain() {
        for good in ["ada@example.com", "a.b+c@mail.example.com", "ü@example.com"] {
            assert!(is_email(good), "{good}");
        }
        for bad in [
            "",
            "ada",
            "@example.com",
            "ada@",
            "a@b@c",
            "a b@example.com",
            "ada@example.com\n",
            "Ada <ada@example.com>",
            "ada@example.com,eve@example.com",
            "ada@.com",
            &format!("{}@example.com", "a".repeat(260)),
        ] {
            assert!(!is_email(bad), "{bad}");
        }
    }
}
