//! Documents as programs read them.

use axum::extract::State;
use axum::response::Response;
use chrono::{DateTime, Utc};
use serde::Serialize;
use sqlx::PgConnection;
use utoipa::ToSchema;

use super::OWN;
use crate::affiliates::{find, no_such_affiliate, own_affiliate};
use crate::api::answer::rfc3339;
use crate::auth::{Caller, Scope};
use crate::conventions::{List, Named, Object, json};
use crate::db;
use crate::problem::{Failure, Problem};
use crate::server::App;

/// A document without its file.
#[derive(Debug, Clone)]
#[expect(clippy::struct_field_names, reason = "fields are called as their columns are")]
pub(crate) struct Document {
    pub(crate) document_id: String,
    pub(crate) affiliate: String,
    pub(crate) document_type: String,
    pub(crate) object_name: String,
    pub(crate) content_type: String,
    pub(crate) content_sha256: Vec<u8>,
    pub(crate) size_bytes: i64,
    pub(crate) status: String,
    pub(crate) rejection_reason: Option<String>,
    pub(crate) submitted_at: DateTime<Utc>,
    pub(crate) verified_at: Option<DateTime<Utc>>,
    pub(crate) reviewer: Option<String>,
    pub(crate) row_version: i64,
}

/// Who looks at a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Viewer {
    /// Whose it is. Learns what was decided, not by whom.
    Affiliate,
    /// Who judges it.
    Operator,
}

/// One document.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DocumentAnswer {
    #[schema(example = "document")]
    pub(crate) object: &'static str,
    pub(crate) document_id: String,
    pub(crate) affiliate_id: String,
    pub(crate) document_type: String,
    pub(crate) document_url: String,
    pub(crate) content_type: String,
    pub(crate) size_bytes: i64,
    pub(crate) status: String,
    pub(crate) rejection_reason: Option<String>,
    pub(crate) submitted_at: String,
    pub(crate) verified_at: Option<String>,
    pub(crate) reviewer: Option<String>,
    #[serde(skip)]
    pub(crate) row_version: i64,
}

impl Object for DocumentAnswer {
    fn row_version(&self) -> Option<i64> {
        Some(self.row_version)
    }

    /// Where its file is.
    fn path(&self) -> String {
        self.document_url.clone()
    }
}

/// The caller's own documents.
#[utoipa::path(get, path = OWN, tag = "documents", responses(
    (status = 200, description = "One's own documents", body = List<DocumentAnswer>),
    (status = "4XX", description = "Refused", body = Problem, content_type = "application/problem+json"),
), security(("key" = []), ("session" = [])))]
pub(super) async fn own(State(app): State<App>, caller: Caller) -> Response {
    json(all_own(&app, &caller)).await
}

/// Any affiliate's documents, for those who judge.
#[utoipa::path(get, path = "/v1/affiliates/{affiliate_id}/documents", tag = "documents", params(
    ("affiliate_id" = String, Path, description = "`aff_…`"),
), responses(
    (status = 200, description = "All documents of the affiliate", body = List<DocumentAnswer>),
    (status = "4XX", description = "Refused", body = Problem, content_type = "application/problem+json"),
), security(("key" = []), ("session" = [])))]
pub(super) async fn of_affiliate(State(app): State<App>, caller: Caller, Named(id): Named) -> Response {
    json(all_of(&app, &caller, &id)).await
}

/// The caller's own documents: there are never more than a page of them.
pub(crate) async fn all_own(app: &App, caller: &Caller) -> Result<List<DocumentAnswer>, Failure> {
    let affiliate_id = own_affiliate(caller)?;
    let mut snapshot = db::tenant_snapshot(app, caller).await?;
    let documents = all(&mut snapshot, affiliate_id).await?;
    snapshot.commit().await?;
    Ok(listed(OWN.to_owned(), documents, Viewer::Affiliate))
}

/// Any affiliate's documents.
pub(crate) async fn all_of(app: &App, caller: &Caller, id: &str) -> Result<List<DocumentAnswer>, Failure> {
    caller.require_operator()?;
    caller.require(Scope::AffiliatesReview)?;
    let mut snapshot = db::tenant_snapshot(app, caller).await?;
    let affiliate_id = find(&mut snapshot, id).await?.ok_or_else(no_such_affiliate)?;
    let documents = all(&mut snapshot, affiliate_id).await?;
    snapshot.commit().await?;
    Ok(listed(format!("/v1/affiliates/{id}/documents"), documents, Viewer::Operator))
}

fn listed(url: String, documents: Vec<Document>, viewer: Viewer) -> List<DocumentAnswer> {
    let documents = documents.into_iter().map(|document| DocumentAnswer::new(document, viewer));
    List::whole(url, documents.collect())
}

/// Every document of an affiliate, newest first.
pub(crate) async fn all(conn: &mut PgConnection, affiliate_id: i64) -> Result<Vec<Document>, Failure> {
    Ok(sqlx::query_file_as!(Document, "src/documents/documents.sql", affiliate_id, None::<&str>)
        .fetch_all(conn)
        .await?)
}

/// One document of this affiliate.
pub(super) async fn one(
    conn: &mut PgConnection,
    affiliate_id: i64,
    document_id: &str,
) -> Result<Option<Document>, Failure> {
    Ok(sqlx::query_file_as!(Document, "src/documents/documents.sql", affiliate_id, Some(document_id))
        .fetch_optional(conn)
        .await?)
}

pub(super) fn no_such_document() -> Failure {
    Failure::Missing("no_such_document", "there is no such document".to_owned())
}

impl DocumentAnswer {
    pub(super) fn new(document: Document, viewer: Viewer) -> Self {
        let of = match viewer {
            Viewer::Affiliate => OWN.to_owned(),
            Viewer::Operator => format!("/v1/affiliates/{}/documents", document.affiliate),
        };
        Self {
            object: "document",
            document_url: format!("{of}/{}/content", document.document_id),
            document_id: document.document_id,
            affiliate_id: document.affiliate,
            document_type: document.document_type,
            content_type: document.content_type,
            size_bytes: document.size_bytes,
            status: document.status,
            rejection_reason: document.rejection_reason,
            submitted_at: rfc3339(document.submitted_at),
            verified_at: document.verified_at.map(rfc3339),
            reviewer: document.reviewer.filter(|_| viewer == Viewer::Operator),
            row_version: document.row_version,
        }
    }
}
