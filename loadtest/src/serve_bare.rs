//! The least a hyper server can do to redirect: no lookup, no count, no token. What it costs is the price of HTTP.
//!
//! It is set up like the redirector's own server in everything that makes it quick: allocator, one current-thread runtime,
//! `SO_REUSEPORT`, no delay, the same congestion control, and an answer of the same headers and length. What a server that
//! faces strangers cannot do without, and this one can, it does without: no timer, no limit on connections.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::net::SocketAddr;

use anyhow::Context as _;
use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{CACHE_CONTROL, HeaderMap, HeaderName, HeaderValue, LOCATION, REFERRER_POLICY};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use runtime::Problems;
use serde_json::json;
use socket2::{Domain, Protocol, Socket, Type};
use tokio::runtime::LocalOptions;

use crate::outcome::{Failure, Outcome};

/// As the redirector's.
const MAX_HEAD: usize = 16 * 1024;
/// As the redirector's.
const BACKLOG: i32 = 4_096;
/// As the redirector's.
const CONGESTION_CONTROL: &[u8] = b"reno";

/// Where to serve, and what to say.
#[derive(Debug, clap::Parser)]
pub struct Args {
    /// Where to listen: a loopback address and port
    #[arg(long, env = "SERVE_BARE_LISTEN", value_name = "ADDRESS", default_value = "127.0.0.1:8090")]
    listen: String,

    /// The one place every request is sent to
    #[arg(
        long,
        env = "SERVE_BARE_LOCATION",
        value_name = "URL",
        default_value = "https://shop.example.com/"
    )]
    location: String,
}

/// Serves until it is killed.
pub fn run(args: &Args) -> Result<Outcome, Failure> {
    let mut problems = Problems::of::<Args>();
    let listen = problems.check("--listen", loopback(&args.listen));
    let location = problems.parse::<HeaderValue>("--location", &args.location);
    let (listen, location) = problems.finish(|| Some((listen?, location?)))?;
    serve(listen, location)?;
    Ok(Outcome::new(true, &json!({}))?)
}

fn serve(listen: SocketAddr, location: HeaderValue) -> anyhow::Result<()> {
    let listener = bind(listen).with_context(|| format!("cannot listen on {listen}"))?;
    let headers = answer_headers(location);
    let mut builder = http1::Builder::new();
    builder.header_read_timeout(None).writev(false).max_buf_size(MAX_HEAD);
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build_local(LocalOptions::default())?;
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::from_std(listener)?;
        loop {
            let (socket, _peer) = listener.accept().await.context("cannot accept connections")?;
            socket.set_nodelay(true)?;
            let headers = headers.clone();
            let service = service_fn(move |_: Request<Incoming>| redirect(&headers));
            let connection = builder.serve_connection(TokioIo::new(socket), service);
            // A connection that breaks is its client's business.
            tokio::task::spawn_local(async move { drop(connection.await) });
        }
    })
}

fn redirect(headers: &HeaderMap) -> Ready<Result<Response<Full<Bytes>>, Infallible>> {
    let mut reply = Response::new(Full::default());
    *reply.status_mut() = StatusCode::FOUND;
    *reply.headers_mut() = headers.clone();
    ready(Ok(reply))
}

fn answer_headers(location: HeaderValue) -> HeaderMap {
    HeaderMap::from_iter([
        (LOCATION, location),
        (CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (REFERRER_POLICY, HeaderValue::from_static("no-referrer-when-downgrade")),
        (HeaderName::from_static("x-robots-tag"), HeaderValue::from_static("noindex, nofollow")),
    ])
}

fn bind(address: SocketAddr) -> std::io::Result<std::net::TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(true)?;
    socket.set_nonblocking(true)?;
    socket.set_tcp_congestion(CONGESTION_CONTROL)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

fn loopback(text: &str) -> Result<SocketAddr, String> {
    let address: SocketAddr =
        text.parse().map_err(|_| format!("{text:?} is not an address such as 127.0.0.1:8090"))?;
    if address.ip().is_loopback() { Ok(address) } else { Err(format!("{address} is not this machine alone")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_loopback_is_served() {
        assert!(loopback("127.0.0.1:1").is_ok() && loopback("[::1]:1").is_ok());
        assert!(loopback("0.0.0.0:1").is_err() && loopback("here").is_err());
    }
}
