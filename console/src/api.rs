//! The JSON API: `/v1/reports/links` and `/v1/reports/summary`.
//!
//! Times are RFC 3339 in UTC, spans are half-open, lists are pages behind a cursor, and every parameter that is not
//! understood is refused by name, so that a mistyped filter never silently reports on everything.

pub(crate) mod answer;
pub(crate) mod given;
mod params;

use axum::Json;
use axum::extract::{RawQuery, State};
use chrono::{DateTime, Utc};
use runtime::clock;

use self::answer::{LinkList, SummaryAnswer};
use self::params::{LinksParams, SummaryParams};
use crate::auth::{Caller, Reader, Scope};
use crate::db;
use crate::problem::{BadParameter, Failure, ForPrograms};
use crate::report::{links, select, summary};
use crate::server::App;

/// Where the list of links is.
pub const LINKS_PATH: &str = "/v1/reports/links";

/// One page of links with their clicks.
pub async fn links(
    State(app): State<App>,
    Reader(caller): Reader,
    RawQuery(query): RawQuery,
) -> Result<Json<LinkList>, ForPrograms> {
    caller.require(Scope::ReportsRead)?;
    let now = now();
    let params = LinksParams::parse(query.as_deref().unwrap_or_default(), now).map_err(refused)?;
    let (reports, has_more) = read_links(&app, &caller, &params, now).await.map_err(ForPrograms)?;
    Ok(Json(LinkList::new(LINKS_PATH, &params.range, reports, has_more)))
}

/// The whole programme.
pub async fn summary(
    State(app): State<App>,
    Reader(caller): Reader,
    RawQuery(query): RawQuery,
) -> Result<Json<SummaryAnswer>, ForPrograms> {
    caller.require(Scope::ReportsRead)?;
    let now = now();
    let params = SummaryParams::parse(query.as_deref().unwrap_or_default(), now).map_err(refused)?;
    let read = async {
        let mut snapshot = db::tenant_snapshot(&app, &caller).await?;
        let summary = summary::of(&mut snapshot, &params.range, now).await?;
        snapshot.commit().await?;
        Ok::<_, sqlx::Error>(summary)
    };
    let summary = read.await.map_err(|error| ForPrograms(error.into()))?;
    Ok(Json(SummaryAnswer::new(&params.range, &summary)))
}

async fn read_links(
    app: &App,
    caller: &Caller,
    params: &LinksParams,
    now: DateTime<Utc>,
) -> Result<(Vec<links::LinkReport>, bool), Failure> {
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
    let reports = links::of(&mut snapshot, &ids, &params.range, now).await?;
    snapshot.commit().await?;
    Ok((reports, has_more))
}

fn no_such_cursor(code: &str) -> Failure {
    Failure::Parameters(vec![BadParameter {
        field: "starting_after".to_owned(),
        code: "unknown_cursor",
        detail: format!("`starting_after` must be the code of a link; there is none with the code {code:?}"),
    }])
}

fn refused(bad: Vec<BadParameter>) -> ForPrograms {
    ForPrograms(Failure::Parameters(bad))
}

fn now() -> DateTime<Utc> {
    clock::system_time().into()
}
