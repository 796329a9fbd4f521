//! Running the programme: vendors and what they sell, who promotes whom and for how much, links, coupons, and asking
//! people to join.
//!
//! Invariant: whose rows a request touches is decided by the database (row-level security), never by what it names.
//! Every change is written down with who made it, in its own transaction; of two changes at once one is told of the other.

#![expect(
    clippy::struct_field_names,
    reason = "fields are named as they are in answers: by their whole name"
)]

pub(crate) mod coupons;
pub(crate) mod find;
pub mod invitations;
pub(crate) mod links;
pub(crate) mod notice;
pub(crate) mod partnerships;
pub(crate) mod products;
pub(crate) mod rate_input;
pub(crate) mod rates;
pub(crate) mod requests;
pub(crate) mod shape;
pub(crate) mod standing;
pub(crate) mod terms;
pub(crate) mod vendors;

use crate::openapi::{Routes, routes};

/// The routes of the programme, with what `/openapi.json` says of them.
pub fn routes() -> Routes {
    Routes::new()
        .routes(routes!(vendors::list, vendors::create))
        .routes(routes!(vendors::show, vendors::change))
        .routes(routes!(vendors::activate))
        .routes(routes!(vendors::deactivate))
        .routes(routes!(terms::list, terms::agree))
        .routes(routes!(products::list, products::create))
        .routes(routes!(products::show, products::change))
        .routes(routes!(rates::of_product, rates::set))
        .routes(routes!(partnerships::list, partnerships::create))
        .routes(routes!(partnerships::show))
        .routes(routes!(partnerships::approve))
        .routes(routes!(partnerships::reject))
        .routes(routes!(partnerships::activate))
        .routes(routes!(partnerships::deactivate))
        .routes(routes!(rates::of_partnership, rates::agree))
        .routes(routes!(requests::list, requests::create))
        .routes(routes!(requests::show))
        .routes(routes!(requests::approve))
        .routes(routes!(requests::reject))
        .routes(routes!(links::list, links::create))
        .routes(routes!(links::many::batch))
        .routes(routes!(links::many::import))
        .routes(routes!(links::show, links::change))
        .routes(routes!(links::activate))
        .routes(routes!(links::deactivate))
        .routes(routes!(links::shown::preview))
        .routes(routes!(links::shown::qr))
        .routes(routes!(coupons::list, coupons::create))
        .routes(routes!(coupons::show, coupons::change))
        .routes(routes!(coupons::end))
        .routes(routes!(invitations::list, invitations::create))
        .routes(routes!(invitations::accept::by_token))
        .routes(routes!(invitations::show))
        .routes(routes!(invitations::resend))
        .routes(routes!(invitations::revoke))
}
