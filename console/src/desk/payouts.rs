//! `/v1/payouts`: somebody asks for a batch, the aggregator collects it, and a second person decides.

use std::collections::HashMap;

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use common::money::MAX_MINOR;
use serde::{Deserialize, Serialize};
use sqlx::PgConnection;
use tracing::info;
use utoipa::ToSchema;

use super::decision::{Decision, Note};
use super::shape::{NothingFits, require_any, vendor_of};
use crate::api::given::{self, Given};
use crate::auth::{Caller, Scope};
use crate::conventions::{
    Asked, Asking, CurrencyCode, List, Named, Number, Object, Page, PageParams, created, json, now, possible,
    time, unknown_cursor, words,
};
use crate::problem::{Failure, Problem, unusable};
use crate::report::payouts::{self, Batch, Filter, MAX_ORDERS, PayoutLine, PayoutOrder};
use crate::server::App;
use crate::{body, db};

/// Where the list is.
pub(super) const PATH: &str = "/v1/payouts";

/// Any of these may look at payouts.
const READERS: [Scope; 3] = [Scope::ReportsRead, Scope::PayoutsWrite, Scope::PayoutsApprove];

/// The states of a batch.
const STATES: [&str; 6] = ["requested", "open", "empty", "approved", "paid", "rejected"];

words! {
    /// How far a batch is.
    Stage: STATES
}

/// One batch, as lists show it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Payout)]
pub(crate) struct BatchAnswer {
    pub(crate) object: &'static str,
    pub(crate) payout_batch_id: String,
    pub(crate) vendor_id: Option<i64>,
    pub(crate) vendor: Option<String>,
    pub(crate) currency: String,
    pub(crate) minimum_minor: i64,
    pub(crate) state: String,
    pub(crate) requested_by: String,
    pub(crate) requested_at: Option<String>,
    pub(crate) collected_at: Option<String>,
    pub(crate) decided_by: Option<String>,
    pub(crate) decided_at: Option<String>,
    pub(crate) note: Option<String>,
    pub(crate) paid_at: Option<String>,
    pub(crate) line_count: i64,
    pub(crate) amount_minor: i64,
    pub(crate) paid_minor: i64,
}

/// One batch in detail.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = PayoutDetail)]
pub(crate) struct BatchDetail {
    #[serde(flatten)]
    pub(crate) batch: BatchAnswer,
    pub(crate) lines: Vec<LineAnswer>,
    /// Whether some orders were left out of the lines: a batch may have more than an answer should.
    pub(crate) has_more_orders: bool,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = PayoutLine)]
pub(crate) struct LineAnswer {
    pub(crate) vendor_id: i64,
    pub(crate) vendor: String,
    pub(crate) affiliate_id: i64,
    pub(crate) affiliate: String,
    pub(crate) amount_minor: i64,
    pub(crate) paid_minor: Option<i64>,
    pub(crate) order_count: i64,
    pub(crate) orders: Vec<OrderPart>,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = PayoutOrder)]
pub(crate) struct OrderPart {
    pub(crate) order_id: String,
    pub(crate) order_ref: String,
    pub(crate) link: Option<String>,
    /// Negative: taken back after a refund.
    pub(crate) owed_minor: i64,
    pub(crate) state: String,
}

/// What is asked for.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = PayoutWanted)]
pub(crate) struct Wanted {
    #[schema(value_type = CurrencyCode)]
    pub(crate) currency: String,
    #[schema(value_type = Option<Number>)]
    pub(crate) vendor_id: Option<i64>,
    #[schema(minimum = 1, maximum = 1_000_000_000_000_i64)]
    pub(crate) minimum_minor: Option<i64>,
}

/// What the second person says.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Verdict {
    /// It is paid.
    Approved,
    /// It is not.
    Rejected,
}

impl Verdict {
    fn state(self) -> &'static str {
        match self {
            Self::Approved => "approved",
            Self::Rejected => "rejected",
        }
    }
}

/// Which batches, and which page of them.
#[derive(Debug, Default)]
pub(crate) struct Batches {
    pub(crate) filter: Filter,
    pub(crate) page: Page,
}

/// One page of batches, newest first.
#[utoipa::path(get, path = PATH, tag = "payouts", params(
    ("vendor" = inline(Option<Number>), Query, description = "Only this vendor's"),
    ("state" = inline(Option<Stage>), Query, description = "Only those that are so far"),
    ("currency" = inline(Option<CurrencyCode>), Query, description = "Three capitals"),
    PageParams,
), responses(
    (status = 200, description = "A page, newest first", body = List<BatchAnswer>),
    (status = "4XX", description = "Refused", body = Problem, content_type = "application/problem+json"),
), security(("key" = []), ("session" = [])))]
pub(super) async fn list(State(app): State<App>, caller: Caller, Asking(asked): Asking<Batches>) -> Response {
    json(page(&app, &caller, &asked)).await
}

/// One batch with its lines and their orders.
#[utoipa::path(get, path = "/v1/payouts/{payout_batch_id}", tag = "payouts", params(
    ("payout_batch_id" = String, Path),
), responses(
    (status = 200, description = "The batch with its lines and their orders", body = BatchDetail),
    (status = "4XX", description = "Refused", body = Problem, content_type = "application/problem+json"),
), security(("key" = []), ("session" = [])))]
pub(super) async fn show(State(app): State<App>, caller: Caller, Named(id): Named) -> Response {
    json(detail(&app, &caller, &id)).await
}

/// Asks for a batch.
#[utoipa::path(post, path = PATH, tag = "payouts", request_body = Wanted, responses(
    (status = 202, description = "Asked for; it is collected in a moment", body = BatchAnswer, headers(("location" = String, description = "Where it will be"))),
    (status = "4XX", description = "Refused", body = Problem, content_type = "application/problem+json"),
), security(("key" = []), ("session" = [])))]
pub(super) async fn request(State(app): State<App>, caller: Caller, request: Request) -> Response {
    let asked = async {
        may_ask(&caller)?;
        ask(&app, &caller, body::decision(request).await?).await
    };
    let mut answer = created(asked).await;
    if answer.status() == StatusCode::CREATED {
        // It will be collected by the aggregator.
        *answer.status_mut() = StatusCode::ACCEPTED;
    }
    answer
}

/// Approves a batch that somebody else asked for.
#[utoipa::path(post, path = "/v1/payouts/{payout_batch_id}/approve", tag = "payouts", request_body = Note, params(
    ("payout_batch_id" = String, Path),
), responses(
    (status = 200, description = "Approved", body = BatchAnswer),
    (status = "4XX", description = "Refused", body = Problem, content_type = "application/problem+json"),
), security(("key" = []), ("session" = [])))]
pub(super) async fn approve(
    State(app): State<App>,
    caller: Caller,
    Named(id): Named,
    request: Request,
) -> Response {
    decided(&app, &caller, &id, Verdict::Approved, request).await
}

/// Rejects a batch that somebody else asked for, with a reason.
#[utoipa::path(post, path = "/v1/payouts/{payout_batch_id}/reject", tag = "payouts", request_body = Note, params(
    ("payout_batch_id" = String, Path),
), responses(
    (status = 200, description = "Rejected", body = BatchAnswer),
    (status = "4XX", description = "Refused", body = Problem, content_type = "application/problem+json"),
), security(("key" = []), ("session" = [])))]
pub(super) async fn reject(
    State(app): State<App>,
    caller: Caller,
    Named(id): Named,
    request: Request,
) -> Response {
    decided(&app, &caller, &id, Verdict::Rejected, request).await
}

async fn decided(app: &App, caller: &Caller, id: &str, verdict: Verdict, request: Request) -> Response {
    let decided = async {
        may_decide(caller)?;
        let decision = Decision::read(caller, request).await?;
        decide(app, caller, id, verdict, &decision).await
    };
    json(decided).await
}

impl Asked for Batches {
    fn read(query: &str) -> Result<Self, Failure> {
        let mut given = Given::read(query);
        let filter = Filter {
            vendor_id: given.id("vendor"),
            state: given.word("state", &STATES),
            currency: given.currency().map(|currency| currency.to_string()),
        };
        let page = given.page();
        given.finish("vendor, state, currency, limit, starting_after").map_err(Failure::Parameters)?;
        Ok(Self { filter, page })
    }
}

/// Refuses whoever may not look at payouts.
pub(super) fn may_look(caller: &Caller) -> Result<(), Failure> {
    require_any(caller, &READERS)?;
    caller.require_shop_side()
}

fn may_ask(caller: &Caller) -> Result<(), Failure> {
    caller.require(Scope::PayoutsWrite)?;
    caller.require_recent(now())
}

fn may_decide(caller: &Caller) -> Result<(), Failure> {
    caller.require(Scope::PayoutsApprove)?;
    caller.require_recent(now())
}

/// One page of batches.
pub(crate) async fn page(app: &App, caller: &Caller, asked: &Batches) -> Result<List<BatchAnswer>, Failure> {
    may_look(caller)?;
    let filter = match vendor_of(caller, asked.filter.vendor_id) {
        Ok(vendor_id) => Filter { vendor_id, ..asked.filter.clone() },
        Err(NothingFits) => return List::of_nothing(PATH, &asked.page),
    };
    let mut snapshot = db::tenant_snapshot(app, caller).await?;
    let after = match &asked.page.after {
        None => None,
        Some(id) => {
            let last = payouts::one(&mut snapshot, caller.vendor(), id).await?;
            Some(last.ok_or_else(unknown_cursor)?.place())
        }
    };
    let rows = payouts::list(&mut snapshot, &filter, after.as_ref(), asked.page.limit + 1).await?;
    snapshot.commit().await?;
    let rows = rows.into_iter().map(BatchAnswer::from).collect();
    Ok(List::cut(PATH, rows, asked.page.limit, |batch: &BatchAnswer| batch.payout_batch_id.clone()))
}

/// One batch with its lines and their orders.
pub(crate) async fn detail(app: &App, caller: &Caller, id: &str) -> Result<BatchDetail, Failure> {
    may_look(caller)?;
    let id = possible(id, no_such_payout)?;
    let mut snapshot = db::tenant_snapshot(app, caller).await?;
    let batch = payouts::one(&mut snapshot, caller.vendor(), id).await?.ok_or_else(no_such_payout)?;
    let lines = payouts::lines(&mut snapshot, &batch).await?;
    let mut orders = payouts::orders(&mut snapshot, &batch).await?;
    snapshot.commit().await?;
    let has_more_orders = orders.len() as i64 > MAX_ORDERS;
    orders.truncate(MAX_ORDERS as usize);
    let mut by_line = HashMap::<(i64, i64), Vec<OrderPart>>::new();
    for order in orders {
        by_line.entry((order.vendor_id, order.affiliate_id)).or_default().push(OrderPart::from(order));
    }
    let line = |line: PayoutLine| {
        let orders = by_line.remove(&(line.vendor_id, line.affiliate_id)).unwrap_or_default();
        LineAnswer::new(line, orders)
    };
    Ok(BatchDetail {
        batch: BatchAnswer::from(batch),
        lines: lines.into_iter().map(line).collect(),
        has_more_orders,
    })
}

/// Asks for a batch, which the aggregator collects.
pub(crate) async fn ask(app: &App, caller: &Caller, wanted: Wanted) -> Result<BatchAnswer, Failure> {
    may_ask(caller)?;
    let currency = given::currency(&wanted.currency).map_err(|bad| Failure::Content(vec![bad]))?;
    let minimum_minor = wanted.minimum_minor.unwrap_or(1);
    if !(1..=MAX_MINOR).contains(&minimum_minor) {
        let detail = format!("`minimum_minor` must be a whole number from 1 to {MAX_MINOR}");
        return Err(unusable("minimum_minor", "invalid_amount", detail));
    }
    let vendor = vendor_of(caller, wanted.vendor_id).map_err(|NothingFits| no_such_vendor())?;
    let mut tx = db::tenant_tx(app, caller).await.map_err(Failure::writing)?;
    if let Some(vendor_id) = vendor
        && !is_vendor(&mut tx, vendor_id).await.map_err(Failure::writing)?
    {
        return Err(no_such_vendor());
    }
    let write = async {
        let id = sqlx::query_file_scalar!(
            "src/desk/request_payout.sql",
            vendor,
            currency.as_str(),
            minimum_minor,
            caller.name,
            now()
        )
        .fetch_one(&mut *tx)
        .await?;
        wake(&mut tx).await?;
        tx.commit().await?;
        Ok(id)
    };
    let id = write.await.map_err(Failure::writing)?;
    info!(by = caller.name, payout = id, "a payout was requested");
    read(app, caller, &id).await
}

/// Decides about a batch that somebody else asked for.
pub(crate) async fn decide(
    app: &App,
    caller: &Caller,
    id: &str,
    verdict: Verdict,
    decision: &Decision,
) -> Result<BatchAnswer, Failure> {
    may_decide(caller)?;
    if matches!(verdict, Verdict::Rejected) && decision.note.is_none() {
        return Err(unusable("note", "note_needed", "say in `note` why the payout is rejected"));
    }
    let id = possible(id, no_such_payout)?;
    let is_decided = write(app, caller, id, verdict, decision).await.map_err(Failure::writing)?;
    let batch = read(app, caller, id).await?;
    if !is_decided {
        return Err(not_decided(&batch, caller));
    }
    info!(by = decision.by, payout = id, verdict = verdict.state(), "a payout was decided");
    Ok(batch)
}

/// Writes the decision down and wakes the aggregator. False: it may not be decided, or not by this person.
async fn write(
    app: &App,
    caller: &Caller,
    id: &str,
    verdict: Verdict,
    decision: &Decision,
) -> sqlx::Result<bool> {
    let mut tx = db::tenant_tx(app, caller).await?;
    let decided = sqlx::query_file!(
        "src/desk/decide_payout.sql",
        id,
        caller.vendor(),
        verdict.state(),
        decision.by,
        decision.at,
        decision.note
    )
    .fetch_optional(&mut *tx)
    .await?;
    if decided.is_none() {
        return Ok(false);
    }
    wake(&mut tx).await?;
    tx.commit().await?;
    Ok(true)
}

/// Postgres tells the aggregator as soon as this transaction is committed, and not before.
async fn wake(conn: &mut PgConnection) -> sqlx::Result<()> {
    sqlx::query!("select pg_notify('payout', '')").execute(conn).await?;
    Ok(())
}

async fn is_vendor(conn: &mut PgConnection, vendor_id: i64) -> sqlx::Result<bool> {
    let found = sqlx::query_scalar!("select vendor_id from vendor where vendor_id = $1", vendor_id);
    Ok(found.fetch_optional(conn).await?.is_some())
}

pub(crate) async fn read(app: &App, caller: &Caller, id: &str) -> Result<BatchAnswer, Failure> {
    let mut conn = db::tenant_snapshot(app, caller).await?;
    let batch = payouts::one(&mut conn, caller.vendor(), id).await?;
    batch.map(BatchAnswer::from).ok_or_else(no_such_payout)
}

pub(super) fn no_such_payout() -> Failure {
    Failure::Missing("no_such_payout", "there is no such payout".to_owned())
}

fn no_such_vendor() -> Failure {
    Failure::Missing("no_such_vendor", "there is no such vendor".to_owned())
}

fn not_decided(batch: &BatchAnswer, caller: &Caller) -> Failure {
    let is_own = batch.requested_by.trim().to_lowercase() == caller.name.trim().to_lowercase();
    match batch.state.as_str() {
        "open" if is_own => Failure::Conflict(
            "second_person_needed",
            format!("{} asked for this payout; somebody else must decide", batch.requested_by),
        ),
        "requested" => {
            Failure::Conflict("not_open", "this payout is being collected; try again in a moment".to_owned())
        }
        "empty" => Failure::Conflict("not_open", "this payout is empty: nothing was payable".to_owned()),
        state => {
            Failure::Conflict("not_open", format!("this payout is {state} already; a decision is final"))
        }
    }
}

impl Object for BatchAnswer {
    fn row_version(&self) -> Option<i64> {
        None
    }

    fn path(&self) -> String {
        format!("{PATH}/{}", self.payout_batch_id)
    }
}

impl From<Batch> for BatchAnswer {
    fn from(batch: Batch) -> Self {
        Self {
            object: "payout",
            payout_batch_id: batch.payout_batch_id,
            vendor_id: batch.vendor_id,
            vendor: batch.vendor,
            currency: batch.currency,
            minimum_minor: batch.minimum_minor,
            state: batch.state,
            requested_by: batch.requested_by,
            requested_at: time(Some(batch.requested_at)),
            collected_at: time(batch.collected_at),
            decided_by: batch.decided_by,
            decided_at: time(batch.decided_at),
            note: batch.note,
            paid_at: time(batch.paid_at),
            line_count: batch.lines,
            amount_minor: batch.amount_minor,
            paid_minor: batch.paid_minor,
        }
    }
}

impl LineAnswer {
    fn new(line: PayoutLine, orders: Vec<OrderPart>) -> Self {
        Self {
            vendor_id: line.vendor_id,
            vendor: line.vendor,
            affiliate_id: line.affiliate_id,
            affiliate: line.affiliate,
            amount_minor: line.amount_minor,
            paid_minor: line.paid_minor,
            order_count: line.orders,
            orders,
        }
    }
}

impl From<PayoutOrder> for OrderPart {
    fn from(order: PayoutOrder) -> Self {
        Self {
            order_id: order.order_id,
            order_ref: order.order_ref,
            link: order.link,
            owed_minor: order.owed_minor,
            state: order.state,
        }
    }
}
