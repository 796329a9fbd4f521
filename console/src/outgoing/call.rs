//! One call: the name is looked up once, the addresses are judged, and the connection goes to the very address that was
//! judged. A name that leads elsewhere a moment later leads nowhere, and no answer sends us on.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use http_body_util::Full;
use hyper::Request;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use thiserror::Error;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};
use url::Url;

use super::address::Reach;

/// How long connecting may take, to one address.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a whole call may take. A receiver writes the message down and answers; it works later.
const CALL_TIMEOUT: Duration = Duration::from_secs(15);
/// Addresses of one name that are tried.
const MAX_ADDRESSES: usize = 3;

/// Why there is no answer.
#[derive(Debug, Error)]
pub(super) enum NoAnswer {
    /// The name is not known.
    #[error("its host {0} cannot be looked up")]
    Lookup(String),
    /// The name leads into somebody's network.
    #[error("its host leads to an address that is not public, so it is not called")]
    NotPublic,
    /// Nobody is there.
    #[error("cannot connect: {0}")]
    Connect(String),
    /// Its certificate is not good, or it does not speak TLS.
    #[error("no TLS: {0}")]
    Tls(String),
    /// It did not speak HTTP to the end.
    #[error("no answer: {0}")]
    Http(String),
    /// It took too long.
    #[error("no answer within {} seconds", CALL_TIMEOUT.as_secs())]
    Late,
}

/// What makes calls.
#[derive(Clone)]
pub(super) struct Caller {
    reach: Reach,
    tls: TlsConnector,
}

impl fmt::Debug for Caller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Caller").field("reach", &self.reach).finish_non_exhaustive()
    }
}

impl Caller {
    /// Trusts the certificates that browsers trust.
    pub(super) fn new(reach: Reach) -> Self {
        let roots: RootCertStore = webpki_roots::TLS_SERVER_ROOTS.iter().cloned().collect();
        let config = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
        Self { reach, tls: TlsConnector::from(Arc::new(config)) }
    }

    /// Posts JSON and gives the status that was answered, whatever it is. What else is answered is not read.
    pub(super) async fn post(
        &self,
        url: &Url,
        headers: &[(&'static str, String)],
        body: Bytes,
    ) -> Result<u16, NoAnswer> {
        timeout(CALL_TIMEOUT, self.converse(url, headers, body)).await.unwrap_or(Err(NoAnswer::Late))
    }

    async fn converse(
        &self,
        url: &Url,
        headers: &[(&'static str, String)],
        body: Bytes,
    ) -> Result<u16, NoAnswer> {
        let host = url.host_str().unwrap_or_default();
        let name = host.trim_start_matches('[').trim_end_matches(']');
        let port = url.port_or_known_default().unwrap_or(443);
        let found = lookup_host((name, port)).await.map_err(|_| NoAnswer::Lookup(host.to_owned()))?;
        let stream = connect(chosen(found, self.reach)?).await?;
        let authority = url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"));
        let path = &url[url::Position::BeforePath..url::Position::AfterQuery];
        let mut request = Request::post(path)
            .header("host", authority)
            .header("content-type", "application/json")
            .header("user-agent", concat!("Linkledger/", env!("CARGO_PKG_VERSION")));
        for (name, value) in headers {
            request = request.header(*name, value);
        }
        let request = request.body(Full::new(body)).map_err(|error| NoAnswer::Http(error.to_string()))?;
        if url.scheme() == "http" {
            return ask(stream, request).await;
        }
        let server =
            ServerName::try_from(name.to_owned()).map_err(|error| NoAnswer::Tls(error.to_string()))?;
        let stream =
            self.tls.connect(server, stream).await.map_err(|error| NoAnswer::Tls(error.to_string()))?;
        ask(stream, request).await
    }
}

/// The addresses that may be called. One that may not spoils the name: an honest name has none.
fn chosen(found: impl Iterator<Item = SocketAddr>, reach: Reach) -> Result<Vec<SocketAddr>, NoAnswer> {
    let addresses: Vec<SocketAddr> = found.collect();
    if addresses.is_empty() || addresses.iter().any(|address| !reach.allows(address.ip())) {
        return Err(NoAnswer::NotPublic);
    }
    Ok(addresses.into_iter().take(MAX_ADDRESSES).collect())
}

async fn connect(addresses: Vec<SocketAddr>) -> Result<TcpStream, NoAnswer> {
    let mut refused = None;
    for address in addresses {
        match timeout(CONNECT_TIMEOUT, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => return Ok(stream),
            Ok(Err(error)) => refused = Some(error.to_string()),
            Err(_elapsed) => {}
        }
    }
    Err(NoAnswer::Connect(refused.unwrap_or_else(|| "it takes too long".to_owned())))
}

async fn ask<S>(stream: S, request: Request<Full<Bytes>>) -> Result<u16, NoAnswer>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let no_answer = |error: hyper::Error| NoAnswer::Http(error.to_string());
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(no_answer)?;
    tokio::pin!(connection);
    let answer = sender.send_request(request);
    tokio::pin!(answer);
    // The connection ends with this function: what is left of the answer is not read.
    let response = tokio::select! {
        response = &mut answer => response,
        ended = &mut connection => match ended {
            Ok(()) => answer.await,
            Err(error) => Err(error),
        },
    };
    response.map(|response| response.status().as_u16()).map_err(no_answer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_inner_address_spoils_a_name() {
        let verdict = |addresses: &[&str]| {
            let addresses: Vec<SocketAddr> =
                addresses.iter().map(|a| a.parse().expect("an address")).collect();
            chosen(addresses.into_iter(), Reach::Public).map(|chosen| chosen.len()).ok()
        };
        assert_eq!(verdict(&["93.184.216.34:443", "[2606:4700::1]:443"]), Some(2));
        assert_eq!(verdict(&["93.184.216.34:443", "10.0.0.1:443"]), None);
        assert_eq!(verdict(&["[::ffff:169.254.169.254]:443"]), None);
        assert_eq!(verdict(&[]), None);
    }

    #[tokio::test]
    async fn a_name_that_leads_inside_is_not_even_connected_to() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        for host in ["localhost", "127.0.0.1", "[::ffff:127.0.0.1]", "2130706433", "0x7f.1", "0.0.0.0"] {
            for scheme in ["http", "https"] {
                let url: Url = format!("{scheme}://{host}:{port}/").parse().expect(host);
                let refused = Caller::new(Reach::Public).post(&url, &[], Bytes::new()).await;
                assert!(matches!(refused, Err(NoAnswer::NotPublic)), "{host}: {refused:?}");
            }
        }
        let came = timeout(Duration::from_millis(50), listener.accept()).await;
        assert!(came.is_err(), "nobody came");
    }
}
