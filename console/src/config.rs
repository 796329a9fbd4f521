//! Settings: flags as typed, and the configuration they make once all of them are found good.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::str::FromStr as _;

use clap::Parser;
use ipnet::IpNet;
use lettre::message::Mailbox;
use runtime::Secret;
use runtime::traces::TraceArgs;
use runtime::{CommonArgs, Invalid, Problems, SecretSource};
use sqlx::postgres::PgConnectOptions;
use url::Url;

use crate::front::{Guests, PublicUrl, Reports};
use crate::keys::{Command, Task};
use crate::mail::carrier::{self, Carrier};
use crate::outgoing::Reach;
use crate::seal::Seal;
use crate::store::{Bucket, Place};

/// Shows reports and takes in what shops report; with a command, makes accounts, or makes or ends keys.
#[derive(Debug, Parser)]
#[command(name = "console", version)]
pub struct Args {
    /// What to do instead of serving
    #[command(subcommand)]
    pub command: Option<Command>,

    /// Postgres, or `@path` of a file that holds the address
    #[arg(long, global = true, env = "DATABASE_URL", value_name = "URL|@FILE", hide_env_values = true)]
    pub database_url: Option<SecretSource>,

    /// What webhook secrets, second factors and bank data are encrypted with, or `@path` of a file: at least 32 random bytes, as hexadecimal or
    /// base64. Without it none of them can be kept
    #[arg(long, global = true, env = "CONSOLE_SECRET", value_name = "SECRET|@FILE", hide_env_values = true)]
    pub console_secret: Option<SecretSource>,

    /// Where to listen for browsers and programs: a loopback address, unless --public-url is https
    #[arg(
        long,
        global = true,
        env = "CONSOLE_LISTEN",
        value_name = "ADDRESS",
        default_value = "127.0.0.1:8081"
    )]
    pub listen: String,

    /// Where to listen for `/livez`, `/readyz` and `/metrics`
    #[arg(long, env = "CONSOLE_ADMIN_LISTEN", value_name = "ADDRESS", default_value = "127.0.0.1:9103")]
    pub admin_listen: String,

    /// Where links are opened: what pages show before a link's code
    #[arg(long, env = "CONSOLE_REDIRECT_URL", value_name = "URL", default_value = "http://127.0.0.1:8080")]
    pub redirect_url: String,

    /// Where people find the console, such as `https://console.example.com`: the name it answers to, and what links in
    /// mails begin with. TLS ends at a proxy in front of it
    #[arg(long, global = true, env = "CONSOLE_PUBLIC_URL", value_name = "URL")]
    pub public_url: Option<String>,

    /// Proxies that are believed whom they speak for (X-Forwarded-For): addresses or networks
    #[arg(
        long = "trusted-proxy",
        env = "CONSOLE_TRUSTED_PROXIES",
        value_name = "NETWORK",
        value_delimiter = ','
    )]
    pub trusted_proxies: Vec<String>,

    /// Let everybody on this machine read `/v1/reports` without a key; for loopback listeners without --public-url
    #[arg(long, env = "CONSOLE_OPEN_REPORTS")]
    pub open_reports: bool,

    /// Offer to sign in as the demo's people with one click, and say on every page that it is a demo; for loopback listeners
    /// without --public-url
    #[arg(long, env = "CONSOLE_DEMO")]
    pub demo: bool,

    /// Call webhook targets on this machine too, and without TLS: for a demo and for tests
    #[arg(long, env = "CONSOLE_WEBHOOKS_TO_LOOPBACK")]
    pub webhooks_to_loopback: bool,

    /// Requests a minute that one key, session or address may send (orders are not counted); bursts of ten seconds' worth
    #[arg(
        long,
        env = "CONSOLE_REQUESTS_PER_MINUTE",
        value_name = "N",
        default_value_t = 6000,
        value_parser = clap::value_parser!(u32).range(1..)
    )]
    pub requests_per_minute: u32,

    /// The mail server, as `smtps://user:password@mail.example.com`, or `@path` of a file that holds it
    #[arg(long, env = "CONSOLE_SMTP_URL", value_name = "URL|@FILE", hide_env_values = true)]
    pub smtp_url: Option<SecretSource>,

    /// Who mails are from, such as `Linkledger <no-reply@example.com>`; needed with --smtp-url
    #[arg(long, env = "CONSOLE_MAIL_FROM", value_name = "ADDRESS")]
    pub mail_from: Option<String>,

    /// A folder to keep mails in instead of sending them: for trying things out
    #[arg(long, env = "CONSOLE_MAIL_DIR", value_name = "DIR")]
    pub mail_dir: Option<PathBuf>,
    /// Folder that documents of affiliates are kept in; made when the first one comes
    #[arg(long, env = "CONSOLE_DOCUMENT_DIR", value_name = "FOLDER", default_value = "documents")]
    pub document_dir: PathBuf,
    /// Bucket to keep them in instead, as `s3://NAME/PREFIX`; keys come from the usual `AWS_…` variables. Several consoles
    /// need one
    #[arg(long, env = "CONSOLE_DOCUMENT_BUCKET", value_name = "BUCKET")]
    pub document_bucket: Option<String>,
    /// Server of the bucket, when it is not Amazon's
    #[arg(long, env = "CONSOLE_DOCUMENT_ENDPOINT", value_name = "URL")]
    pub document_endpoint: Option<String>,
    /// Region of the bucket
    #[arg(long, env = "CONSOLE_DOCUMENT_REGION", value_name = "REGION", default_value = "us-east-1")]
    pub document_region: String,

    /// What to log, and how
    #[command(flatten)]
    pub common: CommonArgs,

    /// Whom to tell what becomes of every request
    #[command(flatten)]
    pub traces: TraceArgs,
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
    /// Where people find the console; `None`: on this machine only.
    pub public_url: Option<PublicUrl>,
    /// Proxies that are believed.
    pub trusted_proxies: Vec<IpNet>,
    /// Who may read reports without credentials.
    pub reports: Reports,
    /// Whether the demo's people can be signed in as.
    pub guests: Guests,
    /// Requests a minute of one caller.
    pub requests_per_minute: u32,
    /// What takes mails away.
    pub carrier: Option<Carrier>,
    /// What the vault's keys come from.
    pub secret: Option<Secret>,
    /// Opens webhook secrets, if there is a secret for it.
    pub seal: Option<Seal>,
    /// How far calls to other systems reach.
    pub reach: Reach,
    /// Where documents lie.
    pub documents: Place,
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
        self.traces.check(&mut problems);
        let database = problems.check("--database-url", database(self.database_url.as_ref()));
        let seal = problems.check("--console-secret", seal(self.console_secret.as_ref()));
        if let Some(command) = self.command {
            let has_seal = seal.as_ref().is_some_and(Option::is_some);
            let base_url = self.public_url.clone().unwrap_or_else(|| format!("http://{}", self.listen));
            let action = command.validate(has_seal, &base_url, &mut problems);
            return problems
                .finish(|| Some(Work::Keep(Task { database: database?, seal: seal?, action: action? })));
        }
        let public_url =
            self.public_url.as_deref().map(|text| problems.check("--public-url", public_url(text)));
        let is_public = self.public_url.as_deref().is_some_and(|text| text.starts_with("https:"));
        let listen = problems.check("--listen", listener(&self.listen, is_public));
        let nets: Vec<_> = self
            .trusted_proxies
            .iter()
            .map(|text| problems.check("--trusted-proxy", net(text.trim())))
            .collect();
        if self.open_reports && self.public_url.is_some() {
            problems
                .add("--open-reports", "everybody could read the reports of a console with a --public-url");
        }
        let is_reachable =
            self.public_url.is_some() || listen.is_some_and(|listen| !listen.ip().is_loopback());
        if self.demo && is_reachable {
            problems.add(
                "--demo",
                "others could sign in without a password: listen on 127.0.0.1 or [::1] and drop --public-url",
            );
        }
        let carrier = carrier(&self, &mut problems);
        let documents = problems.check("--document-bucket", documents(&self));
        let admin_listen = problems.parse("--admin-listen", &self.admin_listen);
        let redirect_url = problems.check("--redirect-url", base_url(&self.redirect_url));
        problems.finish(|| {
            Some(Work::Serve(Config {
                database: database?,
                listen: listen?,
                admin_listen: admin_listen?,
                redirect_url: redirect_url?,
                public_url: public_url.flatten(),
                trusted_proxies: nets.into_iter().flatten().collect(),
                requests_per_minute: self.requests_per_minute,
                carrier,
                guests: if self.demo { Guests::Welcome } else { Guests::Unknown },
                reports: if self.open_reports { Reports::OpenOnThisMachine } else { Reports::Closed },
                seal: seal?,
                reach: if self.webhooks_to_loopback { Reach::LoopbackToo } else { Reach::Public },
                secret: self.console_secret.as_ref().and_then(|source| source.read().ok()),
                documents: documents?,
            }))
        })
    }
}

fn documents(args: &Args) -> Result<Place, String> {
    let Some(bucket) = &args.document_bucket else { return Ok(Place::Folder(args.document_dir.clone())) };
    let bucket = Bucket::parse(bucket, args.document_endpoint.as_deref(), &args.document_region)?;
    Ok(Place::Bucket(Box::new(bucket)))
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

fn listener(text: &str, is_public: bool) -> Result<SocketAddr, String> {
    let address: SocketAddr =
        text.parse().map_err(|error| format!("cannot use {text:?}: {error}; write it as 127.0.0.1:8081"))?;
    if address.ip().is_loopback() || is_public {
        return Ok(address);
    }
    Err(format!(
        "refuses to listen on {address}: passwords would travel readable; put a proxy with TLS before it and say \
         --public-url https://…, or listen on 127.0.0.1 or [::1] and reach it from elsewhere through an SSH tunnel"
    ))
}

/// What takes mails away, if anything does.
fn carrier(args: &Args, problems: &mut Problems) -> Option<Carrier> {
    let Some(server) = &args.smtp_url else { return args.mail_dir.clone().map(Carrier::Folder) };
    if args.mail_dir.is_some() {
        problems.add("--mail-dir", "and --smtp-url exclude each other: mails are sent or kept");
    }
    let server = problems.check("--smtp-url", server.read().and_then(|url| carrier::smtp(url.expose())));
    let from = args.mail_from.as_deref().ok_or_else(|| "is needed with --smtp-url".to_owned());
    let from = from
        .and_then(|from| from.parse::<Mailbox>().map_err(|error| format!("cannot use {from:?}: {error}")));
    Some(Carrier::Smtp(Box::new(server?), problems.check("--mail-from", from)?))
}

pub(crate) fn public_url(text: &str) -> Result<PublicUrl, String> {
    let url: Url = base_url(text)?.parse().map_err(|error| format!("cannot use {text:?}: {error}"))?;
    let host = url.host_str().filter(|_| url.path() == "/");
    let host = host.ok_or_else(|| format!("cannot use {text:?}: write it as https://console.example.com"))?;
    let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
    Ok(PublicUrl { scheme: url.scheme().to_owned(), authority: format!("{host}{port}") })
}

fn net(text: &str) -> Result<IpNet, String> {
    text.parse::<IpNet>()
        .or_else(|_| text.parse::<IpAddr>().map(IpNet::from))
        .map_err(|_| format!("cannot use {text:?}: write it as 10.0.0.0/8 or 10.0.0.1"))
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
            "passwords would travel readable",
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
    fn a_demo_is_for_this_machine_alone() {
        assert_eq!(parse(&["--demo"]).expect("good").guests, Guests::Welcome);
        assert_eq!(parse(&[]).expect("good").guests, Guests::Unknown);
        for url in ["https://console.example.com", "http://127.0.0.1:8081"] {
            let complaints = parse(&["--demo", "--public-url", url]).expect_err("public").to_string();
            assert!(complaints.contains("--demo (environment CONSOLE_DEMO)"), "{complaints}");
        }
        let everywhere =
            ["--demo", "--listen", "0.0.0.0:8081", "--public-url", "https://console.example.com"];
        assert!(parse(&everywhere).is_err());
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
