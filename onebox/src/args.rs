//! Settings of `onebox`, as typed and as validated.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Parser, Subcommand};
use runtime::{CommonArgs, Invalid, Problems, Secret, SecretSource};

use crate::servers::{free_port_on, is_free};

const REDIRECTOR_ADMIN: &str = "127.0.0.1:9101";
const AGGREGATOR_ADMIN: &str = "127.0.0.1:9102";
const CONSOLE_ADMIN: &str = "127.0.0.1:9103";

/// Runs all of Linkledger on one machine.
#[derive(Debug, Parser)]
#[command(name = "onebox", version)]
pub struct Args {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,

    /// Settings every binary has.
    #[command(flatten)]
    pub common: CommonArgs,
}

/// What `onebox` can do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Start private servers, the three services and the demo programme; stop them all on Ctrl-C
    Up(Box<UpArgs>),
    /// Print the addresses of the two stores, one a line, for other programs
    Env(FolderArgs),
    /// Stop what runs in a data folder
    Down(FolderArgs),
    /// Show what runs in a data folder
    Status(FolderArgs),
}

/// Where one installation lives.
#[derive(Clone, Debug, Parser)]
pub struct FolderArgs {
    /// The folder that holds everything of this installation
    #[arg(long, env = "LINKLEDGER_DATA_DIR", value_name = "FOLDER", default_value = ".linkledger")]
    pub data_dir: PathBuf,
}

/// Settings of `onebox up`.
#[derive(Debug, Parser)]
pub struct UpArgs {
    /// See [`FolderArgs`].
    #[command(flatten)]
    pub folder: FolderArgs,

    /// Where shoppers' clicks come in; port 0 takes a free one
    #[arg(long, env = "REDIRECTOR_LISTEN", value_name = "ADDRESS", default_value = "127.0.0.1:8080")]
    redirect_listen: String,

    /// Where the console is shown; port 0 takes a free one
    #[arg(long, env = "CONSOLE_LISTEN", value_name = "ADDRESS", default_value = "127.0.0.1:8081")]
    console_listen: String,

    /// The redirector's admin port; when the default is taken a free one is used
    #[arg(long, env = "REDIRECTOR_ADMIN_LISTEN", value_name = "ADDRESS", default_value = REDIRECTOR_ADMIN)]
    redirector_admin: String,

    /// The aggregator's admin port; when the default is taken a free one is used
    #[arg(long, env = "AGGREGATOR_ADMIN_LISTEN", value_name = "ADDRESS", default_value = AGGREGATOR_ADMIN)]
    aggregator_admin: String,

    /// The console's admin port; when the default is taken a free one is used
    #[arg(long, env = "CONSOLE_ADMIN_LISTEN", value_name = "ADDRESS", default_value = CONSOLE_ADMIN)]
    console_admin: String,

    /// How many threads answer clicks; the redirector decides when not set
    #[arg(long, env = "REDIRECTOR_WORKERS", value_name = "NUMBER")]
    workers: Option<String>,

    /// Use this Postgres instead of a private one (`@file` reads it from a file)
    #[arg(long, env = "DATABASE_URL", value_name = "URL", hide_env_values = true)]
    database_url: Option<SecretSource>,

    /// Use this Redis instead of a private one (`@file` reads it from a file)
    #[arg(long, env = "REDIS_URL", value_name = "URL", hide_env_values = true)]
    redis_url: Option<SecretSource>,

    /// Look here first for redis-server and postgres: for evaluation without installed packages
    #[arg(long, env = "LINKLEDGER_SERVERS_DIR", value_name = "FOLDER")]
    servers_dir: Option<PathBuf>,

    /// Start without the demo programme
    #[arg(long, env = "ONEBOX_EMPTY")]
    empty: bool,

    /// Do not send demo clicks
    #[arg(long, env = "ONEBOX_NO_TRAFFIC")]
    no_traffic: bool,
}

/// What to start, validated.
#[derive(Debug)]
pub struct UpConfig {
    /// The installation's folder, absolute.
    pub data_dir: PathBuf,
    /// Where clicks come in.
    pub redirect_listen: SocketAddr,
    /// Where the console is shown.
    pub console_listen: SocketAddr,
    /// The services' admin ports.
    pub admin: AdminAddresses,
    /// Threads that answer clicks, if the redirector should not decide.
    pub workers: Option<u16>,
    /// A Postgres to use instead of a private one.
    pub database_url: Option<Secret>,
    /// A Redis to use instead of a private one.
    pub redis_url: Option<Secret>,
    /// Where to look first for server programs.
    pub servers_dir: Option<PathBuf>,
    /// What to put into an empty database.
    pub programme: Programme,
    /// Whether to click the demo's links.
    pub traffic: Traffic,
}

/// One admin port for each service.
#[derive(Clone, Copy, Debug)]
pub struct AdminAddresses {
    /// The redirector's.
    pub redirector: SocketAddr,
    /// The aggregator's.
    pub aggregator: SocketAddr,
    /// The console's.
    pub console: SocketAddr,
}

/// What an empty database is filled with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Programme {
    /// Made-up vendors, affiliates, products and links.
    Demo,
    /// Nothing.
    Empty,
}

/// Whether demo links are clicked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Traffic {
    /// A few clicks a second.
    Gentle,
    /// None.
    Silent,
}

impl UpArgs {
    /// Judges all settings, complaining about all bad ones at once.
    pub fn validate(self, common: &CommonArgs) -> Result<UpConfig, Invalid> {
        let mut problems = Problems::of::<Self>();
        common.check(&mut problems);
        let data_dir = problems.check("--data-dir", std::path::absolute(&self.folder.data_dir));
        let redirect_listen = open_address(&mut problems, "--redirect-listen", &self.redirect_listen);
        let console_listen = open_address(&mut problems, "--console-listen", &self.console_listen);
        let redirector =
            admin_address(&mut problems, "--redirector-admin", &self.redirector_admin, REDIRECTOR_ADMIN);
        let aggregator =
            admin_address(&mut problems, "--aggregator-admin", &self.aggregator_admin, AGGREGATOR_ADMIN);
        let console = admin_address(&mut problems, "--console-admin", &self.console_admin, CONSOLE_ADMIN);
        let workers = self.workers.and_then(|text| problems.parse("--workers", &text));
        let database_url = self.database_url.and_then(|url| problems.check("--database-url", url.read()));
        let redis_url = self.redis_url.and_then(|url| problems.check("--redis-url", url.read()));
        if redirect_listen.is_some() && redirect_listen == console_listen {
            problems.add("--console-listen", "is the address of --redirect-listen too; give it another port");
        }
        if let Some(folder) = self.servers_dir.as_ref().filter(|folder| !folder.is_dir()) {
            problems.add("--servers-dir", format!("{} is not a folder", folder.display()));
        }
        problems.finish(|| {
            Some(UpConfig {
                data_dir: data_dir?,
                redirect_listen: redirect_listen?,
                console_listen: console_listen?,
                admin: AdminAddresses { redirector: redirector?, aggregator: aggregator?, console: console? },
                workers,
                database_url,
                redis_url,
                servers_dir: self.servers_dir,
                programme: if self.empty { Programme::Empty } else { Programme::Demo },
                traffic: if self.no_traffic || self.empty { Traffic::Silent } else { Traffic::Gentle },
            })
        })
    }
}

/// An address people will open: it must be free, and must not move without being asked to.
fn open_address(problems: &mut Problems, flag: &str, text: &str) -> Option<SocketAddr> {
    let address: SocketAddr = problems.parse(flag, text)?;
    if address.port() == 0 {
        return problems.check(flag, free_port_on(address));
    }
    if !is_free(address) {
        problems.add(
            flag,
            format!("{address} is taken or not ours; give another address, or port 0 for a free one"),
        );
    }
    Some(address)
}

/// An admin port moves aside when nobody asked for the taken one by name.
fn admin_address(problems: &mut Problems, flag: &str, text: &str, default: &str) -> Option<SocketAddr> {
    let address: SocketAddr = problems.parse(flag, text)?;
    if address.port() == 0 || (text == default && !is_free(address)) {
        return problems.check(flag, free_port_on(address));
    }
    open_address(problems, flag, text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn validate(arguments: &[&str]) -> Result<UpConfig, Invalid> {
        let arguments = ["onebox", "up"].iter().chain(arguments);
        let args = Args::try_parse_from(arguments).expect("flags that clap can read");
        let Command::Up(up) = args.command else { panic!("not up") };
        up.validate(&args.common)
    }

    #[test]
    fn every_bad_setting_is_reported_at_once() {
        let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let taken = taken.local_addr().expect("an address").to_string();
        let wrong = [
            "--redirect-listen",
            &taken,
            "--console-listen",
            "here",
            "--workers",
            "x",
            "--servers-dir",
            "/no",
        ];
        let invalid = validate(&wrong).expect_err("four are wrong");
        assert_eq!(invalid.complaints.len(), 4, "{invalid}");
        assert!(
            invalid.complaints[0].contains("REDIRECTOR_LISTEN") && invalid.complaints[0].contains("taken")
        );
    }

    #[test]
    fn free_ports_are_chosen_and_a_taken_default_moves_aside() {
        let holder = std::net::TcpListener::bind(REDIRECTOR_ADMIN);
        let ports = ["--redirect-listen", "127.0.0.1:0", "--console-listen", "127.0.0.1:0", "--empty"];
        let config = validate(&ports).expect("valid");
        assert_ne!(config.redirect_listen.port(), 0);
        assert!(holder.is_err() || config.admin.redirector.to_string() != REDIRECTOR_ADMIN);
        assert_eq!((config.programme, config.traffic), (Programme::Empty, Traffic::Silent));
        assert!(config.data_dir.is_absolute());
    }
}
