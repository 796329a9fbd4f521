//! A code that is not in memory: ask Redis once, however many shoppers wait for it, and not for long.

use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use common::ids::Code;
use common::link::Entry;
use common::wire::{LINKS_GENERATION, link_key};
use parking_lot::Mutex;
use tokio::sync::{Semaphore, mpsc, oneshot};

use super::Catalog;
use super::table::WhenFull;
use crate::store::{Connection, Store};

/// How long a shopper waits for a code that is not in memory.
const WAIT: Duration = Duration::from_millis(50);
/// How long an unknown code stays unknown without asking again. A link that is published is heard of anyway.
const UNKNOWN_FOR_US: u64 = 1_000_000;
/// Unknown codes remembered; somebody who tries codes at random must not fill the memory.
const MAX_UNKNOWN: usize = 10_000;
/// Questions that wait to be asked; beyond, shoppers are told to come back.
const MAX_WAITING: usize = 1_024;
/// Questions asked at once.
const MAX_ASKED: usize = 64;
/// Before a server that could not be reached is tried again.
const RECONNECT_PAUSE: Duration = Duration::from_millis(250);

/// What Redis said of a code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found {
    /// It is in memory now.
    InMemory,
    /// There is no such link.
    Nothing,
    /// Redis cannot be asked now.
    Unavailable,
}

/// Asks for codes.
#[derive(Debug)]
pub struct Misses {
    questions: mpsc::Sender<Question>,
    unknown: Mutex<HashMap<Code, u64>>,
}

#[derive(Debug)]
pub(super) struct Question {
    code: Code,
    answer: oneshot::Sender<Found>,
}

impl Misses {
    pub(super) fn new() -> (Self, mpsc::Receiver<Question>) {
        let (questions, asked) = mpsc::channel(MAX_WAITING);
        (Self { questions, unknown: Mutex::default() }, asked)
    }

    /// Looks a code up in Redis, at `now_us`. Waits at most [`WAIT`].
    pub async fn ask(&self, code: Code, now_us: u64) -> Found {
        if self.unknown.lock().get(&code).is_some_and(|until| now_us < *until) {
            return Found::Nothing;
        }
        let (answer, answered) = oneshot::channel();
        if self.questions.try_send(Question { code, answer }).is_err() {
            return Found::Unavailable;
        }
        let found = match tokio::time::timeout(WAIT, answered).await {
            Ok(Ok(found)) => found,
            Ok(Err(_)) | Err(_) => Found::Unavailable,
        };
        if found == Found::Nothing {
            let mut unknown = self.unknown.lock();
            if unknown.len() >= MAX_UNKNOWN {
                unknown.clear();
            }
            unknown.insert(code, now_us + UNKNOWN_FOR_US);
        }
        found
    }
}

/// Answers questions until nobody can ask any more. Runs on the catalog's own thread.
pub(super) async fn answer(catalog: Arc<Catalog>, store: Store, mut asked: mpsc::Receiver<Question>) {
    let desk = Rc::new(Desk {
        catalog,
        waiting: Mutex::default(),
        connection: Mutex::default(),
        seats: Semaphore::new(MAX_ASKED),
    });
    let keep_connected = tokio::task::spawn_local(connect(desk.clone(), store));
    while let Some(question) = asked.recv().await {
        let mut waiting = desk.waiting.lock();
        let others = waiting.entry(question.code).or_default();
        others.push(question.answer);
        if others.len() == 1 {
            tokio::task::spawn_local(desk.clone().look_up(question.code));
        }
    }
    keep_connected.abort();
}

struct Desk {
    catalog: Arc<Catalog>,
    waiting: Mutex<HashMap<Code, Vec<oneshot::Sender<Found>>>>,
    connection: Mutex<Option<Connection>>,
    seats: Semaphore,
}

impl Desk {
    async fn look_up(self: Rc<Self>, code: Code) {
        let found = self.found(code).await;
        let waiting = self.waiting.lock().remove(&code).unwrap_or_default();
        for answer in waiting {
            let _nobody_waits_any_more = answer.send(found);
        }
    }

    async fn found(&self, code: Code) -> Found {
        let Ok(_seat) = self.seats.acquire().await else { return Found::Unavailable };
        let Some(mut connection) = self.connection.lock().clone() else { return Found::Unavailable };
        let reply: redis::RedisResult<Option<Vec<u8>>> =
            redis::cmd("GET").arg(link_key(&code)).query_async(&mut connection).await;
        match reply {
            Err(_) => {
                *self.connection.lock() = None;
                Found::Unavailable
            }
            Ok(None) => nothing_or_emptied(&mut connection, &code).await,
            Ok(Some(json)) => match serde_json::from_slice::<Entry>(&json) {
                Ok(entry) if entry.code.as_bytes() == code.as_bytes() => {
                    let gone = entry.link.is_none();
                    self.catalog.tell(entry, WhenFull::Evict);
                    if gone { Found::Nothing } else { Found::InMemory }
                }
                _ => {
                    self.catalog.bad_entries.increment(1);
                    Found::Nothing
                }
            },
        }
    }
}

/// A code that Redis does not have: there is no such link, or Redis was emptied and its silence says nothing. What it
/// says counts if the links were complete before and after.
async fn nothing_or_emptied(connection: &mut Connection, code: &Code) -> Found {
    let key = link_key(code);
    let mut said = [None, None, None];
    for (answer, key) in said.iter_mut().zip([LINKS_GENERATION, &key, LINKS_GENERATION]) {
        let reply: redis::RedisResult<Option<String>> =
            redis::cmd("GET").arg(key).query_async(connection).await;
        let Ok(reply) = reply else { return Found::Unavailable };
        *answer = reply;
    }
    match said {
        [Some(before), None, Some(after)] if before == after => Found::Nothing,
        _ => Found::Unavailable,
    }
}

/// Keeps a connection ready, so that no shopper waits for one.
async fn connect(desk: Rc<Desk>, store: Store) {
    loop {
        if desk.connection.lock().is_none() {
            let connected = store.connect(WAIT).await.ok();
            *desk.connection.lock() = connected;
        }
        tokio::time::sleep(RECONNECT_PAUSE).await;
    }
}
