//! A second edge and a second aggregator beside the house's own, with no more rights in Redis than they need.

use std::fs::File;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, ensure};
use onebox::servers::{RedisCluster, free_port};
use runtime::clock;
use rustix::process::{Pid, Signal, kill_process};

use crate::chaos::house::{House, follows, sibling};

/// The house's and ours.
pub(super) const EDGES: usize = 2;
/// The house's and ours.
pub(super) const AGGREGATORS: usize = 2;
/// How long the second edge may take to know every link.
const START_LIMIT: Duration = Duration::from_mins(1);
/// How long they may take to stop.
const STOP_LIMIT: Duration = Duration::from_secs(30);
/// Between two looks.
const POLL: Duration = Duration::from_millis(50);

/// Both, running. Stopped when dropped.
#[derive(Debug)]
pub(super) struct Crew {
    /// Where shoppers come in at the second edge.
    pub(super) edge: SocketAddr,
    /// The second edge's journal.
    pub(super) journal: PathBuf,
    processes: Vec<Child>,
}

impl Crew {
    /// Starts them.
    pub(super) fn join(house: &House, cluster: &RedisCluster, folder: &Path) -> anyhow::Result<Self> {
        let free = || anyhow::Ok(SocketAddr::from(([127, 0, 0, 1], free_port()?)));
        let (edge, journal) = (free()?, folder.join("journal-1"));
        let mut redirector = Command::new(sibling("redirector")?);
        redirector
            .env("REDIRECTOR_LISTEN", edge.to_string())
            .env("REDIRECTOR_ADMIN_LISTEN", free()?.to_string())
            .env("REDIRECTOR_EDGE_ID", "1")
            .env("REDIRECTOR_WORKERS", "1")
            .env("REDIRECTOR_JOURNAL_DIR", &journal)
            .env("REDIRECTOR_TRUSTED_PROXIES", "127.0.0.0/8")
            .env("REDIS_URL", &cluster.redirector_url);
        let mut aggregator = Command::new(sibling("aggregator")?);
        aggregator
            .arg("run")
            .env("AGGREGATOR_ADMIN_LISTEN", free()?.to_string())
            .env("DATABASE_URL", house.database_url.expose())
            .env("REDIS_URL", &cluster.aggregator_url);
        let mut crew = Self { edge, journal, processes: Vec::new() };
        for (mut command, name) in [(redirector, "redirector-1"), (aggregator, "aggregator-1")] {
            let log = File::create(folder.join(format!("{name}.log")))?;
            command.env("LINKLEDGER_SECRET", house.secret()?.expose());
            command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
            crew.processes.push(command.spawn().with_context(|| format!("cannot run {name}"))?);
        }
        Ok(crew)
    }

    /// Waits until the second edge redirects every one of these codes.
    pub(super) async fn until_known(&self, codes: &[String]) -> anyhow::Result<()> {
        let begun = clock::monotonic();
        for code in codes {
            while !follows(self.edge, code) {
                ensure!(begun.elapsed() < START_LIMIT, "the second edge does not know {code}");
                tokio::time::sleep(POLL).await;
            }
        }
        Ok(())
    }
}

impl Drop for Crew {
    fn drop(&mut self) {
        for process in &self.processes {
            let _gone_already = kill_process(Pid::from_child(process), Signal::TERM);
        }
        let begun = clock::monotonic();
        for process in &mut self.processes {
            while begun.elapsed() < STOP_LIMIT && matches!(process.try_wait(), Ok(None)) {
                std::thread::sleep(POLL);
            }
            let _gone_by_now = process.kill();
            let _status = process.wait();
        }
    }
}
