//! Settings: flags as typed, and the configuration they make once all of them are found good.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;
use clap::{Parser, Subcommand, ValueEnum};
use common::ids::Partitions;
use common::secret::Master;
use common::token::{KeyStates, Keyring};
use runtime::traces::TraceArgs;
use runtime::{CommonArgs, Invalid, Problems, Secret, SecretSource};

/// Brings counted clicks from Redis to Postgres, links from Postgres to Redis, and orders into the books.
#[derive(Debug, Parser)]
#[command(name = "aggregator", version)]
pub struct Args {
    /// What to do; without it, `run`
    #[command(subcommand)]
    pub command: Option<Command>,

    /// Postgres, or `@path` of a file that holds its address
    #[arg(long, env = "DATABASE_URL", value_name = "URL|@FILE", hide_env_values = true, global = true)]
    pub database_url: Option<SecretSource>,

    /// Redis: one URL, or several separated by commas for a cluster; or `@path` of a file that holds them
    #[arg(
        long,
        env = "REDIS_URL",
        value_name = "URL|@FILE",
        hide_env_values = true,
        global = true,
        default_value = "redis://127.0.0.1:6379/0"
    )]
    pub redis_url: SecretSource,

    /// The programme's secret, 32 random bytes as hex or base64, or @FILE: orders' click tokens are verified with it
    #[arg(
        long,
        env = "LINKLEDGER_SECRET",
        value_name = "SECRET|@FILE",
        hide_env_values = true,
        global = true
    )]
    pub secret: Option<SecretSource>,

    /// The signing keys and their states, as the redirectors have them
    #[arg(
        long,
        env = "LINKLEDGER_TOKEN_KEYS",
        value_name = "KEYS",
        default_value = "1:active",
        global = true
    )]
    pub token_keys: String,

    /// How many partitions the counters are spread over: a power of two up to 128, fixed at install
    #[arg(long, env = "LINKLEDGER_PARTITIONS", value_name = "N", default_value = "16", global = true)]
    pub partitions: String,

    /// Time between two flushes, in seconds or with a unit: `5`, `200ms`
    #[arg(long, env = "AGGREGATOR_FLUSH_INTERVAL", value_name = "TIME", default_value = "5s", global = true)]
    pub flush_interval: String,

    /// Where to listen for `/livez`, `/readyz` and `/metrics`
    #[arg(
        long,
        env = "AGGREGATOR_ADMIN_LISTEN",
        value_name = "ADDRESS",
        default_value = "127.0.0.1:9102",
        global = true
    )]
    pub admin_listen: String,

    /// What to log, and how
    #[command(flatten)]
    pub common: CommonArgs,

    /// Whom to tell what every job does
    #[command(flatten)]
    pub traces: TraceArgs,
}

/// What to do.
#[derive(Debug, Clone, PartialEq, Eq, Subcommand)]
pub enum Command {
    /// Run all jobs until told to stop
    Run,
    /// Run one job once
    Once {
        /// Which
        job: JobName,
    },
    /// Bring the database to this version's schema; needs its owner
    Migrate,
    /// Count what the journal of a machine that is gone holds and Postgres lacks; may be repeated and stopped at any time
    ImportJournal {
        /// The folder that its redirector had as `REDIRECTOR_JOURNAL_DIR`, or a copy of it
        dir: PathBuf,
    },
    /// Write every click that a journal holds as Parquet, by day, for a warehouse; beside a running redirector too, and
    /// as often as wanted: before `REDIRECTOR_JOURNAL_RETENTION_HOURS` are over
    ExportClicks {
        /// The folder that the redirector has as `REDIRECTOR_JOURNAL_DIR`, or a copy of it
        journal: PathBuf,
        /// Where files are written, as `day=2026-01-31/…parquet`
        warehouse: PathBuf,
    },
}

/// A job that can be run once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum JobName {
    /// Bring sealed counters to Postgres
    Flush,
    /// Bring changed links to Redis, all of them if it was emptied
    Publish,
    /// Fold old batches
    Prune,
    /// Bring what shops reported into orders and the ledger, and let commission mature
    Settle,
    /// Collect requested payouts, book approved ones
    Payout,
    /// Work out every link's conversion rate
    Convert,
    /// Add up the days that are over, for reports
    Rollup,
    /// Check what must hold in Postgres; fails if anything does not
    Audit,
}

/// What was asked for, with the settings it needs, which were found good.
#[derive(Debug, Clone)]
pub enum Work {
    /// All jobs.
    Run(Config),
    /// One job, once.
    Once(JobName, Config),
    /// The schema.
    Migrate(Config),
    /// The journal of a machine that is gone.
    ImportJournal(PathBuf, Config),
    /// Clicks for a warehouse: neither store is needed.
    ExportClicks {
        /// Where they are.
        journal: PathBuf,
        /// Where they go.
        warehouse: PathBuf,
    },
}

/// Settings that were found good.
#[derive(Debug, Clone)]
pub struct Config {
    /// How to reach Postgres.
    pub database_url: Secret,
    /// How to reach Redis.
    pub redis_url: Secret,
    /// What keys come of. Always there for commands that verify tokens.
    pub master: Option<Master>,
    /// How far each signing key is trusted.
    pub token_keys: KeyStates,
    /// How many partitions the counters are spread over.
    pub partitions: Partitions,
    /// Time between two flushes.
    pub flush_interval: Duration,
    /// Where the admin port listens.
    pub admin_listen: SocketAddr,
}

impl Command {
    /// Orders' tokens are verified by this command, so it cannot do without the programme's secret.
    fn verifies_tokens(&self) -> bool {
        matches!(self, Self::Run | Self::Once { job: JobName::Settle })
    }
}

impl Config {
    /// The keys that verify click tokens.
    pub fn keyring(&self) -> anyhow::Result<Keyring> {
        let master =
            self.master.as_ref().context("the programme's secret is missing: set LINKLEDGER_SECRET")?;
        Ok(Keyring::new(master, &self.token_keys))
    }
}

impl Args {
    /// Judges all settings that the command needs and reports every bad one.
    pub fn validate(self) -> Result<Work, Invalid> {
        let mut problems = Problems::of::<Self>();
        self.common.check(&mut problems);
        self.traces.check(&mut problems);
        let command = self.command.clone().unwrap_or(Command::Run);
        let config = |problems| self.config(&command, problems);
        Ok(match command.clone() {
            Command::Run => Work::Run(config(problems)?),
            Command::Once { job } => Work::Once(job, config(problems)?),
            Command::Migrate => Work::Migrate(config(problems)?),
            Command::ImportJournal { dir } => Work::ImportJournal(dir, config(problems)?),
            Command::ExportClicks { journal, warehouse } => {
                problems.finish(|| Some(Work::ExportClicks { journal, warehouse }))?
            }
        })
    }

    fn config(&self, command: &Command, mut problems: Problems) -> Result<Config, Invalid> {
        let database_url = problems.check("--database-url", database(self.database_url.as_ref()));
        let redis_url = problems.check("--redis-url", redis(&self.redis_url));
        let master = problems.check("--secret", master(command, self.secret.as_ref()));
        let token_keys = problems.check("--token-keys", self.token_keys.parse::<KeyStates>());
        let partitions = problems.check("--partitions", partitions(&self.partitions));
        let flush_interval = problems.check("--flush-interval", interval(&self.flush_interval));
        let admin_listen = problems.parse("--admin-listen", &self.admin_listen);
        problems.finish(|| {
            Some(Config {
                database_url: database_url?,
                redis_url: redis_url?,
                master: master?,
                token_keys: token_keys?,
                partitions: partitions?,
                flush_interval: flush_interval?,
                admin_listen: admin_listen?,
            })
        })
    }
}

fn database(source: Option<&SecretSource>) -> Result<Secret, String> {
    let source = source.ok_or("is missing; write it as postgres://user:password@host:5432/database")?;
    let url = source.read()?;
    // The parser's own words may repeat the address, and with it the password.
    match crate::store::postgres_options(url.expose()) {
        Ok(_) => Ok(url),
        Err(_) => Err("cannot be read; write it as postgres://user:password@host:5432/database".to_owned()),
    }
}

fn redis(source: &SecretSource) -> Result<Secret, String> {
    let url = source.read()?;
    match crate::store::Redis::open(url.expose()) {
        Ok(_) => Ok(url),
        Err(_) => Err(
            "cannot be read; write it as redis://user:password@host:6379/0, or several of them with commas \
                       in between for a cluster"
                .to_owned(),
        ),
    }
}

fn master(command: &Command, source: Option<&SecretSource>) -> Result<Option<Master>, String> {
    match source {
        Some(source) => Master::parse(source.read()?.expose()).map(Some).map_err(|bad| bad.to_string()),
        None if command.verifies_tokens() => {
            Err("is missing; it is the secret that the redirectors sign with".to_owned())
        }
        None => Ok(None),
    }
}

fn partitions(text: &str) -> Result<Partitions, String> {
    let n: u16 = text.parse().map_err(|error| format!("cannot use {text:?}: {error}"))?;
    Partitions::new(n)
        .ok_or_else(|| format!("cannot use {n}: must be a power of two of at most {}", Partitions::MAX))
}

/// Shorter intervals only make more transactions; longer ones let reports and journals lag.
const INTERVALS: std::ops::RangeInclusive<Duration> = Duration::from_millis(50)..=Duration::from_mins(10);

fn interval(text: &str) -> Result<Duration, String> {
    let (number, unit) = text.split_at(text.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(text.len()));
    let milliseconds = match unit {
        "" | "s" => 1_000,
        "ms" => 1,
        _ => return Err(format!("cannot use {text:?}: write seconds or milliseconds, like 5s or 200ms")),
    };
    let number: u64 = number.parse().map_err(|error| format!("cannot use {text:?}: {error}"))?;
    let interval = Duration::from_millis(number.saturating_mul(milliseconds));
    if INTERVALS.contains(&interval) {
        Ok(interval)
    } else {
        Err(format!("cannot use {text:?}: must be between 50ms and 600s"))
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    const DATABASE: [&str; 3] =
        ["aggregator", "--database-url", "postgres://app:hidden@localhost/linkledger"];

    const SECRET: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";

    fn parse(arguments: &[&str]) -> Args {
        Args::try_parse_from(DATABASE.iter().chain(arguments)).expect("flags that clap reads")
    }

    fn config(arguments: &[&str]) -> Result<Config, Invalid> {
        Ok(match parse(arguments).validate()? {
            Work::Run(config)
            | Work::Once(_, config)
            | Work::Migrate(config)
            | Work::ImportJournal(_, config) => config,
            Work::ExportClicks { .. } => panic!("has no such settings: {arguments:?}"),
        })
    }

    #[test]
    fn commands_are_read_and_flags_may_follow_them() {
        assert_eq!(parse(&[]).command, None);
        assert_eq!(parse(&["migrate", "--partitions", "64"]).command, Some(Command::Migrate));
        assert_eq!(parse(&["once", "audit"]).command, Some(Command::Once { job: JobName::Audit }));
        let import = Command::ImportJournal { dir: "/mnt/journal".into() };
        assert_eq!(parse(&["import-journal", "/mnt/journal"]).command, Some(import));
        let config = config(&["run", "--flush-interval", "200ms", "--partitions", "64", "--secret", SECRET])
            .expect("good");
        assert_eq!((config.flush_interval, config.partitions.count()), (Duration::from_millis(200), 64));
    }

    #[test]
    fn every_bad_setting_is_reported_at_once_and_no_password_is() {
        let bad = [
            "--redis-url",
            "http://:s3cret@nowhere",
            "--partitions",
            "12",
            "--flush-interval",
            "1h",
            "--admin-listen",
            "nine",
            "--secret",
            "change me!",
            "--token-keys",
            "1:on",
            "--log",
            "=loud=",
        ];
        let complaints = parse(&bad).validate().expect_err("seven are bad").complaints;
        assert_eq!(complaints.len(), 7, "{complaints:?}");
        let said = complaints.join("\n");
        for named in [
            "REDIS_URL",
            "power of two",
            "AGGREGATOR_FLUSH_INTERVAL",
            "--admin-listen",
            "--secret",
            "1:on",
            "--log",
        ] {
            assert!(said.contains(named), "{named} is not in {said}");
        }
        assert!(!said.contains("s3cret"), "{said}");
    }

    #[test]
    fn the_secret_is_needed_where_tokens_are_verified() {
        for (command, needs_it) in [
            (&["run"][..], true),
            (&["once", "settle"], true),
            (&["once", "payout"], false),
            (&["once", "audit"], false),
            (&["migrate"], false),
            (&["import-journal", "/mnt/journal"], false),
        ] {
            assert_eq!(config(command).is_err(), needs_it, "{command:?}");
            let with_secret: Vec<&str> = command.iter().copied().chain(["--secret", SECRET]).collect();
            assert!(config(&with_secret).expect("good").keyring().is_ok(), "{command:?}");
        }
    }

    #[test]
    fn an_export_needs_neither_store() {
        let args =
            Args::try_parse_from(["aggregator", "export-clicks", "/journal", "/warehouse"]).expect("flags");
        let work = args.validate().expect("nothing else is needed");
        assert!(matches!(work, Work::ExportClicks { journal, warehouse }
            if journal == Path::new("/journal") && warehouse == Path::new("/warehouse")));
    }

    #[test]
    fn intervals_have_units_and_limits() {
        for (text, milliseconds) in [("5", 5_000), ("5s", 5_000), ("200ms", 200), ("600s", 600_000)] {
            assert_eq!(interval(text), Ok(Duration::from_millis(milliseconds)));
        }
        for bad in ["", "s", "5m", "-1s", "49ms", "601s", "1e3"] {
            assert!(interval(bad).is_err(), "{bad}");
        }
    }
}
