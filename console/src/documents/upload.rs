//! `POST /v1/affiliate/documents`: one file, as the body or in a form.

use std::time::Duration;

use axum::extract::{RawQuery, Request, State};
use axum::response::Response;
use serde_json::json;
use sqlx::PgConnection;
use utoipa::ToSchema;

use super::answer::{Document, DocumentAnswer, Viewer};
use super::inspect::{Fit, inspect};
use super::received::{Upload, read, unwanted};
use super::{MAX_DOCUMENTS, OWN};
use crate::affiliates::own_affiliate;
use crate::api::given::Given;
use crate::auth::{Caller, Scope, csrf};
use crate::conventions::{created, words};
use crate::problem::{Failure, Problem, unusable};
use crate::server::App;
use crate::store::{ObjectName, StoreError};
use crate::{audit, db};

/// The kinds of proof, as Postgres checks them.
pub(crate) const TYPES: [&str; 6] = ["identity", "address", "tax", "bank", "company", "other"];

words! {
    /// Which proof a document is.
    Type: TYPES
}

/// How long an upload waits until another one is through.
const TURN: Duration = Duration::from_secs(1);

/// What a form has.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = DocumentForm)]
#[expect(dead_code, reason = "it only describes what is read piece by piece")]
struct Form {
    /// Which proof it is, unless the address says it.
    #[schema(value_type = Type, required = false, inline)]
    document_type: String,
    /// JPG, PNG, WEBP or PDF, 5 MB at most.
    #[schema(value_type = String, format = Binary, min_length = 1)]
    file: Vec<u8>,
}

/// Takes in one document.
#[utoipa::path(post, path = OWN, tag = "documents", params(
    ("type" = inline(Option<Type>), Query, description = "Which proof it is; forms may say it in `document_type`"),
), request_body(content(
    (Form = "multipart/form-data"), (Vec<u8> = "image/jpeg"), (Vec<u8> = "image/png"), (Vec<u8> = "image/webp"),
    (Vec<u8> = "application/pdf"),
)), responses(
    (status = 201, description = "Taken in", body = DocumentAnswer, headers(("etag" = String, description = "Its version"))),
    (status = "4XX", description = "Refused", body = Problem, content_type = "application/problem+json"),
), security(("key" = []), ("session" = [])))]
pub(super) async fn upload(
    State(app): State<App>,
    caller: Caller,
    RawQuery(query): RawQuery,
    request: Request,
) -> Response {
    let taken = async {
        may_send(&caller)?;
        let mut given = Given::read(query.as_deref().unwrap_or_default());
        let asked = given.word("type", &TYPES);
        given.finish("type").map_err(Failure::Parameters)?;
        take(&app, &caller, asked, request).await
    };
    created(taken).await
}

/// The affiliate whose documents are the caller's own.
fn may_send(caller: &Caller) -> Result<i64, Failure> {
    let affiliate_id = own_affiliate(caller)?;
    caller.require(Scope::ProgrammeWrite)?;
    Ok(affiliate_id)
}

/// Takes a document in: the request's body or a form in it, of the type that the address asks for or the form says.
pub(crate) async fn take(
    app: &App,
    caller: &Caller,
    asked: Option<String>,
    request: Request,
) -> Result<DocumentAnswer, Failure> {
    let check = |token: Option<&str>| token.map_or(Ok(()), |_| Err(unwanted(csrf::FIELD)));
    arrive(app, caller, asked, request, check).await
}

/// Takes a document in from the form of a page of ours.
pub(crate) async fn take_form(
    app: &App,
    caller: &Caller,
    request: Request,
) -> Result<DocumentAnswer, Failure> {
    let check = |token: Option<&str>| csrf::check(caller, token.unwrap_or_default().as_bytes());
    arrive(app, caller, None, request, check).await
}

/// Reads a document, and looks at it when the token that came with it is as it must be.
async fn arrive(
    app: &App,
    caller: &Caller,
    asked: Option<String>,
    request: Request,
    check: impl FnOnce(Option<&str>) -> Result<(), Failure>,
) -> Result<DocumentAnswer, Failure> {
    let affiliate_id = may_send(caller)?;
    // Whoever has enough need not send another five megabytes to be told so.
    let mut snapshot = db::tenant_snapshot(app, caller).await?;
    check_quota(count(&mut snapshot, affiliate_id).await?)?;
    snapshot.commit().await?;

    let turn = tokio::time::timeout(TURN, app.cabinet.uploads.acquire()).await;
    let Ok(Ok(_turn)) = turn else { return Err(StoreError::Busy.into()) };
    let Upload { file, document_type, csrf_token } = read(request).await?;
    check(csrf_token.as_deref())?;
    let document_type = kind_of_proof(asked, document_type)?;
    let fit = inspect(&app.cabinet, file).await?;
    let document = keep(app, caller, affiliate_id, &document_type, fit).await?;
    Ok(DocumentAnswer::new(document, Viewer::Affiliate))
}

/// The type of document, from the address or from the form.
fn kind_of_proof(asked: Option<String>, in_form: Option<String>) -> Result<String, Failure> {
    let known = TYPES.join(", ");
    match (asked, in_form) {
        (Some(asked), None) => Ok(asked),
        (None, Some(said)) if TYPES.contains(&said.as_str()) => Ok(said),
        (None, Some(_)) => {
            Err(unusable("document_type", "unknown_value", format!("`document_type` must be one of {known}")))
        }
        (None, None) => {
            let detail =
                format!("say which document it is: ?type= or a form's part `document_type`, one of {known}");
            Err(unusable("document_type", "missing_field", detail))
        }
        (Some(_), Some(_)) => {
            Err(unusable("document_type", "repeated_field", "say `type` or `document_type`, not both"))
        }
    }
}

/// The row, the audit and the file, or none of them.
async fn keep(
    app: &App,
    caller: &Caller,
    affiliate_id: i64,
    document_type: &str,
    fit: Fit,
) -> Result<Document, Failure> {
    let name = ObjectName::random()?;
    let mut tx = db::tenant_tx(app, caller).await.map_err(Failure::writing)?;
    let stored = async {
        // Two uploads of one affiliate count each other.
        sqlx::query!(
            "select affiliate_id from affiliate where affiliate_id = $1 for no key update",
            affiliate_id
        )
        .fetch_one(&mut *tx)
        .await
        .map_err(Failure::writing)?;
        check_quota(count(&mut tx, affiliate_id).await?)?;
        let document_id = insert(&mut tx, affiliate_id, document_type, &name, &fit).await?;
        let detail = json!({"document_type": document_type, "content_type": fit.kind.content_type(), "size_bytes": fit.content.len()});
        audit::record(&mut tx, caller, "document.submit", &document_id, None, Some(affiliate_id), detail)
            .await?;
        let document = super::answer::one(&mut tx, affiliate_id, &document_id).await?;
        app.cabinet.store.put(&name, fit.content).await?;
        document.ok_or_else(|| Failure::Fault("a document that was just written is not there".to_owned()))
    };
    let document = stored.await?;
    if let Err(error) = tx.commit().await {
        if let Err(error) = app.cabinet.store.delete(&name).await {
            tracing::warn!(%error, object = name.as_str(), "a file without a document was left behind");
        }
        return Err(Failure::writing(error));
    }
    Ok(document)
}

async fn insert(
    conn: &mut PgConnection,
    affiliate_id: i64,
    document_type: &str,
    name: &ObjectName,
    fit: &Fit,
) -> Result<String, Failure> {
    sqlx::query_scalar!(
        "insert into verification_document \
         (affiliate_id, document_type, object_name, content_type, size_bytes, content_sha256) \
         values ($1, $2, $3, $4, $5, $6) returning document_id",
        affiliate_id,
        document_type,
        name.as_str(),
        fit.kind.content_type(),
        fit.content.len() as i64,
        fit.sha256.as_slice()
    )
    .fetch_one(conn)
    .await
    .map_err(Failure::writing)
}

async fn count(conn: &mut PgConnection, affiliate_id: i64) -> Result<i64, Failure> {
    let counted = sqlx::query_scalar!(
        "select count(*) from verification_document where affiliate_id = $1",
        affiliate_id
    );
    Ok(counted.fetch_one(conn).await?.unwrap_or_default())
}

fn check_quota(count: i64) -> Result<(), Failure> {
    if count < MAX_DOCUMENTS {
        return Ok(());
    }
    let words = format!(
        "you have sent {MAX_DOCUMENTS} documents, which is as many as are kept; ask us to remove one"
    );
    Err(Failure::Quota("too_many_documents", words))
}
