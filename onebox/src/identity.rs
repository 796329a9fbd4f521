//! Which process a number stands for. A process number alone is not a name: it is given again to somebody else.

use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde::{Deserialize, Serialize};

/// How often to look whether a process has gone.
const POLL: Duration = Duration::from_millis(20);
/// Where a process's start time is in `/proc/<pid>/stat`, counted from its state, which follows the program's name.
const STARTED_FIELD: usize = 19;

/// A process number with the time that process started: together they name one process until the machine restarts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// The process number.
    pub pid: u32,
    /// When it started, in clock ticks since the machine did.
    pub started: u64,
}

impl Identity {
    /// The process that has this number now. `None` if there is none, or only its remains, not yet collected.
    pub fn of(pid: u32) -> Option<Self> {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // The program's name is in parentheses and may itself hold spaces and parentheses.
        let mut fields = stat.get(stat.rfind(')')? + 2..)?.split(' ');
        let state = fields.next()?;
        let started = fields.nth(STARTED_FIELD - 1)?.parse().ok()?;
        (state != "Z" && state != "X").then_some(Self { pid, started })
    }

    /// Whether this very process still runs.
    pub fn is_running(self) -> bool {
        Self::of(self.pid) == Some(self)
    }

    /// Sends it a signal, if it still runs.
    pub fn signal(self, signal: Signal) {
        if let Some(pid) = Pid::from_raw(self.pid as i32).filter(|_| self.is_running()) {
            let _gone_meanwhile = kill_process(pid, signal);
        }
    }

    /// Asks it to end by `signal`, waits up to `limit`, and then kills it. Returns when it is gone.
    pub fn end(self, signal: Signal, limit: Duration) {
        // A frozen process would never see the request.
        self.signal(Signal::CONT);
        self.signal(signal);
        if !self.ends_within(limit) {
            self.signal(Signal::KILL);
            self.ends_within(limit);
        }
    }

    /// Waits until it is gone; false when it was still there after `limit`.
    pub fn ends_within(self, limit: Duration) -> bool {
        let begun = runtime::clock::monotonic();
        while self.is_running() {
            if begun.elapsed() > limit {
                return false;
            }
            std::thread::sleep(POLL);
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_known_by_number_and_start() {
        let us = Identity::of(std::process::id()).expect("we run");
        assert!(us.is_running());
        assert!(!Identity { started: us.started + 1, ..us }.is_running(), "the number alone is not enough");
        let mut child = std::process::Command::new("/bin/sleep").arg("60").spawn().expect("it starts");
        let sleeper = Identity::of(child.id()).expect("it runs");
        sleeper.end(Signal::TERM, Duration::from_secs(5));
        assert!(!sleeper.is_running(), "what is left to collect does not run");
        child.wait().expect("collected");
    }
}
