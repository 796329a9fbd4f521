//! Everything that was started, so that it can be awaited, and stopped in order, wherever the start got to.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};

use crate::board::{Board, Entry, OURSELVES};
use crate::folder::DataFolder;
use crate::http;
use crate::identity::Identity;
use crate::progress::Progress;
use crate::supervise::{Job, Kept, last_words};

/// Nothing takes longer to be ready, not even a recovery after a power cut, on a machine one would call working.
const READY_LIMIT: Duration = Duration::from_mins(2);
/// A program that ended this often before it was ready will not be: its settings or its data are bad.
const MAX_FALSE_STARTS: u32 = 6;
/// How often to ask whether something is ready.
const POLL: Duration = Duration::from_millis(25);

/// The order in which things stop: first what takes clicks in, last what keeps them.
const STOP_ORDER: [&str; 5] = ["redirector", "console", "aggregator", "redis", "postgres"];

/// All child processes of one `onebox up`.
pub(crate) struct Machine {
    pub(crate) folder: DataFolder,
    pub(crate) progress: Progress,
    board: Arc<Board>,
    kept: Vec<Kept>,
}

impl Machine {
    /// Nothing runs yet but ourselves.
    pub(crate) fn new(folder: DataFolder) -> anyhow::Result<Self> {
        let board = Arc::new(Board::new(folder.processes()));
        let identity = Identity::of(std::process::id()).context("/proc is not readable")?;
        board.put(OURSELVES, Entry { identity, listen: None, admin: None, restarts: 0 });
        Ok(Self { folder, progress: Progress::begin(), board, kept: Vec::new() })
    }

    /// Starts a program and keeps it running.
    pub(crate) fn keep(&mut self, job: Job) {
        self.kept.push(Kept::start(job, self.board.clone(), &self.folder.logs()));
    }

    /// Waits until `probe`, given the process id, says yes.
    ///
    /// Errors, with the program's own last words, when it keeps ending or takes too long.
    pub(crate) async fn until_ready<P>(&self, name: &'static str, probe: P) -> anyhow::Result<()>
    where
        P: Fn(u32) -> bool + Send + Sync + 'static,
    {
        let probe = Arc::new(probe);
        self.until(name, async |pid| {
            let probe = probe.clone();
            tokio::task::spawn_blocking(move || probe(pid)).await.unwrap_or(false)
        })
        .await
    }

    /// Waits until a service's admin port says that it is ready.
    pub(crate) async fn until_serving(&self, name: &'static str, admin: SocketAddr) -> anyhow::Result<()> {
        self.until(name, async |_| {
            http::ask(admin, "GET", "/readyz", &[]).await.is_ok_and(|answer| answer.status == 200)
        })
        .await
    }

    async fn until(&self, name: &'static str, probe: impl AsyncFn(u32) -> bool) -> anyhow::Result<()> {
        self.progress.doing(&format!("starting {name}"));
        let begun = runtime::clock::monotonic();
        while begun.elapsed() < READY_LIMIT {
            let entry = self.board.get(name);
            match &entry {
                Some(entry) if probe(entry.identity.pid).await => {
                    self.progress.done(&format!("{name} is ready"));
                    return Ok(());
                }
                Some(entry) if entry.restarts >= MAX_FALSE_STARTS => {
                    bail!("{name} keeps ending; it said:{}", last_words(&self.folder.logs(), name))
                }
                _ => tokio::time::sleep(POLL).await,
            }
        }
        bail!("{name} is not ready after {READY_LIMIT:?}; it said:{}", last_words(&self.folder.logs(), name))
    }

    /// Stops everything, each when what depends on it is gone.
    pub(crate) async fn stop(mut self) {
        for name in STOP_ORDER {
            if let Some(position) = self.kept.iter().position(|kept| kept.name == name) {
                self.progress.doing(&format!("stopping {name}"));
                self.kept.swap_remove(position).stop().await;
                self.progress.done(&format!("{name} has stopped"));
            }
        }
        self.board.remove(OURSELVES);
    }
}
