//! What affiliates are written, in the transaction that has the reason for it. No letter holds a number of an account, a
//! document, or anything else that a stranger with a look at the mailbox should not learn.

use sqlx::PgConnection;

use super::reason::Reason;
use crate::mail::{self, Mail};
use crate::problem::Failure;

/// Takes part from now on.
pub(super) async fn approved(conn: &mut PgConnection, affiliate_id: i64) -> Result<(), Failure> {
    let words = "welcome: your application was approved. You can sign in and make your first link.";
    to(conn, affiliate_id, "Your application was approved", words).await
}

/// Does not take part, and why.
pub(super) async fn rejected(
    conn: &mut PgConnection,
    affiliate_id: i64,
    reason: &Reason,
) -> Result<(), Failure> {
    let words = format!("your application was declined. The reason we were given:\n\n{}", reason.as_str());
    to(conn, affiliate_id, "Your application was declined", &words).await
}

/// Does not take part for now.
pub(super) async fn suspended(conn: &mut PgConnection, affiliate_id: i64) -> Result<(), Failure> {
    let words = "your account was suspended. Your links no longer count clicks; what you earned before is kept. Write to \
                 us if you think this is a mistake.";
    to(conn, affiliate_id, "Your account was suspended", words).await
}

/// Takes part again.
pub(super) async fn reactivated(conn: &mut PgConnection, affiliate_id: i64) -> Result<(), Failure> {
    let words = "your account is active again, and so are the links that were switched off with it.";
    to(conn, affiliate_id, "Your account is active again", words).await
}

/// Somebody changed where money goes: the one who should know is told, whoever it was.
pub(super) async fn bank_account_changed(
    conn: &mut PgConnection,
    affiliate_id: i64,
    masked: &str,
) -> Result<(), Failure> {
    let words = format!(
        "the bank account that you are paid to was changed; it ends in {}. Payouts wait for a few days after a change. If \
         this was not you, change your password and write to us at once.",
        masked.trim_start_matches('•')
    );
    to(conn, affiliate_id, "Your bank account was changed", &words).await
}

/// A proof was not good enough, and why.
pub(crate) async fn document_rejected(
    conn: &mut PgConnection,
    affiliate_id: i64,
    document_type: &str,
    reason: &Reason,
) -> Result<(), Failure> {
    let words = format!(
        "we could not accept the document you sent ({document_type}). The reason:\n\n{}\n\nPlease sign in and send \
         another one.",
        reason.as_str()
    );
    to(conn, affiliate_id, "We need another document", &words).await
}

/// Somebody applied with an address that is known already. Only its owner learns so.
pub(super) async fn known_already(conn: &mut PgConnection, email: &str) -> Result<(), Failure> {
    let words = "Hello,\n\nsomebody applied to the affiliate programme with this address, which already has an account. If \
                 it was you, sign in; if you forgot your password, ask for a new one. If it was not, you need not do \
                 anything.\n";
    post(conn, email, "You already have an account", words).await
}

/// A letter to an affiliate. Without an address there is nobody to write to.
async fn to(conn: &mut PgConnection, affiliate_id: i64, subject: &str, words: &str) -> Result<(), Failure> {
    let row = sqlx::query!("select name, email from affiliate where affiliate_id = $1", affiliate_id)
        .fetch_one(&mut *conn)
        .await?;
    let Some(email) = row.email else { return Ok(()) };
    post(conn, &email, subject, &format!("Hello {},\n\n{words}\n", row.name)).await
}

/// Puts a letter with the others that go out.
async fn post(conn: &mut PgConnection, email: &str, subject: &str, body: &str) -> Result<(), Failure> {
    let mail = Mail { recipient: email.to_owned(), subject: subject.to_owned(), body: body.to_owned() };
    mail::queue(conn, &mail).await
}
