//! The desk: where people read orders and decide about them.

use axum::Router;

use crate::server::App;

/// The routes of the desk.
pub fn routes() -> Router<App> {
    Router::new()
}
