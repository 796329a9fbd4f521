//! Settings: flags as typed, and as found good.

use std::path::PathBuf;

use clap::Parser;
use common::secret::Master;
use common::token::{KeyStates, Keyring};
use runtime::{CommonArgs, Invalid, Problems, Secret, SecretSource};

use crate::calendar::{DAYS, FEW_DAYS};

/// Writes a made-up past of 90 days into a database that holds the demo programme and nothing else.
#[derive(Debug, Parser)]
#[command(name = "demo", version)]
pub struct Args {
    /// Postgres, as its owner, or `@path` of a file that holds its address
    #[arg(long, env = "DATABASE_URL", value_name = "URL|@FILE", hide_env_values = true)]
    database_url: Option<SecretSource>,

    /// The programme's secret, 32 random bytes as hex or base64, or @FILE: click tokens of the past are signed with it
    #[arg(long, env = "LINKLEDGER_SECRET", value_name = "SECRET|@FILE", hide_env_values = true)]
    secret: Option<SecretSource>,

    /// The signing keys and their states, as the redirectors have them
    #[arg(long, env = "LINKLEDGER_TOKEN_KEYS", value_name = "KEYS", default_value = "1:active")]
    token_keys: String,

    /// The console's folder of documents: specimens of made-up people are put there
    #[arg(long, env = "CONSOLE_DOCUMENT_DIR", value_name = "FOLDER", default_value = "documents")]
    document_dir: PathBuf,

    /// What chance begins with: the same number on the same day makes the same past
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    seed: u64,

    /// How many days to tell, 35 to 90: fewer are written sooner
    #[arg(long, value_name = "DAYS", default_value_t = DAYS)]
    days: u32,

    /// What to log, and how
    #[command(flatten)]
    pub common: CommonArgs,
}

/// Settings that were found good.
#[derive(Debug)]
pub struct Config {
    /// How to reach Postgres.
    pub database_url: Secret,
    /// What the keys of tokens and of visitors come from.
    pub master: Master,
    /// How far each signing key is trusted.
    pub token_keys: KeyStates,
    /// Where documents lie.
    pub document_dir: PathBuf,
    /// What chance begins with.
    pub seed: u64,
    /// How many days are told.
    pub days: u32,
}

impl Config {
    /// The keys that sign click tokens.
    pub(crate) fn keyring(&self) -> Keyring {
        Keyring::new(&self.master, &self.token_keys)
    }
}

impl Args {
    /// Judges all settings and reports every bad one.
    pub fn validate(self) -> Result<Config, Invalid> {
        let mut problems = Problems::of::<Self>();
        self.common.check(&mut problems);
        let database_url = problems.check("--database-url", read(self.database_url.as_ref()));
        let secret = problems.check("--secret", read(self.secret.as_ref()));
        let master = secret.and_then(|secret| problems.check("--secret", Master::parse(secret.expose())));
        let token_keys = problems.check("--token-keys", self.token_keys.parse::<KeyStates>());
        let days = problems.check("--days", days(self.days));
        problems.finish(|| {
            Some(Config {
                database_url: database_url?,
                master: master?,
                token_keys: token_keys?,
                document_dir: self.document_dir,
                seed: self.seed,
                days: days?,
            })
        })
    }
}

fn days(days: u32) -> Result<u32, String> {
    let told = FEW_DAYS..=DAYS;
    if told.contains(&days) { Ok(days) } else { Err(format!("is {days}; say {FEW_DAYS} to {DAYS}")) }
}

fn read(source: Option<&SecretSource>) -> Result<Secret, String> {
    source.ok_or_else(|| "is missing; onebox gives it".to_owned())?.read()
}
