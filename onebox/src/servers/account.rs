//! The unprivileged account Postgres runs as when we are root, because Postgres refuses to run as root.

use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, anyhow};

/// In order of preference: Debian's own account for it, then the account of nobody in particular.
const NAMES: [&str; 2] = ["postgres", "nobody"];

/// Who Postgres runs as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Account {
    /// Whoever we are: we are not root.
    Ours,
    /// We are root and drop to this account.
    Other { uid: u32, gid: u32 },
}

impl Account {
    /// The account to use in this process.
    pub(crate) fn for_postgres() -> anyhow::Result<Self> {
        if !rustix::process::geteuid().is_root() {
            return Ok(Self::Ours);
        }
        let passwd = std::fs::read_to_string("/etc/passwd").context("cannot read /etc/passwd")?;
        NAMES.iter().find_map(|name| in_passwd(&passwd, name)).ok_or_else(|| {
            anyhow!("postgres refuses to run as root, and there is neither a user postgres nor nobody; run as a user")
        })
    }

    /// Makes `command` run as this account.
    pub(crate) fn run(self, command: &mut Command) {
        if let Self::Other { uid, gid } = self {
            command.uid(uid).gid(gid);
        }
    }

    /// Hands a file or folder to this account.
    pub(crate) fn own(self, path: &Path) -> anyhow::Result<()> {
        match self {
            Self::Ours => Ok(()),
            Self::Other { uid, gid } => chown(path, Some(uid), Some(gid))
                .with_context(|| format!("cannot hand {} to the account postgres runs as", path.display())),
        }
    }

    /// Whether this account can enter `folder`, found out by doing it.
    pub(crate) fn can_enter(self, folder: &Path) -> bool {
        let mut command = Command::new("/bin/true");
        command.current_dir(folder);
        self.run(&mut command);
        command.status().is_ok_and(|status| status.success())
    }
}

fn in_passwd(passwd: &str, name: &str) -> Option<Account> {
    let line = passwd.lines().find(|line| line.split(':').next() == Some(name))?;
    let mut fields = line.split(':').skip(2).map(str::parse);
    Some(Account::Other { uid: fields.next()?.ok()?, gid: fields.next()?.ok()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accounts_are_read_by_whole_name() {
        let passwd =
            "root:x:0:0:root:/root:/bin/sh\npostgresql:x:7:8::/:/bin/sh\npostgres:x:101:104:::/bin/sh\n";
        assert_eq!(in_passwd(passwd, "postgres"), Some(Account::Other { uid: 101, gid: 104 }));
        assert_eq!(in_passwd(passwd, "nobody"), None);
    }
}
