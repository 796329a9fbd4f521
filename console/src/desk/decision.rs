//! What every decision has: who made it, when, and a note.

use axum::extract::Request;
use chrono::{DateTime, Utc};
use serde::Deserialize;

use super::shape::now;
use crate::auth::Caller;
use crate::body;
use crate::problem::{BadParameter, Failure};

/// Characters of a note at most, as in Postgres: a page.
const MAX_NOTE: usize = 2_000;

/// Who decided, when, and what they wrote.
#[derive(Debug)]
pub(super) struct Decision {
    pub(super) by: String,
    pub(super) at: DateTime<Utc>,
    pub(super) note: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Note {
    note: Option<String>,
}

impl Decision {
    /// Reads the note from the body; a blank one is none.
    pub(super) async fn read(caller: &Caller, request: Request) -> Result<Self, Failure> {
        let Note { note } = body::decision(request).await?;
        let note = note.map(|note| note.trim().to_owned()).filter(|note| !note.is_empty());
        if note.as_ref().is_some_and(|note| note.chars().count() > MAX_NOTE || note.contains('\0')) {
            let detail = format!("`note` must be text of at most {MAX_NOTE} characters");
            return Err(unusable("note", "invalid_note", detail));
        }
        Ok(Self { by: caller.name.clone(), at: now(), note })
    }
}

/// A field of the body that cannot be used.
pub(super) fn unusable(field: &str, code: &'static str, detail: impl Into<String>) -> Failure {
    Failure::Content(vec![BadParameter { field: field.to_owned(), code, detail: detail.into() }])
}
