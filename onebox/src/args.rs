//! Settings of `onebox`, as typed and as validated.

use std::path::PathBuf;

use clap::{Parser, Subcommand};
use runtime::{CommonArgs, Invalid, Problems, Secret, SecretSource};

use crate::addresses::{Addresses, Wanted, WhenTaken};

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
    /// Look at both stores, clocks, disks, limits and versions, and say what to do about what is not as it should be
    Doctor(DoctorArgs),
}

/// Where one installation lives.
#[derive(Clone, Debug, Parser)]
pub struct FolderArgs {
    /// The folder that holds everything of this installation
    #[arg(long, env = "LINKLEDGER_DATA_DIR", value_name = "FOLDER", default_value = ".linkledger")]
    pub data_dir: PathBuf,
}

/// Settings of `onebox doctor`. Stores that are named are looked at instead of those of the data folder.
#[derive(Debug, Parser)]
pub struct DoctorArgs {
    /// See [`FolderArgs`].
    #[command(flatten)]
    pub folder: FolderArgs,

    /// Look at this Postgres (`@file` reads the address from a file)
    #[arg(long, env = "DATABASE_URL", value_name = "URL|@FILE", hide_env_values = true)]
    pub database_url: Option<SecretSource>,

    /// Look at this Redis, or at several separated by commas (`@file` reads the addresses from a file)
    #[arg(long, env = "REDIS_URL", value_name = "URL|@FILE", hide_env_values = true)]
    pub redis_url: Option<SecretSource>,

    /// Print JSON instead of a table
    #[arg(long)]
    json: bool,
}

/// How findings are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shown {
    /// For people.
    Table,
    /// For programs.
    Json,
}

impl DoctorArgs {
    /// How findings are shown.
    pub fn shown(&self) -> Shown {
        if self.json { Shown::Json } else { Shown::Table }
    }
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

    /// Start the demo without its 90 days of history
    #[arg(long, env = "ONEBOX_NO_HISTORY")]
    no_history: bool,

    /// Do not send demo clicks
    #[arg(long, env = "ONEBOX_NO_TRAFFIC")]
    no_traffic: bool,
}

/// What to start, validated.
#[derive(Debug)]
pub struct UpConfig {
    /// The installation's folder, absolute.
    pub data_dir: PathBuf,
    /// Where everything should listen.
    pub addresses: Addresses<Wanted>,
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
    /// Whether a fresh demo gets a past.
    pub history: History,
    /// Whether to click the demo's links.
    pub traffic: Traffic,
}

/// What an empty database is filled with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Programme {
    /// Made-up vendors, affiliates, products and links.
    Demo,
    /// Nothing.
    Empty,
}

/// Whether a fresh demo looks as if it had been used for some time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum History {
    /// 90 days of clicks, orders and payouts.
    MadeUp,
    /// It begins now.
    Blank,
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
        let redirect = open_address(&mut problems, "--redirect-listen", &self.redirect_listen);
        let console = open_address(&mut problems, "--console-listen", &self.console_listen);
        let redirector_admin =
            admin_address(&mut problems, "--redirector-admin", &self.redirector_admin, REDIRECTOR_ADMIN);
        let aggregator_admin =
            admin_address(&mut problems, "--aggregator-admin", &self.aggregator_admin, AGGREGATOR_ADMIN);
        let console_admin =
            admin_address(&mut problems, "--console-admin", &self.console_admin, CONSOLE_ADMIN);
        complain_about_twins(
            &mut problems,
            &[redirect, console, redirector_admin, aggregator_admin, console_admin],
        );
        let workers = self.workers.and_then(|text| problems.parse("--workers", &text));
        let database_url = self.database_url.and_then(|url| problems.check("--database-url", url.read()));
        let redis_url = self.redis_url.and_then(|url| problems.check("--redis-url", url.read()));
        if let Some(folder) = self.servers_dir.as_ref().filter(|folder| !folder.is_dir()) {
            problems.add("--servers-dir", format!("{} is not a folder", folder.display()));
        }
        problems.finish(|| {
            Some(UpConfig {
                data_dir: data_dir?,
                addresses: Addresses {
                    redirect: redirect?,
                    console: console?,
                    redirector_admin: redirector_admin?,
                    aggregator_admin: aggregator_admin?,
                    console_admin: console_admin?,
                },
                workers,
                database_url,
                redis_url,
                servers_dir: self.servers_dir,
                programme: if self.empty { Programme::Empty } else { Programme::Demo },
                history: if self.no_history { History::Blank } else { History::MadeUp },
                traffic: if self.no_traffic || self.empty { Traffic::Silent } else { Traffic::Gentle },
            })
        })
    }
}

/// An address people will open.
fn open_address(problems: &mut Problems, flag: &'static str, text: &str) -> Option<Wanted> {
    let address = problems.parse(flag, text)?;
    Some(Wanted { flag, address, when_taken: WhenTaken::Refuse })
}

/// An admin port moves aside unless it was asked for by name.
fn admin_address(problems: &mut Problems, flag: &'static str, text: &str, default: &str) -> Option<Wanted> {
    let address = problems.parse(flag, text)?;
    let when_taken = if text == default { WhenTaken::MoveAside } else { WhenTaken::Refuse };
    Some(Wanted { flag, address, when_taken })
}

fn complain_about_twins(problems: &mut Problems, all: &[Option<Wanted>]) {
    let all: Vec<&Wanted> = all.iter().flatten().collect();
    for (position, one) in all.iter().enumerate().filter(|(_, one)| one.address.port() != 0) {
        if let Some(other) = all[..position].iter().find(|other| other.address == one.address) {
            problems.add(one.flag, format!("{} is already the address of {}", one.address, other.flag));
        }
    }
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
        let wrong = ["--redirect-listen", "here", "--console-listen", "127.0.0.1:9101", "--workers", "x"];
        let also = ["--servers-dir", "/no", "--log", "x=loud"];
        let invalid = validate(&[&wrong[..], &also[..]].concat()).expect_err("five are wrong");
        assert_eq!(invalid.complaints.len(), 5, "{invalid}");
        let all = invalid.to_string();
        for part in
            ["REDIRECTOR_LISTEN", "already the address of --console-listen", "--workers", "/no", "--log"]
        {
            assert!(all.contains(part), "{part} is not in {all}");
        }
    }

    #[test]
    fn defaults_are_good() {
        let config = validate(&["--empty"]).expect("valid");
        assert_eq!((config.programme, config.traffic), (Programme::Empty, Traffic::Silent));
        assert_eq!(validate(&["--no-traffic"]).expect("valid").history, History::MadeUp);
        assert_eq!(config.addresses.redirector_admin.when_taken, WhenTaken::MoveAside);
        assert!(config.data_dir.is_absolute());
    }
}
