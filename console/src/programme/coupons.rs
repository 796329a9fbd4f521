//! `/v1/coupons`: codes that shoppers type at the checkout, and the links they credit where no click does.

use axum::extract::{Request, State};
use axum::response::Response;
use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use serde_json::json;
use sqlx::PgConnection;
use utoipa::ToSchema;

use super::find::Narrowed;
use super::shape::Patch;
use crate::api::given::Given;
use crate::auth::{Caller, Scope};
use crate::conventions::{
    Asked, Asking, IfMatch, LinkCode, List, Named, Object, Page, PageParams, Repeatable, Sought, Versioned,
    changed, created, creation, illegal_state, json, now, object, possible, unknown_cursor,
};
use crate::problem::{Failure, Problem, unusable};
use crate::server::App;
use crate::{audit, db};

/// Where the list is.
pub(super) const PATH: &str = "/v1/coupons";

/// Characters of a coupon code, as in Postgres.
const MAX_CODE: usize = 64;
const MIN_CODE: usize = 2;
/// Bytes of a change: a date.
const MAX_BODY: usize = 4 * 1024;
/// How long a request may be under way: `since` is not in the past if it was not when it was written.
const UNDER_WAY: TimeDelta = TimeDelta::minutes(1);

/// One coupon.
#[derive(Debug, Serialize, ToSchema)]
#[serde(tag = "object", rename = "coupon")]
pub(crate) struct Coupon {
    pub(crate) coupon_id: String,
    pub(crate) coupon_code: String,
    pub(crate) vendor_id: String,
    pub(crate) vendor_name: String,
    /// The code of the link that is credited.
    pub(crate) link: String,
    pub(crate) affiliate_id: String,
    pub(crate) affiliate: String,
    pub(crate) since: DateTime<Utc>,
    /// From when on it credits nobody any more.
    pub(crate) until: Option<DateTime<Utc>>,
    #[serde(skip)]
    pub(crate) vendor_number: i64,
    #[serde(skip)]
    pub(crate) affiliate_number: i64,
    #[serde(skip)]
    pub(crate) row_version: i64,
}

impl Object for Coupon {
    fn row_version(&self) -> Option<i64> {
        Some(self.row_version)
    }

    fn path(&self) -> String {
        format!("{PATH}/{}", self.coupon_id)
    }
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = CouponWanted)]
pub(crate) struct Wanted {
    /// Taken in capitals, whichever are sent.
    #[schema(pattern = r"^[A-Za-z0-9._%+-]{2,64}$")]
    pub(crate) coupon_code: String,
    #[schema(value_type = LinkCode)]
    pub(crate) link: String,
    pub(crate) since: Option<DateTime<Utc>>,
    pub(crate) until: Option<DateTime<Utc>>,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = CouponChange)]
pub(crate) struct Change {
    #[serde(default)]
    #[schema(value_type = Option<DateTime<Utc>>, required = true)]
    pub(crate) until: Patch<DateTime<Utc>>,
}

/// What the list is narrowed to.
#[derive(Debug, Default)]
pub(crate) struct Filter {
    pub(crate) vendor: Option<String>,
    pub(crate) affiliate: Option<String>,
    /// The code of a link.
    pub(crate) link: Option<String>,
    pub(crate) coupon_code: Option<String>,
    pub(crate) page: Page,
}

/// One page of coupons, newest first.
#[utoipa::path(get, path = PATH, tag = "coupons", params(
    ("vendor" = inline(Option<Sought>), Query, description = "Only this vendor's"),
    ("affiliate" = inline(Option<Sought>), Query, description = "Only this affiliate's"),
    ("link" = inline(Option<Sought>), Query, description = "Only of this link"),
    ("coupon_code" = inline(Option<Sought>), Query, description = "Only this code"),
    PageParams,
), responses(
    (status = 200, description = "A page", body = List<Coupon>),
    (status = "4XX", description = "Refused", body = Problem, content_type = "application/problem+json"),
), security(("key" = []), ("session" = [])))]
pub(super) async fn list(State(app): State<App>, caller: Caller, Asking(filter): Asking<Filter>) -> Response {
    json(page(&app, &caller, &filter)).await
}

/// One coupon.
#[utoipa::path(get, path = "/v1/coupons/{coupon_id}", tag = "coupons", params(
    ("coupon_id" = String, Path),
), responses(
    (status = 200, description = "As it is", body = Coupon, headers(("etag" = String, description = "Its version"))),
    (status = "4XX", description = "Refused", body = Problem, content_type = "application/problem+json"),
), security(("key" = []), ("session" = [])))]
pub(super) async fn show(State(app): State<App>, caller: Caller, Named(id): Named) -> Response {
    object(shown(&app, &caller, &id)).await
}

/// Makes a coupon.
#[utoipa::path(post, path = PATH, tag = "coupons", request_body = Wanted, params(
    Repeatable,
), responses(
    (status = 201, description = "Made", body = Coupon, headers(("etag" = String, description = "Its version"))),
    (status = "4XX", description = "Refused", body = Problem, content_type = "application/problem+json"),
), security(("key" = []), ("session" = [])))]
pub(super) async fn create(State(app): State<App>, caller: Caller, request: Request) -> Response {
    let make = async |wanted| created(make(&app, &caller, wanted)).await;
    creation(&app, &caller, request, writes, make).await
}

/// Changes when a coupon ends.
#[utoipa::path(patch, path = "/v1/coupons/{coupon_id}", tag = "coupons", request_body = Change, params(
    ("coupon_id" = String, Path),
    Versioned,
), responses(
    (status = 200, description = "As it is", body = Coupon, headers(("etag" = String, description = "Its version"))),
    (status = "4XX", description = "Refused", body = Problem, content_type = "application/problem+json"),
), security(("key" = []), ("session" = [])))]
pub(super) async fn change(
    State(app): State<App>,
    caller: Caller,
    if_match: IfMatch,
    Named(id): Named,
    request: Request,
) -> Response {
    let amend = async |Change { until }| match until {
        Patch::Keep => Err(unusable("until", "missing_field", "say in `until` when it ends, or null")),
        other => ends(&app, &caller, &if_match, &id, other.of(None)).await,
    };
    changed(MAX_BODY, request, amend).await
}

/// Ends a coupon now.
#[utoipa::path(post, path = "/v1/coupons/{coupon_id}/end", tag = "coupons", params(
    ("coupon_id" = String, Path),
    Versioned,
), responses(
    (status = 200, description = "As it is", body = Coupon, headers(("etag" = String, description = "Its version"))),
    (status = "4XX", description = "Refused", body = Problem, content_type = "application/problem+json"),
), security(("key" = []), ("session" = [])))]
pub(super) async fn end(
    State(app): State<App>,
    caller: Caller,
    if_match: IfMatch,
    Named(id): Named,
) -> Response {
    object(ends(&app, &caller, &if_match, &id, Some(now()))).await
}

impl Asked for Filter {
    fn read(query: &str) -> Result<Self, Failure> {
        let mut given = Given::read(query);
        let filter = Self {
            vendor: given.one("vendor"),
            affiliate: given.one("affiliate"),
            link: given.one("link"),
            coupon_code: given.one("coupon_code").map(|code| code.to_uppercase()),
            page: given.page(),
        };
        given
            .finish("vendor, affiliate, link, coupon_code, limit, starting_after")
            .map_err(Failure::Parameters)?;
        Ok(filter)
    }
}

/// One page of coupons.
pub(crate) async fn page(app: &App, caller: &Caller, filter: &Filter) -> Result<List<Coupon>, Failure> {
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
        Coupon,
        "src/programme/coupons.sql",
        None::<&str>,
        to.vendor,
        to.affiliate,
        filter.link.as_deref(),
        filter.coupon_code.as_deref(),
        after.as_ref().map(|last| last.since),
        after.as_ref().map(|last| last.coupon_id.as_str()),
        filter.page.limit + 1
    );
    let rows = rows.fetch_all(&mut *snapshot).await?;
    Ok(List::cut(PATH, rows, filter.page.limit, |coupon| coupon.coupon_id.clone()))
}

/// One coupon.
pub(crate) async fn shown(app: &App, caller: &Caller, id: &str) -> Result<Coupon, Failure> {
    caller.require(Scope::ProgrammeRead)?;
    let id = possible(id, no_such_coupon)?;
    let mut snapshot = db::tenant_snapshot(app, caller).await?;
    one(&mut snapshot, id).await?.ok_or_else(no_such_coupon)
}

async fn one(conn: &mut PgConnection, id: &str) -> sqlx::Result<Option<Coupon>> {
    let (no_id, no_word) = (None::<i64>, None::<&str>);
    let found = sqlx::query_file_as!(
        Coupon,
        "src/programme/coupons.sql",
        Some(id),
        no_id,
        no_id,
        no_word,
        no_word,
        None::<DateTime<Utc>>,
        no_word,
        1_i64
    );
    found.fetch_optional(conn).await
}

pub(crate) async fn make(app: &App, caller: &Caller, wanted: Wanted) -> Result<Coupon, Failure> {
    writes(caller)?;
    let code = code(&wanted.coupon_code)?;
    let at = now();
    let since = wanted.since.unwrap_or(at);
    if since < at - UNDER_WAY {
        let detail = "`since` must not be in the past: orders that came before keep who they credit";
        return Err(unusable("since", "in_the_past", detail));
    }
    let since = since.max(at);
    if wanted.until.is_some_and(|until| until <= since) {
        return Err(unusable("until", "invalid_range", "`until` must be later than `since`"));
    }
    let mut tx = db::tenant_tx(app, caller).await.map_err(Failure::writing)?;
    let link = sqlx::query!("select link_id, vendor_id, affiliate_id from link where code = $1", wanted.link);
    let link = link.fetch_optional(&mut *tx).await?;
    let link = link.ok_or_else(|| unusable("link", "no_such_link", "there is no link with this code"))?;
    let made = sqlx::query_scalar!(
        "insert into coupon (vendor_id, coupon_code, link_id, since, until) values ($1, $2, $3, $4, $5) \
         on conflict (vendor_id, coupon_code) do nothing returning public_id",
        link.vendor_id,
        code,
        link.link_id,
        since,
        wanted.until
    );
    let id = made.fetch_optional(&mut *tx).await.map_err(Failure::writing)?.ok_or_else(|| {
        Failure::Conflict("coupon_exists", "the vendor has, or had, a coupon with this code".to_owned())
    })?;
    let detail = json!({"coupon_code": code, "link": wanted.link, "until": wanted.until});
    let (vendor, affiliate) = (Some(link.vendor_id), Some(link.affiliate_id));
    audit::record(&mut tx, caller, "coupon.create", &id, vendor, affiliate, detail).await?;
    let coupon = one(&mut tx, &id).await?.ok_or_else(no_such_coupon)?;
    tx.commit().await.map_err(Failure::writing)?;
    Ok(coupon)
}

pub(crate) async fn ends(
    app: &App,
    caller: &Caller,
    if_match: &IfMatch,
    id: &str,
    until: Option<DateTime<Utc>>,
) -> Result<Coupon, Failure> {
    writes(caller)?;
    let (id, at) = (possible(id, no_such_coupon)?, now());
    if until.is_some_and(|until| until < at - UNDER_WAY) {
        let detail = "`until` must not be in the past: orders that came before keep who they credit";
        return Err(unusable("until", "in_the_past", detail));
    }
    let mut tx = db::tenant_tx(app, caller).await.map_err(Failure::writing)?;
    let lock = sqlx::query!("select row_version from coupon where public_id = $1 for update", id);
    lock.fetch_optional(&mut *tx).await.map_err(Failure::writing)?.ok_or_else(no_such_coupon)?;
    let coupon = one(&mut tx, id).await?.ok_or_else(no_such_coupon)?;
    if_match.check(coupon.row_version)?;
    if coupon.until.is_some_and(|until| until <= at) {
        return Err(illegal_state("coupon", "ended", "anything else"));
    }
    if until.is_some_and(|until| until <= coupon.since) {
        return Err(unusable("until", "invalid_range", "`until` must be later than `since`"));
    }
    let set = sqlx::query!(
        "update coupon set until = $2, row_version = row_version + 1 where public_id = $1",
        id,
        until
    );
    set.execute(&mut *tx).await.map_err(Failure::writing)?;
    let (vendor, affiliate) = (Some(coupon.vendor_number), Some(coupon.affiliate_number));
    let detail = json!({"from": coupon.until, "to": until});
    audit::record(&mut tx, caller, "coupon.until", id, vendor, affiliate, detail).await?;
    let coupon = one(&mut tx, id).await?.ok_or_else(no_such_coupon)?;
    tx.commit().await.map_err(Failure::writing)?;
    Ok(coupon)
}

/// In capitals, as shoppers' typing is compared.
fn code(text: &str) -> Result<String, Failure> {
    let code = text.trim().to_ascii_uppercase();
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '%' | '+');
    if (MIN_CODE..=MAX_CODE).contains(&code.len()) && code.chars().all(is_plain) {
        return Ok(code);
    }
    let detail =
        format!("`coupon_code` must be {MIN_CODE} to {MAX_CODE} letters, digits or any of - _ . % +");
    Err(unusable("coupon_code", "invalid_code", detail))
}

fn writes(caller: &Caller) -> Result<(), Failure> {
    caller.require(Scope::ProgrammeWrite)?;
    caller.require_shop_side()
}

fn no_such_coupon() -> Failure {
    Failure::Missing("no_such_coupon", "there is no such coupon".to_owned())
}
