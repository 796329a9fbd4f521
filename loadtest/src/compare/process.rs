//! A server that is measured: a process on one core, with a folder of its own, ended by its own id.
//!
//! Processor time is read in nanoseconds from the kernel's scheduler, summed over all threads of the process and of
//! the processes it started. None of the servers ends a thread between two readings.

use std::collections::BTreeMap;
use std::fs;
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, bail};
use runtime::clock;
use rustix::process::{Pid, Signal, kill_process};

use crate::affinity::on_core;

/// How long a server may take to stop when asked, before it is killed: it may save millions of links.
const STOP_LIMIT: Duration = Duration::from_mins(2);
/// How often to look whether a server is there, or gone.
pub(super) const POLL: Duration = Duration::from_millis(5);

/// Processor time by the names of threads.
pub(super) type ByThread = BTreeMap<String, Duration>;

/// A running server, ended when dropped.
#[derive(Debug)]
pub(super) struct Process {
    name: &'static str,
    child: Child,
    log: PathBuf,
}

impl Process {
    /// Starts `command` on `core`; what it says goes to a file in `folder`.
    pub(super) fn start(
        name: &'static str,
        mut command: Command,
        core: usize,
        folder: &Path,
    ) -> anyhow::Result<Self> {
        let log = folder.join(format!("{name}.log"));
        let output = fs::OpenOptions::new().create(true).append(true).open(&log)?;
        command.stdin(Stdio::null()).stdout(output.try_clone()?).stderr(output);
        let child = on_core(core, || command.spawn())?;
        let child = child.with_context(|| format!("cannot run {}", command.get_program().display()))?;
        Ok(Self { name, child, log })
    }

    /// Waits until something listens on `address`, at most `limit`.
    pub(super) fn wait_for(&mut self, address: SocketAddr, limit: Duration) -> anyhow::Result<()> {
        self.wait_until(limit, || TcpStream::connect(address).is_ok())
    }

    /// Waits until `ready` says so, at most `limit`, and not when the process has ended.
    pub(super) fn wait_until(
        &mut self,
        limit: Duration,
        mut ready: impl FnMut() -> bool,
    ) -> anyhow::Result<()> {
        let begun = clock::monotonic();
        while !ready() {
            if let Some(status) = self.child.try_wait()? {
                bail!("{} ended at once ({status}); it said: {}", self.name, self.last_words());
            }
            if begun.elapsed() > limit {
                bail!("{} was not ready after {limit:?}; it said: {}", self.name, self.last_words());
            }
            std::thread::sleep(POLL);
        }
        Ok(())
    }

    /// Its process id.
    pub(super) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Asks it to stop, then insists.
    pub(super) fn stop(&mut self) -> anyhow::Result<()> {
        if self.child.try_wait()?.is_some() {
            return Ok(());
        }
        kill_process(Pid::from_child(&self.child), Signal::TERM)?;
        let begun = clock::monotonic();
        while self.child.try_wait()?.is_none() {
            if begun.elapsed() > STOP_LIMIT {
                self.child.kill()?;
                self.child.wait()?;
                bail!("{} did not stop within {STOP_LIMIT:?} and was killed", self.name);
            }
            std::thread::sleep(POLL);
        }
        Ok(())
    }

    fn last_words(&self) -> String {
        let said = fs::read_to_string(&self.log).unwrap_or_default();
        let last: Vec<&str> = said.lines().rev().take(3).collect();
        last.join(" | ")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if let Err(error) = self.stop() {
            eprintln!("{error:#}");
        }
    }
}

/// Processor time of a process and all it started, so far, by the names of their threads.
pub(super) fn cpu_time(pid: u32) -> anyhow::Result<ByThread> {
    let mut by_thread = ByThread::new();
    for member in family(pid)? {
        for thread in threads(member)? {
            let name = fs::read_to_string(thread.join("comm")).context("a thread ended")?;
            // Fields: time on a processor, time waiting for one, how often.
            let line =
                fs::read_to_string(thread.join("schedstat")).context("this kernel keeps no schedstat")?;
            let on_cpu: u64 =
                line.split(' ').next().and_then(|field| field.parse().ok()).context("odd schedstat")?;
            *by_thread.entry(name.trim().to_owned()).or_default() += Duration::from_nanos(on_cpu);
        }
    }
    Ok(by_thread)
}

/// What each thread spent between two readings.
pub(super) fn spent(from: &ByThread, to: &ByThread) -> ByThread {
    let since = |name: &String| from.get(name).copied().unwrap_or_default();
    to.iter().map(|(name, time)| (name.clone(), time.saturating_sub(since(name)))).collect()
}

/// Memory a process and all it started hold, bytes. Pages they share are counted for each.
pub(super) fn resident_bytes(pid: u32) -> anyhow::Result<u64> {
    let mut bytes = 0;
    for member in family(pid)? {
        bytes += status_kib(member, "VmRSS:")? * 1024;
    }
    Ok(bytes)
}

/// The most memory a process ever held, bytes.
pub(super) fn peak_bytes(pid: u32) -> anyhow::Result<u64> {
    Ok(status_kib(pid, "VmHWM:")? * 1024)
}

fn status_kib(pid: u32, field: &str) -> anyhow::Result<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).context("the process is gone")?;
    let line =
        status.lines().find_map(|line| line.strip_prefix(field)).with_context(|| format!("no {field}"))?;
    line.trim().trim_end_matches(" kB").parse().with_context(|| format!("odd {field} {line:?}"))
}

fn family(pid: u32) -> anyhow::Result<Vec<u32>> {
    let mut members = vec![pid];
    let mut at = 0;
    while at < members.len() {
        for thread in threads(members[at])? {
            let children =
                fs::read_to_string(thread.join("children")).context("this kernel lists no children")?;
            members.extend(children.split_whitespace().filter_map(|child| child.parse::<u32>().ok()));
        }
        at += 1;
    }
    Ok(members)
}

fn threads(pid: u32) -> anyhow::Result<Vec<PathBuf>> {
    let folder =
        fs::read_dir(format!("/proc/{pid}/task")).with_context(|| format!("process {pid} is gone"))?;
    folder.map(|entry| Ok(entry?.path())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_of_children_counts() {
        let folder = tempfile::tempdir().expect("a temp folder");
        let mut command = Command::new("sh");
        // It ends by itself, whatever becomes of this test.
        command.args(["-c", "sh -c 'n=0; while [ $n -lt 9000000 ]; do n=$((n+1)); done' & wait"]);
        let core = (0..64).find(|core| on_core(*core, || ()).is_ok()).expect("we run on a core");
        let mut process = Process::start("spin", command, core, folder.path()).expect("a shell");
        let worked = |time: &ByThread| time.get("sh").is_some_and(|time| *time > Duration::from_millis(50));
        let busy = |pid| cpu_time(pid).is_ok_and(|time| worked(&time));
        let pid = process.pid();
        process.wait_until(Duration::from_secs(20), || busy(pid)).expect("the child works");
        assert_eq!(family(pid).expect("running").len(), 2);
        assert!(resident_bytes(pid).expect("running") > peak_bytes(pid).expect("running") / 2);
        let child = family(pid).expect("running")[1];
        kill_process(Pid::from_raw(child as i32).expect("not zero"), Signal::KILL).expect("ours");
        process.stop().expect("it stops");
    }

    #[test]
    fn a_server_that_ends_says_why() {
        let folder = tempfile::tempdir().expect("a temp folder");
        let mut command = Command::new("sh");
        command.args(["-c", "echo no such port; exit 3"]);
        let core = (0..64).find(|core| on_core(*core, || ()).is_ok()).expect("we run on a core");
        let mut process = Process::start("failing", command, core, folder.path()).expect("a shell");
        let error = process.wait_until(Duration::from_secs(20), || false).expect_err("it ended").to_string();
        assert!(error.contains("no such port"), "{error}");
    }
}
