//! What operators are handed in `deploy/` and `docs/` is held to the code: a rule that asks for a metric nobody emits, or a
//! file that sets a setting nobody reads, looks well and does nothing.

mod alarms;
mod configuration;
mod emitted;
mod faults;
mod lags;
mod prometheus;
mod rules;
mod tickets;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("e2e lies in the workspace")
}

fn read(path: impl AsRef<Path>) -> String {
    let path = root().join(path);
    fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// The files below a folder with one of these endings, in order.
fn files(folder: &str, endings: &[&str]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display())) {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else if endings.iter().any(|ending| path.extension().is_some_and(|e| e == *ending)) {
                found.push(path);
            }
        }
    }
    found.sort();
    assert!(!found.is_empty(), "{folder} holds nothing that ends in {endings:?}");
    found
}

/// A program of Debian's `prometheus` package. It is not there where servers were fetched for evaluation only.
fn prometheus_tool(name: &str) -> Option<Command> {
    let path = std::env::var_os("PATH")?;
    let found = std::env::split_paths(&path).map(|folder| folder.join(name)).find(|path| path.is_file());
    if found.is_none() {
        eprintln!(
            "{name} is missing, so this is not tested: apt-get install --no-install-recommends prometheus"
        );
    }
    found.map(Command::new)
}

/// Every dashboard, by its file's name.
fn dashboards() -> Vec<(String, serde_json::Value)> {
    let parse = |path: PathBuf| {
        let text = read(&path);
        let json = serde_json::from_str(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        (path.file_name().expect("a name").to_string_lossy().into_owned(), json)
    };
    files("deploy/grafana/dashboards", &["json"]).into_iter().map(parse).collect()
}

/// What the panels of a dashboard ask, with Grafana's own words replaced.
fn queries(dashboard: &serde_json::Value) -> Vec<String> {
    let panels = dashboard["panels"].as_array().expect("panels").iter();
    let targets = panels.filter_map(|panel| panel["targets"].as_array()).flatten();
    targets
        .map(|target| target["expr"].as_str().expect("a query"))
        .map(|query| query.replace("$__rate_interval", "1m").replace("$instance", ".*"))
        .collect()
}

/// One rule, written down twice: for `onebox`, and for operators.
#[test]
fn redis_users_have_the_rights_that_onebox_gives_them() {
    let plain = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let source = plain(&read("onebox/src/servers/redis.rs").replace("\\\n", " "));
    for line in read("deploy/redis/linkledger.acl").lines().filter(|line| !line.starts_with("user default")) {
        let (_, rights) = line.split_once(" on >").expect("a user with a password");
        let (_, rights) = rights.split_once(' ').expect("rights");
        let rights = plain(&rights.replace("resetchannels ", ""));
        assert!(source.contains(&format!("\"{rights}\"")), "onebox gives other rights than {line}");
    }
}
