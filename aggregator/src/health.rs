//! Health: whether both stores answer, and whether Redis is set up so that nothing is thrown away.
//!
//! Nothing stops when a store is away: every job tries again by itself. This only says so.

use std::collections::HashMap;
use std::time::Duration;

use anyhow::{Context as _, bail};
use redis::{RedisResult, cmd};
use runtime::admin::AdminConfig;
use runtime::{Admin, Check, Shutdown};
use tracing::{info, warn};

use crate::args::Config;
use crate::migrate::{check_partitions, installed_partitions};
use crate::store::{Node, RedisConnection, Stores};

/// How often to ask.
const INTERVAL: Duration = Duration::from_secs(2);
/// How often to ask while waiting for the stores at the start.
const WAIT: Duration = Duration::from_millis(250);
/// An answer that takes longer is none.
const PATIENCE: Duration = Duration::from_secs(2);

/// Upper bounds of every histogram.
const BUCKETS: &[(&str, &[f64])] = &[
    ("aggregator_flush_seconds", &[0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0]),
    ("aggregator_flush_batch_rows", &[1.0, 10.0, 100.0, 1e3, 1e4, 1e5, 1e6]),
    ("aggregator_publish_lag_seconds", &[0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 60.0]),
    ("aggregator_settle_lag_seconds", &[0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 60.0, 600.0]),
    ("aggregator_publish_rebuild_seconds", &[0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 60.0, 120.0]),
];

/// What others see of us: the admin port, not ready until both stores were reached.
pub struct Status {
    /// The open port.
    pub admin: Admin,
    postgres: Light,
    redis: Light,
}

impl Status {
    /// Opens the admin port. Must not be called from async code: the port has a runtime of its own.
    pub fn open(config: &Config, shutdown: &Shutdown) -> anyhow::Result<Self> {
        let port = AdminConfig {
            listen: config.admin_listen,
            service: "aggregator",
            version: env!("CARGO_PKG_VERSION"),
            buckets: BUCKETS,
        };
        let admin = Admin::start(&port, shutdown)?;
        Ok(Self {
            postgres: Light::new(
                "Postgres",
                admin.check("postgres"),
                metrics::gauge!("aggregator_postgres_up"),
            ),
            redis: Light::new("Redis", admin.check("redis"), metrics::gauge!("aggregator_redis_up")),
            admin,
        })
    }

    /// Waits for both stores, in whatever order they come. False when told to stop meanwhile.
    ///
    /// Errors when Postgres was installed with another number of partitions: waiting would not help.
    pub(crate) async fn both_up(&mut self, stores: &Stores, shutdown: &Shutdown) -> anyhow::Result<bool> {
        loop {
            let postgres = within(postgres_partitions(stores)).await;
            let redis = within(redis_settings(stores)).await;
            self.redis.show(redis.as_ref().map(drop));
            match postgres {
                Ok(found) => {
                    check_partitions(stores.partitions, found)?;
                    self.postgres.show(Ok(()));
                    if redis.is_ok() {
                        return Ok(true);
                    }
                }
                Err(error) => self.postgres.show(Err(&error)),
            }
            if !shutdown.sleep(WAIT).await {
                return Ok(false);
            }
        }
    }

    /// Asks both stores again and again, until told to stop.
    pub(crate) async fn watch(mut self, stores: Stores, shutdown: Shutdown) -> anyhow::Result<()> {
        while shutdown.sleep(INTERVAL).await {
            self.postgres.show(within(postgres_partitions(&stores)).await.as_ref().map(drop));
            self.redis.show(within(redis_settings(&stores)).await.as_ref().map(drop));
        }
        Ok(())
    }
}

/// One store as `/readyz`, the metrics and the log show it.
struct Light {
    name: &'static str,
    check: Check,
    gauge: metrics::Gauge,
    was_up: Option<bool>,
}

impl Light {
    fn new(name: &'static str, check: Check, gauge: metrics::Gauge) -> Self {
        Self { name, check, gauge, was_up: None }
    }

    /// Logs only changes.
    fn show(&mut self, answer: Result<(), &anyhow::Error>) {
        let is_up = answer.is_ok();
        self.gauge.set(f64::from(u8::from(is_up)));
        match answer {
            Ok(()) => {
                self.check.ready();
                if self.was_up == Some(false) {
                    info!("{} answers again", self.name);
                }
            }
            Err(error) => {
                self.check.missing(format!("{error:#}"));
                if self.was_up != Some(false) {
                    warn!("{error:#}");
                }
            }
        }
        self.was_up = Some(is_up);
    }
}

async fn within<T>(question: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    tokio::time::timeout(PATIENCE, question).await.unwrap_or_else(|_| bail!("no answer within {PATIENCE:?}"))
}

/// How many partitions Postgres was installed with.
async fn postgres_partitions(stores: &Stores) -> anyhow::Result<u16> {
    let mut postgres = stores.postgres.acquire().await.context("cannot reach Postgres")?;
    let found = installed_partitions(&mut postgres).await?;
    found.context("Postgres has no schema yet: run `aggregator migrate`")
}

/// Settings without which Redis throws counters away, under memory pressure or when it restarts. The journals would
/// bring them back, but again and again.
const REQUIRED: [(&str, &str); 2] = [("maxmemory-policy", "noeviction"), ("appendonly", "yes")];

/// Whether Redis answers and is set up as required. A Redis that keeps its settings to itself is believed; the gauge
/// then says 0, as for a wrong setting.
async fn redis_settings(stores: &Stores) -> anyhow::Result<()> {
    let mut redis = stores.redis.connection().await?;
    let nodes = redis.nodes().await.context("cannot tell who serves Redis's keys")?;
    for (name, wanted) in REQUIRED {
        let mut found = Vec::with_capacity(nodes.len());
        for node in &nodes {
            found.push(setting(&mut redis, node, name).await?);
        }
        let ok = found.iter().all(|found| found.as_deref() == Some(wanted));
        metrics::gauge!("aggregator_redis_setting_ok", "setting" => name).set(f64::from(u8::from(ok)));
        if let Some(found) = found.iter().flatten().find(|found| *found != wanted) {
            bail!("Redis must run with {name} {wanted}, but has {found}");
        }
    }
    Ok(())
}

/// One setting of one server. `None`: it does not tell.
async fn setting(redis: &mut RedisConnection, node: &Node, name: &str) -> anyhow::Result<Option<String>> {
    let mut ask = cmd("CONFIG");
    let settings: RedisResult<HashMap<String, String>> = redis.ask(node, ask.arg("GET").arg(name)).await;
    match settings {
        Ok(mut settings) => Ok(settings.remove(name)),
        Err(refused) if refused.code().is_some() => Ok(None),
        Err(error) => bail!("cannot read Redis's settings: {error}"),
    }
}
