//! Settings: flags as typed, and the configuration they make once all of them are found good.

use std::net::SocketAddr;
use std::str::FromStr as _;

use clap::Parser;
use runtime::{CommonArgs, Invalid, Problems, SecretSource};
use sqlx::postgres::PgConnectOptions;
use url::Url;

use crate::keys::{Command, Task};
use crate::seal::Seal;

/// Shows reports to people on this machine and takes in what shops report; with a command, makes or ends keys.
#[derive(Debug, Parser)]
#[command(name = "console", version)]
pub struct Args {
    /// What to do instead of serving
    #[command(subcommand)]
    pub command: Option<Command>,

    /// Postgres, or `@path` of a file that holds the address
    #[arg(long, global = true, env = "DATABASE_URL", value_name = "URL|@FILE", hide_env_values = true)]
    pub database_url: Option<SecretSource>,

    /// What webhook secrets are encrypted with, or `@path` of a file: at least 32 random bytes, as hexadecimal or
    /// base64. Without it webhooks are not taken in
    #[arg(long, global = true, env = "CONSOLE_SECRET", value_name = "SECRET|@FILE", hide_env_values = true)]
    pub console_secret: Option<SecretSource>,

    /// Where to listen for browsers and programs: a loopback address, as there are no accounts yet
    #[arg(long, env = "CONSOLE_LISTEN", value_name = "ADDRESS", default_value = "127.0.0.1:8081")]
    pub listen: String,

    /// Where to listen for `/livez`, `/readyz` and `/metrics`
    #[arg(long, env = "CONSOLE_ADMIN_LISTEN", value_name = "ADDRESS", default_value = "127.0.0.1:9103")]
    pub admin_listen: String,

    /// Where links are opened: what pages show before a link's code
    #[arg(long, env = "CONSOLE_REDIRECT_URL", value_name = "URL", default_value = "http://127.0.0.1:8080")]
    pub redirect_url: String,

    /// What to log, and how
    #[command(flatten)]
    pub common: CommonArgs,
}

/// Settings that were found good.
#[derive(Clone, Debug)]
pub struct Config {
    /// How to reach Postgres.
    pub database: PgConnectOptions,
    /// A loopback address; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Where the admin port listens.
    pub admin_listen: SocketAddr,
    /// Where links are opened, without a final slash.
    pub redirect_url: String,
    /// Opens webhook secrets, if there is a secret for it.
    pub seal: Option<Seal>,
}

/// What the binary was asked to do.
#[derive(Debug)]
pub enum Work {
    /// Serve until told to stop.
    Serve(Config),
    /// Make or end a key, and stop.
    Keep(Task),
}

impl Args {
    /// Judges all settings and reports every bad one.
    pub fn validate(self) -> Result<Work, Invalid> {
        let mut problems = Problems::of::<Self>();
        self.common.check(&mut problems);
        let database = problems.check("--database-url", database(self.database_url.as_ref()));
        let seal = problems.check("--console-secret", seal(self.console_secret.as_ref()));
        if let Some(command) = self.command {
            let action = command.validate(seal.as_ref().is_some_and(Option::is_some), &mut problems);
            return problems
                .finish(|| Some(Work::Keep(Task { database: database?, seal: seal?, action: action? })));
        }
        let listen = problems.check("--listen", loopback(&self.listen));
        let admin_listen = problems.parse("--admin-listen", &self.admin_listen);
        let redirect_url = problems.check("--redirect-url", base_url(&self.redirect_url));
        problems.finish(|| {
            Some(Work::Serve(Config {
                database: database?,
                listen: listen?,
                admin_listen: admin_listen?,
                redirect_url: redirect_url?,
                seal: seal?,
            }))
        })
    }
}

fn database(source: Option<&SecretSource>) -> Result<PgConnectOptions, String> {
    let url = source.ok_or("is missing; write it as postgres://user:password@host:5432/database")?.read()?;
    // The parser's own words may repeat the address, and with it the password.
    PgConnectOptions::from_str(url.expose())
        .map_err(|_| "cannot be read; write it as postgres://user:password@host:5432/database".to_owned())
}

fn seal(source: Option<&SecretSource>) -> Result<Option<Seal>, String> {
    source.map(|source| Seal::new(&source.read()?)).transpose()
}

fn loopback(text: &str) -> Result<SocketAddr, String> {
    let address: SocketAddr =
        text.parse().map_err(|error| format!("cannot use {text:?}: {error}; write it as 127.0.0.1:8081"))?;
    if address.ip().is_loopback() {
        return Ok(address);
    }
    Err(format!(
        "refuses to listen on {address}: there are no accounts yet, so everybody who can reach it could read \
         all reports; listen on 127.0.0.1 or [::1] and reach it from elsewhere through an SSH tunnel"
    ))
}

fn base_url(text: &str) -> Result<String, String> {
    let url: Url = text.parse().map_err(|error| format!("cannot use {text:?}: {error}"))?;
    let is_plain = matches!(url.scheme(), "http" | "https")
        && url.username().is_empty()
        && url.password().is_none()
        && url.query().is_none()
        && url.fragment().is_none();
    if is_plain {
        Ok(url.as_str().trim_end_matches('/').to_owned())
    } else {
        Err(format!(
            "cannot use {text:?}: write it as https://go.example.com, without user, query or fragment"
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(arguments: &[&str]) -> Result<Config, Invalid> {
        let always = ["console", "--database-url", "postgres://reader:hidden@localhost/linkledger"];
        match Args::try_parse_from(always.iter().chain(arguments))
            .expect("flags that clap reads")
            .validate()?
        {
            Work::Serve(config) => Ok(config),
            Work::Keep(task) => panic!("{task:?} is no configuration"),
        }
    }

    #[test]
    fn every_bad_setting_is_reported_at_once() {
        let bad = [
            "--listen",
            "0.0.0.0:8081",
            "--admin-listen",
            "nine",
            "--redirect-url",
            "ftp://u@go.example.com/?a",
            "--log",
            "=loud=",
            "--console-secret",
            "hunter2",
        ];
        let complaints = parse(&bad).expect_err("five bad settings").complaints.join("\n");
        assert!(!complaints.contains("hunter2"), "{complaints}");
        for named in [
            "--console-secret",
            "--listen",
            "no accounts yet",
            "--admin-listen",
            "--redirect-url",
            "--log",
            "CONSOLE_LISTEN",
        ] {
            assert!(complaints.contains(named), "{named} is not in {complaints}");
        }
    }

    #[test]
    fn the_password_is_never_repeated() {
        let args = ["console", "--database-url", "postgres://reader:hid den@[broken/linkledger"];
        let complaints =
            Args::try_parse_from(args).expect("flags").validate().expect_err("a bad address").complaints;
        assert!(
            complaints[0].contains("DATABASE_URL") && !complaints[0].contains("hid den"),
            "{complaints:?}"
        );
    }

    #[test]
    fn loopback_addresses_of_both_families_are_good() {
        for listen in ["127.0.0.1:8081", "127.0.0.9:0", "[::1]:8081"] {
            assert!(parse(&["--listen", listen]).is_ok(), "{listen}");
        }
        let config = parse(&["--redirect-url", "https://go.example.com/"]).expect("good");
        assert_eq!(config.redirect_url, "https://go.example.com");
    }
}
