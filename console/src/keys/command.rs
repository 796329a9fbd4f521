//! The commands as typed, and as found good.

use std::time::Duration;

use clap::{Subcommand, ValueEnum};
use runtime::{Problems, Secret, SecretSource};

use crate::accounts::operator::{Company, Operator};
use crate::accounts::{is_email, stored_email};
use crate::auth::{Role, Scope};
use crate::intake::signature::standard_key;

/// A secret that somebody else made must be at least this long.
const MIN_SECRET: usize = 16;

/// Bytes of the key in a Standard Webhooks secret, as its specification asks for.
const MIN_STANDARD_KEY: usize = 24;

/// How long an old secret may live on: nobody needs a month to change one.
const MAX_OVERLAP: Duration = Duration::from_hours(30 * 24);

/// What the console does instead of serving.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Makes an API key and prints it, once
    CreateApiKey {
        /// Who will hold it; two people are two names
        #[arg(long)]
        name: String,
        /// The vendor whose orders it is for; without it, the whole programme
        #[arg(long, value_name = "VENDOR_ID")]
        vendor: Option<i64>,
        /// What it may do; may be given several times
        #[arg(long = "scope", required = true, value_name = "SCOPE")]
        scopes: Vec<Scope>,
    },
    /// Makes an operator, and prints a link to choose a password unless there is one on standard input
    CreateOperator {
        /// The address to sign in with
        #[arg(long)]
        email: String,
        /// What people call them
        #[arg(long)]
        name: String,
        /// What they may do
        #[arg(long, value_enum)]
        role: Role,
        /// Read the password from standard input, one line
        #[arg(long)]
        password_stdin: bool,
        /// Do nothing if there is any account already
        #[arg(long)]
        unless_any: bool,
    },
    /// Ends an API key
    RevokeApiKey {
        /// The part between `llk_` and the next `_`
        #[arg(long)]
        id: String,
    },
    /// Makes an address for a shop system and prints it with its secret, once
    CreateWebhook {
        /// The shop system
        #[arg(long)]
        source: EndpointSource,
        /// The vendor whose orders it sends
        #[arg(long, value_name = "VENDOR_ID")]
        vendor: Option<i64>,
        /// The secret that the shop system gave, or `@path` of a file; without it, one is made
        #[arg(long, value_name = "SECRET|@FILE")]
        secret: Option<SecretSource>,
    },
    /// Gives an endpoint a new secret and prints it, once; the old one stays valid for a while
    RotateWebhookSecret {
        /// The endpoint's id
        #[arg(long, value_name = "WEBHOOK_ENDPOINT_ID")]
        endpoint: String,
        /// The secret that the shop system gave, or `@path` of a file; without it, one is made
        #[arg(long, value_name = "SECRET|@FILE")]
        secret: Option<SecretSource>,
        /// How long the old secret stays valid: 0, 90m, 24h, 7d
        #[arg(long, default_value = "24h")]
        overlap: String,
    },
    /// Switches an endpoint off
    DisableWebhook {
        /// The endpoint's id
        #[arg(long, value_name = "WEBHOOK_ENDPOINT_ID")]
        endpoint: String,
    },
}

/// Which system sends to an endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum EndpointSource {
    /// Signed as Standard Webhooks are, with a body as for `/v1/orders`
    Standard,
    /// Stripe
    Stripe,
    /// Shopify
    Shopify,
    /// `WooCommerce`
    Woocommerce,
    /// A tracker's postback with a shared secret
    Postback,
}

impl EndpointSource {
    /// The name in Postgres.
    pub fn name(self) -> &'static str {
        match self {
            Self::Standard => "standard",
            Self::Stripe => "stripe",
            Self::Shopify => "shopify",
            Self::Woocommerce => "woocommerce",
            Self::Postback => "postback",
        }
    }
}

/// A command that was found good.
#[derive(Debug)]
pub enum Action {
    /// See [`Command::CreateApiKey`].
    #[expect(missing_docs, reason = "as in the command")]
    CreateApiKey { name: String, vendor: Option<i64>, scopes: Vec<Scope> },
    /// See [`Command::CreateOperator`].
    CreateOperator(Operator),
    /// See [`Command::RevokeApiKey`].
    #[expect(missing_docs, reason = "as in the command")]
    RevokeApiKey { id: String },
    /// See [`Command::CreateWebhook`].
    #[expect(missing_docs, reason = "as in the command")]
    CreateWebhook { source: EndpointSource, vendor: Option<i64>, secret: Option<Secret> },
    /// See [`Command::RotateWebhookSecret`].
    #[expect(missing_docs, reason = "as in the command")]
    RotateWebhookSecret { endpoint: String, secret: Option<Secret>, overlap: Duration },
    /// See [`Command::DisableWebhook`].
    #[expect(missing_docs, reason = "as in the command")]
    DisableWebhook { endpoint: String },
}

impl Command {
    /// Judges what was typed.
    pub(crate) fn validate(self, has_seal: bool, base_url: &str, problems: &mut Problems) -> Option<Action> {
        let seals = matches!(self, Self::CreateWebhook { .. } | Self::RotateWebhookSecret { .. });
        if seals && !has_seal {
            problems.add(
                "--console-secret",
                "is needed to keep a webhook's secret: make one with `openssl rand -hex 32`",
            );
        }
        match self {
            Self::CreateApiKey { name, vendor, scopes } => {
                let name = name.trim().to_owned();
                let is_name = (1..=200).contains(&name.chars().count());
                problems
                    .check("--name", if is_name { Ok(()) } else { Err("must have 1 to 200 characters") })?;
                Some(Action::CreateApiKey { name, vendor, scopes })
            }
            Self::CreateOperator { email, name, role, password_stdin, unless_any } => {
                let email = stored_email(&email);
                if !is_email(&email) {
                    problems.add("--email", "must be one address, such as ada@example.com");
                }
                let name = name.trim().to_owned();
                if !(1..=200).contains(&name.chars().count()) || name.contains(char::is_control) {
                    problems.add("--name", "must have 1 to 200 characters on one line");
                }
                if !matches!(role, Role::Admin | Role::Reviewer | Role::Finance) {
                    problems.add(
                        "--role",
                        "must be admin, reviewer or finance; vendors and affiliates are let in by them",
                    );
                }
                let password = if password_stdin {
                    Some(problems.check("--password-stdin", from_stdin())?)
                } else {
                    None
                };
                let base_url = base_url.trim_end_matches('/').to_owned();
                let company = if unless_any { Company::First } else { Company::Any };
                Some(Action::CreateOperator(Operator { email, name, role, password, base_url, company }))
            }
            Self::RevokeApiKey { id } => Some(Action::RevokeApiKey { id }),
            Self::CreateWebhook { source, vendor, secret } => {
                if vendor.is_none() && source != EndpointSource::Standard {
                    let words = "is needed: payloads of this system do not say whose their items are";
                    problems.add("--vendor", words);
                }
                let secret = given(secret.as_ref(), problems)?;
                if source == EndpointSource::Standard {
                    problems.check("--secret", secret.as_ref().map_or(Ok(()), standard))?;
                }
                Some(Action::CreateWebhook { source, vendor, secret })
            }
            Self::RotateWebhookSecret { endpoint, secret, overlap } => {
                let secret = given(secret.as_ref(), problems)?;
                let overlap = problems.check("--overlap", duration(&overlap))?;
                Some(Action::RotateWebhookSecret { endpoint, secret, overlap })
            }
            Self::DisableWebhook { endpoint } => Some(Action::DisableWebhook { endpoint }),
        }
    }
}

/// The first line of standard input. Not a flag: other people on this machine see those.
fn from_stdin() -> Result<Secret, String> {
    let mut line = String::new();
    std::io::stdin().read_line(&mut line).map_err(|error| format!("cannot read it: {error}"))?;
    let password = line.trim_end_matches(['\n', '\r']);
    if password.is_empty() {
        Err("found no password on standard input".to_owned())
    } else {
        Ok(Secret::new(password))
    }
}

/// The secret as given, if one was. The outer `None` is a complaint.
#[expect(clippy::option_option, reason = "a bad secret is not a missing one")]
fn given(source: Option<&SecretSource>, problems: &mut Problems) -> Option<Option<Secret>> {
    let Some(source) = source else { return Some(None) };
    let secret = source.read().and_then(|secret| match secret.expose().len() {
        MIN_SECRET.. => Ok(secret),
        short => Err(format!("has {short} characters, but needs {MIN_SECRET}: it can be guessed")),
    });
    problems.check("--secret", secret).map(Some)
}

/// Whether a secret is one of Standard Webhooks.
pub(super) fn standard(secret: &Secret) -> Result<(), String> {
    let length = standard_key(secret.expose()).map(|key| key.len());
    match length {
        Some(MIN_STANDARD_KEY..) => Ok(()),
        _ => Err(format!(
            "must be whsec_ and the base64 of at least {MIN_STANDARD_KEY} bytes; leave it out to have one made"
        )),
    }
}

fn duration(text: &str) -> Result<Duration, String> {
    let wrong = || format!("cannot use {text:?}: write it as 0, 90m, 24h or 7d, at most 30d");
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = match &text[digits.len()..] {
        "" if digits == "0" => 0,
        "s" => 1,
        "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        _ => return Err(wrong()),
    };
    let seconds = digits.parse::<u64>().ok().and_then(|count| count.checked_mul(unit)).ok_or_else(wrong)?;
    Some(Duration::from_secs(seconds)).filter(|duration| *duration <= MAX_OVERLAP).ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn overlaps_are_short_words() {
        for (text, seconds) in
            [("0", 0), ("0h", 0), ("90m", 5_400), ("24h", 86_400), ("30d", 2_592_000), ("5s", 5)]
        {
            assert_eq!(duration(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
        for bad in ["", "24", "h", "-1h", "31d", "1w", "1.5h", "99999999999999999999d", "24 h"] {
            assert!(duration(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_standard_secret_has_a_key_of_24_bytes() {
        for (text, good) in [
            ("whsec_bmV3LW1hZGUtdXAtc2VjcmV0LW9mLWEtdGVzdA==", true),
            ("bmV3LW1hZGUtdXAtc2VjcmV0LW9mLWEtdGVzdA==", true),
            ("whsec_c2hvcnQ=", false),
            ("whsec_not base64 at all, sorry about that", false),
        ] {
            assert_eq!(standard(&Secret::new(text)).is_ok(), good, "{text}");
        }
    }
}
