//! Shoppers who come whether or not there is room for them: each opens a connection, asks once, waits a second, and leaves.
//!
//! They come from thousands of loopback addresses, as an edge takes only so many connections from one. One thread and one
//! epoll that never sleeps, as in `client`.

use std::collections::VecDeque;
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use hdrhistogram::Histogram;
use runtime::clock;
use rustix::buffer::spare_capacity;
use rustix::event::{Timespec, epoll};
use socket2::{Domain, Protocol, Socket, Type};

use super::contender::Expect;
use super::reply::Reply;
use crate::drive::plan::{Plan, Shot};

/// Who is not answered by then has gone elsewhere.
pub(super) const PATIENCE: Duration = Duration::from_secs(1);
/// Files a process may have open at most; whoever comes beyond is not even let onto the street.
const MOST_AT_ONCE: usize = 15_000;
/// Room for one answer.
const ANSWER_BYTES: usize = 2 * 1024;
/// Addresses they come from: 127.1.0.1 and on.
const ADDRESSES: u32 = 8_000;
/// Shoppers that are let in before anybody is listened to.
const AT_ONCE: u64 = 32;

/// How they come.
#[derive(Debug, Clone, Copy)]
pub(super) enum Coming {
    /// So many are there at any time: as soon as one leaves another comes.
    Always(usize),
    /// So many a second, whatever happens.
    Rate(f64),
}

/// What became of them.
#[derive(Debug)]
pub(super) struct Crowd {
    /// Who came.
    pub(super) came: u64,
    /// Who was redirected in time, as it had to be.
    pub(super) redirected: u64,
    /// Who was turned away: the connection was closed without an answer.
    pub(super) turned_away: u64,
    /// Who waited in vain.
    pub(super) gave_up: u64,
    /// Answers that were not what they had to be.
    pub(super) wrong: u64,
    /// From coming to the answer, microseconds.
    pub(super) answered_us: Histogram<u64>,
    /// From coming to being turned away, microseconds.
    pub(super) turned_away_us: Histogram<u64>,
    /// When the last came who was not redirected within [`SOON`], from the first on.
    pub(super) last_trouble: Option<Duration>,
    /// From the first to the last.
    pub(super) length: Duration,
}

/// Who is answered by then has noticed nothing.
const SOON: Duration = Duration::from_millis(100);

impl Crowd {
    pub(super) fn redirected_per_second(&self) -> f64 {
        self.redirected as f64 / self.length.as_secs_f64()
    }
}

/// Lets them come for `length`, beginning with number `first` of the plan, and waits for the last.
pub(super) fn come(
    address: SocketAddr,
    plan: &Plan,
    first: u64,
    coming: Coming,
    length: Duration,
) -> anyhow::Result<Crowd> {
    let histogram = || Histogram::new_with_max(60_000_000, 3);
    let mut street = Street {
        address,
        plan,
        poll: epoll::create(epoll::CreateFlags::CLOEXEC)?,
        places: Vec::new(),
        free: Vec::new(),
        arrivals: VecDeque::new(),
        request: Vec::new(),
        code: Vec::new(),
        begun: clock::monotonic(),
        crowd: Crowd {
            came: 0,
            redirected: 0,
            turned_away: 0,
            gave_up: 0,
            wrong: 0,
            answered_us: histogram()?,
            turned_away_us: histogram()?,
            last_trouble: None,
            length,
        },
    };
    let mut events: Vec<epoll::Event> = Vec::with_capacity(1_024);
    loop {
        let since = street.begun.elapsed();
        let is_over = since >= length;
        if is_over && street.present() == 0 {
            break;
        }
        if !is_over {
            let due = match coming {
                Coming::Always(number) => number.saturating_sub(street.present()) as u64,
                Coming::Rate(rate) => ((since.as_secs_f64() * rate) as u64).saturating_sub(street.crowd.came),
            };
            for _ in 0..due.min(AT_ONCE) {
                street.arrive(plan.shot(first + street.crowd.came))?;
            }
        }
        events.clear();
        epoll::wait(&street.poll, spare_capacity(&mut events), Some(&Timespec::default()))?;
        for event in &events {
            street.attend(event.data.u64() as usize)?;
        }
        street.dismiss();
    }
    Ok(street.crowd)
}

struct Shopper {
    socket: TcpStream,
    shot: Shot,
    came: Instant,
    asked: bool,
    answer: Vec<u8>,
}

struct Street<'a> {
    address: SocketAddr,
    plan: &'a Plan,
    poll: std::os::fd::OwnedFd,
    places: Vec<Option<Shopper>>,
    free: Vec<usize>,
    /// Who came when, at which place: the place may have another shopper by now.
    arrivals: VecDeque<(Instant, usize)>,
    request: Vec<u8>,
    code: Vec<u8>,
    begun: Instant,
    crowd: Crowd,
}

/// How a visit ends.
enum End {
    Redirected,
    Wrong,
    TurnedAway,
    GaveUp,
}

impl Street<'_> {
    fn present(&self) -> usize {
        self.places.len() - self.free.len()
    }

    fn arrive(&mut self, shot: Shot) -> anyhow::Result<()> {
        let came = clock::monotonic();
        self.crowd.came += 1;
        if self.present() >= MOST_AT_ONCE {
            self.note(came, &End::GaveUp);
            return Ok(());
        }
        let from = u32::from(Ipv4Addr::new(127, 1, 0, 1)) + (self.crowd.came % u64::from(ADDRESSES)) as u32;
        let socket =
            Socket::new(Domain::IPV4, Type::STREAM, Some(Protocol::TCP)).context("no more sockets")?;
        socket.set_nonblocking(true)?;
        socket.set_tcp_nodelay(true)?;
        // Whoever has left leaves nothing in the kernel.
        socket.set_linger(Some(Duration::ZERO))?;
        socket.bind(&SocketAddr::from((Ipv4Addr::from(from), 0)).into()).context("no port is left")?;
        match socket.connect(&self.address.into()) {
            Ok(()) => {}
            Err(error) if error.raw_os_error() == Some(rustix::io::Errno::INPROGRESS.raw_os_error()) => {}
            Err(error) if error.kind() == ErrorKind::ConnectionRefused => {
                self.note(came, &End::TurnedAway);
                return Ok(());
            }
            Err(error) => return Err(error).context("cannot connect"),
        }
        let place = self.free.pop().unwrap_or_else(|| {
            self.places.push(None);
            self.places.len() - 1
        });
        let socket = TcpStream::from(socket);
        let interest = epoll::EventFlags::IN | epoll::EventFlags::OUT | epoll::EventFlags::ET;
        epoll::add(&self.poll, &socket, epoll::EventData::new_u64(place as u64), interest)?;
        self.places[place] = Some(Shopper { socket, shot, came, asked: false, answer: Vec::new() });
        self.arrivals.push_back((came, place));
        Ok(())
    }

    /// Something happened at a place.
    fn attend(&mut self, place: usize) -> anyhow::Result<()> {
        let Some(shopper) = &mut self.places[place] else { return Ok(()) };
        let end = match visit(shopper, self.plan, &mut self.request, &mut self.code) {
            Ok(None) => return Ok(()),
            Ok(Some(end)) => end,
            Err(error)
                if matches!(
                    error.kind(),
                    ErrorKind::ConnectionReset | ErrorKind::BrokenPipe | ErrorKind::ConnectionRefused
                ) =>
            {
                End::TurnedAway
            }
            Err(error) => return Err(error).context("a connection broke"),
        };
        self.leave(place, &end);
        Ok(())
    }

    /// Whoever has waited long enough leaves.
    fn dismiss(&mut self) {
        while let Some((came, place)) = self.arrivals.front().copied() {
            let waits = self.places[place].as_ref().is_some_and(|shopper| shopper.came == came);
            if waits && came.elapsed() < PATIENCE {
                return;
            }
            self.arrivals.pop_front();
            if waits {
                self.leave(place, &End::GaveUp);
            }
        }
    }

    fn leave(&mut self, place: usize, end: &End) {
        if let Some(shopper) = self.places[place].take() {
            self.free.push(place);
            self.note(shopper.came, end);
        }
    }

    fn note(&mut self, came: Instant, end: &End) {
        let waited = came.elapsed();
        let micros = waited.as_micros() as u64;
        let crowd = &mut self.crowd;
        match end {
            End::Redirected => {
                crowd.redirected += 1;
                crowd.answered_us.saturating_record(micros);
            }
            End::Wrong => crowd.wrong += 1,
            End::TurnedAway => {
                crowd.turned_away += 1;
                crowd.turned_away_us.saturating_record(micros);
            }
            End::GaveUp => crowd.gave_up += 1,
        }
        if !matches!(end, End::Redirected) || waited > SOON {
            let when = came.duration_since(self.begun);
            crowd.last_trouble = crowd.last_trouble.max(Some(when));
        }
    }
}

/// Asks when connected, reads what is there. `None`: the visit goes on.
fn visit(
    shopper: &mut Shopper,
    plan: &Plan,
    request: &mut Vec<u8>,
    code: &mut Vec<u8>,
) -> std::io::Result<Option<End>> {
    if !shopper.asked {
        plan.write_request(shopper.shot, request);
        match shopper.socket.write(request) {
            Ok(_) => shopper.asked = true,
            Err(error)
                if error.kind() == ErrorKind::WouldBlock || error.kind() == ErrorKind::NotConnected =>
            {
                return Ok(None);
            }
            Err(error) => return Err(error),
        }
    }
    let mut piece = [0; ANSWER_BYTES];
    loop {
        match shopper.socket.read(&mut piece) {
            Ok(0) => return Ok(Some(End::TurnedAway)),
            Ok(bytes) => shopper.answer.extend_from_slice(&piece[..bytes]),
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(None),
            Err(error) => return Err(error),
        }
        let Ok(reply) = Reply::read(&shopper.answer) else { return Ok(Some(End::Wrong)) };
        let Some(reply) = reply else { continue };
        if reply.status == 503 {
            return Ok(Some(End::TurnedAway));
        }
        code.clear();
        plan.codes.write(shopper.shot.code, code);
        return Ok(Some(if Expect::Tracked.holds(&reply, code) { End::Redirected } else { End::Wrong }));
    }
}
