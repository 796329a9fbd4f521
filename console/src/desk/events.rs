//! `/v1/order-events`: events that were parked, and letting them in after all.

use axum::extract::{Request, State};
use axum::response::Response;
use serde::Serialize;
use tracing::info;
use utoipa::ToSchema;

use super::decision::{Decision, Note};
use super::holds::enqueue;
use super::shape::{NothingFits, vendor_of};
use crate::api::given::Given;
use crate::auth::{Caller, Scope};
use crate::conventions::{
    Asked, Asking, List, Named, Number, OnlyTrue, Page, PageParams, json, time, unknown_cursor,
};
use crate::db;
use crate::problem::{Failure, Problem};
use crate::report::parked::{self, Parked, Place};
use crate::server::App;

/// Where the list is.
pub(super) const PATH: &str = "/v1/order-events";

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ParkedEvent)]
pub(crate) struct EventAnswer {
    pub(crate) object: &'static str,
    /// Its place in the list: what `starting_after` takes.
    pub(crate) cursor: String,
    pub(crate) vendor_id: i64,
    pub(crate) vendor: String,
    pub(crate) event_id: String,
    pub(crate) order_ref: String,
    pub(crate) kind: String,
    pub(crate) occurred_at: Option<String>,
    pub(crate) received_at: Option<String>,
    pub(crate) source: String,
    /// Why it takes no part; null: it does.
    pub(crate) parked: Option<String>,
}

/// What the list of parked events is narrowed to.
#[derive(Debug, Default)]
pub(crate) struct Filter {
    pub(crate) vendor_id: Option<i64>,
    pub(crate) page: Page,
}

/// One page of parked events, those that have waited longest first.
#[utoipa::path(get, path = PATH, tag = "orders", params(
    ("parked" = inline(OnlyTrue), Query, description = "`true`: only parked events are listed"),
    ("vendor" = inline(Option<Number>), Query, description = "Only this vendor's"),
    PageParams,
), responses(
    (status = 200, description = "A page, those that have waited longest first", body = List<EventAnswer>),
    (status = "4XX", description = "Refused", body = Problem, content_type = "application/problem+json"),
), security(("key" = []), ("session" = [])))]
pub(super) async fn list(State(app): State<App>, caller: Caller, Asking(filter): Asking<Filter>) -> Response {
    json(page(&app, &caller, &filter)).await
}

/// Lets a parked event take part.
#[utoipa::path(post, path = "/v1/order-events/{vendor_id}/{event_id}/unpark", tag = "orders", request_body = Note, params(
    ("vendor_id" = i64, Path, description = "The vendor's number"),
    ("event_id" = String, Path, description = "As the shop named it"),
), responses(
    (status = 200, description = "It takes part", body = EventAnswer),
    (status = "4XX", description = "Refused", body = Problem, content_type = "application/problem+json"),
), security(("key" = []), ("session" = [])))]
pub(super) async fn unpark(
    State(app): State<App>,
    caller: Caller,
    Named((vendor_id, event_id)): Named<(i64, String)>,
    request: Request,
) -> Response {
    let unparked = async {
        caller.require(Scope::HoldsReview)?;
        let decision = Decision::read(&caller, request).await?;
        let_in(&app, &caller, (vendor_id, &event_id), &decision).await
    };
    json(unparked).await
}

impl Asked for Filter {
    fn read(query: &str) -> Result<Self, Failure> {
        let mut given = Given::read(query);
        let vendor_id = given.id("vendor");
        if given.one("parked").as_deref() != Some("true") {
            given.refuse("parked", "parked_needed", "only parked events are listed: ask with `parked=true`");
        }
        let page = Page { limit: given.limit(), after: given.one("starting_after") };
        given.finish("parked, vendor, limit, starting_after").map_err(Failure::Parameters)?;
        Ok(Self { vendor_id, page })
    }
}

/// One page of parked events.
pub(crate) async fn page(app: &App, caller: &Caller, filter: &Filter) -> Result<List<EventAnswer>, Failure> {
    caller.require(Scope::HoldsReview)?;
    let vendor = match vendor_of(caller, filter.vendor_id) {
        Ok(vendor) => vendor,
        Err(NothingFits) => return List::of_nothing(PATH, &filter.page),
    };
    let mut snapshot = db::tenant_snapshot(app, caller).await?;
    let after: Option<Place> = match &filter.page.after {
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
    let rows = parked::list(&mut snapshot, vendor, after.as_ref(), filter.page.limit + 1).await?;
    snapshot.commit().await?;
    let rows = rows.into_iter().map(EventAnswer::from).collect();
    Ok(List::cut(PATH, rows, filter.page.limit, |event: &EventAnswer| event.cursor.clone()))
}

/// Lets a parked event take part.
pub(crate) async fn let_in(
    app: &App,
    caller: &Caller,
    (vendor_id, event_id): (i64, &str),
    decision: &Decision,
) -> Result<EventAnswer, Failure> {
    caller.require(Scope::HoldsReview)?;
    if !is_event_id(event_id) || caller.vendor().is_some_and(|own| own != vendor_id) {
        return Err(no_such_event());
    }
    let is_let_in = write(app, caller, vendor_id, event_id).await.map_err(Failure::writing)?;
    let mut conn = db::tenant_snapshot(app, caller).await?;
    let event = parked::one(&mut conn, vendor_id, event_id).await?.ok_or_else(no_such_event)?;
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
