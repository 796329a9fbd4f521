//! The pool of connections to Postgres. Every connection is read-only, acts as `linkledger_console`, and gives up on
//! a statement that takes too long.
//!
//! Invariant: nothing here is cancelled half way. A request that is given up goes on in its own task (see
//! [`crate::guard`]) until the limits below end it, because a pool must not lose a connection to a dropped future.

use std::time::Duration;

use metrics::gauge;
use runtime::{Check, Shutdown};
use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};
use sqlx::{Postgres, Transaction};

/// Connections at most: a console answers people, and each report occupies one.
const MAX_CONNECTIONS: u32 = 8;

/// How long a request waits for a connection before it is told that the database is away.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(2);

/// How long one statement may run, in milliseconds. The slowest page must not be one that only burdens Postgres.
const STATEMENT_TIMEOUT_MS: &str = "5000";

/// How long a transaction may be left open by a console that stopped answering, in milliseconds.
const IDLE_IN_TRANSACTION_MS: &str = "10000";

/// How often readiness and the pool's gauges are brought up to date.
const PROBE_INTERVAL: Duration = Duration::from_secs(2);

/// The group role that may read what reports need, and nothing else (migration 3).
const ROLE: &str = "linkledger_console";

/// A pool that connects when first asked, so that the console starts while Postgres is away.
pub fn pool(options: PgConnectOptions) -> PgPool {
    let options = options.application_name("linkledger-console").options([
        ("role", ROLE),
        ("default_transaction_read_only", "on"),
        ("statement_timeout", STATEMENT_TIMEOUT_MS),
        ("idle_in_transaction_session_timeout", IDLE_IN_TRANSACTION_MS),
        ("timezone", "UTC"),
    ]);
    PgPoolOptions::new()
        .max_connections(MAX_CONNECTIONS)
        .acquire_timeout(ACQUIRE_TIMEOUT)
        .max_lifetime(Duration::from_mins(30))
        .connect_lazy_with(options)
}

/// Opens a transaction that sees one instant, so that every number of an answer agrees with every other.
pub async fn snapshot(pool: &PgPool) -> sqlx::Result<Transaction<'static, Postgres>> {
    pool.begin_with("begin isolation level repeatable read read only").await
}

/// Keeps `ready` and the pool's gauges true until the shutdown.
pub async fn watch(pool: PgPool, ready: Check, shutdown: Shutdown) -> anyhow::Result<()> {
    loop {
        match probe(&pool).await {
            Ok(()) => ready.ready(),
            Err(error) => ready.missing(error.to_string()),
        }
        gauge!("console_pool_connections").set(f64::from(pool.size()));
        gauge!("console_pool_connections_idle").set(pool.num_idle() as f64);
        if !shutdown.sleep(PROBE_INTERVAL).await {
            return Ok(());
        }
    }
}

/// Asks for a table that reports need, so that a database without our schema counts as not ready.
async fn probe(pool: &PgPool) -> sqlx::Result<()> {
    let mut conn = pool.acquire().await?;
    sqlx::query_scalar!("select count(*) from flush_partition").fetch_one(&mut *conn).await?;
    Ok(())
}
