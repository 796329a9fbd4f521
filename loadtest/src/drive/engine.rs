//! The open loop: every request leaves at its planned moment, or as soon after it as a connection can be had, and its
//! latency counts from the planned moment. A slow server is therefore measured as slow, and not asked less.
//!
//! One thread, one epoll: three system calls a request, so that the driver takes little of the machine it measures.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use runtime::clock;
use rustix::buffer::spare_capacity;
use rustix::event::Timespec;
use rustix::event::epoll::{self, CreateFlags, EventData, EventFlags};
use rustix::fd::OwnedFd;

use super::connection::{Connection, Flight, Touched};
use super::plan::{Plan, Shot};

/// Then a request counts as broken: shoppers have left by then.
const ANSWER_LIMIT: Duration = Duration::from_secs(10);
/// A connection that rested longer is not trusted with a request: the edge closes it after five seconds.
const IDLE_LIMIT: Duration = Duration::from_secs(2);
/// How often requests that wait too long are looked for.
const SWEEP_EVERY: Duration = Duration::from_millis(100);
/// Connections at most. Fewer than an edge admits from one address; when all are busy, requests leave late.
pub const MAX_CONNECTIONS: usize = 190;
/// Events taken at once.
const EVENTS: usize = 256;

/// How fast, how long, and over how many connections.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    /// Requests a second.
    pub rate: f64,
    /// Requests in all.
    pub requests: u64,
    /// Connections kept in turn; more are opened while all of them are busy.
    pub connections: usize,
}

/// What a request came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reply<'a> {
    /// A whole answer.
    Answered {
        /// Its status.
        status: u16,
        /// The click token in its location.
        token: Option<&'a [u8]>,
    },
    /// Sent, and the connection ended before the answer was whole: the edge may have recorded the click.
    Broken,
    /// Never sent: no connection could be made.
    Refused,
}

/// A request and what it came to.
#[derive(Debug, Clone, Copy)]
pub struct Exchange<'a> {
    /// The request.
    pub shot: Shot,
    /// When it should have left, from the start of the run.
    pub intended: Duration,
    /// From then to its end.
    pub latency: Duration,
    /// How it ended.
    pub reply: Reply<'a>,
}

/// Sends the plan's requests to `target`, the first at `begun`, and tells `note` of each, once. Ends when all have
/// ended, or soon after `stop` is set.
pub fn run(
    target: SocketAddr,
    plan: &Plan,
    pace: Pace,
    begun: Instant,
    stop: &AtomicBool,
    note: &mut dyn FnMut(&Exchange<'_>) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let poll = epoll::create(CreateFlags::CLOEXEC).context("cannot watch connections")?;
    let mut engine = Engine {
        target,
        plan,
        pace,
        note,
        begun,
        poll,
        places: Vec::new(),
        free: Vec::new(),
        idle: VecDeque::new(),
        opened: 0,
        in_flight: 0,
        request: Vec::new(),
    };
    engine.run(stop)
}

struct Engine<'p> {
    target: SocketAddr,
    plan: &'p Plan,
    pace: Pace,
    note: &'p mut dyn FnMut(&Exchange<'_>) -> anyhow::Result<()>,
    begun: Instant,
    poll: OwnedFd,
    places: Vec<Option<Connection>>,
    free: Vec<usize>,
    /// Connections at rest, the longest first. May name places that were given away since.
    idle: VecDeque<(usize, u32)>,
    opened: u32,
    in_flight: usize,
    request: Vec<u8>,
}

impl Engine<'_> {
    fn run(&mut self, stop: &AtomicBool) -> anyhow::Result<()> {
        let (mut number, mut swept) = (0, self.begun);
        let mut events = Vec::with_capacity(EVENTS);
        loop {
            let mut total = self.pace.requests;
            if stop.load(Ordering::Relaxed) {
                total = number;
            }
            let mut wait = SWEEP_EVERY;
            while number < total {
                let (intended, now) = (self.plan.intended(number, self.pace.rate), clock::monotonic());
                let early = intended.saturating_sub(now.duration_since(self.begun));
                if !early.is_zero() {
                    wait = wait.min(early);
                    break;
                }
                let Some(place) = self.seat(now) else { break };
                self.fire(place, number, intended, now)?;
                number += 1;
            }
            if number == total && self.in_flight == 0 {
                return Ok(());
            }
            let limit = Timespec { tv_sec: wait.as_secs() as i64, tv_nsec: i64::from(wait.subsec_nanos()) };
            match epoll::wait(&self.poll, spare_capacity(&mut events), Some(&limit)) {
                Ok(_) | Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(io::Error::from(error)).context("cannot wait for connections"),
            }
            for event in events.drain(..) {
                let (flags, data) = (event.flags, event.data.u64());
                self.touch(data as u32 as usize, (data >> 32) as u32, flags)?;
            }
            let now = clock::monotonic();
            if now.duration_since(swept) >= SWEEP_EVERY {
                swept = now;
                self.sweep(now)?;
            }
        }
    }

    /// A place for a request: a new connection until there are enough, else the one that rested longest, else one
    /// more. `None`: as many as may be are busy.
    fn seat(&mut self, now: Instant) -> Option<usize> {
        let open = |engine: &Self| engine.places.len() - engine.free.len();
        if open(self) >= self.pace.connections {
            while let Some((place, generation)) = self.idle.pop_front() {
                let resting = |c: &Connection| c.generation == generation && c.flight.is_none();
                match &self.places[place] {
                    Some(connection) if resting(connection) => {
                        if now.duration_since(connection.idle_since) < IDLE_LIMIT {
                            return Some(place);
                        }
                        self.leave(place);
                    }
                    _ => {}
                }
            }
        }
        (open(self) < MAX_CONNECTIONS.max(self.pace.connections)).then(|| {
            self.free.pop().unwrap_or_else(|| {
                self.places.push(None);
                self.places.len() - 1
            })
        })
    }

    /// Sends request `number` from a place, over a new connection if there is none.
    fn fire(&mut self, place: usize, number: u64, intended: Duration, now: Instant) -> anyhow::Result<()> {
        let shot = self.plan.shot(number);
        let flight = Flight { shot, intended, deadline: now + ANSWER_LIMIT, sent: false };
        self.in_flight += 1;
        if self.places[place].is_none() {
            self.opened = self.opened.wrapping_add(1);
            let opened = Connection::open(self.target, self.opened, now).and_then(|connection| {
                let data = EventData::new_u64(u64::from(connection.generation) << 32 | place as u64);
                let flags = EventFlags::IN | EventFlags::OUT | EventFlags::RDHUP | EventFlags::ET;
                epoll::add(&self.poll, &connection.stream, data, flags)?;
                Ok(connection)
            });
            let Ok(connection) = opened else {
                self.free.push(place);
                return self.tell(flight, Reply::Refused);
            };
            self.places[place] = Some(connection);
        }
        let connection = self.places[place].as_mut().context("the place has a connection")?;
        connection.flight = Some(flight);
        self.plan.write_request(shot, &mut self.request);
        if let Touched::Ended = connection.send(&self.request) { self.end(place) } else { Ok(()) }
    }

    fn touch(&mut self, place: usize, generation: u32, flags: EventFlags) -> anyhow::Result<()> {
        let Some(connection) = self.places[place].as_mut().filter(|c| c.generation == generation) else {
            return Ok(());
        };
        if flags.contains(EventFlags::OUT)
            && let Some(flight) = connection.flight.filter(|flight| !flight.sent)
        {
            self.plan.write_request(flight.shot, &mut self.request);
            if let Touched::Ended = connection.writable(&self.request) {
                return self.end(place);
            }
        }
        if !flags.intersects(EventFlags::IN | EventFlags::RDHUP | EventFlags::HUP | EventFlags::ERR) {
            return Ok(());
        }
        let flight = connection.flight;
        match connection.readable() {
            Touched::Waiting => Ok(()),
            Touched::Ended => self.end(place),
            Touched::Answered(answer) => {
                let now = clock::monotonic();
                let reply = Reply::Answered { status: answer.status, token: answer.token() };
                if let Some(Flight { shot, intended, .. }) = flight {
                    let latency = now.duration_since(self.begun).saturating_sub(intended);
                    self.in_flight -= 1;
                    (self.note)(&Exchange { shot, intended, latency, reply })?;
                }
                if answer.closing {
                    self.leave(place);
                } else {
                    connection.rest(now);
                    self.idle.push_back((place, generation));
                }
                Ok(())
            }
        }
    }

    /// A connection came to its end; its request, if any, has no answer.
    fn end(&mut self, place: usize) -> anyhow::Result<()> {
        let flight = self.places[place].as_ref().and_then(|connection| connection.flight);
        self.leave(place);
        match flight {
            Some(flight) => self.tell(flight, if flight.sent { Reply::Broken } else { Reply::Refused }),
            None => Ok(()),
        }
    }

    /// Closes the connection, if there is one, and gives its place back.
    fn leave(&mut self, place: usize) {
        self.places[place] = None;
        self.free.push(place);
    }

    fn tell(&mut self, flight: Flight, reply: Reply<'_>) -> anyhow::Result<()> {
        let Flight { shot, intended, .. } = flight;
        let latency = clock::monotonic().duration_since(self.begun).saturating_sub(intended);
        self.in_flight -= 1;
        (self.note)(&Exchange { shot, intended, latency, reply })
    }

    /// Gives up requests that wait too long.
    fn sweep(&mut self, now: Instant) -> anyhow::Result<()> {
        for place in 0..self.places.len() {
            let flight = self.places[place].as_ref().and_then(|connection| connection.flight);
            if flight.is_some_and(|flight| now >= flight.deadline) {
                self.end(place)?;
            }
        }
        Ok(())
    }
}
