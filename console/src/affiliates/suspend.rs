//! Suspending and reactivating. The edges hear of it by the triggers on links: from this commit on they stop, or begin
//! again, to track within a second.

use axum::extract::{Request, State};
use axum::response::Response;
use serde_json::json;
use sqlx::PgConnection;

use super::answer::{AffiliateAnswer, View, lock, read};
use super::reason::NoBody;
use super::review::may_decide;
use super::{find, letters, no_such_affiliate};
use crate::auth::Caller;
use crate::conventions::{IfMatch, Named, Versioned, illegal_state, object};
use crate::problem::{Failure, Problem};
use crate::server::App;
use crate::{audit, db};

/// Which way the switch goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Switch {
    /// Suspended.
    Off,
    /// Active again.
    On,
}

impl Switch {
    fn is_active(self) -> bool {
        self == Self::On
    }

    /// What an affiliate is called afterwards.
    fn word(self) -> &'static str {
        match self {
            Self::Off => "suspended",
            Self::On => "active",
        }
    }

    fn action(self) -> &'static str {
        match self {
            Self::Off => "affiliate.suspend",
            Self::On => "affiliate.reactivate",
        }
    }
}

/// Switches an affiliate and its links off.
#[utoipa::path(post, path = "/v1/affiliates/{affiliate_id}/suspend", tag = "affiliates", params(
    ("affiliate_id" = String, Path, description = "`aff_…`"),
    Versioned,
), responses(
    (status = 200, description = "Suspended", body = AffiliateAnswer, headers(("etag" = String, description = "Its version"))),
    (status = "4XX", description = "Refused", body = Problem, content_type = "application/problem+json"),
), security(("key" = []), ("session" = [])))]
pub(super) async fn suspend(
    State(app): State<App>,
    caller: Caller,
    named: Named,
    if_match: IfMatch,
    request: Request,
) -> Response {
    switched(&app, &caller, &if_match, &named, request, Switch::Off).await
}

/// The same, as lists call it.
#[utoipa::path(post, path = "/v1/affiliates/{affiliate_id}/block", tag = "affiliates", params(
    ("affiliate_id" = String, Path, description = "`aff_…`"),
    Versioned,
), responses(
    (status = 200, description = "Suspended", body = AffiliateAnswer, headers(("etag" = String, description = "Its version"))),
    (status = "4XX", description = "Refused", body = Problem, content_type = "application/problem+json"),
), security(("key" = []), ("session" = [])))]
pub(super) async fn block(
    State(app): State<App>,
    caller: Caller,
    named: Named,
    if_match: IfMatch,
    request: Request,
) -> Response {
    switched(&app, &caller, &if_match, &named, request, Switch::Off).await
}

/// Switches an affiliate on again, and the links that were switched off with it.
#[utoipa::path(post, path = "/v1/affiliates/{affiliate_id}/reactivate", tag = "affiliates", params(
    ("affiliate_id" = String, Path, description = "`aff_…`"),
    Versioned,
), responses(
    (status = 200, description = "Active again", body = AffiliateAnswer, headers(("etag" = String, description = "Its version"))),
    (status = "4XX", description = "Refused", body = Problem, content_type = "application/problem+json"),
), security(("key" = []), ("session" = [])))]
pub(super) async fn reactivate(
    State(app): State<App>,
    caller: Caller,
    named: Named,
    if_match: IfMatch,
    request: Request,
) -> Response {
    switched(&app, &caller, &if_match, &named, request, Switch::On).await
}

async fn switched(
    app: &App,
    caller: &Caller,
    if_match: &IfMatch,
    Named(id): &Named,
    request: Request,
    to: Switch,
) -> Response {
    let switched = async {
        may_decide(caller)?;
        NoBody::read(request).await?;
        switch(app, caller, if_match, id, to).await
    };
    object(switched).await
}

/// Suspends or reactivates an affiliate.
pub(crate) async fn switch(
    app: &App,
    caller: &Caller,
    if_match: &IfMatch,
    id: &str,
    switch: Switch,
) -> Result<AffiliateAnswer, Failure> {
    may_decide(caller)?;
    let mut tx = db::tenant_tx(app, caller).await.map_err(Failure::writing)?;
    let affiliate_id = find(&mut tx, id).await?.ok_or_else(no_such_affiliate)?;
    let before =
        lock(&mut tx, affiliate_id).await.map_err(Failure::writing)?.ok_or_else(no_such_affiliate)?;
    if_match.check(before.version())?;
    if before.is_active == switch.is_active() {
        let is = if before.is_active { "active" } else { "suspended" };
        return Err(illegal_state("affiliate", is, switch.word()));
    }
    sqlx::query!(
        "update affiliate set is_active = $2, row_version = row_version + 1 where affiliate_id = $1",
        affiliate_id,
        switch.is_active()
    )
    .execute(&mut *tx)
    .await
    .map_err(Failure::writing)?;
    let links = links(&mut tx, affiliate_id, switch).await.map_err(Failure::writing)?;
    let detail = json!({"username": before.username, "links": links});
    audit::record(&mut tx, caller, switch.action(), id, None, Some(affiliate_id), detail).await?;
    match switch {
        Switch::Off => letters::suspended(&mut tx, affiliate_id).await?,
        Switch::On => letters::reactivated(&mut tx, affiliate_id).await?,
    }
    let after = read(&mut tx, View::Whole, &[affiliate_id]).await?.pop().ok_or_else(no_such_affiliate)?;
    tx.commit().await.map_err(Failure::writing)?;
    Ok(AffiliateAnswer::new(after, View::Whole))
}

/// Off: every link that is on, remembered. On: what was remembered, and nothing else. Says how many.
async fn links(conn: &mut PgConnection, affiliate_id: i64, switch: Switch) -> sqlx::Result<u64> {
    let switched = match switch {
        Switch::Off => {
            sqlx::query!(
                "update link set is_active = false, paused_with_affiliate = true where affiliate_id = $1 and is_active",
                affiliate_id
            )
            .execute(conn)
            .await?
        }
        Switch::On => {
            sqlx::query!(
                "update link set is_active = true, paused_with_affiliate = false \
                 where affiliate_id = $1 and paused_with_affiliate",
                affiliate_id
            )
            .execute(conn)
            .await?
        }
    };
    Ok(switched.rows_affected())
}
