//! Lists: `{"object": "list", "url", "has_more", "data"}`, read on by `starting_after`, the last row of the page before.

use axum::Json;
use axum::response::{IntoResponse as _, Response};
use chrono::{DateTime, SubsecRound as _, Utc};
use runtime::clock;
use serde::Serialize;
use utoipa::ToSchema;

use crate::api::answer::rfc3339;
use crate::problem::{BadParameter, Failure, ForPrograms};

/// Digits of a second that Postgres keeps.
const MICROSECONDS: u16 = 6;

/// A page of a list.
#[derive(Debug, Serialize, ToSchema)]
pub struct List<T> {
    #[schema(example = "list")]
    object: &'static str,
    /// The list's own path.
    url: &'static str,
    /// Whether there is another page.
    has_more: bool,
    data: Vec<T>,
}

impl<T> List<T> {
    /// A page of at most `limit` of these rows. One more was asked for, which tells whether there is another page.
    pub fn cut<R>(url: &'static str, rows: Vec<R>, limit: i64, row: impl Fn(R) -> T) -> Self {
        let has_more = rows.len() as i64 > limit;
        Self { object: "list", url, has_more, data: rows.into_iter().take(limit as usize).map(row).collect() }
    }

    /// A page without a row.
    pub fn empty(url: &'static str) -> Self {
        Self { object: "list", url, has_more: false, data: Vec::new() }
    }
}

/// The answer to a program.
pub fn json<T: Serialize>(answer: Result<T, Failure>) -> Response {
    answer.map_or_else(|failure| ForPrograms(failure).into_response(), |answer| Json(answer).into_response())
}

/// The complaint about a `starting_after` that is no row.
pub fn unknown_cursor() -> Failure {
    Failure::Parameters(vec![BadParameter {
        field: "starting_after".to_owned(),
        code: "unknown_cursor",
        detail: "`starting_after` must name the last row of the page before; there is no such row".to_owned(),
    }])
}

/// A time as programs read it.
pub fn time(instant: Option<DateTime<Utc>>) -> Option<String> {
    instant.map(rfc3339)
}

/// The time, as fine as Postgres keeps it: what is shown is what was stored.
pub fn now() -> DateTime<Utc> {
    DateTime::<Utc>::from(clock::system_time()).trunc_subsecs(MICROSECONDS)
}
