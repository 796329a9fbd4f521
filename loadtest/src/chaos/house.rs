//! A whole Linkledger of one's own, to be broken: `onebox up` on free ports, in a folder that goes away.

use std::collections::{BTreeMap, HashSet};
use std::fs::File;
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use onebox::board::{Board, Entry};
use runtime::{Secret, clock};
use rustix::process::{Pid, Signal, kill_process};
use sqlx::{Connection as _, PgConnection};
use tempfile::TempDir;

use super::schedule::Target;
use crate::drive::answer::{Answer, Body};

/// From nothing to ready: initdb, migrations and five processes, perhaps of a debug build on a busy machine.
const START_LIMIT: Duration = Duration::from_mins(3);
/// After the last blow: Postgres recovers, Redis loads its log.
const HEAL_LIMIT: Duration = Duration::from_mins(2);
/// How long `onebox` may take to stop everything.
const STOP_LIMIT: Duration = Duration::from_mins(2);
/// Between two looks.
const POLL: Duration = Duration::from_millis(50);
/// An admin port on this machine answers at once or not at all.
const ANSWER_LIMIT: Duration = Duration::from_secs(2);
/// The file that tells services where to die.
const FAILPOINT: &str = "failpoint";
/// The services with an admin port.
const SERVICES: [&str; 3] = ["redirector", "aggregator", "console"];

/// A running house. Stopped when dropped.
#[derive(Debug)]
pub struct House {
    folder: TempDir,
    onebox: Child,
    /// Postgres, as its owner.
    pub database_url: Secret,
    /// Redis, as its owner.
    pub redis_url: Secret,
}

impl House {
    /// Starts it, without a programme, and waits until every service is ready.
    pub async fn open() -> anyhow::Result<Self> {
        Self::open_with(&[]).await
    }

    /// The same with settings of the services, as environment variables.
    pub async fn open_with(settings: &[(&str, &str)]) -> anyhow::Result<Self> {
        let folder = tempfile::Builder::new().prefix("linkledger-chaos-").tempdir()?;
        let (program, free) = (sibling("onebox")?, "127.0.0.1:0");
        let onebox = Command::new(&program)
            .args(["up", "--empty", "--no-traffic", "--redirect-listen", free, "--console-listen", free])
            .args(["--redirector-admin", free, "--aggregator-admin", free, "--console-admin", free])
            .arg("--data-dir")
            .arg(folder.path())
            .env_remove("DATABASE_URL")
            .env_remove("REDIS_URL")
            .env("LINKLEDGER_FAILPOINT", format!("@{}", folder.path().join(FAILPOINT).display()))
            // Visitors differ by the address that we forward.
            .env("REDIRECTOR_TRUSTED_PROXIES", "127.0.0.0/8")
            .envs(settings.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(folder.path().join("onebox.log"))?)
            .spawn()
            .with_context(|| format!("cannot run {}", program.display()))?;
        let empty = Secret::new("");
        let mut house = Self { folder, onebox, database_url: empty.clone(), redis_url: empty };
        house.until_ready(START_LIMIT).await?;
        let env = Command::new(&program).arg("env").arg("--data-dir").arg(house.data()).output()?;
        for line in String::from_utf8_lossy(&env.stdout).lines() {
            match line.split_once('=') {
                Some(("DATABASE_URL", url)) => house.database_url = Secret::new(url),
                Some(("REDIS_URL", url)) => house.redis_url = Secret::new(url),
                _ => {}
            }
        }
        ensure!(!house.database_url.expose().is_empty(), "onebox env names no database");
        Ok(house)
    }

    /// Everything it writes is in here.
    pub fn data(&self) -> &Path {
        self.folder.path()
    }

    /// The edge's journal.
    pub fn journal(&self) -> PathBuf {
        self.data().join("journal")
    }

    /// Where shoppers come in.
    pub fn edge(&self) -> anyhow::Result<SocketAddr> {
        self.door("redirector")
    }

    /// Where a service listens.
    pub fn door(&self, name: &str) -> anyhow::Result<SocketAddr> {
        let entry = self.entry(name).with_context(|| format!("{name} does not run"))?;
        Ok(entry.listen.with_context(|| format!("{name} has no address"))?.parse()?)
    }

    /// The programme's secret, which click tokens are signed with: this house is ours, and goes away.
    pub fn secret(&self) -> anyhow::Result<Secret> {
        let state: serde_json::Value =
            serde_json::from_slice(&std::fs::read(self.data().join("onebox.json"))?)?;
        Ok(Secret::new(state["secret"].as_str().context("onebox.json holds no secret")?))
    }

    /// `aggregator once audit`: how often something does not hold that must.
    pub fn audit(&self) -> anyhow::Result<u64> {
        let output = Command::new(sibling("aggregator")?)
            .args(["once", "audit"])
            .env("DATABASE_URL", self.database_url.expose())
            .env("REDIS_URL", self.redis_url.expose())
            .stdin(Stdio::null())
            .output()
            .context("cannot run aggregator")?;
        let table = String::from_utf8_lossy(&output.stdout);
        let violations = |line: &str| line.split_whitespace().next()?.parse::<u64>().ok();
        let counted: Vec<u64> = table.lines().filter_map(violations).collect();
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(!counted.is_empty(), "the audit did not count anything; it said: {said}");
        let sum = counted.iter().sum();
        ensure!(
            output.status.success() == (sum == 0),
            "the audit ended with {}: {table}{said}",
            output.status
        );
        if sum > 0 {
            eprintln!("{table}");
        }
        Ok(sum)
    }

    /// The process of that name, if it runs.
    pub fn entry(&self, name: &str) -> Option<Entry> {
        Board::read(&self.data().join("processes.json")).remove(name)
    }

    /// A vendor, an affiliate and links with these codes; returns when the edge redirects every one of them, and has
    /// saved them: from then on they are known, whatever dies.
    pub async fn programme(&self, codes: &[String]) -> anyhow::Result<()> {
        let mut postgres = PgConnection::connect(self.database_url.expose()).await?;
        sqlx::raw_sql(include_str!("programme.sql")).execute(&mut postgres).await?;
        sqlx::query(include_str!("links.sql")).bind(codes).execute(&mut postgres).await?;
        let (edge, begun) = (self.edge()?, clock::monotonic());
        for code in codes {
            while !follows(edge, code) {
                ensure!(begun.elapsed() < START_LIMIT, "the edge does not know {code} after {START_LIMIT:?}");
                tokio::time::sleep(POLL).await;
            }
        }
        let saved = || are_in(&self.data().join("catalog.snapshot"), codes);
        while !saved() {
            ensure!(begun.elapsed() < START_LIMIT, "the edge did not save its links within {START_LIMIT:?}");
            tokio::time::sleep(POLL).await;
        }
        Ok(())
    }

    /// Tells the next process of a service where to die; with nothing, nowhere.
    pub(super) fn tell_to_die(&self, words: &str) -> anyhow::Result<()> {
        std::fs::write(self.data().join(FAILPOINT), words).context("cannot arm a point")
    }

    /// At which points services died, and how often.
    pub fn fired(&self) -> anyhow::Result<BTreeMap<String, u64>> {
        let path = self.data().join(format!("{FAILPOINT}.fired"));
        let text = match std::fs::read_to_string(path) {
            Err(error) if error.kind() == ErrorKind::NotFound => String::new(),
            read => read.context("cannot tell who died where")?,
        };
        let mut fired = BTreeMap::new();
        for name in text.lines() {
            *fired.entry(name.to_owned()).or_default() += 1;
        }
        Ok(fired)
    }

    /// Has one link published again, as it is.
    pub(super) async fn edit_a_link(&self) -> anyhow::Result<()> {
        let mut postgres = PgConnection::connect(self.database_url.expose()).await?;
        let touch = "update link set version = version where link_id = (select min(link_id) from link)";
        sqlx::query(touch).execute(&mut postgres).await?;
        Ok(())
    }

    /// Lets every frozen process go on, and waits until all are ready.
    pub async fn heal(&mut self) -> anyhow::Result<()> {
        self.tell_to_die("")?;
        for target in Target::ALL {
            self.entry(target.name()).iter().for_each(|entry| entry.identity.signal(Signal::CONT));
        }
        self.until_ready(HEAL_LIMIT).await
    }

    async fn until_ready(&mut self, limit: Duration) -> anyhow::Result<()> {
        let begun = clock::monotonic();
        let ready = |name: &&str| {
            let admin = self.entry(name).and_then(|entry| entry.admin).and_then(|admin| admin.parse().ok());
            admin.is_some_and(|admin| ask(admin, "GET /readyz", Body::AsStated).ok() == Some(200))
        };
        while !SERVICES.iter().all(ready) {
            ensure!(begun.elapsed() < limit, "not everything is ready within {limit:?}");
            tokio::time::sleep(POLL).await;
        }
        if let Some(status) = self.onebox.try_wait()? {
            bail!("onebox ended: {status}");
        }
        Ok(())
    }

    /// Stops everything and leaves the folder for people to look at.
    pub fn keep(mut self) -> PathBuf {
        self.stop();
        self.folder.disable_cleanup(true);
        self.data().to_owned()
    }

    fn stop(&mut self) {
        let _gone_already = kill_process(Pid::from_child(&self.onebox), Signal::TERM);
        let begun = clock::monotonic();
        while begun.elapsed() < STOP_LIMIT {
            if !matches!(self.onebox.try_wait(), Ok(None)) {
                return;
            }
            std::thread::sleep(POLL);
        }
        let _gone_meanwhile = self.onebox.kill();
        let _status = self.onebox.wait();
    }
}

impl Drop for House {
    fn drop(&mut self) {
        if matches!(self.onebox.try_wait(), Ok(None)) {
            self.stop();
        }
    }
}

/// Whether the edge's snapshot has links with all these codes. Codes stand in it as JSON strings.
fn are_in(snapshot: &Path, codes: &[String]) -> bool {
    let bytes = std::fs::read(snapshot).unwrap_or_default();
    let strings: HashSet<&[u8]> = bytes.split(|byte| *byte == b'"').collect();
    codes.iter().all(|code| strings.contains(code.as_bytes()))
}

/// Whether an edge redirects this code. HEAD is answered as GET is, and not counted.
pub(crate) fn follows(edge: SocketAddr, code: &str) -> bool {
    ask(edge, &format!("HEAD /{code}"), Body::Absent).ok() == Some(302)
}

/// The program beside ours.
pub(crate) fn sibling(name: &str) -> anyhow::Result<PathBuf> {
    let program = std::env::current_exe().context("cannot tell where loadtest is")?.with_file_name(name);
    let path = program.display();
    ensure!(
        program.is_file(),
        "{path} is not there; build it with: cargo build --release --workspace --bins"
    );
    Ok(program)
}

/// The status of one request on a connection of its own.
fn ask(address: SocketAddr, request: &str, body: Body) -> anyhow::Result<u16> {
    let mut stream = TcpStream::connect_timeout(&address, ANSWER_LIMIT)?;
    stream.set_read_timeout(Some(ANSWER_LIMIT))?;
    write!(stream, "{request} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n")?;
    let mut received = Vec::new();
    stream.take(crate::drive::answer::MAX_ANSWER as u64).read_to_end(&mut received)?;
    Ok(Answer::read(&received, body)?.context("the answer broke off")?.status)
}
