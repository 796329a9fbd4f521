//! A private Redis: what its settings must be, and how to tell that it answers.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::Context as _;
use serde::{Deserialize, Serialize};

use super::Durability;
use crate::files;

/// A local server that does not answer a PING within this is not ready.
const PROBE_TIMEOUT: Duration = Duration::from_millis(500);

/// What the edge may do: add to counters and sketches, read links, and nothing else. The write commands are those of
/// the counting script; links are read-only to it, so an edge cannot redirect anybody anywhere.
const REDIRECTOR_RIGHTS: &str = "~{p*}:* %R~l:* %R~links:* -@all +@connection +eval +evalsha +script|load \
    +script|exists +get +mget +hget +hmget +hgetall +hset +hincrby +pfadd +pexpire +exists +scan +xread +xrange \
    +xrevrange +xlen +xinfo|stream +time -@dangerous +info +config|get +cluster|slots";

/// What the aggregator may do: everything but empty, reconfigure, stop or take over the server.
const AGGREGATOR_RIGHTS: &str = "~* &* +@all -@dangerous +info +config|get +role";

/// Who may speak to the server, and with what password.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Passwords {
    /// The `default` user, which may do everything.
    pub admin: String,
    /// The user `redirector`.
    pub redirector: String,
    /// The user `aggregator`.
    pub aggregator: String,
}

/// A private Redis, running or not.
#[derive(Clone, Debug)]
pub struct Layout {
    /// The server program.
    pub program: PathBuf,
    /// Its own folder: settings and data.
    pub folder: PathBuf,
    /// Its loopback port.
    pub port: u16,
    /// Its users.
    pub passwords: Passwords,
    /// How much it cares for its data.
    pub durability: Durability,
    /// Whether it stands alone.
    pub place: Place,
}

/// Whether a server stands alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// It holds everything.
    Alone,
    /// It is a node of a cluster.
    Node {
        /// The port on which nodes speak to one another.
        bus: u16,
    },
}

/// A node that is not heard of for so long is taken for dead, ms: soon enough for a test, long enough for a busy machine.
const NODE_TIMEOUT_MS: u16 = 2_000;

impl Layout {
    /// Makes the folder and writes the settings, readable only by us because they hold passwords.
    pub fn prepare(&self) -> anyhow::Result<()> {
        files::private_folder(&self.folder)?;
        files::write_private(&self.settings_file(), self.settings().as_bytes())
    }

    /// The command that runs the server in the foreground.
    pub fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command.arg(self.settings_file()).current_dir(&self.folder);
        command
    }

    /// Whether the server answers: not while it still loads its file.
    pub fn is_ready(&self) -> bool {
        self.ping().is_ok_and(|pong| pong)
    }

    /// The address for one of its users: `default`, `redirector` or `aggregator`.
    pub fn url(&self, user: &str, password: &str) -> String {
        format!("redis://{user}:{password}@127.0.0.1:{}/0", self.port)
    }

    fn settings_file(&self) -> PathBuf {
        self.folder.join("redis.conf")
    }

    fn settings(&self) -> String {
        let (port, passwords) = (self.port, &self.passwords);
        let folder = self.folder.display().to_string().replace('\\', "\\\\").replace('"', "\\\"");
        let fsync = match self.durability {
            Durability::Kept => "everysec",
            Durability::Scratch => "no",
        };
        let (admin, redirector, aggregator) =
            (&passwords.admin, &passwords.redirector, &passwords.aggregator);
        let cluster = match self.place {
            Place::Alone => String::new(),
            // Replicas stay with their masters, and copy them without waiting for others to ask as well.
            Place::Node { bus } => format!(
                "cluster-enabled yes\ncluster-port {bus}\ncluster-node-timeout {NODE_TIMEOUT_MS}\n\
                 cluster-allow-replica-migration no\nrepl-diskless-sync-delay 0\nrepl-ping-replica-period 1\n\
                 masteruser default\nmasterauth {admin}\n"
            ),
        };
        format!(
            "bind 127.0.0.1\nport {port}\ndir \"{folder}\"\ndaemonize no\nsave \"\"\nappendonly yes\n\
             appendfsync {fsync}\nmaxmemory-policy noeviction\n{cluster}\
             user default on >{admin} ~* &* +@all\n\
             user redirector on >{redirector} resetchannels {REDIRECTOR_RIGHTS}\n\
             user aggregator on >{aggregator} {AGGREGATOR_RIGHTS}\n"
        )
    }

    fn ping(&self) -> std::io::Result<bool> {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, self.port));
        let mut socket = TcpStream::connect_timeout(&address, PROBE_TIMEOUT)?;
        socket.set_read_timeout(Some(PROBE_TIMEOUT))?;
        socket.set_write_timeout(Some(PROBE_TIMEOUT))?;
        write!(socket, "AUTH default {}\r\nPING\r\nQUIT\r\n", self.passwords.admin)?;
        let mut answer = String::new();
        socket.read_to_string(&mut answer)?;
        Ok(answer.contains("+PONG"))
    }
}

impl Passwords {
    /// New random ones.
    pub fn random() -> anyhow::Result<Self> {
        let password = || super::random_hex(16).context("cannot make a Redis password");
        Ok(Self { admin: password()?, redirector: password()?, aggregator: password()? })
    }
}
