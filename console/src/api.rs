//! The JSON API: `/v1/reports/links`, `/v1/reports/summary` and `/v1/reports/breakdown`.
//!
//! Times are RFC 3339 in UTC, spans are half-open, lists are pages behind a cursor, and every parameter that is not
//! understood is refused by name, so that a mistyped filter never silently reports on everything.

pub(crate) mod answer;
mod breakdown;
pub(crate) mod given;
pub(crate) mod params;

use axum::extract::State;
use axum::response::Response;
use sqlx::PgConnection;

use self::answer::{LinkList, SummaryAnswer};
use self::params::{LinksParams, SummaryParams};
use crate::auth::{Caller, Reader, Scope};
use crate::conventions::{Asking, LinkCode, Moment, json, now};
use crate::db;
use crate::openapi::{Routes, routes};
use crate::problem::{Failure, Problem, unusable_parameter};
use crate::report::{Granularity, Span, links, select, summary};
use crate::server::App;

/// Where the list of links is.
pub const LINKS_PATH: &str = "/v1/reports/links";

/// The routes of reports, with what `/openapi.json` says of them.
pub fn routes() -> Routes {
    Routes::new().routes(routes!(links)).routes(routes!(summary)).routes(routes!(breakdown::show))
}

/// One page of links with their clicks.
#[utoipa::path(get, path = LINKS_PATH, tag = "reports", params(
    ("link" = inline(Option<Vec<LinkCode>>), Query, description = "Only the links with these codes, 100 at most"),
    ("from" = inline(Option<Moment>), Query, description = "The first instant, or day; a week before `to` unless asked otherwise"),
    ("to" = inline(Option<Moment>), Query, description = "The instant, or day, after the last"),
    ("granularity" = inline(Option<Granularity>), Query, description = "By `day` unless asked otherwise; weeks begin on Monday"),
    ("limit" = Option<i64>, Query, minimum = 1, maximum = 100, description = "1 to 100; 25 unless asked otherwise"),
    ("starting_after" = inline(Option<LinkCode>), Query, description = "The code of the last link of the page before"),
), responses(
    (status = 200, description = "A page of links with their clicks", body = LinkList),
    (status = "4XX", description = "Refused", body = Problem, content_type = "application/problem+json"),
), security(("key" = []), ("session" = [])))]
pub(crate) async fn links(
    State(app): State<App>,
    Reader(caller): Reader,
    Asking(params): Asking<LinksParams>,
) -> Response {
    json(link_reports(&app, &caller, &params)).await
}

/// The whole programme.
#[utoipa::path(get, path = "/v1/reports/summary", tag = "reports", params(
    ("from" = inline(Option<Moment>), Query, description = "The first instant, or day; a week before `to` unless asked otherwise"),
    ("to" = inline(Option<Moment>), Query, description = "The instant, or day, after the last"),
    ("granularity" = inline(Option<Granularity>), Query, description = "By `day` unless asked otherwise; weeks begin on Monday"),
), responses(
    (status = 200, description = "The whole programme, as far as the caller sees it", body = SummaryAnswer),
    (status = "4XX", description = "Refused", body = Problem, content_type = "application/problem+json"),
), security(("key" = []), ("session" = [])))]
pub(crate) async fn summary(
    State(app): State<App>,
    Reader(caller): Reader,
    Asking(params): Asking<SummaryParams>,
) -> Response {
    json(programme_report(&app, &caller, &params)).await
}

/// The whole programme, as far as the caller sees it.
pub(crate) async fn programme_report(
    app: &App,
    caller: &Caller,
    params: &SummaryParams,
) -> Result<SummaryAnswer, Failure> {
    caller.require(Scope::ReportsRead)?;
    let mut snapshot = db::tenant_snapshot(app, caller).await?;
    let summary = async |conn: &mut PgConnection| {
        let span = Span::survey(conn, &params.range).await?;
        summary::of(conn, &span, now()).await
    };
    let summary = db::planned_once(&mut snapshot, summary).await?;
    snapshot.commit().await?;
    Ok(SummaryAnswer::new(&params.range, &summary))
}

/// One page of links with their clicks.
pub(crate) async fn link_reports(
    app: &App,
    caller: &Caller,
    params: &LinksParams,
) -> Result<LinkList, Failure> {
    caller.require(Scope::ReportsRead)?;
    let mut snapshot = db::tenant_snapshot(app, caller).await?;
    let after = match &params.starting_after {
        None => 0,
        Some(code) => select::number_of(&mut snapshot, code).await?.ok_or_else(|| no_such_cursor(code))?,
    };
    // One more than the page holds tells whether there is another page.
    let limit = params.limit + 1;
    let mut ids = match params.codes.as_slice() {
        [] => select::by_number(&mut snapshot, after, limit).await?,
        codes => select::with_codes(&mut snapshot, codes, after, limit).await?,
    };
    let has_more = ids.len() as i64 == limit;
    ids.truncate(params.limit as usize);
    let reports = links::of(&mut snapshot, &ids, &params.range, now()).await?;
    snapshot.commit().await?;
    Ok(LinkList::new(LINKS_PATH, &params.range, reports, has_more))
}

fn no_such_cursor(code: &str) -> Failure {
    let detail = format!("`starting_after` must be the code of a link; there is none with the code {code:?}");
    unusable_parameter("starting_after", "unknown_cursor", detail)
}
