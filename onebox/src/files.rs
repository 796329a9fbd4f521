//! Small promises about files: private ones are private from their first byte, and a reader never sees half a file.

use std::fs::{self, DirBuilder, OpenOptions, Permissions};
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;

use anyhow::Context as _;

/// Only the owner may read and write.
const PRIVATE_FILE: u32 = 0o600;
/// Only the owner may look inside.
const PRIVATE_FOLDER: u32 = 0o700;
/// Others may pass through to what they own inside, but not list it.
const PASSABLE_FOLDER: u32 = 0o711;

/// Writes a file that only we can read, whole or not at all: beside it first, then renamed over it.
pub(crate) fn write_private(path: &Path, content: &[u8]) -> anyhow::Result<()> {
    let beside = path.with_extension("new");
    let write = || {
        let _no_leftover = fs::remove_file(&beside);
        let mut file = OpenOptions::new().write(true).create_new(true).mode(PRIVATE_FILE).open(&beside)?;
        file.write_all(content)?;
        file.sync_all()?;
        fs::rename(&beside, path)
    };
    write().with_context(|| format!("cannot write {}", path.display()))
}

/// Makes a folder that only we can look into, with its parents. One that is there is left as it is.
pub(crate) fn private_folder(path: &Path) -> anyhow::Result<()> {
    make_folder(path, PRIVATE_FOLDER)
}

/// Makes a folder that others can pass through but not list: Postgres, under its own account, has its folder inside.
/// One that is there is made passable too.
pub(crate) fn passable_folder(path: &Path) -> anyhow::Result<()> {
    make_folder(path, PASSABLE_FOLDER)?;
    let mode = fs::metadata(path)
        .with_context(|| format!("cannot look at {}", path.display()))?
        .permissions()
        .mode();
    if mode & PASSABLE_FOLDER == PASSABLE_FOLDER {
        return Ok(());
    }
    fs::set_permissions(path, Permissions::from_mode(mode | PASSABLE_FOLDER))
        .with_context(|| format!("cannot make {} passable", path.display()))
}

fn make_folder(path: &Path, mode: u32) -> anyhow::Result<()> {
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent).with_context(|| format!("cannot make {}", parent.display()))?;
    }
    match DirBuilder::new().mode(mode).create(path) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists && path.is_dir() => Ok(()),
        outcome => outcome.with_context(|| format!("cannot make {}", path.display())),
    }
}

/// Removes a folder and what is in it; one that is not there is fine.
pub(crate) fn remove_folder(path: &Path) -> anyhow::Result<()> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot remove {}", path.display()))
        }
        _ => Ok(()),
    }
}

/// Makes `at` a symbolic link to `target`, replacing a link that led elsewhere, but never a file or folder.
pub(crate) fn link(target: &Path, at: &Path) -> anyhow::Result<()> {
    if at.is_symlink() {
        fs::remove_file(at).with_context(|| format!("cannot replace the link {}", at.display()))?;
    }
    std::os::unix::fs::symlink(target, at).with_context(|| format!("cannot link {}", at.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn private_files_are_private_and_replaced_whole() {
        let folder = tempfile::tempdir().expect("a temp folder");
        let path = folder.path().join("state.json");
        for content in ["first", "2"] {
            write_private(&path, content.as_bytes()).expect("writable");
            assert_eq!(fs::read_to_string(&path).expect("readable"), content);
        }
        assert_eq!(fs::metadata(&path).expect("there").permissions().mode() & 0o777, PRIVATE_FILE);
        assert_eq!(fs::read_dir(folder.path()).expect("readable").count(), 1, "nothing is left beside it");
    }

    #[test]
    fn links_replace_links_only() {
        let folder = tempfile::tempdir().expect("a temp folder");
        let at = folder.path().join("postgres");
        link(Path::new("/nowhere"), &at).expect("linked");
        link(folder.path(), &at).expect("linked again");
        assert_eq!(fs::read_link(&at).expect("a link"), folder.path());
        fs::remove_file(&at).expect("removable");
        fs::create_dir(&at).expect("made");
        assert!(link(folder.path(), &at).is_err(), "a folder is not replaced");
    }
}
