//! What comes with a decision: a reason where one is owed, and nothing else.

use axum::extract::Request;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::body;
use crate::conventions::Why;
use crate::problem::{Failure, unusable};

/// Characters of a reason at most, as in Postgres: a page.
const MAX_REASON: usize = 2_000;

/// Why something was rejected, for whom it concerns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Reason(String);

/// A decision that owes a reason.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct WithReason {
    /// What the affiliate reads.
    #[schema(value_type = Why)]
    reason: String,
}

/// A decision that needs no words. A body is not needed; `{}` is good too.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NoBody {}

impl Reason {
    /// Reads `{"reason": "…"}`.
    pub(crate) async fn read(request: Request) -> Result<Self, Failure> {
        let WithReason { reason } = body::decision(request).await?;
        Self::new(&reason)
    }

    /// The reason, unless it says nothing or goes on for ever.
    pub(crate) fn new(typed: &str) -> Result<Self, Failure> {
        let reason = typed.trim().to_owned();
        let is_text = (1..=MAX_REASON).contains(&reason.chars().count()) && !reason.contains('\0');
        if is_text {
            return Ok(Self(reason));
        }
        let detail =
            format!("`reason` must say why, in 1 to {MAX_REASON} characters: the affiliate reads it");
        Err(unusable("reason", "invalid_reason", detail))
    }

    /// As it was written.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl NoBody {
    /// Refuses words where nobody would read them.
    pub(crate) async fn read(request: Request) -> Result<(), Failure> {
        let (parts, body) = request.into_parts();
        let bytes = body::read(&parts.headers, body, body::MAX_DECISION).await?;
        if !bytes.is_empty() {
            let Self {} = body::json(&parts.headers, &bytes)?;
        }
        Ok(())
    }
}
