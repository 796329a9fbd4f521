//! The demo's people: whoever reaches a console that runs as a demo may act as one of them, without a password.
//!
//! Invariant: nobody is signed in this way unless the console was started for it, which it refuses to be where anybody but
//! this machine could reach it; and then only as one of these four, whose addresses can be nobody's.

use axum::http::HeaderMap;
use chrono::{DateTime, Utc};
use metrics::counter;
use serde_json::json;

use crate::audit;
use crate::auth::session::{self, Begun};
use crate::front::Guests;
use crate::problem::Failure;
use crate::server::App;

/// One of the demo's people.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Guest {
    /// What forms call them.
    pub(crate) word: &'static str,
    /// What people call their part.
    pub(crate) label: &'static str,
    /// What they do.
    pub(crate) deeds: &'static str,
    /// The account's address and role.
    email: &'static str,
    role: &'static str,
}

/// Everybody, as they are offered. `example.com` is kept from being registered.
pub(crate) const GUESTS: [Guest; 4] = [
    Guest {
        word: "operator",
        label: "Operator",
        deeds: "runs the programme: applications, links, orders, payouts",
        email: "operator@example.com",
        role: "admin",
    },
    Guest {
        word: "vendor",
        label: "Vendor",
        deeds: "keeps the Example Tea House: its orders, partners and rates",
        email: "vendor@example.com",
        role: "vendor",
    },
    Guest {
        word: "affiliate",
        label: "Affiliate",
        deeds: "is Ada Placeholder, who writes about tea and earns by it",
        email: "ada@ada.example.com",
        role: "affiliate",
    },
    Guest {
        word: "finance",
        label: "Second operator",
        deeds: "asks for payouts, and approves those that the first one asked for",
        email: "finance@example.com",
        role: "finance",
    },
];

/// Begins a session for one of the demo's people, in place of the one this browser had.
pub(crate) async fn sign_in_as(
    app: &App,
    headers: &HeaderMap,
    word: &str,
    now: DateTime<Utc>,
) -> Result<Begun, Failure> {
    let guest = GUESTS.iter().find(|guest| guest.word == word).ok_or(Failure::NoSuchPage)?;
    if app.front.guests != Guests::Welcome {
        return Err(Failure::NoSuchPage);
    }
    let mut tx = app.accounts.begin().await.map_err(Failure::writing)?;
    let found = sqlx::query!(
        "select account_id, name from account where email = $1 and role = $2 and disabled_at is null",
        guest.email,
        guest.role
    )
    .fetch_optional(&mut *tx)
    .await?;
    let account = found.ok_or(Failure::NoSuchPage)?;
    session::end(&mut tx, &app.front, headers).await?;
    let begun = session::begin(&mut tx, &account.account_id, now).await?;
    let actor = session::name_of(&account.name, guest.email);
    let detail = json!({"demo": true});
    audit::record_as(&mut tx, &actor, "session.begin", &account.account_id, None, None, detail).await?;
    tx.commit().await.map_err(Failure::writing)?;
    counter!("console_sign_ins_total", "outcome" => "demo").increment(1);
    Ok(begun)
}
