//! The door for orders: what shops report is checked, put into one form and written down before it is confirmed.
//!
//! Invariant: an answer of 2xx means committed, or nothing to commit. Nothing here changes or deletes what was written
//! down, knows what an order is worth to whom, or waits for the aggregator.

mod answer;
mod assign;
pub(crate) mod described;
mod door;
mod draft;
mod endpoint;
mod fields;
mod json;
mod order;
mod orders;
mod postback;
mod programme;
mod shop;
mod shopify;
pub(crate) mod signature;
pub mod snippet;
mod stripe;
pub(crate) mod trial;
pub mod wake;
mod webhook;
mod woocommerce;
mod write;

use axum::Router;
use axum::routing::get;

pub use self::door::Door;
pub use self::webhook::judge;
use crate::openapi::{Routes, routes};
use crate::server::App;

/// The routes of the door, with what `/openapi.json` says of them.
pub fn routes() -> Routes {
    Routes::new()
        .routes(routes!(orders::one))
        .routes(routes!(orders::batch))
        .routes(routes!(webhook::receive))
        .routes(routes!(postback::opened, postback::posted))
}

/// The script for shops' pages.
pub fn script() -> Router<App> {
    Router::new().route("/clk.js", get(snippet::show))
}
