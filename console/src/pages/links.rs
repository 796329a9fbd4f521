//! `/links`: the programme's clicks, the links they came through, and what they brought.

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use sqlx::PgConnection;

use super::markup::{Amount, Badge};
use super::parts::{Controls, Figures, SeriesRow, series, standing};
use super::period::{AFTER, Period, View, bad};
use super::shell::{Frame, Place as Part};
use super::strip::Strip;
use super::visit::Visit;
use super::{format, spark};
use crate::auth::Scope;
use crate::db;
use crate::problem::Failure;
use crate::report::earnings::Earnings;
use crate::report::links::LinkReport;
use crate::report::select::{self, Place, Rank};
use crate::report::{Range, Span, books, links, summary};
use crate::server::App;

const PATH: &str = "/links";

/// Characters of the longest code.
const MAX_CODE: usize = 32;

/// Links on a page: about a screen and a half.
const PAGE: usize = 25;

#[derive(Template)]
#[template(path = "links.html")]
struct LinksPage {
    frame: Frame,
    controls: Controls,
    figures: Figures,
    series: Vec<SeriesRow>,
    /// Days of the whole programme have no unique visits of their own.
    by_day: bool,
    columns: Columns,
    rows: Vec<Row>,
    search: String,
    hidden: Vec<(&'static str, String)>,
    /// Without the search.
    all_address: String,
    /// The first page, when this is another.
    first_address: Option<String>,
    next_address: Option<String>,
    /// What to open when nothing was clicked in the span.
    try_url: Option<String>,
    strip: Option<Strip>,
    /// Whether links can be made here.
    may_make: bool,
    /// Whose links they are; affiliates see their own alone.
    names_affiliate: bool,
}

/// Column headings that sort: the address, and whether the list is sorted by it now.
struct Columns {
    code: (String, bool),
    newest: (String, bool),
    human: (String, bool),
    filtered: (String, bool),
}

struct Row {
    address: String,
    code: String,
    leads_to: String,
    vendor: String,
    affiliate: String,
    state: Badge,
    spark: Option<String>,
    human: String,
    unique: String,
    filtered: String,
    orders: String,
    conversion: String,
    /// One for each currency.
    commission: Vec<Amount>,
}

/// Answers `/links`.
pub(crate) async fn show(State(app): State<App>, visit: Visit) -> Response {
    visit.show(page(&app, &visit)).await
}

async fn page(app: &App, visit: &Visit) -> Result<LinksPage, Failure> {
    let (caller, now) = (&visit.caller, visit.now);
    caller.require(Scope::ReportsRead)?;
    let view = View::read(&visit.query, Period::Last(7), &["sort", "q", AFTER])?;
    let (range, asked) = (view.range(now)?, Asked::read(&view)?);
    let mut pair = db::Pair::open(&app.pool, caller.tenant).await?;
    let span = Span::survey(pair.first(), &range).await?;
    let rows = async |conn: &mut PgConnection| {
        let listed = listed(conn, &asked, &span).await?;
        let reports = links::of(conn, &listed.ids, &range, now).await?;
        Ok::<_, Failure>((listed, reports))
    };
    let whole = async |conn: &mut PgConnection| {
        let summary = async |conn: &mut PgConnection| summary::of(conn, &span, now).await;
        let programme = db::planned_once(conn, summary).await?;
        Ok::<_, Failure>((programme, books::of_programme(conn, caller).await?))
    };
    let ((listed, reports), (programme, books)) = pair.read(rows, whole).await?;
    pair.commit().await?;

    let was_clicked = programme.human + programme.filtered > 0;
    let first = reports.first().filter(|_| !was_clicked);
    Ok(LinksPage {
        frame: visit.frame(Part::Links),
        names_affiliate: !caller.is_affiliate(),
        may_make: caller.require(Scope::ProgrammeWrite).is_ok() && caller.vendor().is_none(),
        controls: Controls::new(&view, &range, PATH),
        figures: Figures::of_programme(&programme, &range),
        series: series(&programme.buckets, range.granularity),
        by_day: false,
        columns: Columns::new(&view, asked.sort),
        try_url: first.map(|report| format!("{}/{}", app.redirect_url, report.link.code)),
        rows: reports.iter().map(|report| Row::new(report, &view, &range)).collect(),
        hidden: view.hidden_pairs(&["q"]),
        all_address: view.with("q", "").address(PATH),
        first_address: asked.after.map(|_| view.with(AFTER, "").address(PATH)),
        next_address: listed.next.map(|after| view.with(AFTER, &after).address(PATH)),
        search: asked.search.to_owned(),
        strip: books.map(|books| Strip::new(&books, now)),
    })
}

/// In which order links are listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sort {
    Human,
    Filtered,
    Code,
    Newest,
}

/// What the address says of this list.
struct Asked<'a> {
    sort: Sort,
    /// What codes begin with.
    search: &'a str,
    /// The place after which the page begins, as the page before gave it.
    after: Option<&'a str>,
}

impl<'a> Asked<'a> {
    fn read(view: &'a View) -> Result<Self, Failure> {
        let sort = match view.choice("sort") {
            "" => Sort::Human,
            "filtered" => Sort::Filtered,
            "code" => Sort::Code,
            "newest" => Sort::Newest,
            _ => return Err(bad("sort", "links are sorted by filtered, code or newest")),
        };
        let (search, after) = (view.choice("q"), view.choice(AFTER));
        if search.len() > MAX_CODE {
            return Err(bad("q", format!("a code has at most {MAX_CODE} characters")));
        }
        Ok(Self { sort, search, after: (!after.is_empty()).then_some(after) })
    }
}

impl Columns {
    fn new(view: &View, current: Sort) -> Self {
        let column = |name: &str, sort: Sort| (view.with("sort", name).address(PATH), current == sort);
        Self {
            code: column("code", Sort::Code),
            newest: column("newest", Sort::Newest),
            human: column("", Sort::Human),
            filtered: column("filtered", Sort::Filtered),
        }
    }
}

impl Row {
    fn new(report: &LinkReport, view: &View, range: &Range) -> Self {
        let link = &report.link;
        Self {
            address: view.plain().address(&format!("{PATH}/{}", link.code)),
            code: link.code.clone(),
            leads_to: link.product.clone().unwrap_or_else(|| link.destination.clone()),
            vendor: link.vendor.clone(),
            affiliate: link.affiliate.clone(),
            state: standing(report.standing),
            spark: spark::sparkline(&report.buckets, range),
            human: format::count(report.human),
            unique: format::count_or_dash(report.unique.people()),
            filtered: format::count(report.filtered),
            orders: format::count_or_dash(report.earnings.as_ref().map(Earnings::orders)),
            conversion: format::conversion(report.earnings.as_ref(), report.human),
            commission: format::commission(report.earnings.as_ref()),
        }
    }
}

/// The links of one page and where the next page begins.
struct Listed {
    ids: Vec<i64>,
    next: Option<String>,
}

async fn listed(conn: &mut PgConnection, asked: &Asked<'_>, span: &Span) -> Result<Listed, Failure> {
    match asked.sort {
        Sort::Human => by_clicks(conn, asked, span, Rank::Human).await,
        Sort::Filtered => by_clicks(conn, asked, span, Rank::Filtered).await,
        Sort::Code => by_code(conn, asked).await,
        Sort::Newest => {
            let before = asked.after.map_or(Ok(i64::MAX), number)?;
            let ids = select::newest(conn, asked.search, before, PAGE as i64 + 1).await?;
            Ok(Listed::cut(ids, |id| id.to_string()))
        }
    }
}

/// Most clicks first; the links without any, newest first, come after them.
async fn by_clicks(
    conn: &mut PgConnection,
    asked: &Asked<'_>,
    span: &Span,
    rank: Rank,
) -> Result<Listed, Failure> {
    const QUIET: &str = "quiet.";
    let wanted = PAGE as i64 + 1;
    let cursor = asked.after;
    let mut places = Vec::new();
    let mut quiet_before = i64::MAX;
    if let Some(before) = cursor.and_then(|cursor| cursor.strip_prefix(QUIET)) {
        quiet_before = number(before)?;
    } else {
        let after = cursor.map_or(Ok(Place::TOP), place)?;
        places = select::ranked(conn, span, rank, asked.search, after, wanted).await?;
    }
    let missing = wanted - places.len() as i64;
    let mut listed: Vec<(i64, String)> =
        places.iter().map(|place| (place.link_id, format!("{}.{}", place.clicks, place.link_id))).collect();
    if missing > 0 {
        let quiet = select::quiet(conn, span, asked.search, quiet_before, missing).await?;
        listed.extend(quiet.into_iter().map(|id| (id, format!("{QUIET}{id}"))));
    }
    let next = (listed.len() > PAGE).then(|| listed[PAGE - 1].1.clone());
    Ok(Listed { ids: listed.into_iter().take(PAGE).map(|(id, _)| id).collect(), next })
}

async fn by_code(conn: &mut PgConnection, asked: &Asked<'_>) -> Result<Listed, Failure> {
    let after = asked.after.unwrap_or_default();
    let links = select::by_code(conn, asked.search, after, PAGE as i64 + 1).await?;
    let next = (links.len() > PAGE).then(|| links[PAGE - 1].code.clone());
    Ok(Listed { ids: links.into_iter().take(PAGE).map(|link| link.link_id).collect(), next })
}

impl Listed {
    fn cut(mut ids: Vec<i64>, cursor: impl Fn(i64) -> String) -> Self {
        let has_more = ids.len() > PAGE;
        ids.truncate(PAGE);
        let next = ids.last().filter(|_| has_more).map(|id| cursor(*id));
        Self { ids, next }
    }
}

/// `<clicks>.<link>`: the last place of the page before.
fn place(cursor: &str) -> Result<Place, Failure> {
    let (clicks, link_id) = cursor.split_once('.').ok_or_else(unknown_place)?;
    Ok(Place { clicks: number(clicks)?, link_id: number(link_id)? })
}

fn number(text: &str) -> Result<i64, Failure> {
    text.parse().map_err(|_| unknown_place())
}

fn unknown_place() -> Failure {
    bad("after", "this page of the list cannot be found")
}
