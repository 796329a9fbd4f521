//! A file as it arrives: the whole body, or one part of a form. Bytes are counted as they come, whatever was announced.

use axum::body::Body;
use axum::extract::Request;
use axum::http::header;
use futures_util::StreamExt as _;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use multer::{Field, Multipart};

use super::MAX_DOCUMENT;
use crate::auth::csrf;
use crate::problem::{Failure, unusable};

/// Bytes of a form beside the file: boundaries, part headers, and the type.
const MAX_FORM: usize = MAX_DOCUMENT + 16 * 1024;

/// Bytes of the type's name, and of the token of a form.
const MAX_TEXT: usize = 64;

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
    let mut chunks = body.into_data_stream();
    let mut content = Vec::new();
    while let Some(chunk) = chunks.next().await {
        add(&mut content, &chunk.map_err(|_| Failure::BodyCutShort)?)?;
    }
    let content_type = Some(said.to_owned());
    Ok(Upload { file: Received { content, name: None, content_type }, document_type: None, csrf_token: None })
}

async fn form(body: Body, boundary: String) -> Result<Upload, Failure> {
    let limited = Limited::new(body, MAX_FORM).into_data_stream();
    let mut form = Multipart::new(limited, boundary);
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
        multer::Error::StreamReadFailed(cause) if cause.is::<LengthLimitError>() => {
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
