//! Requests and answers of one shape. A handler says who asks for what and leaves the rest to one inner function with
//! typed input and a typed answer, which the pages call as well; what is here turns the one into the other.

use std::pin::Pin;

use axum::Json;
use axum::body::Bytes;
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::etag;
use super::idempotency::once;
use crate::auth::Caller;
use crate::body;
use crate::problem::{Failure, ForPrograms};
use crate::server::App;

/// What an answer about one object needs of it.
pub(crate) trait Object: Serialize {
    /// Its version, for `ETag`. `None`: whoever asks may not change it.
    fn row_version(&self) -> Option<i64>;
    /// Where it is.
    fn path(&self) -> String;
}

/// What a handler comes to.
///
/// Boxed, as every layer around a handler asks the compiler whether its work may go to another thread: so that is answered
/// here, once, and not for all that the work consists of, again and again.
pub(crate) type Answer<'a> = Pin<Box<dyn Future<Output = Response> + Send + 'a>>;

/// An object as it is.
pub(crate) fn object<'a, T: Object>(
    found: impl Future<Output = Result<T, Failure>> + Send + 'a,
) -> Answer<'a> {
    Box::pin(async { shown(found.await) })
}

fn shown<T: Object>(found: Result<T, Failure>) -> Response {
    let response = |object: T| match object.row_version() {
        Some(version) => etag::versioned(version, object),
        None => Json(object).into_response(),
    };
    found.map_or_else(|failure| ForPrograms(failure).into_response(), response)
}

/// An object that was made.
pub(crate) fn created<'a, T: Object>(
    made: impl Future<Output = Result<T, Failure>> + Send + 'a,
) -> Answer<'a> {
    Box::pin(async {
        let made = made.await;
        let place = made.as_ref().ok().map(|object| HeaderValue::try_from(object.path()));
        let answer = shown(made);
        match place {
            None => answer,
            Some(place) => {
                let place = place.expect("paths of ours are plain");
                (StatusCode::CREATED, [(header::LOCATION, place)], answer).into_response()
            }
        }
    })
}

/// Anything else.
pub(crate) fn json<'a, T: Serialize>(
    answer: impl Future<Output = Result<T, Failure>> + Send + 'a,
) -> Answer<'a> {
    told(StatusCode::OK, answer)
}

/// What was made and has no address of its own.
pub(crate) fn made<'a, T: Serialize>(
    answer: impl Future<Output = Result<T, Failure>> + Send + 'a,
) -> Answer<'a> {
    told(StatusCode::CREATED, answer)
}

/// What will be done.
pub(crate) fn accepted<'a, T: Serialize>(
    answer: impl Future<Output = Result<T, Failure>> + Send + 'a,
) -> Answer<'a> {
    told(StatusCode::ACCEPTED, answer)
}

/// The answer where there is nothing to tell.
pub(crate) fn done<'a>(outcome: impl Future<Output = Result<(), Failure>> + Send + 'a) -> Answer<'a> {
    Box::pin(async {
        outcome.await.map_or_else(
            |failure| ForPrograms(failure).into_response(),
            |()| StatusCode::NO_CONTENT.into_response(),
        )
    })
}

fn told<'a, T: Serialize>(
    status: StatusCode,
    answer: impl Future<Output = Result<T, Failure>> + Send + 'a,
) -> Answer<'a> {
    Box::pin(async move {
        answer.await.map_or_else(
            |failure| ForPrograms(failure).into_response(),
            |answer| (status, Json(answer)).into_response(),
        )
    })
}

/// Makes something of a JSON body, once for every `Idempotency-Key`. Whoever may not is told before the body is read.
pub(crate) async fn creation<W, F>(
    app: &App,
    caller: &Caller,
    request: Request,
    may: fn(&Caller) -> Result<(), Failure>,
    make: impl FnOnce(W) -> F,
) -> Response
where
    W: DeserializeOwned,
    F: Future<Output = Response>,
{
    if let Err(failure) = may(caller) {
        return ForPrograms(failure).into_response();
    }
    let work = async |headers: HeaderMap, bytes: Bytes| match body::json(&headers, &bytes) {
        Ok(wanted) => make(wanted).await,
        Err(failure) => ForPrograms(failure).into_response(),
    };
    once(app, caller, request, work).await
}

/// Changes something as a JSON body of at most `limit` bytes says.
pub(crate) fn changed<'a, W, T, F>(
    limit: usize,
    request: Request,
    amend: impl FnOnce(W) -> F + Send + 'a,
) -> Answer<'a>
where
    W: DeserializeOwned + Send,
    T: Object,
    F: Future<Output = Result<T, Failure>> + Send,
{
    object(async move { amend(body::json_of(limit, request).await?).await })
}
