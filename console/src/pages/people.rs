//! The people of the programme and what they agreed on: affiliates, invitations, requests, partnerships, vendors and
//! their products, and the house's own accounts.
//!
//! Invariant: nothing is asked of the database here. What a page shows and what a form changes goes through the functions
//! beneath the API, so a person can see and do what a program with the same scopes can, and nothing else.

mod affiliate;
mod affiliate_links;
mod affiliate_sales;
mod affiliates;
mod audit;
pub(super) mod choices;
mod coupons;
mod invitations;
mod look;
mod papers;
mod partnerships;
mod products;
mod requests;
mod review;
mod team;
mod vendors;

use axum::Router;
use axum::routing::{get, post};

use crate::server::App;

/// The routes of these pages.
pub(super) fn routes() -> Router<App> {
    Router::new()
        .route("/affiliates", get(affiliates::show))
        .route("/affiliates/{id}", get(affiliate::show))
        .route("/affiliates/{id}/suspend", post(affiliate::suspend))
        .route("/affiliates/{id}/reactivate", post(affiliate::reactivate))
        .route("/affiliates/{id}/sales", get(affiliate_sales::show))
        .route("/affiliates/{id}/links", get(affiliate_links::show))
        .route("/affiliates/{id}/review", get(review::show))
        .route("/affiliates/{id}/approve", post(review::approve))
        .route("/affiliates/{id}/reject", post(review::reject))
        .route("/affiliates/{id}/documents/{document}", get(papers::picture))
        .route("/affiliates/{id}/documents/{document}/file", get(papers::file))
        .route("/affiliates/{id}/documents/{document}/approve", post(review::approve_document))
        .route("/affiliates/{id}/documents/{document}/reject", post(review::reject_document))
        .route("/invitations", get(invitations::show).post(invitations::send))
        .route("/invitations/new", get(invitations::ask))
        .route("/invitations/{id}/resend", post(invitations::resend))
        .route("/invitations/{id}/revoke", post(invitations::revoke))
        .route("/requests", get(requests::list).post(requests::make))
        .route("/requests/new", get(requests::ask))
        .route("/requests/{id}", get(requests::show))
        .route("/requests/{id}/approve", post(requests::approve))
        .route("/requests/{id}/reject", post(requests::reject))
        .route("/partnerships", get(partnerships::list))
        .route("/partnerships/{id}", get(partnerships::show))
        .route("/partnerships/{id}/rate", post(partnerships::agree))
        .route("/partnerships/{id}/{step}", post(partnerships::take_step))
        .route("/vendors", get(vendors::list).post(vendors::make))
        .route("/vendors/new", get(vendors::new))
        .route("/vendors/{id}", get(vendors::show).post(vendors::amend))
        .route("/vendors/{id}/edit", get(vendors::edit))
        .route("/vendors/{id}/terms", post(vendors::agree))
        .route("/vendors/{id}/activate", post(vendors::activate))
        .route("/vendors/{id}/deactivate", post(vendors::deactivate))
        .route("/products", get(products::list).post(products::make))
        .route("/products/new", get(products::new))
        .route("/products/{id}", get(products::show).post(products::amend))
        .route("/products/{id}/edit", get(products::edit))
        .route("/products/{id}/rate", post(products::set_rate))
        .route("/products/{id}/offer", post(products::offer))
        .route("/products/{id}/withdraw", post(products::withdraw))
        .route("/coupons", get(coupons::list).post(coupons::make))
        .route("/coupons/new", get(coupons::new))
        .route("/coupons/{id}/end", post(coupons::end))
        .route("/team", get(team::list).post(team::make))
        .route("/team/new", get(team::new))
        .route("/team/{id}", get(team::edit).post(team::amend))
        .route("/team/{id}/disable", post(team::disable))
        .route("/team/{id}/enable", post(team::enable))
        .route("/team/{id}/reset", post(team::reset))
        .route("/audit", get(audit::show))
}
