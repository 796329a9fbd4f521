//! The bridge between Redis and Postgres: the one service that speaks to both.
//!
//! It keeps nothing of its own. Any number of aggregators may run at once and be killed at any line: what was done is
//! decided by a row lock and a comparison in Postgres, never by a lease, a clock or a leader.

pub mod args;
pub mod audit;
mod export;
mod health;
mod import;
pub mod jobs;
pub mod journal;
mod listen;
pub mod migrate;
mod moment;
mod once;
mod random;
mod schedule;
pub mod store;

use runtime::Shutdown;

pub use self::args::{Args, Command, Config, Work};
pub use self::export::{Exported, export_clicks};
pub use self::health::Status;
pub use self::import::{Imported, import_journal};
pub use self::once::{once, open_installed};
use self::schedule::Schedule;
pub use self::store::Stores;

/// Runs every job until told to stop. The stores may come and go, before and meanwhile.
pub async fn run(config: Config, mut status: Status, shutdown: Shutdown) -> anyhow::Result<()> {
    tokio::spawn(status.admin.pulse("runtime").of_runtime());
    let stores = Stores::open(config.database_url.expose(), config.redis_url.expose(), config.partitions)?;
    if !status.both_up(&stores, &shutdown).await? {
        return Ok(());
    }
    let keyring = config.keyring()?;
    let schedule = Schedule::start().await?;
    shutdown
        .spawn_critical("flush", jobs::flush::run(stores.clone(), config.flush_interval, shutdown.clone()));
    shutdown.spawn_critical("publish", jobs::publish::run_changes(stores.clone(), shutdown.clone()));
    shutdown.spawn_critical("upkeep", jobs::publish::run_upkeep(stores.clone(), shutdown.clone()));
    shutdown.spawn_critical("settle", jobs::settle::run(stores.clone(), keyring, shutdown.clone()));
    shutdown.spawn_critical("conservation", jobs::conservation::run(stores.clone(), shutdown.clone()));
    shutdown.spawn_critical("payout", jobs::payout::run(stores.clone(), shutdown.clone()));
    shutdown.spawn_critical(
        "convert",
        jobs::convert::run(stores.clone(), schedule.convert.clone(), shutdown.clone()),
    );
    shutdown.spawn_critical("rollup", jobs::rollup::run(stores.clone(), shutdown.clone()));
    shutdown.spawn_critical("audit", audit::run(stores.clone(), shutdown.clone()));
    shutdown
        .spawn_critical("prune", jobs::prune::run(stores.clone(), schedule.prune.clone(), shutdown.clone()));
    shutdown.spawn_critical("health", status.watch(stores, shutdown.clone()));
    let drained = shutdown.drained().await;
    schedule.stop().await;
    drained
}
