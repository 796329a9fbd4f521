//! `GET /v1/affiliates`: pending applications first, counts at a glance, and each one's live figures.

use std::collections::HashMap;

use axum::extract::State;
use axum::response::Response;
use chrono::{DateTime, Days, NaiveTime, Utc};
use serde::Serialize;
use sqlx::PgConnection;
use utoipa::ToSchema;

use super::answer::{Affiliate, AffiliateAnswer, View, read};
use super::{figures, find};
use crate::api::given::Given;
use crate::auth::{Caller, Scope, Tenant};
use crate::conventions::{
    Asked, Asking, List, Moment, Page, PageParams, Sought, json, now, unknown_cursor, words,
};
use crate::db;
use crate::problem::{Failure, Problem};
use crate::report::{Granularity, Range};
use crate::server::App;

/// Where the list is.
pub(super) const PATH: &str = "/v1/affiliates";

/// The span of figures unless asked otherwise, in days.
const DEFAULT_DAYS: u64 = 30;

/// Characters of what is searched for. Nothing that is stored and searched is longer.
const MAX_SEARCH: usize = 254;

/// As many are found before they are put in order. Of one in a hundred thousand, nearly all would be read to fill a page.
const FEW: usize = 1_000;

/// Behind every text that begins with a prefix: the last character there is.
const LAST: char = char::MAX;

/// How far an affiliate is.
const STATES: [&str; 3] = ["pending", "approved", "rejected"];

words! {
    /// How far an affiliate is.
    Stage: STATES
}

/// The orders a list can be in; the first unless asked otherwise.
const SORTS: [&str; 5] = ["review", "newest", "oldest", "username", "name"];

words! {
    /// In which order affiliates are listed.
    Sort: SORTS
}

/// One page.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AffiliateList {
    #[serde(flatten)]
    pub(crate) page: List<AffiliateAnswer>,
    pub(crate) counts: Counts,
}

/// How many there are in all, whatever the list is narrowed to.
#[derive(Debug, Default, Serialize, ToSchema)]
#[schema(as = AffiliateCounts)]
pub(crate) struct Counts {
    pub(crate) pending: i64,
    pub(crate) approved: i64,
    pub(crate) rejected: i64,
}

/// What the list is narrowed to, its order, and the days of the figures.
#[derive(Clone, Debug)]
pub(crate) struct Filter {
    pub(crate) status: Option<String>,
    pub(crate) is_active: Option<bool>,
    pub(crate) country: Option<String>,
    pub(crate) search: Option<String>,
    /// One of [`SORTS`].
    pub(crate) sort: String,
    pub(crate) range: Range,
    pub(crate) page: Page,
}

/// One page of affiliates.
#[utoipa::path(get, path = PATH, tag = "affiliates", params(
    ("status" = inline(Option<Stage>), Query, description = "Only those that are so far"),
    ("is_active" = Option<bool>, Query, description = "Only those that are active, or are not"),
    ("country" = Option<String>, Query, pattern = "^[A-Z]{2}$", description = "Two capitals"),
    ("search" = inline(Option<Sought>), Query, description = "The beginning of a username, a name or an address"),
    ("sort" = inline(Option<Sort>), Query, description = "`review`, unless asked otherwise: pending first, then newest"),
    ("from" = inline(Option<Moment>), Query, description = "The first day of figures; 30 days before `to` unless asked otherwise"),
    ("to" = inline(Option<Moment>), Query, description = "The day after the last"),
    PageParams,
), responses(
    (status = 200, description = "A page, with counts of all and figures of each", body = AffiliateList),
    (status = "4XX", description = "Refused", body = Problem, content_type = "application/problem+json"),
), security(("key" = []), ("session" = [])))]
pub(super) async fn list(State(app): State<App>, caller: Caller, Asking(filter): Asking<Filter>) -> Response {
    json(page(&app, &caller, &filter)).await
}

/// Refuses whoever may not look at affiliates: operators with the scope, and vendors, may.
pub(super) fn may_look(caller: &Caller) -> Result<(), Failure> {
    match caller.tenant {
        Tenant::Vendor(_) => caller.require(Scope::ProgrammeRead),
        Tenant::Programme => caller.require(Scope::AffiliatesRead),
        Tenant::Affiliate(_) => Err(Failure::NoScope(Scope::AffiliatesRead)),
    }
}

/// One page of affiliates with their figures, and counts of all.
pub(crate) async fn page(app: &App, caller: &Caller, filter: &Filter) -> Result<AffiliateList, Failure> {
    may_look(caller)?;
    let view = View::of(caller.tenant);
    let mut snapshot = db::tenant_snapshot(app, caller).await?;
    let counts = counts(&mut snapshot, view).await?;
    let after = match &filter.page.after {
        None => None,
        Some(public_id) => Some(place(&mut snapshot, view, public_id).await?),
    };
    let mut ids = places(&mut snapshot, view, filter, after.as_ref()).await?;
    let has_more = ids.len() as i64 > filter.page.limit;
    ids.truncate(filter.page.limit as usize);
    let mut rows: HashMap<i64, Affiliate> =
        read(&mut snapshot, view, &ids).await?.into_iter().map(|row| (row.affiliate_id, row)).collect();
    let figures = figures::of(&mut snapshot, &ids, &filter.range).await?;
    snapshot.commit().await?;
    let rows: Vec<Affiliate> = ids.iter().filter_map(|id| rows.remove(id)).collect();
    let next_cursor = rows.last().filter(|_| has_more).map(|last| last.public_id.clone());
    let answer = |row: Affiliate| match figures.get(&row.affiliate_id) {
        Some(figures) => AffiliateAnswer::new(row, view).with_figures(figures),
        None => AffiliateAnswer::new(row, view),
    };
    let data = rows.into_iter().map(answer).collect();
    let page = List { object: "list", url: PATH.to_owned(), has_more, next_cursor, data };
    Ok(AffiliateList { page, counts })
}

impl Asked for Filter {
    fn read(query: &str) -> Result<Self, Failure> {
        let mut given = Given::read(query);
        let status = given.word("status", &STATES);
        let is_active = given.flag("is_active");
        let country = given.one("country").and_then(|text| country(&mut given, &text));
        let search = given.one("search").and_then(|text| search(&mut given, &text));
        let sort = given.word("sort", &SORTS).unwrap_or_else(|| SORTS[0].to_owned());
        let page = given.page();
        let range = span(&mut given, now());
        given
            .finish("status, is_active, country, search, sort, from, to, limit, starting_after")
            .map_err(Failure::Parameters)?;
        let range = range.ok_or_else(|| Failure::Fault("a bad span was not refused".to_owned()))?;
        Ok(Self { status, is_active, country, search, sort, range, page })
    }
}

/// `from` and `to`, widened to whole days: visits and earnings are daily.
pub(super) fn span(given: &mut Given, now: DateTime<Utc>) -> Option<Range> {
    let (from, to) = given.span();
    let tomorrow = (now.date_naive() + Days::new(1)).and_time(NaiveTime::MIN).and_utc();
    let to = to.unwrap_or(tomorrow);
    let from = from.or_else(|| to.checked_sub_days(Days::new(DEFAULT_DAYS)))?;
    let range = Range::new(from, to, Granularity::Day);
    range.map_err(|error| given.refuse("from", "invalid_range", error.to_string())).ok()
}

fn country(given: &mut Given, text: &str) -> Option<String> {
    if text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_uppercase()) {
        return Some(text.to_owned());
    }
    given.refuse("country", "invalid_country", "`country` must be a country's two capitals, such as SE");
    None
}

fn search(given: &mut Given, text: &str) -> Option<String> {
    let text = text.trim().to_lowercase();
    if text.chars().count() > MAX_SEARCH || text.contains('\0') {
        let detail = format!(
            "`search` must be the beginning of a username, name or address, {MAX_SEARCH} characters at most"
        );
        given.refuse("search", "invalid_search", detail);
        return None;
    }
    Some(text).filter(|text| !text.is_empty())
}

/// Where an affiliate stands in each order.
#[derive(Debug)]
struct Place {
    affiliate_id: i64,
    is_pending: bool,
    created_at: DateTime<Utc>,
    username: String,
    name: String,
}

async fn place(conn: &mut PgConnection, view: View, public_id: &str) -> Result<Place, Failure> {
    let affiliate_id = find(&mut *conn, public_id).await?.ok_or_else(unknown_cursor)?;
    let row = read(&mut *conn, view, &[affiliate_id]).await?.pop().ok_or_else(unknown_cursor)?;
    // Postgres must say what is lower case: its idea of it is in the index.
    let name = sqlx::query_scalar!(r#"select lower($1) as "name!""#, row.name).fetch_one(conn).await?;
    Ok(Place {
        affiliate_id,
        is_pending: row.status == "pending",
        created_at: row.created_at,
        username: row.username,
        name,
    })
}

/// The next affiliates, one more than the page holds.
async fn places(
    conn: &mut PgConnection,
    view: View,
    filter: &Filter,
    after: Option<&Place>,
) -> sqlx::Result<Vec<i64>> {
    let mut begins = filter.search.as_ref().map(|search| (search.as_str(), format!("{search}{LAST}")));
    let mut found = None;
    if let (View::Whole, Some((search, end))) = (view, &begins) {
        found = few(&mut *conn, search, end).await?;
        begins = begins.filter(|_| found.is_none());
    }
    // The two statements begin with the same arguments and differ in what their readers may see.
    macro_rules! fetch {
        ($file:literal $(, $more:expr)?) => {
            sqlx::query_file_scalar!(
                $file,
                filter.status.as_deref(),
                filter.is_active,
                filter.country.as_deref(),
                begins.as_ref().map(|(search, _)| *search),
                begins.as_ref().map(|(_, end)| end.as_str()),
                filter.sort,
                after.map(|place| place.affiliate_id),
                after.map(|place| place.is_pending),
                after.map(|place| place.created_at),
                after.map(|place| place.username.as_str()),
                after.map(|place| place.name.as_str()),
                filter.page.limit + 1
                $(, $more)?
            )
            .fetch_all(conn)
            .await
        };
    }
    match view {
        View::Whole => fetch!("src/affiliates/list.sql", found.as_deref()),
        View::Partner => fetch!("src/affiliates/partners.sql"),
    }
}

/// Whoever begins with this, unless it is more than [`FEW`]: then a page fills up soon whatever order it is read in.
async fn few(conn: &mut PgConnection, search: &str, end: &str) -> sqlx::Result<Option<Vec<i64>>> {
    let found = sqlx::query_file_scalar!("src/affiliates/search.sql", search, end, FEW as i64 + 1)
        .fetch_all(conn)
        .await?;
    Ok(Some(found).filter(|found| found.len() <= FEW))
}

/// How many affiliates there are of each status.
pub(crate) async fn counts(conn: &mut PgConnection, view: View) -> sqlx::Result<Counts> {
    let rows: Vec<(String, i64)> = match view {
        View::Whole => sqlx::query!(
            r#"select status, sum(affiliates)::bigint as "count!" from affiliate_tally group by status"#
        )
        .fetch_all(conn)
        .await?
        .into_iter()
        .map(|row| (row.status, row.count))
        .collect(),
        View::Partner => sqlx::query!(
            r#"select status, count(*) as "count!" from affiliate
               where affiliate_id = any(array(select p.affiliate_id from partnership p)) group by status"#
        )
        .fetch_all(conn)
        .await?
        .into_iter()
        .map(|row| (row.status, row.count))
        .collect(),
    };
    let mut counts = Counts::default();
    for (status, count) in rows {
        match status.as_str() {
            "pending" => counts.pending = count,
            "approved" => counts.approved = count,
            _ => counts.rejected = count,
        }
    }
    Ok(counts)
}
