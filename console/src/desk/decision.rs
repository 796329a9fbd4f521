//! What every decision has: who made it, when, and a note.

use axum::extract::Request;
use chrono::{DateTime, Utc};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::auth::Caller;
use crate::body;
use crate::conventions::{Message, now};
use crate::problem::{Failure, unusable};

/// Characters of a note at most, as in Postgres: a page.
const MAX_NOTE: usize = 2_000;

/// Who decided, when, and what they wrote.
#[derive(Debug)]
pub(crate) struct Decision {
    pub(super) by: String,
    pub(super) at: DateTime<Utc>,
    pub(super) note: Option<String>,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = DecisionNote)]
pub(super) struct Note {
    /// For those who look at it later; 2,000 characters at most.
    #[schema(value_type = Option<Message>)]
    note: Option<String>,
}

impl Decision {
    /// Reads the note from the body.
    pub(super) async fn read(caller: &Caller, request: Request) -> Result<Self, Failure> {
        let Note { note } = body::decision(request).await?;
        Self::new(caller, note)
    }

    /// A decision of this caller, made now; a blank note is none.
    pub(crate) fn new(caller: &Caller, note: Option<String>) -> Result<Self, Failure> {
        let note = note.map(|note| note.trim().to_owned()).filter(|note| !note.is_empty());
        if note.as_ref().is_some_and(|note| note.chars().count() > MAX_NOTE || note.contains('\0')) {
            let detail = format!("`note` must be text of at most {MAX_NOTE} characters");
            return Err(unusable("note", "invalid_note", detail));
        }
        Ok(Self { by: caller.name.clone(), at: now(), note })
    }
}
