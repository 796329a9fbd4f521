//! How a process ends: a soft stop that lets work finish, then a hard stop that does not wait.
//!
//! A service gets a [`Shutdown`] and only ever asks it "are we stopping?". It does not know about signals, so a test
//! starts and stops it in the same process. Only [`Shutdown::on_signals`], called from `main`, can end the process.

use std::any::Any;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::process::ExitCode;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use anyhow::Context as _;
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{error, info, warn};

/// How long a soft stop may take before the process ends without waiting. Longer than the slowest request, shorter
/// than the 90 s after which service managers kill.
pub const GRACE: Duration = Duration::from_secs(30);

/// Signals this soon after the first are the same wish, not a second one: supervisors (and `timeout`) signal a process
/// and then its group. A person who insists is slower.
const ECHO: Duration = Duration::from_millis(500);

/// The handle through which everything in a process learns that it should stop, and reports that it crashed.
///
/// Cloning is cheap and all clones are one handle.
#[derive(Clone, Debug, Default)]
pub struct Shutdown {
    /// Cancelled when the process should take no new work and finish what it has.
    pub soft: CancellationToken,
    /// Everything that must end before the process may; [`Shutdown::drained`] waits for it.
    pub tasks: TaskTracker,
    fault: Arc<OnceLock<String>>,
}

impl Shutdown {
    /// A handle that stops only when [`Shutdown::start`] is called or a critical task crashes: what tests use.
    pub fn new() -> Self {
        Self::default()
    }

    /// A handle that also listens for SIGTERM and SIGINT.
    ///
    /// The first signal starts the soft stop. A second one (half a second later or more), or `grace` after the soft stop began, ends the process
    /// with exit code 1. Signals are awaited on a thread of their own, so a busy or blocked service cannot miss them.
    pub fn on_signals(grace: Duration) -> anyhow::Result<Self> {
        let shutdown = Self::new();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .context("cannot start the signal thread's runtime")?;
        let mut signals =
            runtime.block_on(async { Signals::listen() }).context("cannot listen for signals")?;
        let watched = shutdown.clone();
        std::thread::Builder::new()
            .name("signals".into())
            .spawn(move || runtime.block_on(watched.stop_softly_then_hard(&mut signals, grace)))
            .context("cannot start the signal thread")?;
        Ok(shutdown)
    }

    /// Starts the soft stop. Calling it again changes nothing.
    pub fn start(&self) {
        self.soft.cancel();
    }

    /// True once the soft stop has begun.
    pub fn is_stopping(&self) -> bool {
        self.soft.is_cancelled()
    }

    /// Waits for the soft stop; the arm to add to a `select!`.
    pub async fn stopping(&self) {
        self.soft.cancelled().await;
    }

    /// Sleeps for `pause`, or until the soft stop if that comes first. True while the process should go on.
    pub async fn sleep(&self, pause: Duration) -> bool {
        tokio::select! {
            () = self.soft.cancelled() => false,
            () = tokio::time::sleep(pause) => true,
        }
    }

    /// Runs a task the process cannot do without, on the current tokio runtime.
    ///
    /// An `Err` or a panic in it starts the soft stop and makes [`Shutdown::drained`] fail, so the process ends with
    /// exit code 1 and its supervisor starts it afresh; a service must never limp on without one of its parts.
    pub fn spawn_critical<F>(&self, name: &'static str, task: F) -> JoinHandle<()>
    where
        F: Future<Output = anyhow::Result<()>> + Send + 'static,
    {
        let shutdown = self.clone();
        self.tasks.spawn(async move {
            let outcome = catching(task).await;
            shutdown.judge(name, outcome);
        })
    }

    /// The same promise as [`Shutdown::spawn_critical`] for a thread of its own, such as a worker with its own runtime.
    pub fn thread_critical<F>(&self, name: String, body: F) -> anyhow::Result<()>
    where
        F: FnOnce() -> anyhow::Result<()> + Send + 'static,
    {
        let shutdown = self.clone();
        // The token is counted from now on, so `drained` cannot pass before the thread was scheduled.
        let token = self.tasks.token();
        std::thread::Builder::new()
            .name(name.clone())
            .spawn(move || {
                let outcome = std::panic::catch_unwind(AssertUnwindSafe(body));
                shutdown.judge(&name, outcome);
                drop(token);
            })
            .context("cannot start a thread")?;
        Ok(())
    }

    /// Records that a part of the process crashed, and starts the soft stop. The first report wins.
    pub fn fail(&self, part: &str, why: &str) {
        error!(part, why, "a critical part crashed; stopping");
        let _already_failed = self.fault.set(format!("{part}: {why}"));
        self.start();
    }

    /// Waits for the soft stop and then for every tracked task and thread.
    ///
    /// Errors when any of them crashed, naming the first.
    pub async fn drained(&self) -> anyhow::Result<()> {
        self.stopping().await;
        self.tasks.close();
        self.tasks.wait().await;
        match self.fault.get() {
            None => Ok(()),
            Some(fault) => Err(anyhow::anyhow!("{fault}")),
        }
    }

    fn judge(&self, name: &str, outcome: Result<anyhow::Result<()>, Box<dyn Any + Send>>) {
        match outcome {
            Ok(Ok(())) => {}
            Ok(Err(error)) => self.fail(name, &format!("{error:#}")),
            Err(panic) => self.fail(name, &format!("panicked: {}", panic_text(panic.as_ref()))),
        }
    }

    async fn stop_softly_then_hard(&self, signals: &mut Signals, grace: Duration) {
        tokio::select! {
            name = signals.next() => info!(signal = name, "stopping; send it again to stop at once"),
            () = self.soft.cancelled() => {}
        }
        self.start();
        let _echoes = tokio::time::timeout(ECHO, async {
            loop {
                signals.next().await;
            }
        })
        .await;
        let why = tokio::select! {
            name = signals.next() => name,
            () = tokio::time::sleep(grace) => "the grace period is over",
        };
        warn!(why, "stopping without waiting any longer");
        std::process::exit(1);
    }
}

/// Turns a service's result into the process's exit code, and says on stderr what went wrong.
pub fn exit_code(result: &anyhow::Result<()>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            error!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

struct Signals {
    terminate: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
}

impl Signals {
    fn listen() -> std::io::Result<Self> {
        Ok(Self { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }

    async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        }
    }
}

/// Awaits a future and catches a panic in any of its polls.
async fn catching<F: Future>(task: F) -> Result<F::Output, Box<dyn Any + Send>> {
    let mut task = Box::pin(task);
    std::future::poll_fn(|cx| match std::panic::catch_unwind(AssertUnwindSafe(|| task.as_mut().poll(cx))) {
        Ok(poll) => poll.map(Ok),
        Err(panic) => std::task::Poll::Ready(Err(panic)),
    })
    .await
}

fn panic_text(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("no message")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_soft_stop_waits_for_tasks_and_threads() {
        let shutdown = Shutdown::new();
        let finished = Arc::new(std::sync::atomic::AtomicU32::new(0));
        let (stop, count) = (shutdown.clone(), finished.clone());
        shutdown.spawn_critical("task", async move {
            stop.stopping().await;
            tokio::time::sleep(Duration::from_millis(30)).await;
            count.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
            Ok(())
        });
        let count = finished.clone();
        let thread = shutdown.thread_critical("thread".into(), move || {
            std::thread::sleep(Duration::from_millis(30));
            count.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
            Ok(())
        });
        thread.expect("the thread starts");
        assert!(!shutdown.is_stopping());
        shutdown.start();
        shutdown.drained().await.expect("nothing crashed");
        assert_eq!(finished.load(std::sync::atomic::Ordering::SeqCst), 2);
    }

    #[tokio::test]
    async fn a_crash_of_any_kind_stops_everything_and_is_reported() {
        type Body = fn() -> anyhow::Result<()>;
        let table: [(&str, Body); 2] = [
            ("ledger: disk on fire", || anyhow::bail!("disk on fire")),
            ("ledger: panicked: boom", || panic!("boom")),
        ];
        for (expected, body) in table {
            let task = Shutdown::new();
            task.spawn_critical("ledger", async move { body() });
            assert_eq!(task.drained().await.expect_err("it crashed").to_string(), expected);

            let thread = Shutdown::new();
            thread.thread_critical("ledger".into(), body).expect("the thread starts");
            assert_eq!(thread.drained().await.expect_err("it crashed").to_string(), expected);
        }
    }

    #[tokio::test]
    async fn sleep_ends_early_on_a_soft_stop() {
        let shutdown = Shutdown::new();
        assert!(shutdown.sleep(Duration::from_millis(1)).await);
        shutdown.start();
        assert!(!shutdown.sleep(Duration::from_hours(1)).await);
    }
}
