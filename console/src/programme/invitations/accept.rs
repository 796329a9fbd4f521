//! The other end of an invitation: whoever holds its token opens it, and accepts it once.

use axum::extract::State;
use axum::response::Response;
use chrono::{DateTime, Utc};
use serde::Serialize;
use sha2::{Digest as _, Sha256};
use sqlx::PgConnection;
use utoipa::ToSchema;

use super::super::rate_input::in_per_cent;
use crate::api::given::Given;
use crate::conventions::{Asked, Asking, Sought, json, now};
use crate::problem::{Failure, Problem};
use crate::server::App;

/// What a sign-up page shows.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = OpenedInvitation)]
pub(crate) struct Opened {
    pub(crate) object: &'static str,
    pub(crate) email: String,
    pub(crate) vendor_id: Option<String>,
    pub(crate) vendor_name: Option<String>,
    pub(crate) commission_rate: Option<String>,
    pub(crate) message: String,
    pub(crate) expires_at: DateTime<Utc>,
}

/// An invitation that was accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accepted {
    /// Its name.
    pub invitation_id: String,
    /// The address it was sent to: whoever has the token reads its mail.
    pub email: String,
    /// Whom it invites to promote.
    pub vendor_id: Option<i64>,
}

/// What is kept of a token.
pub fn token_hash(token: &str) -> [u8; 32] {
    Sha256::digest(token.as_bytes()).into()
}

/// Accepts an invitation for an affiliate that has just applied, in the transaction of the application. `None`: there is
/// no such invitation, or it was used, revoked, or has expired.
///
/// The partnership with its vendor is made when the affiliate is approved, by a trigger (migration 11).
pub async fn accept(
    conn: &mut PgConnection,
    token_hash: &[u8; 32],
    affiliate_id: i64,
    now: DateTime<Utc>,
) -> sqlx::Result<Option<Accepted>> {
    sqlx::query_as!(
        Accepted,
        "update invitation set accepted_at = $3, affiliate_id = $2, opened_at = coalesce(opened_at, $3), \
         row_version = row_version + 1 \
         where token_sha256 = $1 and accepted_at is null and revoked_at is null and expires_at > $3 \
         returning invitation_id, email, vendor_id",
        token_hash.as_slice(),
        affiliate_id,
        now
    )
    .fetch_optional(conn)
    .await
}

/// Shows an invitation to whoever has its token, and writes down that it was opened. Needs no key: the token is one.
#[utoipa::path(get, path = "/v1/invitations/by-token", tag = "invitations", params(
    ("token" = inline(Sought), Query, description = "What the link in the mail holds"),
), responses(
    (status = 200, description = "As it is", body = Opened),
    (status = "4XX", description = "Refused", body = Problem, content_type = "application/problem+json"),
))]
pub(in crate::programme) async fn by_token(
    State(app): State<App>,
    Asking(Token(token)): Asking<Token>,
) -> Response {
    json(open(&app, &token)).await
}

/// What the link in the mail holds.
pub(crate) struct Token(String);

impl Asked for Token {
    fn read(query: &str) -> Result<Self, Failure> {
        let mut given = Given::read(query);
        let token = given.one("token").unwrap_or_default();
        given.finish("token").map_err(Failure::Parameters)?;
        Ok(Self(token))
    }
}

/// Opens the invitation that has this token.
pub(crate) async fn open(app: &App, token: &str) -> Result<Opened, Failure> {
    let opened = sqlx::query!(
        "update invitation i set opened_at = coalesce(opened_at, $2) \
         where token_sha256 = $1 and accepted_at is null and revoked_at is null and expires_at > $2 \
         returning email, message, expires_at, rate_ppm, vendor_id",
        &token_hash(token)[..],
        now()
    );
    let opened = opened.fetch_optional(&app.accounts).await.map_err(Failure::writing)?.ok_or_else(|| {
        let words = "this invitation was used, revoked, or has expired; ask whoever sent it for another one";
        Failure::Missing("no_such_invitation", words.to_owned())
    })?;
    let vendor = match opened.vendor_id {
        None => None,
        Some(id) => {
            let vendor = sqlx::query!("select public_id, name from vendor where vendor_id = $1", id);
            vendor.fetch_optional(&app.accounts).await?
        }
    };
    let (vendor_id, vendor_name) = vendor.map(|vendor| (vendor.public_id, vendor.name)).unzip();
    Ok(Opened {
        object: "invitation",
        email: opened.email,
        vendor_id,
        vendor_name,
        commission_rate: in_per_cent(opened.rate_ppm),
        message: opened.message,
        expires_at: opened.expires_at,
    })
}
