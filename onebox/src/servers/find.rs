//! Where the server programs are on this machine.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, bail};

/// Redis 7.0 is the first with the scripts' `#!lua` header and the ACL rules used here; what Debian 12 ships.
const REDIS_AT_LEAST: (u32, u32) = (7, 0);
/// The oldest Postgres the migrations are tested on; what Debian 12 ships.
const POSTGRES_AT_LEAST: u32 = 15;

/// Redis or a server that speaks its protocol.
const REDIS_NAMES: [&str; 2] = ["redis-server", "valkey-server"];
/// Where Debian keeps each Postgres version, outside the search path.
const DEBIAN_POSTGRES: &str = "/usr/lib/postgresql";

/// A folder to search before all others, set for evaluation without installed packages.
const SERVERS_DIR_VARIABLE: &str = "LINKLEDGER_SERVERS_DIR";

/// A server program that was found and is new enough.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The program itself; helpers such as `initdb` lie beside it.
    pub program: PathBuf,
    /// Its version as `(major, minor)`.
    pub version: (u32, u32),
}

/// The folders to search, in order.
#[derive(Clone, Debug)]
pub struct Programs {
    folders: Vec<PathBuf>,
}

impl Programs {
    /// Searches `first` (and the folders directly in it) if given, then the search path, then Debian's own place.
    pub fn search(first: Option<&Path>) -> Self {
        let mut folders = Vec::new();
        for root in first.map(Path::to_path_buf).into_iter().chain(from_environment(SERVERS_DIR_VARIABLE)) {
            folders.extend(sorted_subfolders(&root).into_iter().flat_map(|sub| [sub.join("bin"), sub]));
            folders.extend([root.join("bin"), root]);
        }
        folders.extend(from_environment("PATH"));
        let versions = sorted_subfolders(Path::new(DEBIAN_POSTGRES));
        folders.extend(versions.into_iter().rev().map(|version| version.join("bin")));
        Self { folders }
    }

    /// The first Redis that is new enough.
    pub fn redis(&self) -> anyhow::Result<Found> {
        let all =
            REDIS_NAMES.iter().flat_map(|name| self.folders.iter().map(move |folder| folder.join(name)));
        let found = all.filter(|program| program.is_file()).filter_map(|program| probe(&program).ok());
        match newest_first_fit(found, |version| version >= REDIS_AT_LEAST) {
            Ok(redis) => Ok(redis),
            Err(Some(old)) => bail!(
                "{} is version {}.{}, but Redis 7.0 or newer is needed: sudo apt-get install redis-server",
                old.program.display(),
                old.version.0,
                old.version.1
            ),
            Err(None) => bail!("redis-server was not found; install it: sudo apt-get install redis-server"),
        }
    }

    /// The first Postgres that is new enough and, when `major` is given, has that major version: a data folder can
    /// only be opened by the version that made it.
    pub fn postgres(&self, major: Option<u32>) -> anyhow::Result<Found> {
        let all = self.folders.iter().filter(|folder| folder.join("initdb").is_file());
        let found = all.filter_map(|folder| probe(&folder.join("postgres")).ok());
        let fits =
            |version: (u32, u32)| version.0 >= POSTGRES_AT_LEAST && major.is_none_or(|m| m == version.0);
        match newest_first_fit(found, fits) {
            Ok(postgres) => Ok(postgres),
            Err(old) => match (major, old) {
                (Some(major), _) => bail!(
                    "the data folder was made by PostgreSQL {major}, which was not found; install it: \
                     sudo apt-get install postgresql-{major}"
                ),
                (None, Some(old)) => bail!(
                    "{} is version {}, but PostgreSQL {POSTGRES_AT_LEAST} or newer is needed: \
                     sudo apt-get install postgresql",
                    old.program.display(),
                    old.version.0
                ),
                (None, None) => bail!(
                    "the programs postgres and initdb were not found; install them: sudo apt-get install postgresql"
                ),
            },
        }
    }
}

/// The first candidate that fits, or else the first that does not, to name it in the complaint.
fn newest_first_fit(
    found: impl Iterator<Item = Found>,
    fits: impl Fn((u32, u32)) -> bool,
) -> Result<Found, Option<Found>> {
    let mut misfit = None;
    for candidate in found {
        if fits(candidate.version) {
            return Ok(candidate);
        }
        misfit.get_or_insert(candidate);
    }
    Err(misfit)
}

/// Asks a program for its version.
fn probe(program: &Path) -> anyhow::Result<Found> {
    let output = Command::new(program)
        .arg("--version")
        .output()
        .with_context(|| format!("cannot run {}", program.display()))?;
    let text = String::from_utf8_lossy(&output.stdout);
    let version =
        version_in(&text).with_context(|| format!("{} does not say its version", program.display()))?;
    Ok(Found { program: program.to_path_buf(), version })
}

/// The first `number.number` in a program's version text.
fn version_in(text: &str) -> Option<(u32, u32)> {
    text.split(|c: char| !c.is_ascii_digit() && c != '.').find_map(|word| {
        let mut parts = word.split('.').map(str::parse);
        Some((parts.next()?.ok()?, parts.next()?.ok()?))
    })
}

/// The folders named by a variable in the way of `PATH`. Searching for programs is the one thing besides settings
/// that is read from the environment, as every shell does it.
fn from_environment(name: &str) -> Vec<PathBuf> {
    std::env::var_os(name).map(|path| std::env::split_paths(&path).collect()).unwrap_or_default()
}

/// The folders in a folder, by version number and then by name, so that `9` comes before `15`.
fn sorted_subfolders(root: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(root).into_iter().flatten().flatten();
    let mut folders: Vec<PathBuf> = entries.map(|entry| entry.path()).filter(|path| path.is_dir()).collect();
    folders.sort_by_cached_key(|path| {
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        (name.parse::<u32>().unwrap_or(0), name)
    });
    folders
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_from_what_programs_say() {
        let table = [
            ("Redis server v=7.0.15 sha=00000000:0 malloc=jemalloc-5.3.0 bits=64", Some((7, 0))),
            ("Valkey server v=9.1.2 sha=00000000:0", Some((9, 1))),
            ("postgres (PostgreSQL) 15.14 (Debian 15.14-0+deb12u1)", Some((15, 14))),
            ("usage: postgres", None),
        ];
        for (text, version) in table {
            assert_eq!(version_in(text), version, "{text}");
        }
    }

    #[test]
    fn a_folder_with_old_programs_or_none_names_the_command_to_run() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().expect("a temp folder");
        let empty = Programs { folders: vec![folder.path().to_path_buf()] };
        let error = empty.redis().expect_err("nothing there").to_string();
        assert!(error.contains("apt-get install redis-server"), "{error}");
        let error = empty.postgres(None).expect_err("nothing there").to_string();
        assert!(error.contains("apt-get install postgresql"), "{error}");

        for (name, says) in [
            ("redis-server", "Redis server v=6.2.1"),
            ("postgres", "postgres (PostgreSQL) 16.3"),
            ("initdb", ""),
        ] {
            let program = folder.path().join(name);
            std::fs::write(&program, format!("#!/bin/sh\necho '{says}'\n")).expect("writable");
            std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).expect("ours");
        }
        assert!(empty.redis().expect_err("too old").to_string().contains("6.2"));
        assert_eq!(empty.postgres(None).expect("16 is new enough").version, (16, 3));
        assert_eq!(empty.postgres(Some(16)).expect("the same major").version, (16, 3));
        let error = empty.postgres(Some(15)).expect_err("another major").to_string();
        assert!(error.contains("postgresql-15"), "{error}");
    }
}
