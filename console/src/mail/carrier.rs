//! What takes a mail away: a mail server, or a folder where somebody may read it.

use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use chrono::{DateTime, Utc};
use lettre::message::Mailbox;
use lettre::message::header::ContentType;
use lettre::{AsyncSmtpTransport, AsyncTransport as _, Message, Tokio1Executor};

use super::Mail;

/// How long a mail server may take for one mail.
const PATIENCE: Duration = Duration::from_secs(20);

/// A mail server.
pub type Server = AsyncSmtpTransport<Tokio1Executor>;

/// Takes mails away.
#[derive(Clone, Debug)]
pub enum Carrier {
    /// A mail server, and who the mails are from.
    Smtp(Box<Server>, Mailbox),
    /// A folder: one file a mail.
    Folder(PathBuf),
}

/// Why a mail was not taken away.
#[derive(Debug, thiserror::Error)]
pub enum Undelivered {
    /// Trying again will not help: the address is none, or the server refused for good.
    #[error("{0}")]
    ForGood(String),
    /// Trying again may help.
    #[error("{0}")]
    ForNow(String),
}

/// A mail server by its address: `smtps://user:password@mail.example.com`, `smtp://…?tls=required`.
pub fn smtp(url: &str) -> Result<Server, String> {
    // The parser's own words may repeat the address, and with it the password.
    let builder = Server::from_url(url).map_err(|_| {
        "cannot be read; write it as smtps://user:password@mail.example.com or smtp://mail.example.com?tls=required"
            .to_owned()
    })?;
    Ok(builder.timeout(Some(PATIENCE)).build())
}

impl Carrier {
    /// Takes one mail away. `mail_id` makes its Message-ID: whoever gets it twice can tell.
    pub async fn take(&self, mail_id: i64, queued_at: DateTime<Utc>, mail: &Mail) -> Result<(), Undelivered> {
        match self {
            Self::Smtp(server, from) => {
                let message = message(from, mail_id, queued_at, mail)?;
                let sent = tokio::time::timeout(PATIENCE, server.send(message)).await;
                let sent = sent
                    .map_err(|_| Undelivered::ForNow("the mail server did not answer in time".to_owned()))?;
                sent.map(drop).map_err(|error| {
                    if error.is_permanent() {
                        Undelivered::ForGood(error.to_string())
                    } else {
                        Undelivered::ForNow(error.to_string())
                    }
                })
            }
            Self::Folder(folder) => {
                let (path, text) = (folder.join(file_name(mail_id, queued_at)), as_text(queued_at, mail));
                let written = tokio::task::spawn_blocking(move || write(&path, &text)).await;
                let written = written.map_err(|error| Undelivered::ForNow(error.to_string()))?;
                written.map_err(|error| Undelivered::ForNow(format!("cannot write the mail: {error}")))
            }
        }
    }
}

fn message(
    from: &Mailbox,
    mail_id: i64,
    queued_at: DateTime<Utc>,
    mail: &Mail,
) -> Result<Message, Undelivered> {
    let recipient: Mailbox = mail
        .recipient
        .parse()
        .map_err(|error| Undelivered::ForGood(format!("the address cannot be written to: {error}")))?;
    let id = format!("<{mail_id}.{}@{}>", queued_at.timestamp_micros(), from.email.domain());
    Message::builder()
        .from(from.clone())
        .to(recipient)
        .subject(mail.subject.clone())
        .message_id(Some(id))
        .header(ContentType::TEXT_PLAIN)
        .body(mail.body.clone())
        .map_err(|error| Undelivered::ForGood(format!("the mail cannot be written: {error}")))
}

/// The name sorts by time.
fn file_name(mail_id: i64, queued_at: DateTime<Utc>) -> String {
    format!("{}-{mail_id:06}.eml", queued_at.format("%Y%m%dT%H%M%SZ"))
}

fn as_text(queued_at: DateTime<Utc>, mail: &Mail) -> String {
    let Mail { recipient, subject, body } = mail;
    format!("To: {recipient}\nSubject: {subject}\nDate: {}\n\n{body}", queued_at.to_rfc2822())
}

/// Whole or not at all, and for our own eyes: links in mails open accounts.
fn write(path: &Path, text: &str) -> std::io::Result<()> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let passing = path.with_extension("part");
    let mut options = std::fs::OpenOptions::new();
    let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(&passing)?;
    file.write_all(text.as_bytes())?;
    std::fs::rename(passing, path)
}
