//! A private Postgres cluster: its own folder and account, made by `initdb`, reachable on loopback with a password.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, bail, ensure};
use serde::{Deserialize, Serialize};

use super::Durability;
use super::account::Account;
use crate::files;

/// The owner of the cluster and of every database in it.
pub const OWNER: &str = "linkledger";
/// Where root's clusters go when the account Postgres runs as cannot reach the folder they were wanted in.
const REACHABLE: &str = "/var/lib/linkledger";
/// The line of `postmaster.pid` that says whether connections are welcome, counted from 0.
const STATUS_LINE: usize = 7;

/// Passwords of the cluster's login users.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Passwords {
    /// Of [`OWNER`], who may do everything.
    pub owner: String,
    /// Of the aggregator's user.
    pub aggregator: String,
    /// Of the console's user.
    pub console: String,
}

impl Passwords {
    /// New random ones.
    pub fn random() -> anyhow::Result<Self> {
        let password = || super::random_hex(16).context("cannot make a Postgres password");
        Ok(Self { owner: password()?, aggregator: password()?, console: password()? })
    }
}

/// A private cluster, running or not.
#[derive(Clone, Debug)]
pub struct Layout {
    /// The server program; `initdb` lies beside it.
    pub program: PathBuf,
    /// The folder that holds the cluster, owned by the account it runs as.
    pub home: PathBuf,
    /// Its loopback port.
    pub port: u16,
    /// How much it cares for its data.
    pub durability: Durability,
    account: Account,
}

impl Layout {
    /// Settles where the cluster lives. `wanted` is used when the account Postgres runs as can reach it, else a folder
    /// in a place it can, with a link to it at `wanted`.
    pub fn new(program: PathBuf, wanted: &Path, port: u16, durability: Durability) -> anyhow::Result<Self> {
        let account = Account::for_postgres()?;
        let home = reachable_home(wanted, account)?;
        Ok(Self { program, home, port, durability, account })
    }

    /// Makes the cluster if there is none yet; `password` becomes the owner's.
    ///
    /// A half-made cluster is never taken for a whole one: it gets its name only when it is complete.
    pub fn prepare(&self, password: &str) -> anyhow::Result<()> {
        if self.data().join("PG_VERSION").is_file() {
            return Ok(());
        }
        let (partial, password_file) = (self.home.join("data.partial"), self.home.join("password"));
        files::remove_folder(&partial)?;
        files::write_private(&password_file, password.as_bytes())?;
        self.account.own(&password_file)?;
        let mut initdb = self.as_account(&self.program.with_file_name("initdb"));
        initdb.args(["--encoding=UTF8", "--locale=C", "--data-checksums", "--auth=scram-sha-256"]);
        initdb.arg(format!("--username={OWNER}")).arg("--pwfile").arg(&password_file).arg("-D").arg(&partial);
        if self.durability == Durability::Scratch {
            initdb.arg("--no-sync");
        }
        let output = initdb
            .output()
            .with_context(|| format!("cannot run initdb beside {}", self.program.display()))?;
        std::fs::remove_file(&password_file).context("cannot remove the password file")?;
        ensure!(output.status.success(), "initdb failed: {}", String::from_utf8_lossy(&output.stderr).trim());
        std::fs::rename(&partial, self.data()).context("cannot name the new cluster")
    }

    /// The command that runs the server in the foreground.
    ///
    /// Also clears a `postmaster.pid` that a killed server left behind when its number now belongs to some other
    /// program: Postgres would refuse to start for as long as that program lives.
    pub fn command(&self) -> Command {
        self.clear_stale_pid();
        let mut command = self.as_account(&self.program);
        command.arg("-D").arg(self.data()).arg("-p").arg(self.port.to_string());
        let always =
            ["listen_addresses=127.0.0.1", "unix_socket_directories=", "timezone=UTC", "log_timezone=UTC"];
        let scratch = ["fsync=off", "full_page_writes=off", "max_wal_size=256MB"];
        let extra = if self.durability == Durability::Scratch { &scratch[..] } else { &[] };
        for setting in always.iter().chain(extra) {
            command.args(["-c", setting]);
        }
        command
    }

    /// Whether the server with this process id welcomes connections, as it states in its own pid file.
    ///
    /// The number matters: a killed server leaves a file that says "ready".
    pub fn is_ready(&self, pid: u32) -> bool {
        self.pid_file().is_some_and(|lines| {
            lines.first().is_some_and(|first| first.trim() == pid.to_string())
                && lines.get(STATUS_LINE).is_some_and(|status| status.trim() == "ready")
        })
    }

    /// The address of `database` for `user`.
    pub fn url(&self, user: &str, password: &str, database: &str) -> String {
        format!("postgres://{user}:{password}@127.0.0.1:{}/{database}", self.port)
    }

    /// Where the cluster's files are.
    pub fn data(&self) -> PathBuf {
        self.home.join("data")
    }

    fn as_account(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command.current_dir(&self.home).env("LC_ALL", "C");
        self.account.run(&mut command);
        command
    }

    fn pid_file(&self) -> Option<Vec<String>> {
        let text = std::fs::read_to_string(self.data().join("postmaster.pid")).ok()?;
        Some(text.lines().map(str::to_owned).collect())
    }

    fn clear_stale_pid(&self) {
        let Some(pid) = self.pid_file().and_then(|lines| lines.first()?.trim().parse::<u32>().ok()) else {
            return;
        };
        // A dead number is Postgres' own business: it knows how to wait for what the dead server left running.
        let process = PathBuf::from(format!("/proc/{pid}"));
        let works_here = std::fs::read_link(process.join("cwd"))
            .is_ok_and(|folder| self.data().canonicalize().is_ok_and(|data| data == folder));
        if process.exists() && !works_here {
            let _already_gone = std::fs::remove_file(self.data().join("postmaster.pid"));
        }
    }
}

/// The major version of the program that made the cluster in `wanted`, if there is one.
pub fn major_of(wanted: &Path) -> Option<u32> {
    std::fs::read_to_string(wanted.join("data/PG_VERSION")).ok()?.trim().parse().ok()
}

/// A folder at `wanted` (or linked from there) that `account` owns and can reach.
fn reachable_home(wanted: &Path, account: Account) -> anyhow::Result<PathBuf> {
    if let Ok(home) = wanted.canonicalize()
        && account.can_enter(&home)
    {
        return Ok(home);
    }
    let parent = wanted.parent().context("the folder for postgres has no parent")?;
    std::fs::create_dir_all(parent).with_context(|| format!("cannot make {}", parent.display()))?;
    if account.can_enter(parent) {
        return owned_folder(&parent.canonicalize()?.join(wanted.file_name().unwrap_or_default()), account);
    }
    // A new name each time: the link says which, and a folder whose link was deleted is never taken for a new one.
    let name = super::random_hex(8)?;
    for place in [PathBuf::from(REACHABLE), std::env::temp_dir().join("linkledger")] {
        if std::fs::create_dir_all(&place).is_ok() && account.can_enter(&place) {
            let home = owned_folder(&place.join(&name), account)?;
            files::link(&home, wanted)?;
            return Ok(home);
        }
    }
    bail!(
        "the account postgres runs as can enter neither {}, {REACHABLE} nor the folder for temporary files; \
         choose another --data-dir",
        parent.display()
    )
}

fn owned_folder(folder: &Path, account: Account) -> anyhow::Result<PathBuf> {
    files::private_folder(folder)?;
    account.own(folder)?;
    ensure!(account.can_enter(folder), "the account postgres runs as cannot enter {}", folder.display());
    Ok(folder.to_path_buf())
}
