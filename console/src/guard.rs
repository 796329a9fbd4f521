//! What every request passes before it reaches a page, and every answer on its way out.
//!
//! Invariant: no answer leaves without the security headers, whoever made it, and no request from another site's page
//! (a foreign name in Host) is answered with data. Work on a request ends by its own limits, never by being dropped.

use std::sync::Arc;
use std::time::Duration;

use axum::body::HttpBody as _;
use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use metrics::{counter, histogram};
use runtime::{clock, traces};
use tracing::field::Empty;
use tracing::{Instrument as _, Span, info_span};

use crate::front::Front;
use crate::intake::snippet;
use crate::pages::own;
use crate::problem::{Failure, ForPeople, ForPrograms};
use crate::{assets, documents};

/// How long a person or program waits at most. Longer than one statement may run, shorter than a browser's patience.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(15);

/// How long whoever sends a document waits: as long as it may take to arrive, and then like everybody.
const UPLOAD_TIMEOUT: Duration = REQUEST_TIMEOUT.saturating_add(documents::LONGEST_UPLOAD);

/// What pages may load: our own style sheets, scripts, font and pictures, and nothing else. No script or style stands
/// in a page itself, nobody else is asked for anything, no frame holds us.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; font-src 'self'; \
     img-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// Browsers that came through TLS once come no other way for two years.
const ONLY_TLS: &str = "max-age=63072000";

/// Headers of every answer. Other sites are told nothing of ours; with `no-referrer` browsers would send our own forms with
/// `Origin: null`.
const HEADERS: [(&str, &str); 7] = [
    ("content-security-policy", CONTENT_SECURITY_POLICY),
    ("x-content-type-options", "nosniff"),
    ("x-frame-options", "DENY"),
    ("referrer-policy", "same-origin"),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
    ("permissions-policy", "camera=(), geolocation=(), microphone=()"),
];

/// The middleware around all routes.
pub async fn guard(State(front): State<Arc<Front>>, request: Request, next: Next) -> Response {
    let started = clock::monotonic();
    let route = request.extensions().get::<MatchedPath>().map_or("none", MatchedPath::as_str).to_owned();
    let audience = Audience::of(request.uri().path());
    let has_body = is_read_with_body(&request);
    let span = span(&request, &route);
    let handled = match front.check_host(request.headers()) {
        Err(failure) => Err(failure),
        Ok(()) => {
            contain(request, next, patience(&route)).instrument(span.clone()).await.and_then(|response| {
                // Whether there is such a route, and whether it reads, is known by now, and comes first.
                let reads =
                    !matches!(response.status(), StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED);
                if has_body && reads { Err(Failure::Body) } else { Ok(response) }
            })
        }
    };
    let mut response = handled.unwrap_or_else(|failure| audience.show(failure));
    add_headers(&front, response.headers_mut());
    tell(&span, response.status());
    let status = response.status().as_u16().to_string();
    counter!("console_requests_total", "route" => route.clone(), "status" => status).increment(1);
    histogram!("console_request_duration_seconds", "route" => route).record(started.elapsed().as_secs_f64());
    response
}

/// The request in a trace: its route and never its address, which may say more than others may read.
fn span(request: &Request, route: &str) -> Span {
    let method = request.method();
    let span = info_span!(
        "request",
        otel.name = format!("{method} {route}"),
        otel.kind = "server",
        otel.status_code = Empty,
        http.request.method = %method,
        http.route = route,
        http.response.status_code = Empty,
    );
    traces::follow(&span, request.headers());
    span
}

/// What became of it: a refusal is no failure of ours.
fn tell(span: &Span, status: StatusCode) {
    span.record("http.response.status_code", status.as_u16());
    if status.is_server_error() {
        span.record("otel.status_code", "ERROR");
    }
}

/// The answer to a method that a route does not answer. The router adds the Allow header.
pub async fn other_method(uri: Uri) -> Response {
    Audience::of(uri.path()).show(Failure::Method)
}

/// The answer where no route leads.
pub async fn nowhere(uri: Uri) -> Response {
    Audience::of(uri.path()).show(Failure::NoSuchPage)
}

/// Who reads the answer.
#[derive(Clone, Copy)]
enum Audience {
    Programs,
    People,
}

impl Audience {
    fn of(path: &str) -> Self {
        if path == "/v1" || path.starts_with("/v1/") { Self::Programs } else { Self::People }
    }

    fn show(self, failure: Failure) -> Response {
        match self {
            Self::Programs => ForPrograms(failure).into_response(),
            Self::People => ForPeople(failure).into_response(),
        }
    }
}

/// Whether this reads and yet brings a body. No such route looks at it: what it says may be meant for somebody else.
fn is_read_with_body(request: &Request) -> bool {
    matches!(*request.method(), Method::GET | Method::HEAD) && !request.body().is_end_stream()
}

/// How long a request to this route may take.
fn patience(route: &str) -> Duration {
    match route {
        documents::OWN | own::documents::PATH => UPLOAD_TIMEOUT,
        _ => REQUEST_TIMEOUT,
    }
}

/// Runs the rest in a task of its own: a reader who leaves, a limit that strikes and a panic all end here, and none of
/// them cuts a wait for a database connection in two.
async fn contain(request: Request, next: Next, patience: Duration) -> Result<Response, Failure> {
    let work = tokio::spawn(next.run(request).in_current_span());
    match tokio::time::timeout(patience, work).await {
        Ok(Ok(response)) => Ok(response),
        Ok(Err(panic)) => Err(Failure::Fault(panic.to_string())),
        Err(_elapsed) => Err(Failure::TooMuch),
    }
}

fn add_headers(front: &Front, headers: &mut HeaderMap) {
    for (name, value) in HEADERS {
        // Only the snippet has said something itself: it is made for other sites' pages.
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
    if front.is_https() {
        headers.insert(header::STRICT_TRANSPORT_SECURITY, HeaderValue::from_static(ONLY_TLS));
    }
    let kept = headers
        .get(header::CACHE_CONTROL)
        .is_some_and(|value| value == assets::FOREVER || value == snippet::CACHED);
    if !kept {
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
}
