//! Keeps child processes running: whatever dies is started again, for as long as `onebox` runs.

use std::convert::Infallible;
use std::fs::{File, OpenOptions};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use rustix::process::Signal;
use tokio::process::Child;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tracing::{error, warn};

use crate::board::{Board, Entry};
use crate::identity::Identity;

/// Pause before the first new start: short, because a kill test counts every moment.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
/// Longest pause: a program that cannot start should not fill the log, but must come back soon after it can.
const LONGEST_PAUSE: Duration = Duration::from_secs(2);
/// One that lived this long had started well; its next death begins with the first pause again.
const LIVED: Duration = Duration::from_secs(1);
/// A child's log is emptied when it grows beyond this: it must not fill the disk of somebody's laptop.
const LOG_LIMIT: u64 = 64 << 20;
/// How often to look at the size of a log.
const LOG_CHECK: Duration = Duration::from_secs(30);

/// A program to keep running.
pub(crate) struct Job {
    /// Its name on the board and of its log.
    pub(crate) name: &'static str,
    /// Where it listens, for the board.
    pub(crate) listen: Option<String>,
    /// Its admin port, for the board.
    pub(crate) admin: Option<String>,
    /// Makes the command, afresh for each start.
    pub(crate) command: Box<dyn Fn() -> Command + Send + Sync>,
    /// What asks it to stop.
    pub(crate) stop_signal: Signal,
    /// How long it may take to stop before it is killed.
    pub(crate) stop_limit: Duration,
}

/// A job under supervision.
#[derive(Debug)]
pub(crate) struct Kept {
    pub(crate) name: &'static str,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Kept {
    /// Starts the job, and starts it again whenever it dies.
    pub(crate) fn start(job: Job, board: Arc<Board>, logs: &Path) -> Self {
        let (name, stop, log) = (job.name, CancellationToken::new(), log_of(logs, job.name));
        let task = tokio::spawn(keep_running(job, board, log, stop.clone()));
        Self { name, stop, task }
    }

    /// Stops the job for good and waits until it is gone.
    pub(crate) async fn stop(self) {
        self.stop.cancel();
        if let Err(error) = self.task.await {
            error!(name = self.name, %error, "its supervisor crashed");
        }
    }
}

/// The log file of a job.
pub(crate) fn log_of(logs: &Path, name: &str) -> PathBuf {
    logs.join(format!("{name}.log"))
}

/// The last few lines of a job's log, for a message about why it does not start.
pub(crate) fn last_words(logs: &Path, name: &str) -> String {
    let text = std::fs::read(log_of(logs, name)).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<&str> = text.lines().rev().take(8).collect();
    lines.into_iter().rev().flat_map(|line| ["\n    ", line]).collect()
}

async fn keep_running(job: Job, board: Arc<Board>, log: PathBuf, stop: CancellationToken) {
    let _fresh = File::create(&log);
    let mut pause = FIRST_PAUSE;
    for restarts in 0.. {
        let begun = runtime::clock::monotonic();
        match spawn(&job, &log) {
            Err(error) => error!(name = job.name, "it does not start: {error:#}"),
            Ok(mut child) => {
                announce(&job, &board, &child, restarts);
                let how = tokio::select! {
                    status = child.wait() => status.map_or_else(|error| error.to_string(), |status| status.to_string()),
                    never = watch_size(&log) => match never {},
                    () = stop.cancelled() => {
                        end(&job, &mut child).await;
                        board.remove(job.name);
                        return;
                    }
                };
                board.remove(job.name);
                warn!(name = job.name, how, "it ended; starting it again");
            }
        }
        pause = if begun.elapsed() > LIVED { FIRST_PAUSE } else { (pause * 2).min(LONGEST_PAUSE) };
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = stop.cancelled() => return,
        }
    }
}

fn spawn(job: &Job, log: &Path) -> anyhow::Result<Child> {
    // Appending, so that the log can be emptied under the child's feet.
    let output = OpenOptions::new().create(true).append(true).open(log).context("cannot open its log")?;
    let mut command = (job.command)();
    command.stdin(Stdio::null()).stdout(output.try_clone()?).stderr(output);
    // Its own group: Ctrl-C is for us, and we stop the children in order.
    std::os::unix::process::CommandExt::process_group(&mut command, 0);
    let program = command.get_program().to_owned();
    tokio::process::Command::from(command)
        .spawn()
        .with_context(|| format!("cannot run {}", program.display()))
}

fn announce(job: &Job, board: &Board, child: &Child, restarts: u32) {
    // A child that is already gone has no identity; its end is noticed in a moment.
    if let Some(identity) = child.id().and_then(Identity::of) {
        board.put(
            job.name,
            Entry { identity, listen: job.listen.clone(), admin: job.admin.clone(), restarts },
        );
    }
}

async fn end(job: &Job, child: &mut Child) {
    if let Some(identity) = child.id().and_then(Identity::of) {
        // A frozen process would never see the request.
        identity.signal(Signal::CONT);
        identity.signal(job.stop_signal);
    }
    if tokio::time::timeout(job.stop_limit, child.wait()).await.is_err() {
        warn!(name = job.name, limit = ?job.stop_limit, "it does not stop; killing it");
        let _already_gone = child.kill().await;
    }
}

async fn watch_size(log: &Path) -> Infallible {
    loop {
        tokio::time::sleep(LOG_CHECK).await;
        if std::fs::metadata(log).is_ok_and(|log| log.len() > LOG_LIMIT) {
            let _next_time = OpenOptions::new().write(true).open(log).and_then(|file| file.set_len(0));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_dies_is_started_again_until_stopped() {
        let temp = tempfile::tempdir().expect("a temp folder");
        let board = Arc::new(Board::new(temp.path().join("processes.json")));
        let job = Job {
            name: "sleeper",
            listen: None,
            admin: None,
            command: Box::new(|| {
                let mut command = Command::new("/bin/sh");
                command.args(["-c", "echo started; exec sleep 60"]);
                command
            }),
            stop_signal: Signal::TERM,
            stop_limit: Duration::from_secs(5),
        };
        let kept = Kept::start(job, board.clone(), temp.path());
        let mut seen = Vec::new();
        while seen.len() < 3 {
            tokio::time::sleep(Duration::from_millis(5)).await;
            let Some(entry) = board.get("sleeper").filter(|entry| !seen.contains(&entry.identity)) else {
                continue;
            };
            assert_eq!(entry.restarts as usize, seen.len());
            seen.push(entry.identity);
            if seen.len() < 3 {
                entry.identity.signal(Signal::KILL);
            }
        }
        kept.stop().await;
        assert!(seen.iter().all(|identity| !identity.is_running()), "none is left");
        assert_eq!(board.get("sleeper"), None);
        assert!(last_words(temp.path(), "sleeper").contains("started"));
    }
}
