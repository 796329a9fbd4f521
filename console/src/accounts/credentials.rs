//! Passwords and addresses of one's own: set, changed, forgotten, confirmed.

use chrono::{DateTime, Utc};
use serde_json::json;
use sqlx::PgConnection;

use super::mailed::{self, Purpose};
use super::password;
use super::sign_in::{Client, is_email, stored_email};
use super::throttle::{self, Subject};
use crate::audit;
use crate::auth::session;
use crate::mail::{self, Mail};
use crate::problem::{Failure, unusable};
use crate::server::App;

/// Sends a link to set a new password, if there is such an account. To any address the answer is the same either way,
/// and does not wait for what would tell.
pub async fn forgot(app: &App, client: Client, typed: &str, now: DateTime<Utc>) -> Result<(), Failure> {
    let email = stored_email(typed);
    // A slip is told, whoever it is about: it says nothing of who has an account.
    if !is_email(&email) {
        return Err(unusable(
            "email",
            "invalid_email",
            "`email`: write one address, such as ada@example.com",
        ));
    }
    throttle::attempt(&app.accounts, &app.vault, Subject::MailsFrom(client.0), now).await?;
    let app = app.clone();
    tokio::spawn(async move {
        if let Err(failure) = send_reset(&app, &email, now).await {
            tracing::warn!(%failure, "a link to set a password was not sent");
        }
    });
    Ok(())
}

async fn send_reset(app: &App, email: &str, now: DateTime<Utc>) -> Result<(), Failure> {
    // Somebody's mailbox is not flooded, and whoever asks too often is told nothing either.
    if throttle::attempt(&app.accounts, &app.vault, Subject::MailsTo(email), now).await.is_err() {
        return Ok(());
    }
    let mut tx = app.accounts.begin().await.map_err(Failure::writing)?;
    let account =
        sqlx::query_scalar!("select account_id from account where email = $1 and disabled_at is null", email);
    if let Some(account_id) = account.fetch_optional(&mut *tx).await? {
        mailed::send(&mut tx, &app.front, &account_id, email, Purpose::Reset, now).await?;
        tx.commit().await.map_err(Failure::writing)?;
    }
    Ok(())
}

/// Sets a password by a link from a mail, and ends every session of the account.
pub async fn reset(app: &App, token: &str, password: String, now: DateTime<Utc>) -> Result<(), Failure> {
    password::check(&password, &[])?;
    // Hashing comes before the transaction, which must not wait for it, and after a look at the token.
    mailed::check(&mut *app.accounts.acquire().await?, token, Purpose::Reset, now).await?;
    let hashed = app.passwords.hash(password).await?;
    let mut tx = app.accounts.begin().await.map_err(Failure::writing)?;
    let account_id = mailed::redeem(&mut tx, token, Purpose::Reset, now).await?;
    let email = set(&mut tx, &account_id, &hashed).await?;
    // Who reads the mail has the address; other links to this account have had their day.
    sqlx::query!(
        "update account set email_verified_at = coalesce(email_verified_at, $2) where account_id = $1",
        account_id,
        now
    )
    .execute(&mut *tx)
    .await
    .map_err(Failure::writing)?;
    sqlx::query!(
        "update mailed_token set used_at = $2 where account_id = $1 and purpose = 'reset_password' and used_at is null",
        account_id,
        now
    )
    .execute(&mut *tx)
    .await
    .map_err(Failure::writing)?;
    session::end_others(&mut tx, &account_id, None).await?;
    audit::record_as(&mut tx, &email, "account.set_password", &account_id, None, None, json!({"by": "mail"}))
        .await?;
    mail::queue(&mut tx, &changed(&email)).await?;
    tx.commit().await.map_err(Failure::writing)?;
    throttle::forgive(&app.accounts, &app.vault, Subject::Account(&email), None).await
}

/// Changes one's own password, and ends one's other sessions.
pub async fn change(
    app: &App,
    caller: &crate::auth::Caller,
    account_id: &str,
    kept: session::Hash,
    password: String,
) -> Result<(), Failure> {
    let hashed = app.passwords.hash(password).await?;
    let mut tx = app.accounts.begin().await.map_err(Failure::writing)?;
    let email = set(&mut tx, account_id, &hashed).await?;
    session::end_others(&mut tx, account_id, Some(kept)).await?;
    audit::record(&mut tx, caller, "account.set_password", account_id, None, None, json!({"by": "owner"}))
        .await?;
    mail::queue(&mut tx, &changed(&email)).await?;
    tx.commit().await.map_err(Failure::writing)
}

async fn set(conn: &mut PgConnection, account_id: &str, hashed: &str) -> Result<String, Failure> {
    let set = sqlx::query_scalar!(
        "update account set password_hash = $2, row_version = row_version + 1 where account_id = $1 returning email",
        account_id,
        hashed
    );
    set.fetch_one(conn).await.map_err(Failure::writing)
}

fn changed(email: &str) -> Mail {
    Mail {
        recipient: email.to_owned(),
        subject: "Your password for Linkledger was changed".to_owned(),
        body: "The password of your account was changed just now, and all other sign-ins were ended.\n\nIf it was not \
               you, ask for a new password at once, and tell whoever runs the programme.\n"
            .to_owned(),
    }
}

/// Sends a link that confirms an account's address.
pub async fn ask_to_verify(app: &App, account_id: &str, now: DateTime<Utc>) -> Result<(), Failure> {
    let mut tx = app.accounts.begin().await.map_err(Failure::writing)?;
    let email = sqlx::query_scalar!("select email from account where account_id = $1", account_id)
        .fetch_one(&mut *tx)
        .await?;
    throttle::attempt(&app.accounts, &app.vault, Subject::MailsTo(&email), now).await?;
    mailed::send(&mut tx, &app.front, account_id, &email, Purpose::Verify, now).await?;
    tx.commit().await.map_err(Failure::writing)
}

/// Confirms an address by a link from a mail.
pub async fn verify(app: &App, token: &str, now: DateTime<Utc>) -> Result<(), Failure> {
    let mut tx = app.accounts.begin().await.map_err(Failure::writing)?;
    let account_id = mailed::redeem(&mut tx, token, Purpose::Verify, now).await?;
    sqlx::query!(
        "update account set email_verified_at = coalesce(email_verified_at, $2), row_version = row_version + 1 \
         where account_id = $1",
        account_id,
        now
    )
    .execute(&mut *tx)
    .await
    .map_err(Failure::writing)?;
    tx.commit().await.map_err(Failure::writing)
}
