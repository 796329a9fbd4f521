//! One Postgres for all tests of a run, so that each does not wait for its own.
//!
//! Every user holds a shared file lock; whoever finds itself the last one stops the server. The locks are the
//! kernel's, so a test that was killed counts as gone, and the next run's last user stops what it left behind.

use std::fs::{File, OpenOptions};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use anyhow::{Context as _, bail};
use rustix::process::Signal;
use serde::{Deserialize, Serialize};
use sqlx::migrate::Migrator;
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};

use super::fixture::{create_copy, create_database};
use super::{Durability, Programs, free_port, postgres};
use crate::files;
use crate::identity::Identity;

/// A start that takes longer than this has failed.
const START_LIMIT: Duration = Duration::from_mins(1);
/// How long the server may take to stop when asked, before it is killed.
const STOP_LIMIT: Duration = Duration::from_secs(10);
/// How often to look whether it is ready.
const POLL: Duration = Duration::from_millis(20);
/// What databases of tests are called, for SQL's `like`.
const TESTS: &str = r"test\_%";
/// What models of a schema are called, of this version and of others.
const MODELS: &str = r"model\_%";
/// A model while it is made.
const UNFINISHED_MODEL: &str = "model_unfinished";

/// A share in the one Postgres; the server stops when the last share is dropped.
#[derive(Debug)]
pub struct SharedPostgres {
    server: Server,
    folder: PathBuf,
    /// Locked in shared mode for as long as this share lives.
    users: Option<File>,
}

/// What users tell one another about the running server.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Server {
    identity: Identity,
    port: u16,
    password: String,
}

/// Joins the Postgres whose files are in `folder` (say, a folder under `target/`), starting it if nobody uses it yet.
pub async fn shared_postgres(folder: &Path) -> anyhow::Result<SharedPostgres> {
    let folder = folder.join("shared-postgres");
    files::passable_folder(&folder)?;
    let turn = open_lock(&folder, "turn")?;
    turn.lock().context("cannot wait for the shared postgres")?;
    let users = open_lock(&folder, "users")?;
    users.lock_shared().context("cannot join the shared postgres")?;
    let server = match running(&folder) {
        Some(server) => server,
        None => start(&folder).await?,
    };
    Ok(SharedPostgres { server, folder, users: Some(users) })
}

impl SharedPostgres {
    /// Makes a new, empty database and returns its address for the owner.
    pub async fn create_database(&self) -> anyhow::Result<String> {
        let name = fresh_name();
        create_database(&self.server.url("postgres"), &name).await?;
        Ok(self.server.url(&name))
    }

    /// Makes a new database with `schema` and without a row, and returns its address for the owner.
    ///
    /// The schema is applied once, to a database that all others are copied from: that takes Postgres a fifth of the
    /// time. The copy is as `schema.run` leaves it.
    pub async fn create_migrated_database(&self, schema: &Migrator) -> anyhow::Result<String> {
        let model = self.model(schema).await?;
        let name = fresh_name();
        create_copy(&self.server.url("postgres"), &name, &model).await?;
        Ok(self.server.url(&name))
    }

    /// The database that has `schema` and nothing else, made by whoever asks first.
    async fn model(&self, schema: &Migrator) -> anyhow::Result<String> {
        let turn = open_lock(&self.folder, "model")?;
        turn.lock().context("cannot wait for the model of the schema")?;
        let model = model_of(schema);
        let mut maintenance = PgConnection::connect(&self.server.url("postgres")).await?;
        let is_there: bool = sqlx::query_scalar("select exists (select from pg_database where datname = $1)")
            .bind(&model)
            .fetch_one(&mut maintenance)
            .await?;
        if !is_there {
            // Renamed when it is whole: a test may be killed while it migrates.
            drop_databases(&mut maintenance, MODELS).await?;
            create_database(&self.server.url("postgres"), UNFINISHED_MODEL).await?;
            let mut owner = PgConnection::connect(&self.server.url(UNFINISHED_MODEL)).await?;
            schema.run(&mut owner).await.context("cannot migrate the model")?;
            owner.close().await.context("cannot close the connection")?;
            let rename = format!("alter database {UNFINISHED_MODEL} rename to {model}");
            sqlx::raw_sql(AssertSqlSafe(rename)).execute(&mut maintenance).await?;
        }
        maintenance.close().await.context("cannot close the connection")?;
        Ok(model)
    }
}

/// A name no other test has.
fn fresh_name() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    format!("test_{}_{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}

/// Another schema, another name.
fn model_of(schema: &Migrator) -> String {
    let mut hasher = DefaultHasher::new();
    schema.iter().for_each(|migration| migration.checksum.hash(&mut hasher));
    format!("model_{:016x}", hasher.finish())
}

impl Drop for SharedPostgres {
    fn drop(&mut self) {
        let Ok(turn) = open_lock(&self.folder, "turn") else { return };
        if turn.lock().is_err() {
            return;
        }
        drop(self.users.take());
        let last = open_lock(&self.folder, "users").is_ok_and(|users| users.try_lock().is_ok());
        if last {
            self.server.identity.end(Signal::INT, STOP_LIMIT);
        }
    }
}

impl Server {
    fn url(&self, database: &str) -> String {
        format!("postgres://{}:{}@127.0.0.1:{}/{database}", postgres::OWNER, self.password, self.port)
    }
}

/// The server others use already. Only asked and answered by whoever holds the turn.
fn running(folder: &Path) -> Option<Server> {
    let server: Server = serde_json::from_slice(&std::fs::read(folder.join("server.json")).ok()?).ok()?;
    server.identity.is_running().then_some(server)
}

/// Starts the server and drops the databases of earlier runs.
async fn start(folder: &Path) -> anyhow::Result<Server> {
    let password = std::fs::read_to_string(folder.join("password")).or_else(|_| super::random_hex(16))?;
    files::write_private(&folder.join("password"), password.as_bytes())?;
    let wanted = folder.join("postgres");
    let program = Programs::search(None).postgres(postgres::major_of(&wanted))?.program;
    let layout = postgres::Layout::new(program, &wanted, free_port()?, Durability::Scratch)?;
    layout.prepare(&password)?;

    let log = File::create(folder.join("log"))?;
    let mut command = layout.command();
    command.args(["-c", "max_connections=300"]);
    command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
    let mut child = command.spawn().context("cannot run postgres")?;
    let begun = runtime::clock::monotonic();
    while !layout.is_ready(child.id()) {
        if begun.elapsed() > START_LIMIT || child.try_wait()?.is_some() {
            bail!("postgres does not start; see {}", folder.join("log").display());
        }
        tokio::time::sleep(POLL).await;
    }
    let identity = Identity::of(child.id()).context("postgres ended at once")?;
    let server = Server { identity, port: layout.port, password };
    files::write_private(&folder.join("server.json"), &serde_json::to_vec(&server)?)?;
    drop_old_databases(&server.url("postgres")).await?;
    Ok(server)
}

async fn drop_old_databases(url: &str) -> anyhow::Result<()> {
    let mut connection = PgConnection::connect(url).await.context("cannot connect to the shared postgres")?;
    drop_databases(&mut connection, TESTS).await?;
    connection.close().await.context("cannot close the connection")
}

async fn drop_databases(maintenance: &mut PgConnection, pattern: &str) -> anyhow::Result<()> {
    let old: Vec<String> = sqlx::query_scalar("select datname::text from pg_database where datname like $1")
        .bind(pattern)
        .fetch_all(&mut *maintenance)
        .await?;
    for name in old {
        sqlx::raw_sql(AssertSqlSafe(format!("drop database {name}"))).execute(&mut *maintenance).await?;
    }
    Ok(())
}

fn open_lock(folder: &Path, name: &str) -> anyhow::Result<File> {
    let path = folder.join(format!("{name}.lock"));
    let mut options = OpenOptions::new();
    options
        .create(true)
        .truncate(false)
        .write(true)
        .open(&path)
        .with_context(|| format!("cannot open {}", path.display()))
}
