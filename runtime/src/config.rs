//! From arguments as typed to a configuration as validated, with every complaint made at once.
//!
//! clap finds syntax errors (an unknown flag, a missing value). Everything that needs judgement is typed as text in
//! `Args` and judged through [`Problems`], so that a person who got four settings wrong reads four lines and starts
//! the service twice, not five times. Nothing is bound, opened or connected before [`Problems::finish`] agreed.

use std::fmt;
use std::process::ExitCode;
use std::str::FromStr;

use clap::CommandFactory;

use crate::telemetry::{self, LogFormat};

/// Exit code for settings that cannot be used, as clap itself uses for flags it cannot read.
pub const EXIT_BAD_SETTINGS: u8 = 2;

/// Collects what is wrong with the settings of one binary.
///
/// ```text
/// let mut problems = Problems::of::<Args>();
/// let listen = problems.parse::<SocketAddr>("--listen", &args.listen);
/// let store = problems.check("--redis-url", Store::parse(&args.redis_url));
/// problems.finish(|| Some(Config { listen: listen?, store: store? }))
/// ```
#[derive(Debug)]
pub struct Problems {
    command: clap::Command,
    found: Vec<String>,
}

impl Problems {
    /// Starts with none. `A` is the binary's clap struct: it knows each flag's environment twin.
    pub fn of<A: CommandFactory>() -> Self {
        Self { command: A::command(), found: Vec::new() }
    }

    /// Keeps the value of `outcome`, or its error as a complaint about `flag` (written `--journal-dir`).
    ///
    /// The error should name the value and say what to do; the flag and its environment twin are added here.
    pub fn check<T, E: fmt::Display>(&mut self, flag: &str, outcome: Result<T, E>) -> Option<T> {
        outcome.map_err(|error| self.add(flag, format_args!("{error:#}"))).ok()
    }

    /// Parses `text` with the type's own parser, quoting it in the complaint. Not for secrets.
    pub fn parse<T: FromStr<Err: fmt::Display>>(&mut self, flag: &str, text: &str) -> Option<T> {
        self.check(flag, text.parse().map_err(|error: T::Err| format!("cannot use {text:?}: {error}")))
    }

    /// Adds a complaint about `flag` that no conversion produces, such as two settings that exclude each other.
    pub fn add(&mut self, flag: &str, complaint: impl fmt::Display) {
        self.found.push(match self.environment_twin(flag) {
            Some(twin) => format!("{flag} (environment {twin}): {complaint}"),
            None => format!("{flag}: {complaint}"),
        });
    }

    /// Hands out the configuration if there was nothing to complain about.
    ///
    /// `build` runs only then, so the `?` on each checked value in it never fails.
    pub fn finish<T>(self, build: impl FnOnce() -> Option<T>) -> Result<T, Invalid> {
        let complaints = self.found;
        if complaints.is_empty() {
            return build().ok_or_else(|| Invalid { complaints: vec!["a setting is missing".into()] });
        }
        Err(Invalid { complaints })
    }

    fn environment_twin(&self, flag: &str) -> Option<String> {
        let long = flag.strip_prefix("--")?;
        let argument = self.command.get_arguments().find(|argument| argument.get_long() == Some(long))?;
        Some(argument.get_env()?.to_string_lossy().into_owned())
    }
}

/// Settings that cannot be used: every complaint, one a line.
#[derive(Debug, PartialEq, Eq)]
pub struct Invalid {
    /// One line per bad value: flag, environment twin, what is wrong, what to do.
    pub complaints: Vec<String>,
}

impl Invalid {
    /// Prints all complaints to stderr and gives the exit code for bad settings. What `main` does with it.
    pub fn report(&self) -> ExitCode {
        eprintln!("error: {self}\n\nFor all settings, try '--help'.");
        ExitCode::from(EXIT_BAD_SETTINGS)
    }
}

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} setting(s) cannot be used:", self.complaints.len())?;
        self.complaints.iter().try_for_each(|complaint| write!(f, "\n  {complaint}"))
    }
}

impl std::error::Error for Invalid {}

/// The settings every binary has; flatten it into `Args`.
#[derive(Clone, Debug, clap::Args)]
pub struct CommonArgs {
    /// What to log: a level, or a list such as `info,redirector=debug`
    #[arg(
        long = "log",
        global = true,
        env = "LINKLEDGER_LOG",
        value_name = "FILTER",
        default_value = "info"
    )]
    pub log: String,

    /// How log lines look
    #[arg(
        long = "log-format",
        global = true,
        env = "LINKLEDGER_LOG_FORMAT",
        value_enum,
        default_value = "human"
    )]
    pub log_format: LogFormat,
}

impl CommonArgs {
    /// Complains about a filter that cannot be understood; call it with the other checks.
    pub fn check(&self, problems: &mut Problems) {
        problems.check("--log", telemetry::parse_filter(&self.log));
    }

    /// Starts logging. Call it after the settings were found good.
    pub fn start_logging(&self) -> anyhow::Result<()> {
        telemetry::init(&self.log, self.log_format)
    }
}

/// A secret as typed: the text itself, or `@path` of a file that holds it.
///
/// Use it in `Args` (with `hide_env_values = true`) and turn it into a [`Secret`] with [`SecretSource::read`].
#[derive(Clone)]
pub struct SecretSource(String);

impl SecretSource {
    /// Reads the file if one was named. Errors when it cannot be read or nothing is in it; never shows the text.
    pub fn read(&self) -> Result<Secret, String> {
        let text = match self.0.strip_prefix('@') {
            None => self.0.trim().to_owned(),
            Some(path) => match std::fs::read_to_string(path) {
                Ok(text) => text.trim().to_owned(),
                Err(error) => return Err(format!("cannot read the secret from {path:?}: {error}")),
            },
        };
        if text.is_empty() { Err("the secret is empty".into()) } else { Ok(Secret(text)) }
    }
}

impl FromStr for SecretSource {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Debug for SecretSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretSource(hidden)")
    }
}

/// A value that no log line, error or debug print shows.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps a value that is already at hand.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The value itself. Every use of this word is a place to review.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(hidden)")
    }
}

/// One or several comma-separated URLs with every password replaced, fit for a log line.
pub fn without_password(urls: &str) -> String {
    urls.split(',').map(hide_one).collect::<Vec<_>>().join(",")
}

fn hide_one(url: &str) -> String {
    let (address, query) = url.split_once('?').unwrap_or((url, ""));
    let mut shown = match (address.find("://"), address.rfind('@')) {
        (Some(scheme), Some(at)) if scheme + 3 <= at => {
            let user = address[scheme + 3..at].split(':').next().unwrap_or_default();
            format!("{}{user}:***{}", &address[..scheme + 3], &address[at..])
        }
        _ => address.to_owned(),
    };
    let parameters =
        query.split('&').filter(|pair| !pair.is_empty()).map(|pair| match pair.split_once('=') {
            Some((key, _)) if key.to_ascii_lowercase().contains("pass") => format!("{key}=***"),
            _ => pair.to_owned(),
        });
    for (position, parameter) in parameters.enumerate() {
        shown.push(if position == 0 { '?' } else { '&' });
        shown.push_str(&parameter);
    }
    shown
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Args {
        #[arg(long, env = "DEMO_LISTEN", default_value = "127.0.0.1:1")]
        listen: String,
        #[arg(long, default_value = "4")]
        workers: String,
        #[arg(long, env = "DEMO_SECRET", hide_env_values = true, default_value = "x")]
        secret: SecretSource,
        #[command(flatten)]
        common: CommonArgs,
    }

    type Validated = (SocketAddr, u16, Secret);

    fn validate(arguments: &[&str]) -> Result<Validated, Invalid> {
        let args = Args::parse_from(std::iter::once("demo").chain(arguments.iter().copied()));
        let mut problems = Problems::of::<Args>();
        let listen = problems.parse("--listen", &args.listen);
        let workers = problems.parse("--workers", &args.workers);
        let secret = problems.check("--secret", args.secret.read());
        args.common.check(&mut problems);
        problems.finish(|| Some((listen?, workers?, secret?)))
    }

    #[test]
    fn good_settings_pass() {
        let (listen, workers, secret) = validate(&["--workers", "2"]).expect("valid");
        assert_eq!((listen.port(), workers, secret.expose()), (1, 2, "x"));
    }

    #[test]
    fn every_bad_setting_is_reported_with_its_twin() {
        let wrong =
            ["--listen", "nowhere", "--workers", "many", "--secret", "@/no/such/file", "--log", "x=loud"];
        let invalid = validate(&wrong).expect_err("four are wrong");
        assert_eq!(invalid.complaints.len(), 4, "{invalid}");
        assert!(
            invalid.complaints[0].starts_with("--listen (environment DEMO_LISTEN): cannot use \"nowhere\"")
        );
        assert!(invalid.complaints[1].starts_with("--workers: cannot use \"many\""));
        assert!(invalid.complaints[2].contains("/no/such/file"));
        assert!(invalid.complaints[3].starts_with("--log (environment LINKLEDGER_LOG)"));
    }

    #[test]
    fn a_secret_is_read_from_a_file_and_never_shown() {
        let file = std::env::temp_dir().join(format!("runtime-secret-{}", std::process::id()));
        std::fs::write(&file, "hunter2\n").expect("the temp folder is writable");
        let source: SecretSource = format!("@{}", file.display()).parse().expect("infallible");
        let secret = source.read().expect("readable");
        std::fs::remove_file(&file).expect("removable");
        assert_eq!(secret.expose(), "hunter2");
        assert_eq!(format!("{secret:?} {source:?}"), "Secret(hidden) SecretSource(hidden)");
    }

    #[test]
    fn passwords_leave_urls() {
        let table = [
            ("redis://127.0.0.1:6379/0", "redis://127.0.0.1:6379/0"),
            ("redis://app:s3cret@db.example.com/0", "redis://app:***@db.example.com/0"),
            ("redis://:a,redis://:b@x", "redis://:a,redis://:***@x"),
            ("redis://:s3@cret@h:1,redis://u:p@i:2", "redis://:***@h:1,redis://u:***@i:2"),
            ("postgres://u:p/w@h/db?sslmode=disable", "postgres://u:***@h/db?sslmode=disable"),
            ("postgres://h/db?password=s3cret&user=u", "postgres://h/db?password=***&user=u"),
        ];
        for (url, shown) in table {
            assert_eq!(without_password(url), shown);
        }
    }
}
