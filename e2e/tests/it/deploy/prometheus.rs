//! A real Prometheus, with the shipped settings and rules, beside a house with the demo in full swing: everything is
//! scraped, every panel's query is answered, and nothing alarms.

use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};

use super::{dashboards, prometheus_tool, queries, read, root};
use crate::house::{House, exchange, until};

/// The demo's first orders and flushes, on a busy machine.
const FILLED: Duration = Duration::from_mins(2);
/// Panels of a demo that is well: what they show happens now and then, or never.
const MAY_BE_EMPTY: [&str; 18] = [
    "aggregator_errors_total",
    "aggregator_flush_foreign_fields_total",
    "aggregator_flush_unclaimed_batches_total",
    "aggregator_invariant_violations) != 0",
    "aggregator_payout_skipped_affiliates_total",
    "aggregator_publish_rebuilds_total",
    "aggregator_publish_repairs_total",
    "aggregator_sketches_missing_total",
    "aggregator_sketches_unreadable_total",
    "aggregator_unattributed_total",
    "aggregator_unsettled_orders_total",
    "console_mails_total",
    "console_sign_ins_total",
    "console_intake_total{outcome=~\"refused|failed\"}",
    "redirector_accept_failures_total",
    "redirector_journal_",
    "redirector_panics_total",
    "redirector_turned_away_connections_total",
];

pub(super) struct Prometheus {
    process: Child,
    address: SocketAddr,
    _folder: tempfile::TempDir,
}

impl Prometheus {
    /// Starts one that looks every second, on a free port, with what is shipped and the house's own addresses.
    fn open(house: &House) -> Result<Option<Self>> {
        Self::open_with(house, &[], &root().join("deploy/prometheus/rules"))
    }

    /// The same with more edges, named by their admin ports, and with the rules in this folder.
    pub(super) fn open_with(house: &House, edges: &[SocketAddr], rules: &Path) -> Result<Option<Self>> {
        let Some(mut command) = prometheus_tool("prometheus") else { return Ok(None) };
        let folder = tempfile::tempdir()?;
        let mut settings =
            read("deploy/prometheus/prometheus.yml").replace("_interval: 15s", "_interval: 1s");
        for (service, port) in [("redirector", 9101), ("aggregator", 9102), ("console", 9103)] {
            let admin = house.address(service, "admin")?.to_string();
            settings = settings.replace(&format!("127.0.0.1:{port}"), &admin);
        }
        let first = house.address("redirector", "admin")?;
        let all: Vec<String> =
            [&[first], edges].concat().iter().map(|admin| format!("\"{admin}\"")).collect();
        settings = settings.replace(&format!("\"{first}\""), &all.join(", "));
        settings = settings.replace("rules/*.yml", &rules.join("*.yml").display().to_string());
        std::fs::write(folder.path().join("prometheus.yml"), settings)?;
        let mut process = command
            .arg(format!("--config.file={}", folder.path().join("prometheus.yml").display()))
            .arg(format!("--storage.tsdb.path={}", folder.path().join("data").display()))
            .arg("--web.listen-address=127.0.0.1:0")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .context("prometheus")?;
        let mut lines = BufReader::new(process.stderr.take().context("its log")?).lines();
        let mut said = String::new();
        let address = loop {
            let Some(line) = lines.next().transpose()? else {
                _ = process.wait();
                anyhow::bail!("prometheus ended:\n{said}")
            };
            let port = line.split_once("msg=\"Listening on\" address=");
            if let Some(address) = port.and_then(|(_, rest)| rest.split_whitespace().next()) {
                break address.parse()?;
            }
            said = said + &line + "\n";
        };
        // Its log must be read on, or it would wait for somebody to do so.
        std::thread::spawn(move || lines.for_each(drop));
        Ok(Some(Self { process, address, _folder: folder }))
    }

    /// What a query is answered with now.
    pub(super) fn ask(&self, query: &str) -> Result<Vec<serde_json::Value>> {
        let mut encoded = String::new();
        for byte in query.bytes() {
            _ = write!(encoded, "%{byte:02X}");
        }
        // 1.0: an answer in one piece.
        let request = format!("GET /api/v1/query?query={encoded} HTTP/1.0\r\nhost: {}\r\n\r\n", self.address);
        let reply = exchange(self.address, &request)?;
        let answer: serde_json::Value =
            serde_json::from_str(&reply.body).with_context(|| reply.body.clone())?;
        ensure!(answer["status"] == "success", "{query}: {answer}");
        match &answer["data"]["result"] {
            serde_json::Value::Array(series) => Ok(series.clone()),
            other => anyhow::bail!("{query}: {other}"),
        }
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        _ = self.process.kill();
        _ = self.process.wait();
    }
}

#[tokio::test]
async fn every_panel_is_answered_by_a_real_prometheus_and_a_house_that_is_well_alarms_nobody() -> Result<()> {
    let house = House::open_demo()?;
    let Some(prometheus) = Prometheus::open(&house)? else { return Ok(()) };
    until("all three services are scraped", FILLED, || Ok(prometheus.ask("up == 1")?.len() == 3))?;

    let mut waiting: Vec<(String, String)> = Vec::new();
    for (file, dashboard) in dashboards() {
        let always = |query: &String| !MAY_BE_EMPTY.iter().any(|rare| query.contains(rare));
        waiting.extend(queries(&dashboard).into_iter().filter(always).map(|query| (file.clone(), query)));
    }
    ensure!(waiting.len() > 60, "most panels show something at any time");
    let filled = until("every panel shows something", FILLED, || {
        let mut empty = Vec::new();
        for (file, query) in waiting.drain(..) {
            if prometheus.ask(&query)?.is_empty() {
                empty.push((file, query));
            }
        }
        waiting = empty;
        Ok(waiting.is_empty())
    });
    filled.with_context(|| format!("these do not: {waiting:#?}"))?;
    for (_, dashboard) in dashboards() {
        for query in queries(&dashboard) {
            prometheus.ask(&query)?;
        }
    }
    let broken = prometheus.ask("prometheus_rule_evaluation_failures_total > 0")?;
    ensure!(broken.is_empty(), "rules that cannot be worked out: {broken:?}");
    let alarms = prometheus.ask("ALERTS{alertstate=\"firing\"}")?;
    ensure!(alarms.is_empty(), "a house that is well alarms: {alarms:#?}");

    // The one alert that needs no waiting for: what the rules say of a house reaches somebody.
    house.signal("aggregator", rustix::process::Signal::STOP)?;
    until("somebody hears of the aggregator", FILLED, || {
        Ok(!prometheus.ask("ALERTS{alertname=\"AggregatorDown\"}")?.is_empty())
    })?;
    house.signal("aggregator", rustix::process::Signal::CONT)?;
    house.audit()
}
