//! `POST /v1/applications`: anybody may ask to take part.
//!
//! Invariant: the answer is the same whether an address is known already or not; only its owner is told, by mail. What an
//! applicant becomes is `pending`, whatever they send.

use axum::extract::{Request, State};
use axum::http::HeaderMap;
use axum::response::Response;
use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::json;
use sqlx::PgConnection;
use utoipa::ToSchema;

use super::letters;
use super::profile::{Applicant, Application};
use crate::accounts::throttle::Subject;
use crate::accounts::{Client, mailed, password, throttle};
use crate::auth::csrf;
use crate::conventions::{accepted, now};
use crate::problem::{Failure, Problem, unusable};
use crate::programme::invitations;
use crate::server::App;
use crate::{audit, body};

/// Where applications go.
pub(super) const PATH: &str = "/v1/applications";

/// What an applicant is told.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ApplicationAnswer {
    #[schema(example = "application")]
    pub(crate) object: &'static str,
    pub(crate) username: String,
    pub(crate) email: String,
    /// Always `pending`.
    pub(crate) status: &'static str,
    /// What to do now, in words.
    pub(crate) next: &'static str,
}

/// Takes an application in.
#[utoipa::path(post, path = PATH, tag = "affiliates", request_body = Application, responses(
    (status = 202, description = "Taken in, or somebody was written to who has this address already", body = ApplicationAnswer),
    (status = "4XX", description = "Refused", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn apply(
    State(app): State<App>,
    client: Client,
    headers: HeaderMap,
    request: Request,
) -> Response {
    let taken = async {
        csrf::check_origin(&app.front, &headers)?;
        take(&app, client, body::decision(request)).await
    };
    accepted(taken).await
}

/// Times an application is written down when another one takes its name or address in the same moment.
const ATTEMPTS: usize = 3;

/// Takes an application in. It is read when its sender may send another one, so that bad ones are counted too. Check the
/// request's origin first.
pub(crate) async fn take(
    app: &App,
    client: Client,
    sent: impl Future<Output = Result<Application, Failure>>,
) -> Result<ApplicationAnswer, Failure> {
    let now = now();
    throttle::attempt(&app.accounts, &app.vault, Subject::MailsFrom(client.0), now).await?;
    let application = sent.await?;
    let applicant = application.judge()?;
    // Every application is a letter, and nobody shall have their letter box filled by strangers.
    throttle::attempt(&app.accounts, &app.vault, Subject::MailsTo(&applicant.email), now).await?;
    // Before anything is looked up: it takes long, and must take as long for an address that is known.
    let password_hash = hashed(app, &application, &applicant).await?;
    let invitation = application.invitation.as_deref();
    for _ in 0..ATTEMPTS {
        match written(app, &applicant, password_hash.as_deref(), invitation, now).await? {
            Written::Down => {
                return Ok(ApplicationAnswer {
                    object: "application",
                    username: applicant.username,
                    email: applicant.email,
                    status: "pending",
                    next: "open the link in the mail we sent to this address; we write again when we have decided",
                });
            }
            Written::Raced => {}
        }
    }
    Err(Failure::Fault("an application was overtaken again and again".to_owned()))
}

/// What became of an application.
enum Written {
    /// All of it, or the letter to whoever has the address already.
    Down,
    /// Another one came in between: look again.
    Raced,
}

async fn written(
    app: &App,
    applicant: &Applicant,
    password_hash: Option<&str>,
    invitation: Option<&str>,
    now: DateTime<Utc>,
) -> Result<Written, Failure> {
    let mut tx = app.operator.begin().await.map_err(Failure::writing)?;
    if is_taken(&mut tx, &applicant.username).await? {
        return Err(username_taken());
    }
    if is_known(&mut tx, &applicant.email).await? {
        letters::known_already(&mut tx, &applicant.email).await?;
        tx.commit().await.map_err(Failure::writing)?;
        return Ok(Written::Down);
    }
    let Some(affiliate) = affiliate(&mut tx, applicant).await? else { return Ok(Written::Raced) };
    let invited = match invitation {
        None => None,
        Some(token) => Some(accept(&mut tx, token, affiliate.affiliate_id, now).await?),
    };
    // Whoever has the token reads the mail of the address that it was sent to.
    let is_verified = invited.as_deref() == Some(&applicant.email);
    let verified_at = is_verified.then_some(now);
    let Some(account_id) = account(&mut tx, &affiliate, applicant, password_hash, verified_at).await? else {
        return Ok(Written::Raced);
    };
    let purpose = if password_hash.is_some() { mailed::Purpose::Verify } else { mailed::Purpose::Welcome };
    if !is_verified || password_hash.is_none() {
        mailed::send(&mut tx, &app.front, &account_id, &applicant.email, purpose, now).await?;
    }
    let actor = format!("{} <{}>", applicant.profile.name, applicant.email);
    let detail = json!({"username": applicant.username, "invited": invited.is_some()});
    let id = affiliate.affiliate_id;
    audit::record_as(&mut tx, &actor, "affiliate.apply", &affiliate.public_id, None, Some(id), detail)
        .await?;
    tx.commit().await.map_err(Failure::writing)?;
    Ok(Written::Down)
}

async fn is_taken(conn: &mut PgConnection, username: &str) -> Result<bool, Failure> {
    let found = sqlx::query_scalar!("select 1 from affiliate where username = $1", username)
        .fetch_optional(conn)
        .await?;
    Ok(found.is_some())
}

async fn is_known(conn: &mut PgConnection, email: &str) -> Result<bool, Failure> {
    let found = sqlx::query_scalar!(
        "select 1 from affiliate where lower(email) = $1 union all select 1 from account where email = $1 limit 1",
        email
    )
    .fetch_optional(conn)
    .await?;
    Ok(found.is_some())
}

fn username_taken() -> Failure {
    Failure::Conflict("username_taken", "this username is taken; choose another one".to_owned())
}

/// A row that was just written.
struct Registered {
    affiliate_id: i64,
    public_id: String,
}

/// `None`: somebody took the name or the address a moment ago.
async fn affiliate(conn: &mut PgConnection, applicant: &Applicant) -> Result<Option<Registered>, Failure> {
    let profile = &applicant.profile;
    let row = sqlx::query_as!(
        Registered,
        "insert into affiliate (username, name, email, phone, country, bio, website, instagram, twitter, facebook) \
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) on conflict do nothing returning affiliate_id, public_id",
        applicant.username,
        profile.name,
        applicant.email,
        profile.phone,
        profile.country,
        profile.bio,
        profile.website,
        profile.instagram,
        profile.twitter,
        profile.facebook
    );
    row.fetch_optional(conn).await.map_err(Failure::writing)
}

/// `None`: somebody took the address a moment ago.
async fn account(
    conn: &mut PgConnection,
    affiliate: &Registered,
    applicant: &Applicant,
    password_hash: Option<&str>,
    verified_at: Option<DateTime<Utc>>,
) -> Result<Option<String>, Failure> {
    sqlx::query_scalar!(
        "insert into account (email, name, role, affiliate_id, password_hash, email_verified_at) \
         values ($1, $2, 'affiliate', $3, $4, $5) on conflict do nothing returning account_id",
        applicant.email,
        applicant.profile.name,
        affiliate.affiliate_id,
        password_hash,
        verified_at
    )
    .fetch_optional(conn)
    .await
    .map_err(Failure::writing)
}

/// The address an invitation was sent to, which is used up with this.
async fn accept(
    conn: &mut PgConnection,
    token: &str,
    affiliate_id: i64,
    now: DateTime<Utc>,
) -> Result<String, Failure> {
    let accepted = invitations::accept(conn, &invitations::token_hash(token), affiliate_id, now).await;
    let accepted = accepted.map_err(Failure::writing)?.map(|accepted| accepted.email);
    accepted.ok_or_else(|| {
        let detail =
            "`invitation` was used, revoked, or has expired; ask for another one, or apply without it";
        unusable("invitation", "no_such_invitation", detail)
    })
}

/// The password as it is kept. Without one, a link in the first letter sets it.
async fn hashed(
    app: &App,
    application: &Application,
    applicant: &Applicant,
) -> Result<Option<String>, Failure> {
    let Some(password) = &application.password else { return Ok(None) };
    password::check(password, &[&applicant.email, &applicant.username, &applicant.profile.name])?;
    app.passwords.hash(password.clone()).await.map(Some)
}
