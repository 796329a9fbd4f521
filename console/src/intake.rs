//! The door for orders: what shops report is checked, put into one form and written down before it is confirmed.
//!
//! Invariant: an answer of 2xx means committed, or nothing to commit. Nothing here changes or deletes what was written
//! down, knows what an order is worth to whom, or waits for the aggregator.

mod answer;
mod assign;
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
pub mod wake;
mod webhook;
mod woocommerce;
mod write;

use axum::Router;
use axum::routing::{get, post};

pub use self::door::Door;
use crate::server::App;

/// The routes of the door.
pub fn routes() -> Router<App> {
    Router::new()
        .route("/v1/orders", post(orders::one))
        .route("/v1/orders/batch", post(orders::batch))
        .route("/v1/webhooks/{webhook_endpoint_id}", post(webhook::receive))
        .route("/v1/postback/{webhook_endpoint_id}", get(postback::receive).post(postback::receive))
        .route("/clk.js", get(snippet::show))
}
