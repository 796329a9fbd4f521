//! The door for orders: what shops report is checked, put into one form and written down before it is confirmed.
//!
//! Invariant: an answer of 2xx means committed, or nothing to commit. Nothing here changes or deletes what was written
//! down, knows what an order is worth to whom, or waits for the aggregator.

mod answer;
mod assign;
mod door;
mod draft;
mod fields;
mod json;
mod order;
mod orders;
pub mod wake;
mod write;

use axum::Router;
use axum::routing::post;

pub use self::door::Door;
use crate::server::App;

/// The routes of the door.
pub fn routes() -> Router<App> {
    Router::new()
        .route("/v1/orders", post(orders::one))
        .route("/v1/orders/batch", post(orders::batch))
}
