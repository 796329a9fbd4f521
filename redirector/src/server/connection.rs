//! One connection: hyper behind a guard that catches panics and can be told to finish or to go.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::convert::Infallible;
use std::future::{Future, Ready, ready};
use std::mem;
use std::net::{IpAddr, SocketAddr};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use futures_util::future::{Either, FutureExt as _, LocalBoxFuture};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::Service;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use runtime::clock;
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tracing::{debug, error};

use super::doors::{Doors, Seat};
use crate::handler::{Body, Step, Worker};
use crate::meters::Outcome;

/// How often connections are looked at. The time of a request is known to this exactness only: a timer of its own for
/// every request would cost a fiftieth of answering it.
pub(super) const SWEEP: Duration = Duration::from_millis(500);
/// Sweeps that a connection may take from one request, or from being opened, to the end of the next one's headers: five
/// seconds, and up to one sweep more.
const PATIENCE: u32 = 10;
/// Request line and headers together: browsers send two kilobytes.
const MAX_HEAD: usize = 16 * 1024;
/// Then a connection is asked to end, so that no client stays on one worker for ever.
const MAX_AGE: Duration = Duration::from_mins(10);
/// Then it is dropped: somebody sends, or reads, too slowly to mean it.
const LAST_AGE: Duration = Duration::from_secs(615);
/// Answers that nobody acknowledges for so long were sent into the void.
const UNACKNOWLEDGED: Duration = Duration::from_secs(10);
/// After a stop, a connection that was just made asks within a round trip. Browsers keep others to spare, which never do.
const FIRST_WORDS: Duration = Duration::from_secs(1);

/// A worker's connections.
pub(super) struct Connections {
    worker: Rc<Worker>,
    doors: Arc<Doors>,
    builder: http1::Builder,
    open: RefCell<HashMap<u64, Rc<Control>>>,
    opened: Cell<u64>,
    /// Sweeps so far: the clock of requests.
    sweeps: Rc<Cell<u32>>,
    closed: Notify,
}

/// What a connection is to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wish {
    Serve,
    /// Answer what was asked, then end. Who has asked nothing yet may still ask once.
    Finish,
    /// Answer what was asked, then end. Who has asked nothing ends now.
    Close,
    /// End now.
    Drop,
}

/// The handle on a connection's task. The task stores its waker once; wishes wake it.
#[derive(Debug)]
struct Control {
    wish: Cell<Wish>,
    waker: RefCell<Option<Waker>>,
    since: Instant,
    /// Whether there was a request.
    asked: Cell<bool>,
    /// The sweep before its last request, or before it was opened.
    heard: Cell<u32>,
}

impl Control {
    fn wish(&self, wish: Wish) {
        if self.wish.replace(wish) != wish {
            self.waker.borrow().iter().for_each(Waker::wake_by_ref);
        }
    }
}

impl Connections {
    pub(super) fn new(worker: Worker, doors: Arc<Doors>) -> Self {
        let mut builder = http1::Builder::new();
        // Answers are one short piece. Slow requests are the sweep's business.
        builder.header_read_timeout(None).writev(false).max_buf_size(MAX_HEAD);
        Self {
            worker: Rc::new(worker),
            doors,
            builder,
            open: RefCell::default(),
            opened: Cell::new(0),
            sweeps: Rc::default(),
            closed: Notify::new(),
        }
    }

    /// Takes a connection in, or turns it away.
    pub(super) fn open(self: &Rc<Self>, socket: TcpStream, peer: SocketAddr) {
        let Some(seat) = self.doors.enter(peer.ip()) else {
            metrics::counter!("redirector_turned_away_connections_total").increment(1);
            return;
        };
        let tuned = socket
            .set_nodelay(true)
            .and_then(|()| socket2::SockRef::from(&socket).set_tcp_user_timeout(Some(UNACKNOWLEDGED)));
        if let Err(error) = tuned {
            debug!(%error, "a connection ended before it began");
            return;
        }
        let number = self.opened.get();
        self.opened.set(number + 1);
        let control = Rc::new(Control {
            wish: Cell::new(Wish::Serve),
            asked: Cell::new(false),
            waker: RefCell::default(),
            since: clock::monotonic(),
            heard: Cell::new(self.sweeps.get()),
        });
        self.open.borrow_mut().insert(number, control.clone());
        let (worker, sweeps) = (self.worker.clone(), self.sweeps.clone());
        let service = Answers { worker, peer: peer.ip(), control: control.clone(), sweeps };
        let connection = Box::pin(self.builder.serve_connection(TokioIo::new(socket), service));
        let guarded = Guarded { connection, control, finishing: false };
        tokio::task::spawn_local(self.clone().attend(number, guarded, seat));
    }

    async fn attend(self: Rc<Self>, number: u64, guarded: Guarded, seat: Seat) {
        match guarded.await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                if error.is_parse() {
                    self.worker.tally.count(Outcome::Refused);
                }
                debug!(%error, "a connection broke");
            }
            Err(panic) => {
                let text = panic.downcast_ref::<&str>().copied();
                let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
                error!(panic = text.unwrap_or("no message"), "a request panicked; its connection was closed");
                metrics::counter!("redirector_panics_total").increment(1);
            }
        }
        self.open.borrow_mut().remove(&number);
        drop(seat);
        self.closed.notify_one();
    }

    /// Ends connections that ask nothing, or too slowly, or have become too old.
    pub(super) fn sweep(&self) {
        let now = clock::monotonic();
        let sweep = self.sweeps.get().wrapping_add(1);
        self.sweeps.set(sweep);
        for control in self.open.borrow().values() {
            match now.duration_since(control.since) {
                _ if sweep.wrapping_sub(control.heard.get()) > PATIENCE => control.wish(Wish::Drop),
                age if age > LAST_AGE => control.wish(Wish::Drop),
                age if age > MAX_AGE => control.wish(Wish::Finish),
                _ => {}
            }
        }
    }

    /// Lets all connections finish, and drops those that do not within `limit`.
    pub(super) async fn finish(&self, limit: Duration) {
        let last = Duration::from_secs(1);
        for (wish, limit) in [(Wish::Finish, FIRST_WORDS), (Wish::Close, limit), (Wish::Drop, last)] {
            self.open.borrow().values().for_each(|control| control.wish(wish));
            let all_closed = async {
                while !self.open.borrow().is_empty() {
                    self.closed.notified().await;
                }
            };
            if tokio::time::timeout(limit, all_closed).await.is_ok() {
                return;
            }
        }
    }
}

type Connection = http1::Connection<TokioIo<TcpStream>, Answers>;

/// A connection that ends by itself, by a wish, or by a panic; none of them harms another.
struct Guarded {
    connection: Pin<Box<Connection>>,
    control: Rc<Control>,
    finishing: bool,
}

impl Future for Guarded {
    type Output = Result<hyper::Result<()>, Box<dyn Any + Send>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        if self.control.waker.borrow().is_none() {
            *self.control.waker.borrow_mut() = Some(cx.waker().clone());
        }
        loop {
            if self.control.wish.get() == Wish::Drop {
                return Poll::Ready(Ok(Ok(())));
            }
            if self.is_to_finish() {
                self.finishing = true;
                self.connection.as_mut().graceful_shutdown();
            }
            match catch_unwind(AssertUnwindSafe(|| self.connection.as_mut().poll(cx))) {
                // What it waited for, a first request, has come.
                Ok(Poll::Pending) if self.is_to_finish() => {}
                Ok(polled) => return polled.map(Ok),
                Err(panic) => return Poll::Ready(Err(panic)),
            }
        }
    }
}

impl Guarded {
    /// Whether hyper is to be told now that there will be no further request.
    fn is_to_finish(&self) -> bool {
        let wished = match self.control.wish.get() {
            Wish::Serve | Wish::Drop => false,
            // Hyper closes a connection on which it has read nothing, though a request may be on its way.
            Wish::Finish => self.control.asked.get(),
            Wish::Close => true,
        };
        wished && !self.finishing
    }
}

/// The worker, asked by one peer.
struct Answers {
    worker: Rc<Worker>,
    peer: IpAddr,
    control: Rc<Control>,
    sweeps: Rc<Cell<u32>>,
}

type Answer = Result<Response<Body>, Infallible>;

impl Service<Request<Incoming>> for Answers {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Either<Ready<Answer>, LocalBoxFuture<'static, Answer>>;

    fn call(&self, mut request: Request<Incoming>) -> Self::Future {
        self.control.heard.set(self.sweeps.get());
        self.control.asked.set(true);
        match self.worker.answer(&request, self.peer) {
            Step::Done(reply) => {
                Either::Left(ready(Ok(reply.into_response(mem::take(request.headers_mut())))))
            }
            step => {
                let (worker, peer) = (self.worker.clone(), self.peer);
                Either::Right(
                    async move {
                        let reply = worker.finish(&request, peer, step).await;
                        Ok(reply.into_response(mem::take(request.headers_mut())))
                    }
                    .boxed_local(),
                )
            }
        }
    }
}
