//! `/v1/partnerships/{id}/rates` and `/v1/products/{id}/rates`: what is paid, since when, and what is agreed for later.
//! Rows are added, never changed: an order keeps the rate it was placed under.

use axum::extract::{Request, State};
use axum::response::Response;
use chrono::{DateTime, Utc};
use common::rate::Rate;
use serde::{Deserialize, Serialize};
use serde_json::json;
use sqlx::PgConnection;
use utoipa::ToSchema;

use super::notice;
use super::partnerships::{self, add_rate, no_such_partnership};
use super::products::{self, no_such_product};
use super::rate_input::{RateInput, begins, in_per_cent};
use crate::auth::{Caller, Scope};
use crate::conventions::{
    IfMatch, List, Millionths, Named, PerCent, Repeatable, Versioned, creation, json, made, now, possible,
};
use crate::problem::{Failure, Problem};
use crate::server::App;
use crate::{audit, db};

/// Rates of one partnership or product that are told: more changes than in years.
const MAX_RATES: i64 = 100;

/// A rate, from an instant on.
#[derive(Debug, Serialize, ToSchema)]
#[serde(tag = "object", rename = "rate")]
#[schema(as = Rate)]
pub(crate) struct Agreed {
    /// Null: the product's own rate ends.
    pub(crate) commission_rate: Option<String>,
    pub(crate) rate_ppm: Option<i32>,
    pub(crate) since: DateTime<Utc>,
    /// Whether it holds now.
    pub(crate) is_current: bool,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = RateWanted)]
pub(crate) struct Wanted {
    #[schema(value_type = Option<Millionths>)]
    pub(crate) rate_ppm: Option<u32>,
    #[schema(value_type = Option<PerCent>)]
    pub(crate) rate: Option<String>,
    pub(crate) since: Option<DateTime<Utc>>,
}

/// The rates of a partnership, latest first.
#[utoipa::path(get, path = "/v1/partnerships/{partnership_id}/rates", tag = "rates", params(
    ("partnership_id" = String, Path),
), responses(
    (status = 200, description = "All of them", body = List<Agreed>),
    (status = "4XX", description = "Refused", body = Problem, content_type = "application/problem+json"),
), security(("key" = []), ("session" = [])))]
pub(super) async fn of_partnership(State(app): State<App>, caller: Caller, Named(id): Named) -> Response {
    json(all_of_partnership(&app, &caller, &id)).await
}

/// The rates of a product, latest first.
#[utoipa::path(get, path = "/v1/products/{product_id}/rates", tag = "rates", params(
    ("product_id" = String, Path),
), responses(
    (status = 200, description = "All of them", body = List<Agreed>),
    (status = "4XX", description = "Refused", body = Problem, content_type = "application/problem+json"),
), security(("key" = []), ("session" = [])))]
pub(super) async fn of_product(State(app): State<App>, caller: Caller, Named(id): Named) -> Response {
    json(all_of_product(&app, &caller, &id)).await
}

/// Agrees on another rate for a partnership.
#[utoipa::path(post, path = "/v1/partnerships/{partnership_id}/rates", tag = "rates", request_body = Wanted, params(
    ("partnership_id" = String, Path),
    Versioned,
    Repeatable,
), responses(
    (status = 201, description = "Made", body = Agreed),
    (status = "4XX", description = "Refused", body = Problem, content_type = "application/problem+json"),
), security(("key" = []), ("session" = [])))]
pub(super) async fn agree(
    State(app): State<App>,
    caller: Caller,
    if_match: IfMatch,
    Named(id): Named,
    request: Request,
) -> Response {
    let agree = async |wanted| made(for_partnership(&app, &caller, &if_match, &id, wanted)).await;
    creation(&app, &caller, request, partnerships::writes, agree).await
}

/// Gives a product a rate of its own, or ends it.
#[utoipa::path(post, path = "/v1/products/{product_id}/rates", tag = "rates", request_body = Wanted, params(
    ("product_id" = String, Path),
    Versioned,
    Repeatable,
), responses(
    (status = 201, description = "Made", body = Agreed),
    (status = "4XX", description = "Refused", body = Problem, content_type = "application/problem+json"),
), security(("key" = []), ("session" = [])))]
pub(super) async fn set(
    State(app): State<App>,
    caller: Caller,
    if_match: IfMatch,
    Named(id): Named,
    request: Request,
) -> Response {
    let set = async |wanted| made(for_product(&app, &caller, &if_match, &id, wanted)).await;
    creation(&app, &caller, request, products::writes, set).await
}

/// Every rate of a partnership, latest first.
pub(crate) async fn all_of_partnership(
    app: &App,
    caller: &Caller,
    id: &str,
) -> Result<List<Agreed>, Failure> {
    caller.require(Scope::ProgrammeRead)?;
    let id = possible(id, no_such_partnership)?;
    let mut snapshot = db::tenant_snapshot(app, caller).await?;
    let partnership = partnerships::one(&mut snapshot, id).await?.ok_or_else(no_such_partnership)?;
    let rows = sqlx::query!(
        "select rate_ppm, since from partnership_rate where vendor_id = $1 and affiliate_id = $2 order by since desc limit $3",
        partnership.vendor_number,
        partnership.affiliate_number,
        MAX_RATES
    );
    let rows = rows.fetch_all(&mut *snapshot).await?;
    let rows = rows.into_iter().map(|row| (Some(row.rate_ppm), row.since));
    Ok(history(format!("{}/{id}/rates", partnerships::PATH), rows))
}

/// Every rate of a product, latest first.
pub(crate) async fn all_of_product(app: &App, caller: &Caller, id: &str) -> Result<List<Agreed>, Failure> {
    caller.require(Scope::ProgrammeRead)?;
    let id = possible(id, no_such_product)?;
    let mut snapshot = db::tenant_snapshot(app, caller).await?;
    let product = products::one(&mut snapshot, id).await?.ok_or_else(no_such_product)?;
    let rows = sqlx::query!(
        "select rate_ppm, since from product_rate where vendor_id = $1 and product_id = $2 order by since desc limit $3",
        product.vendor_number,
        product.number,
        MAX_RATES
    );
    let rows = rows.fetch_all(&mut *snapshot).await?;
    let rows = rows.into_iter().map(|row| (row.rate_ppm, row.since));
    Ok(history(format!("{}/{id}/rates", products::PATH), rows))
}

/// Agrees on another rate for a partnership.
pub(crate) async fn for_partnership(
    app: &App,
    caller: &Caller,
    if_match: &IfMatch,
    id: &str,
    wanted: Wanted,
) -> Result<Agreed, Failure> {
    partnerships::writes(caller)?;
    let id = possible(id, no_such_partnership)?;
    let rate = RateInput { rate_ppm: wanted.rate_ppm, rate: wanted.rate }.need()?;
    let (at, mut tx) = (now(), db::tenant_tx(app, caller).await.map_err(Failure::writing)?);
    let partnership = partnerships::locked(&mut tx, if_match, id).await?;
    let (vendor_id, affiliate_id) = (partnership.vendor_number, partnership.affiliate_number);
    let before = in_force(&mut tx, vendor_id, affiliate_id, wanted.since.unwrap_or(at)).await?;
    let since = begins(caller.tenant, wanted.since, (before, Some(rate)), at)?;
    add_rate(&mut tx, vendor_id, affiliate_id, since, rate).await?;
    let bump = sqlx::query!(
        "update partnership set row_version = row_version + 1 where vendor_id = $1 and affiliate_id = $2",
        vendor_id,
        affiliate_id
    );
    bump.execute(&mut *tx).await.map_err(Failure::writing)?;
    let detail = json!({"from_ppm": before.map(Rate::ppm), "to_ppm": rate.ppm(), "since": since});
    audit::record(&mut tx, caller, "partnership.rate", id, Some(vendor_id), Some(affiliate_id), detail)
        .await?;
    let day = since.format("%Y-%m-%d %H:%M UTC");
    let was = before.map(|before| format!(" It was {before}.")).unwrap_or_default();
    let words = format!(
        "Your commission with {} is {rate} for orders placed from {day} on.{was} Earlier orders keep their rate.",
        partnership.vendor_name
    );
    let subject: String =
        format!("{}: your commission changes", partnership.vendor_name).chars().take(200).collect();
    notice::to_affiliate(&mut tx, caller, affiliate_id, &subject, &words).await?;
    tx.commit().await.map_err(Failure::writing)?;
    Ok(agreed(Some(rate), since, at))
}

/// Gives a product a rate of its own, or ends it.
pub(crate) async fn for_product(
    app: &App,
    caller: &Caller,
    if_match: &IfMatch,
    id: &str,
    wanted: Wanted,
) -> Result<Agreed, Failure> {
    products::writes(caller)?;
    let id = possible(id, no_such_product)?;
    let rate = RateInput { rate_ppm: wanted.rate_ppm, rate: wanted.rate }.read()?;
    let (at, mut tx) = (now(), db::tenant_tx(app, caller).await.map_err(Failure::writing)?);
    let product = products::locked(&mut tx, if_match, id).await?;
    let vendor_id = product.vendor_number;
    // Without a rate of its own, a product pays what each partnership pays: a cut is what any of them would feel.
    let row = sqlx::query_file!(
        "src/programme/product_rate.sql",
        vendor_id,
        product.number,
        wanted.since.unwrap_or(at)
    );
    let row = row.fetch_one(&mut *tx).await?;
    let own = stored(row.own);
    let before = own.or(stored(row.most));
    let after = rate.or(stored(row.least));
    let since = begins(caller.tenant, wanted.since, (before, after), at)?;
    let added = sqlx::query!(
        "insert into product_rate (vendor_id, product_id, since, rate_ppm) values ($1, $2, $3, $4) on conflict do nothing",
        vendor_id,
        product.number,
        since,
        rate.map(|rate| rate.ppm() as i32)
    );
    if added.execute(&mut *tx).await.map_err(Failure::writing)?.rows_affected() == 0 {
        return Err(taken());
    }
    let bump = sqlx::query!(
        "update product set row_version = row_version + 1 where product_id = $1",
        product.number
    );
    bump.execute(&mut *tx).await.map_err(Failure::writing)?;
    let detail = json!({"from_ppm": own.map(Rate::ppm), "to_ppm": rate.map(Rate::ppm), "since": since});
    audit::record(&mut tx, caller, "product.rate", id, Some(vendor_id), None, detail).await?;
    let day = since.format("%Y-%m-%d %H:%M UTC");
    let words = match rate {
        Some(rate) => format!("Your commission on it is {rate} for orders placed from {day} on."),
        None => format!("Your commission on it is your ordinary one for orders placed from {day} on."),
    };
    let subject: String = format!("{}: the commission changes", product.name).chars().take(200).collect();
    notice::to_partners(&mut tx, caller, vendor_id, &subject, &words).await?;
    tx.commit().await.map_err(Failure::writing)?;
    Ok(agreed(rate, since, at))
}

/// The rate of a partnership that holds at an instant.
pub(super) async fn in_force(
    conn: &mut PgConnection,
    vendor_id: i64,
    affiliate_id: i64,
    at: DateTime<Utc>,
) -> Result<Option<Rate>, Failure> {
    let found = sqlx::query_scalar!(
        "select rate_ppm from partnership_rate where vendor_id = $1 and affiliate_id = $2 and since <= $3 order by since desc limit 1",
        vendor_id,
        affiliate_id,
        at
    );
    Ok(stored(found.fetch_optional(conn).await?))
}

fn stored(ppm: Option<i32>) -> Option<Rate> {
    ppm.and_then(|ppm| u32::try_from(ppm).ok()).and_then(Rate::new)
}

fn agreed(rate: Option<Rate>, since: DateTime<Utc>, now: DateTime<Utc>) -> Agreed {
    let rate_ppm = rate.map(|rate| rate.ppm() as i32);
    Agreed { commission_rate: in_per_cent(rate_ppm), rate_ppm, since, is_current: since <= now }
}

/// Rates from the latest on; the first that has begun is the current one.
fn history(url: String, rows: impl Iterator<Item = (Option<i32>, DateTime<Utc>)>) -> List<Agreed> {
    let (now, mut has_current) = (now(), false);
    let row = |(rate_ppm, since): (Option<i32>, DateTime<Utc>)| {
        let is_current = since <= now && !has_current;
        has_current |= is_current;
        Agreed { commission_rate: in_per_cent(rate_ppm), rate_ppm, since, is_current }
    };
    List::whole(url, rows.map(row).collect())
}

/// Two rates from one instant on.
pub(super) fn taken() -> Failure {
    Failure::Conflict(
        "rate_exists",
        "another rate begins at that very instant: choose another `since`".to_owned(),
    )
}
