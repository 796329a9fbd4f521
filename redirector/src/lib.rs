//! The edge: answers shoppers and counts their clicks.
//!
//! A request for a known link is answered from memory and recorded in a memory-mapped journal; nothing is awaited in
//! between, and nothing behind the edge (Redis, the aggregator, Postgres) can keep a shopper from a known link. What
//! was recorded is shipped to Redis from a thread of its own. This crate never speaks to Postgres.

pub mod catalog;
pub mod config;
pub mod handler;
pub mod journal;
mod meters;
mod pages;
pub mod server;
pub mod ship;
pub mod store;

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::Context as _;
use common::token::Keyring;
use common::traffic::Classifier;
use runtime::admin::AdminConfig;
use runtime::{Admin, Shutdown, clock};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::info;

use crate::catalog::Catalog;
use crate::handler::{Shared, Worker};
use crate::journal::{Journal, Writer};
use crate::server::Doors;
use crate::ship::ShipState;

pub use crate::config::{Args, Config};

/// A running edge.
#[derive(Debug)]
pub struct Edge {
    /// Where shoppers come in, with the real port.
    pub address: SocketAddr,
    /// The admin port.
    pub admin: Admin,
    shutdown: Shutdown,
    workers: TaskTracker,
    shipper: TaskTracker,
    stages: Stages,
    catalog_threads: catalog::Threads,
}

/// What ends after what: first workers, then the shipper, then what both rest on.
#[derive(Debug, Clone, Default)]
struct Stages {
    /// No more clicks will come.
    served: CancellationToken,
    /// No more records will be shipped.
    shipped: CancellationToken,
}

/// Runs the edge until a stop, and through it: answers what was asked, ships what was recorded, saves the links.
pub async fn run(config: Config, shutdown: Shutdown) -> anyhow::Result<()> {
    Edge::start(config, &shutdown)?.finish().await
}

impl Edge {
    /// Opens the journal, binds every port, then starts all threads.
    pub fn start(config: Config, shutdown: &Shutdown) -> anyhow::Result<Self> {
        let admin = Admin::start(
            &AdminConfig {
                listen: config.admin_listen,
                service: "redirector",
                version: env!("CARGO_PKG_VERSION"),
                buckets: meters::BUCKETS,
            },
            shutdown,
        )?;
        let (loaded, serving) = (admin.check("catalog"), admin.check("server"));
        let (address, listeners) = config.listen.open(config.workers)?;
        let (journal, writers) = Journal::open(config.journal, config.workers, clock::now_ms() / 1000)?;
        let stages = Stages::default();
        let store = config.catalog.store.clone();
        let (catalog, catalog_threads) = Catalog::start(config.catalog, loaded, shutdown, &stages.shipped)?;
        let doors = Arc::new(Doors::new(config.limits.clone()));
        let shared = Arc::new(Shared {
            catalog: catalog.clone(),
            journal: journal.clone(),
            master: config.master.clone(),
            classifier: Classifier::new(),
            proxies: config.limits.proxies,
            countries: config.countries,
        });
        let signer = Keyring::new(&config.master, &config.token_keys).signer();
        let edge = Self {
            address,
            admin,
            shutdown: shutdown.clone(),
            workers: TaskTracker::new(),
            shipper: TaskTracker::new(),
            stages,
            catalog_threads,
        };
        let ship = Arc::new(ShipState::default());
        edge.keep(&journal)?;
        edge.ship(journal.clone(), store, config.ship_interval, ship.clone())?;
        let mut tallies = Vec::with_capacity(listeners.len());
        for (listener, writer) in listeners.into_iter().zip(writers) {
            tallies.push(edge.serve(listener, writer, &shared, &signer, &doors)?);
        }
        meters::Sources { tallies, catalog, journal, ship, doors }.show_on(&edge.admin);
        serving.ready();
        info!(%address, admin = %edge.admin.address, workers = edge.workers.len(), "the edge is open");
        Ok(edge)
    }

    /// Waits for the stop and ends everything in order.
    pub async fn finish(self) -> anyhow::Result<()> {
        self.shutdown.stopping().await;
        self.workers.close();
        self.workers.wait().await;
        self.stages.served.cancel();
        self.shipper.close();
        self.shipper.wait().await;
        self.stages.shipped.cancel();
        let drained = self.shutdown.drained().await;
        self.catalog_threads.join()?;
        info!("the edge is closed");
        drained
    }

    fn keep(&self, journal: &Arc<Journal>) -> anyhow::Result<()> {
        let (syncing, stop) = (journal.clone(), self.stages.shipped.clone());
        self.shutdown.thread_critical("journal-sync".into(), move || syncing.sync_until(&stop))?;
        let (keeping, stop) = (journal.clone(), self.stages.shipped.clone());
        self.shutdown.thread_critical("journal-keep".into(), move || keeping.keep_until(&stop, clock::now_us))
    }

    fn ship(
        &self,
        journal: Arc<Journal>,
        store: store::Store,
        interval: std::time::Duration,
        state: Arc<ShipState>,
    ) -> anyhow::Result<()> {
        let (token, stop) = (self.shipper.token(), self.stages.served.clone());
        let pulse = self.admin.pulse("ship");
        self.shutdown.thread_critical("ship".into(), move || {
            let _until_the_thread_ends = token;
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(async {
                tokio::select! {
                    ended = ship::run(journal, store, interval, state, stop) => ended,
                    () = pulse.of_runtime() => Ok(()),
                }
            })
        })
    }

    fn serve(
        &self,
        listener: std::net::TcpListener,
        writer: Writer,
        shared: &Arc<Shared>,
        signer: &common::token::Signer,
        doors: &Arc<Doors>,
    ) -> anyhow::Result<Arc<meters::Tally>> {
        let tally = Arc::new(meters::Tally::default());
        let (token, stop) = (self.workers.token(), self.shutdown.soft.clone());
        let name = format!("worker-{}", writer.log.lane.slot());
        let pulse = self.admin.pulse(name.clone());
        let (shared, signer, doors, counted) = (shared.clone(), signer.clone(), doors.clone(), tally.clone());
        let serve = move || {
            let _until_the_thread_ends = token;
            server::serve(listener, Worker::new(shared, signer, writer, counted), &doors, &pulse, &stop)
        };
        self.shutdown.thread_critical(name, serve).context("cannot start a worker")?;
        Ok(tally)
    }
}
