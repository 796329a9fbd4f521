//! Bodies: read to a limit of bytes and of time, and never before somebody asked for them.

use std::collections::HashMap;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::http::{HeaderMap, header};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use serde::de::DeserializeOwned;
use serde_json::error::Category;
use url::form_urlencoded;

use crate::auth::{Caller, csrf};
use crate::problem::{BadParameter, Failure};

/// How long a body may take to arrive: as long as a megabyte needs on a slow line, shorter than an answer may take.
const BODY_TIMEOUT: Duration = Duration::from_secs(10);

/// Bytes of a decision (a note has 2,000 characters at most).
pub const MAX_DECISION: usize = 16 * 1024;

/// The whole body, of at most `limit` bytes.
pub async fn read(headers: &HeaderMap, body: Body, limit: usize) -> Result<Bytes, Failure> {
    let announced =
        headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    if announced.is_some_and(|length| length > limit as u64) {
        return Err(Failure::TooLong(limit));
    }
    match tokio::time::timeout(BODY_TIMEOUT, Limited::new(body, limit).collect()).await {
        Ok(Ok(whole)) => Ok(whole.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(Failure::TooLong(limit)),
        Ok(Err(_)) | Err(_) => Err(Failure::BodyCutShort),
    }
}

/// Refuses a body that does not say it is JSON: what a form on another site's page can send never does.
pub fn expect_json(headers: &HeaderMap) -> Result<(), Failure> {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let essence = kind.split(';').next().unwrap_or_default().trim();
    if essence.eq_ignore_ascii_case("application/json") {
        Ok(())
    } else {
        Err(Failure::MediaType("application/json"))
    }
}

/// A small JSON body, such as a decision with a note. Let the type deny unknown fields. Orders are read more strictly.
pub async fn decision<T: DeserializeOwned>(request: Request) -> Result<T, Failure> {
    json_of(MAX_DECISION, request).await
}

/// The same of at most `limit` bytes.
pub async fn json_of<T: DeserializeOwned>(limit: usize, request: Request) -> Result<T, Failure> {
    let (parts, body) = request.into_parts();
    let bytes = read(&parts.headers, body, limit).await?;
    json(&parts.headers, &bytes)
}

/// Bytes of a form: a few fields.
const MAX_FORM: usize = 16 * 1024;

/// The fields of a form.
#[derive(Debug)]
pub struct Form(HashMap<String, String>);

impl Form {
    /// A field's value; empty when it was not sent.
    pub fn take(&mut self, field: &str) -> String {
        self.0.remove(field).unwrap_or_default()
    }

    /// A form with these fields.
    #[cfg(test)]
    pub(crate) fn of<const N: usize>(pairs: [(&str, &str); N]) -> Self {
        Self(pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).into())
    }

    /// What was not taken yet, as names and values.
    pub fn into_pairs(self) -> impl Iterator<Item = (String, String)> {
        self.0.into_iter()
    }
}

/// A form of somebody who is not signed in. Check the request's origin first.
pub async fn form(request: Request) -> Result<Form, Failure> {
    const KIND: &str = "application/x-www-form-urlencoded";
    let (parts, body) = request.into_parts();
    let kind =
        parts.headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    if !kind.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case(KIND) {
        return Err(Failure::MediaType(KIND));
    }
    let bytes = read(&parts.headers, body, MAX_FORM).await?;
    Ok(Form(form_urlencoded::parse(&bytes).into_owned().collect()))
}

/// A form of somebody who is: it carries the token that only our pages know.
pub async fn form_of(caller: &Caller, request: Request) -> Result<Form, Failure> {
    let mut form = form(request).await?;
    csrf::check(caller, form.take(csrf::FIELD).as_bytes())?;
    Ok(form)
}

/// A JSON body that was read. What does not fit is refused by the name of its field.
pub fn json<T: DeserializeOwned>(headers: &HeaderMap, bytes: &[u8]) -> Result<T, Failure> {
    expect_json(headers)?;
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut reader).map_err(|error| unfit(&error))?;
    reader.end().map_err(|error| Failure::NotJson(format!("the body cannot be read: {error}")))?;
    Ok(value)
}

/// The same of a value that a form made.
pub fn value<T: DeserializeOwned>(value: serde_json::Value) -> Result<T, Failure> {
    serde_path_to_error::deserialize(value).map_err(|error| unfit(&error))
}

/// Serde says what is wrong in words; programs want a code and the field.
fn unfit(error: &serde_path_to_error::Error<serde_json::Error>) -> Failure {
    let words = error.inner().to_string();
    if error.inner().classify() != Category::Data {
        return Failure::NotJson(format!("the body cannot be read: {words}"));
    }
    let (code, named) = [
        ("unknown_field", "unknown field `"),
        ("missing_field", "missing field `"),
        ("repeated_field", "duplicate field `"),
    ]
    .into_iter()
    .find_map(|(code, start)| Some((code, words.strip_prefix(start)?.split('`').next()?)))
    .unwrap_or(("invalid_value", ""));
    let path = error.path().to_string();
    let field = match (path.as_str(), named) {
        (".", "") => "body".to_owned(),
        (".", named) => named.to_owned(),
        // The path of an unknown or repeated field ends with it already.
        (path, "") => path.to_owned(),
        (path, named) if path == named || path.ends_with(&format!(".{named}")) => path.to_owned(),
        (path, named) => format!("{path}.{named}"),
    };
    Failure::Content(vec![BadParameter { field, code, detail: words }])
}
