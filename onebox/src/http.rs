//! The smallest HTTP client that can ask an admin port, click a link and report an order: one request a connection,
//! short answers.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// Both ends are on this machine; a slower answer is as good as none.
const LIMIT: Duration = Duration::from_secs(2);
/// No answer we ask for is longer; what is beyond is not read.
const ANSWER_LIMIT: u64 = 64 << 10;

/// What a server answered.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// Where to go next, if it says so.
    pub(crate) location: Option<String>,
    pub(crate) body: String,
}

/// Sends one request without a body. Header names and values are ours: no line breaks in them.
pub(crate) async fn ask(
    address: SocketAddr,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
) -> anyhow::Result<Answer> {
    send(address, method, path, headers, "").await
}

/// Posts JSON with a bearer key.
pub(crate) async fn post(
    address: SocketAddr,
    path: &str,
    key: &str,
    body: &serde_json::Value,
) -> anyhow::Result<Answer> {
    let (bearer, body) = (format!("Bearer {key}"), body.to_string());
    let length = body.len().to_string();
    let headers =
        [("authorization", &*bearer), ("content-type", "application/json"), ("content-length", &*length)];
    send(address, "POST", path, &headers, &body).await
}

async fn send(
    address: SocketAddr,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> anyhow::Result<Answer> {
    let mut request = format!("{method} {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n");
    request.extend(headers.iter().flat_map(|(name, value)| [name, ": ", value, "\r\n"]));
    request.push_str("\r\n");
    request.push_str(body);
    tokio::time::timeout(LIMIT, exchange(address, &request))
        .await
        .with_context(|| format!("{address} is silent"))?
}

async fn exchange(address: SocketAddr, request: &str) -> anyhow::Result<Answer> {
    let mut socket =
        TcpStream::connect(address).await.with_context(|| format!("cannot connect to {address}"))?;
    socket.write_all(request.as_bytes()).await.with_context(|| format!("cannot ask {address}"))?;
    let mut answer = Vec::new();
    socket
        .take(ANSWER_LIMIT)
        .read_to_end(&mut answer)
        .await
        .with_context(|| format!("{address} broke off"))?;
    parse(&String::from_utf8_lossy(&answer)).with_context(|| format!("{address} does not speak HTTP"))
}

fn parse(answer: &str) -> anyhow::Result<Answer> {
    let (head, body) = answer.split_once("\r\n\r\n").context("the answer has no end of headers")?;
    let mut lines = head.lines();
    let mut status_line = lines.next().unwrap_or_default().split(' ');
    ensure!(status_line.next().is_some_and(|version| version.starts_with("HTTP/1.")), "another protocol");
    let status =
        status_line.next().and_then(|status| status.parse().ok()).context("the answer has no status")?;
    let location = lines.filter_map(|line| line.split_once(": "));
    let location = location.filter(|(name, _)| name.eq_ignore_ascii_case("location"));
    let location = location.map(|(_, value)| value.to_owned()).next();
    Ok(Answer { status, location, body: body.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_parsed_and_others_refused() {
        let answer =
            parse("HTTP/1.1 503 Service Unavailable\r\ncontent-length: 3\r\n\r\nno\n").expect("an answer");
        assert_eq!(answer, Answer { status: 503, location: None, body: "no\n".into() });
        let found =
            parse("HTTP/1.1 302 Found\r\nLocation: https://tea.example.com/?clk=x\r\n\r\n").expect("one");
        assert_eq!(found.location.as_deref(), Some("https://tea.example.com/?clk=x"));
        for bad in ["", "HTTP/1.1 200 OK\r\n", "-ERR wrong\r\n\r\n", "HTTP/1.1 fine\r\n\r\n"] {
            assert!(parse(bad).is_err(), "{bad:?}");
        }
    }
}
