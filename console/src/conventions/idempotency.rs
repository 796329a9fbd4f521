//! `Idempotency-Key`: a request that creates something may be sent again after an answer that was lost, and gets the
//! first answer instead of a second thing.
//!
//! Invariant: under one key the work is begun at most once. If the console dies in between, nobody knows whether it was
//! done; then the key answers 409 for its day, and whoever asks looks before trying under another key.

use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use http_body_util::BodyExt as _;
use sha2::{Digest as _, Sha256};
use sqlx::PgPool;

use crate::auth::Caller;
use crate::body;
use crate::problem::{BadParameter, Failure, ForPrograms};
use crate::server::App;

/// The header.
pub const HEADER: &str = "idempotency-key";

/// Says that an answer is the first one, again.
const REPLAYED: &str = "idempotency-replayed";

/// Bytes of a key.
const MAX_KEY: usize = 255;

/// Bytes of a body that may be repeated so: everything here is created by small ones.
const MAX_BODY: usize = 64 * 1024;

/// Answers of a creation that are more than this are not kept; none are.
const MAX_ANSWER: usize = 256 * 1024;

/// Runs `work` on the body, once for every key of this caller. Without the header it is just run.
///
/// `work` commits by itself. An answer of 5xx, and 401, 403, 408 or 429, says that nothing was done: the key is free again.
pub async fn once<F, W>(app: &App, caller: &Caller, request: Request, work: W) -> Response
where
    W: FnOnce(HeaderMap, Bytes) -> F,
    F: Future<Output = Response>,
{
    once_within(MAX_BODY, app, caller, request, work).await
}

/// The same for a body of at most `limit` bytes.
pub async fn once_within<F, W>(
    limit: usize,
    app: &App,
    caller: &Caller,
    request: Request,
    work: W,
) -> Response
where
    W: FnOnce(HeaderMap, Bytes) -> F,
    F: Future<Output = Response>,
{
    let (parts, body) = request.into_parts();
    let outcome = async {
        let bytes = body::read(&parts.headers, body, limit).await?;
        let Some(key) = key(&parts.headers)? else { return Ok(work(parts.headers, bytes).await) };
        let (pool, caller) = (&app.accounts, caller.id());
        if let Some(first) = first(pool, &caller, &key, &digest(&parts, &bytes)).await? {
            return Ok(first);
        }
        keep(pool, &caller, &key, work(parts.headers, bytes).await).await
    };
    outcome.await.unwrap_or_else(|failure| ForPrograms(failure).into_response())
}

fn key(headers: &HeaderMap) -> Result<Option<String>, Failure> {
    let mut values = headers.get_all(HEADER).iter();
    let (value, None) = (values.next(), values.next()) else { return Err(bad_key()) };
    let Some(value) = value else { return Ok(None) };
    let key = value.to_str().map_err(|_| bad_key())?;
    if (1..=MAX_KEY).contains(&key.len()) { Ok(Some(key.to_owned())) } else { Err(bad_key()) }
}

fn bad_key() -> Failure {
    Failure::Parameters(vec![BadParameter {
        field: "Idempotency-Key".to_owned(),
        code: "invalid_idempotency_key",
        detail: format!("`Idempotency-Key` must be one value of 1 to {MAX_KEY} plain characters"),
    }])
}

/// What makes two requests the same: the address and every byte of the body.
fn digest(parts: &Parts, body: &[u8]) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(parts.method.as_str());
    hash.update([0]);
    hash.update(parts.uri.path_and_query().map_or("", |path| path.as_str()));
    hash.update([0]);
    hash.update(body);
    hash.finalize().into()
}

/// Takes the key, or answers as the one who took it was answered.
async fn first(
    pool: &PgPool,
    caller: &str,
    key: &str,
    digest: &[u8; 32],
) -> Result<Option<Response>, Failure> {
    let taken = sqlx::query!(
        "insert into idempotency_key (caller, idempotency_key, request_sha256) values ($1, $2, $3) on conflict do nothing",
        caller,
        key,
        digest.as_slice()
    )
    .execute(pool)
    .await
    .map_err(Failure::writing)?;
    if taken.rows_affected() == 1 {
        return Ok(None);
    }
    let found = sqlx::query!(
        "select request_sha256, status, body, content_type from idempotency_key where caller = $1 and idempotency_key = $2",
        caller,
        key
    )
    .fetch_optional(pool)
    .await?;
    // Freed between the two statements: what held it did nothing, so it is worth asking again.
    let row = found.ok_or(Failure::SameRequestRuns)?;
    if row.request_sha256 != digest {
        return Err(Failure::IdempotencyKeyReused);
    }
    let status = row.status.and_then(|status| StatusCode::from_u16(u16::try_from(status).ok()?).ok());
    let status = status.ok_or(Failure::SameRequestRuns)?;
    let mut response = (status, row.body.unwrap_or_default()).into_response();
    let headers = response.headers_mut();
    headers.remove(header::CONTENT_TYPE);
    if let Some(kind) = row.content_type.and_then(|kind| HeaderValue::try_from(kind).ok()) {
        headers.insert(header::CONTENT_TYPE, kind);
    }
    headers.insert(REPLAYED, HeaderValue::from_static("true"));
    Ok(Some(response))
}

/// Keeps the answer for whoever asks again, or frees the key when nothing was done.
async fn keep(pool: &PgPool, caller: &str, key: &str, response: Response) -> Result<Response, Failure> {
    let status = response.status();
    let nothing_was_done = status.is_server_error() || matches!(status.as_u16(), 401 | 403 | 408 | 429);
    if nothing_was_done {
        sqlx::query!(
            "delete from idempotency_key where caller = $1 and idempotency_key = $2 and status is null",
            caller,
            key
        )
        .execute(pool)
        .await
        .map_err(Failure::writing)?;
        return Ok(response);
    }
    let (parts, body) = response.into_parts();
    let bytes = http_body_util::Limited::new(body, MAX_ANSWER)
        .collect()
        .await
        .map(http_body_util::Collected::to_bytes);
    let bytes = bytes.map_err(|error| Failure::Fault(format!("an answer cannot be kept: {error}")))?;
    let kind = parts.headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    let kept = sqlx::query!(
        "update idempotency_key set status = $3, body = $4, content_type = $5 where caller = $1 and idempotency_key = $2",
        caller,
        key,
        i32::from(status.as_u16()),
        bytes.as_ref(),
        kind
    )
    .execute(pool)
    .await;
    if let Err(error) = kept {
        // The work is done; only somebody who asks again will be told less than we could.
        tracing::warn!(%error, "an answer was not kept for its Idempotency-Key");
    }
    Ok(Response::from_parts(parts, Body::from(bytes)))
}
