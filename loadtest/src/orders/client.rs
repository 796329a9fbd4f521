//! A small HTTP client that keeps its connection: a poster has one, and makes a new one when the console was killed.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context as _, ensure};

/// Longer than the console waits for anything: a slower answer is none.
const ANSWER_LIMIT: Duration = Duration::from_secs(30);
/// No answer to 500 events is longer.
const MAX_ANSWER: u64 = 4 << 20;

/// One caller of one server.
#[derive(Debug)]
pub(super) struct Client {
    address: SocketAddr,
    connection: Option<BufReader<TcpStream>>,
}

/// What was answered.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    /// Where to go next, if it says so.
    pub(super) location: Option<String>,
    pub(super) body: Vec<u8>,
}

impl Client {
    pub(super) fn of(address: SocketAddr) -> Self {
        Self { address, connection: None }
    }

    /// Sends a whole request and waits for its answer. After an error the connection is given up.
    pub(super) fn send(&mut self, request: &[u8]) -> anyhow::Result<Answer> {
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => connect(self.address)?,
        };
        connection.get_mut().write_all(request).context("cannot ask")?;
        let (answer, keeps) = read(&mut connection)?;
        if keeps {
            self.connection = Some(connection);
        }
        Ok(answer)
    }
}

fn connect(address: SocketAddr) -> anyhow::Result<BufReader<TcpStream>> {
    let stream = TcpStream::connect_timeout(&address, ANSWER_LIMIT).context("cannot connect")?;
    stream.set_read_timeout(Some(ANSWER_LIMIT))?;
    stream.set_write_timeout(Some(ANSWER_LIMIT))?;
    stream.set_nodelay(true)?;
    Ok(BufReader::new(stream))
}

/// An answer, and whether the connection can be used again.
fn read(connection: &mut BufReader<TcpStream>) -> anyhow::Result<(Answer, bool)> {
    let mut answer = Answer { status: 0, location: None, body: Vec::new() };
    let (mut length, mut keeps, mut line) = (None, true, String::new());
    loop {
        line.clear();
        ensure!(connection.read_line(&mut line).context("no answer")? > 0, "the connection ended");
        let text = line.trim_end();
        if text.is_empty() {
            break;
        }
        if answer.status == 0 {
            let status = text.strip_prefix("HTTP/1.1 ").and_then(|rest| rest.get(..3)?.parse().ok());
            answer.status = status.with_context(|| format!("{text:?} is no status line"))?;
        } else if let Some((name, value)) = text.split_once(": ") {
            match name.to_ascii_lowercase().as_str() {
                "content-length" => length = Some(value.parse::<u64>().context("a content length")?),
                "connection" => keeps = !value.eq_ignore_ascii_case("close"),
                "location" => answer.location = Some(value.to_owned()),
                _ => {}
            }
        }
    }
    let length = length.unwrap_or(0);
    ensure!(length <= MAX_ANSWER, "an answer of {length} bytes");
    answer.body.resize(length as usize, 0);
    connection.read_exact(&mut answer.body).context("the answer broke off")?;
    Ok((answer, keeps))
}
