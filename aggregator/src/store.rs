//! The two stores and how patient we are with each.
//!
//! Everything the aggregator keeps lives in one of them; a process that dies loses nothing. No call to Redis touches
//! more than one hash slot, so that a server or a cluster can stand behind [`Redis`] without any job noticing.

mod redis;
mod script;

use std::time::Duration;

use anyhow::Context as _;
use common::ids::Partitions;
use sqlx::PgPool;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};

pub use self::redis::{Node, Redis, RedisConnection};
pub use self::script::{Call, Script};

/// Connections to Postgres: partitions being flushed, two batches of orders, three listeners, and the other jobs.
const POSTGRES_CONNECTIONS: u32 = 20;
/// How long to wait for a connection to Postgres.
const POSTGRES_PATIENCE: Duration = Duration::from_secs(5);

/// What Postgres enforces on every session, so that a stopped aggregator never holds others up:
/// a statement of a flush handles some ten thousand rows and takes a second at most; a partition's lock is held for
/// one flush; and a session that sits in a transaction has been stopped or cut off. Compiling a statement to machine code
/// takes longer than most of them run.
const SESSION: [(&str, &str); 4] = [
    ("statement_timeout", "60s"),
    ("lock_timeout", "20s"),
    ("idle_in_transaction_session_timeout", "30s"),
    ("jit", "off"),
];

/// Both stores, and the number of partitions they were installed with. Clones share connections.
#[derive(Clone)]
pub struct Stores {
    /// Where the truth is.
    pub postgres: PgPool,
    /// What has not been counted yet, and the edges' links.
    pub redis: Redis,
    /// How many partitions the counters are spread over.
    pub partitions: Partitions,
}

impl Stores {
    /// Prepares both pools; nothing is connected yet. Errors when an address cannot be understood.
    pub fn open(postgres_url: &str, redis_url: &str, partitions: Partitions) -> anyhow::Result<Self> {
        Ok(Self { postgres: open_postgres(postgres_url)?, redis: Redis::open(redis_url)?, partitions })
    }
}

/// The options of every session: who we are, and how long anything may take.
pub fn postgres_options(url: &str) -> anyhow::Result<PgConnectOptions> {
    let options: PgConnectOptions =
        url.parse().context("not a Postgres URL; say postgres://user:password@host/database")?;
    // Notices such as "already exists, skipping" would be logged as news.
    Ok(options.application_name("aggregator").options([("client_min_messages", "warning")]))
}

fn open_postgres(url: &str) -> anyhow::Result<PgPool> {
    let options = postgres_options(url)?.options(SESSION);
    let pool = PgPoolOptions::new().max_connections(POSTGRES_CONNECTIONS).acquire_timeout(POSTGRES_PATIENCE);
    Ok(pool.connect_lazy_with(options))
}
