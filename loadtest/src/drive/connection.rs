//! One connection to the edge: at most one request on it at a time, never waiting for either.

use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use socket2::{Domain, Protocol, Socket, Type};

use super::answer::{Answer, Body, MAX_ANSWER};
use super::plan::{Kind, Shot};

/// Read with one system call: an edge's redirect with its headers is less than a kilobyte.
const READ_BYTES: usize = 8 << 10;

/// A request on its way.
#[derive(Debug, Clone, Copy)]
pub(super) struct Flight {
    pub(super) shot: Shot,
    /// When it should have left, from the start of the run.
    pub(super) intended: Duration,
    /// When it is given up.
    pub(super) deadline: Instant,
    /// Whether any of it may have reached the edge.
    pub(super) sent: bool,
}

/// A connection and what is on it.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) stream: TcpStream,
    /// Tells apart connections that had the same place one after the other.
    pub(super) generation: u32,
    pub(super) flight: Option<Flight>,
    pub(super) idle_since: Instant,
    connected: bool,
    received: Vec<u8>,
}

/// What became of a connection after it was touched.
#[derive(Debug)]
pub(super) enum Touched<'a> {
    /// Nothing yet.
    Waiting,
    /// The answer to its request.
    Answered(Answer<'a>),
    /// It cannot be used any more.
    Ended,
}

impl Connection {
    /// Begins to connect.
    pub(super) fn open(target: SocketAddr, generation: u32, now: Instant) -> io::Result<Self> {
        let socket = Socket::new(Domain::for_address(target), Type::STREAM, Some(Protocol::TCP))?;
        socket.set_nonblocking(true)?;
        socket.set_tcp_nodelay(true)?;
        match socket.connect(&target.into()) {
            Err(error) if error.raw_os_error() != Some(rustix::io::Errno::INPROGRESS.raw_os_error()) => {
                return Err(error);
            }
            Ok(()) | Err(_) => {}
        }
        let (stream, received) = (socket.into(), Vec::with_capacity(READ_BYTES));
        Ok(Self { stream, generation, flight: None, idle_since: now, connected: false, received })
    }

    /// The socket can be written: it is connected, or will never be. Sends what waits for that.
    pub(super) fn writable(&mut self, request: &[u8]) -> Touched<'_> {
        if !self.connected {
            match self.stream.take_error() {
                Ok(None) => self.connected = true,
                Ok(Some(_)) | Err(_) => return Touched::Ended,
            }
        }
        if self.flight.is_some_and(|flight| !flight.sent) { self.send(request) } else { Touched::Waiting }
    }

    /// Sends a request if it is connected; else it goes out when it is.
    ///
    /// A request is about a kilobyte and the socket's buffer is empty between two, so it is taken whole; a socket
    /// that does not take it is broken.
    pub(super) fn send(&mut self, request: &[u8]) -> Touched<'_> {
        if !self.connected {
            return Touched::Waiting;
        }
        if let Some(flight) = &mut self.flight {
            flight.sent = true;
        }
        match self.stream.write(request) {
            Ok(written) if written == request.len() => Touched::Waiting,
            Ok(_) | Err(_) => Touched::Ended,
        }
    }

    /// The socket has something to read, or has ended.
    pub(super) fn readable(&mut self) -> Touched<'_> {
        let ended = loop {
            let before = self.received.len();
            self.received.resize(before + READ_BYTES, 0);
            let outcome = self.stream.read(&mut self.received[before..]);
            self.received.truncate(before + outcome.as_ref().copied().unwrap_or(0));
            match outcome {
                Ok(0) => break true,
                Ok(READ_BYTES) if self.received.len() <= 2 * MAX_ANSWER => {}
                Ok(_) => break false,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break false,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => break true,
            }
        };
        let Some(flight) = &self.flight else {
            // Nobody asked anything: whatever comes means the end.
            return if ended || !self.received.is_empty() { Touched::Ended } else { Touched::Waiting };
        };
        let body = if flight.shot.kind == Kind::Head { Body::Absent } else { Body::AsStated };
        match Answer::read(&self.received, body) {
            // Bytes beyond the answer belong to no question of ours.
            Ok(Some(answer)) => {
                let closing = answer.closing || ended || answer.bytes < self.received.len();
                Touched::Answered(Answer { closing, ..answer })
            }
            Ok(None) if !ended => Touched::Waiting,
            Ok(None) | Err(_) => Touched::Ended,
        }
    }

    /// Makes it ready for the next request.
    pub(super) fn rest(&mut self, now: Instant) {
        self.flight = None;
        self.received.clear();
        self.idle_since = now;
    }
}
