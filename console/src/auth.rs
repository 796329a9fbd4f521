//! Who calls: the holder of an API key, or somebody who signed in. Both are one [`Caller`], so that what they may do is
//! decided in one place, whichever way they came.
//!
//! Invariant: whose rows a caller sees follows from the key or the account alone, never from anything in the request.

pub mod csrf;
mod key;
mod scope;
pub mod session;
mod visitor;

use axum::extract::FromRequestParts;
use axum::http::header;
use axum::http::request::Parts;
use chrono::{DateTime, TimeDelta, Utc};

pub use self::key::{KEY_PREFIX, secret_hash};
pub use self::scope::{Role, Scope};
pub(crate) use self::scope::{RoleName, ScopeName};
pub use self::visitor::{Reader, Visitor};
use crate::problem::{Failure, ForPrograms};
use crate::server::App;

/// How long ago somebody may have proved who they are, to move money or say where it goes.
pub const RECENT: TimeDelta = TimeDelta::minutes(10);

/// Whose rows a caller sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tenant {
    /// Everybody's: an operator.
    Programme,
    /// One vendor's.
    Vendor(i64),
    /// One affiliate's.
    Affiliate(i64),
}

/// The way a caller came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Via {
    /// With an API key; this is its id.
    Key(String),
    /// By signing in.
    Session {
        /// Whose account it is.
        account_id: String,
        /// What the account is to the programme.
        role: Role,
        /// When they last proved who they are.
        reauthenticated_at: DateTime<Utc>,
        /// The session's place in the table.
        session: session::Hash,
        /// What forms and scripts of ours must send along.
        csrf: String,
    },
    /// Without anything, to read open reports on this machine.
    Nothing,
}

/// Somebody who was found to be who they say. As a handler's argument it refuses everybody else with 401, and requests
/// that another site made a browser send with 403.
#[derive(Clone, Debug)]
pub struct Caller {
    /// Who it is, for people to read: the actor of what is decided.
    pub name: String,
    /// How they came.
    pub via: Via,
    /// Whose rows they see.
    pub tenant: Tenant,
    /// What they may do.
    pub scopes: Vec<Scope>,
}

impl Caller {
    /// Refuses with 403 unless the caller has the scope.
    pub fn require(&self, scope: Scope) -> Result<(), Failure> {
        if self.scopes.contains(&scope) { Ok(()) } else { Err(Failure::NoScope(scope)) }
    }

    /// Refuses with 403 whoever acts for a vendor or an affiliate.
    pub fn require_operator(&self) -> Result<(), Failure> {
        if self.tenant == Tenant::Programme { Ok(()) } else { Err(Failure::OperatorsOnly) }
    }

    /// Refuses with 403 somebody who signed in too long ago to move money or bank data. Keys have no such moment.
    pub fn require_recent(&self, now: DateTime<Utc>) -> Result<(), Failure> {
        match &self.via {
            Via::Session { reauthenticated_at, .. } if *reauthenticated_at + RECENT <= now => {
                Err(Failure::Reauthenticate)
            }
            _ => Ok(()),
        }
    }

    /// Refuses with 403 whoever acts for an affiliate: what a shop and the programme see of each other.
    pub fn require_shop_side(&self) -> Result<(), Failure> {
        if self.is_affiliate() { Err(Failure::OperatorsOnly) } else { Ok(()) }
    }

    /// Whether an affiliate asks, who learns nothing of shoppers and of what reviewers think.
    pub fn is_affiliate(&self) -> bool {
        matches!(self.tenant, Tenant::Affiliate(_))
    }

    /// The vendor whose rows these are; `None` for everybody else, of whom RLS knows what they see.
    pub fn vendor(&self) -> Option<i64> {
        match self.tenant {
            Tenant::Vendor(vendor_id) => Some(vendor_id),
            Tenant::Programme | Tenant::Affiliate(_) => None,
        }
    }

    /// What a key or account is called wherever requests are counted or remembered: never reused for another.
    pub fn id(&self) -> String {
        match &self.via {
            Via::Key(key_id) => format!("key:{key_id}"),
            Via::Session { account_id, .. } => format!("account:{account_id}"),
            Via::Nothing => "nobody".to_owned(),
        }
    }

    /// Who did it, for the record. The name of a key can be anything, so its id goes with it.
    pub fn actor(&self) -> String {
        match &self.via {
            Via::Key(key_id) => format!("{} (key {key_id})", self.name),
            Via::Session { .. } | Via::Nothing => self.name.clone(),
        }
    }
}

impl FromRequestParts<App> for Caller {
    type Rejection = ForPrograms;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ForPrograms> {
        of_program(parts, app).await.map_err(ForPrograms)
    }
}

/// By key, or by session with a token that a page of another site cannot know.
async fn of_program(parts: &Parts, app: &App) -> Result<Caller, Failure> {
    if parts.headers.contains_key(header::AUTHORIZATION) {
        return key::caller(&app.intake, &parts.headers).await;
    }
    let caller = session::caller(app, &parts.headers).await?.ok_or(Failure::NoKey)?;
    if !parts.method.is_safe() {
        csrf::check_origin(&app.front, &parts.headers)?;
        csrf::check_header(&caller, &parts.headers)?;
    }
    Ok(caller)
}
