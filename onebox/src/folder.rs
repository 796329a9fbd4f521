//! The folder of one installation: what is where in it, and who may use it.

use std::fs::{File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};

use crate::files;

/// The folder of one installation. Everything `onebox` writes is in here.
#[derive(Clone, Debug)]
pub struct DataFolder {
    root: PathBuf,
}

/// Held by the one `onebox up` that uses a folder. The kernel lets go of it with the process.
#[derive(Debug)]
pub struct InUse {
    _lock: File,
}

impl DataFolder {
    /// Names the folder; nothing is made or read.
    pub fn at(root: &Path) -> anyhow::Result<Self> {
        let root =
            std::path::absolute(root).with_context(|| format!("cannot use the folder {}", root.display()))?;
        Ok(Self { root })
    }

    /// Makes the folder if needed and takes it for this process.
    pub fn take(&self) -> anyhow::Result<InUse> {
        if rustix::process::geteuid().is_root() {
            files::passable_folder(&self.root)?;
        } else {
            files::private_folder(&self.root)?;
        }
        files::private_folder(&self.logs())?;
        match self.try_lock()? {
            Some(lock) => Ok(lock),
            None => bail!(
                "another onebox runs in {}; stop it with: onebox down --data-dir {0}",
                self.root.display()
            ),
        }
    }

    /// Whether some `onebox up` runs in this folder.
    pub fn is_in_use(&self) -> anyhow::Result<bool> {
        Ok(self.root.is_dir() && self.try_lock()?.is_none())
    }

    /// The folder itself.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Chosen ports, passwords and keys.
    pub fn state(&self) -> PathBuf {
        self.root.join("onebox.json")
    }

    /// What runs now.
    pub fn processes(&self) -> PathBuf {
        self.root.join("processes.json")
    }

    /// What the children say.
    pub fn logs(&self) -> PathBuf {
        self.root.join("logs")
    }

    /// The private Redis.
    pub fn redis(&self) -> PathBuf {
        self.root.join("redis")
    }

    /// The private Postgres, or a link to it.
    pub fn postgres(&self) -> PathBuf {
        self.root.join("postgres")
    }

    /// The redirector's journal.
    pub fn journal(&self) -> PathBuf {
        self.root.join("journal")
    }

    /// The `Authorization` header of one of the demo's keys, for `curl -H @FILE`.
    pub fn header(&self, name: &str) -> PathBuf {
        self.root.join(format!("demo-{name}.header"))
    }

    /// The redirector's copy of all links.
    pub fn snapshot(&self) -> PathBuf {
        self.root.join("catalog.snapshot")
    }

    /// Where the console keeps mails instead of sending them.
    pub fn mails(&self) -> PathBuf {
        self.root.join("mails")
    }

    /// Where the console keeps affiliates' documents.
    pub fn documents(&self) -> PathBuf {
        self.root.join("documents")
    }

    fn try_lock(&self) -> anyhow::Result<Option<InUse>> {
        let path = self.root.join("onebox.lock");
        let mut options = OpenOptions::new();
        let file = options.create(true).truncate(false).write(true).open(&path);
        let file = file.with_context(|| format!("cannot open {}", path.display()))?;
        match file.try_lock() {
            Ok(()) => Ok(Some(InUse { _lock: file })),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => {
                Err(error).with_context(|| format!("cannot lock {}", path.display()))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_onebox_a_folder() {
        let temp = tempfile::tempdir().expect("a temp folder");
        let folder = DataFolder::at(&temp.path().join("data")).expect("a name");
        assert!(!folder.is_in_use().expect("readable"));
        let held = folder.take().expect("free");
        assert!(folder.is_in_use().expect("readable"));
        let error = folder.take().expect_err("taken").to_string();
        assert!(error.contains("onebox down --data-dir /"), "{error}");
        drop(held);
        folder.take().expect("free again");
    }
}
