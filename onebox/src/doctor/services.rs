//! The services that run in the data folder: ready, of one version, and free to open what they need.

use std::net::SocketAddr;

use super::machine::{NO_LIMIT, open_files};
use super::{Chart, Finding, Level};
use crate::board::{Board, Entry};
use crate::folder::DataFolder;
use crate::http;

/// Nothing when nothing runs there.
pub(super) async fn examine(folder: &DataFolder) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (name, entry) in Board::read(&folder.processes()) {
        let Some(admin) = entry.admin.as_ref().and_then(|admin| admin.parse().ok()) else { continue };
        let mut chart = Chart::of(&name);
        if entry.identity.is_running() {
            examine_one(&mut chart, &name, admin, &entry).await;
        } else {
            chart.note("runs", Level::Fail, "it is gone", "see its log, and `onebox up`");
        }
        findings.append(&mut chart.findings);
    }
    findings
}

async fn examine_one(chart: &mut Chart, name: &str, admin: SocketAddr, entry: &Entry) {
    let (level, found) = match http::ask(admin, "GET", "/readyz", &[]).await {
        Ok(answer) if answer.status == 200 => (Level::Ok, "yes".to_owned()),
        Ok(answer) => (Level::Fail, answer.body.trim().replace('\n', "; ")),
        Err(error) => (Level::Fail, format!("{error:#}")),
    };
    chart.note("ready", level, found, "its log says what it waits for");
    let ours = env!("CARGO_PKG_VERSION");
    let metrics =
        http::ask(admin, "GET", "/metrics", &[]).await.map(|answer| answer.body).unwrap_or_default();
    let (level, found) = match version_of(name, &metrics) {
        Some(version) if version == ours => (Level::Ok, version.to_owned()),
        Some(version) => (Level::Warn, format!("{version}, and onebox is {ours}")),
        None => (Level::Warn, "it does not say".to_owned()),
    };
    chart.note(
        "version",
        level,
        found,
        "restart what is older: versions run side by side for an upgrade only",
    );
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", entry.identity.pid)).unwrap_or_default();
    if let Some(most) = soft_limit(&limits).filter(|_| name == "redirector") {
        open_files(chart, most);
    }
}

/// What `redirector_build_info{version="0.1.0"} 1` says.
fn version_of<'a>(name: &str, metrics: &'a str) -> Option<&'a str> {
    let start = format!("{name}_build_info{{");
    let line = metrics.lines().find_map(|line| line.strip_prefix(&start))?;
    line.split_once("version=\"")?.1.split('"').next()
}

/// How many files a process may open now, of `/proc/PID/limits`.
fn soft_limit(limits: &str) -> Option<u64> {
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    let soft = line.split_whitespace().next()?;
    if soft == "unlimited" { Some(NO_LIMIT) } else { soft.parse().ok() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_and_limits_are_read_as_they_are_told() {
        let metrics = "# TYPE x\nredirector_build_info{version=\"0.1.0\"} 1\n";
        assert_eq!(version_of("redirector", metrics), Some("0.1.0"));
        assert_eq!(version_of("console", metrics), None);
        let limits =
            "Limit    Soft Limit  Hard Limit  Units\nMax open files            1024     524288     files\n";
        assert_eq!(soft_limit(limits), Some(1_024));
        assert_eq!(soft_limit("Max open files  unlimited unlimited files"), Some(NO_LIMIT));
        assert_eq!(soft_limit(""), None);
    }
}
