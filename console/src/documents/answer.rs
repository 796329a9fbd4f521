//! Documents as programs read them.

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::response::{IntoResponse as _, Response};
use chrono::{DateTime, Utc};
use serde::Serialize;
use sqlx::PgConnection;
use utoipa::ToSchema;

use super::OWN;
use crate::affiliates::{Named, find, name_in, no_such_affiliate, own_affiliate};
use crate::api::answer::rfc3339;
use crate::api::given::is_name;
use crate::auth::{Caller, Scope};
use crate::db;
use crate::problem::{Failure, ForPrograms, Problem};
use crate::server::App;

/// A document without its file.
#[derive(Debug, Clone)]
#[expect(clippy::struct_field_names, reason = "fields are called as their columns are")]
pub(super) struct Document {
    pub(super) document_id: String,
    pub(super) affiliate: String,
    pub(super) document_type: String,
    pub(super) object_name: String,
    pub(super) content_type: String,
    pub(super) content_sha256: Vec<u8>,
    pub(super) size_bytes: i64,
    pub(super) status: String,
    pub(super) rejection_reason: Option<String>,
    pub(super) submitted_at: DateTime<Utc>,
    pub(super) verified_at: Option<DateTime<Utc>>,
    pub(super) reviewer: Option<String>,
    pub(super) row_version: i64,
}

/// What is in the address of a document that is not one's own: whose it is, and its name.
pub(super) type NamedInside = Result<Path<(String, String)>, PathRejection>;

/// The names in such an address. What cannot be a name is nobody's.
pub(super) fn inside(named: NamedInside) -> Result<(String, String), Failure> {
    let both = named.ok().map(|Path(both)| both);
    both.filter(|(_, document_id)| is_name(document_id)).ok_or_else(no_such_document)
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
pub(super) struct DocumentAnswer {
    #[schema(example = "document")]
    object: &'static str,
    document_id: String,
    affiliate_id: String,
    document_type: String,
    document_url: String,
    content_type: String,
    size_bytes: i64,
    status: String,
    rejection_reason: Option<String>,
    submitted_at: String,
    verified_at: Option<String>,
    reviewer: Option<String>,
}

/// All documents of one affiliate: there are never more than a page of them.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct DocumentList {
    #[schema(example = "list")]
    object: &'static str,
    has_more: bool,
    data: Vec<DocumentAnswer>,
}

/// The caller's own documents.
#[utoipa::path(get, path = OWN, tag = "documents", responses(
    (status = 200, description = "One's own documents", body = DocumentList),
    (status = "4XX", description = "Refused", body = Problem, content_type = "application/problem+json"),
), security(("key" = []), ("session" = [])))]
pub(super) async fn own(State(app): State<App>, caller: Caller) -> Response {
    let listed = async {
        let affiliate_id = own_affiliate(&caller)?;
        let mut snapshot = db::tenant_snapshot(&app, &caller).await?;
        let documents = all(&mut snapshot, affiliate_id).await?;
        snapshot.commit().await?;
        Ok(documents)
    };
    answer(listed.await, Viewer::Affiliate)
}

/// Any affiliate's documents, for those who judge.
#[utoipa::path(get, path = "/v1/affiliates/{affiliate_id}/documents", tag = "documents", params(
    ("affiliate_id" = String, Path, description = "`aff_…`"),
), responses(
    (status = 200, description = "All documents of the affiliate", body = DocumentList),
    (status = "4XX", description = "Refused", body = Problem, content_type = "application/problem+json"),
), security(("key" = []), ("session" = [])))]
pub(super) async fn of_affiliate(State(app): State<App>, caller: Caller, named: Named) -> Response {
    let listed = async {
        caller.require_operator()?;
        caller.require(Scope::AffiliatesReview)?;
        let mut snapshot = db::tenant_snapshot(&app, &caller).await?;
        let affiliate_id = find(&mut snapshot, &name_in(named)?).await?.ok_or_else(no_such_affiliate)?;
        let documents = all(&mut snapshot, affiliate_id).await?;
        snapshot.commit().await?;
        Ok(documents)
    };
    answer(listed.await, Viewer::Operator)
}

fn answer(listed: Result<Vec<Document>, Failure>, viewer: Viewer) -> Response {
    let list = listed.map(|documents| DocumentList {
        object: "list",
        has_more: false,
        data: documents.into_iter().map(|document| DocumentAnswer::new(document, viewer)).collect(),
    });
    list.map_or_else(|failure| ForPrograms(failure).into_response(), |list| axum::Json(list).into_response())
}

/// Every document of an affiliate, newest first.
async fn all(conn: &mut PgConnection, affiliate_id: i64) -> Result<Vec<Document>, Failure> {
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
        }
    }
}
