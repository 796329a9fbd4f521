//! `/v1/holds`: what waits for somebody to look at it, and what they decide.

use axum::extract::{Request, State};
use axum::response::Response;
use common::fraud::Flag;
use serde::Serialize;
use sqlx::PgConnection;
use tracing::info;
use utoipa::ToSchema;

use super::decision::{Decision, Note};
use super::shape::{NothingFits, vendor_of};
use crate::api::given::{Given, is_name};
use crate::auth::{Caller, Scope};
use crate::conventions::{
    Asked, Asking, List, Named, Number, Page, PageParams, json, time, unknown_cursor, words,
};
use crate::db;
use crate::problem::{Failure, Problem};
use crate::report::holds::{self, Hold};
use crate::server::App;

/// Where the list is.
pub(super) const PATH: &str = "/v1/holds";

/// The states.
const STATES: [&str; 3] = ["open", "released", "confirmed"];

words! {
    /// How far a hold is.
    Stage: STATES
}

/// One hold.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Hold)]
pub(crate) struct HoldAnswer {
    pub(crate) object: &'static str,
    /// Its place in the list: what `starting_after` takes.
    pub(crate) hold_id: String,
    pub(crate) order_id: String,
    pub(crate) order_ref: String,
    pub(crate) vendor_id: i64,
    pub(crate) vendor: String,
    pub(crate) flag: String,
    pub(crate) reason: String,
    pub(crate) state: String,
    pub(crate) raised_at: Option<String>,
    pub(crate) reviewed_by: Option<String>,
    pub(crate) reviewed_at: Option<String>,
    pub(crate) note: Option<String>,
    pub(crate) order_status: String,
    pub(crate) currency: Option<String>,
    pub(crate) commission_minor: i64,
    pub(crate) affiliate: Option<String>,
}

/// What a reviewer may find.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Finding {
    /// All is well: the commission may be paid.
    Released,
    /// It is what it looked like: the commission stays where it is.
    Confirmed,
}

impl Finding {
    fn state(self) -> &'static str {
        match self {
            Self::Released => "released",
            Self::Confirmed => "confirmed",
        }
    }
}

/// What the list is narrowed to.
#[derive(Debug, Default)]
pub(crate) struct Filter {
    pub(crate) vendor_id: Option<i64>,
    /// One of [`STATES`].
    pub(crate) state: Option<String>,
    pub(crate) page: Page,
}

/// One page of holds, those that have waited longest first.
#[utoipa::path(get, path = PATH, tag = "holds", params(
    ("vendor" = inline(Option<Number>), Query, description = "Only this vendor's"),
    ("state" = inline(Option<Stage>), Query, description = "Only those that are so far"),
    PageParams,
), responses(
    (status = 200, description = "A page, those that have waited longest first", body = List<HoldAnswer>),
    (status = "4XX", description = "Refused", body = Problem, content_type = "application/problem+json"),
), security(("key" = []), ("session" = [])))]
pub(super) async fn list(State(app): State<App>, caller: Caller, Asking(filter): Asking<Filter>) -> Response {
    json(page(&app, &caller, &filter)).await
}

/// Lets a commission go.
#[utoipa::path(post, path = "/v1/holds/{order_id}/{flag}/release", tag = "holds", request_body = Note, params(
    ("order_id" = String, Path, description = "`ord_…`"),
    ("flag" = String, Path, description = "Why it is held: `self_referral`, `fast_order`, …"),
), responses(
    (status = 200, description = "Released", body = HoldAnswer),
    (status = "4XX", description = "Refused", body = Problem, content_type = "application/problem+json"),
), security(("key" = []), ("session" = [])))]
pub(super) async fn release(
    State(app): State<App>,
    caller: Caller,
    Named((order_id, flag)): Named<(String, String)>,
    request: Request,
) -> Response {
    reviewed(&app, &caller, (&order_id, &flag), Finding::Released, request).await
}

/// Keeps a commission back for good.
#[utoipa::path(post, path = "/v1/holds/{order_id}/{flag}/confirm", tag = "holds", request_body = Note, params(
    ("order_id" = String, Path, description = "`ord_…`"),
    ("flag" = String, Path, description = "Why it is held: `self_referral`, `fast_order`, …"),
), responses(
    (status = 200, description = "Kept back for good", body = HoldAnswer),
    (status = "4XX", description = "Refused", body = Problem, content_type = "application/problem+json"),
), security(("key" = []), ("session" = [])))]
pub(super) async fn confirm(
    State(app): State<App>,
    caller: Caller,
    Named((order_id, flag)): Named<(String, String)>,
    request: Request,
) -> Response {
    reviewed(&app, &caller, (&order_id, &flag), Finding::Confirmed, request).await
}

async fn reviewed(
    app: &App,
    caller: &Caller,
    hold: (&str, &str),
    finding: Finding,
    request: Request,
) -> Response {
    let reviewed = async {
        caller.require(Scope::HoldsReview)?;
        let decision = Decision::read(caller, request).await?;
        decide(app, caller, hold, finding, &decision).await
    };
    json(reviewed).await
}

impl Asked for Filter {
    fn read(query: &str) -> Result<Self, Failure> {
        let mut given = Given::read(query);
        let filter = Self {
            vendor_id: given.id("vendor"),
            state: given.word("state", &STATES),
            page: Page { limit: given.limit(), after: given.one("starting_after") },
        };
        given.finish("state, vendor, limit, starting_after").map_err(Failure::Parameters)?;
        Ok(filter)
    }
}

/// One page of holds.
pub(crate) async fn page(app: &App, caller: &Caller, filter: &Filter) -> Result<List<HoldAnswer>, Failure> {
    caller.require(Scope::HoldsReview)?;
    let vendor = match vendor_of(caller, filter.vendor_id) {
        Ok(vendor) => vendor,
        Err(NothingFits) => return List::of_nothing(PATH, &filter.page),
    };
    let mut snapshot = db::tenant_snapshot(app, caller).await?;
    let after = match &filter.page.after {
        None => None,
        Some(cursor) => {
            let (order_id, flag) = cursor.split_once('.').ok_or_else(unknown_cursor)?;
            let known = is_name(order_id) && Flag::from_name(flag).is_some();
            let last =
                if known { holds::one(&mut snapshot, caller.vendor(), order_id, flag).await? } else { None };
            Some(last.ok_or_else(unknown_cursor)?.place())
        }
    };
    let rows =
        holds::list(&mut snapshot, vendor, filter.state.as_deref(), after.as_ref(), filter.page.limit + 1)
            .await?;
    snapshot.commit().await?;
    let rows = rows.into_iter().map(HoldAnswer::from).collect();
    Ok(List::cut(PATH, rows, filter.page.limit, |hold: &HoldAnswer| hold.hold_id.clone()))
}

/// Reviews a hold, once.
pub(crate) async fn decide(
    app: &App,
    caller: &Caller,
    (order_id, flag): (&str, &str),
    finding: Finding,
    decision: &Decision,
) -> Result<HoldAnswer, Failure> {
    caller.require(Scope::HoldsReview)?;
    if !is_name(order_id) || Flag::from_name(flag).is_none() {
        return Err(no_such_hold());
    }
    let is_decided = write(app, caller, order_id, flag, finding, decision).await.map_err(Failure::writing)?;
    let mut conn = db::tenant_snapshot(app, caller).await?;
    let hold = holds::one(&mut conn, caller.vendor(), order_id, flag).await?.ok_or_else(no_such_hold)?;
    if !is_decided {
        return Err(decided_before(&hold));
    }
    info!(by = decision.by, order = order_id, flag, finding = finding.state(), "a hold was reviewed");
    Ok(HoldAnswer::from(hold))
}

/// One hold as it stands.
pub(crate) async fn find(
    app: &App,
    caller: &Caller,
    order_id: &str,
    flag: &str,
) -> Result<HoldAnswer, Failure> {
    caller.require(Scope::HoldsReview)?;
    if !is_name(order_id) || Flag::from_name(flag).is_none() {
        return Err(no_such_hold());
    }
    let mut conn = db::tenant_snapshot(app, caller).await?;
    let hold = holds::one(&mut conn, caller.vendor(), order_id, flag).await?;
    hold.map(HoldAnswer::from).ok_or_else(no_such_hold)
}

/// Writes the decision down and lets `settle` look at the order again, both or neither. False: there was no open hold.
async fn write(
    app: &App,
    caller: &Caller,
    order_id: &str,
    flag: &str,
    finding: Finding,
    decision: &Decision,
) -> sqlx::Result<bool> {
    let mut tx = db::tenant_tx(app, caller).await?;
    let decided = sqlx::query_file!(
        "src/desk/decide_hold.sql",
        order_id,
        caller.vendor(),
        flag,
        finding.state(),
        decision.by,
        decision.at,
        decision.note
    )
    .fetch_optional(&mut *tx)
    .await?;
    let Some(order) = decided else { return Ok(false) };
    enqueue(&mut tx, order.vendor_id, &order.order_ref).await?;
    tx.commit().await?;
    Ok(true)
}

/// Lets `settle` look at an order again, as soon as this transaction is committed.
pub(super) async fn enqueue(conn: &mut PgConnection, vendor_id: i64, order_ref: &str) -> sqlx::Result<()> {
    sqlx::query!("insert into order_due (vendor_id, order_ref) values ($1, $2)", vendor_id, order_ref)
        .execute(&mut *conn)
        .await?;
    sqlx::query!("select pg_notify('order_due', '')").execute(conn).await?;
    Ok(())
}

fn no_such_hold() -> Failure {
    Failure::Missing("no_such_hold", "there is no such hold".to_owned())
}

fn decided_before(hold: &Hold) -> Failure {
    let by = hold.reviewed_by.as_deref().unwrap_or("somebody");
    Failure::Conflict("already_reviewed", format!("this hold was {} by {by}; a review is final", hold.state))
}

impl From<Hold> for HoldAnswer {
    fn from(hold: Hold) -> Self {
        Self {
            object: "hold",
            hold_id: format!("{}.{}", hold.order_id, hold.flag),
            order_id: hold.order_id,
            order_ref: hold.order_ref,
            vendor_id: hold.vendor_id,
            vendor: hold.vendor,
            flag: hold.flag,
            reason: hold.reason,
            state: hold.state,
            raised_at: time(Some(hold.raised_at)),
            reviewed_by: hold.reviewed_by,
            reviewed_at: time(hold.reviewed_at),
            note: hold.note,
            order_status: hold.order_status,
            currency: hold.currency,
            commission_minor: hold.commission_minor,
            affiliate: hold.affiliate,
        }
    }
}
