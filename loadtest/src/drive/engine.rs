//! Carrying out a plan: one thread, one epoll, many connections.
//!
//! Open loop: every request has its time, whatever the server does, and latency is measured from that time. A server
//! that stops for a second is seen as slow by everybody who came in that second, not by one.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use rustix::event::{Timespec, epoll};
use rustix::fd::OwnedFd;
use runtime::clock;

use super::connection::{Connection, Flight, Step};
use super::log::{Fate, Log};
use super::plan::Plan;
use super::tally::{Lost, Tally, Tracked};

/// After this a request is given up. Longer than any pause a healthy edge makes, so that a stall shows as latency.
pub const REQUEST_TIMEOUT: Duration = Duration::from_secs(5);
/// How long requests that are late may still be sent after the end.
const OVERTIME: Duration = Duration::from_secs(10);
/// How often requests under way are checked against their deadlines.
const SWEEP_EVERY: Duration = Duration::from_millis(50);
/// Events taken from the kernel at once.
const EVENTS: usize = 256;

/// When requests leave.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Pace {
    /// At the plan's times, so many a second.
    Open {
        /// Requests a second.
        rate: f64,
    },
    /// As fast as answers come: each connection sends its next request at once.
    Closed,
}

/// How a plan is carried out.
#[derive(Debug, Clone, Copy)]
pub struct Course {
    /// Where to; the caller has made sure that it is loopback.
    pub target: SocketAddr,
    /// How many connections are kept.
    pub connections: usize,
    /// When requests leave.
    pub pace: Pace,
    /// For how long.
    pub length: Duration,
}

/// What other threads see of a run, and can tell it.
#[derive(Debug, Default)]
pub struct Live {
    /// Requests that got an answer or never will.
    pub done: AtomicU64,
    /// Set to end the run early: no further request is sent.
    pub stop: AtomicBool,
}

/// Carries out the plan on this thread. Ends by itself: after the course's length, and at most [`OVERTIME`] more.
pub fn run(plan: &Plan, course: Course, log: Option<&mut Log>, live: &Live) -> anyhow::Result<Tally> {
    let epoll = epoll::create(epoll::CreateFlags::CLOEXEC).context("cannot make an epoll")?;
    let begun = clock::monotonic();
    let mut engine = Engine {
        plan,
        course,
        live,
        log,
        epoll,
        connections: (0..course.connections).map(|_| Connection::new()).collect(),
        idle: (0..course.connections).collect(),
        begun,
        begun_us: clock::now_us(),
        next: 0,
        swept: Duration::ZERO,
        tally: Tally::default(),
        code: Vec::new(),
    };
    let mut events = Vec::with_capacity(EVENTS);
    while engine.issue()? {
        engine.wait(&mut events)?;
        for event in events.drain(..) {
            engine.advance(event.data.u64() as usize)?;
        }
        engine.sweep()?;
    }
    Ok(engine.tally)
}

struct Engine<'a> {
    plan: &'a Plan,
    course: Course,
    live: &'a Live,
    log: Option<&'a mut Log>,
    epoll: OwnedFd,
    connections: Vec<Connection>,
    /// Connections without a request, the longest idle first, so that none idles until the server closes it.
    idle: VecDeque<usize>,
    begun: Instant,
    begun_us: u64,
    /// The plan's next request.
    next: u64,
    swept: Duration,
    tally: Tally,
    code: Vec<u8>,
}

impl Engine<'_> {
    /// Sends every request that is due and has a connection. False when the run is over.
    fn issue(&mut self) -> anyhow::Result<bool> {
        let mut now = self.now();
        while let (Some(intended), Some(&at)) = (self.due(now), self.idle.front()) {
            self.idle.pop_front();
            self.begin(at, intended, now)?;
            now = self.now();
        }
        if self.idle.len() < self.connections.len() {
            return Ok(true);
        }
        Ok(self.upcoming().is_some() && now < self.course.length + OVERTIME)
    }

    /// The intended time of the next request. `None`: there is none left.
    fn upcoming(&self) -> Option<Duration> {
        let intended = match self.course.pace {
            Pace::Open { rate } => self.plan.intended(self.next, rate),
            Pace::Closed => self.now(),
        };
        (intended < self.course.length && !self.live.stop.load(Ordering::Relaxed)).then_some(intended)
    }

    /// The intended time of the next request, if it should have left by now. Counts what can no longer be sent.
    fn due(&mut self, now: Duration) -> Option<Duration> {
        let intended = self.upcoming().filter(|intended| *intended <= now)?;
        (now < self.course.length + OVERTIME).then_some(intended)
    }

    fn begin(&mut self, at: usize, intended: Duration, now: Duration) -> anyhow::Result<()> {
        let shot = self.plan.shot(self.next);
        self.next += 1;
        let connection = &mut self.connections[at];
        self.plan.write_request(shot, &mut connection.request);
        let flight = Flight { shot, intended, deadline: now + REQUEST_TIMEOUT };
        if connection.is_closed() {
            match connection.open(self.course.target) {
                Ok(stream) => {
                    let flags = epoll::EventFlags::IN | epoll::EventFlags::OUT | epoll::EventFlags::RDHUP;
                    epoll::add(&self.epoll, stream, epoll::EventData::new_u64(at as u64), flags | epoll::EventFlags::ET)
                        .context("cannot watch a connection")?;
                }
                Err(why) => {
                    connection.flight = Some(flight);
                    return self.ended(at, Step::Lost(why));
                }
            }
        }
        let step = connection.begin(flight);
        self.ended(at, step)
    }

    fn advance(&mut self, at: usize) -> anyhow::Result<()> {
        let step = self.connections[at].advance();
        self.ended(at, step)
    }

    /// Books a request that ended, and frees its connection.
    fn ended(&mut self, at: usize, step: Step) -> anyhow::Result<()> {
        let answer = match step {
            Step::Wait => return Ok(()),
            Step::Answered(answer) => Ok(answer),
            Step::Lost(why) => Err(why),
        };
        let now = self.now();
        let connection = &mut self.connections[at];
        let Some(flight) = connection.flight.take() else { return Ok(()) };
        let second = flight.intended.as_secs() as usize;
        let fate = match &answer {
            Ok(answer) => {
                let token = answer.token.clone().map(|range| &connection.answer_bytes()[range]);
                let tracked = if token.is_some() { Tracked::Token } else { Tracked::NoToken };
                let latency = now.saturating_sub(flight.intended);
                self.tally.answered(second, latency, flight.shot.kind, answer.status, tracked);
                Fate::Answered { status: answer.status, token }
            }
            Err(why) => {
                self.tally.lost(second, *why);
                Fate::Lost(*why)
            }
        };
        if let Some(log) = &mut self.log {
            self.code.clear();
            self.plan.codes.write(flight.shot.code, &mut self.code);
            let at_us = self.begun_us + flight.intended.as_micros() as u64;
            log.add(at_us, flight.shot.kind, &self.code, fate).context("cannot write the log")?;
        }
        self.idle.push_back(at);
        self.live.done.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    /// Waits for the network, for the next request's time or for the next sweep, whichever comes first.
    fn wait(&self, events: &mut Vec<epoll::Event>) -> anyhow::Result<()> {
        let now = self.now();
        let mut until = self.swept + SWEEP_EVERY;
        if !self.idle.is_empty()
            && let Some(upcoming) = self.upcoming()
        {
            until = until.min(upcoming);
        }
        let pause = until.saturating_sub(now);
        let pause = Timespec { tv_sec: pause.as_secs() as i64, tv_nsec: pause.subsec_nanos().into() };
        match epoll::wait(&self.epoll, rustix::buffer::spare_capacity(events), Some(&pause)) {
            Ok(_) | Err(rustix::io::Errno::INTR) => Ok(()),
            Err(error) => Err(error).context("cannot wait for the network"),
        }
    }

    /// Gives up requests that wait too long.
    fn sweep(&mut self) -> anyhow::Result<()> {
        let now = self.now();
        if now < self.swept + SWEEP_EVERY {
            return Ok(());
        }
        self.swept = now;
        for at in 0..self.connections.len() {
            let connection = &mut self.connections[at];
            if connection.flight.is_some_and(|flight| flight.deadline <= now) {
                connection.close();
                self.ended(at, Step::Lost(Lost::TimedOut))?;
            }
        }
        Ok(())
    }

    fn now(&self) -> Duration {
        clock::monotonic() - self.begun
    }
}
