//! The catalog: every link in memory, so that a click waits for nobody.
//!
//! Redis holds the truth; this is a copy that is kept fresh by [`feed`] and saved to disk, so that neither a slow
//! nor an absent Redis is noticed by a shopper who follows a known link.

mod feed;
mod miss;
mod slots;
mod snapshot;
mod table;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use anyhow::Context as _;
use common::ids::Partitions;
use common::wire::PARTITIONS;
use metrics::{Counter, Gauge, counter, gauge};
use runtime::{Check, Shutdown, clock};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::store::{Connection, Store};

pub use self::miss::{Found, Misses};
pub use self::table::{Known, Link, Table, Told, WhenFull};

/// A change is saved so soon, if saving is quick: only links that were saved survive the death of an edge whose Redis
/// is away as well.
const SAVE_SOONEST: Duration = Duration::from_secs(5);
/// Saving takes at most one part in so many of the time, however large the catalog is.
const SAVE_SHARE: u32 = 100;

/// The catalog's settings.
#[derive(Debug, Clone)]
pub struct CatalogConfig {
    /// Where Redis is.
    pub store: Store,
    /// Beyond this the catalog is a cache.
    pub memory_bytes: usize,
    /// Where it is saved. `None`: nowhere.
    pub snapshot: Option<PathBuf>,
    /// How long a change may wait to be saved. Small catalogs are saved sooner.
    pub snapshot_interval: Duration,
    /// What Redis must have been filled with.
    pub partitions: Partitions,
}

/// All links this edge knows.
#[derive(Debug)]
pub struct Catalog {
    /// The links themselves.
    pub table: Table,
    /// The way to links that are not in memory.
    pub misses: Misses,
    config: CatalogConfig,
    /// The number of the current load; what an older one saw last is swept.
    load: AtomicU32,
    changed: AtomicBool,
    /// Whether it was ever complete: a half-loaded catalog is not worth saving.
    complete: AtomicBool,
    stale: AtomicBool,
    /// When Redis was last heard of, µs since 1970; 0 for never.
    heard_us: AtomicU64,
    ready: Check,
    shutdown: Shutdown,
    bad_entries: Counter,
    loads: Counter,
    load_seconds: Gauge,
}

impl Catalog {
    /// Reads the snapshot, if there is one, and starts the threads that keep the catalog fresh and saved until `stop`.
    pub fn start(
        config: CatalogConfig,
        ready: Check,
        shutdown: &Shutdown,
        stop: &CancellationToken,
    ) -> anyhow::Result<(Arc<Self>, Threads)> {
        let (misses, asked) = Misses::new();
        let catalog = Arc::new(Self {
            table: Table::new(config.memory_bytes),
            misses,
            load: AtomicU32::new(0),
            changed: AtomicBool::new(false),
            complete: AtomicBool::new(false),
            stale: AtomicBool::new(true),
            heard_us: AtomicU64::new(0),
            ready,
            bad_entries: counter!("redirector_catalog_bad_entries_total"),
            loads: counter!("redirector_catalog_loads_total"),
            load_seconds: gauge!("redirector_catalog_load_seconds"),
            shutdown: shutdown.clone(),
            config,
        });
        catalog.ready.missing("loading the links");
        catalog.read_snapshot();
        let (followed, stopped) = (catalog.clone(), stop.clone());
        let feed = std::thread::Builder::new().name("catalog".into()).spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build_local(tokio::runtime::LocalOptions::default())?;
            let store = followed.config.store.clone();
            runtime.block_on(async {
                let answers = tokio::task::spawn_local(miss::answer(followed.clone(), store.clone(), asked));
                feed::follow(followed, store, stopped).await;
                answers.abort();
            });
            anyhow::Ok(())
        });
        let (keeper, stopped) = (catalog.clone(), stop.clone());
        let saver =
            std::thread::Builder::new().name("snapshot".into()).spawn(move || keeper.save_until(&stopped));
        let threads = Threads {
            feed: feed.context("cannot start the catalog thread")?,
            saver: saver.context("cannot start the snapshot thread")?,
        };
        Ok((catalog, threads))
    }

    /// Whether Redis has not been heard of lately. Clicks are still tracked, with a flag.
    pub fn is_stale(&self) -> bool {
        self.stale.load(Ordering::Relaxed)
    }

    /// How long ago Redis was last heard of; since 1970 if never.
    pub fn age(&self) -> Duration {
        Duration::from_micros(clock::now_us().saturating_sub(self.heard_us.load(Ordering::Relaxed)))
    }

    fn heard(&self) {
        self.stale.store(false, Ordering::Relaxed);
        self.heard_us.store(clock::now_us(), Ordering::Relaxed);
    }

    fn lost(&self) {
        self.stale.store(true, Ordering::Relaxed);
    }

    fn settled(&self, complete: bool) {
        if complete {
            self.complete.store(true, Ordering::Relaxed);
            self.ready.ready();
        } else if self.table.links() == 0 {
            self.ready.missing("Redis holds no links yet: is the aggregator running?");
        }
    }

    fn begin_load(&self) -> u32 {
        self.load.fetch_add(1, Ordering::Relaxed) + 1
    }

    fn read_snapshot(&self) {
        let Some(path) = &self.config.snapshot else { return };
        let expect = |entries| self.table.expect(entries as usize);
        match snapshot::read(path, expect, |entry| self.tell(entry, WhenFull::Skip)) {
            Ok(entries) => {
                info!(entries, path = %path.display(), "read the catalog from its snapshot");
                self.complete.store(true, Ordering::Relaxed);
                self.ready.ready();
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => {
                counter!("redirector_catalog_snapshot_failures_total").increment(1);
                warn!(path = %path.display(), "the catalog's snapshot is not used: {error}");
            }
        }
        self.changed.store(false, Ordering::Relaxed);
    }

    fn save_until(&self, stop: &CancellationToken) {
        /// How soon a stop is noticed.
        const STEP: Duration = Duration::from_millis(50);
        let Some(path) = &self.config.snapshot else { return };
        let longest = self.config.snapshot_interval;
        let (mut waited, mut pause) = (Duration::ZERO, SAVE_SOONEST.min(longest));
        loop {
            let last = stop.is_cancelled();
            let due = last || (waited >= pause && self.complete.load(Ordering::Relaxed));
            if due && self.changed.swap(false, Ordering::Relaxed) {
                let begun = clock::monotonic();
                match snapshot::write(path, &self.table) {
                    Ok(entries) => info!(entries, path = %path.display(), "saved the catalog"),
                    Err(error) => {
                        self.changed.store(true, Ordering::Relaxed);
                        counter!("redirector_catalog_snapshot_failures_total").increment(1);
                        warn!(path = %path.display(), "cannot save the catalog: {error}");
                    }
                }
                (waited, pause) =
                    (Duration::ZERO, (begun.elapsed() * SAVE_SHARE).max(SAVE_SOONEST).min(longest));
            }
            if last {
                return;
            }
            std::thread::sleep(STEP);
            waited += STEP;
        }
    }

    /// Looks at the settings that exact counting rests on, and shows each: 1 right, 0 wrong, -1 Redis does not say. In
    /// a cluster any one node is asked; the aggregator asks them all.
    async fn check_settings(&self, connection: &mut Connection) {
        for (setting, expect) in [("maxmemory-policy", "noeviction"), ("appendonly", "yes")] {
            let reply: redis::RedisResult<Vec<String>> =
                redis::cmd("CONFIG").arg("GET").arg(setting).query_async(connection).await;
            let right = match reply.as_deref() {
                Ok([_, value]) if value == expect => 1.0,
                Ok([_, value]) => {
                    warn!(setting, value, expect, "Redis may lose counts: change its settings");
                    0.0
                }
                _ => -1.0,
            };
            gauge!("redirector_redis_setting", "setting" => setting).set(right);
        }
        let stored: redis::RedisResult<Option<u16>> =
            redis::cmd("GET").arg(PARTITIONS).query_async(connection).await;
        let ours = self.config.partitions.count();
        let right = match stored {
            Ok(Some(theirs)) if theirs != ours => {
                let why = format!(
                    "Redis was filled for {theirs} partitions, this edge is set to {ours}: set --partitions"
                );
                // Later on, an edge that serves goes on serving; only its counts would be refused.
                if self.load.load(Ordering::Relaxed) == 0 {
                    self.shutdown.fail("catalog", &why);
                } else {
                    tracing::error!("{why}");
                }
                0.0
            }
            Ok(Some(_)) => 1.0,
            Ok(None) | Err(_) => -1.0,
        };
        gauge!("redirector_redis_setting", "setting" => "partitions").set(right);
    }
}

/// The catalog's threads.
#[derive(Debug)]
pub struct Threads {
    feed: std::thread::JoinHandle<anyhow::Result<()>>,
    saver: std::thread::JoinHandle<()>,
}

impl Threads {
    /// Waits until both have ended, the last snapshot written.
    pub fn join(self) -> anyhow::Result<()> {
        let feed = self.feed.join().map_err(|_| anyhow::anyhow!("the catalog thread panicked"))?;
        self.saver.join().map_err(|_| anyhow::anyhow!("the snapshot thread panicked"))?;
        feed
    }
}
