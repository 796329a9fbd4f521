//! Connections: accepted, bounded, timed, and finished on a soft stop.

use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use axum::Router;
use axum::middleware::from_fn_with_state;
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service as _, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use runtime::Shutdown;
use sqlx::PgPool;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tower_http::compression::CompressionLayer;
use tracing::{debug, warn};

use crate::accounts::Passwords;
use crate::documents::Cabinet;
use crate::front::Front;
use crate::intake::Door;
use crate::limits::Limits;
use crate::openapi::Routes;
use crate::outgoing::Reach;
use crate::seal::Seal;
use crate::vault::Vault;
use crate::{
    accounts, affiliates, api, assets, desk, documents, guard, intake, limits, outgoing, pages, programme,
};

/// Connections at once. A console has a few readers; more are a fault or an attack, and wait to be accepted.
const MAX_CONNECTIONS: usize = 256;

/// How long a client may take to send its request's head, and how long a kept connection may be silent.
const HEADER_TIMEOUT: Duration = Duration::from_secs(5);

/// Bytes of a request's head. Addresses of reports are short.
const MAX_HEAD: usize = 16 * 1024;

/// A pause after a failed accept (out of file descriptors), so that the loop does not burn a core.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Who is at the other end of a request's connection: a client, or a proxy.
#[derive(Clone, Copy, Debug)]
pub struct Peer(pub IpAddr);

/// What handlers work with.
#[derive(Clone, Debug)]
pub struct App {
    /// Where the numbers are: reads only.
    pub pool: PgPool,
    /// Writes down what shops report.
    pub door: Door,
    /// Looks up API keys, with the rights of the door.
    pub intake: PgPool,
    /// Opens webhook secrets. Without it their endpoints say that they are not set up.
    pub seal: Option<Seal>,
    /// Writes down what people decide.
    pub operator: PgPool,
    /// Accounts, sessions, mails and repeated requests.
    pub accounts: PgPool,
    /// How we are reached from outside.
    pub front: Arc<Front>,
    /// Hashes and checks passwords.
    pub passwords: Passwords,
    /// Where mails are kept that no mail server takes.
    pub mail_dir: Option<Arc<Path>>,
    /// Seals what the database must not be able to read.
    pub vault: Vault,
    /// Where documents lie.
    pub cabinet: Cabinet,
    /// Where links are opened, without the final slash: `http://127.0.0.1:8080`.
    pub redirect_url: Arc<str>,
    /// How far calls to other systems reach.
    pub reach: Reach,
}

/// Every route, inside the guard.
pub fn router(app: App, requests_per_minute: u32) -> Router {
    let limits = Limits::new(requests_per_minute, app.front.clone());
    let described = Routes::new()
        .merge(accounts::routes())
        .merge(outgoing::routes())
        .merge(programme::routes())
        .merge(affiliates::routes())
        .merge(documents::routes())
        .merge(desk::routes())
        .merge(intake::routes())
        .merge(api::routes())
        .told();
    Router::new()
        .merge(pages::routes())
        .merge(pages::demo::routes(app.front.guests))
        .merge(described)
        .merge(assets::routes())
        .merge(intake::script())
        .fallback(guard::nowhere)
        .method_not_allowed_fallback(guard::other_method)
        .layer(CompressionLayer::new())
        .layer(from_fn_with_state(app.front.guests, pages::demo::around))
        .layer(from_fn_with_state(limits, limits::limit))
        .layer(from_fn_with_state(app.front.clone(), guard::guard))
        .with_state(app)
}

/// Accepts until the soft stop, then lets every connection finish its request.
pub async fn serve(listener: TcpListener, router: Router, shutdown: Shutdown) -> anyhow::Result<()> {
    let connections = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    loop {
        let permit = connections.clone().acquire_owned().await.context("the semaphore is never closed")?;
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = shutdown.stopping() => return Ok(()),
        };
        match accepted {
            Ok((stream, peer)) => {
                let served = connection(stream, peer, router.clone(), shutdown.clone(), permit);
                shutdown.tasks.spawn(served);
            }
            Err(error) => {
                warn!(%error, "cannot accept a connection");
                shutdown.sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

async fn connection(
    stream: TcpStream,
    peer: SocketAddr,
    router: Router,
    shutdown: Shutdown,
    _permit: OwnedSemaphorePermit,
) {
    let router = TowerToHyperService::new(router);
    let peer = Peer(peer.ip().to_canonical());
    let service = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(peer);
        router.call(request)
    });
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .max_buf_size(MAX_HEAD)
        .serve_connection(TokioIo::new(stream), service);
    tokio::pin!(served);
    let ended = tokio::select! {
        ended = served.as_mut() => ended,
        () = shutdown.stopping() => {
            served.as_mut().graceful_shutdown();
            served.await
        }
    };
    if let Err(error) = ended {
        debug!(%error, "a connection ended early");
    }
}
