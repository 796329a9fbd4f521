//! Pages about oneself: asking to take part, one's profile and documents, one's account, and what belongs to one's shop.
//!
//! Invariant: whose things are shown and changed follows from who is signed in, never from an address or a field.

mod apply;
mod bank;
pub(crate) mod documents;
mod integration;
mod keys;
mod link_edit;
mod link_import;
mod link_new;
mod notifications;
mod profile;
mod settings;
pub(super) mod share;
mod webhook;
mod webhooks;

use axum::Router;
use axum::routing::{get, post};
use url::form_urlencoded;

use crate::problem::{BadParameter, Failure};
use crate::server::App;

/// The routes of these pages.
pub(super) fn routes() -> Router<App> {
    Router::new()
        .route("/apply", get(apply::show).post(apply::submit))
        .route("/apply/sent", get(apply::sent))
        .route("/join", get(apply::join))
        .route("/profile", get(profile::show).post(profile::change))
        .route("/profile/bank", get(bank::show).post(bank::submit))
        .route(documents::PATH, get(documents::show).post(documents::upload))
        .route("/settings", get(settings::show))
        .route("/settings/verify-email", post(settings::verify))
        .route("/settings/password", post(settings::password))
        .route("/settings/totp", get(settings::totp).post(settings::confirm))
        .route("/settings/totp/remove", post(settings::remove))
        .route("/links/new", get(link_new::show).post(link_new::submit))
        .route("/links/new/preview", post(link_new::preview))
        .route("/links/import", get(link_import::show).post(link_import::submit))
        .route("/links/{code}/edit", get(link_edit::show).post(link_edit::submit))
        .route("/links/{code}/activate", post(link_edit::activate))
        .route("/links/{code}/deactivate", post(link_edit::deactivate))
        .route("/integration", get(integration::show).post(integration::make))
        .route("/integration/test", post(integration::try_out))
        .route("/webhooks", get(webhooks::show).post(webhooks::make))
        .route("/webhooks/{id}", get(webhook::show))
        .route("/webhooks/{id}/rotate", post(webhooks::rotate))
        .route("/webhooks/{id}/enable", post(webhook::enable))
        .route("/webhooks/{id}/disable", post(webhook::disable))
        .route("/webhooks/{id}/test", post(webhook::test))
        .route("/webhooks/{id}/deliveries/{message}/retry", post(webhook::retry))
        .route("/notifications", get(notifications::show))
        .route("/notifications/read", post(notifications::read))
        .route("/keys", get(keys::show).post(keys::make))
        .route("/keys/{id}/revoke", post(keys::revoke))
}

/// Whether whoever sent a form can mend what was wrong with it: then the form is shown again with the reason.
fn can_be_mended(failure: &Failure) -> bool {
    matches!(
        failure,
        Failure::Content(_)
            | Failure::Parameters(_)
            | Failure::Conflict(..)
            | Failure::Quota(..)
            | Failure::Precondition(_)
            | Failure::IllegalState(_)
            | Failure::TooLong(_)
            | Failure::BodyCutShort
            | Failure::StoreAway(_)
            | Failure::SignIn
            | Failure::CodeNeeded
            | Failure::TooManyAttempts(_)
            | Failure::Busy
    )
}

/// A complaint about one field of a form.
fn wrong(field: &str, code: &'static str, detail: &str) -> Failure {
    Failure::Content(vec![BadParameter { field: field.to_owned(), code, detail: detail.to_owned() }])
}

/// A query of these pairs; what is empty is left out.
fn query<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    let some = pairs.into_iter().filter(|(_, value)| !value.is_empty());
    form_urlencoded::Serializer::new(String::new()).extend_pairs(some).finish()
}
