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

use crate::openapi::{Routes, routes};

/// The routes of the desk, with what `/openapi.json` says of them.
pub fn routes() -> Routes {
    Routes::new()
        .routes(routes!(orders::list))
        .routes(routes!(orders::show))
        .routes(routes!(explanation::show))
        .routes(routes!(holds::list))
        .routes(routes!(holds::release))
        .routes(routes!(holds::confirm))
        .routes(routes!(payouts::list, payouts::request))
        .routes(routes!(payouts::show))
        .routes(routes!(export::file))
        .routes(routes!(payouts::approve))
        .routes(routes!(payouts::reject))
        .routes(routes!(statement::show))
        .routes(routes!(events::list))
        .routes(routes!(events::unpark))
}
