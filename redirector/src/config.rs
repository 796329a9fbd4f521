//! Settings, as typed and as validated.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::Parser;
use common::ids::{Lane, Partitions};
use common::secret::Master;
use common::token::KeyStates;
use common::wire::HEADER_BYTES;
use ipnet::IpNet;
use runtime::{CommonArgs, Invalid, Problems, SecretSource};

use crate::catalog::CatalogConfig;
use crate::handler::{Countries, Proxies};
use crate::journal::{Ack, JournalConfig, SPARES};
use crate::server::{Limits, Listen};
use crate::store::Store;

const KIB: u64 = 1024;
const MIB: u64 = 1024 * KIB;
/// The smallest segment: a header and a thousand records. For tests.
const MIN_SEGMENT: u64 = 64 * KIB;
/// The largest: a seq's n has 32 bits, a mapping should stay handy.
const MAX_SEGMENT: u64 = 1024 * MIB;

/// The edge of Linkledger: redirects shoppers and counts their clicks in a journal that is shipped to Redis.
#[derive(Debug, Clone, Parser)]
#[command(name = "redirector", version)]
pub struct Args {
    /// Where shoppers come in; a socket that the service manager hands over goes before it
    #[arg(long, env = "REDIRECTOR_LISTEN", default_value = "127.0.0.1:8080", value_name = "ADDRESS")]
    listen: String,

    /// Where /livez, /readyz and /metrics are; never make it public
    #[arg(long, env = "REDIRECTOR_ADMIN_LISTEN", default_value = "127.0.0.1:9101", value_name = "ADDRESS")]
    admin_listen: String,

    /// Redis: one URL, or several separated by commas for a cluster
    #[arg(
        long,
        env = "REDIS_URL",
        default_value = "redis://127.0.0.1:6379",
        value_name = "URL",
        hide_env_values = true
    )]
    redis_url: String,

    /// The programme's secret, 32 random bytes as hex or base64, or @FILE
    #[arg(long, env = "LINKLEDGER_SECRET", value_name = "SECRET", hide_env_values = true)]
    secret: Option<SecretSource>,

    /// The signing keys and their states, like `1:retired@2026-11-01T00:00:00Z,2:active,3:next`
    #[arg(long, env = "LINKLEDGER_TOKEN_KEYS", default_value = "1:active", value_name = "KEYS")]
    token_keys: String,

    /// This edge's number, 0 to 1023, its own within the programme
    #[arg(long, env = "REDIRECTOR_EDGE_ID", default_value = "0", value_name = "N")]
    edge_id: String,

    /// Threads that serve shoppers [default: one for each core]
    #[arg(long, env = "REDIRECTOR_WORKERS", value_name = "N")]
    workers: Option<String>,

    /// Partitions of the counters, as the programme was installed
    #[arg(long, env = "LINKLEDGER_PARTITIONS", default_value = "16", value_name = "N")]
    partitions: String,

    /// Where clicks are recorded before shoppers are answered
    #[arg(long, env = "REDIRECTOR_JOURNAL_DIR", default_value = ".linkledger/journal", value_name = "DIR")]
    journal_dir: PathBuf,

    /// The size of a journal segment, bytes
    #[arg(long, env = "REDIRECTOR_JOURNAL_SEGMENT_BYTES", default_value = "67108864", value_name = "BYTES")]
    journal_segment_bytes: String,

    /// The journal never takes more of the disk than this, bytes
    #[arg(long, env = "REDIRECTOR_JOURNAL_MAX_BYTES", default_value = "68719476736", value_name = "BYTES")]
    journal_max_bytes: String,

    /// How long counted clicks stay in the journal, hours
    #[arg(long, env = "REDIRECTOR_JOURNAL_RETENTION_HOURS", default_value = "48", value_name = "HOURS")]
    journal_retention_hours: String,

    /// How often the journal is forced to disk, ms: what a power failure may cost
    #[arg(long, env = "REDIRECTOR_SYNC_INTERVAL_MS", default_value = "100", value_name = "MS")]
    sync_interval_ms: String,

    /// When shoppers are answered: when a click is in memory the kernel keeps, or on disk
    #[arg(long, env = "REDIRECTOR_ACK", value_enum, default_value = "memory")]
    ack: Ack,

    /// How often clicks are shipped to Redis, ms
    #[arg(long, env = "REDIRECTOR_SHIP_INTERVAL_MS", default_value = "50", value_name = "MS")]
    ship_interval_ms: String,

    /// Where the links are saved, to start without Redis
    #[arg(long, env = "REDIRECTOR_SNAPSHOT", value_name = "FILE")]
    snapshot: Option<PathBuf>,

    /// How long a change of the links may wait to be saved, seconds; small catalogs are saved sooner
    #[arg(long, env = "REDIRECTOR_SNAPSHOT_INTERVAL_SECONDS", default_value = "300", value_name = "SECONDS")]
    snapshot_interval_seconds: String,

    /// Memory for links, bytes; beyond it they are fetched from Redis when asked for
    #[arg(long, env = "REDIRECTOR_CATALOG_MEMORY", default_value = "8589934592", value_name = "BYTES")]
    catalog_memory: String,

    /// Countries of addresses, a file in MMDB format
    #[arg(long, env = "REDIRECTOR_COUNTRY_DB", value_name = "FILE")]
    country_db: Option<PathBuf>,

    /// A network of proxies whose X-Forwarded-For is believed; may be given several times
    #[arg(
        long = "trusted-proxy",
        env = "REDIRECTOR_TRUSTED_PROXIES",
        value_name = "CIDR",
        value_delimiter = ','
    )]
    trusted_proxies: Vec<String>,

    /// Connections at a time
    #[arg(long, env = "REDIRECTOR_CONNECTIONS", default_value = "20000", value_name = "N")]
    connections: String,

    /// Connections at a time from one address
    #[arg(long, env = "REDIRECTOR_CONNECTIONS_PER_ADDRESS", default_value = "200", value_name = "N")]
    connections_per_address: String,

    /// Settings every service has.
    #[command(flatten)]
    pub common: CommonArgs,
}

/// Everything the edge needs to run.
#[derive(Debug)]
pub struct Config {
    /// Where shoppers come in.
    pub listen: Listen,
    /// Where the admin port is.
    pub admin_listen: SocketAddr,
    /// What keys come of.
    pub master: Master,
    /// Which key signs.
    pub token_keys: KeyStates,
    /// Threads that serve shoppers.
    pub workers: usize,
    /// How often clicks are shipped.
    pub ship_interval: Duration,
    /// The journal's settings.
    pub journal: JournalConfig,
    /// The catalog's settings, Redis among them.
    pub catalog: CatalogConfig,
    /// Where addresses are.
    pub countries: Option<Countries>,
    /// Limits on connections, and the trusted proxies.
    pub limits: Limits,
}

impl Args {
    /// Judges every setting; all complaints come at once, before anything is opened or bound.
    pub fn validate(self) -> Result<Config, Invalid> {
        let mut problems = Problems::of::<Self>();
        self.common.check(&mut problems);
        let listen = problems
            .parse("--listen", &self.listen)
            .and_then(|address| problems.check("--listen", Listen::handed_or(address)));
        let admin_listen = problems.parse("--admin-listen", &self.admin_listen);
        let store = problems.check("--redis-url", Store::parse(&self.redis_url));
        let master = problems.check("--secret", master(self.secret.as_ref()));
        let token_keys = problems.check("--token-keys", self.token_keys.parse::<KeyStates>());
        let edge = problems.check("--edge-id", within(&self.edge_id, 0, u64::from(Lane::EDGES) - 1));
        let cores = std::thread::available_parallelism().map_or(1, usize::from).min(usize::from(Lane::SLOTS));
        let workers = match &self.workers {
            None => Some(cores as u64),
            Some(text) => problems.check("--workers", within(text, 1, u64::from(Lane::SLOTS))),
        };
        let partitions = problems.check("--partitions", partitions(&self.partitions));
        let segment = problems
            .check("--journal-segment-bytes", within(&self.journal_segment_bytes, MIN_SEGMENT, MAX_SEGMENT))
            .map(|bytes| bytes.next_multiple_of(HEADER_BYTES as u64));
        let least = segment.unwrap_or(MIN_SEGMENT) * (SPARES as u64 + 1);
        let max_bytes =
            problems.check("--journal-max-bytes", within(&self.journal_max_bytes, least, u64::MAX));
        let hours = problems
            .check("--journal-retention-hours", within(&self.journal_retention_hours, 0, 24 * 366))
            .map(|hours| Duration::from_secs(hours * 3600));
        let sync = problems.check("--sync-interval-ms", within(&self.sync_interval_ms, 1, 10_000));
        let ship = problems.check("--ship-interval-ms", within(&self.ship_interval_ms, 1, 1_000));
        let save =
            problems.check("--snapshot-interval-seconds", within(&self.snapshot_interval_seconds, 1, 86_400));
        let memory = problems.check("--catalog-memory", within(&self.catalog_memory, MIB, u64::MAX >> 1));
        let countries =
            self.country_db.as_deref().map(|path| problems.check("--country-db", Countries::open(path)));
        let networks: Vec<Option<IpNet>> =
            self.trusted_proxies.iter().map(|text| problems.parse("--trusted-proxy", text.trim())).collect();
        let proxies = Proxies::new(networks.into_iter().flatten().collect());
        let connections = problems.check("--connections", within(&self.connections, 1, 1_000_000));
        let per_address =
            problems.check("--connections-per-address", within(&self.connections_per_address, 1, 1_000_000));
        problems.finish(|| {
            let partitions = partitions?;
            Some(Config {
                listen: listen?,
                admin_listen: admin_listen?,
                master: master?,
                token_keys: token_keys?,
                workers: workers? as usize,
                ship_interval: Duration::from_millis(ship?),
                journal: JournalConfig {
                    dir: self.journal_dir,
                    edge: edge? as u16,
                    partitions,
                    segment_bytes: segment?,
                    sync_interval: Duration::from_millis(sync?),
                    ack: self.ack,
                    retention: hours?,
                    max_bytes: max_bytes?,
                },
                catalog: CatalogConfig {
                    store: store?,
                    memory_bytes: memory? as usize,
                    snapshot: self.snapshot,
                    snapshot_interval: Duration::from_secs(save?),
                    partitions,
                },
                countries: countries.flatten(),
                limits: Limits {
                    connections: connections? as usize,
                    per_address: per_address? as u32,
                    proxies,
                },
            })
        })
    }
}

fn within(text: &str, least: u64, most: u64) -> Result<u64, String> {
    match text.trim().parse() {
        Ok(number) if (least..=most).contains(&number) => Ok(number),
        _ if most > u64::MAX >> 2 => Err(format!("{text:?} is not a whole number of at least {least}")),
        _ => Err(format!("{text:?} is not a whole number from {least} to {most}")),
    }
}

fn partitions(text: &str) -> Result<Partitions, String> {
    text.trim()
        .parse()
        .ok()
        .and_then(Partitions::new)
        .ok_or_else(|| format!("{text:?} is not a power of two of at most {}", Partitions::MAX))
}

fn master(source: Option<&SecretSource>) -> Result<Master, String> {
    let source = source.ok_or("it is missing: make one with `openssl rand -hex 32`")?;
    Master::parse(source.read()?.expose()).map_err(|bad| bad.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";

    fn validate(arguments: &[&str]) -> Result<Config, Invalid> {
        Args::parse_from(std::iter::once("redirector").chain(arguments.iter().copied())).validate()
    }

    #[test]
    fn a_secret_is_all_it_takes() {
        let config = validate(&["--secret", SECRET]).expect("valid");
        assert!(matches!(config.listen, Listen::At(address) if address.to_string() == "127.0.0.1:8080"));
        assert_eq!(config.journal.segment_bytes, 64 * MIB);
        assert!(config.workers >= 1);
    }

    #[test]
    fn all_bad_settings_are_reported_at_once() {
        let wrong = [
            ("--listen", "here"),
            ("--admin-listen", "127.0.0.1"),
            ("--redis-url", "http://x"),
            ("--secret", "short"),
            ("--token-keys", "1:loud"),
            ("--edge-id", "1024"),
            ("--workers", "0"),
            ("--partitions", "12"),
            ("--journal-segment-bytes", "1"),
            ("--journal-max-bytes", "1"),
            ("--journal-retention-hours", "-1"),
            ("--sync-interval-ms", "0"),
            ("--ship-interval-ms", "x"),
            ("--snapshot-interval-seconds", "0"),
            ("--catalog-memory", "5"),
            ("--country-db", "/no/such/file"),
            ("--trusted-proxy", "10.0.0.0/40"),
            ("--connections", "0"),
            ("--connections-per-address", "0"),
            ("--log", "x=loud"),
        ];
        let arguments: Vec<String> = wrong.iter().map(|(flag, value)| format!("{flag}={value}")).collect();
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let invalid = validate(&arguments).expect_err("all are wrong");
        assert_eq!(invalid.complaints.len(), wrong.len(), "{invalid}");
        for (flag, _) in wrong {
            assert!(invalid.complaints.iter().any(|c| c.starts_with(flag)), "{flag} is not in {invalid}");
        }
        assert!(!invalid.to_string().contains("short"), "a secret is never shown");
    }

    #[test]
    fn several_proxies_may_be_given() {
        let config =
            validate(&["--secret", SECRET, "--trusted-proxy", "10.0.0.0/8,192.168.0.0/16"]).expect("valid");
        assert!(config.limits.proxies.contains([192, 168, 3, 4].into()));
        assert!(!config.limits.proxies.contains([11, 0, 0, 1].into()));
    }
}
