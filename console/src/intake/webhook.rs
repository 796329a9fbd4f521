//! `POST /v1/webhooks/{webhook_endpoint_id}`: a shop system reports with its own signature and in its own words.

use axum::body::Bytes;
use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use axum::response::Response;
use runtime::clock;

use super::answer::Answer;
use super::draft::Draft;
use super::endpoint::{self, Endpoint, header};
use super::json::Json;
use super::shop::Reading;
use super::write::Source;
use super::{answer, order, shopify, signature, stripe, woocommerce};
use crate::body;
use crate::problem::{Failure, Problem};
use crate::server::App;

/// Bytes of an event in our own shape, as at `/v1/orders`.
const MAX_OWN: usize = 256 * 1024;

/// Bytes of a shop system's payload: two kilobytes for each of 500 lines.
const MAX_PAYLOAD: usize = 1024 * 1024;

/// One call.
#[utoipa::path(post, path = "/v1/webhooks/{webhook_endpoint_id}", tag = "orders", params(
    ("webhook_endpoint_id" = String, Path, description = "`whk_…`"),
), request_body(
    content = Object, content_type = "application/json",
    description = "What the shop system sends, with its signature: Standard Webhooks, Stripe, Shopify or WooCommerce",
), responses(
    (status = 201, description = "Taken in", body = Answer),
    (status = 200, description = "Known already; nothing was changed", body = Answer),
    (status = 202, description = "Kept, and takes no part until somebody has let it in", body = Answer),
    (status = "4XX", description = "Refused", body = Problem, content_type = "application/problem+json"),
    (status = 503, description = "The console has no secret to check signatures with", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn receive(State(app): State<App>, Path(name): Path<String>, request: Request) -> Response {
    let endpoint = match endpoint::find(&app, &name, |source| source != Source::Postback).await {
        Ok(endpoint) => endpoint,
        // Which source it would have been is not known.
        Err(failure) => return answer::refused(Source::Standard, failure),
    };
    let source = endpoint.source;
    let taken = async {
        let (parts, body) = request.into_parts();
        let limit = if source == Source::Standard { MAX_OWN } else { MAX_PAYLOAD };
        let bytes = body::read(&parts.headers, body, limit).await?;
        if source == Source::WooCommerce && woocommerce::is_ping(&bytes) {
            return Ok(Reading::Nothing("ping", "the webhook is set up; its orders are taken in".to_owned()));
        }
        verify(&endpoint, &parts.headers, &bytes)?;
        read(source, &parts.headers, &bytes)
    };
    match taken.await {
        Ok(reading) => conclude(&app, &endpoint, reading).await,
        Err(failure) => answer::refused(source, failure),
    }
}

/// Writes down what was read, and answers.
pub(super) async fn conclude(app: &App, endpoint: &Endpoint, reading: Reading) -> Response {
    let drafts = match reading {
        Reading::Nothing(code, words) => return answer::ignored(endpoint.source, code, words),
        Reading::Events(drafts) => drafts,
    };
    if drafts.is_empty() {
        return answer::ignored(endpoint.source, "nothing_new", "it reports nothing that counts".to_owned());
    }
    if let Some(flaws) = drafts.iter().map(Draft::check).find(|flaws| !flaws.is_empty()) {
        return answer::refused(endpoint.source, Failure::Content(flaws));
    }
    let drafts = drafts.into_iter().map(Ok).collect();
    match app.door.take_in(endpoint.tenant, endpoint.source, drafts).await {
        Ok(fates) => answer::together(endpoint.source, fates),
        Err(failure) => answer::refused(endpoint.source, failure),
    }
}

fn verify(endpoint: &Endpoint, headers: &HeaderMap, body: &Bytes) -> Result<(), Failure> {
    let (secrets, now_s) = (endpoint.secrets.as_slice(), clock::now_ms() / 1_000);
    let verdict = match endpoint.source {
        Source::Stripe => signature::stripe(secrets, header(headers, "stripe-signature"), body, now_s),
        Source::Shopify => signature::of_body(secrets, header(headers, "x-shopify-hmac-sha256"), body),
        Source::WooCommerce => signature::of_body(secrets, header(headers, "x-wc-webhook-signature"), body),
        Source::Api | Source::Standard | Source::Postback => {
            let named =
                ["webhook-id", "webhook-timestamp", "webhook-signature"].map(|name| header(headers, name));
            signature::standard(secrets, named, body, now_s)
        }
    };
    verdict.map_err(Failure::BadSignature)
}

/// Only after its signature was found good.
fn read(source: Source, headers: &HeaderMap, bytes: &Bytes) -> Result<Reading, Failure> {
    let body = Json::parse(bytes)?;
    match source {
        Source::Stripe => stripe::read(&body),
        Source::Shopify => shopify::read(header(headers, "x-shopify-topic"), &body),
        Source::WooCommerce => woocommerce::read(header(headers, "x-wc-webhook-topic"), &body),
        Source::Api | Source::Standard | Source::Postback => {
            order::read(body, header(headers, "webhook-id")).map(Reading::one)
        }
    }
}

/// How many events a body reports that a shop system (as [`Source::name`] has it) sent with this topic, or the code of
/// what is wrong with it. What [`receive`] does between the signature and the database, for tests that make bodies up.
pub fn judge(source: &str, topic: &str, body: &[u8]) -> Result<usize, &'static str> {
    let source = Source::from_name(source).ok_or("no_such_source")?;
    let headers = ["x-shopify-topic", "x-wc-webhook-topic", "webhook-id"].map(|name| {
        let topic = HeaderValue::from_bytes(topic.as_bytes());
        (HeaderName::from_static(name), topic.unwrap_or(HeaderValue::from_static("")))
    });
    let reading = read(source, &HeaderMap::from_iter(headers), &Bytes::copy_from_slice(body));
    let drafts = match reading.map_err(|failure| failure.kind().1)? {
        Reading::Nothing(..) => return Ok(0),
        Reading::Events(drafts) => drafts,
    };
    match drafts.iter().flat_map(Draft::check).next() {
        Some(flaw) => Err(flaw.code),
        None => Ok(drafts.len()),
    }
}
