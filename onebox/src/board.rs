//! Who runs now: one file that other programs read to find a process, and the next start to find leftovers.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use rustix::process::Signal;
use serde::{Deserialize, Serialize};
use tracing::{info, warn};

use crate::files;
use crate::identity::Identity;

/// How long a leftover of a killed `onebox` may take to stop when asked.
const LEFTOVER_LIMIT: Duration = Duration::from_secs(10);
/// The name under which `onebox` itself is on the board.
pub(crate) const OURSELVES: &str = "onebox";

/// One running process.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Which process it is.
    #[serde(flatten)]
    pub identity: Identity,
    /// Where it listens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub listen: Option<String>,
    /// Its admin port.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub admin: Option<String>,
    /// How often it was started again since `onebox up`.
    #[serde(default)]
    pub restarts: u32,
}

/// All entries by name.
pub type Entries = BTreeMap<String, Entry>;

/// The file, and what is in it. Written whole on every change, so a reader never sees half of it.
#[derive(Debug)]
pub struct Board {
    path: PathBuf,
    entries: Mutex<Entries>,
}

impl Board {
    /// An empty board.
    pub fn new(path: PathBuf) -> Self {
        Self { path, entries: Mutex::default() }
    }

    /// What the file says; nothing when there is no file or it makes no sense.
    pub fn read(path: &std::path::Path) -> Entries {
        std::fs::read(path).ok().and_then(|text| serde_json::from_slice(&text).ok()).unwrap_or_default()
    }

    /// Puts a process on the board, in place of an earlier one of that name.
    pub fn put(&self, name: &str, entry: Entry) {
        self.change(|entries| drop(entries.insert(name.to_owned(), entry)));
    }

    /// Takes a process off the board.
    pub fn remove(&self, name: &str) {
        self.change(|entries| drop(entries.remove(name)));
    }

    /// The entry of that name.
    pub fn get(&self, name: &str) -> Option<Entry> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner).get(name).cloned()
    }

    fn change(&self, change: impl FnOnce(&mut Entries)) {
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut entries);
        let written = serde_json::to_vec_pretty(&*entries)
            .map_err(anyhow::Error::from)
            .and_then(|text| files::write_private(&self.path, &text));
        if let Err(error) = written {
            warn!("the list of processes is out of date: {error:#}");
        }
    }
}

/// Ends what a killed `onebox` left running. Postgres is asked by SIGINT, its word for "stop now, cleanly".
pub fn end_leftovers(path: &std::path::Path) {
    for (name, entry) in Board::read(path) {
        if name != OURSELVES && entry.identity.is_running() {
            info!(name, pid = entry.identity.pid, "stopping what an earlier onebox left running");
            entry.identity.end(if name == "postgres" { Signal::INT } else { Signal::TERM }, LEFTOVER_LIMIT);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_says_who_runs_and_leftovers_end() {
        let temp = tempfile::tempdir().expect("a temp folder");
        let path = temp.path().join("processes.json");
        let board = Board::new(path.clone());
        let mut child = std::process::Command::new("/bin/sleep").arg("60").spawn().expect("it starts");
        let identity = Identity::of(child.id()).expect("it runs");
        let entry = Entry { identity, listen: Some("127.0.0.1:1".into()), admin: None, restarts: 2 };
        board.put("redis", entry.clone());
        assert_eq!(Board::read(&path).get("redis"), Some(&entry));
        let json: serde_json::Value =
            serde_json::from_slice(&std::fs::read(&path).expect("there")).expect("JSON");
        assert_eq!(
            (&json["redis"]["pid"], &json["redis"]["listen"]),
            (&child.id().into(), &"127.0.0.1:1".into())
        );

        let stranger = Identity { started: identity.started + 1, ..identity };
        board.put("redis", Entry { identity: stranger, ..entry.clone() });
        end_leftovers(&path);
        assert!(identity.is_running(), "a stranger with the same number is left alone");
        board.put("redis", entry);
        end_leftovers(&path);
        assert!(!identity.is_running());
        child.wait().expect("collected");
    }
}
