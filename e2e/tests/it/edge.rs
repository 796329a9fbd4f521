//! Another edge of a house, on a machine of its own: the real redirector with its own number and journal.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};

use anyhow::{Context as _, Result};
use rustix::process::{Pid, Resource, Rlimit, Signal, getrlimit, kill_process, prlimit};

use crate::house::{BROWSER, House, Reply, SOON, binary, get, until};

pub(crate) struct Edge {
    process: Child,
    pub(crate) listen: SocketAddr,
    pub(crate) admin: SocketAddr,
    /// Where its journal is.
    pub(crate) journal: PathBuf,
}

impl Edge {
    /// Starts it and waits until it serves.
    pub(crate) fn start(house: &House, id: u16, journal: &Path) -> Result<Self> {
        Self::start_by(redirector(), house, id, journal)
    }

    /// The same by a command with settings of its own.
    pub(crate) fn start_by(command: Command, house: &House, id: u16, journal: &Path) -> Result<Self> {
        Self::start_at(free_address()?, command, house, id, journal)
    }

    /// The same where shoppers come in at a known address.
    pub(crate) fn start_at(
        listen: SocketAddr,
        command: Command,
        house: &House,
        id: u16,
        journal: &Path,
    ) -> Result<Self> {
        Self::start_between(listen, free_address()?, command, house, id, journal)
    }

    /// kill -9, and the same machine again after something was done to its journal.
    pub(crate) fn start_over(
        mut self,
        command: Command,
        house: &House,
        id: u16,
        meanwhile: impl FnOnce(&Path) -> Result<()>,
    ) -> Result<Self> {
        self.kill()?;
        meanwhile(&self.journal)?;
        Self::start_between(self.listen, self.admin, command, house, id, &self.journal)
    }

    fn start_between(
        listen: SocketAddr,
        admin: SocketAddr,
        mut command: Command,
        house: &House,
        id: u16,
        journal: &Path,
    ) -> Result<Self> {
        let process = command
            .args(["--edge-id", &id.to_string()])
            .args(["--listen", &listen.to_string(), "--admin-listen", &admin.to_string()])
            .arg("--journal-dir")
            .arg(journal)
            .env("REDIS_URL", &house.redis_url)
            .env("LINKLEDGER_SECRET", house.secret()?)
            .stdout(Stdio::null())
            .stderr(std::fs::File::create(house.data().join(format!("logs/edge-{id}.log")))?)
            .spawn()
            .context("redirector")?;
        let edge = Self { process, listen, admin, journal: journal.to_owned() };
        until("the other edge serves", SOON, || Ok(get(admin, "/readyz", &[])?.status == 200))
            .with_context(|| house.logs())?;
        Ok(edge)
    }

    /// A click as a browser sends it.
    pub(crate) fn click(&self, path: &str) -> Result<Reply> {
        get(self.listen, path, &[("user-agent", BROWSER)])
    }

    /// How many files it may have open from now on. Returns how many that were.
    pub(crate) fn limit_files(&self, most: u64) -> Result<u64> {
        let limit = Rlimit { current: Some(most), maximum: getrlimit(Resource::Nofile).maximum };
        let before = prlimit(Some(Pid::from_child(&self.process)), Resource::Nofile, limit)?;
        before.current.context("a limit")
    }

    /// kill -9, for good.
    pub(crate) fn kill(&mut self) -> Result<()> {
        self.process.kill()?;
        self.process.wait()?;
        Ok(())
    }

    /// As a service manager ends it.
    pub(crate) fn stop(mut self) -> Result<ExitStatus> {
        kill_process(Pid::from_child(&self.process), Signal::TERM)?;
        Ok(self.process.wait()?)
    }
}

impl Drop for Edge {
    fn drop(&mut self) {
        _ = self.kill();
    }
}

/// The program, with as many workers wherever it runs.
pub(crate) fn redirector() -> Command {
    let mut command = Command::new(binary("redirector"));
    command.env("REDIRECTOR_WORKERS", "2").stdin(Stdio::null());
    command
}

fn free_address() -> Result<SocketAddr> {
    Ok(([127, 0, 0, 1], onebox::servers::free_port()?).into())
}
