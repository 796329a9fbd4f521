//! The door for orders: what shops report is checked, put into one form and written down before it is confirmed.

use axum::Router;

use crate::server::App;

/// The routes of the door.
pub fn routes() -> Router<App> {
    Router::new()
}
