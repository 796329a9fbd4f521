//! `/v1/order-events`: events that were parked, and letting them in after all.

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, RawQuery, Request, State};
use axum::response::Response;
use serde::Serialize;
use tracing::info;

use super::decision::Decision;
use super::holds::enqueue;
use super::shape::{List, NothingFits, json, time, unknown_cursor, vendor_of};
use crate::api::given::Given;
use crate::auth::{Caller, Scope};
use crate::db;
use crate::problem::Failure;
use crate::report::parked::{self, Parked, Place};
use crate::server::App;

/// Where the list is.
pub(super) const PATH: &str = "/v1/order-events";

#[derive(Debug, Serialize)]
struct EventAnswer {
    object: &'static str,
    /// Its place in the list: what `starting_after` takes.
    cursor: String,
    vendor_id: i64,
    vendor: String,
    event_id: String,
    order_ref: String,
    kind: String,
    occurred_at: Option<String>,
    received_at: Option<String>,
    source: String,
    /// Why it takes no part; null: it does.
    parked: Option<String>,
}

/// What is in the address: a vendor and one of its events.
type Named = Result<Path<(i64, String)>, PathRejection>;

/// One page of parked events, those that have waited longest first.
pub(super) async fn list(State(app): State<App>, caller: Caller, RawQuery(query): RawQuery) -> Response {
    json(page(&app, &caller, query.as_deref().unwrap_or_default()).await)
}

/// Lets a parked event take part.
pub(super) async fn unpark(
    State(app): State<App>,
    caller: Caller,
    named: Named,
    request: Request,
) -> Response {
    json(let_in(&app, &caller, named, request).await)
}

async fn page(app: &App, caller: &Caller, query: &str) -> Result<List<EventAnswer>, Failure> {
    caller.require(Scope::HoldsReview)?;
    let mut given = Given::read(query);
    let asked = given.id("vendor");
    if given.one("parked").as_deref() != Some("true") {
        given.refuse("parked", "parked_needed", "only parked events are listed: ask with `parked=true`");
    }
    let (limit, after) = (given.limit(), given.one("starting_after"));
    given.finish("parked, vendor, limit, starting_after").map_err(Failure::Parameters)?;
    let vendor = match vendor_of(caller, asked) {
        Ok(vendor) => vendor,
        Err(NothingFits) => return Ok(List::empty(PATH)),
    };
    let mut snapshot = db::tenant_snapshot(app, caller).await?;
    let after: Option<Place> = match after {
        None => None,
        Some(cursor) => {
            let (of, event_id) = cursor.split_once('.').ok_or_else(unknown_cursor)?;
            let of = of.parse().map_err(|_| unknown_cursor())?;
            let last = if is_event_id(event_id) && caller.vendor().is_none_or(|own| own == of) {
                parked::one(&mut snapshot, of, event_id).await?
            } else {
                None
            };
            Some(last.ok_or_else(unknown_cursor)?.place())
        }
    };
    let rows = parked::list(&mut snapshot, vendor, after.as_ref(), limit + 1).await?;
    snapshot.commit().await?;
    Ok(List::cut(PATH, rows, limit, EventAnswer::from))
}

async fn let_in(app: &App, caller: &Caller, named: Named, request: Request) -> Result<EventAnswer, Failure> {
    caller.require(Scope::HoldsReview)?;
    let decision = Decision::read(caller, request).await?;
    let Path((vendor_id, event_id)) = named.map_err(|_| no_such_event())?;
    if !is_event_id(&event_id) || caller.vendor().is_some_and(|own| own != vendor_id) {
        return Err(no_such_event());
    }
    let is_let_in = write(app, caller, vendor_id, &event_id).await.map_err(Failure::writing)?;
    let mut conn = db::tenant_snapshot(app, caller).await?;
    let event = parked::one(&mut conn, vendor_id, &event_id).await?.ok_or_else(no_such_event)?;
    if !is_let_in {
        return Err(Failure::Conflict(
            "not_parked",
            "this event is not parked: it takes part already".to_owned(),
        ));
    }
    // The log is where this decision is kept until there is a table for such.
    info!(by = decision.by, note = decision.note, vendor_id, event_id, "a parked event was let in");
    Ok(EventAnswer::from(event))
}

/// Lets the event in and `settle` look at its order, both or neither. False: there was no such parked event.
async fn write(app: &App, caller: &Caller, vendor_id: i64, event_id: &str) -> sqlx::Result<bool> {
    let mut tx = db::tenant_tx(app, caller).await?;
    let order_ref = sqlx::query_scalar!(
        "update order_event set parked = null where vendor_id = $1 and event_id = $2 and parked is not null \
         returning order_ref",
        vendor_id,
        event_id
    )
    .fetch_optional(&mut *tx)
    .await?;
    let Some(order_ref) = order_ref else { return Ok(false) };
    enqueue(&mut tx, vendor_id, &order_ref).await?;
    tx.commit().await?;
    Ok(true)
}

/// Whether a shop may have named an event so. Postgres knows no text with a zero byte.
fn is_event_id(text: &str) -> bool {
    !text.is_empty() && text.chars().count() <= 200 && !text.contains('\0')
}

fn no_such_event() -> Failure {
    Failure::Missing("no_such_event", "there is no such event".to_owned())
}

impl From<Parked> for EventAnswer {
    fn from(event: Parked) -> Self {
        Self {
            object: "order_event",
            cursor: format!("{}.{}", event.vendor_id, event.event_id),
            vendor_id: event.vendor_id,
            vendor: event.vendor,
            event_id: event.event_id,
            order_ref: event.order_ref,
            kind: event.kind,
            occurred_at: time(Some(event.occurred_at)),
            received_at: time(Some(event.received_at)),
            source: event.source,
            parked: event.parked,
        }
    }
}
