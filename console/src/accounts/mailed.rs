//! Links in mails: a random token, good once and for a while, of which only the hash is kept.

use chrono::{DateTime, TimeDelta, Utc};
use sqlx::PgConnection;

use crate::auth::session::{hash, random_secret};
use crate::front::Front;
use crate::mail::{self, Mail};
use crate::problem::{BadParameter, Failure};

/// What a link is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// To set a password, when the old one was forgotten.
    Reset,
    /// To set the first one.
    Welcome,
    /// To show that mails reach this person.
    Verify,
}

impl Purpose {
    /// As it stands in `mailed_token.purpose`. A first password is set like a forgotten one.
    fn name(self) -> &'static str {
        match self {
            Self::Reset | Self::Welcome => "reset_password",
            Self::Verify => "verify_email",
        }
    }

    /// How long a link is good. Somebody who forgot a password sits and waits; a newcomer may be on holiday.
    fn life(self) -> TimeDelta {
        match self {
            Self::Reset => TimeDelta::hours(1),
            Self::Welcome => TimeDelta::days(7),
            Self::Verify => TimeDelta::days(1),
        }
    }

    fn path(self) -> &'static str {
        match self {
            Self::Reset | Self::Welcome => "/set-password",
            Self::Verify => "/verify-email",
        }
    }
}

/// Makes a link that its holder may use once.
pub async fn link(
    conn: &mut PgConnection,
    base_url: &str,
    account_id: &str,
    purpose: Purpose,
    now: DateTime<Utc>,
) -> Result<String, Failure> {
    let token = random_secret()?;
    sqlx::query!(
        "insert into mailed_token (token_sha256, purpose, account_id, created_at, expires_at) values ($1, $2, $3, $4, $5)",
        &hash(&token).0,
        purpose.name(),
        account_id,
        now,
        now + purpose.life()
    )
    .execute(conn)
    .await
    .map_err(Failure::writing)?;
    Ok(format!("{base_url}{}?token={token}", purpose.path()))
}

/// Sends such a link.
pub async fn send(
    conn: &mut PgConnection,
    front: &Front,
    account_id: &str,
    email: &str,
    purpose: Purpose,
    now: DateTime<Utc>,
) -> Result<(), Failure> {
    let link = link(conn, &front.base_url(), account_id, purpose, now).await?;
    let (subject, body) = match purpose {
        Purpose::Reset => (
            "Set a new password for Linkledger",
            format!(
                "Somebody, most likely you, asked for a new password. This address sets it, once, within the hour:\n\n\
                 {link}\n\nIf it was not you, do nothing: the old password stays.\n"
            ),
        ),
        Purpose::Welcome => (
            "Your account at Linkledger",
            format!(
                "There is an account for you. Choose a password at this address; it works once, for seven days:\n\n\
                 {link}\n\nYou sign in with this e-mail address: {email}\n"
            ),
        ),
        Purpose::Verify => (
            "Confirm your e-mail address for Linkledger",
            format!("This address confirms that mails reach you; it works once, for a day:\n\n{link}\n"),
        ),
    };
    mail::queue(conn, &Mail { recipient: email.to_owned(), subject: subject.to_owned(), body }).await
}

/// Uses a token up and says whose it was. One that was used, is too old, or was never made is refused alike.
pub async fn redeem(
    conn: &mut PgConnection,
    token: &str,
    purpose: Purpose,
    now: DateTime<Utc>,
) -> Result<String, Failure> {
    let account_id = sqlx::query_scalar!(
        "update mailed_token t set used_at = $3 from account a where t.token_sha256 = $1 and t.purpose = $2 \
         and t.used_at is null and t.expires_at > $3 and a.account_id = t.account_id and a.disabled_at is null \
         returning t.account_id",
        &hash(token).0,
        purpose.name(),
        now
    )
    .fetch_optional(conn)
    .await
    .map_err(Failure::writing)?;
    account_id.ok_or_else(no_good)
}

/// Refuses what [`redeem`] would, without using anything up: before work that costs.
pub async fn check(
    conn: &mut PgConnection,
    token: &str,
    purpose: Purpose,
    now: DateTime<Utc>,
) -> Result<(), Failure> {
    let found = sqlx::query_scalar!(
        "select account_id from mailed_token where token_sha256 = $1 and purpose = $2 and used_at is null and expires_at > $3",
        &hash(token).0,
        purpose.name(),
        now
    );
    found.fetch_optional(conn).await?.map(drop).ok_or_else(no_good)
}

fn no_good() -> Failure {
    Failure::Content(vec![BadParameter {
        field: "token".to_owned(),
        code: "invalid_token",
        detail: "this link was used before, is too old, or was never sent; ask for another".to_owned(),
    }])
}
