//! One Postgres for all tests of a run, so that each does not wait for its own.
//!
//! Every user holds a shared file lock; whoever finds itself the last one stops the server. The locks are the
//! kernel's, so a test that was killed counts as gone, and the next run's last user stops what it left behind.

use std::fs::{File, OpenOptions};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use anyhow::{Context as _, bail};
use rustix::process::Signal;
use serde::{Deserialize, Serialize};
use sqlx::Connection as _;

use super::fixture::create_database;
use super::{Durability, Programs, free_port, postgres};
use crate::files;
use crate::identity::Identity;

/// A start that takes longer than this has failed.
const START_LIMIT: Duration = Duration::from_mins(1);
/// How long the server may take to stop when asked, before it is killed.
const STOP_LIMIT: Duration = Duration::from_secs(10);
/// How often to look whether it is ready.
const POLL: Duration = Duration::from_millis(20);

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
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("test_{}_{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        create_database(&self.server.url("postgres"), &name).await?;
        Ok(self.server.url(&name))
    }
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
    let mut connection =
        sqlx::PgConnection::connect(url).await.context("cannot connect to the shared postgres")?;
    let old: Vec<String> =
        sqlx::query_scalar(r"select datname::text from pg_database where datname like 'test\_%'")
            .fetch_all(&mut connection)
            .await?;
    for name in old {
        sqlx::raw_sql(sqlx::AssertSqlSafe(format!("drop database {name}"))).execute(&mut connection).await?;
    }
    connection.close().await.context("cannot close the connection")
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
