//! The client of a comparison: a fixed number of connections, each with one request under way at all times.
//!
//! One thread and one epoll that never sleeps: waking a sleeper on another core costs a server microseconds, and how
//! often it would have to depends on the server's pace, so a sleeping client would make a slower server look slower
//! still. Requests come from a plan; answers are read just far enough to know that they are right.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use hdrhistogram::Histogram;
use runtime::clock;
use rustix::buffer::spare_capacity;
use rustix::event::{Timespec, epoll};

use super::contender::Expect;
use super::reply::Reply;
use crate::drive::plan::{Plan, Shot};

/// A server that answers nothing for so long has failed.
const SILENCE: Duration = Duration::from_secs(10);
/// Room for one answer; the longest is some 500 bytes.
const ANSWER_BYTES: usize = 8 * 1024;

/// What came of a window of load.
#[derive(Debug)]
pub(super) struct Window {
    /// Answers received; every request sent was answered.
    pub(super) requests: u64,
    /// From the first request to the last answer.
    pub(super) length: Duration,
    /// From a request to its answer, microseconds.
    pub(super) latency_us: Histogram<u64>,
    /// Answers that were not what they had to be.
    pub(super) wrong: u64,
    /// The first of them.
    pub(super) first_wrong: Option<String>,
}

/// A connection and the request under way on it.
#[derive(Debug)]
struct Line {
    socket: TcpStream,
    shot: Shot,
    sent: Instant,
    request: Vec<u8>,
    code: Vec<u8>,
    answer: Vec<u8>,
    filled: usize,
}

/// Sends requests over `connections` connections for `length`, beginning with number `first` of the plan.
pub(super) fn drive(
    address: SocketAddr,
    plan: &Plan,
    first: u64,
    connections: usize,
    length: Duration,
    expect: Expect,
) -> anyhow::Result<Window> {
    let poll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
    let begun = clock::monotonic();
    let mut next = first..;
    let mut lines = Vec::with_capacity(connections);
    for number in 0..connections {
        let mut line = Line::connect(address, plan.shot(next.next().unwrap_or(first)), begun)?;
        epoll::add(&poll, &line.socket, epoll::EventData::new_u64(number as u64), epoll::EventFlags::IN)?;
        line.send(plan)?;
        lines.push(line);
    }
    let latency_us = Histogram::new_with_max(60_000_000, 3)?;
    let mut window = Window { requests: 0, length, latency_us, wrong: 0, first_wrong: None };
    let mut events: Vec<epoll::Event> = Vec::with_capacity(connections);
    let mut under_way = connections;
    let mut heard = begun;
    while under_way > 0 {
        events.clear();
        epoll::wait(&poll, spare_capacity(&mut events), Some(&Timespec::default()))?;
        if events.is_empty() {
            ensure!(heard.elapsed() < SILENCE, "nothing was answered for {SILENCE:?}");
            std::hint::spin_loop();
            continue;
        }
        heard = clock::monotonic();
        for event in &events {
            let line = &mut lines[event.data.u64() as usize];
            if !line.receive(plan, expect, &mut window)? {
                continue;
            }
            if begun.elapsed() < length {
                line.shot = plan.shot(next.next().unwrap_or(first));
                line.send(plan)?;
            } else {
                under_way -= 1;
            }
        }
    }
    window.length = begun.elapsed();
    Ok(window)
}

impl Line {
    fn connect(address: SocketAddr, shot: Shot, now: Instant) -> anyhow::Result<Self> {
        let socket = TcpStream::connect(address).with_context(|| format!("cannot connect to {address}"))?;
        socket.set_nodelay(true)?;
        socket.set_nonblocking(true)?;
        Ok(Self {
            socket,
            shot,
            sent: now,
            request: Vec::new(),
            code: Vec::new(),
            answer: vec![0; ANSWER_BYTES],
            filled: 0,
        })
    }

    fn send(&mut self, plan: &Plan) -> anyhow::Result<()> {
        plan.write_request(self.shot, &mut self.request);
        self.sent = clock::monotonic();
        // One short request on an idle connection always fits its buffer.
        self.socket.write_all(&self.request).context("a request could not be sent")
    }

    /// Reads what is there. True when the answer is complete.
    fn receive(&mut self, plan: &Plan, expect: Expect, window: &mut Window) -> anyhow::Result<bool> {
        match self.socket.read(&mut self.answer[self.filled..]) {
            Ok(0) => bail!("the server closed a connection, or its answer is too long"),
            Ok(bytes) => self.filled += bytes,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
            Err(error) => return Err(error).context("a connection broke"),
        }
        let Some(reply) = Reply::read(&self.answer[..self.filled])? else { return Ok(false) };
        ensure!(reply.bytes == self.filled, "more came than one answer");
        window.requests += 1;
        window.latency_us.saturating_record(self.sent.elapsed().as_micros() as u64);
        self.code.clear();
        plan.codes.write(self.shot.code, &mut self.code);
        if !expect.holds(&reply, &self.code) {
            window.wrong += 1;
            let said = String::from_utf8_lossy(&self.answer[..self.filled]).into_owned();
            window.first_wrong.get_or_insert(said);
        }
        self.filled = 0;
        Ok(true)
    }
}
