//! A file as it arrives: the whole body, or one part of a form. Bytes are counted as they come, whatever was announced, and
//! must keep coming: a slow line is waited for, a silent one is not.

use std::pin::pin;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::http::header;
use futures_util::{Stream, StreamExt as _, stream};
use multer::{Field, Multipart};
use runtime::clock;
use thiserror::Error;

use super::MAX_DOCUMENT;
use crate::auth::csrf;
use crate::problem::{Failure, unusable};

/// Bytes of a form beside the file: boundaries, part headers, and the type.
const MAX_FORM: usize = MAX_DOCUMENT + 16 * 1024;

/// Bytes of the type's name, and of the token of a form.
const MAX_TEXT: usize = 64;

/// Bytes a second that must come at least, on average: half a megabit, as from a phone in the country. 5 MB take 80 s.
const SLOWEST: usize = 64 * 1024;

/// How much longer a body may take than that: a connection that begins slowly, and one short stop on the way.
const GRACE: Duration = Duration::from_secs(10);

/// No upload takes longer: the slowest one that is allowed needs 90 s, a form around it a little more.
pub(super) const LONGEST: Duration = Duration::from_secs(100);

/// A file that nobody has looked at yet.
#[derive(Debug, Default)]
pub(super) struct Received {
    pub(super) content: Vec<u8>,
    /// What the sender calls it. Nothing is ever written under it.
    pub(super) name: Option<String>,
    pub(super) content_type: Option<String>,
}

/// What a request brought: a file, and the type of document if the form says it.
#[derive(Debug)]
pub(super) struct Upload {
    pub(super) file: Received,
    pub(super) document_type: Option<String>,
    /// What only forms of our own pages send.
    pub(super) csrf_token: Option<String>,
}

/// Reads a body that is a form with a file in it, or the file itself.
pub(super) async fn read(request: Request) -> Result<Upload, Failure> {
    let (parts, body) = request.into_parts();
    let said =
        parts.headers.get(header::CONTENT_TYPE).and_then(|said| said.to_str().ok()).unwrap_or_default();
    if said.trim_start().to_ascii_lowercase().starts_with("multipart/form-data") {
        let boundary = multer::parse_boundary(said)
            .map_err(|_| Failure::MediaType("multipart/form-data; boundary=…"))?;
        return form(body, boundary).await;
    }
    let announced =
        parts.headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
    if announced.is_some_and(|length: u64| length > MAX_DOCUMENT as u64) {
        return Err(Failure::TooLong(MAX_DOCUMENT));
    }
    let mut chunks = pin!(paced(body, MAX_DOCUMENT));
    let mut content = Vec::new();
    while let Some(chunk) = chunks.next().await {
        add(&mut content, &chunk?)?;
    }
    let content_type = Some(said.to_owned());
    Ok(Upload { file: Received { content, name: None, content_type }, document_type: None, csrf_token: None })
}

/// Why the rest of a body is not waited for.
#[derive(Debug, Error)]
enum Interrupted {
    #[error("the body is too long")]
    TooLong,
    #[error("the body did not arrive to its end, or too slowly")]
    CutShort,
}

impl From<Interrupted> for Failure {
    fn from(why: Interrupted) -> Self {
        match why {
            Interrupted::TooLong => Self::TooLong(MAX_DOCUMENT),
            Interrupted::CutShort => Self::BodyCutShort,
        }
    }
}

/// How long a body may take of which so many bytes are here.
fn patience(received: usize) -> Duration {
    (GRACE + Duration::from_secs((received / SLOWEST) as u64)).min(LONGEST)
}

/// The body's pieces, as long as there are no more than `limit` bytes and they keep coming.
fn paced(body: Body, limit: usize) -> impl Stream<Item = Result<Bytes, Interrupted>> {
    let begun = clock::monotonic();
    stream::unfold((body.into_data_stream(), 0_usize), move |(mut chunks, received)| async move {
        let until = tokio::time::Instant::from_std(begun + patience(received));
        let chunk = match tokio::time::timeout_at(until, chunks.next()).await {
            Ok(None) => return None,
            Ok(Some(Ok(chunk))) if received + chunk.len() <= limit => Ok(chunk),
            Ok(Some(Ok(_))) => Err(Interrupted::TooLong),
            Ok(Some(Err(_))) | Err(_) => Err(Interrupted::CutShort),
        };
        let received = received + chunk.as_ref().map_or(0, Bytes::len);
        Some((chunk, (chunks, received)))
    })
}

async fn form(body: Body, boundary: String) -> Result<Upload, Failure> {
    let mut form = Multipart::new(paced(body, MAX_FORM), boundary);
    let (mut file, mut document_type, mut csrf_token) = (None, None, None);
    while let Some(field) = form.next_field().await.map_err(|error| broken(&error))? {
        match field.name() {
            Some("file") if file.is_none() => file = Some(received(field).await?),
            Some("document_type") if document_type.is_none() => document_type = Some(text(field).await?),
            Some(csrf::FIELD) if csrf_token.is_none() => csrf_token = Some(text(field).await?),
            other => return Err(unwanted(other.unwrap_or_default())),
        }
    }
    let file = file.ok_or_else(|| unusable("file", "missing_field", "the form must have a part `file`"))?;
    Ok(Upload { file, document_type, csrf_token })
}

async fn received(mut field: Field<'_>) -> Result<Received, Failure> {
    let name = field.file_name().map(str::to_owned);
    let content_type = field.content_type().map(ToString::to_string);
    let mut content = Vec::new();
    while let Some(chunk) = field.chunk().await.map_err(|error| broken(&error))? {
        add(&mut content, &chunk)?;
    }
    Ok(Received { content, name, content_type })
}

async fn text(mut field: Field<'_>) -> Result<String, Failure> {
    let mut text = Vec::new();
    while let Some(chunk) = field.chunk().await.map_err(|error| broken(&error))? {
        text.extend_from_slice(&chunk);
        if text.len() > MAX_TEXT {
            break;
        }
    }
    Ok(String::from_utf8_lossy(&text).into_owned())
}

/// Stops with the first byte too many, however many are still to come.
fn add(content: &mut Vec<u8>, chunk: &[u8]) -> Result<(), Failure> {
    if content.len() + chunk.len() > MAX_DOCUMENT {
        return Err(Failure::TooLong(MAX_DOCUMENT));
    }
    content.extend_from_slice(chunk);
    Ok(())
}

fn broken(error: &multer::Error) -> Failure {
    match error {
        multer::Error::StreamReadFailed(cause)
            if matches!(cause.downcast_ref(), Some(Interrupted::TooLong)) =>
        {
            Failure::TooLong(MAX_DOCUMENT)
        }
        multer::Error::StreamReadFailed(_) | multer::Error::IncompleteStream => Failure::BodyCutShort,
        error => unusable("body", "invalid_form", format!("the form cannot be read: {error}")),
    }
}

pub(super) fn unwanted(name: &str) -> Failure {
    let name: String = name.chars().take(60).collect();
    let detail =
        format!("the form may have one part `file` and one part `document_type`, not another part {name:?}");
    unusable(&name, "unknown_field", detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slow_line_is_waited_for_and_a_silent_one_is_not() {
        for (received, seconds) in
            [(0, 10), (SLOWEST - 1, 10), (SLOWEST, 11), (MAX_DOCUMENT, 90), (usize::MAX, 100)]
        {
            assert_eq!(patience(received), Duration::from_secs(seconds), "{received} bytes");
        }
    }
}
