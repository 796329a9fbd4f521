//! `POST /v1/orders` and `POST /v1/orders/batch`: a shop's own program reports with an API key.

use axum::Json;
use axum::extract::{Request, State};
use axum::response::{IntoResponse as _, Response};

use super::answer::{self, Answer, Answers};
use super::assign::Tenant;
use super::described::{OrderEvent, OrderEvents};
use super::fields::{Fields, Flaws};
use super::json::Json as Body;
use super::order;
use super::write::Source;
use crate::auth::{Caller, Scope};
use crate::body;
use crate::problem::{Failure, Problem};
use crate::server::App;

/// Bytes of one event: 500 items with long names.
const MAX_EVENT: usize = 256 * 1024;

/// Bytes of a batch: 500 events of two kilobytes.
const MAX_BATCH: usize = 1024 * 1024;

/// Events in a batch: one transaction of some tens of milliseconds.
const MAX_EVENTS: usize = 500;

/// One event.
#[utoipa::path(post, path = "/v1/orders", tag = "orders", request_body = OrderEvent, responses(
    (status = 201, description = "Taken in", body = Answer),
    (status = 200, description = "Known already; nothing was changed", body = Answer),
    (status = 202, description = "Kept, and takes no part until somebody has let it in", body = Answer),
    (status = "4XX", description = "Refused", body = Problem, content_type = "application/problem+json"),
), security(("key" = []), ("session" = [])))]
pub(super) async fn one(State(app): State<App>, caller: Caller, request: Request) -> Response {
    let taken = async {
        let body = read(&caller, request, MAX_EVENT).await?;
        let draft = order::read(body, None)?;
        app.door.take_in(Tenant::from(caller.vendor()), Source::Api, vec![Ok(draft)]).await
    };
    match taken.await {
        Ok(fates) => answer::together(Source::Api, fates),
        Err(failure) => answer::refused(Source::Api, failure),
    }
}

/// Up to 500 events in one transaction; each has its own outcome.
#[utoipa::path(post, path = "/v1/orders/batch", tag = "orders", request_body = OrderEvents, responses(
    (status = 200, description = "What became of each", body = Answers),
    (status = "4XX", description = "Refused", body = Problem, content_type = "application/problem+json"),
), security(("key" = []), ("session" = [])))]
pub(super) async fn batch(State(app): State<App>, caller: Caller, request: Request) -> Response {
    match batch_of(&app, &caller, request).await {
        Ok(answers) => Json(answers).into_response(),
        Err(failure) => answer::refused(Source::Api, failure),
    }
}

async fn batch_of(app: &App, caller: &Caller, request: Request) -> Result<Answers, Failure> {
    let events = events(read(caller, request, MAX_BATCH).await?)?;
    let names: Vec<Option<String>> =
        events.iter().map(|event| event.get("event_id").and_then(Body::text).map(str::to_owned)).collect();
    let drafts = events.into_iter().map(|event| order::read(event, None)).collect();
    let fates = app.door.take_in(Tenant::from(caller.vendor()), Source::Api, drafts).await?;
    let answers = names.into_iter().zip(fates).map(|(name, fate)| answer::within(Source::Api, name, fate));
    Ok(Answers::new(answers.collect::<Vec<Answer>>()))
}

async fn read(caller: &Caller, request: Request, limit: usize) -> Result<Body, Failure> {
    caller.require(Scope::OrdersWrite)?;
    let (parts, body) = request.into_parts();
    body::expect_json(&parts.headers)?;
    Body::parse(&body::read(&parts.headers, body, limit).await?)
}

fn events(body: Body) -> Result<Vec<Body>, Failure> {
    let mut flaws = Flaws::new();
    let mut fields = Fields::of("", body, &mut flaws);
    let events = fields.list("events", &mut flaws);
    if flaws.is_empty() && (events.is_empty() || events.len() > MAX_EVENTS) {
        let words = format!("must hold 1 to {MAX_EVENTS} events, not {}", events.len());
        fields.refuse("events", "bad_batch_size", words, &mut flaws);
    }
    fields.finish(&mut flaws);
    if flaws.is_empty() { Ok(events) } else { Err(Failure::Content(flaws)) }
}
