//! `/v1/partnerships`: who promotes whom, and since when. Its rates are in [`super::rates`].

use axum::extract::{Request, State};
use axum::response::Response;
use chrono::{DateTime, Utc};
use common::rate::Rate;
use serde::{Deserialize, Serialize};
use serde_json::json;
use sqlx::PgConnection;
use utoipa::ToSchema;

use super::find::{self, Narrowed, Shop};
use super::notice;
use super::rate_input::{RateInput, in_per_cent};
use super::standing::Step;
use crate::api::given::Given;
use crate::auth::{Caller, Scope};
use crate::conventions::{
    Asked, Asking, IfMatch, List, Millionths, Named, Object, Page, PageParams, PerCent, Repeatable, Sought,
    Versioned, created, creation, json, now, object, possible, unknown_cursor, words,
};
use crate::problem::{Failure, Problem, unusable};
use crate::server::App;
use crate::{audit, db};

/// Where the list is.
pub(super) const PATH: &str = "/v1/partnerships";

/// The states.
const STATES: [&str; 5] = ["pending", "approved", "rejected", "active", "inactive"];

words! {
    /// How far a partnership is.
    Stage: STATES
}

/// Where a partnership that is made may begin.
const BEGINNINGS: [&str; 3] = ["pending", "approved", "active"];

words! {
    /// Where a partnership that is made may begin.
    Beginning: BEGINNINGS
}

/// One partnership. An affiliate has one for each vendor, each with its own rate.
#[derive(Debug, Serialize, ToSchema)]
#[serde(tag = "object", rename = "partnership")]
pub(crate) struct Partnership {
    pub(crate) partnership_id: String,
    pub(crate) vendor_id: String,
    pub(crate) vendor_name: String,
    pub(crate) affiliate_id: String,
    pub(crate) affiliate: String,
    pub(crate) affiliate_name: String,
    pub(crate) status: String,
    /// In force now, in per cent: `12.5%`. Null: none was agreed.
    pub(crate) commission_rate: Option<String>,
    /// The same in millionths.
    pub(crate) rate_ppm: Option<i32>,
    /// The next one that was agreed.
    pub(crate) next_rate: Option<NextRate>,
    /// When it first became active.
    pub(crate) joined_at: Option<DateTime<Utc>>,
    pub(crate) created_at: DateTime<Utc>,
    #[serde(skip)]
    pub(crate) vendor_number: i64,
    #[serde(skip)]
    pub(crate) affiliate_number: i64,
    #[serde(skip)]
    pub(crate) row_version: i64,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct NextRate {
    pub(crate) commission_rate: Option<String>,
    pub(crate) rate_ppm: i32,
    pub(crate) since: DateTime<Utc>,
}

impl Object for Partnership {
    fn row_version(&self) -> Option<i64> {
        Some(self.row_version)
    }

    fn path(&self) -> String {
        format!("{PATH}/{}", self.partnership_id)
    }
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = PartnershipWanted)]
pub(crate) struct Wanted {
    pub(crate) vendor_id: Option<String>,
    pub(crate) affiliate_id: String,
    #[schema(value_type = Option<Millionths>)]
    pub(crate) rate_ppm: Option<u32>,
    #[schema(value_type = Option<PerCent>)]
    pub(crate) rate: Option<String>,
    #[schema(value_type = Option<Beginning>)]
    pub(crate) status: Option<String>,
}

/// What the list is narrowed to.
#[derive(Debug, Default)]
pub(crate) struct Filter {
    pub(crate) vendor: Option<String>,
    pub(crate) affiliate: Option<String>,
    /// One of [`STATES`].
    pub(crate) status: Option<String>,
    pub(crate) page: Page,
}

/// One page of partnerships, newest first.
#[utoipa::path(get, path = PATH, tag = "partnerships", params(
    ("vendor" = inline(Option<Sought>), Query, description = "Only this vendor's"),
    ("affiliate" = inline(Option<Sought>), Query, description = "Only this affiliate's"),
    ("status" = inline(Option<Stage>), Query, description = "Only those that are so far"),
    PageParams,
), responses(
    (status = 200, description = "A page", body = List<Partnership>),
    (status = "4XX", description = "Refused", body = Problem, content_type = "application/problem+json"),
), security(("key" = []), ("session" = [])))]
pub(super) async fn list(State(app): State<App>, caller: Caller, Asking(filter): Asking<Filter>) -> Response {
    json(page(&app, &caller, &filter)).await
}

/// One partnership.
#[utoipa::path(get, path = "/v1/partnerships/{partnership_id}", tag = "partnerships", params(
    ("partnership_id" = String, Path),
), responses(
    (status = 200, description = "As it is", body = Partnership, headers(("etag" = String, description = "Its version"))),
    (status = "4XX", description = "Refused", body = Problem, content_type = "application/problem+json"),
), security(("key" = []), ("session" = [])))]
pub(super) async fn show(State(app): State<App>, caller: Caller, Named(id): Named) -> Response {
    object(shown(&app, &caller, &id)).await
}

/// Makes a partnership that nobody asked for.
#[utoipa::path(post, path = PATH, tag = "partnerships", request_body = Wanted, params(
    Repeatable,
), responses(
    (status = 201, description = "Made", body = Partnership, headers(("etag" = String, description = "Its version"))),
    (status = "4XX", description = "Refused", body = Problem, content_type = "application/problem+json"),
), security(("key" = []), ("session" = [])))]
pub(super) async fn create(State(app): State<App>, caller: Caller, request: Request) -> Response {
    let make = async |wanted| created(make(&app, &caller, wanted)).await;
    creation(&app, &caller, request, writes, make).await
}

/// Says yes.
#[utoipa::path(post, path = "/v1/partnerships/{partnership_id}/approve", tag = "partnerships", params(
    ("partnership_id" = String, Path),
    Versioned,
), responses(
    (status = 200, description = "As it is", body = Partnership, headers(("etag" = String, description = "Its version"))),
    (status = "4XX", description = "Refused", body = Problem, content_type = "application/problem+json"),
), security(("key" = []), ("session" = [])))]
pub(super) async fn approve(
    State(app): State<App>,
    caller: Caller,
    if_match: IfMatch,
    Named(id): Named,
) -> Response {
    object(step(&app, &caller, &if_match, &id, Step::Approve)).await
}

/// Says no.
#[utoipa::path(post, path = "/v1/partnerships/{partnership_id}/reject", tag = "partnerships", params(
    ("partnership_id" = String, Path),
    Versioned,
), responses(
    (status = 200, description = "As it is", body = Partnership, headers(("etag" = String, description = "Its version"))),
    (status = "4XX", description = "Refused", body = Problem, content_type = "application/problem+json"),
), security(("key" = []), ("session" = [])))]
pub(super) async fn reject(
    State(app): State<App>,
    caller: Caller,
    if_match: IfMatch,
    Named(id): Named,
) -> Response {
    object(step(&app, &caller, &if_match, &id, Step::Reject)).await
}

/// Lets its links be tracked.
#[utoipa::path(post, path = "/v1/partnerships/{partnership_id}/activate", tag = "partnerships", params(
    ("partnership_id" = String, Path),
    Versioned,
), responses(
    (status = 200, description = "As it is", body = Partnership, headers(("etag" = String, description = "Its version"))),
    (status = "4XX", description = "Refused", body = Problem, content_type = "application/problem+json"),
), security(("key" = []), ("session" = [])))]
pub(super) async fn activate(
    State(app): State<App>,
    caller: Caller,
    if_match: IfMatch,
    Named(id): Named,
) -> Response {
    object(step(&app, &caller, &if_match, &id, Step::Activate)).await
}

/// Stops its links from being tracked.
#[utoipa::path(post, path = "/v1/partnerships/{partnership_id}/deactivate", tag = "partnerships", params(
    ("partnership_id" = String, Path),
    Versioned,
), responses(
    (status = 200, description = "As it is", body = Partnership, headers(("etag" = String, description = "Its version"))),
    (status = "4XX", description = "Refused", body = Problem, content_type = "application/problem+json"),
), security(("key" = []), ("session" = [])))]
pub(super) async fn deactivate(
    State(app): State<App>,
    caller: Caller,
    if_match: IfMatch,
    Named(id): Named,
) -> Response {
    object(step(&app, &caller, &if_match, &id, Step::Deactivate)).await
}

impl Asked for Filter {
    fn read(query: &str) -> Result<Self, Failure> {
        let mut given = Given::read(query);
        let filter = Self {
            vendor: given.one("vendor"),
            affiliate: given.one("affiliate"),
            status: given.word("status", &STATES),
            page: given.page(),
        };
        given.finish("vendor, affiliate, status, limit, starting_after").map_err(Failure::Parameters)?;
        Ok(filter)
    }
}

/// One page of partnerships.
pub(crate) async fn page(app: &App, caller: &Caller, filter: &Filter) -> Result<List<Partnership>, Failure> {
    caller.require(Scope::ProgrammeRead)?;
    let mut snapshot = db::tenant_snapshot(app, caller).await?;
    let (vendor, affiliate) = (filter.vendor.as_deref(), filter.affiliate.as_deref());
    let Some(to) = Narrowed::to(&mut snapshot, vendor, affiliate, None).await? else {
        return List::of_nothing(PATH, &filter.page);
    };
    let after = match &filter.page.after {
        None => None,
        Some(id) => Some(one(&mut snapshot, id).await?.ok_or_else(unknown_cursor)?),
    };
    let rows = sqlx::query_file_as!(
        Row,
        "src/programme/partnerships.sql",
        None::<&str>,
        to.vendor,
        to.affiliate,
        filter.status.as_deref(),
        after.as_ref().map(|last| last.created_at),
        after.as_ref().map(|last| last.partnership_id.as_str()),
        filter.page.limit + 1
    );
    let rows = rows.fetch_all(&mut *snapshot).await?.into_iter().map(Partnership::from).collect();
    Ok(List::cut(PATH, rows, filter.page.limit, |row: &Partnership| row.partnership_id.clone()))
}

/// The partnership of that name, if the caller sees it.
pub(super) async fn one(conn: &mut PgConnection, id: &str) -> sqlx::Result<Option<Partnership>> {
    let (no_id, no_word, no_time) = (None::<i64>, None::<&str>, None::<DateTime<Utc>>);
    let found = sqlx::query_file_as!(
        Row,
        "src/programme/partnerships.sql",
        Some(id),
        no_id,
        no_id,
        no_word,
        no_time,
        no_word,
        1_i64
    );
    Ok(found.fetch_optional(conn).await?.map(Partnership::from))
}

pub(crate) async fn shown(app: &App, caller: &Caller, id: &str) -> Result<Partnership, Failure> {
    caller.require(Scope::ProgrammeRead)?;
    let id = possible(id, no_such_partnership)?;
    let mut snapshot = db::tenant_snapshot(app, caller).await?;
    one(&mut snapshot, id).await?.ok_or_else(no_such_partnership)
}

pub(crate) async fn make(app: &App, caller: &Caller, wanted: Wanted) -> Result<Partnership, Failure> {
    writes(caller)?;
    let rate = RateInput { rate_ppm: wanted.rate_ppm, rate: wanted.rate }.need()?;
    let status = wanted.status.as_deref().unwrap_or("active");
    if !BEGINNINGS.contains(&status) {
        let detail = format!("`status` must be one of {}", BEGINNINGS.join(", "));
        return Err(unusable("status", "unknown_value", detail));
    }
    let mut tx = db::tenant_tx(app, caller).await.map_err(Failure::writing)?;
    let shop = Shop::of(&mut tx, caller, wanted.vendor_id.as_deref()).await?;
    let affiliate = find::affiliate(&mut tx, caller, Some(&wanted.affiliate_id)).await?;
    let at = now();
    let joined_at = (status == "active").then_some(at);
    let made = sqlx::query_scalar!(
        "insert into partnership (vendor_id, affiliate_id, status, joined_at) values ($1, $2, $3, $4) \
         on conflict do nothing returning public_id",
        shop.vendor_id,
        affiliate,
        status,
        joined_at
    );
    let id = made.fetch_optional(&mut *tx).await.map_err(Failure::writing)?.ok_or_else(|| {
        Failure::Conflict("partnership_exists", "they have a partnership already: change that one".to_owned())
    })?;
    add_rate(&mut tx, shop.vendor_id, affiliate, at, rate).await?;
    let detail = json!({"status": status, "rate_ppm": rate.ppm()});
    audit::record(&mut tx, caller, "partnership.create", &id, Some(shop.vendor_id), Some(affiliate), detail)
        .await?;
    if status == "active" {
        announce(&mut tx, caller, &id, &welcome(&shop.name, rate)).await?;
    }
    let partnership = one(&mut tx, &id).await?.ok_or_else(no_such_partnership)?;
    tx.commit().await.map_err(Failure::writing)?;
    Ok(partnership)
}

pub(crate) async fn step(
    app: &App,
    caller: &Caller,
    if_match: &IfMatch,
    id: &str,
    step: Step,
) -> Result<Partnership, Failure> {
    writes(caller)?;
    let id = possible(id, no_such_partnership)?;
    let mut tx = db::tenant_tx(app, caller).await.map_err(Failure::writing)?;
    let partnership = locked(&mut tx, if_match, id).await?;
    step.check(&partnership.status)?;
    let (vendor_id, affiliate_id) = (partnership.vendor_number, partnership.affiliate_number);
    let set = sqlx::query!(
        "update partnership set status = $3, row_version = row_version + 1, \
         joined_at = case $3 when 'active' then coalesce(joined_at, $4) else joined_at end \
         where vendor_id = $1 and affiliate_id = $2",
        vendor_id,
        affiliate_id,
        step.to(),
        now()
    );
    set.execute(&mut *tx).await.map_err(Failure::writing)?;
    let detail = json!({"from": partnership.status, "to": step.to()});
    audit::record(&mut tx, caller, step.action(), id, Some(vendor_id), Some(affiliate_id), detail).await?;
    let words = format!("Your partnership with {} is {} now.", partnership.vendor_name, step.to());
    announce(&mut tx, caller, id, &words).await?;
    let partnership = one(&mut tx, id).await?.ok_or_else(no_such_partnership)?;
    tx.commit().await.map_err(Failure::writing)?;
    Ok(partnership)
}

/// The partnership as it is now, until the transaction ends.
pub(super) async fn locked(
    conn: &mut PgConnection,
    if_match: &IfMatch,
    id: &str,
) -> Result<Partnership, Failure> {
    let lock = sqlx::query!("select row_version from partnership where public_id = $1 for update", id);
    lock.fetch_optional(&mut *conn).await.map_err(Failure::writing)?.ok_or_else(no_such_partnership)?;
    let partnership = one(conn, id).await?.ok_or_else(no_such_partnership)?;
    if_match.check(partnership.row_version)?;
    Ok(partnership)
}

/// Writes a rate down. A second one for the same instant is refused: nobody could say which holds.
pub(super) async fn add_rate(
    conn: &mut PgConnection,
    vendor_id: i64,
    affiliate_id: i64,
    since: DateTime<Utc>,
    rate: Rate,
) -> Result<(), Failure> {
    let added = sqlx::query!(
        "insert into partnership_rate (vendor_id, affiliate_id, since, rate_ppm) values ($1, $2, $3, $4) on conflict do nothing",
        vendor_id,
        affiliate_id,
        since,
        rate.ppm() as i32
    );
    match added.execute(conn).await.map_err(Failure::writing)?.rows_affected() {
        0 => Err(super::rates::taken()),
        _ => Ok(()),
    }
}

/// Tells the affiliate and systems that want to hear of it what became of a partnership.
pub(super) async fn announce(
    conn: &mut PgConnection,
    caller: &Caller,
    id: &str,
    words: &str,
) -> Result<(), Failure> {
    let partnership = one(conn, id).await?.ok_or_else(no_such_partnership)?;
    let subject = format!("{}: your partnership is {}", partnership.vendor_name, partnership.status);
    let subject: String = subject.chars().take(200).collect();
    notice::to_affiliate(conn, caller, partnership.affiliate_number, &subject, words).await?;
    let topic = format!("partnership.{}", partnership.status);
    let data = json!({"partnership_id": id, "vendor_id": partnership.vendor_id, "affiliate_id": partnership.affiliate_id,
        "status": partnership.status, "rate_ppm": partnership.rate_ppm, "joined_at": partnership.joined_at});
    notice::to_systems(conn, caller, partnership.vendor_number, &topic, &data).await
}

/// What a new partner reads.
pub(super) fn welcome(vendor: &str, rate: Rate) -> String {
    format!(
        "You promote {vendor} now, for {rate} of what remains of each order after refunds. Make your first link."
    )
}

/// Refuses affiliates: they ask, see [`super::requests`].
pub(super) fn writes(caller: &Caller) -> Result<(), Failure> {
    caller.require(Scope::ProgrammeWrite)?;
    caller.require_shop_side()
}

pub(super) fn no_such_partnership() -> Failure {
    Failure::Missing("no_such_partnership", "there is no such partnership".to_owned())
}

/// A row as Postgres has it.
struct Row {
    partnership_id: String,
    vendor_id: String,
    vendor_name: String,
    affiliate_id: String,
    affiliate: String,
    affiliate_name: String,
    status: String,
    rate_ppm: Option<i32>,
    next_rate_ppm: Option<i32>,
    next_since: Option<DateTime<Utc>>,
    joined_at: Option<DateTime<Utc>>,
    created_at: DateTime<Utc>,
    vendor_number: i64,
    affiliate_number: i64,
    row_version: i64,
}

impl From<Row> for Partnership {
    fn from(row: Row) -> Self {
        let next_rate = row.next_rate_ppm.zip(row.next_since).map(|(rate_ppm, since)| NextRate {
            commission_rate: in_per_cent(Some(rate_ppm)),
            rate_ppm,
            since,
        });
        Self {
            partnership_id: row.partnership_id,
            vendor_id: row.vendor_id,
            vendor_name: row.vendor_name,
            affiliate_id: row.affiliate_id,
            affiliate: row.affiliate,
            affiliate_name: row.affiliate_name,
            status: row.status,
            commission_rate: in_per_cent(row.rate_ppm),
            rate_ppm: row.rate_ppm,
            next_rate,
            joined_at: row.joined_at,
            created_at: row.created_at,
            vendor_number: row.vendor_number,
            affiliate_number: row.affiliate_number,
            row_version: row.row_version,
        }
    }
}
