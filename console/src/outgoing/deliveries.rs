//! `/v1/webhook-targets/{id}/deliveries`: what was sent to a target and what came of it.

use axum::extract::State;
use axum::response::Response;
use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::json;
use sqlx::PgConnection;
use utoipa::ToSchema;

use super::targets::{PATH, allowed, no_such_target, one as target};
use super::topics;
use crate::api::given::Given;
use crate::auth::Caller;
use crate::conventions::{
    Asked, Asking, List, Named, Page, PageParams, accepted, illegal_state, json, now, possible,
    unknown_cursor, words,
};
use crate::problem::{Failure, Problem};
use crate::programme::notice;
use crate::server::App;
use crate::{audit, db};

/// The states.
const STATES: [&str; 3] = ["pending", "delivered", "given_up"];

words! {
    /// How far a delivery is.
    Stage: STATES
}

/// One message on its way to one target.
#[derive(Debug, Serialize, ToSchema)]
#[serde(tag = "object", rename = "webhook_delivery")]
#[schema(as = WebhookDelivery)]
pub(crate) struct Delivery {
    pub(crate) message_id: String,
    pub(crate) topic: String,
    /// `pending`, `delivered` or `given_up`.
    pub(crate) status: String,
    pub(crate) attempts: i32,
    pub(crate) next_attempt_at: Option<DateTime<Utc>>,
    pub(crate) delivered_at: Option<DateTime<Utc>>,
    /// What was answered last.
    pub(crate) last_status: Option<i32>,
    /// Why it was no success.
    pub(crate) last_error: Option<String>,
    pub(crate) created_at: DateTime<Utc>,
}

/// What the list is narrowed to.
#[derive(Debug, Default)]
pub(crate) struct Filter {
    /// One of [`STATES`].
    pub(crate) status: Option<String>,
    pub(crate) page: Page,
}

/// One page of deliveries, newest first.
#[utoipa::path(get, path = "/v1/webhook-targets/{target_id}/deliveries", tag = "webhook targets", params(
    ("target_id" = String, Path),
    ("status" = inline(Option<Stage>), Query, description = "Only those that are so far"),
    PageParams,
), responses(
    (status = 200, description = "A page", body = List<Delivery>),
    (status = "4XX", description = "Refused", body = Problem, content_type = "application/problem+json"),
), security(("key" = []), ("session" = [])))]
pub(super) async fn list(
    State(app): State<App>,
    caller: Caller,
    Named(id): Named,
    Asking(filter): Asking<Filter>,
) -> Response {
    json(page(&app, &caller, &id, &filter)).await
}

/// Sends a message that says nothing, to see whether it arrives.
#[utoipa::path(post, path = "/v1/webhook-targets/{target_id}/test", tag = "webhook targets", params(
    ("target_id" = String, Path),
), responses(
    (status = 202, description = "Taken in", body = Delivery),
    (status = "4XX", description = "Refused", body = Problem, content_type = "application/problem+json"),
), security(("key" = []), ("session" = [])))]
pub(super) async fn test(State(app): State<App>, caller: Caller, Named(id): Named) -> Response {
    accepted(sent(&app, &caller, &id)).await
}

/// Sends a message again that did not arrive.
#[utoipa::path(post, path = "/v1/webhook-targets/{target_id}/deliveries/{message_id}/retry", tag = "webhook targets", params(
    ("target_id" = String, Path),
    ("message_id" = String, Path),
), responses(
    (status = 202, description = "Taken in", body = Delivery),
    (status = "4XX", description = "Refused", body = Problem, content_type = "application/problem+json"),
), security(("key" = []), ("session" = [])))]
pub(super) async fn retry(
    State(app): State<App>,
    caller: Caller,
    Named((id, message_id)): Named<(String, String)>,
) -> Response {
    accepted(queued(&app, &caller, &id, &message_id)).await
}

impl Asked for Filter {
    fn read(query: &str) -> Result<Self, Failure> {
        let mut given = Given::read(query);
        let filter = Self { status: given.word("status", &STATES), page: given.page() };
        given.finish("status, limit, starting_after").map_err(Failure::Parameters)?;
        Ok(filter)
    }
}

/// One page of deliveries.
pub(crate) async fn page(
    app: &App,
    caller: &Caller,
    id: &str,
    filter: &Filter,
) -> Result<List<Delivery>, Failure> {
    allowed(caller)?;
    let id = possible(id, no_such_target)?;
    let mut snapshot = db::tenant_snapshot(app, caller).await?;
    target(&mut snapshot, id).await?.ok_or_else(no_such_target)?;
    let after = match &filter.page.after {
        None => None,
        Some(message) => Some(one(&mut snapshot, id, message).await?.ok_or_else(unknown_cursor)?),
    };
    let rows = sqlx::query_file_as!(
        Delivery,
        "src/outgoing/deliveries.sql",
        id,
        None::<&str>,
        filter.status.as_deref(),
        after.as_ref().map(|last| last.created_at),
        after.as_ref().map(|last| last.message_id.as_str()),
        filter.page.limit + 1
    );
    let rows = rows.fetch_all(&mut *snapshot).await?;
    Ok(List::cut(format!("{PATH}/{id}/deliveries"), rows, filter.page.limit, |row| row.message_id.clone()))
}

async fn one(conn: &mut PgConnection, target_id: &str, message_id: &str) -> sqlx::Result<Option<Delivery>> {
    let nowhere = (None::<DateTime<Utc>>, None::<&str>);
    let found = sqlx::query_file_as!(
        Delivery,
        "src/outgoing/deliveries.sql",
        target_id,
        Some(message_id),
        None::<&str>,
        nowhere.0,
        nowhere.1,
        1_i64
    );
    found.fetch_optional(conn).await
}

/// Sends a message that says nothing.
pub(crate) async fn sent(app: &App, caller: &Caller, id: &str) -> Result<Delivery, Failure> {
    allowed(caller)?;
    let id = possible(id, no_such_target)?;
    let mut tx = db::tenant_tx(app, caller).await.map_err(Failure::writing)?;
    let target = target(&mut tx, id).await?.ok_or_else(no_such_target)?;
    if target.disabled_at().is_some() {
        return Err(illegal_state("webhook target", "disabled", "tested"));
    }
    notice::be_the_programme(&mut tx).await?;
    let payload = json!({"type": topics::TEST, "timestamp": now(), "data": {"target_id": id}});
    let message_id = sqlx::query_scalar!(
        "insert into webhook_message (vendor_id, topic, payload) values ($1, $2, $3::text::jsonb) returning message_id",
        target.vendor_number,
        topics::TEST,
        payload.to_string()
    );
    let message_id = message_id.fetch_one(&mut *tx).await.map_err(Failure::writing)?;
    let queued = sqlx::query!(
        "insert into webhook_delivery (message_id, target_id, vendor_id) values ($1, $2, $3)",
        message_id,
        id,
        target.vendor_number
    );
    queued.execute(&mut *tx).await.map_err(Failure::writing)?;
    db::act_as(&mut tx, caller.tenant).await.map_err(Failure::writing)?;
    audit::record(&mut tx, caller, "webhook_target.test", id, target.vendor_number, None, json!({})).await?;
    let delivery = one(&mut tx, id, &message_id).await?.ok_or_else(no_such_target)?;
    tx.commit().await.map_err(Failure::writing)?;
    Ok(delivery)
}

/// Sends a message again.
pub(crate) async fn queued(
    app: &App,
    caller: &Caller,
    id: &str,
    message_id: &str,
) -> Result<Delivery, Failure> {
    allowed(caller)?;
    let (id, message_id) = (possible(id, no_such_delivery)?, possible(message_id, no_such_delivery)?);
    let mut tx = db::tenant_tx(app, caller).await.map_err(Failure::writing)?;
    let target = target(&mut tx, id).await?.ok_or_else(no_such_target)?;
    let delivery = one(&mut tx, id, message_id).await?.ok_or_else(no_such_delivery)?;
    if delivery.delivered_at.is_some() {
        return Err(illegal_state("delivery", "delivered", "pending"));
    }
    if target.disabled_at().is_some() {
        return Err(illegal_state("webhook target", "disabled", "called"));
    }
    notice::be_the_programme(&mut tx).await?;
    let set = sqlx::query!(
        "update webhook_delivery set next_attempt_at = $3 where message_id = $1 and target_id = $2 and delivered_at is null",
        message_id,
        id,
        now()
    );
    set.execute(&mut *tx).await.map_err(Failure::writing)?;
    db::act_as(&mut tx, caller.tenant).await.map_err(Failure::writing)?;
    let detail = json!({"message_id": message_id});
    audit::record(&mut tx, caller, "webhook_target.retry", id, target.vendor_number, None, detail).await?;
    let delivery = one(&mut tx, id, message_id).await?.ok_or_else(no_such_delivery)?;
    tx.commit().await.map_err(Failure::writing)?;
    Ok(delivery)
}

fn no_such_delivery() -> Failure {
    Failure::Missing("no_such_delivery", "there is no such delivery".to_owned())
}
