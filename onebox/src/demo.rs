//! The demo: what a fresh installation shows. The programme is in `demo/programme.sql`, and its past is written by a
//! program of its own ([`history`]). Then people click its links ([`traffic`]), some of them buy something ([`shop`]), and
//! two treasurers pay what has matured ([`treasury`]).
//!
//! What happens now goes through the doors that real people use, and nothing depends on it: what fails is forgotten.

mod dice;
pub(crate) mod history;
pub(crate) mod keys;
mod shop;
mod traffic;
mod treasury;

use std::net::SocketAddr;

use runtime::Shutdown;

use self::keys::Keys;

/// A link of the demo that is tracked.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub(crate) struct Link {
    pub(crate) code: String,
    product_id: i64,
    product: String,
    price_minor: i64,
}

/// The doors of the services.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Doors {
    pub(crate) redirector: SocketAddr,
    pub(crate) console: SocketAddr,
}

/// Fills the stage until the soft stop.
pub(crate) fn play(doors: Doors, links: Vec<Link>, keys: &Keys, seed: u64, shutdown: &Shutdown) {
    let shop = shop::Shop::new(doors.console, keys.shop.clone(), seed, shutdown.clone());
    shutdown.tasks.spawn(traffic::click(doors.redirector, links, shop, seed, shutdown.clone()));
    shutdown.tasks.spawn(treasury::pay(doors.console, keys.clone(), shutdown.clone()));
}
