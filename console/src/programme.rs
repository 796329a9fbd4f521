//! Running the programme: vendors and what they sell, who promotes whom and for how much, links, coupons, and asking
//! people to join.
//!
//! Invariant: whose rows a request touches is decided by the database (row-level security), never by what it names.
//! Every change is written down with who made it, in its own transaction; of two changes at once one is told of the other.

#![expect(
    clippy::struct_field_names,
    reason = "fields are named as they are in answers: by their whole name"
)]

mod coupons;
pub(crate) mod find;
pub mod invitations;
mod links;
pub(crate) mod notice;
mod partnerships;
mod products;
mod rate_input;
mod rates;
mod requests;
pub(crate) mod shape;
mod standing;
mod vendors;

use axum::Router;
use axum::routing::{get, post};

use crate::server::App;

/// The routes of the programme.
pub fn routes() -> Router<App> {
    Router::new()
        .route(vendors::PATH, get(vendors::list).post(vendors::create))
        .route("/v1/vendors/{vendor_id}", get(vendors::show).patch(vendors::change))
        .route("/v1/vendors/{vendor_id}/activate", post(vendors::activate))
        .route("/v1/vendors/{vendor_id}/deactivate", post(vendors::deactivate))
        .route(products::PATH, get(products::list).post(products::create))
        .route("/v1/products/{product_id}", get(products::show).patch(products::change))
        .route("/v1/products/{product_id}/rates", get(rates::of_product).post(rates::set))
        .route(partnerships::PATH, get(partnerships::list).post(partnerships::create))
        .route("/v1/partnerships/{partnership_id}", get(partnerships::show))
        .route("/v1/partnerships/{partnership_id}/approve", post(partnerships::approve))
        .route("/v1/partnerships/{partnership_id}/reject", post(partnerships::reject))
        .route("/v1/partnerships/{partnership_id}/activate", post(partnerships::activate))
        .route("/v1/partnerships/{partnership_id}/deactivate", post(partnerships::deactivate))
        .route("/v1/partnerships/{partnership_id}/rates", get(rates::of_partnership).post(rates::agree))
        .route(requests::PATH, get(requests::list).post(requests::create))
        .route("/v1/requests/{request_id}", get(requests::show))
        .route("/v1/requests/{request_id}/approve", post(requests::approve))
        .route("/v1/requests/{request_id}/reject", post(requests::reject))
        .route(links::PATH, get(links::list).post(links::create))
        .route("/v1/links/batch", post(links::batch))
        .route("/v1/links/import", post(links::import))
        .route("/v1/links/{code}", get(links::show).patch(links::change))
        .route("/v1/links/{code}/activate", post(links::activate))
        .route("/v1/links/{code}/deactivate", post(links::deactivate))
        .route("/v1/links/{code}/preview", get(links::preview))
        .route("/v1/links/{code}/qr.svg", get(links::qr))
        .route(coupons::PATH, get(coupons::list).post(coupons::create))
        .route("/v1/coupons/{coupon_id}", get(coupons::show).patch(coupons::change))
        .route("/v1/coupons/{coupon_id}/end", post(coupons::end))
        .route(invitations::PATH, get(invitations::list).post(invitations::create))
        .route("/v1/invitations/by-token", get(invitations::by_token))
        .route("/v1/invitations/{invitation_id}", get(invitations::show))
        .route("/v1/invitations/{invitation_id}/resend", post(invitations::resend))
        .route("/v1/invitations/{invitation_id}/revoke", post(invitations::revoke))
}
