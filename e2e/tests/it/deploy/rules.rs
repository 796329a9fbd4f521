//! Alerts and dashboards: what each of them must have, and what Prometheus's own tool says of them.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::{dashboards, files, prometheus_tool, queries, read, root};

/// The names of the alerts, each with its lines.
fn alerts() -> Vec<(String, Vec<String>)> {
    let text = read("deploy/prometheus/rules/alerts.yml");
    let mut alerts: Vec<(String, Vec<String>)> = Vec::new();
    for line in text.lines().map(str::trim) {
        if let Some(name) = line.strip_prefix("- alert: ") {
            alerts.push((name.to_owned(), Vec::new()));
        } else if let Some((_, lines)) = alerts.last_mut() {
            lines.push(line.to_owned());
        }
    }
    alerts
}

#[test]
fn every_alert_says_how_urgent_it_is_and_has_its_section_and_its_test() {
    let runbook = read("docs/runbook.md");
    let tests: String = files("deploy/prometheus/tests", &["yml"]).into_iter().map(read).collect();
    let sections: BTreeSet<&str> = runbook.lines().filter_map(|line| line.strip_prefix("### ")).collect();
    let alerts = alerts();
    let names: BTreeSet<&str> = alerts.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, sections, "docs/runbook.md has a section for each alert, and for nothing else");
    assert_eq!(names.len(), alerts.len(), "every name is used once");
    for (name, lines) in &alerts {
        let runbook = format!("runbook: docs/runbook.md#{}", name.to_lowercase());
        assert!(lines.contains(&runbook), "{name} lacks the line `{runbook}`");
        let urgency: Vec<&str> = ["page", "ticket"]
            .into_iter()
            .filter(|severity| lines.contains(&format!("labels: {{severity: {severity}}}")))
            .collect();
        let [urgency] = urgency[..] else { panic!("{name} is either a page or a ticket") };
        let section = &read("docs/runbook.md");
        let (_, section) = section.split_once(&format!("### {name}\n\n")).expect("the section");
        let word = if urgency == "page" { "*Page.*" } else { "*Ticket.*" };
        assert!(section.starts_with(word), "{name}: its section begins with {word}");
        let fires = format!(r#"alertname="{name}",alertstate="firing""#);
        assert!(
            tests.contains(&fires) || tests.contains(&format!("alertname: {name}")),
            "{name} has no test"
        );
    }
}

#[test]
fn links_within_the_runbook_lead_somewhere() {
    let runbook = read("docs/runbook.md");
    let heads = runbook.lines().filter(|line| line.starts_with('#'));
    let anchors: BTreeSet<String> =
        heads.map(|line| line.trim_start_matches(['#', ' ']).to_lowercase().replace(' ', "-")).collect();
    let links = runbook.split("](#").skip(1).filter_map(|rest| rest.split(')').next());
    let lost: Vec<&str> = links.filter(|link| !anchors.contains(*link)).collect();
    assert!(lost.is_empty(), "{lost:?}");
}

#[test]
fn dashboards_keep_their_identity_and_say_what_they_show() {
    let mut seen = BTreeSet::new();
    for (file, dashboard) in dashboards() {
        let uid = dashboard["uid"].as_str().unwrap_or_default().to_owned();
        assert_eq!(format!("{uid}.json"), format!("linkledger-{file}"), "{file}: a uid of its own, pinned");
        assert!(seen.insert(uid), "{file}: its uid is taken");
        assert!(dashboard["id"].is_null(), "{file}: the id is a server's own: leave it out");
        let mut ids = BTreeSet::new();
        for panel in dashboard["panels"].as_array().expect("panels") {
            let title = panel["title"].as_str().unwrap_or_default();
            assert!(ids.insert(panel["id"].as_i64()), "{file}, {title}: its id is taken");
            if panel["type"] != "row" {
                assert!(
                    panel["description"].as_str().is_some_and(|why| !why.is_empty()),
                    "{file}, {title}: why?"
                );
                assert_eq!(
                    panel["datasource"]["uid"], "${datasource}",
                    "{file}, {title}: the chosen Prometheus"
                );
            }
        }
    }
}

#[test]
fn promtool_accepts_everything() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut asked = String::from("groups:\n");
    for (file, dashboard) in dashboards() {
        _ = write!(asked, "  - name: {file}\n    rules:\n");
        for query in queries(&dashboard) {
            _ = writeln!(asked, "      - {{record: 'asked', expr: '{query}'}}");
        }
    }
    let asked_file = folder.path().join("asked.yml");
    std::fs::write(&asked_file, asked).expect("a file");
    let mut tests = vec!["test".into(), "rules".into()];
    tests.extend(files("deploy/prometheus/tests", &["yml"]));
    for arguments in [
        vec!["check".into(), "config".into(), root().join("deploy/prometheus/prometheus.yml")],
        // The queries of a dashboard may repeat themselves, which --lint would mind.
        vec!["check".into(), "rules".into(), "--lint=none".into(), asked_file],
        tests,
    ] {
        let Some(mut promtool) = prometheus_tool("promtool") else { return };
        let output = promtool.args(arguments).output().expect("promtool runs");
        let said = [output.stdout, output.stderr].concat();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&said));
    }
}
