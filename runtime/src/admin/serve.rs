//! A small HTTP/1.1 server for three pages.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{ALLOW, CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use super::{Shared, manager};

/// A scraper sends its few headers at once; anything slower is not one.
const HEADER_TIMEOUT: Duration = Duration::from_secs(5);
/// No scrape lasts longer; an idle or stuck connection is closed after this.
const CONNECTION_TIMEOUT: Duration = Duration::from_mins(1);
/// A scraper, a load balancer and a few people; more would be a mistake.
const MAX_CONNECTIONS: usize = 64;
/// Histogram samples pile up until they are folded: often enough that the pile stays small between scrapes.
const UPKEEP_INTERVAL: Duration = Duration::from_secs(5);
/// After a failed accept (no file descriptors left), long enough not to spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

const TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");
const PROMETHEUS_TEXT: HeaderValue = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");

/// Answers until `stop`.
pub(super) async fn until_stopped(listener: TcpListener, shared: Arc<Shared>, stop: CancellationToken) {
    let upkeep = shared.metrics.clone();
    tokio::select! {
        () = stop.cancelled() => {}
        () = accept(listener, shared.clone()) => {}
        () = manager::tell(&shared) => {}
        () = async move {
            let mut due = tokio::time::interval(UPKEEP_INTERVAL);
            loop {
                due.tick().await;
                upkeep.run_upkeep();
            }
        } => {}
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    let room = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    loop {
        let Ok(seat) = room.clone().acquire_owned().await else { return };
        let socket = match listener.accept().await {
            Ok((socket, _)) => socket,
            Err(error) => {
                warn!(%error, "the admin port cannot accept");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        let shared = shared.clone();
        tokio::spawn(async move {
            let _seat = seat;
            let service =
                service_fn(|request| std::future::ready(Ok::<_, Infallible>(answer(&shared, &request))));
            let connection = http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(HEADER_TIMEOUT)
                .serve_connection(TokioIo::new(socket), service);
            match tokio::time::timeout(CONNECTION_TIMEOUT, connection).await {
                Ok(Ok(())) | Err(_) => {}
                Ok(Err(error)) => debug!(%error, "an admin connection broke"),
            }
        });
    }
}

fn answer(shared: &Shared, request: &Request<Incoming>) -> Response<Full<Bytes>> {
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        let mut refusal = text(StatusCode::METHOD_NOT_ALLOWED, "use GET\n".into());
        refusal.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
        return refusal;
    }
    match request.uri().path() {
        "/livez" => match shared.pulses.report() {
            Ok(()) => text(StatusCode::OK, "alive\n".into()),
            Err(lines) => text(StatusCode::SERVICE_UNAVAILABLE, lines),
        },
        "/readyz" => match shared.readiness.report() {
            Ok(lines) => text(StatusCode::OK, lines),
            Err(lines) => text(StatusCode::SERVICE_UNAVAILABLE, lines),
        },
        "/metrics" => {
            let mut page = text(StatusCode::OK, shared.render());
            page.headers_mut().insert(CONTENT_TYPE, PROMETHEUS_TEXT);
            page
        }
        _ => text(StatusCode::NOT_FOUND, "there are /livez, /readyz and /metrics\n".into()),
    }
}

fn text(status: StatusCode, body: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::from(body));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, TEXT);
    response
}
