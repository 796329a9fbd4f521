//! The three services as child processes: their binaries lie beside ours, their settings are in the environment.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, ensure};
use rustix::process::Signal;
use tokio::io::AsyncWriteExt as _;

use crate::addresses::Addresses;
use crate::args::UpConfig;
use crate::machine::Machine;
use crate::state::State;
use crate::stores::Stores;
use crate::supervise::{Job, last_words, log_of};

/// How long a service may take to finish what it has. Less than the limit services set themselves, so that it is we
/// who report one that hangs.
const STOP_LIMIT: Duration = Duration::from_secs(25);
/// Who signs in first.
pub(crate) const OPERATOR: &str = "operator@example.com";

/// Whether the console offers to sign in as one of the demo's people.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Guests {
    /// With one click, on this machine only.
    Welcome,
    /// Everybody needs a password.
    Unknown,
}
/// This machine is one edge.
const EDGE_ID: &str = "0";

/// Brings the schema up to date, as the owner of the database.
pub(crate) async fn migrate(machine: &Machine, stores: &Stores) -> anyhow::Result<()> {
    let log = std::fs::File::create(log_of(&machine.folder.logs(), "migrate"))?;
    let mut command = Command::new(binary("aggregator")?);
    command.arg("migrate").env("DATABASE_URL", &stores.owner.database).env("REDIS_URL", &stores.owner.redis);
    command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
    let status =
        tokio::process::Command::from(command).status().await.context("cannot run aggregator migrate")?;
    let said = || last_words(&machine.folder.logs(), "migrate");
    ensure!(status.success(), "aggregator migrate failed ({status}); it said:{}", said());
    Ok(())
}

/// Makes the first operator, unless there is anybody already. The password goes by standard input: other people on this
/// machine see arguments.
pub(crate) async fn first_operator(
    machine: &Machine,
    stores: &Stores,
    console: SocketAddr,
    password: &str,
) -> anyhow::Result<()> {
    let log = std::fs::File::create(log_of(&machine.folder.logs(), "first-operator"))?;
    let mut command = Command::new(binary("console")?);
    for setting in NOT_INHERITED {
        command.env_remove(setting);
    }
    command.arg("create-operator").args(["--email", OPERATOR, "--name", "First Operator", "--role", "admin"]);
    command.args(["--password-stdin", "--unless-any"]).env("CONSOLE_LISTEN", console.to_string());
    command.env("DATABASE_URL", &stores.console_database);
    command.stdin(Stdio::piped()).stdout(log.try_clone()?).stderr(log);
    let mut child = tokio::process::Command::from(command).spawn().context("cannot run console")?;
    if let Some(mut stdin) = child.stdin.take() {
        stdin
            .write_all(format!("{password}\n").as_bytes())
            .await
            .context("cannot tell console a password")?;
    }
    let status = child.wait().await.context("cannot wait for console create-operator")?;
    let said = || last_words(&machine.folder.logs(), "first-operator");
    ensure!(status.success(), "console create-operator failed ({status}); it said:{}", said());
    Ok(())
}

/// Starts all three and waits until each says that it is ready.
pub(crate) async fn start(
    config: &UpConfig,
    addresses: &Addresses<SocketAddr>,
    state: &State,
    stores: &Stores,
    guests: Guests,
    machine: &mut Machine,
) -> anyhow::Result<()> {
    let mut aggregator = Service::new("aggregator", None, addresses.aggregator_admin)?;
    aggregator.arguments.push("run");
    aggregator.set("DATABASE_URL", &stores.aggregator_database);
    aggregator.set("REDIS_URL", &stores.aggregator_redis);
    aggregator.set("AGGREGATOR_ADMIN_LISTEN", &addresses.aggregator_admin.to_string());
    // What the edge signs, the aggregator believes: both get one secret, and both inherit LINKLEDGER_TOKEN_KEYS.
    aggregator.set("LINKLEDGER_SECRET", &state.secret);

    let mut redirector = Service::new("redirector", Some(addresses.redirect), addresses.redirector_admin)?;
    redirector.set("REDIRECTOR_LISTEN", &addresses.redirect.to_string());
    redirector.set("REDIRECTOR_ADMIN_LISTEN", &addresses.redirector_admin.to_string());
    redirector.set("REDIS_URL", &stores.redirector_redis);
    redirector.set("REDIRECTOR_JOURNAL_DIR", &machine.folder.journal().display().to_string());
    redirector.set("REDIRECTOR_SNAPSHOT", &machine.folder.snapshot().display().to_string());
    redirector.set("REDIRECTOR_EDGE_ID", EDGE_ID);
    redirector.set("LINKLEDGER_SECRET", &state.secret);
    if let Some(workers) = config.workers {
        redirector.set("REDIRECTOR_WORKERS", &workers.to_string());
    }

    let mut console = Service::new("console", Some(addresses.console), addresses.console_admin)?;
    console.set("CONSOLE_LISTEN", &addresses.console.to_string());
    console.set("CONSOLE_ADMIN_LISTEN", &addresses.console_admin.to_string());
    console.set("CONSOLE_REDIRECT_URL", &format!("http://{}", openable(addresses.redirect)));
    console.set("DATABASE_URL", &stores.console_database);
    // What is on this machine is for whoever is: everybody else needs a key or an account.
    console.set("CONSOLE_MAIL_DIR", &machine.folder.mails().display().to_string());
    console.set("CONSOLE_DOCUMENT_DIR", &machine.folder.documents().display().to_string());
    if addresses.console.ip().is_loopback() {
        console.set("CONSOLE_OPEN_REPORTS", "true");
    }
    if guests == Guests::Welcome {
        console.set("CONSOLE_DEMO", "true");
    }
    if let Some(secret) = &state.console_secret {
        console.set("CONSOLE_SECRET", secret);
    }

    for service in [aggregator, redirector, console] {
        machine.keep(service.job());
    }
    machine.until_serving("aggregator", addresses.aggregator_admin).await?;
    machine.until_serving("redirector", addresses.redirector_admin).await?;
    machine.until_serving("console", addresses.console_admin).await
}

/// An address to open in a browser: "every interface" is none, so this machine stands for it.
pub(crate) fn openable(address: SocketAddr) -> SocketAddr {
    match address.ip() {
        ip if !ip.is_unspecified() => address,
        IpAddr::V4(_) => SocketAddr::from((Ipv4Addr::LOCALHOST, address.port())),
        IpAddr::V6(_) => SocketAddr::from((Ipv6Addr::LOCALHOST, address.port())),
    }
}

/// One service, ready to be started again and again.
struct Service {
    name: &'static str,
    listen: Option<String>,
    admin: String,
    program: PathBuf,
    arguments: Vec<&'static str>,
    settings: Vec<(&'static str, String)>,
}

/// Settings that hold a secret or an address; a service gets those that were set for it and no other's.
const NOT_INHERITED: [&str; 13] = [
    "DATABASE_URL",
    "REDIS_URL",
    "LINKLEDGER_SECRET",
    "CONSOLE_SECRET",
    "CONSOLE_DEMO",
    "CONSOLE_PUBLIC_URL",
    "CONSOLE_OPEN_REPORTS",
    "CONSOLE_TRUSTED_PROXIES",
    "CONSOLE_SMTP_URL",
    "CONSOLE_MAIL_FROM",
    "CONSOLE_MAIL_DIR",
    "CONSOLE_DOCUMENT_DIR",
    "REDIRECTOR_WORKERS",
];

impl Service {
    fn new(name: &'static str, listen: Option<SocketAddr>, admin: SocketAddr) -> anyhow::Result<Self> {
        let (listen, admin) = (listen.map(|address| address.to_string()), admin.to_string());
        Ok(Self { name, listen, admin, program: binary(name)?, arguments: Vec::new(), settings: Vec::new() })
    }

    fn set(&mut self, name: &'static str, value: &str) {
        self.settings.push((name, value.to_owned()));
    }

    fn job(self) -> Job {
        let Self { name, listen, admin, program, arguments, settings } = self;
        let command = move || {
            let mut command = Command::new(&program);
            for setting in NOT_INHERITED {
                command.env_remove(setting);
            }
            command.args(&arguments).envs(settings.iter().map(|(name, value)| (name, value)));
            command
        };
        let command = Box::new(command);
        Job { name, listen, admin: Some(admin), command, stop_signal: Signal::TERM, stop_limit: STOP_LIMIT }
    }
}

/// The program beside ours.
pub(crate) fn binary(name: &str) -> anyhow::Result<PathBuf> {
    let ours = std::env::current_exe().context("cannot tell where onebox is")?;
    let program = ours.with_file_name(name);
    ensure!(
        program.is_file(),
        "{} is not there; build it with: cargo build --release --workspace --bins",
        program.display()
    );
    Ok(program)
}
