//! Mail: queued in the transaction that has a reason for it, sent later by a worker of the console.

pub mod carrier;
pub mod worker;

use sqlx::PgConnection;

use crate::problem::Failure;

/// One mail, in plain text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mail {
    /// The address.
    pub recipient: String,
    /// One line.
    pub subject: String,
    /// The text.
    pub body: String,
}

/// Queues a mail. It goes out once the transaction is committed, and not otherwise.
pub async fn queue(conn: &mut PgConnection, mail: &Mail) -> Result<(), Failure> {
    // A subject is one header line, whatever somebody chose as a name.
    let subject: String =
        mail.subject.chars().map(|c| if c.is_control() { ' ' } else { c }).take(200).collect();
    sqlx::query!(
        "insert into mail (recipient, subject, body) values ($1, $2, $3)",
        mail.recipient,
        subject,
        mail.body
    )
    .execute(conn)
    .await
    .map_err(Failure::writing)?;
    Ok(())
}
