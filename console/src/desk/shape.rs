//! What answers of the desk have in common: whose rows they are, and what is not there.

use axum::extract::Path;
use axum::extract::rejection::PathRejection;

use crate::api::given::is_name;
use crate::auth::{Caller, Scope};
pub(super) use crate::conventions::list::{List, json, now, time, unknown_cursor};
use crate::problem::Failure;

/// The vendor a list is narrowed to: the one asked for, and never another than the key's own. `Err`: nothing can fit.
pub(super) fn vendor_of(caller: &Caller, asked: Option<i64>) -> Result<Option<i64>, NothingFits> {
    match (caller.vendor(), asked) {
        (Some(own), Some(asked)) if own != asked => Err(NothingFits),
        (own, asked) => Ok(own.or(asked)),
    }
}

/// Another vendor's rows were asked for.
#[derive(Debug)]
pub(super) struct NothingFits;

/// Refuses with 403 unless the key has one of these scopes.
pub(super) fn require_any(caller: &Caller, scopes: &[Scope]) -> Result<(), Failure> {
    let has = |scope: &Scope| caller.require(*scope).is_ok();
    match scopes.first() {
        Some(first) if !scopes.iter().any(has) => Err(Failure::NoScope(*first)),
        _ => Ok(()),
    }
}

/// The name in an address. One that cannot be a name is nobody's.
pub(super) fn name_in(
    path: Result<Path<String>, PathRejection>,
    missing: fn() -> Failure,
) -> Result<String, Failure> {
    path.ok().map(|Path(name)| name).filter(|name| is_name(name)).ok_or_else(missing)
}

pub(super) fn no_such_order() -> Failure {
    Failure::Missing("no_such_order", "there is no such order".to_owned())
}
