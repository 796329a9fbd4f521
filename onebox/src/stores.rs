//! The two stores: private ones that are started and supervised, or the ones named in the settings.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, bail};
use rustix::process::Signal;

use crate::args::UpConfig;
use crate::database;
use crate::machine::Machine;
use crate::servers::{Durability, Programs, postgres, redis};
use crate::state::{State, StoreUrls};
use crate::supervise::Job;

/// How long Redis may take to write what is left.
const REDIS_STOP_LIMIT: Duration = Duration::from_secs(10);
/// How long Postgres may take for its last checkpoint.
const POSTGRES_STOP_LIMIT: Duration = Duration::from_secs(30);
/// The database in a private cluster.
const DATABASE: &str = "linkledger";

/// How each service reaches the stores: with no more rights than it needs, where we make the users.
pub(crate) struct Stores {
    pub(crate) owner: StoreUrls,
    pub(crate) redirector_redis: String,
    pub(crate) aggregator_redis: String,
    pub(crate) aggregator_database: String,
    pub(crate) console_database: String,
    /// Passwords of the database users that [`database::create_users`] is to make; `None` for a foreign Postgres.
    pub(crate) users: Option<postgres::Passwords>,
}

/// Starts what was not named in the settings, and waits until both stores answer.
pub(crate) async fn start(config: &UpConfig, state: &State, machine: &mut Machine) -> anyhow::Result<Stores> {
    let (redis_program, postgres_program) = find_programs(config, machine)?;
    let redis = match redis_program {
        Some(program) => Some(keep_redis(program, state, machine)?),
        None => None,
    };
    let postgres = match postgres_program {
        Some(program) => Some(keep_postgres(program, state, machine).await?),
        None => None,
    };
    if let Some(layout) = &redis {
        let probe = layout.clone();
        machine.until_ready("redis", move |_| probe.is_ready()).await?;
    }
    if let Some(layout) = &postgres {
        let probe = layout.clone();
        machine.until_ready("postgres", move |pid| probe.is_ready(pid)).await?;
        let mut maintenance =
            database::connect(&layout.url(postgres::OWNER, &state.postgres.owner, "postgres")).await?;
        database::create_database(&mut maintenance, DATABASE).await?;
    }
    Ok(addresses(config, state, redis.as_ref(), postgres.as_ref()))
}

/// Finds the programs of both stores before either is started, so that all that is missing is named at once.
fn find_programs(config: &UpConfig, machine: &Machine) -> anyhow::Result<(Option<PathBuf>, Option<PathBuf>)> {
    let programs = Programs::search(config.servers_dir.as_deref());
    let redis = config.redis_url.is_none().then(|| programs.redis()).transpose();
    let major = postgres::major_of(&machine.folder.postgres());
    let postgres = config.database_url.is_none().then(|| programs.postgres(major)).transpose();
    match (redis, postgres) {
        (Ok(redis), Ok(postgres)) => {
            Ok((redis.map(|found| found.program), postgres.map(|found| found.program)))
        }
        (Err(redis), Err(postgres)) => bail!("{redis}; and {postgres}"),
        (Err(error), Ok(_)) | (Ok(_), Err(error)) => Err(error),
    }
}

fn addresses(
    config: &UpConfig,
    state: &State,
    redis: Option<&redis::Layout>,
    postgres: Option<&postgres::Layout>,
) -> Stores {
    let redis_url = |user: &str, password: &str| match (redis, &config.redis_url) {
        (Some(layout), _) => layout.url(user, password),
        (None, named) => named.as_ref().map(|url| url.expose().to_owned()).unwrap_or_default(),
    };
    let database_url = |user: &str, password: &str| match (postgres, &config.database_url) {
        (Some(layout), _) => layout.url(user, password, DATABASE),
        (None, named) => named.as_ref().map(|url| url.expose().to_owned()).unwrap_or_default(),
    };
    Stores {
        owner: StoreUrls {
            database: database_url(postgres::OWNER, &state.postgres.owner),
            redis: redis_url("default", &state.redis.admin),
        },
        redirector_redis: redis_url("redirector", &state.redis.redirector),
        aggregator_redis: redis_url("aggregator", &state.redis.aggregator),
        aggregator_database: database_url(database::AGGREGATOR_USER, &state.postgres.aggregator),
        console_database: database_url(database::CONSOLE_USER, &state.postgres.console),
        users: postgres.map(|_| state.postgres.clone()),
    }
}

fn keep_redis(program: PathBuf, state: &State, machine: &mut Machine) -> anyhow::Result<redis::Layout> {
    let layout = redis::Layout {
        program,
        folder: machine.folder.redis(),
        port: state.redis_port,
        passwords: state.redis.clone(),
        durability: Durability::Kept,
        place: redis::Place::Alone,
    };
    layout.prepare()?;
    let command = layout.clone();
    machine.keep(Job {
        name: "redis",
        listen: Some(format!("127.0.0.1:{}", layout.port)),
        admin: None,
        command: Box::new(move || command.command()),
        stop_signal: Signal::TERM,
        stop_limit: REDIS_STOP_LIMIT,
    });
    Ok(layout)
}

async fn keep_postgres(
    program: PathBuf,
    state: &State,
    machine: &mut Machine,
) -> anyhow::Result<postgres::Layout> {
    let wanted = machine.folder.postgres();
    let layout = postgres::Layout::new(program, &wanted, state.postgres_port, Durability::Kept)?;
    let (making, password) = (layout.clone(), state.postgres.owner.clone());
    tokio::task::spawn_blocking(move || making.prepare(&password))
        .await
        .context("initdb was not awaited")??;
    let command = layout.clone();
    machine.keep(Job {
        name: "postgres",
        listen: Some(format!("127.0.0.1:{}", layout.port)),
        admin: None,
        command: Box::new(move || command.command()),
        // SIGINT is "fast": clients are cut off, what is committed is kept.
        stop_signal: Signal::INT,
        stop_limit: POSTGRES_STOP_LIMIT,
    });
    Ok(layout)
}
