//! `/v1/invitations`: asking people to join, several at once. Each gets a link of their own that works once and for a
//! while; only the hash of what is in it is kept.

pub(crate) mod accept;
pub(crate) mod send;

use axum::extract::{Request, State};
use axum::response::Response;
use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::json;
use sqlx::PgConnection;
use utoipa::ToSchema;

use super::find::Narrowed;
use super::rate_input::in_per_cent;
use crate::api::given::Given;
use crate::auth::{Caller, Scope};
use crate::conventions::{
    Asked, Asking, IfMatch, List, Named, Object, Page, PageParams, Repeatable, Sought, Versioned, creation,
    illegal_state, json, made, now, object, possible, unknown_cursor, words,
};
use crate::problem::{Failure, Problem};
use crate::server::App;
use crate::{audit, db};

pub use self::accept::{Accepted, accept, token_hash};

/// Where the list is.
pub(super) const PATH: &str = "/v1/invitations";

/// The states.
const STATES: [&str; 5] = ["sent", "opened", "accepted", "expired", "revoked"];

words! {
    /// How far an invitation is.
    Stage: STATES
}

/// One invitation.
#[derive(Debug, Serialize, ToSchema)]
#[serde(tag = "object", rename = "invitation")]
pub(crate) struct Invitation {
    pub(crate) invitation_id: String,
    pub(crate) email: String,
    pub(crate) vendor_id: Option<String>,
    pub(crate) vendor_name: Option<String>,
    /// The commission that was offered.
    pub(crate) commission_rate: Option<String>,
    pub(crate) message: String,
    /// `sent`, `opened`, `accepted`, `expired` or `revoked`.
    pub(crate) status: String,
    pub(crate) invited_by: String,
    pub(crate) sent_at: DateTime<Utc>,
    pub(crate) expires_at: DateTime<Utc>,
    pub(crate) opened_at: Option<DateTime<Utc>>,
    pub(crate) accepted_at: Option<DateTime<Utc>>,
    pub(crate) revoked_at: Option<DateTime<Utc>>,
    /// Who came of it.
    pub(crate) affiliate_id: Option<String>,
    #[serde(skip)]
    pub(crate) vendor_number: Option<i64>,
    #[serde(skip)]
    pub(crate) row_version: i64,
}

impl Object for Invitation {
    fn row_version(&self) -> Option<i64> {
        Some(self.row_version)
    }

    fn path(&self) -> String {
        format!("{PATH}/{}", self.invitation_id)
    }
}

/// What the list is narrowed to.
#[derive(Debug, Default)]
pub(crate) struct Filter {
    /// One of [`STATES`].
    pub(crate) status: Option<String>,
    pub(crate) vendor: Option<String>,
    pub(crate) email: Option<String>,
    pub(crate) page: Page,
}

/// One page of invitations, newest first.
#[utoipa::path(get, path = PATH, tag = "invitations", params(
    ("status" = inline(Option<Stage>), Query, description = "Only those that are so far"),
    ("vendor" = inline(Option<Sought>), Query, description = "Only for this vendor"),
    ("email" = inline(Option<Sought>), Query, description = "Only to this address"),
    PageParams,
), responses(
    (status = 200, description = "A page", body = List<Invitation>),
    (status = "4XX", description = "Refused", body = Problem, content_type = "application/problem+json"),
), security(("key" = []), ("session" = [])))]
pub(super) async fn list(State(app): State<App>, caller: Caller, Asking(filter): Asking<Filter>) -> Response {
    json(page(&app, &caller, &filter)).await
}

/// One invitation.
#[utoipa::path(get, path = "/v1/invitations/{invitation_id}", tag = "invitations", params(
    ("invitation_id" = String, Path),
), responses(
    (status = 200, description = "As it is", body = Invitation, headers(("etag" = String, description = "Its version"))),
    (status = "4XX", description = "Refused", body = Problem, content_type = "application/problem+json"),
), security(("key" = []), ("session" = [])))]
pub(super) async fn show(State(app): State<App>, caller: Caller, Named(id): Named) -> Response {
    object(shown(&app, &caller, &id)).await
}

/// Invites several people, each with an outcome of its own.
#[utoipa::path(post, path = PATH, tag = "invitations", request_body = send::Wanted, params(
    Repeatable,
), responses(
    (status = 201, description = "What became of each address", body = send::Outcomes),
    (status = "4XX", description = "Refused", body = Problem, content_type = "application/problem+json"),
), security(("key" = []), ("session" = [])))]
pub(super) async fn create(State(app): State<App>, caller: Caller, request: Request) -> Response {
    let send = async |wanted| made(send::all(&app, &caller, wanted)).await;
    creation(&app, &caller, request, writes, send).await
}

/// Sends an invitation again, with another link. The old one works no longer.
#[utoipa::path(post, path = "/v1/invitations/{invitation_id}/resend", tag = "invitations", params(
    ("invitation_id" = String, Path),
    Versioned,
), responses(
    (status = 200, description = "As it is", body = Invitation, headers(("etag" = String, description = "Its version"))),
    (status = "4XX", description = "Refused", body = Problem, content_type = "application/problem+json"),
), security(("key" = []), ("session" = [])))]
pub(super) async fn resend(
    State(app): State<App>,
    caller: Caller,
    if_match: IfMatch,
    Named(id): Named,
) -> Response {
    object(sent_again(&app, &caller, &if_match, &id)).await
}

/// Makes an invitation's link worthless.
#[utoipa::path(post, path = "/v1/invitations/{invitation_id}/revoke", tag = "invitations", params(
    ("invitation_id" = String, Path),
    Versioned,
), responses(
    (status = 200, description = "As it is", body = Invitation, headers(("etag" = String, description = "Its version"))),
    (status = "4XX", description = "Refused", body = Problem, content_type = "application/problem+json"),
), security(("key" = []), ("session" = [])))]
pub(super) async fn revoke(
    State(app): State<App>,
    caller: Caller,
    if_match: IfMatch,
    Named(id): Named,
) -> Response {
    object(revoked(&app, &caller, &if_match, &id)).await
}

/// One invitation.
pub(crate) async fn shown(app: &App, caller: &Caller, id: &str) -> Result<Invitation, Failure> {
    caller.require(Scope::ProgrammeRead)?;
    caller.require_shop_side()?;
    let id = possible(id, no_such_invitation)?;
    let mut snapshot = db::tenant_snapshot(app, caller).await?;
    one(&mut snapshot, id).await?.ok_or_else(no_such_invitation)
}

/// Sends an invitation again.
pub(crate) async fn sent_again(
    app: &App,
    caller: &Caller,
    if_match: &IfMatch,
    id: &str,
) -> Result<Invitation, Failure> {
    writes(caller)?;
    let id = possible(id, no_such_invitation)?;
    let mut tx = db::tenant_tx(app, caller).await.map_err(Failure::writing)?;
    let invitation = locked(&mut tx, if_match, id).await?;
    if invitation.accepted_at.is_some() || invitation.revoked_at.is_some() {
        return Err(illegal_state("invitation", &invitation.status, "sent"));
    }
    send::again(app, caller, &mut tx, id).await?;
    finished(tx, id).await
}

/// Makes an invitation worthless.
pub(crate) async fn revoked(
    app: &App,
    caller: &Caller,
    if_match: &IfMatch,
    id: &str,
) -> Result<Invitation, Failure> {
    writes(caller)?;
    let id = possible(id, no_such_invitation)?;
    let mut tx = db::tenant_tx(app, caller).await.map_err(Failure::writing)?;
    let invitation = locked(&mut tx, if_match, id).await?;
    if invitation.accepted_at.is_some() || invitation.revoked_at.is_some() {
        return Err(illegal_state("invitation", &invitation.status, "revoked"));
    }
    let set = sqlx::query!(
        "update invitation set revoked_at = $2, row_version = row_version + 1 where invitation_id = $1",
        id,
        now()
    );
    set.execute(&mut *tx).await.map_err(Failure::writing)?;
    let vendor = invitation.vendor_number;
    audit::record(&mut tx, caller, "invitation.revoke", id, vendor, None, json!({})).await?;
    finished(tx, id).await
}

async fn finished(mut tx: sqlx::Transaction<'_, sqlx::Postgres>, id: &str) -> Result<Invitation, Failure> {
    let invitation = one(&mut tx, id).await?.ok_or_else(no_such_invitation)?;
    tx.commit().await.map_err(Failure::writing)?;
    Ok(invitation)
}

impl Asked for Filter {
    fn read(query: &str) -> Result<Self, Failure> {
        let mut given = Given::read(query);
        let filter = Self {
            status: given.word("status", &STATES),
            vendor: given.one("vendor"),
            email: given.one("email").map(|email| email.to_lowercase()),
            page: given.page(),
        };
        given.finish("status, vendor, email, limit, starting_after").map_err(Failure::Parameters)?;
        Ok(filter)
    }
}

/// One page of invitations.
pub(crate) async fn page(app: &App, caller: &Caller, filter: &Filter) -> Result<List<Invitation>, Failure> {
    caller.require(Scope::ProgrammeRead)?;
    caller.require_shop_side()?;
    let mut snapshot = db::tenant_snapshot(app, caller).await?;
    let Some(to) = Narrowed::to(&mut snapshot, filter.vendor.as_deref(), None, None).await? else {
        return List::of_nothing(PATH, &filter.page);
    };
    let after = match &filter.page.after {
        None => None,
        Some(id) => Some(one(&mut snapshot, id).await?.ok_or_else(unknown_cursor)?),
    };
    let rows = sqlx::query_file_as!(
        Row,
        "src/programme/invitations.sql",
        None::<&str>,
        to.vendor,
        filter.email.as_deref(),
        filter.status.as_deref(),
        after.as_ref().map(|last| last.sent_at),
        after.as_ref().map(|last| last.invitation_id.as_str()),
        filter.page.limit + 1
    );
    let rows = rows.fetch_all(&mut *snapshot).await?.into_iter().map(Invitation::from).collect();
    Ok(List::cut(PATH, rows, filter.page.limit, |invitation: &Invitation| invitation.invitation_id.clone()))
}

async fn one(conn: &mut PgConnection, id: &str) -> sqlx::Result<Option<Invitation>> {
    let no_word = None::<&str>;
    let found = sqlx::query_file_as!(
        Row,
        "src/programme/invitations.sql",
        Some(id),
        None::<i64>,
        no_word,
        no_word,
        None::<DateTime<Utc>>,
        no_word,
        1_i64
    );
    Ok(found.fetch_optional(conn).await?.map(Invitation::from))
}

/// The invitation as it is now, until the transaction ends.
async fn locked(conn: &mut PgConnection, if_match: &IfMatch, id: &str) -> Result<Invitation, Failure> {
    let lock = sqlx::query!("select row_version from invitation where invitation_id = $1 for update", id);
    lock.fetch_optional(&mut *conn).await.map_err(Failure::writing)?.ok_or_else(no_such_invitation)?;
    let invitation = one(conn, id).await?.ok_or_else(no_such_invitation)?;
    if_match.check(invitation.row_version)?;
    Ok(invitation)
}

fn writes(caller: &Caller) -> Result<(), Failure> {
    caller.require(Scope::ProgrammeWrite)?;
    caller.require_shop_side()
}

fn no_such_invitation() -> Failure {
    Failure::Missing("no_such_invitation", "there is no such invitation".to_owned())
}

/// A row as Postgres has it.
struct Row {
    invitation_id: String,
    email: String,
    vendor_id: Option<String>,
    vendor_name: Option<String>,
    rate_ppm: Option<i32>,
    message: String,
    status: String,
    invited_by: String,
    sent_at: DateTime<Utc>,
    expires_at: DateTime<Utc>,
    opened_at: Option<DateTime<Utc>>,
    accepted_at: Option<DateTime<Utc>>,
    revoked_at: Option<DateTime<Utc>>,
    affiliate_id: Option<String>,
    vendor_number: Option<i64>,
    row_version: i64,
}

impl From<Row> for Invitation {
    fn from(row: Row) -> Self {
        Self {
            invitation_id: row.invitation_id,
            email: row.email,
            vendor_id: row.vendor_id,
            vendor_name: row.vendor_name,
            commission_rate: in_per_cent(row.rate_ppm),
            message: row.message,
            status: row.status,
            invited_by: row.invited_by,
            sent_at: row.sent_at,
            expires_at: row.expires_at,
            opened_at: row.opened_at,
            accepted_at: row.accepted_at,
            revoked_at: row.revoked_at,
            affiliate_id: row.affiliate_id,
            vendor_number: row.vendor_number,
            row_version: row.row_version,
        }
    }
}
