//! The smallest HTTP client that can ask an admin port and click a link.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Context as _;
use bytes::Bytes;
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper::client::conn::http1;
use hyper::header::{CONNECTION, HOST};
use hyper::{Method, Request, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

/// Both ends are on this machine; a slower answer is as good as none.
const LIMIT: Duration = Duration::from_secs(2);
/// No page we ask for is longer.
const BODY_LIMIT: usize = 64 << 10;

/// Sends one request on a connection of its own and returns the status and the body.
pub(crate) async fn ask(
    address: SocketAddr,
    method: Method,
    path: &str,
    headers: &[(&str, &str)],
) -> anyhow::Result<(StatusCode, String)> {
    let mut request = Request::builder().method(method).uri(path).header(HOST, address.to_string());
    request = request.header(CONNECTION, "close");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.body(Empty::<Bytes>::new()).context("not a request")?;
    tokio::time::timeout(LIMIT, exchange(address, request))
        .await
        .with_context(|| format!("{address} is silent"))?
}

async fn exchange(
    address: SocketAddr,
    request: Request<Empty<Bytes>>,
) -> anyhow::Result<(StatusCode, String)> {
    let socket = TcpStream::connect(address).await.with_context(|| format!("cannot connect to {address}"))?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(socket)).await?;
    let answer = async {
        let response = sender.send_request(request).await?;
        let status = response.status();
        let body = Limited::new(response.into_body(), BODY_LIMIT).collect().await;
        let body = body.map_err(|error| anyhow::anyhow!("cannot read the answer: {error}"))?;
        Ok((status, String::from_utf8_lossy(&body.to_bytes()).into_owned()))
    };
    // The connection's future moves the bytes; it ends after the answer, as we asked to close.
    let (answer, _closed) = tokio::join!(answer, connection);
    answer
}
