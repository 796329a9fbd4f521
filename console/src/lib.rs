//! The window: reports as a JSON API and as pages, and the door through which shops report orders.
//!
//! This crate books nothing: it writes down what shops report and what people decide, each under a role that can do no
//! more, and reads everything else. It never speaks to Redis, so it shows what was counted for good and nothing that
//! might still be lost. It answers to its own names only, and its pages load nothing from anywhere else.

pub mod accounts;
pub mod affiliates;
pub mod api;
pub mod assets;
pub mod audit;
pub mod auth;
pub mod body;
pub mod config;
pub mod conventions;
pub mod db;
pub mod desk;
pub mod documents;
pub mod front;
pub mod guard;
pub mod housekeeping;
pub mod intake;
pub mod keys;
pub mod limits;
pub mod mail;
pub mod openapi;
pub mod outgoing;
pub(crate) mod pages;
pub mod problem;
pub mod programme;
pub mod report;
pub mod seal;
pub mod server;
pub(crate) mod spreadsheet;
pub mod store;
pub mod vault;

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::Context as _;
use runtime::Secret;
use runtime::Shutdown;
use runtime::admin::{Admin, AdminConfig};
use tokio::net::TcpListener;
use tracing::{info, warn};

use crate::accounts::Passwords;
use crate::front::Front;
use crate::mail::carrier::Carrier;
use crate::vault::Vault;
pub use config::{Args, Config, Work};

/// Bounds of the request histogram in seconds: a page should be well under 50 ms, and none may take 15 s.
const DURATION_BUCKETS: &[f64] =
    &[0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0];

/// A console that listens.
#[derive(Debug)]
pub struct Console {
    /// Where browsers and programs find it, with the real port.
    pub address: SocketAddr,
    /// Its admin port. It answers until this is dropped.
    pub admin: Admin,
}

/// Runs a console until the shutdown is complete.
pub async fn run(config: Config, shutdown: Shutdown) -> anyhow::Result<()> {
    let console = start(config, &shutdown).await?;
    info!(address = %console.address, admin = %console.admin.address, "the console listens");
    shutdown.drained().await
}

/// Binds both ports and begins to answer. Does not wait for Postgres: until it is there, answers say so.
pub async fn start(config: Config, shutdown: &Shutdown) -> anyhow::Result<Console> {
    let (admin_config, drain) = (admin_config(config.admin_listen), shutdown.clone());
    // The admin port starts a runtime of its own, which this one's threads may not do.
    let admin = tokio::task::spawn_blocking(move || Admin::start(&admin_config, &drain))
        .await
        .context("starting the admin port was interrupted")??;
    tokio::spawn(admin.pulse("runtime").of_runtime());
    let listener = TcpListener::bind(config.listen)
        .await
        .with_context(|| format!("cannot listen on {} for browsers; is it in use?", config.listen))?;
    let address = listener.local_addr().context("cannot read the address listened on")?;
    let pool = |purpose| db::pool(config.database.clone(), purpose);
    let intake = pool(db::Purpose::Intake);
    let app = server::App {
        pool: pool(db::Purpose::Read),
        door: intake::Door::new(intake.clone()),
        intake: intake.clone(),
        seal: config.seal,
        operator: pool(db::Purpose::Operate),
        accounts: pool(db::Purpose::Accounts),
        front: Arc::new(Front {
            public: config.public_url,
            address,
            reports: config.reports,
            guests: config.guests,
            trusted_proxies: config.trusted_proxies,
        }),
        passwords: Passwords::new()?,
        mail_dir: match &config.carrier {
            Some(Carrier::Folder(folder)) => Some(folder.clone().into()),
            Some(Carrier::Smtp(..)) | None => None,
        },
        vault: Vault::new(config.secret.as_ref().map(Secret::expose))?,
        cabinet: documents::Cabinet::new(store::Store::new(config.documents)),
        redirect_url: config.redirect_url.into(),
        reach: config.reach,
    };
    let (pool, written) = (app.pool.clone(), app.door.written());
    shutdown.spawn_critical("wake", intake::wake::run(intake, written, shutdown.clone()));
    shutdown.spawn_critical("outgoing", outgoing::run(app.clone(), shutdown.clone()));
    let accounts = app.accounts.clone();
    shutdown.spawn_critical("housekeeping", housekeeping::run(accounts.clone(), shutdown.clone()));
    if let Some(carrier) = config.carrier {
        shutdown.spawn_critical("mail", mail::worker::run(accounts, carrier, shutdown.clone()));
    } else {
        warn!("mails are kept until there is a --smtp-url or a --mail-dir");
    }
    let router = server::router(app, config.requests_per_minute);
    shutdown.spawn_critical("server", server::serve(listener, router, shutdown.clone()));
    shutdown.spawn_critical("watch", db::watch(pool, admin.check("postgres"), shutdown.clone()));
    Ok(Console { address, admin })
}

fn admin_config(listen: SocketAddr) -> AdminConfig {
    AdminConfig {
        listen,
        service: "console",
        version: env!("CARGO_PKG_VERSION"),
        buckets: &[("console_request_duration_seconds", DURATION_BUCKETS)],
    }
}
