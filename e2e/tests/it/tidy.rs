//! The house rules that a compiler does not check. The table of rooms in `ARCHITECTURE.md` is the truth, and each
//! `Cargo.toml` is held to it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A file is about 150 lines, rarely over 400. Past this it holds two meanings.
const MAX_FILE_LINES: usize = 500;
/// A `main.rs` reads as prose.
const MAX_MAIN_LINES: usize = 60;
/// The architecture is read in one sitting.
const MAX_ARCHITECTURE_LINES: usize = 250;
/// The one file that may hold `unsafe`: the journal's mapped segment.
const UNSAFE_FILE: &str = "redirector/src/journal/segment.rs";

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("e2e lies in the workspace")
}

fn read(path: impl AsRef<Path>) -> String {
    let path = root().join(path);
    fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// Every file that git tracks or would track.
fn files() -> Vec<PathBuf> {
    let listed = Command::new("git")
        .args(["ls-files", "--cached", "--others", "--exclude-standard"])
        .current_dir(root())
        .output()
        .expect("git lists the files");
    assert!(listed.status.success(), "git ls-files: {}", String::from_utf8_lossy(&listed.stderr));
    let names = String::from_utf8(listed.stdout).expect("names are UTF-8");
    names.lines().map(PathBuf::from).filter(|path| root().join(path).is_file()).collect()
}

fn rust_files() -> impl Iterator<Item = (PathBuf, String)> {
    files().into_iter().filter(|path| path.extension().is_some_and(|e| e == "rs")).map(|path| {
        let text = read(&path);
        (path, text)
    })
}

struct Room {
    uses: BTreeSet<String>,
    never: BTreeSet<String>,
}

/// The rooms of `ARCHITECTURE.md`: `| room | workspace deps | may touch | never |`, crates in backticks.
fn rooms() -> BTreeMap<String, Room> {
    let crates = |cell: &str| cell.split('`').skip(1).step_by(2).map(str::to_owned).collect();
    let text = read("ARCHITECTURE.md");
    let rows = text.lines().skip_while(|line| !line.starts_with("| room |")).skip(2);
    rows.take_while(|line| line.starts_with('|'))
        .map(|line| {
            let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
            let [room, uses, _, never] = cells[..] else { panic!("four cells: {line}") };
            (room.trim_matches('`').to_owned(), Room { uses: crates(uses), never: crates(never) })
        })
        .collect()
}

/// What the package itself uses: neither for tests nor for building.
fn dependencies(manifest: &serde_json::Value) -> BTreeSet<String> {
    let list = manifest["dependencies"].as_array().expect("a list");
    let normal = list.iter().filter(|dependency| dependency["kind"].is_null());
    normal.map(|dependency| dependency["name"].as_str().expect("a name").to_owned()).collect()
}

#[test]
fn every_room_uses_what_the_table_says_and_nothing_it_must_not() {
    let metadata = Command::new(env!("CARGO"))
        .args(["metadata", "--no-deps", "--offline", "--format-version", "1"])
        .current_dir(root())
        .output()
        .expect("cargo describes the workspace");
    let metadata: serde_json::Value = serde_json::from_slice(&metadata.stdout).expect("cargo speaks JSON");
    let packages = metadata["packages"].as_array().expect("packages");
    let name = |package: &serde_json::Value| package["name"].as_str().expect("a name").to_owned();
    let workspace: BTreeSet<String> = packages.iter().map(name).collect();
    let rooms = rooms();
    assert_eq!(workspace, rooms.keys().cloned().collect(), "ARCHITECTURE.md lists every crate once");
    for package in packages {
        let (room, uses) = (name(package), dependencies(package));
        let allowed = &rooms[&room];
        let inside: BTreeSet<String> = uses.intersection(&workspace).cloned().collect();
        assert_eq!(inside, allowed.uses, "{room}: workspace dependencies");
        let forbidden: Vec<&String> = uses.intersection(&allowed.never).collect();
        assert!(forbidden.is_empty(), "{room} must not use {forbidden:?}");
    }
}

#[test]
fn files_are_short_and_mains_read_as_prose() {
    let mut long = Vec::new();
    for (path, text) in rust_files() {
        let limit = if path.ends_with("src/main.rs") { MAX_MAIN_LINES } else { MAX_FILE_LINES };
        if text.lines().count() > limit {
            long.push(format!("{}: {} lines, at most {limit}", path.display(), text.lines().count()));
        }
    }
    assert!(long.is_empty(), "split by meaning:\n{}", long.join("\n"));
    assert!(
        read("ARCHITECTURE.md").lines().count() <= MAX_ARCHITECTURE_LINES,
        "ARCHITECTURE.md grew too long"
    );
}

#[test]
fn nothing_is_unfinished_hidden_or_unsafe() {
    let here = Path::new("e2e/tests/it/tidy.rs");
    let mut found = Vec::new();
    for (path, text) in rust_files().filter(|(path, _)| path != here) {
        for (at, line) in text.lines().enumerate() {
            let code = line.split("//").next().unwrap_or_default();
            let banned = ["todo!(", "unimplemented!(", "#[ignore", "#[allow(", "#![allow(", "dbg!("]
                .into_iter()
                .find(|banned| code.contains(banned));
            let is_unsafe =
                code.contains("unsafe {") || code.contains("unsafe fn") || code.contains("unsafe impl");
            let banned = banned.or((is_unsafe && path != Path::new(UNSAFE_FILE)).then_some("unsafe"));
            if let Some(banned) = banned {
                found.push(format!("{}:{}: {banned}", path.display(), at + 1));
            }
        }
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn the_rules_are_pure() {
    let reaches = [
        "std::fs",
        "std::net",
        "std::env",
        "std::time::",
        "std::thread",
        "std::process",
        "println!",
        "async fn",
    ];
    for (path, text) in rust_files().filter(|(path, _)| path.starts_with("common/src")) {
        for reach in reaches {
            let uses =
                text.lines().filter(|line| !line.trim_start().starts_with("//")).any(|l| l.contains(reach));
            let address = reach == "std::net" && text.contains("std::net::{IpAddr")
                || text.contains("std::net::IpAddr");
            assert!(!uses || address, "{}: a rule must not reach for {reach}", path.display());
        }
    }
}

/// A point that nobody drives is no test, and one that nobody passes is a lie.
#[test]
fn every_fail_point_is_driven() {
    let source =
        rust_files().filter(|(path, _)| path.components().nth(1).is_some_and(|dir| dir.as_os_str() == "src"));
    let mut passed = BTreeSet::new();
    for (path, text) in source.filter(|(path, _)| !path.starts_with("runtime")) {
        let names = text.split("pass(\"").skip(1).filter_map(|rest| rest.split('"').next());
        passed.extend(names.map(|name| (name.to_owned(), path.clone())));
    }
    let driven = loadtest::chaos::points::OF_CLICKS.iter().chain(&loadtest::chaos::points::OF_ORDERS);
    let driven: BTreeSet<String> = driven.map(|point| point.name.to_owned()).collect();
    let names: BTreeSet<String> = passed.iter().map(|(name, _)| name.clone()).collect();
    assert_eq!(names, driven, "{passed:?}");
}

#[test]
fn every_table_says_what_it_is_for() {
    for path in files().into_iter().filter(|path| path.starts_with("migrations")) {
        let text = read(&path);
        let named = |start: &str| -> BTreeSet<String> {
            let lines = text.lines().filter_map(|line| line.strip_prefix(start));
            lines.map(|rest| rest.split([' ', '(']).next().unwrap_or_default().to_owned()).collect()
        };
        let uncommented: Vec<String> =
            named("create table ").difference(&named("comment on table ")).cloned().collect();
        assert!(uncommented.is_empty(), "{}: tables without a comment: {uncommented:?}", path.display());
    }
}

#[test]
fn nothing_points_at_this_machine_or_at_a_registry() {
    let home = root().to_str().expect("a path").to_owned();
    // Spelled apart, so that this file does not find itself.
    let hosts = [
        ["static.", "crates.io"].concat(),
        ["registry.", "npmjs.org"].concat(),
        ["files.", "pythonhosted.org"].concat(),
    ];
    for path in files() {
        let Ok(text) = fs::read_to_string(root().join(&path)) else { continue };
        assert!(!text.contains(&format!("{home}/")), "{}: holds a path of this machine", path.display());
        for host in hosts.iter().filter(|_| path.file_name() != Some("Cargo.lock".as_ref())) {
            assert!(!text.contains(host), "{}: names a registry's host", path.display());
        }
    }
}
