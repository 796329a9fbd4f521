//! Affiliates: how they apply, what they tell about themselves, where they are paid, and what the programme decides about
//! them.
//!
//! Invariant: `status` is decided once, by an operator, from `pending`. `is_active` is another thing: switching it never
//! changes the status, switches exactly those links off that were on, and on again those and no others. Nothing an
//! affiliate sends can say what the programme decides: such fields are unknown here.

pub(crate) mod answer;
pub(crate) mod apply;
pub(crate) mod bank;
pub(crate) mod figures;
pub(crate) mod letters;
pub(crate) mod list;
pub(crate) mod profile;
pub(crate) mod reason;
pub(crate) mod review;
pub(crate) mod show;
pub(crate) mod suspend;

use sqlx::PgConnection;

use crate::api::given::is_name;
use crate::auth::{Caller, Tenant};
use crate::openapi::{Routes, routes};
use crate::problem::Failure;

/// The routes of affiliates, with what `/openapi.json` says of them.
pub fn routes() -> Routes {
    Routes::new()
        .routes(routes!(apply::apply))
        .routes(routes!(show::own, show::change_own))
        .routes(routes!(bank::own, bank::put_own))
        .routes(routes!(list::list))
        .routes(routes!(show::show, show::change))
        .routes(routes!(review::approve))
        .routes(routes!(review::reject))
        .routes(routes!(suspend::suspend))
        .routes(routes!(suspend::block))
        .routes(routes!(suspend::reactivate))
        .routes(routes!(bank::of_affiliate, bank::put_of_affiliate))
}

/// The affiliate that the caller acts for.
pub(crate) fn own_affiliate(caller: &Caller) -> Result<i64, Failure> {
    match caller.tenant {
        Tenant::Affiliate(affiliate_id) => Ok(affiliate_id),
        Tenant::Programme | Tenant::Vendor(_) => Err(Failure::AffiliatesOnly),
    }
}

/// The number of an affiliate with this public name, if the transaction may see it.
pub(crate) async fn find(conn: &mut PgConnection, public_id: &str) -> Result<Option<i64>, Failure> {
    if !is_name(public_id) {
        return Ok(None);
    }
    let found = sqlx::query_scalar!("select affiliate_id from affiliate where public_id = $1", public_id);
    Ok(found.fetch_optional(conn).await?)
}

pub(crate) fn no_such_affiliate() -> Failure {
    Failure::Missing("no_such_affiliate", "there is no such affiliate".to_owned())
}
