//! Sessions: a random cookie whose hash is kept in Postgres. A session ends when it was not used for a while, when it is
//! old, when somebody signs out, and when the account is disabled.

use std::fmt;

use axum::http::{HeaderMap, HeaderValue, header};
use chrono::{DateTime, TimeDelta, Utc};
use data_encoding::BASE64URL_NOPAD;
use runtime::clock;
use sha2::{Digest as _, Sha256};
use sqlx::PgConnection;

use super::{Caller, Role, Tenant, Via, csrf};
use crate::front::Front;
use crate::problem::Failure;
use crate::server::App;

/// A session that was not used this long has ended.
pub const IDLE: TimeDelta = TimeDelta::minutes(30);
/// A session that began this long ago has ended.
pub const ABSOLUTE: TimeDelta = TimeDelta::hours(12);
/// How exactly it is known when a session was last used: a page in between costs no write.
const TOUCH: TimeDelta = TimeDelta::minutes(1);
/// The name of the cookie; through TLS with `__Host-` before it.
pub const COOKIE: &str = "linkledger";
/// Random bytes of a session's cookie: 256 bits.
const SECRET_BYTES: usize = 32;

/// What is stored of a session's secret.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Hash(pub [u8; 32]);

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hash(…)")
    }
}

/// Who has this cookie. `None`: nobody, or nobody any more.
pub(super) async fn caller(app: &App, headers: &HeaderMap) -> Result<Option<Caller>, Failure> {
    let Some(secret) = presented(&app.front, headers) else { return Ok(None) };
    let (hash, now) = (hash(secret), now());
    let found = sqlx::query!(
        "select a.account_id, a.email, a.name, a.role, a.vendor_id, a.affiliate_id, s.last_seen_at, s.reauthenticated_at \
         from session s join account a using (account_id) \
         where s.session_sha256 = $1 and a.disabled_at is null and s.last_seen_at > $2 and s.created_at > $3",
        &hash.0,
        now - IDLE,
        now - ABSOLUTE
    )
    .fetch_optional(&app.accounts)
    .await?;
    let Some(row) = found else { return Ok(None) };
    if row.last_seen_at + TOUCH <= now {
        sqlx::query!("update session set last_seen_at = $2 where session_sha256 = $1", &hash.0, now)
            .execute(&app.accounts)
            .await?;
    }
    let role = Role::from_name(&row.role).ok_or_else(|| Failure::Fault(format!("no role {:?}", row.role)))?;
    let tenant = match (row.vendor_id, row.affiliate_id) {
        (Some(vendor_id), _) => Tenant::Vendor(vendor_id),
        (None, Some(affiliate_id)) => Tenant::Affiliate(affiliate_id),
        (None, None) => Tenant::Programme,
    };
    Ok(Some(Caller {
        name: name_of(&row.name, &row.email),
        via: Via::Session {
            account_id: row.account_id,
            role,
            reauthenticated_at: row.reauthenticated_at,
            session: hash,
            csrf: csrf::token(secret),
        },
        tenant,
        scopes: role.scopes().to_vec(),
    }))
}

/// A person as records name them.
pub fn name_of(name: &str, email: &str) -> String {
    format!("{name} <{email}>")
}

/// A session that was just begun: what the browser is to keep.
#[derive(Clone)]
pub struct Begun {
    /// Goes into the cookie and nowhere else.
    pub secret: String,
    /// What goes with it in forms.
    pub csrf: String,
}

/// Begins a session. Whoever held another one before this moment must have ended it.
pub async fn begin(conn: &mut PgConnection, account_id: &str, now: DateTime<Utc>) -> Result<Begun, Failure> {
    let secret = random_secret()?;
    sqlx::query!(
        "insert into session (session_sha256, account_id, created_at, last_seen_at, reauthenticated_at) \
         values ($1, $2, $3, $3, $3)",
        &hash(&secret).0,
        account_id,
        now
    )
    .execute(conn)
    .await
    .map_err(Failure::writing)?;
    Ok(Begun { csrf: csrf::token(&secret), secret })
}

/// Ends the session of this browser, if it has one.
pub async fn end(conn: &mut PgConnection, front: &Front, headers: &HeaderMap) -> Result<(), Failure> {
    if let Some(secret) = presented(front, headers) {
        sqlx::query!("delete from session where session_sha256 = $1", &hash(secret).0)
            .execute(conn)
            .await
            .map_err(Failure::writing)?;
    }
    Ok(())
}

/// Ends every session of an account but one.
pub async fn end_others(
    conn: &mut PgConnection,
    account_id: &str,
    kept: Option<Hash>,
) -> Result<(), Failure> {
    let kept = kept.map(|hash| hash.0.to_vec());
    sqlx::query!(
        "delete from session where account_id = $1 and session_sha256 is distinct from $2",
        account_id,
        kept
    )
    .execute(conn)
    .await
    .map_err(Failure::writing)?;
    Ok(())
}

/// The header that makes a browser keep a session.
pub fn cookie(front: &Front, secret: &str) -> HeaderValue {
    set(front, secret, "")
}

/// The header that makes a browser forget it.
pub fn no_cookie(front: &Front) -> HeaderValue {
    set(front, "", "; Max-Age=0")
}

fn set(front: &Front, value: &str, more: &str) -> HeaderValue {
    let name = front.cookie_name();
    let secure = if front.is_https() { "; Secure" } else { "" };
    let text = format!("{name}={value}; Path=/; HttpOnly; SameSite=Lax{secure}{more}");
    HeaderValue::try_from(text).expect("base64url and plain words")
}

/// 256 random bits as text: for cookies and for links in mails.
pub fn random_secret() -> Result<String, Failure> {
    let mut random = [0; SECRET_BYTES];
    getrandom::fill(&mut random).map_err(|error| Failure::Fault(format!("no random numbers: {error}")))?;
    Ok(BASE64URL_NOPAD.encode(&random))
}

/// What is stored of it.
pub fn hash(secret: &str) -> Hash {
    Hash(Sha256::digest(secret.as_bytes()).into())
}

/// The cookie as it was sent. A second one of the name may have been planted: neither is believed.
fn presented<'a>(front: &Front, headers: &'a HeaderMap) -> Option<&'a str> {
    let pairs = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut ours = pairs
        .flat_map(|pairs| pairs.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .filter(|(name, _)| *name == front.cookie_name())
        .map(|(_, value)| value);
    match (ours.next(), ours.next()) {
        (Some(secret), None) if BASE64URL_NOPAD.encode_len(SECRET_BYTES) == secret.len() => Some(secret),
        _ => None,
    }
}

fn now() -> DateTime<Utc> {
    clock::system_time().into()
}
