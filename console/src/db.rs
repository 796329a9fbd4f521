//! The pools of connections to Postgres, one for each kind of work. Every connection acts as a role that can do no more
//! than its work needs, and gives up on a statement that takes too long. Reports are read on read-only connections.
//!
//! Invariant: nothing here is cancelled half way. A request that is given up goes on in its own task (see
//! [`crate::guard`]) until the limits below end it, because a pool must not lose a connection to a dropped future.

mod pair;

use std::time::Duration;

use metrics::gauge;
use runtime::{Check, Shutdown};
use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};
use sqlx::{PgConnection, Postgres, Transaction};

pub use self::pair::Pair;
use crate::auth::{Caller, Tenant};
use crate::server::App;

/// Connections for reading at most: a console answers people, and each report occupies one.
const MAX_READERS: u32 = 8;

/// Readers that are there without being asked for, so that a page finds a second connection idle (see [`Pair`]).
const MIN_READERS: u32 = 2;

/// Connections for orders at most. Commits that wait for the disk share its writes, so more than two cores' worth helps.
pub const MAX_INTAKE: u32 = 16;

/// Connections for decisions at most.
const MAX_OPERATORS: u32 = 4;

/// Connections for signing in and out, and for the records that go with it. Every request of a person asks once.
const MAX_ACCOUNTS: u32 = 6;

/// How long a request waits for a connection before it is told that the database is away.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(2);

/// Memory of one step of a statement: a month's orders of a large programme are added up in it, and not on disk.
const STEP_MEMORY: &str = "16MB";

/// How long one statement may run, in milliseconds. The slowest page must not be one that only burdens Postgres.
const STATEMENT_TIMEOUT_MS: &str = "5000";

/// How long a transaction may be left open by a console that stopped answering, in milliseconds.
const IDLE_IN_TRANSACTION_MS: &str = "10000";

/// How often readiness and the pool's gauges are brought up to date.
const PROBE_INTERVAL: Duration = Duration::from_secs(2);

/// What a pool is for: which group role its connections act as, and whether they may write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Reading what pages and reports show (migrations 3 and 6).
    Read,
    /// Writing down what shops report (migration 6).
    Intake,
    /// Writing down what people decide (migrations 6 and 10).
    Operate,
    /// Accounts, sessions, mails and repeated requests (migration 10).
    Accounts,
}

impl Purpose {
    fn role(self) -> &'static str {
        match self {
            Self::Read => "linkledger_console",
            Self::Intake => "linkledger_intake",
            Self::Operate => "linkledger_operator",
            Self::Accounts => "linkledger_accounts",
        }
    }

    fn read_only(self) -> &'static str {
        match self {
            Self::Read => "on",
            Self::Intake | Self::Operate | Self::Accounts => "off",
        }
    }

    /// Reports have filters that are mostly not given; one plan for all of them would read whole tables.
    fn plans(self) -> &'static str {
        match self {
            Self::Read => "force_custom_plan",
            Self::Intake | Self::Operate | Self::Accounts => "auto",
        }
    }

    /// Connections that are kept open.
    fn kept(self) -> u32 {
        match self {
            Self::Read => MIN_READERS,
            Self::Intake | Self::Operate | Self::Accounts => 0,
        }
    }

    /// Orders come many at once and each takes a connection for a millisecond; people come one by one.
    fn connections(self) -> u32 {
        match self {
            Self::Read => MAX_READERS,
            Self::Intake => MAX_INTAKE,
            Self::Operate => MAX_OPERATORS,
            Self::Accounts => MAX_ACCOUNTS,
        }
    }
}

/// A pool that connects when first asked, so that the console starts while Postgres is away.
pub fn pool(options: PgConnectOptions, purpose: Purpose) -> PgPool {
    let options = options.application_name("linkledger-console").options([
        ("role", purpose.role()),
        ("default_transaction_read_only", purpose.read_only()),
        ("statement_timeout", STATEMENT_TIMEOUT_MS),
        ("idle_in_transaction_session_timeout", IDLE_IN_TRANSACTION_MS),
        ("timezone", "UTC"),
        ("plan_cache_mode", purpose.plans()),
        ("work_mem", STEP_MEMORY),
        // Workers take longer to start than most statements run, and take the cores of other people's reports.
        ("max_parallel_workers_per_gather", "0"),
        // Nor are they compiled, which would take longer still.
        ("jit", "off"),
    ]);
    PgPoolOptions::new()
        .min_connections(purpose.kept())
        .max_connections(purpose.connections())
        .acquire_timeout(ACQUIRE_TIMEOUT)
        .max_lifetime(Duration::from_mins(30))
        .connect_lazy_with(options)
}

/// Opens a transaction that sees one instant, so that every number of an answer agrees with every other.
pub async fn snapshot(pool: &PgPool) -> sqlx::Result<Transaction<'static, Postgres>> {
    pool.begin_with("begin isolation level repeatable read read only").await
}

/// Opens a snapshot that sees what the caller may see: row-level security keeps everything else from it, whatever is
/// asked.
pub async fn tenant_snapshot(app: &App, caller: &Caller) -> sqlx::Result<Transaction<'static, Postgres>> {
    let mut tx = snapshot(&app.pool).await?;
    act_as(&mut tx, caller.tenant).await?;
    Ok(tx)
}

/// Reads with statements that are planned once for each connection, and not each time: those whose best plan is the same whatever
/// they are asked. Planning is a fifth of what a page takes, and two fifths of a vendor's, where row security adds its own (ADR 9).
pub async fn planned_once<T, E: From<sqlx::Error>>(
    conn: &mut PgConnection,
    read: impl AsyncFnOnce(&mut PgConnection) -> Result<T, E>,
) -> Result<T, E> {
    sqlx::query("set local plan_cache_mode = force_generic_plan").execute(&mut *conn).await?;
    let found = read(&mut *conn).await?;
    sqlx::query("set local plan_cache_mode = force_custom_plan").execute(conn).await?;
    Ok(found)
}

/// Opens a transaction that writes what the caller may write, and sees what the caller may see.
pub async fn tenant_tx(app: &App, caller: &Caller) -> sqlx::Result<Transaction<'static, Postgres>> {
    let mut tx = app.operator.begin().await?;
    act_as(&mut tx, caller.tenant).await?;
    Ok(tx)
}

/// Makes a transaction act for one tenant until it ends. An operator's keeps the role of its pool.
pub async fn act_as(tx: &mut PgConnection, tenant: Tenant) -> sqlx::Result<()> {
    let (role, vendor_id, affiliate_id) = match tenant {
        Tenant::Programme => return Ok(()),
        Tenant::Vendor(vendor_id) => ("linkledger_vendor", vendor_id.to_string(), String::new()),
        Tenant::Affiliate(affiliate_id) => ("linkledger_affiliate", String::new(), affiliate_id.to_string()),
    };
    // `set_config(…, true)` is `set local`: the connection goes back to its pool as it was.
    sqlx::query!(
        "select set_config('role', $1, true) as role, set_config('app.vendor_id', $2, true) as vendor, \
         set_config('app.affiliate_id', $3, true) as affiliate",
        role,
        vendor_id,
        affiliate_id
    )
    .fetch_one(tx)
    .await?;
    Ok(())
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
