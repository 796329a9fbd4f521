//! Judging a document: once, by an operator, with a reason when it is not good enough.

use axum::extract::{Request, State};
use axum::response::Response;
use serde_json::json;
use sqlx::PgConnection;

use super::answer::{Document, DocumentAnswer, Viewer, no_such_document, one};
use crate::affiliates::reason::{NoBody, Reason, WithReason};
use crate::affiliates::{find, letters};
use crate::auth::{Caller, Scope};
use crate::conventions::{IfMatch, Named, Versioned, done, illegal_state, object, possible};
use crate::problem::{Failure, Problem};
use crate::server::App;
use crate::store::ObjectName;
use crate::{audit, db};

/// What was found.
#[derive(Debug)]
pub(crate) enum Finding {
    /// It is good.
    Approved,
    /// It is not, and this is why.
    Rejected(Reason),
}

impl Finding {
    fn status(&self) -> &'static str {
        match self {
            Self::Approved => "approved",
            Self::Rejected(_) => "rejected",
        }
    }

    fn action(&self) -> &'static str {
        match self {
            Self::Approved => "document.approve",
            Self::Rejected(_) => "document.reject",
        }
    }

    fn reason(&self) -> Option<&str> {
        match self {
            Self::Approved => None,
            Self::Rejected(reason) => Some(reason.as_str()),
        }
    }
}

/// It is good.
#[utoipa::path(post, path = "/v1/affiliates/{affiliate_id}/documents/{document_id}/approve", tag = "documents", params(
    ("affiliate_id" = String, Path, description = "`aff_…`"),
    ("document_id" = String, Path, description = "`doc_…`"),
    Versioned,
), responses(
    (status = 200, description = "Approved", body = DocumentAnswer, headers(("etag" = String, description = "Its version"))),
    (status = "4XX", description = "Refused", body = Problem, content_type = "application/problem+json"),
), security(("key" = []), ("session" = [])))]
pub(super) async fn approve(
    State(app): State<App>,
    caller: Caller,
    Named((affiliate, id)): Named<(String, String)>,
    if_match: IfMatch,
    request: Request,
) -> Response {
    let judged = async {
        may_judge(&caller)?;
        NoBody::read(request).await?;
        judge(&app, &caller, &if_match, (&affiliate, &id), Finding::Approved).await
    };
    object(judged).await
}

/// It is not, and this is why.
#[utoipa::path(post, path = "/v1/affiliates/{affiliate_id}/documents/{document_id}/reject", tag = "documents", params(
    ("affiliate_id" = String, Path, description = "`aff_…`"),
    ("document_id" = String, Path, description = "`doc_…`"),
    Versioned,
), request_body = WithReason, responses(
    (status = 200, description = "Rejected", body = DocumentAnswer, headers(("etag" = String, description = "Its version"))),
    (status = "4XX", description = "Refused", body = Problem, content_type = "application/problem+json"),
), security(("key" = []), ("session" = [])))]
pub(super) async fn reject(
    State(app): State<App>,
    caller: Caller,
    Named((affiliate, id)): Named<(String, String)>,
    if_match: IfMatch,
    request: Request,
) -> Response {
    let judged = async {
        may_judge(&caller)?;
        let finding = Finding::Rejected(Reason::read(request).await?);
        judge(&app, &caller, &if_match, (&affiliate, &id), finding).await
    };
    object(judged).await
}

/// Removes a document and its file, as somebody's right to be forgotten wants it.
#[utoipa::path(delete, path = "/v1/affiliates/{affiliate_id}/documents/{document_id}", tag = "documents", params(
    ("affiliate_id" = String, Path, description = "`aff_…`"),
    ("document_id" = String, Path, description = "`doc_…`"),
    Versioned,
), responses(
    (status = 204, description = "Gone, with its file"),
    (status = "4XX", description = "Refused", body = Problem, content_type = "application/problem+json"),
), security(("key" = []), ("session" = [])))]
pub(super) async fn delete(
    State(app): State<App>,
    caller: Caller,
    Named((affiliate, id)): Named<(String, String)>,
    if_match: IfMatch,
) -> Response {
    done(remove(&app, &caller, &if_match, (&affiliate, &id))).await
}

/// Removes a document of an affiliate, and its file.
pub(crate) async fn remove(
    app: &App,
    caller: &Caller,
    if_match: &IfMatch,
    (affiliate, id): (&str, &str),
) -> Result<(), Failure> {
    may_judge(caller)?;
    let mut tx = db::tenant_tx(app, caller).await.map_err(Failure::writing)?;
    let (affiliate_id, document) = locked(&mut tx, affiliate, id, if_match).await?;
    sqlx::query!("delete from verification_document where document_id = $1", id)
        .execute(&mut *tx)
        .await
        .map_err(Failure::writing)?;
    let detail = json!({"document_type": document.document_type, "status": document.status});
    audit::record(&mut tx, caller, "document.delete", id, None, Some(affiliate_id), detail).await?;
    // The file first: a row without a file is seen and can be deleted again, a file without a row is not.
    app.cabinet.store.delete(&ObjectName::stored(document.object_name)).await?;
    tx.commit().await.map_err(Failure::writing)
}

fn may_judge(caller: &Caller) -> Result<(), Failure> {
    caller.require_operator()?;
    caller.require(Scope::AffiliatesReview)
}

/// Judges a document of an affiliate.
pub(crate) async fn judge(
    app: &App,
    caller: &Caller,
    if_match: &IfMatch,
    (affiliate, id): (&str, &str),
    finding: Finding,
) -> Result<DocumentAnswer, Failure> {
    may_judge(caller)?;
    let mut tx = db::tenant_tx(app, caller).await.map_err(Failure::writing)?;
    let (affiliate_id, document) = locked(&mut tx, affiliate, id, if_match).await?;
    if document.status != "pending" {
        return Err(illegal_state("document", &document.status, finding.status()));
    }
    sqlx::query!(
        "update verification_document set status = $2, rejection_reason = $3, reviewer = $4, verified_at = now(), \
         row_version = row_version + 1 where document_id = $1",
        id,
        finding.status(),
        finding.reason(),
        caller.actor()
    )
    .execute(&mut *tx)
    .await
    .map_err(Failure::writing)?;
    let detail = json!({"document_type": document.document_type, "reason": finding.reason()});
    audit::record(&mut tx, caller, finding.action(), id, None, Some(affiliate_id), detail).await?;
    if let Finding::Rejected(reason) = &finding {
        letters::document_rejected(&mut tx, affiliate_id, &document.document_type, reason).await?;
    }
    let judged = one(&mut tx, affiliate_id, id).await?.ok_or_else(no_such_document)?;
    tx.commit().await.map_err(Failure::writing)?;
    Ok(DocumentAnswer::new(judged, Viewer::Operator))
}

/// The document as it is now, and stays until this transaction ends.
async fn locked(
    conn: &mut PgConnection,
    affiliate: &str,
    document_id: &str,
    if_match: &IfMatch,
) -> Result<(i64, Document), Failure> {
    let document_id = possible(document_id, no_such_document)?;
    let affiliate_id = find(&mut *conn, affiliate).await?.ok_or_else(no_such_document)?;
    sqlx::query!(
        "select document_id from verification_document where document_id = $1 and affiliate_id = $2 for update",
        document_id,
        affiliate_id
    )
    .fetch_optional(&mut *conn)
    .await
    .map_err(Failure::writing)?
    .ok_or_else(no_such_document)?;
    let document = one(conn, affiliate_id, document_id).await?.ok_or_else(no_such_document)?;
    if_match.check(document.row_version)?;
    Ok((affiliate_id, document))
}
