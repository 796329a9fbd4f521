//! What everything here has in common: objects with versions, lists behind a cursor, fields and their complaints.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use chrono::{DateTime, Utc};
use runtime::clock;
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;

pub(crate) use crate::body::json as read;
use crate::conventions::etag;
use crate::problem::{BadParameter, Failure, ForPrograms};

/// Characters of a name, as in Postgres.
const MAX_NAME: usize = 200;
/// Characters of a message from one person to another, as in Postgres: a page.
const MAX_MESSAGE: usize = 2_000;

/// A page of a list.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Page)]
pub(crate) struct List<T> {
    #[schema(example = "list")]
    object: &'static str,
    url: String,
    has_more: bool,
    /// What `starting_after` takes to read on.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
    data: Vec<T>,
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

    /// A page without a row.
    pub(crate) fn empty(url: impl Into<String>) -> Self {
        Self { object: "list", url: url.into(), has_more: false, next_cursor: None, data: Vec::new() }
    }
}

/// What an answer about one object needs of it.
pub(crate) trait Object: Serialize {
    /// Its version, for `ETag`.
    fn row_version(&self) -> i64;
    /// Where it is.
    fn path(&self) -> String;
}

/// An object that was made.
pub(crate) fn created<T: Object>(made: Result<T, Failure>) -> Response {
    let response = |object: T| {
        let location = HeaderValue::try_from(object.path()).expect("paths of ours are plain");
        let version = object.row_version();
        (StatusCode::CREATED, [(header::LOCATION, location)], etag::versioned(version, object))
            .into_response()
    };
    made.map_or_else(|failure| ForPrograms(failure).into_response(), response)
}

/// An object as it is.
pub(crate) fn object<T: Object>(found: Result<T, Failure>) -> Response {
    let response = |object: T| etag::versioned(object.row_version(), object);
    found.map_or_else(|failure| ForPrograms(failure).into_response(), response)
}

/// Anything else.
pub(crate) fn json<T: Serialize>(answer: Result<T, Failure>) -> Response {
    answer.map_or_else(|failure| ForPrograms(failure).into_response(), |answer| Json(answer).into_response())
}

/// What a change says of a field: JSON tells one that is left out from one that is null.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Patch<T> {
    /// Left out: it stays.
    #[default]
    Keep,
    /// Null: it becomes empty.
    Clear,
    /// Another value.
    Set(T),
}

impl<T> Patch<T> {
    /// What becomes of a value.
    pub(crate) fn of(self, current: Option<T>) -> Option<T> {
        match self {
            Self::Keep => current,
            Self::Clear => None,
            Self::Set(value) => Some(value),
        }
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Patch<T> {
    fn deserialize<D: Deserializer<'de>>(reader: D) -> Result<Self, D::Error> {
        Ok(Option::<T>::deserialize(reader)?.map_or(Self::Clear, Self::Set))
    }
}

/// A field of the body that cannot be used.
pub(crate) fn unusable(field: &str, code: &'static str, detail: impl Into<String>) -> Failure {
    Failure::Content(vec![BadParameter { field: field.to_owned(), code, detail: detail.into() }])
}

/// What something is called: trimmed, on one line.
pub(crate) fn name(field: &str, text: &str) -> Result<String, Failure> {
    let text = text.trim();
    if (1..=MAX_NAME).contains(&text.chars().count()) && !text.contains(char::is_control) {
        return Ok(text.to_owned());
    }
    let detail = format!("`{field}` must be 1 to {MAX_NAME} characters on one line");
    Err(unusable(field, "invalid_name", detail))
}

/// What one person writes to another: trimmed, may be empty.
pub(crate) fn message(field: &str, text: &str) -> Result<String, Failure> {
    let text = text.trim();
    if text.chars().count() <= MAX_MESSAGE && !text.contains('\0') {
        return Ok(text.to_owned());
    }
    let detail = format!("`{field}` must be text of at most {MAX_MESSAGE} characters");
    Err(unusable(field, "invalid_message", detail))
}

/// A cursor that names no row.
pub(crate) fn unknown_cursor() -> Failure {
    Failure::Parameters(vec![BadParameter {
        field: "starting_after".to_owned(),
        code: "unknown_cursor",
        detail: "`starting_after` must name the last row of the page before; there is no such row".to_owned(),
    }])
}

pub(crate) fn now() -> DateTime<Utc> {
    clock::system_time().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Deserialize)]
    struct Sample {
        #[serde(default)]
        until: Patch<u32>,
    }

    #[test]
    fn a_field_left_out_is_not_one_emptied() {
        for (text, expect) in
            [("{}", Patch::Keep), (r#"{"until": null}"#, Patch::Clear), (r#"{"until": 3}"#, Patch::Set(3))]
        {
            assert_eq!(serde_json::from_str::<Sample>(text).expect("good").until, expect, "{text}");
        }
    }

    #[test]
    fn names_stand_on_one_line() {
        assert_eq!(name("name", "  Teapots ").ok().as_deref(), Some("Teapots"));
        for bad in ["", "  ", "a\nb", "a\u{0}b", &"x".repeat(201)] {
            assert!(name("name", bad).is_err(), "{bad:?}");
        }
    }
}
