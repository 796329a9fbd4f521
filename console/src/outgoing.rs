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
pub(crate) mod deliveries;
mod rules;
mod sign;
pub(crate) mod targets;
pub(crate) mod topics;
mod work;

pub use self::address::Reach;
pub use self::work::run;
use crate::openapi::{Routes, routes};

/// The routes of what goes out, with what `/openapi.json` says of them.
pub fn routes() -> Routes {
    Routes::new()
        .routes(routes!(targets::list, targets::create))
        .routes(routes!(targets::show, targets::change))
        .routes(routes!(targets::enable))
        .routes(routes!(targets::disable))
        .routes(routes!(targets::rotate))
        .routes(routes!(deliveries::test))
        .routes(routes!(deliveries::list))
        .routes(routes!(deliveries::retry))
}
