//! What answers of the desk have in common: whose rows they are, and what is not there.

use crate::auth::{Caller, Scope};
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

pub(super) fn no_such_order() -> Failure {
    Failure::Missing("no_such_order", "there is no such order".to_owned())
}
