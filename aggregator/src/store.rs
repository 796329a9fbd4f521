//! The two stores and how patient we are with each.
//!
//! Everything the aggregator keeps lives in one of them; a process that dies loses nothing. Every Redis call below
//! touches one hash slot, so that a cluster can stand behind [`Redis`] without any job noticing.

use std::time::Duration;

use anyhow::Context as _;
use common::ids::Partitions;
use deadpool_redis::{Manager, Pool, Runtime};
use redis::io::tcp::TcpSettings;
use redis::{AsyncConnectionConfig, IntoConnectionInfo as _};
use sqlx::PgPool;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};

/// A connection to Redis, borrowed from the pool.
pub type RedisConnection = deadpool_redis::Connection;

/// Connections to Redis: one for every partition being flushed, and one for every other job.
const REDIS_CONNECTIONS: usize = 12;
/// How long to wait for a free connection, for a new one, and for the ping before reuse: a local network answers in
/// milliseconds, and the next cycle comes soon.
const REDIS_PATIENCE: Duration = Duration::from_secs(2);
/// How long one call may take. The slowest, a pipeline of some thousand links, takes a tenth of this.
const REDIS_CALL: Duration = Duration::from_secs(5);

/// Connections to Postgres: partitions being flushed, two batches of orders, three listeners, and the other jobs.
const POSTGRES_CONNECTIONS: u32 = 20;
/// How long to wait for a connection to Postgres.
const POSTGRES_PATIENCE: Duration = Duration::from_secs(5);

/// What Postgres enforces on every session, so that a stopped aggregator never holds others up:
/// a statement of a flush handles some ten thousand rows and takes a second at most; a partition's lock is held for
/// one flush; and a session that sits in a transaction has been stopped or cut off.
const SESSION: [(&str, &str); 3] =
    [("statement_timeout", "60s"), ("lock_timeout", "20s"), ("idle_in_transaction_session_timeout", "30s")];

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

/// A pool of connections to Redis.
#[derive(Clone)]
pub struct Redis {
    pool: Pool,
}

impl Stores {
    /// Prepares both pools; nothing is connected yet. Errors when an address cannot be understood.
    pub fn open(postgres_url: &str, redis_url: &str, partitions: Partitions) -> anyhow::Result<Self> {
        Ok(Self { postgres: open_postgres(postgres_url)?, redis: Redis::open(redis_url)?, partitions })
    }
}

impl Redis {
    /// Prepares the pool; nothing is connected yet.
    pub fn open(url: &str) -> anyhow::Result<Self> {
        let info = url.into_connection_info().context("not a Redis URL; say redis://host:port/0")?;
        let info = info.set_tcp_settings(TcpSettings::default().set_nodelay(true));
        let calls = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(REDIS_PATIENCE))
            .set_response_timeout(Some(REDIS_CALL));
        let pool = Pool::builder(Manager::new_with_config(info, calls)?)
            .max_size(REDIS_CONNECTIONS)
            .runtime(Runtime::Tokio1)
            .wait_timeout(Some(REDIS_PATIENCE))
            .create_timeout(Some(REDIS_PATIENCE))
            .recycle_timeout(Some(REDIS_PATIENCE))
            .build()?;
        Ok(Self { pool })
    }

    /// A connection that answered a ping just now.
    pub async fn connection(&self) -> anyhow::Result<RedisConnection> {
        self.pool.get().await.context("cannot reach Redis")
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
