//! `/v1/products`: what vendors sell, and where its links lead.

use axum::extract::{Request, State};
use axum::response::Response;
use chrono::{DateTime, Utc};
use common::money::MAX_MINOR;
use common::url_rules;
use serde::{Deserialize, Serialize};
use serde_json::json;
use sqlx::PgConnection;
use utoipa::ToSchema;

use super::find::{Narrowed, Shop};
use super::shape::{Patch, name};
use crate::api::given::{self, Given};
use crate::auth::{Caller, Scope, Tenant};
use crate::conventions::{
    Asked, Asking, Called, CurrencyCode, IfMatch, List, Named, Object, Page, PageParams, Repeatable, Sought,
    Versioned, WebAddress, changed, created, creation, json, object, possible, unknown_cursor,
};
use crate::problem::{Failure, Problem, unusable};
use crate::server::App;
use crate::{audit, db};

/// Where the list is.
pub(super) const PATH: &str = "/v1/products";

/// Bytes of a change: a name, a URL and a price.
const MAX_BODY: usize = 16 * 1024;

/// One product.
#[derive(Debug, Serialize, ToSchema)]
#[serde(tag = "object", rename = "product")]
pub(crate) struct Product {
    pub(crate) product_id: String,
    pub(crate) vendor_id: String,
    pub(crate) vendor_name: String,
    pub(crate) name: String,
    pub(crate) destination: String,
    pub(crate) price_minor: Option<i64>,
    pub(crate) currency: Option<String>,
    /// The product's own commission now, which goes before the partnership's.
    pub(crate) rate_ppm: Option<i32>,
    pub(crate) is_active: bool,
    pub(crate) created_at: DateTime<Utc>,
    #[serde(skip)]
    pub(crate) number: i64,
    #[serde(skip)]
    pub(crate) vendor_number: i64,
    #[serde(skip)]
    pub(crate) row_version: i64,
}

impl Object for Product {
    fn row_version(&self) -> Option<i64> {
        Some(self.row_version)
    }

    fn path(&self) -> String {
        format!("{PATH}/{}", self.product_id)
    }
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ProductWanted)]
pub(crate) struct Wanted {
    pub(crate) vendor_id: Option<String>,
    #[schema(value_type = Called)]
    pub(crate) name: String,
    #[schema(value_type = WebAddress)]
    pub(crate) destination: String,
    #[schema(minimum = 0, maximum = 1_000_000_000_000_i64)]
    pub(crate) price_minor: Option<i64>,
    #[schema(value_type = Option<CurrencyCode>)]
    pub(crate) currency: Option<String>,
}

#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ProductChange)]
pub(crate) struct Change {
    #[schema(value_type = Option<Called>)]
    pub(crate) name: Option<String>,
    #[schema(value_type = Option<WebAddress>)]
    pub(crate) destination: Option<String>,
    #[serde(default)]
    #[schema(value_type = Option<i64>, minimum = 0, maximum = 1_000_000_000_000_i64)]
    pub(crate) price_minor: Patch<i64>,
    #[serde(default)]
    #[schema(value_type = Option<CurrencyCode>)]
    pub(crate) currency: Patch<String>,
    pub(crate) is_active: Option<bool>,
}

/// What the list is narrowed to.
#[derive(Debug, Default)]
pub(crate) struct Filter {
    pub(crate) vendor: Option<String>,
    pub(crate) is_active: Option<bool>,
    pub(crate) search: Option<String>,
    pub(crate) page: Page,
}

/// One page of products, newest first.
#[utoipa::path(get, path = PATH, tag = "products", params(
    ("vendor" = inline(Option<Sought>), Query, description = "Only this vendor's"),
    ("is_active" = Option<bool>, Query, description = "Only those on offer, or not"),
    ("search" = inline(Option<Sought>), Query, description = "Names that hold it"),
    PageParams,
), responses(
    (status = 200, description = "A page", body = List<Product>),
    (status = "4XX", description = "Refused", body = Problem, content_type = "application/problem+json"),
), security(("key" = []), ("session" = [])))]
pub(super) async fn list(State(app): State<App>, caller: Caller, Asking(filter): Asking<Filter>) -> Response {
    json(page(&app, &caller, &filter)).await
}

/// One product.
#[utoipa::path(get, path = "/v1/products/{product_id}", tag = "products", params(
    ("product_id" = String, Path),
), responses(
    (status = 200, description = "As it is", body = Product, headers(("etag" = String, description = "Its version"))),
    (status = "4XX", description = "Refused", body = Problem, content_type = "application/problem+json"),
), security(("key" = []), ("session" = [])))]
pub(super) async fn show(State(app): State<App>, caller: Caller, Named(id): Named) -> Response {
    object(shown(&app, &caller, &id)).await
}

/// Adds a product.
#[utoipa::path(post, path = PATH, tag = "products", request_body = Wanted, params(
    Repeatable,
), responses(
    (status = 201, description = "Made", body = Product, headers(("etag" = String, description = "Its version"))),
    (status = "4XX", description = "Refused", body = Problem, content_type = "application/problem+json"),
), security(("key" = []), ("session" = [])))]
pub(super) async fn create(State(app): State<App>, caller: Caller, request: Request) -> Response {
    let make = async |wanted| created(make(&app, &caller, wanted)).await;
    creation(&app, &caller, request, writes, make).await
}

/// Changes a product. Links that were made keep where they lead.
#[utoipa::path(patch, path = "/v1/products/{product_id}", tag = "products", request_body = Change, params(
    ("product_id" = String, Path),
    Versioned,
), responses(
    (status = 200, description = "As it is", body = Product, headers(("etag" = String, description = "Its version"))),
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

impl Asked for Filter {
    fn read(query: &str) -> Result<Self, Failure> {
        let mut given = Given::read(query);
        let filter = Self {
            vendor: given.one("vendor"),
            is_active: given.flag("is_active"),
            search: given.one("search"),
            page: given.page(),
        };
        given.finish("vendor, is_active, search, limit, starting_after").map_err(Failure::Parameters)?;
        Ok(filter)
    }
}

/// One page of products.
pub(crate) async fn page(app: &App, caller: &Caller, filter: &Filter) -> Result<List<Product>, Failure> {
    caller.require(Scope::ProgrammeRead)?;
    let mut snapshot = db::tenant_snapshot(app, caller).await?;
    let Some(narrowed) = Narrowed::to(&mut snapshot, filter.vendor.as_deref(), None, None).await? else {
        return List::of_nothing(PATH, &filter.page);
    };
    let after = match &filter.page.after {
        None => None,
        Some(id) => Some(one(&mut snapshot, id).await?.ok_or_else(unknown_cursor)?.number),
    };
    let rows = sqlx::query_file_as!(
        Product,
        "src/programme/products.sql",
        None::<&str>,
        narrowed.vendor,
        filter.is_active,
        filter.search.as_deref(),
        after,
        filter.page.limit + 1
    );
    let rows = rows.fetch_all(&mut *snapshot).await?;
    Ok(List::cut(PATH, rows, filter.page.limit, |product| product.product_id.clone()))
}

/// The product of that name, if the caller sees it.
pub(super) async fn one(conn: &mut PgConnection, id: &str) -> sqlx::Result<Option<Product>> {
    let (no_id, no_word, no_bool) = (None::<i64>, None::<&str>, None::<bool>);
    sqlx::query_file_as!(
        Product,
        "src/programme/products.sql",
        Some(id),
        no_id,
        no_bool,
        no_word,
        no_id,
        1_i64
    )
    .fetch_optional(conn)
    .await
}

pub(crate) async fn shown(app: &App, caller: &Caller, id: &str) -> Result<Product, Failure> {
    caller.require(Scope::ProgrammeRead)?;
    let id = possible(id, no_such_product)?;
    let mut snapshot = db::tenant_snapshot(app, caller).await?;
    one(&mut snapshot, id).await?.ok_or_else(no_such_product)
}

pub(crate) async fn make(app: &App, caller: &Caller, wanted: Wanted) -> Result<Product, Failure> {
    writes(caller)?;
    let name = name("name", &wanted.name)?;
    let (price_minor, currency) = price(wanted.price_minor, wanted.currency)?;
    let mut tx = db::tenant_tx(app, caller).await.map_err(Failure::writing)?;
    let shop = Shop::of(&mut tx, caller, wanted.vendor_id.as_deref()).await?;
    let destination =
        shop.url("destination", &wanted.destination, &app.redirect_url, url_rules::destination)?;
    let id = sqlx::query_scalar!(
        "insert into product (vendor_id, name, destination, price_minor, currency) values ($1, $2, $3, $4, $5) \
         returning public_id",
        shop.vendor_id,
        name,
        destination,
        price_minor,
        currency
    );
    let id = id.fetch_one(&mut *tx).await.map_err(Failure::writing)?;
    let detail =
        json!({"name": name, "destination": destination, "price_minor": price_minor, "currency": currency});
    audit::record(&mut tx, caller, "product.create", &id, Some(shop.vendor_id), None, detail).await?;
    let product = one(&mut tx, &id).await?.ok_or_else(no_such_product)?;
    tx.commit().await.map_err(Failure::writing)?;
    Ok(product)
}

pub(crate) async fn amend(
    app: &App,
    caller: &Caller,
    if_match: &IfMatch,
    id: &str,
    change: Change,
) -> Result<Product, Failure> {
    writes(caller)?;
    let id = possible(id, no_such_product)?;
    let mut tx = db::tenant_tx(app, caller).await.map_err(Failure::writing)?;
    let product = locked(&mut tx, if_match, id).await?;
    let name = name("name", change.name.as_deref().unwrap_or(&product.name))?;
    let destination = match change.destination {
        None => product.destination,
        Some(text) => {
            let shop = Shop::numbered(&mut tx, product.vendor_number).await?;
            shop.url("destination", &text, &app.redirect_url, url_rules::destination)?
        }
    };
    let (price_minor, currency) =
        price(change.price_minor.of(product.price_minor), change.currency.of(product.currency))?;
    let is_active = change.is_active.unwrap_or(product.is_active);
    let set = sqlx::query!(
        "update product set name = $2, destination = $3, price_minor = $4, currency = $5, is_active = $6, \
         row_version = row_version + 1 where product_id = $1",
        product.number,
        name,
        destination,
        price_minor,
        currency,
        is_active
    );
    set.execute(&mut *tx).await.map_err(Failure::writing)?;
    let detail = json!({"name": name, "destination": destination, "price_minor": price_minor, "currency": currency,
        "is_active": is_active});
    audit::record(&mut tx, caller, "product.change", id, Some(product.vendor_number), None, detail).await?;
    let product = one(&mut tx, id).await?.ok_or_else(no_such_product)?;
    tx.commit().await.map_err(Failure::writing)?;
    Ok(product)
}

/// The product as it is now, until the transaction ends.
pub(super) async fn locked(
    conn: &mut PgConnection,
    if_match: &IfMatch,
    id: &str,
) -> Result<Product, Failure> {
    // What an affiliate sees on offer is not theirs to change; nor is it hidden.
    let lock = sqlx::query!("select row_version from product where public_id = $1 for update", id);
    lock.fetch_optional(&mut *conn).await.map_err(Failure::writing)?.ok_or_else(no_such_product)?;
    let product = one(conn, id).await?.ok_or_else(no_such_product)?;
    if_match.check(product.row_version)?;
    Ok(product)
}

/// Refuses whoever may not change products: affiliates never do.
pub(super) fn writes(caller: &Caller) -> Result<(), Failure> {
    caller.require(Scope::ProgrammeWrite)?;
    if matches!(caller.tenant, Tenant::Affiliate(_)) { Err(Failure::OperatorsOnly) } else { Ok(()) }
}

fn price(minor: Option<i64>, currency: Option<String>) -> Result<(Option<i64>, Option<String>), Failure> {
    let (minor, currency) = match (minor, currency) {
        (None, None) => return Ok((None, None)),
        (Some(minor), Some(currency)) => (minor, currency),
        _ => {
            return Err(unusable(
                "price_minor",
                "incomplete_price",
                "a price needs `price_minor` and `currency`",
            ));
        }
    };
    if !(0..=MAX_MINOR).contains(&minor) {
        let detail =
            format!("`price_minor` must be a whole number of the smallest unit, from 0 to {MAX_MINOR}");
        return Err(unusable("price_minor", "invalid_amount", detail));
    }
    let currency = given::currency(&currency).map_err(|bad| Failure::Content(vec![bad]))?;
    Ok((Some(minor), Some(currency.to_string())))
}

pub(super) fn no_such_product() -> Failure {
    Failure::Missing("no_such_product", "there is no such product".to_owned())
}
