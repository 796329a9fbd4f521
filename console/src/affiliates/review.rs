//! Approving and rejecting applications: once, from `pending`, whoever is first.

use axum::extract::{Request, State};
use axum::response::Response;
use serde_json::json;

use super::answer::{AffiliateAnswer, View, lock, read};
use super::reason::{NoBody, Reason, WithReason};
use super::{find, letters, no_such_affiliate};
use crate::auth::{Caller, Scope};
use crate::conventions::{IfMatch, Named, Versioned, illegal_state, object};
use crate::problem::{Failure, Problem};
use crate::server::App;
use crate::{audit, db};

/// What was decided.
#[derive(Debug)]
pub(crate) enum Verdict {
    /// They take part.
    Approved,
    /// They do not, and this is why.
    Rejected(Reason),
}

impl Verdict {
    fn status(&self) -> &'static str {
        match self {
            Self::Approved => "approved",
            Self::Rejected(_) => "rejected",
        }
    }

    fn action(&self) -> &'static str {
        match self {
            Self::Approved => "affiliate.approve",
            Self::Rejected(_) => "affiliate.reject",
        }
    }

    fn reason(&self) -> Option<&str> {
        match self {
            Self::Approved => None,
            Self::Rejected(reason) => Some(reason.as_str()),
        }
    }
}

/// Takes an affiliate into the programme.
#[utoipa::path(post, path = "/v1/affiliates/{affiliate_id}/approve", tag = "affiliates", params(
    ("affiliate_id" = String, Path, description = "`aff_…`"),
    Versioned,
), responses(
    (status = 200, description = "Approved", body = AffiliateAnswer, headers(("etag" = String, description = "Its version"))),
    (status = "4XX", description = "Refused", body = Problem, content_type = "application/problem+json"),
), security(("key" = []), ("session" = [])))]
pub(super) async fn approve(
    State(app): State<App>,
    caller: Caller,
    Named(id): Named,
    if_match: IfMatch,
    request: Request,
) -> Response {
    let decided = async {
        may_decide(&caller)?;
        NoBody::read(request).await?;
        decide(&app, &caller, &if_match, &id, Verdict::Approved).await
    };
    object(decided).await
}

/// Declines an application, and says why.
#[utoipa::path(post, path = "/v1/affiliates/{affiliate_id}/reject", tag = "affiliates", params(
    ("affiliate_id" = String, Path, description = "`aff_…`"),
    Versioned,
), request_body = WithReason, responses(
    (status = 200, description = "Rejected", body = AffiliateAnswer, headers(("etag" = String, description = "Its version"))),
    (status = "4XX", description = "Refused", body = Problem, content_type = "application/problem+json"),
), security(("key" = []), ("session" = [])))]
pub(super) async fn reject(
    State(app): State<App>,
    caller: Caller,
    Named(id): Named,
    if_match: IfMatch,
    request: Request,
) -> Response {
    let decided = async {
        may_decide(&caller)?;
        let verdict = Verdict::Rejected(Reason::read(request).await?);
        decide(&app, &caller, &if_match, &id, verdict).await
    };
    object(decided).await
}

pub(crate) fn may_decide(caller: &Caller) -> Result<(), Failure> {
    caller.require_operator()?;
    caller.require(Scope::AffiliatesReview)
}

/// Decides about an application.
pub(crate) async fn decide(
    app: &App,
    caller: &Caller,
    if_match: &IfMatch,
    id: &str,
    verdict: Verdict,
) -> Result<AffiliateAnswer, Failure> {
    may_decide(caller)?;
    let mut tx = db::tenant_tx(app, caller).await.map_err(Failure::writing)?;
    let affiliate_id = find(&mut tx, id).await?.ok_or_else(no_such_affiliate)?;
    // Everybody who decides waits here for whoever was first, and then sees what it is.
    let before =
        lock(&mut tx, affiliate_id).await.map_err(Failure::writing)?.ok_or_else(no_such_affiliate)?;
    if_match.check(before.version())?;
    if before.status != "pending" {
        return Err(illegal_state("affiliate", &before.status, verdict.status()));
    }
    sqlx::query!(
        "update affiliate set status = $2, rejection_reason = $3, approved_at = case when $2 = 'approved' then now() end, \
         row_version = row_version + 1 where affiliate_id = $1 and status = 'pending'",
        affiliate_id,
        verdict.status(),
        verdict.reason()
    )
    .execute(&mut *tx)
    .await
    .map_err(Failure::writing)?;
    let detail = json!({"username": before.username, "reason": verdict.reason()});
    audit::record(&mut tx, caller, verdict.action(), id, None, Some(affiliate_id), detail).await?;
    match &verdict {
        // Partnerships with vendors that invited them are made by a trigger (migration 11).
        Verdict::Approved => letters::approved(&mut tx, affiliate_id).await?,
        Verdict::Rejected(reason) => letters::rejected(&mut tx, affiliate_id, reason).await?,
    }
    let after = read(&mut tx, View::Whole, &[affiliate_id]).await?.pop().ok_or_else(no_such_affiliate)?;
    tx.commit().await.map_err(Failure::writing)?;
    Ok(AffiliateAnswer::new(after, View::Whole))
}
