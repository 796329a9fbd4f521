//! Versions of objects: `ETag: "v3"` on an answer, `If-Match: "v3"` on a change that must not overwrite another.

use std::convert::Infallible;

use axum::Json;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse as _, Response};
use serde::Serialize;

use crate::problem::Failure;

/// The versions a change is meant for, as `If-Match` said. Without the header: whatever there is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IfMatch(Option<Vec<String>>);

impl IfMatch {
    /// Whatever there is.
    pub(crate) fn any() -> Self {
        Self(None)
    }

    /// The version that a page showed, as its form carries it.
    pub(crate) fn only(row_version: &str) -> Self {
        Self(Some(vec![format!("\"v{row_version}\"")]))
    }

    /// Refuses with 412 unless this is one of the versions. Ask it under the row's lock, or write
    /// `where row_version = …` as well.
    pub fn check(&self, row_version: i64) -> Result<(), Failure> {
        let ours = tag(row_version);
        match &self.0 {
            Some(wanted) if !wanted.iter().any(|wanted| *wanted == "*" || *wanted == ours) => {
                Err(Failure::Precondition(ours))
            }
            _ => Ok(()),
        }
    }
}

impl<S: Sync> FromRequestParts<S> for IfMatch {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Infallible> {
        let values: Vec<&HeaderValue> = parts.headers.get_all(header::IF_MATCH).iter().collect();
        if values.is_empty() {
            return Ok(Self(None));
        }
        // Nothing of ours has a comma in it, and what is not text matches nothing.
        let tags = values.iter().filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(','));
        Ok(Self(Some(tags.map(|tag| tag.trim().to_owned()).collect())))
    }
}

/// A version as headers say it, with the quotes that belong to it.
pub fn tag(row_version: i64) -> String {
    format!("\"v{row_version}\"")
}

/// One object with its version.
pub fn versioned<T: Serialize>(row_version: i64, object: T) -> Response {
    let tag = HeaderValue::try_from(tag(row_version)).expect("a number in quotes");
    ([(header::ETAG, tag)], Json(object)).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn meant_for(values: &[&str]) -> IfMatch {
        let mut request = axum::http::Request::builder();
        for value in values {
            request = request.header("if-match", *value);
        }
        let (mut parts, ()) = request.body(()).expect("a request").into_parts();
        let read = IfMatch::from_request_parts(&mut parts, &());
        futures_util::FutureExt::now_or_never(read).expect("it waits for nothing").expect("it never refuses")
    }

    #[test]
    fn only_the_versions_that_were_meant_are_changed() {
        for (values, good) in [
            (&[][..], true),
            (&["\"v3\""], true),
            (&["*"], true),
            (&["\"v1\", \"v3\""], true),
            (&["\"v1\"", "\"v3\""], true),
            (&["\"v2\""], false),
            (&["W/\"v3\""], false),
            (&["v3"], false),
            (&[""], false),
        ] {
            assert_eq!(meant_for(values).check(3).is_ok(), good, "{values:?}");
        }
    }
}
