//! What wakes people is caused for real: the shipped alerts, a real Prometheus, and a house that something happens to.
//!
//! Alerts wait some minutes so as not to cry wolf, and a lag counts from a minute or an hour on; here they wait a second, and
//! [`LATE`] counts. All else is as it is shipped. `tickets.rs` and `lags.rs` do the same to what waits for the morning and to what
//! falls behind; `deploy/prometheus/tests` holds every alert to its times, by made-up series.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use rustix::process::{Pid, Signal, kill_process};
use sqlx::PgConnection;

use super::prometheus::Prometheus;
use super::{files, read};
use crate::edge::{Edge, redirector};
use crate::house::{BROWSER, House, SOON, until};

/// Invariants are asked for once a minute.
const AUDITED: Duration = Duration::from_mins(2);
/// What is late, where a lag is looked at.
pub(super) const LATE: Duration = Duration::from_secs(5);
/// Two segments and one more than half of the third: then no spare is left.
const FULL: usize = 2_500;

/// The shipped rules in a hurry, in a folder of their own.
fn hurried_rules(folder: &Path) -> Result<PathBuf> {
    let rules = folder.join("rules");
    std::fs::create_dir(&rules)?;
    for path in files("deploy/prometheus/rules", &["yml"]) {
        let text: String = read(&path).lines().map(hurried).collect();
        std::fs::write(rules.join(path.file_name().context("a name")?), text)?;
    }
    Ok(rules)
}

fn hurried(line: &str) -> String {
    match (line.split_once("for: "), line.rsplit_once("> ")) {
        (Some((indent, _)), _) if indent.trim().is_empty() => format!("{indent}for: 1s\n"),
        (_, Some((lag, _))) if lag.contains("_lag_seconds") => format!("{lag}> {}\n", LATE.as_secs()),
        _ => format!("{line}\n"),
    }
}

/// Waits until it fires.
pub(super) fn alarms(prometheus: &Prometheus, alert: &str) -> Result<()> {
    fires_within(prometheus, alert, SOON)
}

fn fires_within(prometheus: &Prometheus, alert: &str, limit: Duration) -> Result<()> {
    until(&format!("{alert} is told"), limit, || is_firing(prometheus, alert))
}

/// Whether it fires now.
pub(super) fn is_firing(prometheus: &Prometheus, alert: &str) -> Result<bool> {
    let firing = format!("ALERTS{{alertname=\"{alert}\",alertstate=\"firing\"}}");
    Ok(!prometheus.ask(&firing)?.is_empty())
}

/// A Prometheus with hurried rules that has seen the three services of the house and one edge more.
pub(super) fn watch(house: &House, edge: &Edge, folder: &Path) -> Result<Option<Prometheus>> {
    let rules = hurried_rules(folder)?;
    let Some(prometheus) = Prometheus::open_with(house, &[edge.admin], &rules)? else { return Ok(None) };
    until("everything is scraped", SOON, || Ok(prometheus.ask("up == 1")?.len() == 4))?;
    Ok(Some(prometheus))
}

fn is_quiet(prometheus: &Prometheus) -> Result<()> {
    let pages = "ALERTS{alertstate=\"firing\",severity=\"page\"}";
    let mut last = Vec::new();
    until("nobody is woken", SOON, || {
        last = prometheus.ask(pages)?;
        Ok(last.is_empty())
    })
    .with_context(|| format!("{last:#?}"))
}

/// An edge with room for three segments in its journal.
pub(super) fn small() -> Command {
    let mut command = redirector();
    command.env("REDIRECTOR_JOURNAL_SEGMENT_BYTES", "65536").env("REDIRECTOR_JOURNAL_MAX_BYTES", "200000");
    command.env("REDIRECTOR_WORKERS", "1");
    command
}

/// Clicks on one connection, as fast as they are answered.
pub(super) fn click(edge: &Edge, path: &str, n: usize) -> Result<()> {
    let mut socket = TcpStream::connect(edge.listen)?;
    let request = format!("GET {path} HTTP/1.1\r\nhost: go.example.com\r\nuser-agent: {BROWSER}\r\n\r\n");
    let mut reply = [0; 2048];
    for _ in 0..n {
        socket.write_all(request.as_bytes())?;
        let got = socket.read(&mut reply)?;
        ensure!(reply[..got].starts_with(b"HTTP/1.1 302"), "{}", String::from_utf8_lossy(&reply[..got]));
    }
    Ok(())
}

#[tokio::test]
async fn what_wakes_people_does_when_it_happens() -> Result<()> {
    let house = House::open()?;
    house.programme(&["alarm000".to_owned()]).await?;
    let folder = tempfile::tempdir()?;
    let edge = Edge::start_by(small(), &house, 4, &folder.path().join("journal"))?;
    until("the other edge knows the link", SOON, || Ok(edge.click("/alarm000")?.token().is_some()))?;
    let Some(prometheus) = watch(&house, &edge, folder.path())? else { return Ok(()) };
    is_quiet(&prometheus)?;

    for (service, alert) in
        [("redirector", "EdgeDown"), ("aggregator", "AggregatorDown"), ("console", "ConsoleDown")]
    {
        let hung = Hung::stop(house.pid(service)?)?;
        alarms(&prometheus, alert)?;
        drop(hung);
    }

    let hung = Hung::stop(house.pid("redis")?)?;
    click(&edge, "/alarm000", FULL)?;
    alarms(&prometheus, "EdgeJournalRed")?;
    click(&edge, "/alarm000", FULL)?;
    for alert in ["RedisAway", "EdgeUntrackedClicks", "EdgeCatalogStale"] {
        alarms(&prometheus, alert)?;
    }
    drop(hung);

    let hung = Hung::stop(house.pid("postgres")?)?;
    alarms(&prometheus, "PostgresAway")?;
    drop(hung);

    let mut postgres = house.database().await?;
    lose_clicks(&mut postgres).await?;
    alarms(&prometheus, "ClicksDiffer")?;

    drop(edge);
    let hung = Hung::stop(house.pid("redirector")?)?;
    alarms(&prometheus, "NoEdge")?;
    drop(hung);
    fires_within(&prometheus, "InvariantViolated", AUDITED)
}

/// As a Postgres would have it that forgot a commit.
async fn lose_clicks(postgres: &mut PgConnection) -> Result<()> {
    let begun = runtime::clock::monotonic();
    loop {
        let lost = sqlx::query("update flush_partition set clicks = clicks - 3 where clicks >= 3");
        if lost.execute(&mut *postgres).await?.rows_affected() > 0 {
            return Ok(());
        }
        ensure!(begun.elapsed() < SOON, "no click ever reached Postgres");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

/// A process that does nothing until this is dropped, and its children likewise: Postgres's sessions are processes.
pub(super) struct Hung(Vec<Pid>);

impl Hung {
    pub(super) fn stop(pid: Pid) -> Result<Self> {
        // Its own first: then it makes no more children.
        let mut hung = Self(vec![pid]);
        kill_process(pid, Signal::STOP)?;
        for child in children(pid)? {
            kill_process(child, Signal::STOP)?;
            hung.0.push(child);
        }
        Ok(hung)
    }
}

impl Drop for Hung {
    fn drop(&mut self) {
        for pid in &self.0 {
            _ = kill_process(*pid, Signal::CONT);
        }
    }
}

fn children(of: Pid) -> Result<Vec<Pid>> {
    let of = of.as_raw_nonzero().to_string();
    let mut children = Vec::new();
    for entry in std::fs::read_dir("/proc")? {
        let path = entry?.path();
        let Ok(stat) = std::fs::read_to_string(path.join("stat")) else { continue };
        let parent = stat.rsplit(')').next().and_then(|rest| rest.split_whitespace().nth(1));
        let pid = path.file_name().and_then(|name| name.to_str()?.parse().ok()).and_then(Pid::from_raw);
        children.extend(pid.filter(|_| parent == Some(of.as_str())));
    }
    Ok(children)
}
