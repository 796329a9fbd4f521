//! Answering one request: resolve, decide, record, redirect.
//!
//! For a known link nothing is awaited between the request and its answer, and nothing that fails behind the edge
//! keeps the shopper from where the link leads. A token is given only for a click that is in the journal.

mod agents;
mod client;
mod reply;
mod request;
mod subs;

use std::cell::{Cell, RefCell};
use std::hash::Hasher as _;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use common::click::{Audience, Decision, Facts, Method, decide};
use common::destination::{Macro, TOKEN_PARAMETER, Values};
use common::ids::{Code, Seq};
use common::link::standing;
use common::secret::{Master, Purpose};
use common::time::Millis;
use common::token::{Click, Signer, TOKEN_CHARS};
use common::traffic::{Agent, Channel, Classifier, Country, channel};
use common::visitor::Keys;
use common::wire::{Record, RecordFlags};
use hyper::Request;
use metrics::Histogram;
use runtime::clock;
use siphasher::sip::SipHasher24;

use self::agents::Agents;
use self::reply::Replies;
use self::request::{Refusal, Said};
use self::subs::Subs;
use crate::catalog::{Catalog, Found, Known, Link};
use crate::journal::{Ack, Journal, LaneLog, Writer};
use crate::meters::{Outcome, Tally, Untracked};
use crate::pages;

pub use self::client::{Countries, Proxies};
pub use self::reply::{Body, Reply};

/// One request in so many is timed: reading the clock twice costs a tenth of answering.
const TIMED_EVERY: u32 = 16;
/// How often a code is asked for again because it was evicted before it could be looked at.
const MAX_ASKS: u32 = 3;
/// How long a click waits to be on disk in [`Ack::Fsync`] mode before the shopper goes on untracked.
const SYNC_WAIT: Duration = Duration::from_secs(1);

/// What all workers share.
#[derive(Debug)]
pub struct Shared {
    /// The links.
    pub catalog: Arc<Catalog>,
    /// Where clicks are recorded.
    pub journal: Arc<Journal>,
    /// What keys come of.
    pub master: Master,
    /// Reads user agents.
    pub classifier: Classifier,
    /// Whose word on the shopper's address counts.
    pub proxies: Proxies,
    /// Where addresses are.
    pub countries: Option<Countries>,
}

/// What one worker needs to answer. Lives on its thread.
pub struct Worker {
    shared: Arc<Shared>,
    /// Where this worker counts what it did.
    pub tally: Arc<Tally>,
    log: Arc<LaneLog>,
    signer: Signer,
    sub_ids: SipHasher24,
    writer: RefCell<Writer>,
    month: RefCell<Month>,
    replies: Replies,
    turn: Cell<u32>,
    seconds: Histogram,
}

/// What changes with the month.
struct Month {
    /// Valid for clicks in `from_us..until_us`.
    from_us: u64,
    until_us: u64,
    keys: Keys,
    agents: Agents,
}

/// An answer, or what must be waited for first.
pub enum Step {
    /// The answer.
    Done(Reply),
    /// The code is not in memory.
    Miss(Code),
    /// The answer, once the disk has this record.
    Sync(Seq, Reply),
}

/// Whether a click may be recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Recording {
    Allowed,
    /// It was tried, and the disk does not confirm it.
    Unsynced,
}

impl Worker {
    /// A worker that records in `writer`'s lane.
    pub fn new(shared: Arc<Shared>, signer: Signer, writer: Writer, tally: Arc<Tally>) -> Self {
        let sub_ids = shared.master.derive(Purpose::SubIds, &[]);
        Self {
            log: writer.log.clone(),
            signer,
            sub_ids: SipHasher24::new_with_key(sub_ids.first_chunk().expect("32 bytes begin with 16")),
            writer: RefCell::new(writer),
            month: RefCell::new(Month::containing(&shared.master, clock::now_us())),
            replies: Replies::new(),
            turn: Cell::new(0),
            seconds: metrics::histogram!("redirector_answer_seconds"),
            tally,
            shared,
        }
    }

    /// Answers a request at once, or says what it takes.
    pub fn answer<B>(&self, request: &Request<B>, peer: IpAddr) -> Step {
        let turn = self.turn.get().wrapping_add(1);
        self.turn.set(turn);
        if !turn.is_multiple_of(TIMED_EVERY) {
            return self.step(request, peer, Recording::Allowed);
        }
        let begun = clock::monotonic();
        let step = self.step(request, peer, Recording::Allowed);
        self.seconds.record(begun.elapsed().as_secs_f64());
        step
    }

    /// Finishes what [`Self::answer`] could not: asks for the code, waits for the disk.
    pub async fn finish<B>(&self, request: &Request<B>, peer: IpAddr, mut step: Step) -> Reply {
        let mut asked = 0;
        loop {
            step = match step {
                Step::Done(reply) => return reply,
                Step::Miss(_) if asked == MAX_ASKS => return self.page(Outcome::Unavailable),
                Step::Miss(code) => match self.shared.catalog.misses.ask(code, clock::now_us()).await {
                    Found::InMemory => {
                        asked += 1;
                        self.step(request, peer, Recording::Allowed)
                    }
                    Found::Nothing => return self.page(Outcome::Unknown),
                    Found::Unavailable => return self.page(Outcome::Unavailable),
                },
                Step::Sync(seq, reply) => {
                    self.shared.journal.hurry_sync();
                    match tokio::time::timeout(SYNC_WAIT, self.log.wait_synced(seq)).await {
                        Ok(Ok(())) => return reply,
                        Ok(Err(_)) | Err(_) => self.step(request, peer, Recording::Unsynced),
                    }
                }
            }
        }
    }

    fn step<B>(&self, request: &Request<B>, peer: IpAddr, recording: Recording) -> Step {
        let (method, uri) = (request.method(), request.uri());
        let code = uri.path().as_bytes().split_first().and_then(|(_, rest)| Code::new(rest));
        // The link is far away in memory. Everything that does not depend on it is done while it comes.
        let aim = code.map(|code| self.shared.catalog.table.aim(code));
        let said = match request::read(method, uri, request.version(), request.headers()) {
            Ok(said) => said,
            Err(refusal) => return Step::Done(self.refuse(refusal)),
        };
        let method = if *method == hyper::Method::HEAD { Method::Head } else { Method::Get };
        let Some(aim) = aim else { return Step::Done(self.no_code(uri.path())) };
        let code = aim.code;
        let query = uri.query().unwrap_or_default().as_bytes();
        let sought = self.shared.catalog.table.seek(aim);
        let asked = Asked { said: &said, method, code, query, headers: request.headers(), peer, recording };
        let visit = self.visit(&asked);
        sought.known().map_or(Step::Miss(code), |known| self.follow(known, &asked, &visit))
    }

    /// Who asks, and when.
    fn visit(&self, asked: &Asked<'_>) -> Visit {
        let now_us = clock::now_us();
        let mut month = self.month.borrow_mut();
        if !(month.from_us..month.until_us).contains(&now_us) {
            *month = Month::containing(&self.shared.master, now_us);
        }
        let Month { keys, agents, .. } = &mut *month;
        let (ua_hash, agent) = agents.look(asked.said.user_agent, keys, &self.shared.classifier);
        let client = if asked.said.forwarded {
            self.shared.proxies.client(asked.peer, asked.headers)
        } else {
            asked.peer.to_canonical()
        };
        Visit {
            now_us,
            agent,
            ua_hash,
            visitor: keys.visitor(client, ua_hash, asked.said.accept_language),
            prefix: keys.ip_prefix_hash(client),
            source: self.source(asked.query),
            channel: channel(asked.query, asked.said.referer),
            country: self.shared.countries.as_ref().map(|c| c.of(client)).unwrap_or_default(),
        }
    }

    /// What a link that is in memory leads to.
    fn follow(&self, known: &Known, asked: &Asked<'_>, visit: &Visit) -> Step {
        let Some(link) = &known.link else { return Step::Done(self.page(Outcome::Unknown)) };
        // The end of the destination is on another cache line: asked for now, it is here when it is wanted.
        std::hint::black_box(link.destination.as_ref().and_then(|d| d.as_bytes().last()));
        let &Visit { now_us, agent, .. } = visit;
        let facts = Facts { method: asked.method, prefetch: asked.said.prefetch, bot: agent.bot };
        let active = link.is_active && link.destination.is_some();
        let audience = match decide(standing(active, Some(link.expires), Millis(now_us / 1000)), facts) {
            Decision::Later => return Step::Done(self.page(Outcome::Prefetch)),
            Decision::Ended => return Step::Done(self.ended(link)),
            Decision::Pass => {
                let record = None;
                return Step::Done(self.redirect(link, asked, agent, record, Outcome::Head));
            }
            Decision::Track(audience) => audience,
        };
        if asked.recording == Recording::Unsynced {
            self.tally.untracked(Untracked::Unsynced);
            return Step::Done(self.redirect(link, asked, agent, None, Outcome::Untracked));
        }
        let mut record = Record {
            seq: Seq::ZERO,
            at_us: now_us,
            link: link.link,
            visitor: visit.visitor,
            source: visit.source,
            flags: self.flags(audience),
            device: agent.device,
            browser: agent.browser,
            os: agent.os,
            channel: visit.channel,
            prefix: visit.prefix,
            agent: visit.ua_hash as u32,
            country: visit.country,
            link_version: known.version as u16,
            vendor: link.vendor,
        };
        if self.writer.borrow_mut().append(&mut record).is_err() {
            self.tally.untracked(Untracked::JournalFull);
            return Step::Done(self.redirect(link, asked, agent, None, Outcome::Untracked));
        }
        // In what is released this is nothing.
        runtime::failpoint::pass("record.stored");
        let outcome = if audience == Audience::Human { Outcome::Tracked } else { Outcome::Filtered };
        let reply = self.redirect(link, asked, agent, Some(&record), outcome);
        match self.shared.journal.config.ack {
            Ack::Memory => Step::Done(reply),
            Ack::Fsync => Step::Sync(record.seq, reply),
        }
    }

    /// Sends the shopper to the destination; with a token if there is a record.
    fn redirect(
        &self,
        link: &Link,
        asked: &Asked<'_>,
        agent: Agent,
        record: Option<&Record>,
        outcome: Outcome,
    ) -> Reply {
        let Some(destination) = &link.destination else { return self.page(Outcome::Ended) };
        let token = record.map(|record| self.signer.sign(&self.token_of(record)));
        let subs = Subs::of(asked.query);
        self.tally.dropped_subs(subs.dropped);
        let other = |name: Macro, out: &mut Vec<u8>| {
            let number = |n: u64, out: &mut Vec<u8>| out.extend_from_slice(n.to_string().as_bytes());
            let record_or = |word: fn(&Record) -> &'static str| record.map_or("", word);
            match name {
                Macro::LinkCode => out.extend_from_slice(asked.code.as_bytes()),
                Macro::VendorId => number(u64::from(link.vendor.0), out),
                Macro::AffiliateId => number(link.affiliate, out),
                Macro::ProductId => number(link.product, out),
                Macro::Source => out.extend_from_slice(record_or(|r| r.channel.name()).as_bytes()),
                Macro::Country => {
                    let country = record.map(|r| r.country).unwrap_or_default();
                    out.extend_from_slice(country.to_string().as_bytes());
                }
                Macro::Device => out.extend_from_slice(agent.device.name().as_bytes()),
                Macro::Browser => out.extend_from_slice(agent.browser.name().as_bytes()),
                Macro::Os => out.extend_from_slice(agent.os.name().as_bytes()),
                Macro::Timestamp => number(record.map_or_else(clock::now_us, |r| r.at_us) / 1_000_000, out),
                Macro::ClickId | Macro::Sub(_) => {}
            }
        };
        // Exactly what most redirects need: a buffer without room to spare becomes a header without another one.
        let mut location =
            Vec::with_capacity(destination.as_bytes().len() + TOKEN_PARAMETER.len() + 2 + TOKEN_CHARS);
        let values = Values { token: token.as_ref().map(|t| &t[..]), subs: &subs.as_slices(), other: &other };
        destination.render(&values, &mut location);
        self.tally.count(outcome);
        self.replies.redirect(location)
    }

    fn token_of(&self, record: &Record) -> Click {
        Click {
            flags: record.flags.0,
            ts_ms: record.at_us / 1000,
            link: record.link,
            visitor: record.visitor,
            channel: u16::from(record.channel.code()),
            lane: self.log.lane,
            seq: record.seq,
        }
    }

    fn ended(&self, link: &Link) -> Reply {
        match &link.fallback {
            None => self.page(Outcome::Ended),
            Some(fallback) => {
                self.tally.count(Outcome::Fallback);
                self.replies.redirect(fallback.as_bytes().to_vec())
            }
        }
    }

    fn source(&self, query: &[u8]) -> u64 {
        let subs = if query.is_empty() { return 0 } else { Subs::of(query) };
        if subs.is_empty() {
            return 0;
        }
        let mut hasher = self.sub_ids;
        for value in &subs.values {
            hasher.write(&[value.len() as u8]);
            hasher.write(value);
        }
        hasher.finish().max(1)
    }

    fn flags(&self, audience: Audience) -> RecordFlags {
        let bot = if audience == Audience::Filtered { RecordFlags::BOT } else { RecordFlags::default() };
        if self.shared.catalog.is_stale() { bot.with(RecordFlags::STALE_CATALOG) } else { bot }
    }

    fn no_code(&self, path: &str) -> Reply {
        match path {
            "/" => {
                self.tally.count(Outcome::Page);
                self.replies.page(200, pages::HOME)
            }
            "/robots.txt" => {
                self.tally.count(Outcome::Page);
                self.replies.text(pages::ROBOTS)
            }
            _ => self.page(Outcome::Unknown),
        }
    }

    fn refuse(&self, refusal: Refusal) -> Reply {
        self.tally.count(Outcome::Refused);
        let (status, page) = match refusal {
            Refusal::Malformed => (400, pages::BAD_REQUEST),
            Refusal::TargetTooLong => (414, pages::BAD_REQUEST),
            Refusal::Body => (413, pages::BAD_REQUEST),
            Refusal::Method => return self.replies.wrong_method(),
        };
        self.replies.closing(status, page)
    }

    /// The page that goes with an outcome, counted.
    fn page(&self, outcome: Outcome) -> Reply {
        self.tally.count(outcome);
        match outcome {
            Outcome::Ended => self.replies.page(410, pages::ENDED),
            Outcome::Prefetch => self.replies.page(503, pages::LATER),
            Outcome::Unavailable => self.replies.unavailable(),
            _ => self.replies.page(404, pages::NOT_FOUND),
        }
    }
}

/// A request for a link.
struct Asked<'a> {
    said: &'a Said<'a>,
    method: Method,
    code: Code,
    query: &'a [u8],
    headers: &'a hyper::HeaderMap,
    peer: IpAddr,
    recording: Recording,
}

/// Who asks, and when: what of a record does not depend on the link.
struct Visit {
    now_us: u64,
    agent: Agent,
    ua_hash: u64,
    visitor: u64,
    prefix: u32,
    source: u64,
    channel: Channel,
    country: Country,
}

impl Month {
    /// The calendar month (UTC) around an instant.
    fn containing(master: &Master, now_us: u64) -> Self {
        const DAY_US: u64 = 86_400_000_000;
        let day = Millis(now_us / 1000).day();
        let month = day.year_month();
        let mut first = day.0;
        while first > 0 && common::time::Day(first - 1).year_month() == month {
            first -= 1;
        }
        let mut next = day.0 + 1;
        while common::time::Day(next).year_month() == month {
            next += 1;
        }
        Self {
            from_us: u64::from(first) * DAY_US,
            until_us: u64::from(next) * DAY_US,
            keys: Keys::for_month(master, month),
            agents: Agents::new(),
        }
    }
}
