//! Accounts: who signs in, with what, and what they did.
//!
//! Invariant: a password is never stored, logged or compared in the open; a session, a link and a key are stored as
//! hashes; whoever is disabled is out at once. Every act leaves a row in `audit_entry`.

pub(crate) mod account;
pub(crate) mod audit_api;
pub mod credentials;
pub(crate) mod guests;
pub(crate) mod keys_api;
pub mod mailed;
pub(crate) mod mailed_api;
pub(crate) mod manage;
pub mod operator;
pub mod password;
pub(crate) mod session_api;
pub(crate) mod sign_in;
pub mod throttle;
pub mod totp;
pub(crate) mod totp_api;

pub use self::account::{NewAccount, create};
pub use self::password::Passwords;
pub(crate) use self::session_api::{own_account, prove_again};
pub use self::sign_in::{Client, Credentials, is_email, sign_in, stored_email};
use crate::openapi::{Routes, routes};

/// The routes of accounts, sessions, keys and the record of acts, with what `/openapi.json` says of them.
pub fn routes() -> Routes {
    Routes::new()
        .routes(routes!(session_api::begin, session_api::show, session_api::end))
        .routes(routes!(session_api::reauthenticate))
        .routes(routes!(session_api::change_password))
        .routes(routes!(totp_api::enrol, totp_api::remove))
        .routes(routes!(totp_api::confirm))
        .routes(routes!(mailed_api::forgot))
        .routes(routes!(mailed_api::reset))
        .routes(routes!(mailed_api::ask_to_verify))
        .routes(routes!(mailed_api::verify))
        .routes(routes!(manage::list, manage::create))
        .routes(routes!(manage::show, manage::change))
        .routes(routes!(manage::disable))
        .routes(routes!(manage::enable))
        .routes(routes!(manage::reset))
        .routes(routes!(keys_api::list, keys_api::create))
        .routes(routes!(keys_api::revoke))
        .routes(routes!(audit_api::list))
}
