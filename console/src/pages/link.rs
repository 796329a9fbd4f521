//! `/links/{code}`: one link in detail.

use askama::Template;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, RawQuery, State};
use axum::response::Response;
use chrono::{DateTime, Utc};
use common::ids::Code;

use super::chart::Chart;
use super::parts::{Controls, Figures, LinkState, SeriesRow, machine_time, series};
use super::period::View;
use super::strip::Strip;
use super::{Frame, format, now};
use crate::auth::{Caller, Scope, Visitor};
use crate::db;
use crate::problem::Failure;
use crate::report::breakdown::{self, Breakdown, Share};
use crate::report::links::LinkReport;
use crate::report::{Bucket, Range, books, links, select};
use crate::server::App;

/// Parts of a split that are shown one by one; the rest is one row.
const MAX_PARTS: usize = 8;

#[derive(Template)]
#[template(path = "link.html")]
struct LinkPage {
    frame: Frame,
    controls: Controls,
    figures: Figures,
    chart: Chart,
    series: Vec<SeriesRow>,
    /// Whether `series` has unique visits.
    by_day: bool,
    code: String,
    public_url: String,
    state: LinkState,
    vendor: String,
    affiliate: String,
    product: Option<String>,
    destination: String,
    /// As people and as programs read it.
    expiry: Option<(String, String)>,
    was_clicked: bool,
    /// Empty without human clicks.
    splits: Vec<Split>,
    list_address: String,
    strip: Option<Strip>,
}

/// One way to split the human clicks.
struct Split {
    title: &'static str,
    parts: Vec<Part>,
}

struct Part {
    name: String,
    human: String,
    percent: String,
    /// The length of the bar, percent of the longest.
    width: String,
}

/// Answers `/links/{code}`. A code that is not even text is no link's.
pub async fn show(
    State(app): State<App>,
    Visitor(caller): Visitor,
    code: Result<Path<String>, PathRejection>,
    RawQuery(query): RawQuery,
) -> Response {
    let code = code.map(|Path(code)| code).unwrap_or_default();
    super::show(page(&app, &caller, code, query.as_deref().unwrap_or_default(), now()).await)
}

async fn page(
    app: &App,
    caller: &Caller,
    code: String,
    query: &str,
    now: DateTime<Utc>,
) -> Result<LinkPage, Failure> {
    if Code::new(code.as_bytes()).is_none() {
        return Err(Failure::NoSuchLink(code));
    }
    caller.require(Scope::ReportsRead)?;
    let view = View::parse(query)?;
    let range = view.range(now)?;
    let mut snapshot = db::tenant_snapshot(app, caller).await?;
    let Some(link_id) = select::number_of(&mut snapshot, &code).await? else {
        return Err(Failure::NoSuchLink(code));
    };
    let mut reports = links::of(&mut snapshot, &[link_id], &range, now).await?;
    let breakdown = breakdown::of(&mut snapshot, link_id, &range).await?;
    let books = books::of_programme(&mut snapshot, caller).await?;
    snapshot.commit().await?;
    let report = reports.pop().ok_or_else(|| Failure::NoSuchLink(code))?;
    let strip = books.map(|books| Strip::new(&books, now));
    let page = LinkPage::new(app, &view, &range, &report, &breakdown, strip, now);
    Ok(LinkPage { frame: Frame::of(now, caller), ..page })
}

impl LinkPage {
    fn new(
        app: &App,
        view: &View,
        range: &Range,
        report: &LinkReport,
        breakdown: &Breakdown,
        strip: Option<Strip>,
        now: DateTime<Utc>,
    ) -> Self {
        let link = &report.link;
        let buckets = filled(&report.buckets, range);
        Self {
            frame: Frame::new(now),
            controls: Controls::new(view, range, &format!("/links/{}", link.code)),
            figures: Figures::of_link(report, range),
            chart: Chart::new(&buckets, range, now),
            series: series(&buckets, range.granularity),
            by_day: buckets.iter().any(|bucket| bucket.unique.is_some()),
            code: link.code.clone(),
            public_url: format!("{}/{}", app.redirect_url, link.code),
            state: LinkState::new(report.standing),
            vendor: link.vendor.clone(),
            affiliate: link.affiliate.clone(),
            product: link.product.clone(),
            destination: link.destination.clone(),
            expiry: link
                .expiry_date
                .map(|at| (at.format("%-d %b %Y, %H:%M UTC").to_string(), machine_time(at))),
            was_clicked: report.human + report.filtered > 0,
            splits: splits(breakdown),
            list_address: View { after: None, ..view.clone() }.address("/links"),
            strip,
        }
    }
}

/// Every bucket of the span: those without a click are 0, in unique visits too where days are known.
fn filled(counted: &[Bucket], range: &Range) -> Vec<Bucket> {
    let mut counted = counted.iter().peekable();
    let unique = (range.granularity == crate::report::Granularity::Day).then_some(0);
    let bucket = |start| {
        let empty = Bucket { start, human: 0, filtered: 0, unique };
        counted.next_if(|bucket| bucket.start == start).copied().unwrap_or(empty)
    };
    range.bucket_starts().map(bucket).collect()
}

fn splits(breakdown: &Breakdown) -> Vec<Split> {
    let all = [
        ("Traffic source", &breakdown.channels),
        ("Country", &breakdown.countries),
        ("Device", &breakdown.devices),
        ("Browser", &breakdown.browsers),
        ("Operating system", &breakdown.systems),
    ];
    let split = |(title, shares): (&'static str, &Vec<Share>)| Split { title, parts: parts(shares) };
    all.into_iter().filter(|(_, shares)| !shares.is_empty()).map(split).collect()
}

fn parts(shares: &[Share]) -> Vec<Part> {
    let total: u64 = shares.iter().map(|share| share.human).sum();
    let largest = shares.first().map_or(1, |share| share.human.max(1));
    let part = |name: String, human: u64| Part {
        name,
        human: format::count(human),
        percent: format::percent(human, total),
        width: format!("{:.1}%", (human as f64 * 100.0 / largest as f64).min(100.0)),
    };
    let shown = if shares.len() > MAX_PARTS { MAX_PARTS - 1 } else { shares.len() };
    let mut parts: Vec<Part> =
        shares[..shown].iter().map(|share| part(format::word(&share.name), share.human)).collect();
    let rest = &shares[shown..];
    if !rest.is_empty() {
        parts.push(part(format!("{} others", rest.len()), rest.iter().map(|share| share.human).sum()));
    }
    parts
}
