//! Signals, on a real process: the first stops softly, the second at once, and a crash ends it with exit code 1.
//!
//! Each test runs this program again as the service it watches, and tells it by the environment how to behave.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::Duration;

use runtime::{Shutdown, lifecycle};
use rustix::process::{Pid, Signal, kill_process};

const BEHAVIOUR: &str = "SIGNALS_TEST_BEHAVIOUR";
/// So long that a test which needs it has failed.
const LONG: Duration = Duration::from_secs(50);

/// What a good service still has to do when it is asked to stop.
const SHORT: Duration = Duration::from_millis(200);
/// A person's pause before the second Ctrl-C.
const INSISTS: Duration = Duration::from_millis(700);

/// Not a test by itself: what the others run. It does nothing unless it is told how to behave.
#[test]
fn service() {
    let Some(behaviour) = std::env::var_os(BEHAVIOUR) else { return };
    let short = behaviour == "hangs beyond its grace";
    let shutdown =
        Shutdown::on_signals(if short { Duration::from_millis(100) } else { LONG }).expect("it listens");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let result = runtime.block_on(async {
        let stop = shutdown.clone();
        shutdown.spawn_critical("work", async move {
            println!("\nserving");
            assert!(behaviour != "crashes", "boom");
            stop.stopping().await;
            println!("\nstopping");
            tokio::time::sleep(if behaviour == "stops well" { SHORT } else { LONG }).await;
            Ok(())
        });
        shutdown.drained().await
    });
    std::process::exit(i32::from(lifecycle::exit_code(&result) != ExitCode::SUCCESS));
}

#[test]
fn the_first_signal_stops_softly() {
    for signal in [Signal::TERM, Signal::INT] {
        let mut service = Service::start("stops well");
        service.until("serving");
        service.signal(signal);
        // The echo that supervisors send to the group does not turn the soft stop into a hard one.
        service.until("stopping");
        service.signal(signal);
        assert_eq!(service.exit_code(), Some(0), "{signal:?}");
    }
}

#[test]
fn the_second_signal_stops_at_once() {
    let mut service = Service::start("hangs");
    service.until("serving");
    service.signal(Signal::TERM);
    service.until("stopping");
    std::thread::sleep(INSISTS);
    service.signal(Signal::INT);
    assert_eq!(service.exit_code(), Some(1));
}

#[test]
fn the_grace_period_ends_what_hangs() {
    let mut service = Service::start("hangs beyond its grace");
    service.until("serving");
    service.signal(Signal::TERM);
    assert_eq!(service.exit_code(), Some(1));
}

#[test]
fn a_crash_ends_the_process() {
    assert_eq!(Service::start("crashes").exit_code(), Some(1));
}

struct Service {
    child: Child,
    lines: std::io::Lines<BufReader<std::process::ChildStdout>>,
}

impl Service {
    fn start(behaviour: &str) -> Self {
        let mut child = Command::new(std::env::current_exe().expect("this test"))
            .args(["--exact", "service", "--nocapture"])
            .env(BEHAVIOUR, behaviour)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("it starts");
        let lines = BufReader::new(child.stdout.take().expect("piped")).lines();
        Self { child, lines }
    }

    fn until(&mut self, said: &str) {
        assert!(self.lines.any(|line| line.expect("readable") == said), "it never said {said}");
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).expect("it is ours and runs");
    }

    fn exit_code(&mut self) -> Option<i32> {
        let begun = runtime::clock::monotonic();
        let status = self.child.wait().expect("it ends");
        assert!(begun.elapsed() < LONG / 2, "it did not wait for what hangs");
        status.code()
    }
}
