//! `/links/{code}`: one link in detail.

use askama::Template;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::response::Response;
use common::ids::Code;

use super::markup::Badge;
use super::own::share::{self, Share};
use super::parts::{Controls, Figures, SeriesRow, machine_time, series, standing};
use super::period::{Period, View};
use super::shell::{Frame, Place as Part};
use super::splits::{Split, splits};
use super::strip::Strip;
use super::visit::Visit;
use crate::auth::Scope;
use crate::db;
use crate::problem::Failure;
use crate::report::breakdown::{self, Breakdown};
use crate::report::links::LinkReport;
use crate::report::{Bucket, Range, books, links, select};
use crate::server::App;

#[derive(Template)]
#[template(path = "link.html")]
struct LinkPage {
    frame: Frame,
    controls: Controls,
    figures: Figures,
    series: Vec<SeriesRow>,
    /// Whether `series` has unique visits.
    by_day: bool,
    code: String,
    public_url: String,
    state: Badge,
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
    share: Option<Share>,
}

/// Answers `/links/{code}`. A code that is not even text is no link's.
pub(crate) async fn show(
    State(app): State<App>,
    visit: Visit,
    code: Result<Path<String>, PathRejection>,
) -> Response {
    let code = code.map(|Path(code)| code).unwrap_or_default();
    visit.show(page(&app, &visit, code)).await
}

async fn page(app: &App, visit: &Visit, code: String) -> Result<LinkPage, Failure> {
    let (caller, now) = (&visit.caller, visit.now);
    if Code::new(code.as_bytes()).is_none() {
        return Err(Failure::NoSuchLink(code));
    }
    caller.require(Scope::ReportsRead)?;
    let view = View::read(&visit.query, Period::Last(7), &[])?;
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
    let share = share::of(app, visit, &report.link.code).await?;
    let page = LinkPage::new(visit.frame(Part::Links), app, &view, &range, &report, &breakdown, strip);
    Ok(LinkPage { share, ..page })
}

impl LinkPage {
    fn new(
        frame: Frame,
        app: &App,
        view: &View,
        range: &Range,
        report: &LinkReport,
        breakdown: &Breakdown,
        strip: Option<Strip>,
    ) -> Self {
        let link = &report.link;
        let buckets = filled(&report.buckets, range);
        Self {
            frame,
            controls: Controls::new(view, range, &format!("/links/{}", link.code)),
            figures: Figures::of_link(report, range),
            series: series(&buckets, range.granularity),
            by_day: buckets.iter().any(|bucket| bucket.unique.is_some()),
            code: link.code.clone(),
            public_url: format!("{}/{}", app.redirect_url, link.code),
            state: standing(report.standing),
            vendor: link.vendor.clone(),
            affiliate: link.affiliate.clone(),
            product: link.product.clone(),
            destination: link.destination.clone(),
            expiry: link
                .expiry_date
                .map(|at| (at.format("%-d %b %Y, %H:%M UTC").to_string(), machine_time(at))),
            was_clicked: report.human + report.filtered > 0,
            splits: splits(breakdown),
            list_address: view.address("/links"),
            strip,
            share: None,
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
