//! Lists: `{"object": "list", "url", "has_more", "data"}`, read on by `starting_after`, the last row of the page before.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use chrono::{DateTime, SubsecRound as _, Utc};
use runtime::clock;
use serde::Serialize;
use utoipa::ToSchema;

use crate::api::answer::rfc3339;
use crate::api::given::{DEFAULT_LIMIT, Given};
use crate::problem::{Failure, ForPrograms, unusable_parameter};

/// Digits of a second that Postgres keeps.
const MICROSECONDS: u16 = 6;

/// A page of a list.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Page)]
pub(crate) struct List<T> {
    #[schema(example = "list")]
    pub(crate) object: &'static str,
    /// The list's own path.
    pub(crate) url: String,
    /// Whether there is another page.
    pub(crate) has_more: bool,
    /// What `starting_after` takes to read on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) next_cursor: Option<String>,
    pub(crate) data: Vec<T>,
}

impl<T> List<T> {
    /// A page of at most `limit` of these rows. One more was asked for, which tells whether there is another page.
    pub(crate) fn cut(
        url: impl Into<String>,
        mut data: Vec<T>,
        limit: i64,
        cursor: impl Fn(&T) -> String,
    ) -> Self {
        let has_more = data.len() as i64 > limit;
        data.truncate(limit as usize);
        let next_cursor = data.last().filter(|_| has_more).map(cursor);
        Self { object: "list", url: url.into(), has_more, next_cursor, data }
    }

    /// All there is.
    pub(crate) fn whole(url: impl Into<String>, data: Vec<T>) -> Self {
        Self { object: "list", url: url.into(), has_more: false, next_cursor: None, data }
    }

    /// The page of a list in which nothing fits. It has no row to go on behind.
    pub(crate) fn of_nothing(url: impl Into<String>, page: &Page) -> Result<Self, Failure> {
        if page.after.is_none() { Ok(Self::whole(url, Vec::new())) } else { Err(unknown_cursor()) }
    }
}

/// Which page of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Page {
    /// Rows at most.
    pub(crate) limit: i64,
    /// The last row of the page before.
    pub(crate) after: Option<String>,
}

impl Default for Page {
    fn default() -> Self {
        Self { limit: DEFAULT_LIMIT, after: None }
    }
}

/// What a list is asked for.
pub(crate) trait Asked: Sized {
    /// Reads the part of an address after `?`, and complains about everything in it that is not understood.
    fn read(query: &str) -> Result<Self, Failure>;
}

impl Asked for Page {
    fn read(query: &str) -> Result<Self, Failure> {
        let mut given = Given::read(query);
        let page = given.page();
        given.finish("limit, starting_after").map_err(Failure::Parameters)?;
        Ok(page)
    }
}

/// What the request asks a list for. Take it after the caller: nobody is told of parameters before it is known who asks.
pub(crate) struct Asking<A>(pub(crate) A);

impl<S: Send + Sync, A: Asked> FromRequestParts<S> for Asking<A> {
    type Rejection = ForPrograms;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, ForPrograms> {
        A::read(parts.uri.query().unwrap_or_default()).map(Self).map_err(ForPrograms)
    }
}

/// The complaint about a `starting_after` that is no row.
pub(crate) fn unknown_cursor() -> Failure {
    let detail = "`starting_after` must name the last row of the page before; there is no such row";
    unusable_parameter("starting_after", "unknown_cursor", detail)
}

/// A time as programs read it.
pub(crate) fn time(instant: Option<DateTime<Utc>>) -> Option<String> {
    instant.map(rfc3339)
}

/// The time, as fine as Postgres keeps it: what is shown is what was stored.
pub(crate) fn now() -> DateTime<Utc> {
    DateTime::<Utc>::from(clock::system_time()).trunc_subsecs(MICROSECONDS)
}
