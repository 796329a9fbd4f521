//! `/v1/vendors`: the shops of the programme. Operators take them in and say which hosts their links may lead to; a
//! vendor keeps its own web page and the page for links that are off.

use axum::extract::{Request, State};
use axum::response::Response;
use chrono::{DateTime, Utc};
use common::url_rules::{self, AllowedHost};
use serde::{Deserialize, Serialize};
use serde_json::json;
use sqlx::PgConnection;
use utoipa::ToSchema;

use super::find::{Shop, bad_url};
use super::shape::{Patch, name};
use crate::api::given::Given;
use crate::auth::{Caller, Scope};
use crate::conventions::{
    Asked, Asking, Called, IfMatch, List, Named, Object, Page, PageParams, Repeatable, Sought, Versioned,
    WebAddress, changed, created, creation, illegal_state, json, object, possible, unknown_cursor,
};
use crate::problem::{Failure, Problem, unusable};
use crate::server::App;
use crate::{audit, db};

/// Where the list is.
pub(super) const PATH: &str = "/v1/vendors";

/// Hosts of one vendor: shops have a few, one for each country perhaps.
const MAX_HOSTS: usize = 100;
/// Bytes of a change: a hundred hosts.
const MAX_BODY: usize = 64 * 1024;

/// One vendor.
#[derive(Debug, Serialize, ToSchema)]
#[serde(tag = "object", rename = "vendor")]
pub(crate) struct Vendor {
    pub(crate) vendor_id: String,
    pub(crate) name: String,
    pub(crate) website: Option<String>,
    /// Where shoppers go, untracked, while a link is off.
    pub(crate) fallback_url: Option<String>,
    /// Where links may lead: `shop.example.com`, or `.example.com` for every name below.
    pub(crate) allowed_hosts: Vec<String>,
    /// Whether links may lead to http:// too.
    pub(crate) allows_http: bool,
    pub(crate) is_active: bool,
    pub(crate) created_at: DateTime<Utc>,
    #[serde(skip)]
    pub(super) number: i64,
    #[serde(skip)]
    pub(crate) row_version: i64,
}

impl Object for Vendor {
    fn row_version(&self) -> Option<i64> {
        Some(self.row_version)
    }

    fn path(&self) -> String {
        format!("{PATH}/{}", self.vendor_id)
    }
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = VendorWanted)]
pub(crate) struct Wanted {
    #[schema(value_type = Called)]
    pub(crate) name: String,
    pub(crate) allowed_hosts: Vec<String>,
    #[schema(value_type = Option<WebAddress>)]
    pub(crate) website: Option<String>,
    #[schema(value_type = Option<WebAddress>)]
    pub(crate) fallback_url: Option<String>,
    #[serde(default)]
    pub(crate) allows_http: bool,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = VendorChange)]
pub(crate) struct Change {
    #[schema(value_type = Option<Called>)]
    pub(crate) name: Option<String>,
    pub(crate) allowed_hosts: Option<Vec<String>>,
    pub(crate) allows_http: Option<bool>,
    #[serde(default)]
    #[schema(value_type = Option<WebAddress>)]
    pub(crate) website: Patch<String>,
    #[serde(default)]
    #[schema(value_type = Option<WebAddress>)]
    pub(crate) fallback_url: Patch<String>,
}

/// What the list is narrowed to.
#[derive(Debug, Default)]
pub(crate) struct Filter {
    pub(crate) is_active: Option<bool>,
    pub(crate) search: Option<String>,
    pub(crate) page: Page,
}

/// One page of vendors, newest first.
#[utoipa::path(get, path = PATH, tag = "vendors", params(
    ("is_active" = Option<bool>, Query, description = "Only those that are on, or off"),
    ("search" = inline(Option<Sought>), Query, description = "Names that hold it"),
    PageParams,
), responses(
    (status = 200, description = "A page", body = List<Vendor>),
    (status = "4XX", description = "Refused", body = Problem, content_type = "application/problem+json"),
), security(("key" = []), ("session" = [])))]
pub(super) async fn list(State(app): State<App>, caller: Caller, Asking(filter): Asking<Filter>) -> Response {
    json(page(&app, &caller, &filter)).await
}

/// One vendor.
#[utoipa::path(get, path = "/v1/vendors/{vendor_id}", tag = "vendors", params(
    ("vendor_id" = String, Path),
), responses(
    (status = 200, description = "As it is", body = Vendor, headers(("etag" = String, description = "Its version"))),
    (status = "4XX", description = "Refused", body = Problem, content_type = "application/problem+json"),
), security(("key" = []), ("session" = [])))]
pub(super) async fn show(State(app): State<App>, caller: Caller, Named(id): Named) -> Response {
    object(shown(&app, &caller, &id)).await
}

/// Takes a vendor in.
#[utoipa::path(post, path = PATH, tag = "vendors", request_body = Wanted, params(
    Repeatable,
), responses(
    (status = 201, description = "Made", body = Vendor, headers(("etag" = String, description = "Its version"))),
    (status = "4XX", description = "Refused", body = Problem, content_type = "application/problem+json"),
), security(("key" = []), ("session" = [])))]
pub(super) async fn create(State(app): State<App>, caller: Caller, request: Request) -> Response {
    let make = async |wanted| created(make(&app, &caller, wanted)).await;
    creation(&app, &caller, request, writes, make).await
}

/// Changes a vendor.
#[utoipa::path(patch, path = "/v1/vendors/{vendor_id}", tag = "vendors", request_body = Change, params(
    ("vendor_id" = String, Path),
    Versioned,
), responses(
    (status = 200, description = "As it is", body = Vendor, headers(("etag" = String, description = "Its version"))),
    (status = "4XX", description = "Refused", body = Problem, content_type = "application/problem+json"),
), security(("key" = []), ("session" = [])))]
pub(super) async fn change(
    State(app): State<App>,
    caller: Caller,
    if_match: IfMatch,
    Named(id): Named,
    request: Request,
) -> Response {
    changed(MAX_BODY, request, |change| amend(&app, &caller, &if_match, &id, change)).await
}

/// Switches a vendor's links on again.
#[utoipa::path(post, path = "/v1/vendors/{vendor_id}/activate", tag = "vendors", params(
    ("vendor_id" = String, Path),
    Versioned,
), responses(
    (status = 200, description = "As it is", body = Vendor, headers(("etag" = String, description = "Its version"))),
    (status = "4XX", description = "Refused", body = Problem, content_type = "application/problem+json"),
), security(("key" = []), ("session" = [])))]
pub(super) async fn activate(
    State(app): State<App>,
    caller: Caller,
    if_match: IfMatch,
    Named(id): Named,
) -> Response {
    object(switch(&app, &caller, &if_match, &id, Switch::On)).await
}

/// Switches all of a vendor's links off.
#[utoipa::path(post, path = "/v1/vendors/{vendor_id}/deactivate", tag = "vendors", params(
    ("vendor_id" = String, Path),
    Versioned,
), responses(
    (status = 200, description = "As it is", body = Vendor, headers(("etag" = String, description = "Its version"))),
    (status = "4XX", description = "Refused", body = Problem, content_type = "application/problem+json"),
), security(("key" = []), ("session" = [])))]
pub(super) async fn deactivate(
    State(app): State<App>,
    caller: Caller,
    if_match: IfMatch,
    Named(id): Named,
) -> Response {
    object(switch(&app, &caller, &if_match, &id, Switch::Off)).await
}

/// What is done to something that is on or off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Switch {
    /// From off to on.
    On,
    /// From on to off.
    Off,
}

impl Switch {
    /// Refuses what is in that state already.
    pub(super) fn check(self, thing: &str, is_active: bool) -> Result<bool, Failure> {
        match (self, is_active) {
            (Self::On, true) => Err(illegal_state(thing, "active", "active")),
            (Self::Off, false) => Err(illegal_state(thing, "inactive", "inactive")),
            (Self::On, false) => Ok(true),
            (Self::Off, true) => Ok(false),
        }
    }

    /// The deed, as records name it.
    pub(super) fn deed(self) -> &'static str {
        match self {
            Self::On => "activate",
            Self::Off => "deactivate",
        }
    }
}

impl Asked for Filter {
    fn read(query: &str) -> Result<Self, Failure> {
        let mut given = Given::read(query);
        let filter =
            Self { is_active: given.flag("is_active"), search: given.one("search"), page: given.page() };
        given.finish("is_active, search, limit, starting_after").map_err(Failure::Parameters)?;
        Ok(filter)
    }
}

/// One page of vendors.
pub(crate) async fn page(app: &App, caller: &Caller, filter: &Filter) -> Result<List<Vendor>, Failure> {
    caller.require(Scope::ProgrammeRead)?;
    let mut snapshot = db::tenant_snapshot(app, caller).await?;
    let after = match &filter.page.after {
        None => None,
        Some(id) => Some(one(&mut snapshot, id).await?.ok_or_else(unknown_cursor)?.number),
    };
    let rows = sqlx::query_file_as!(
        Vendor,
        "src/programme/vendors.sql",
        None::<&str>,
        filter.is_active,
        filter.search.as_deref(),
        after,
        filter.page.limit + 1
    );
    let rows = rows.fetch_all(&mut *snapshot).await?;
    Ok(List::cut(PATH, rows, filter.page.limit, |vendor| vendor.vendor_id.clone()))
}

/// The vendor of that name, if the caller sees it.
pub(super) async fn one(conn: &mut PgConnection, id: &str) -> sqlx::Result<Option<Vendor>> {
    sqlx::query_file_as!(
        Vendor,
        "src/programme/vendors.sql",
        Some(id),
        None::<bool>,
        None::<&str>,
        None::<i64>,
        1_i64
    )
    .fetch_optional(conn)
    .await
}

pub(crate) async fn shown(app: &App, caller: &Caller, id: &str) -> Result<Vendor, Failure> {
    caller.require(Scope::ProgrammeRead)?;
    let id = possible(id, no_such_vendor)?;
    let mut snapshot = db::tenant_snapshot(app, caller).await?;
    one(&mut snapshot, id).await?.ok_or_else(no_such_vendor)
}

pub(crate) async fn make(app: &App, caller: &Caller, wanted: Wanted) -> Result<Vendor, Failure> {
    writes(caller)?;
    let (name, hosts) = (name("name", &wanted.name)?, hosts(&wanted.allowed_hosts)?);
    let website = wanted.website.as_deref().map(website).transpose()?;
    let mut tx = db::tenant_tx(app, caller).await.map_err(Failure::writing)?;
    let made = sqlx::query!(
        "insert into vendor (name, allowed_hosts, allows_http, website) values ($1, $2, $3, $4) returning vendor_id, public_id",
        name,
        &hosts,
        wanted.allows_http,
        website
    );
    let made = made.fetch_one(&mut *tx).await.map_err(Failure::writing)?;
    if let Some(url) = wanted.fallback_url {
        let shop = Shop::numbered(&mut tx, made.vendor_id).await?;
        let url = shop.url("fallback_url", &url, &app.redirect_url, url_rules::fallback)?;
        let set =
            sqlx::query!("update vendor set fallback_url = $2 where vendor_id = $1", made.vendor_id, url);
        set.execute(&mut *tx).await.map_err(Failure::writing)?;
    }
    let detail = json!({"name": name, "allowed_hosts": hosts});
    audit::record(&mut tx, caller, "vendor.create", &made.public_id, Some(made.vendor_id), None, detail)
        .await?;
    let vendor = one(&mut tx, &made.public_id).await?.ok_or_else(no_such_vendor)?;
    tx.commit().await.map_err(Failure::writing)?;
    Ok(vendor)
}

pub(crate) async fn amend(
    app: &App,
    caller: &Caller,
    if_match: &IfMatch,
    id: &str,
    change: Change,
) -> Result<Vendor, Failure> {
    caller.require(Scope::ProgrammeWrite)?;
    let id = possible(id, no_such_vendor)?;
    let is_programmes =
        change.name.is_some() || change.allowed_hosts.is_some() || change.allows_http.is_some();
    if is_programmes || caller.is_affiliate() {
        caller.require_operator()?;
    }
    let mut tx = db::tenant_tx(app, caller).await.map_err(Failure::writing)?;
    let vendor = locked(&mut tx, if_match, id).await?;
    let mut detail = serde_json::Map::new();
    if is_programmes {
        let name = name("name", change.name.as_deref().unwrap_or(&vendor.name))?;
        let hosts = hosts(change.allowed_hosts.as_ref().unwrap_or(&vendor.allowed_hosts))?;
        let set = sqlx::query!(
            "update vendor set name = $2, allowed_hosts = $3, allows_http = $4 where vendor_id = $1",
            vendor.number,
            name,
            &hosts,
            change.allows_http.unwrap_or(vendor.allows_http)
        );
        set.execute(&mut *tx).await.map_err(Failure::writing)?;
        detail.insert("allowed_hosts".to_owned(), json!({"from": vendor.allowed_hosts, "to": hosts}));
        detail.insert("name".to_owned(), json!(name));
        detail.insert("allows_http".to_owned(), json!(change.allows_http.unwrap_or(vendor.allows_http)));
    }
    let website = match change.website {
        Patch::Set(text) => Some(website(&text)?),
        other => other.of(vendor.website),
    };
    let fallback_url = match change.fallback_url {
        Patch::Set(text) => {
            let shop = Shop::numbered(&mut tx, vendor.number).await?;
            Some(shop.url("fallback_url", &text, &app.redirect_url, url_rules::fallback)?)
        }
        other => other.of(vendor.fallback_url),
    };
    detail.insert("website".to_owned(), json!(website));
    detail.insert("fallback_url".to_owned(), json!(fallback_url));
    let set = sqlx::query!(
        "update vendor set website = $2, fallback_url = $3, row_version = row_version + 1 where vendor_id = $1",
        vendor.number,
        website,
        fallback_url
    );
    set.execute(&mut *tx).await.map_err(Failure::writing)?;
    audit::record(&mut tx, caller, "vendor.change", id, Some(vendor.number), None, detail.into()).await?;
    let vendor = one(&mut tx, id).await?.ok_or_else(no_such_vendor)?;
    tx.commit().await.map_err(Failure::writing)?;
    Ok(vendor)
}

pub(crate) async fn switch(
    app: &App,
    caller: &Caller,
    if_match: &IfMatch,
    id: &str,
    to: Switch,
) -> Result<Vendor, Failure> {
    writes(caller)?;
    let id = possible(id, no_such_vendor)?;
    let mut tx = db::tenant_tx(app, caller).await.map_err(Failure::writing)?;
    let vendor = locked(&mut tx, if_match, id).await?;
    let is_active = to.check("vendor", vendor.is_active)?;
    let set = sqlx::query!(
        "update vendor set is_active = $2, row_version = row_version + 1 where vendor_id = $1",
        vendor.number,
        is_active
    );
    set.execute(&mut *tx).await.map_err(Failure::writing)?;
    let action = format!("vendor.{}", to.deed());
    audit::record(&mut tx, caller, &action, id, Some(vendor.number), None, json!({})).await?;
    let vendor = one(&mut tx, id).await?.ok_or_else(no_such_vendor)?;
    tx.commit().await.map_err(Failure::writing)?;
    Ok(vendor)
}

/// The vendor as it is now, until the transaction ends.
pub(super) async fn locked(conn: &mut PgConnection, if_match: &IfMatch, id: &str) -> Result<Vendor, Failure> {
    let lock = sqlx::query!("select row_version from vendor where public_id = $1 for update", id);
    lock.fetch_optional(&mut *conn).await.map_err(Failure::writing)?.ok_or_else(no_such_vendor)?;
    let vendor = one(conn, id).await?.ok_or_else(no_such_vendor)?;
    if_match.check(vendor.row_version)?;
    Ok(vendor)
}

/// Refuses whoever is no operator.
fn writes(caller: &Caller) -> Result<(), Failure> {
    caller.require(Scope::ProgrammeWrite)?;
    caller.require_operator()
}

fn hosts(texts: &[String]) -> Result<Vec<String>, Failure> {
    if texts.len() > MAX_HOSTS {
        let detail = format!("`allowed_hosts` may have {MAX_HOSTS} entries");
        return Err(unusable("allowed_hosts", "too_many", detail));
    }
    let host = |text: &String| {
        let host = text.trim().parse::<AllowedHost>();
        host.map(|host| host.as_str().to_owned())
            .map_err(|bad| unusable("allowed_hosts", "invalid_host", bad.to_string()))
    };
    let mut hosts = texts.iter().map(host).collect::<Result<Vec<_>, _>>()?;
    hosts.sort_unstable();
    hosts.dedup();
    Ok(hosts)
}

fn website(text: &str) -> Result<String, Failure> {
    url_rules::website(text).map_err(|bad| bad_url("website", &bad))
}

pub(super) fn no_such_vendor() -> Failure {
    Failure::Missing("no_such_vendor", "there is no such vendor".to_owned())
}
