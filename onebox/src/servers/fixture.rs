//! Real servers for tests: started in a folder, killed and restarted at will, stopped when dropped.
//!
//! Blocking on purpose, so that plain and async tests alike can own one; starting takes about a second at most.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use anyhow::{Context as _, bail};
use rustix::process::{Pid, Signal, kill_process};
use sqlx::Connection as _;

use super::{Durability, Programs, free_port, postgres, redis};
use crate::files;

/// A start that takes longer than this has failed: recovery of a test's few megabytes takes a fraction of it.
const START_LIMIT: Duration = Duration::from_secs(30);
/// How long a server may take to stop when asked, before it is killed.
const STOP_LIMIT: Duration = Duration::from_secs(10);
/// How often to look whether it is ready.
const POLL: Duration = Duration::from_millis(10);
/// How often to start again a server that ends at once: Postgres does while a killed one's backends still end.
const START_TRIES: u32 = 20;

/// A Redis for one test.
#[derive(Debug)]
pub struct Redis {
    /// Its address for the user who may do everything.
    pub url: String,
    /// The same server, as the edge and the aggregator are allowed to use it.
    pub redirector_url: String,
    /// See `redirector_url`.
    pub aggregator_url: String,
    layout: redis::Layout,
    process: Process,
}

impl Redis {
    /// Starts one whose files are in `folder`.
    pub fn start(folder: &Path) -> anyhow::Result<Self> {
        let layout = redis::Layout {
            program: Programs::search(None).redis()?.program,
            folder: folder.join("redis"),
            port: free_port()?,
            passwords: redis::Passwords::random()?,
            durability: Durability::Scratch,
            place: redis::Place::Alone,
        };
        layout.prepare()?;
        let process = Process::start(layout.command(), &layout.folder.join("log"), Signal::TERM, |_| {
            layout.is_ready()
        })?;
        let passwords = &layout.passwords;
        Ok(Self {
            url: layout.url("default", &passwords.admin),
            redirector_url: layout.url("redirector", &passwords.redirector),
            aggregator_url: layout.url("aggregator", &passwords.aggregator),
            layout,
            process,
        })
    }

    /// Its process id, which changes with [`Redis::restart`].
    pub fn pid(&self) -> u32 {
        self.process.child.id()
    }

    /// Ends it as a crash would, and returns when it is gone.
    pub fn kill9(&mut self) -> anyhow::Result<()> {
        self.process.kill9()
    }

    /// Stops it if it runs, and starts it again on the same port with the data it had.
    pub fn restart(&mut self) -> anyhow::Result<()> {
        self.process.stop()?;
        let log = self.layout.folder.join("log");
        self.process = Process::start(self.layout.command(), &log, Signal::TERM, |_| self.layout.is_ready())?;
        Ok(())
    }

    /// Freezes it: connections stay open and nothing is answered, until [`Redis::resume`].
    pub fn freeze(&self) -> anyhow::Result<()> {
        self.process.signal(Signal::STOP)
    }

    /// Ends a freeze.
    pub fn resume(&self) -> anyhow::Result<()> {
        self.process.signal(Signal::CONT)
    }
}

/// A Postgres for one test.
#[derive(Debug)]
pub struct Postgres {
    /// Its address for the owner, database `postgres`. Tests use [`Postgres::create_database`].
    pub url: String,
    password: String,
    layout: postgres::Layout,
    log: PathBuf,
    process: Process,
    /// The cluster had to live outside the test's folder, so it is ours to remove.
    outside: Option<PathBuf>,
}

impl Postgres {
    /// Starts one whose files are in `folder`, or, when we are root and the account it must run as cannot reach that,
    /// in a folder of its own that is removed with it.
    pub fn start(folder: &Path) -> anyhow::Result<Self> {
        let program = Programs::search(None).postgres(None)?.program;
        let wanted = folder.join("postgres");
        let layout = postgres::Layout::new(program, &wanted, free_port()?, Durability::Scratch)?;
        let password = super::random_hex(16)?;
        layout.prepare(&password)?;
        let log = folder.join("postgres.log");
        let process = Process::start(layout.command(), &log, Signal::INT, |pid| layout.is_ready(pid))?;
        let url = layout.url(postgres::OWNER, &password, "postgres");
        let outside = wanted.is_symlink().then(|| layout.home.clone());
        Ok(Self { url, password, layout, log, process, outside })
    }

    /// Its process id, which changes with [`Postgres::restart`].
    pub fn pid(&self) -> u32 {
        self.process.child.id()
    }

    /// Makes a new, empty database and returns its address for the owner.
    pub async fn create_database(&self) -> anyhow::Result<String> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("test_{}_{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        create_database(&self.url, &name).await?;
        Ok(self.layout.url(postgres::OWNER, &self.password, &name))
    }

    /// Ends the server as a crash would, and returns when its first process is gone.
    pub fn kill9(&mut self) -> anyhow::Result<()> {
        self.process.kill9()
    }

    /// Stops it if it runs, and starts it again on the same port with the data it had.
    pub fn restart(&mut self) -> anyhow::Result<()> {
        self.process.stop()?;
        self.process =
            Process::start(self.layout.command(), &self.log, Signal::INT, |pid| self.layout.is_ready(pid))?;
        Ok(())
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        let _already_gone = self.process.stop();
        if let Some(home) = &self.outside {
            let _best_effort = files::remove_folder(home);
        }
    }
}

/// Makes an empty database on the server at `url`. `name` must be a plain identifier.
pub(super) async fn create_database(url: &str, name: &str) -> anyhow::Result<()> {
    create_copy(url, name, "template1").await
}

/// Makes a copy of the database `model`, which nobody may be connected to. Names must be plain identifiers.
pub(super) async fn create_copy(url: &str, name: &str, model: &str) -> anyhow::Result<()> {
    let mut connection =
        sqlx::PgConnection::connect(url).await.context("cannot connect to the test's postgres")?;
    let statement = sqlx::AssertSqlSafe(format!("create database {name} template {model}"));
    sqlx::raw_sql(statement)
        .execute(&mut connection)
        .await
        .with_context(|| format!("cannot create {name}"))?;
    connection.close().await.context("cannot close the connection")
}

/// A server process that ends with its owner.
#[derive(Debug)]
pub(super) struct Process {
    child: Child,
    stop: Signal,
}

impl Process {
    /// Starts `command` and waits until `is_ready`; the server's own words go to the file `log`.
    pub(super) fn start(
        mut command: Command,
        log: &Path,
        stop: Signal,
        is_ready: impl Fn(u32) -> bool,
    ) -> anyhow::Result<Self> {
        let output = std::fs::OpenOptions::new().create(true).append(true).open(log)?;
        command.stdin(Stdio::null()).stdout(output.try_clone()?).stderr(output);
        for _ in 0..START_TRIES {
            let child =
                command.spawn().with_context(|| format!("cannot run {}", command.get_program().display()))?;
            let mut process = Self { child, stop };
            if process.becomes_ready(&is_ready)? {
                return Ok(process);
            }
            std::thread::sleep(POLL * 10);
        }
        let said = std::fs::read_to_string(log).unwrap_or_default();
        bail!("{} does not start; it said: {}", command.get_program().display(), last_lines(&said));
    }

    /// True when ready, false when the process ended first.
    fn becomes_ready(&mut self, is_ready: impl Fn(u32) -> bool) -> anyhow::Result<bool> {
        let begun = runtime::clock::monotonic();
        while begun.elapsed() < START_LIMIT {
            if self.child.try_wait()?.is_some() {
                return Ok(false);
            }
            if is_ready(self.child.id()) {
                return Ok(true);
            }
            std::thread::sleep(POLL);
        }
        bail!("a server was not ready after {START_LIMIT:?}")
    }

    pub(super) fn kill9(&mut self) -> anyhow::Result<()> {
        self.child.kill().context("cannot kill a server")?;
        self.child.wait().context("cannot wait for a killed server").map(drop)
    }

    pub(super) fn signal(&self, signal: Signal) -> anyhow::Result<()> {
        kill_process(Pid::from_child(&self.child), signal).context("cannot signal a server")
    }

    /// Asks it to stop, then insists.
    pub(super) fn stop(&mut self) -> anyhow::Result<()> {
        if self.child.try_wait()?.is_some() {
            return Ok(());
        }
        // A frozen process would never see the request.
        self.signal(Signal::CONT)?;
        self.signal(self.stop)?;
        let begun = runtime::clock::monotonic();
        while begun.elapsed() < STOP_LIMIT {
            if self.child.try_wait()?.is_some() {
                return Ok(());
            }
            std::thread::sleep(POLL);
        }
        self.kill9()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _already_gone = self.stop();
    }
}

fn last_lines(text: &str) -> String {
    let lines: Vec<&str> = text.lines().rev().take(5).collect();
    lines.into_iter().rev().collect::<Vec<_>>().join(" | ")
}
