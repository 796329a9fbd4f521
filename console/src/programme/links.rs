//! `/v1/links`: what affiliates share. A link exists for an approved, active affiliate with an active partnership; where
//! it leads is held to the vendor's hosts whenever it is written down.

mod code;
pub(crate) mod make;
pub(crate) mod many;
pub(crate) mod numbers;
pub(crate) mod shown;
mod standing;

use axum::extract::{Request, State};
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

use super::find::{Narrowed, Shop};
use super::shape::Patch;
use super::vendors::Switch;
use crate::api::given::Given;
use crate::auth::{Caller, Scope, Tenant};
use crate::conventions::{
    Asked, Asking, IfMatch, LinkCode, List, Named, Object, Page, Repeatable, Sought, Versioned, WebAddress,
    changed, created, creation, json, now, object, unknown_cursor, words,
};
use crate::problem::{Failure, Problem};
use crate::server::App;
use crate::{audit, db};

pub(super) use self::standing::Standing;

/// Where the list is.
pub(super) const PATH: &str = "/v1/links";

/// What shoppers may meet.
const STATES: [&str; 3] = ["active", "paused", "expired"];

words! {
    /// What shoppers meet.
    StandingName: STATES
}

/// Bytes of a change: a URL and a date.
const MAX_BODY: usize = 16 * 1024;

/// One link with what it brought.
#[derive(Debug, Serialize, ToSchema)]
#[serde(tag = "object", rename = "link")]
pub(crate) struct Link {
    #[serde(flatten)]
    pub(crate) row: Row,
    /// What affiliates share.
    pub(crate) url: String,
    #[serde(flatten)]
    pub(crate) numbers: Numbers,
}

/// A link as Postgres has it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = LinkRow)]
pub(crate) struct Row {
    pub(crate) code: String,
    pub(crate) vendor_id: String,
    pub(crate) vendor_name: String,
    pub(crate) product_id: Option<String>,
    pub(crate) product_name: Option<String>,
    pub(crate) affiliate_id: String,
    pub(crate) affiliate: String,
    pub(crate) destination: String,
    /// The link's own switch.
    pub(crate) is_active: bool,
    /// What shoppers meet: `active`, `paused` or `expired`.
    pub(crate) status: String,
    /// What pauses it: `link`, `affiliate`, `partnership` or `vendor`.
    pub(crate) paused_by: Option<String>,
    pub(crate) expiry_date: Option<DateTime<Utc>>,
    pub(crate) created_at: DateTime<Utc>,
    #[serde(skip)]
    pub(crate) number: i64,
    #[serde(skip)]
    pub(crate) vendor_number: i64,
    #[serde(skip)]
    pub(crate) affiliate_number: i64,
    #[serde(skip)]
    pub(crate) product_number: Option<i64>,
    #[serde(skip)]
    pub(crate) version: i64,
}

impl Object for Link {
    fn row_version(&self) -> Option<i64> {
        Some(self.row.version)
    }

    fn path(&self) -> String {
        format!("{PATH}/{}", self.row.code)
    }
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = LinkChange)]
pub(crate) struct Change {
    /// For operators and the vendor. An affiliate makes a new link.
    #[schema(value_type = Option<WebAddress>)]
    pub(crate) destination: Option<String>,
    #[serde(default)]
    #[schema(value_type = Option<DateTime<Utc>>)]
    pub(crate) expiry_date: Patch<DateTime<Utc>>,
}

/// What the list is narrowed to.
#[derive(Debug, Default)]
pub(crate) struct Filter {
    pub(crate) vendor: Option<String>,
    pub(crate) affiliate: Option<String>,
    pub(crate) product: Option<String>,
    /// One of [`STATES`].
    pub(crate) status: Option<String>,
    /// Codes that begin so, destinations that hold it.
    pub(crate) search: Option<String>,
    pub(crate) page: Page,
}

/// One page of links, newest first.
#[utoipa::path(get, path = PATH, tag = "links", params(
    ("vendor" = inline(Option<Sought>), Query, description = "Only to this vendor"),
    ("affiliate" = inline(Option<Sought>), Query, description = "Only of this affiliate"),
    ("product" = inline(Option<Sought>), Query, description = "Only to this product"),
    ("status" = inline(Option<StandingName>), Query, description = "Only those of which shoppers meet this"),
    ("search" = inline(Option<Sought>), Query, description = "Codes that begin so, destinations that hold it"),
    ("limit" = Option<i64>, Query, minimum = 1, maximum = 100, description = "1 to 100; 25 unless asked otherwise"),
    ("starting_after" = inline(Option<LinkCode>), Query, description = "`next_cursor` of the page before"),
), responses(
    (status = 200, description = "A page", body = List<Link>),
    (status = "4XX", description = "Refused", body = Problem, content_type = "application/problem+json"),
), security(("key" = []), ("session" = [])))]
pub(super) async fn list(State(app): State<App>, caller: Caller, Asking(filter): Asking<Filter>) -> Response {
    json(page(&app, &caller, &filter)).await
}

/// One link.
#[utoipa::path(get, path = "/v1/links/{code}", tag = "links", params(
    ("code" = String, Path),
), responses(
    (status = 200, description = "As it is", body = Link, headers(("etag" = String, description = "Its version"))),
    (status = "4XX", description = "Refused", body = Problem, content_type = "application/problem+json"),
), security(("key" = []), ("session" = [])))]
pub(super) async fn show(State(app): State<App>, caller: Caller, Named(code): Named) -> Response {
    object(shown(&app, &caller, &code)).await
}

/// Makes a link.
#[utoipa::path(post, path = PATH, tag = "links", request_body = Wanted, params(
    Repeatable,
), responses(
    (status = 201, description = "Made", body = Link, headers(("etag" = String, description = "Its version"))),
    (status = "4XX", description = "Refused", body = Problem, content_type = "application/problem+json"),
), security(("key" = []), ("session" = [])))]
pub(super) async fn create(State(app): State<App>, caller: Caller, request: Request) -> Response {
    let make = async |wanted| created(make(&app, &caller, wanted)).await;
    creation(&app, &caller, request, make::may, make).await
}

/// Changes a link.
#[utoipa::path(patch, path = "/v1/links/{code}", tag = "links", request_body = Change, params(
    ("code" = String, Path),
    Versioned,
), responses(
    (status = 200, description = "As it is", body = Link, headers(("etag" = String, description = "Its version"))),
    (status = "4XX", description = "Refused", body = Problem, content_type = "application/problem+json"),
), security(("key" = []), ("session" = [])))]
pub(super) async fn change(
    State(app): State<App>,
    caller: Caller,
    if_match: IfMatch,
    Named(code): Named,
    request: Request,
) -> Response {
    changed(MAX_BODY, request, |change| amend(&app, &caller, &if_match, &code, change)).await
}

/// Switches a link on.
#[utoipa::path(post, path = "/v1/links/{code}/activate", tag = "links", params(
    ("code" = String, Path),
    Versioned,
), responses(
    (status = 200, description = "As it is", body = Link, headers(("etag" = String, description = "Its version"))),
    (status = "4XX", description = "Refused", body = Problem, content_type = "application/problem+json"),
), security(("key" = []), ("session" = [])))]
pub(super) async fn activate(
    State(app): State<App>,
    caller: Caller,
    if_match: IfMatch,
    Named(code): Named,
) -> Response {
    object(switch(&app, &caller, &if_match, &code, Switch::On)).await
}

/// Switches a link off.
#[utoipa::path(post, path = "/v1/links/{code}/deactivate", tag = "links", params(
    ("code" = String, Path),
    Versioned,
), responses(
    (status = 200, description = "As it is", body = Link, headers(("etag" = String, description = "Its version"))),
    (status = "4XX", description = "Refused", body = Problem, content_type = "application/problem+json"),
), security(("key" = []), ("session" = [])))]
pub(super) async fn deactivate(
    State(app): State<App>,
    caller: Caller,
    if_match: IfMatch,
    Named(code): Named,
) -> Response {
    object(switch(&app, &caller, &if_match, &code, Switch::Off)).await
}

impl Asked for Filter {
    fn read(query: &str) -> Result<Self, Failure> {
        let mut given = Given::read(query);
        let filter = Self {
            vendor: given.one("vendor"),
            affiliate: given.one("affiliate"),
            product: given.one("product"),
            status: given.word("status", &STATES),
            search: given.one("search"),
            page: Page { limit: given.limit(), after: given.one("starting_after") },
        };
        given
            .finish("vendor, affiliate, product, status, search, limit, starting_after")
            .map_err(Failure::Parameters)?;
        Ok(filter)
    }
}

/// One page of links.
pub(crate) async fn page(app: &App, caller: &Caller, filter: &Filter) -> Result<List<Link>, Failure> {
    caller.require(Scope::ProgrammeRead)?;
    let mut snapshot = db::tenant_snapshot(app, caller).await?;
    let (vendor, affiliate) = (filter.vendor.as_deref(), filter.affiliate.as_deref());
    let to = Narrowed::to(&mut snapshot, vendor, affiliate, filter.product.as_deref()).await?;
    let Some(to) = to else { return List::of_nothing(PATH, &filter.page) };
    let after = match &filter.page.after {
        None => None,
        Some(code) => Some(one(&mut snapshot, code).await?.ok_or_else(unknown_cursor)?.number),
    };
    let rows = sqlx::query_file_as!(
        Row,
        "src/programme/links.sql",
        None::<&str>,
        to.vendor,
        to.affiliate,
        to.product,
        filter.status.as_deref(),
        filter.search.as_deref(),
        after,
        filter.page.limit + 1
    );
    let rows = rows.fetch_all(&mut *snapshot).await?;
    let ids: Vec<i64> = rows.iter().map(|row| row.number).collect();
    let mut numbers = numbers::of(&mut snapshot, &ids).await?;
    let link = |row: Row| {
        let numbers = numbers.remove(&row.number).unwrap_or_default();
        Link { url: format!("{}/{}", app.redirect_url, row.code), numbers, row }
    };
    let rows = rows.into_iter().map(link).collect();
    Ok(List::cut(PATH, rows, filter.page.limit, |link: &Link| link.row.code.clone()))
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

pub(crate) async fn shown(app: &App, caller: &Caller, code: &str) -> Result<Link, Failure> {
    caller.require(Scope::ProgrammeRead)?;
    let code = possible_code(code)?;
    let mut snapshot = db::tenant_snapshot(app, caller).await?;
    whole(app, &mut snapshot, code).await
}

pub(crate) async fn make(app: &App, caller: &Caller, wanted: Wanted) -> Result<Link, Failure> {
    let mut maker = Maker::new(caller, &app.redirect_url, now())?;
    let mut tx = db::tenant_tx(app, caller).await.map_err(Failure::writing)?;
    let code = maker.make(&mut tx, &wanted).await?;
    let link = whole(app, &mut tx, &code).await?;
    tx.commit().await.map_err(Failure::writing)?;
    Ok(link)
}

/// Where a link would lead if it were made: it is made as in earnest, looked at and forgotten, so that what is refused here
/// is what would be refused then.
pub(crate) async fn tried(app: &App, caller: &Caller, wanted: Wanted) -> Result<shown::Preview, Failure> {
    let mut maker = Maker::new(caller, &app.redirect_url, now())?;
    let mut tx = db::tenant_tx(app, caller).await.map_err(Failure::writing)?;
    let code = maker.make(&mut tx, &wanted).await?;
    let row = one(&mut tx, &code).await?.ok_or_else(no_such_link)?;
    tx.rollback().await?;
    shown::preview_of(row, &shown::Subs::default())
}

pub(crate) async fn amend(
    app: &App,
    caller: &Caller,
    if_match: &IfMatch,
    code: &str,
    change: Change,
) -> Result<Link, Failure> {
    caller.require(Scope::ProgrammeWrite)?;
    if change.destination.is_some() {
        caller.require_shop_side()?;
    }
    let code = possible_code(code)?;
    let mut tx = db::tenant_tx(app, caller).await.map_err(Failure::writing)?;
    let row = locked(&mut tx, if_match, code).await?;
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
    let link = whole(app, &mut tx, code).await?;
    tx.commit().await.map_err(Failure::writing)?;
    Ok(link)
}

pub(crate) async fn switch(
    app: &App,
    caller: &Caller,
    if_match: &IfMatch,
    code: &str,
    to: Switch,
) -> Result<Link, Failure> {
    caller.require(Scope::ProgrammeWrite)?;
    let code = possible_code(code)?;
    let mut tx = db::tenant_tx(app, caller).await.map_err(Failure::writing)?;
    let row = locked(&mut tx, if_match, code).await?;
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
    let link = whole(app, &mut tx, code).await?;
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

/// The code, unless no link can have it.
fn possible_code(code: &str) -> Result<&str, Failure> {
    Code::new(code.as_bytes()).map(|_| code).ok_or_else(no_such_link)
}

fn no_such_link() -> Failure {
    Failure::Missing("no_such_link", "there is no such link".to_owned())
}
