//! Paper: everything of the demo's past that is neither counted nor booked.

use std::path::Path;

use anyhow::Context as _;
use chrono::{DateTime, TimeDelta, Utc};
use data_encoding::HEXLOWER;
use sha2::{Digest as _, Sha256};
use sqlx::PgConnection;

use crate::role::{Role, act_as};
use crate::specimen::{Specimen, specimen};

/// Who looked at documents.
const REVIEWER: &str = "First Operator <operator@example.com>";
/// What was sent in, by whom, and what became of it.
const DOCUMENTS: [(&str, &str, Specimen, Verdict); 11] = [
    ("yara", "identity", Specimen::Picture, Verdict::Pending),
    ("yara", "address", Specimen::Page, Verdict::Pending),
    ("zeno", "identity", Specimen::Picture, Verdict::Approved),
    ("zeno", "bank", Specimen::Page, Verdict::Pending),
    ("aurel", "identity", Specimen::Page, Verdict::Pending),
    (
        "blanka",
        "identity",
        Specimen::Picture,
        Verdict::Rejected("The picture is cut off at the bottom. Please send the whole card."),
    ),
    ("blanka", "tax", Specimen::Page, Verdict::Pending),
    ("derek", "identity", Specimen::Picture, Verdict::Rejected("The name is not the applicant's.")),
    ("ada", "identity", Specimen::Picture, Verdict::Approved),
    ("ada", "tax", Specimen::Page, Verdict::Approved),
    ("bruno", "company", Specimen::Page, Verdict::Approved),
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Pending,
    Approved,
    Rejected(&'static str),
}

/// Puts everything on the desk and the documents into their folder. Orders must be there already.
pub(crate) async fn write(tx: &mut PgConnection, folder: &Path) -> anyhow::Result<()> {
    act_as(tx, Role::Operator).await?;
    sqlx::raw_sql(include_str!("paper/desk.sql")).execute(&mut *tx).await.context("cannot fill the desk")?;
    for (username, document_type, kind, verdict) in DOCUMENTS {
        document(tx, folder, username, document_type, kind, verdict)
            .await
            .with_context(|| format!("cannot hand in a document of {username}"))?;
    }
    sqlx::raw_sql(include_str!("paper/audit.sql"))
        .execute(tx)
        .await
        .context("cannot write down who did what")
        .map(drop)
}

/// The row and the file, as the console keeps them. The file's name follows from whose it is: if this transaction is
/// rolled back, the next one writes the same file.
async fn document(
    tx: &mut PgConnection,
    folder: &Path,
    username: &str,
    document_type: &str,
    kind: Specimen,
    verdict: Verdict,
) -> anyhow::Result<()> {
    let (affiliate_id, name, created_at): (i64, String, DateTime<Utc>) =
        sqlx::query_as("select affiliate_id, name, created_at from affiliate where username = $1")
            .bind(username)
            .fetch_one(&mut *tx)
            .await
            .context("there is no such affiliate")?;
    let content = specimen(kind, &name, document_type)?;
    let object = HEXLOWER.encode(&Sha256::digest(format!("demo {username} {document_type}"))[..16]);
    let object = format!("{}/{object}", &object[..2]);
    put(&folder.join(&object), &content)?;
    let (status, reason) = match verdict {
        Verdict::Pending => ("pending", None),
        Verdict::Approved => ("approved", None),
        Verdict::Rejected(reason) => ("rejected", Some(reason)),
    };
    let submitted_at = created_at + TimeDelta::minutes(40);
    let is_judged = verdict != Verdict::Pending;
    sqlx::query(include_str!("paper/document.sql"))
        .bind(affiliate_id)
        .bind(document_type)
        .bind(object)
        .bind(kind.content_type())
        .bind(i64::try_from(content.len())?)
        .bind(Sha256::digest(&content).to_vec())
        .bind(status)
        .bind(reason)
        .bind(submitted_at)
        .bind(is_judged.then(|| submitted_at + TimeDelta::hours(1)))
        .bind(is_judged.then_some(REVIEWER))
        .execute(tx)
        .await
        .context("cannot write it down")
        .map(drop)
}

fn put(path: &Path, content: &[u8]) -> anyhow::Result<()> {
    use std::os::unix::fs::DirBuilderExt as _;
    let write = || {
        if let Some(folder) = path.parent() {
            std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        }
        std::fs::write(path, content)
    };
    write().with_context(|| format!("cannot write {}", path.display()))
}
