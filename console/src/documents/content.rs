//! The file itself, as an attachment: nothing in it runs in a browser as if it were ours.

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse as _, Response};
use serde_json::json;
use sha2::{Digest as _, Sha256};

use super::answer::{Document, no_such_document, one};
use super::kind::Kind;
use crate::affiliates::{find, own_affiliate};
use crate::auth::{Caller, Scope};
use crate::conventions::{Named, possible};
use crate::problem::{Failure, ForPrograms, Problem};
use crate::server::App;
use crate::store::ObjectName;
use crate::{audit, db};

/// Should a browser open it after all: no script, no forms, no origin, nothing loaded.
const SANDBOX: &str = "sandbox; default-src 'none'; frame-ancestors 'none'";

/// A document of the caller's own.
#[utoipa::path(get, path = "/v1/affiliate/documents/{document_id}/content", tag = "documents", params(
    ("document_id" = String, Path, description = "`doc_…`"),
), responses(
    (status = 200, description = "The file, as an attachment"),
    (status = "4XX", description = "Refused", body = Problem, content_type = "application/problem+json"),
), security(("key" = []), ("session" = [])))]
pub(super) async fn own(State(app): State<App>, caller: Caller, Named(id): Named) -> Response {
    attached(content_own(&app, &caller, &id).await)
}

/// A document of any affiliate, for those who judge.
#[utoipa::path(get, path = "/v1/affiliates/{affiliate_id}/documents/{document_id}/content", tag = "documents", params(
    ("affiliate_id" = String, Path, description = "`aff_…`"),
    ("document_id" = String, Path, description = "`doc_…`"),
), responses(
    (status = 200, description = "The file, as an attachment"),
    (status = "4XX", description = "Refused", body = Problem, content_type = "application/problem+json"),
), security(("key" = []), ("session" = [])))]
pub(super) async fn of_affiliate(
    State(app): State<App>,
    caller: Caller,
    Named((affiliate, id)): Named<(String, String)>,
) -> Response {
    attached(content_of(&app, &caller, (&affiliate, &id)).await)
}

/// A file, and how it is sent.
pub(crate) struct Content {
    headers: [(header::HeaderName, HeaderValue); 3],
    bytes: Bytes,
}

/// The answer to a program that keeps the file.
pub(crate) fn attached(content: Result<Content, Failure>) -> Response {
    content.map_or_else(|failure| ForPrograms(failure).into_response(), kept)
}

/// The file to keep, for a program or a browser.
pub(crate) fn kept(Content { headers, bytes }: Content) -> Response {
    (headers, bytes).into_response()
}

/// A picture that a page of ours has in it: we saved it ourselves, and a browser draws it and does nothing else with it.
/// What is no picture stays a file to keep.
pub(crate) fn pictured(content: Content) -> Response {
    let is_picture = content.headers.iter().any(|(name, value)| {
        *name == header::CONTENT_TYPE && value.to_str().is_ok_and(|kind| kind.starts_with("image/"))
    });
    let mut response = kept(content);
    if is_picture {
        response.headers_mut().insert(header::CONTENT_DISPOSITION, HeaderValue::from_static("inline"));
    }
    response
}

/// A document of the caller's own.
pub(crate) async fn content_own(app: &App, caller: &Caller, id: &str) -> Result<Content, Failure> {
    read(app, caller, own_affiliate(caller)?, id).await
}

/// A document of any affiliate.
pub(crate) async fn content_of(
    app: &App,
    caller: &Caller,
    (affiliate, id): (&str, &str),
) -> Result<Content, Failure> {
    caller.require_operator()?;
    caller.require(Scope::AffiliatesReview)?;
    let mut snapshot = db::tenant_snapshot(app, caller).await?;
    let affiliate_id = find(&mut snapshot, affiliate).await?.ok_or_else(no_such_document)?;
    snapshot.commit().await?;
    read(app, caller, affiliate_id, id).await
}

/// Writes down who reads it before anything of it is sent.
pub(crate) async fn read(
    app: &App,
    caller: &Caller,
    affiliate_id: i64,
    document_id: &str,
) -> Result<Content, Failure> {
    let document_id = possible(document_id, no_such_document)?;
    let mut tx = db::tenant_tx(app, caller).await.map_err(Failure::writing)?;
    let document = one(&mut tx, affiliate_id, document_id).await?.ok_or_else(no_such_document)?;
    audit::record(&mut tx, caller, "document.read", document_id, None, Some(affiliate_id), json!({})).await?;
    tx.commit().await.map_err(Failure::writing)?;
    let bytes = app.cabinet.store.get(&ObjectName::stored(document.object_name.clone())).await?;
    if Sha256::digest(&bytes).as_slice() != document.content_sha256 {
        return Err(Failure::Fault(format!("the file of {document_id} is not the one that was stored")));
    }
    Ok(Content { headers: headers(&document)?, bytes })
}

fn headers(document: &Document) -> Result<[(header::HeaderName, HeaderValue); 3], Failure> {
    let kind = Kind::from_content_type(&document.content_type);
    let kind =
        kind.ok_or_else(|| Failure::Fault(format!("no kind of document: {}", document.content_type)))?;
    // The name is ours to give: whatever the affiliate called it is forgotten.
    let name = format!("attachment; filename=\"{}.{}\"", document.document_id, kind.extensions()[0]);
    let name = HeaderValue::try_from(name).map_err(|error| Failure::Fault(error.to_string()))?;
    Ok([
        (header::CONTENT_TYPE, HeaderValue::from_static(kind.content_type())),
        (header::CONTENT_DISPOSITION, name),
        (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(SANDBOX)),
    ])
}
