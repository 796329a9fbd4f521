//! What the programme brings and what it costs: the overview, reports, orders, holds, payouts and statements.
//!
//! Invariant: every number comes from the functions that answer the JSON API, inside a snapshot of what the visitor may
//! see; nothing here asks whose rows they are.

mod dashboard;
mod figure;
mod health;
mod holds;
mod orders;
mod overview;
mod payouts;
mod plot;
mod ranking;
mod reports;
mod statement;

use axum::Router;
use axum::routing::{get, post};

use crate::server::App;

/// The routes of these pages.
pub(super) fn routes() -> Router<App> {
    Router::new()
        .route("/", get(overview::show))
        .route(figure::LIVE, get(figure::live))
        .route(orders::PATH, get(orders::list::show))
        .route("/orders/{order_id}", get(orders::one::show))
        .route(reports::PATH, get(reports::show))
        .route("/reports/csv", get(reports::file))
        .route(statement::PATH, get(statement::show))
        .route("/statement/csv", get(statement::file))
        .route(holds::PATH, get(holds::list))
        .route("/holds/let-in", post(holds::let_in))
        .route("/holds/{order_id}/{flag}", get(holds::one).post(holds::decide))
        .route(payouts::PATH, get(payouts::list).post(payouts::request))
        .route("/payouts/{payout_batch_id}", get(payouts::one).post(payouts::decide))
        .route("/payouts/{payout_batch_id}/csv", get(payouts::file))
}
