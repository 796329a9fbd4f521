//! The bridge between Redis and Postgres: the one service that speaks to both.
//!
//! It keeps nothing of its own. Any number of aggregators may run at once and be killed at any line: what was done is
//! decided by a row lock and a comparison in Postgres, never by a lease, a clock or a leader.

pub mod args;
pub mod audit;
mod health;
pub mod jobs;
pub mod migrate;
mod once;
mod schedule;
pub mod store;

use anyhow::Context as _;
use runtime::admin::AdminConfig;
use runtime::{Admin, Shutdown};

pub use self::args::{Args, Command, Config};
use self::health::Health;
pub use self::once::once;
use self::schedule::Schedule;
pub use self::store::Stores;

/// Upper bounds of every histogram.
const BUCKETS: &[(&str, &[f64])] = &[
    ("aggregator_flush_seconds", &[0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0]),
    ("aggregator_flush_batch_rows", &[1.0, 10.0, 100.0, 1e3, 1e4, 1e5, 1e6]),
    ("aggregator_publish_lag_seconds", &[0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 60.0]),
    ("aggregator_publish_rebuild_seconds", &[0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 60.0, 120.0]),
];

/// Runs every job until told to stop. The stores may come and go, before and meanwhile.
pub async fn run(config: Config, admin: Admin, shutdown: Shutdown) -> anyhow::Result<()> {
    let stores = Stores::open(config.database_url.expose(), config.redis_url.expose(), config.partitions)?;
    let mut health = Health::new(&admin);
    if !health.both_up(&stores, &shutdown).await? {
        return Ok(());
    }
    let schedule = Schedule::start().await?;
    shutdown
        .spawn_critical("flush", jobs::flush::run(stores.clone(), config.flush_interval, shutdown.clone()));
    shutdown.spawn_critical("publish", jobs::publish::run_changes(stores.clone(), shutdown.clone()));
    shutdown.spawn_critical("upkeep", jobs::publish::run_upkeep(stores.clone(), shutdown.clone()));
    shutdown.spawn_critical("conservation", jobs::conservation::run(stores.clone(), shutdown.clone()));
    shutdown
        .spawn_critical("prune", jobs::prune::run(stores.clone(), schedule.prune.clone(), shutdown.clone()));
    shutdown.spawn_critical("health", health.watch(stores, shutdown.clone()));
    let drained = shutdown.drained().await;
    schedule.stop().await;
    drained
}

/// Opens the admin port. Must not be called from async code: the port has a runtime of its own.
pub fn open_admin(config: &Config, shutdown: &Shutdown) -> anyhow::Result<Admin> {
    let admin = AdminConfig {
        listen: config.admin_listen,
        service: "aggregator",
        version: env!("CARGO_PKG_VERSION"),
        buckets: BUCKETS,
    };
    Admin::start(&admin, shutdown).context("cannot open the admin port")
}
