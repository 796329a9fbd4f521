//! `/v1/links`: what affiliates share. A link exists for an approved, active affiliate with an active partnership; where
//! it leads is held to the vendor's hosts whenever it is written down.

mod code;
mod make;
pub(super) mod many;
mod numbers;
pub(super) mod shown;
mod standing;

use axum::body::Bytes;
use axum::extract::{Path, RawQuery, Request, State};
use axum::http::HeaderMap;
use axum::response::Response;
use chrono::{DateTime, Utc};
use common::ids::Code;
use common::url_rules;
use serde::{Deserialize, Serialize};
use serde_json::json;
use sqlx::PgConnection;

use self::make::{Maker, Wanted, expiry};
use self::numbers::Numbers;
use utoipa::ToSchema;

use super::find::{Named, Narrowed, Shop};
use super::shape::{List, Object, Patch, created, json, now, object, read, unknown_cursor};
use super::vendors::Switch;
use crate::api::given::Given;
use crate::auth::{Caller, Scope, Tenant};
use crate::conventions::{IfMatch, once};
use crate::problem::{Failure, Problem};
use crate::server::App;
use crate::{audit, body, db};

pub(super) use self::standing::Standing;

/// Where the list is.
pub(super) const PATH: &str = "/v1/links";

/// Bytes of a change: a URL and a date.
const MAX_BODY: usize = 16 * 1024;

/// One link with what it brought.
#[derive(Debug, Serialize, ToSchema)]
#[serde(tag = "object", rename = "link")]
pub(super) struct Link {
    #[serde(flatten)]
    row: Row,
    /// What affiliates share.
    url: String,
    #[serde(flatten)]
    numbers: Numbers,
}

/// A link as Postgres has it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = LinkRow)]
pub(super) struct Row {
    code: String,
    vendor_id: String,
    vendor_name: String,
    product_id: Option<String>,
    product_name: Option<String>,
    affiliate_id: String,
    affiliate: String,
    destination: String,
    /// The link's own switch.
    is_active: bool,
    /// What shoppers meet: `active`, `paused` or `expired`.
    status: String,
    /// What pauses it: `link`, `affiliate`, `partnership` or `vendor`.
    paused_by: Option<String>,
    expiry_date: Option<DateTime<Utc>>,
    created_at: DateTime<Utc>,
    #[serde(skip)]
    number: i64,
    #[serde(skip)]
    vendor_number: i64,
    #[serde(skip)]
    affiliate_number: i64,
    #[serde(skip)]
    product_number: Option<i64>,
    #[serde(skip)]
    version: i64,
}

impl Object for Link {
    fn row_version(&self) -> i64 {
        self.row.version
    }

    fn path(&self) -> String {
        format!("{PATH}/{}", self.row.code)
    }
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = LinkChange)]
pub(super) struct Change {
    /// For operators and the vendor. An affiliate makes a new link.
    destination: Option<String>,
    #[serde(default)]
    #[schema(value_type = Option<DateTime<Utc>>)]
    expiry_date: Patch<DateTime<Utc>>,
}

/// One page of links, newest first.
#[utoipa::path(get, path = PATH, tag = "links", params(
    ("vendor" = Option<String>, Query, description = "Only to this vendor"),
    ("affiliate" = Option<String>, Query, description = "Only of this affiliate"),
    ("product" = Option<String>, Query, description = "Only to this product"),
    ("status" = Option<String>, Query, description = "active, paused or expired"),
    ("search" = Option<String>, Query, description = "Codes that begin so, destinations that hold it"),
    ("limit" = Option<i64>, Query, description = "1 to 100; 25 unless asked otherwise"),
    ("starting_after" = Option<String>, Query, description = "`next_cursor` of the page before"),
), responses(
    (status = 200, description = "A page", body = List<Link>),
    (status = "4XX", description = "Refused", body = Problem, content_type = "application/problem+json"),
), security(("key" = []), ("session" = [])))]
pub(super) async fn list(State(app): State<App>, caller: Caller, RawQuery(query): RawQuery) -> Response {
    json(page(&app, &caller, query.as_deref().unwrap_or_default()).await)
}

/// One link.
#[utoipa::path(get, path = "/v1/links/{code}", tag = "links", params(
    ("code" = String, Path),
), responses(
    (status = 200, description = "As it is", body = Link, headers(("etag" = String, description = "Its version"))),
    (status = "4XX", description = "Refused", body = Problem, content_type = "application/problem+json"),
), security(("key" = []), ("session" = [])))]
pub(super) async fn show(State(app): State<App>, caller: Caller, named: Named) -> Response {
    object(one_of(&app, &caller, named).await)
}

/// Makes a link.
#[utoipa::path(post, path = PATH, tag = "links", request_body = Wanted, params(
    ("Idempotency-Key" = Option<String>, Header, description = "The same request again gets the same answer"),
), responses(
    (status = 201, description = "Made", body = Link, headers(("etag" = String, description = "Its version"))),
    (status = "4XX", description = "Refused", body = Problem, content_type = "application/problem+json"),
), security(("key" = []), ("session" = [])))]
pub(super) async fn create(State(app): State<App>, caller: Caller, request: Request) -> Response {
    let (app, caller) = (&app, &caller);
    let work = |headers, bytes: Bytes| async move { created(made(app, caller, &headers, &bytes).await) };
    once(app, caller, request, work).await
}

/// Changes a link.
#[utoipa::path(patch, path = "/v1/links/{code}", tag = "links", request_body = Change, params(
    ("code" = String, Path),
    ("If-Match" = Option<String>, Header, description = "The version this is meant for"),
), responses(
    (status = 200, description = "As it is", body = Link, headers(("etag" = String, description = "Its version"))),
    (status = "4XX", description = "Refused", body = Problem, content_type = "application/problem+json"),
), security(("key" = []), ("session" = [])))]
pub(super) async fn change(
    State(app): State<App>,
    caller: Caller,
    if_match: IfMatch,
    named: Named,
    headers: HeaderMap,
    request: Request,
) -> Response {
    let changed = async {
        let bytes = body::read(&headers, request.into_body(), MAX_BODY).await?;
        amend(&app, &caller, &if_match, named, read(&headers, &bytes)?).await
    };
    object(changed.await)
}

/// Switches a link on.
#[utoipa::path(post, path = "/v1/links/{code}/activate", tag = "links", params(
    ("code" = String, Path),
    ("If-Match" = Option<String>, Header, description = "The version this is meant for"),
), responses(
    (status = 200, description = "As it is", body = Link, headers(("etag" = String, description = "Its version"))),
    (status = "4XX", description = "Refused", body = Problem, content_type = "application/problem+json"),
), security(("key" = []), ("session" = [])))]
pub(super) async fn activate(
    State(app): State<App>,
    caller: Caller,
    if_match: IfMatch,
    named: Named,
) -> Response {
    object(switch(&app, &caller, &if_match, named, Switch::On).await)
}

/// Switches a link off.
#[utoipa::path(post, path = "/v1/links/{code}/deactivate", tag = "links", params(
    ("code" = String, Path),
    ("If-Match" = Option<String>, Header, description = "The version this is meant for"),
), responses(
    (status = 200, description = "As it is", body = Link, headers(("etag" = String, description = "Its version"))),
    (status = "4XX", description = "Refused", body = Problem, content_type = "application/problem+json"),
), security(("key" = []), ("session" = [])))]
pub(super) async fn deactivate(
    State(app): State<App>,
    caller: Caller,
    if_match: IfMatch,
    named: Named,
) -> Response {
    object(switch(&app, &caller, &if_match, named, Switch::Off).await)
}

async fn page(app: &App, caller: &Caller, query: &str) -> Result<List<Link>, Failure> {
    caller.require(Scope::ProgrammeRead)?;
    let mut given = Given::read(query);
    let (vendor, affiliate, product) = (given.one("vendor"), given.one("affiliate"), given.one("product"));
    let status = given.word("status", &["active", "paused", "expired"]);
    let search = given.one("search");
    let (limit, after) = (given.limit(), given.one("starting_after"));
    given
        .finish("vendor, affiliate, product, status, search, limit, starting_after")
        .map_err(Failure::Parameters)?;
    let mut snapshot = db::tenant_snapshot(app, caller).await?;
    let to = Narrowed::to(&mut snapshot, vendor.as_deref(), affiliate.as_deref(), product.as_deref()).await?;
    let Some(to) = to else { return Ok(List::empty(PATH)) };
    let after = match after {
        None => None,
        Some(code) => Some(one(&mut snapshot, &code).await?.ok_or_else(unknown_cursor)?.number),
    };
    let rows = sqlx::query_file_as!(
        Row,
        "src/programme/links.sql",
        None::<&str>,
        to.vendor,
        to.affiliate,
        to.product,
        status,
        search,
        after,
        limit + 1
    );
    let rows = rows.fetch_all(&mut *snapshot).await?;
    let ids: Vec<i64> = rows.iter().map(|row| row.number).collect();
    let mut numbers = numbers::of(&mut snapshot, &ids).await?;
    let link = |row: Row| {
        let numbers = numbers.remove(&row.number).unwrap_or_default();
        Link { url: format!("{}/{}", app.redirect_url, row.code), numbers, row }
    };
    Ok(List::cut(PATH, rows.into_iter().map(link).collect(), limit, |link: &Link| link.row.code.clone()))
}

async fn one(conn: &mut PgConnection, code: &str) -> sqlx::Result<Option<Row>> {
    let (no_id, no_word) = (None::<i64>, None::<&str>);
    let found = sqlx::query_file_as!(
        Row,
        "src/programme/links.sql",
        Some(code),
        no_id,
        no_id,
        no_id,
        no_word,
        no_word,
        no_id,
        1_i64
    );
    found.fetch_optional(conn).await
}

/// A link with all its numbers, unique visits too.
async fn whole(app: &App, conn: &mut PgConnection, code: &str) -> Result<Link, Failure> {
    let row = one(conn, code).await?.ok_or_else(no_such_link)?;
    let mut numbers = numbers::of(conn, &[row.number]).await?.remove(&row.number).unwrap_or_default();
    numbers.unite(conn, row.number).await?;
    Ok(Link { url: format!("{}/{}", app.redirect_url, row.code), numbers, row })
}

async fn one_of(app: &App, caller: &Caller, named: Named) -> Result<Link, Failure> {
    caller.require(Scope::ProgrammeRead)?;
    let code = code_in(named)?;
    let mut snapshot = db::tenant_snapshot(app, caller).await?;
    whole(app, &mut snapshot, &code).await
}

async fn made(app: &App, caller: &Caller, headers: &HeaderMap, bytes: &[u8]) -> Result<Link, Failure> {
    let mut maker = Maker::new(caller, &app.redirect_url, now())?;
    let wanted: Wanted = read(headers, bytes)?;
    let mut tx = db::tenant_tx(app, caller).await.map_err(Failure::writing)?;
    let code = maker.make(&mut tx, &wanted).await?;
    let link = whole(app, &mut tx, &code).await?;
    tx.commit().await.map_err(Failure::writing)?;
    Ok(link)
}

async fn amend(
    app: &App,
    caller: &Caller,
    if_match: &IfMatch,
    named: Named,
    change: Change,
) -> Result<Link, Failure> {
    caller.require(Scope::ProgrammeWrite)?;
    if change.destination.is_some() {
        caller.require_shop_side()?;
    }
    let code = code_in(named)?;
    let mut tx = db::tenant_tx(app, caller).await.map_err(Failure::writing)?;
    let row = locked(&mut tx, if_match, &code).await?;
    if let Some(text) = &change.destination {
        let shop = Shop::numbered(&mut tx, row.vendor_number).await?;
        let destination = shop.url("destination", text, &app.redirect_url, url_rules::destination)?;
        let set =
            sqlx::query!("update link set destination = $2 where link_id = $1", row.number, destination);
        set.execute(&mut *tx).await.map_err(Failure::writing)?;
        let detail = json!({"from": row.destination, "to": destination});
        record(&mut tx, caller, "link.destination", &row, detail).await?;
    }
    if change.expiry_date != Patch::Keep {
        let expiry_date = expiry(change.expiry_date.of(row.expiry_date), now())?;
        let set =
            sqlx::query!("update link set expiry_date = $2 where link_id = $1", row.number, expiry_date);
        set.execute(&mut *tx).await.map_err(Failure::writing)?;
        let detail = json!({"from": row.expiry_date, "to": expiry_date});
        record(&mut tx, caller, "link.expiry", &row, detail).await?;
    }
    let link = whole(app, &mut tx, &code).await?;
    tx.commit().await.map_err(Failure::writing)?;
    Ok(link)
}

async fn switch(
    app: &App,
    caller: &Caller,
    if_match: &IfMatch,
    named: Named,
    to: Switch,
) -> Result<Link, Failure> {
    caller.require(Scope::ProgrammeWrite)?;
    let code = code_in(named)?;
    let mut tx = db::tenant_tx(app, caller).await.map_err(Failure::writing)?;
    let row = locked(&mut tx, if_match, &code).await?;
    let is_active = to.check("link", row.is_active)?;
    if is_active {
        let standing = Standing::of(&mut tx, row.vendor_number, row.affiliate_number).await?;
        standing.check_affiliate()?;
        standing.check_partnership()?;
    }
    let set = sqlx::query!("update link set is_active = $2 where link_id = $1", row.number, is_active);
    set.execute(&mut *tx).await.map_err(Failure::writing)?;
    if is_active && caller.tenant == Tenant::Programme {
        // It is on again for its own sake: its affiliate's return has nothing left to switch on.
        let set =
            sqlx::query!("update link set paused_with_affiliate = false where link_id = $1", row.number);
        set.execute(&mut *tx).await.map_err(Failure::writing)?;
    }
    record(&mut tx, caller, &format!("link.{}", to.deed()), &row, json!({})).await?;
    let link = whole(app, &mut tx, &code).await?;
    tx.commit().await.map_err(Failure::writing)?;
    Ok(link)
}

/// The link as it is now, until the transaction ends.
async fn locked(conn: &mut PgConnection, if_match: &IfMatch, code: &str) -> Result<Row, Failure> {
    let lock = sqlx::query!("select version from link where code = $1 for update", code);
    lock.fetch_optional(&mut *conn).await.map_err(Failure::writing)?.ok_or_else(no_such_link)?;
    let row = one(conn, code).await?.ok_or_else(no_such_link)?;
    if_match.check(row.version)?;
    Ok(row)
}

async fn record(
    conn: &mut PgConnection,
    caller: &Caller,
    action: &str,
    row: &Row,
    detail: serde_json::Value,
) -> Result<(), Failure> {
    audit::record(
        conn,
        caller,
        action,
        &row.code,
        Some(row.vendor_number),
        Some(row.affiliate_number),
        detail,
    )
    .await
}

fn code_in(named: Named) -> Result<String, Failure> {
    let code = named.ok().map(|Path(code)| code).filter(|code| Code::new(code.as_bytes()).is_some());
    code.ok_or_else(no_such_link)
}

fn no_such_link() -> Failure {
    Failure::Missing("no_such_link", "there is no such link".to_owned())
}
