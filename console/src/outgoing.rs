//! Telling other systems what happens: addresses that want to hear of it, and the worker that calls them.
//!
//! Invariant: what is told is written in the transaction that it tells of, so nothing is told that did not happen, and
//! nothing that happened is forgotten. A message may arrive twice, under the same id; never are addresses called that
//! are inside somebody's network, and no redirect leads there.

#![expect(
    clippy::struct_field_names,
    reason = "fields are named as they are in answers: by their whole name"
)]

mod address;
mod call;
mod deliveries;
mod rules;
mod sign;
mod targets;
mod topics;
mod work;

use axum::Router;
use axum::routing::{get, post};

pub use self::address::Reach;
pub use self::work::run;
use crate::server::App;

/// The routes of what goes out.
pub fn routes() -> Router<App> {
    Router::new()
        .route(targets::PATH, get(targets::list).post(targets::create))
        .route("/v1/webhook-targets/{target_id}", get(targets::show).patch(targets::change))
        .route("/v1/webhook-targets/{target_id}/enable", post(targets::enable))
        .route("/v1/webhook-targets/{target_id}/disable", post(targets::disable))
        .route("/v1/webhook-targets/{target_id}/rotate", post(targets::rotate))
        .route("/v1/webhook-targets/{target_id}/test", post(deliveries::test))
        .route("/v1/webhook-targets/{target_id}/deliveries", get(deliveries::list))
        .route("/v1/webhook-targets/{target_id}/deliveries/{message_id}/retry", post(deliveries::retry))
}
