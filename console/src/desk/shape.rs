//! What answers of the desk have in common: lists behind a cursor, times, and what is not there.

use axum::Json;
use axum::extract::Path;
use axum::extract::rejection::PathRejection;
use axum::response::{IntoResponse as _, Response};
use chrono::{DateTime, SubsecRound as _, Utc};
use runtime::clock;
use serde::Serialize;

use crate::api::answer::rfc3339;
use crate::api::given::is_name;
use crate::auth::{Caller, Scope};
use crate::problem::{BadParameter, Failure, ForPrograms};

/// Digits of a second that Postgres keeps.
const MICROSECONDS: u16 = 6;

/// A page of a list.
#[derive(Debug, Serialize)]
pub(super) struct List<T> {
    object: &'static str,
    url: &'static str,
    has_more: bool,
    data: Vec<T>,
}

impl<T> List<T> {
    /// A page of at most `limit` of these rows. One more was asked for, which tells whether there is another page.
    pub(super) fn cut<R>(url: &'static str, rows: Vec<R>, limit: i64, row: impl Fn(R) -> T) -> Self {
        let has_more = rows.len() as i64 > limit;
        Self { object: "list", url, has_more, data: rows.into_iter().take(limit as usize).map(row).collect() }
    }

    /// A page without a row.
    pub(super) fn empty(url: &'static str) -> Self {
        Self { object: "list", url, has_more: false, data: Vec::new() }
    }
}

/// The answer to a program.
pub(super) fn json<T: Serialize>(answer: Result<T, Failure>) -> Response {
    answer.map_or_else(|failure| ForPrograms(failure).into_response(), |answer| Json(answer).into_response())
}

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

pub(super) fn unknown_cursor() -> Failure {
    Failure::Parameters(vec![BadParameter {
        field: "starting_after".to_owned(),
        code: "unknown_cursor",
        detail: "`starting_after` must name the last row of the page before; there is no such row".to_owned(),
    }])
}

pub(super) fn no_such_order() -> Failure {
    Failure::Missing("no_such_order", "there is no such order".to_owned())
}

/// A time as programs read it.
pub(super) fn time(instant: Option<DateTime<Utc>>) -> Option<String> {
    instant.map(rfc3339)
}

/// The time, as fine as Postgres keeps it: what is shown is what was stored.
pub(super) fn now() -> DateTime<Utc> {
    DateTime::<Utc>::from(clock::system_time()).trunc_subsecs(MICROSECONDS)
}
