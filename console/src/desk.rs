//! The desk: where people and their programs read orders and decide about them. Every route wants an API key.
//!
//! Invariant: a vendor's key sees what is that vendor's, whatever it asks for. What belongs to somebody else is answered
//! exactly as what does not exist. A decision is written down with the name of who made it, and once.

pub(crate) mod decision;
pub(crate) mod events;
pub(crate) mod explanation;
pub(crate) mod export;
pub(crate) mod holds;
pub(crate) mod orders;
pub(crate) mod payouts;
mod shape;
pub(crate) mod statement;
mod story;

use axum::Router;
use axum::routing::{get, post};

use crate::server::App;

/// The routes of the desk.
pub fn routes() -> Router<App> {
    Router::new()
        .route(orders::PATH, get(orders::list))
        .route("/v1/orders/{order_id}", get(orders::show))
        .route("/v1/orders/{order_id}/explanation", get(explanation::show))
        .route(holds::PATH, get(holds::list))
        .route("/v1/holds/{order_id}/{flag}/release", post(holds::release))
        .route("/v1/holds/{order_id}/{flag}/confirm", post(holds::confirm))
        .route(payouts::PATH, get(payouts::list).post(payouts::request))
        .route("/v1/payouts/{payout_batch_id}", get(payouts::show))
        .route("/v1/payouts/{payout_batch_id}/csv", get(export::file))
        .route("/v1/payouts/{payout_batch_id}/approve", post(payouts::approve))
        .route("/v1/payouts/{payout_batch_id}/reject", post(payouts::reject))
        .route("/v1/affiliates/{affiliate_id}/statement", get(statement::show))
        .route(events::PATH, get(events::list))
        .route("/v1/order-events/{vendor_id}/{event_id}/unpark", post(events::unpark))
}
