//! `/reports`: a period by time, by who and what brought it, or by where it came from, beside the period before; and all
//! of it as a file.

mod rows;

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use chrono::{DateTime, Utc};
use sqlx::PgConnection;

use self::rows::{Dimension, Found, Row};
use super::figure::{self, Figure, figures};
use super::overview::currency;
use crate::auth::{Caller, Scope};
use crate::db;
use crate::pages::format;
use crate::pages::parts::{Choice, Controls};
use crate::pages::period::View;
use crate::pages::shell::{Frame, Place};
use crate::pages::visit::Visit;
use crate::problem::Failure;
use crate::report::earnings::{self, Earnings};
use crate::report::groups::{MAX_ROWS, Order};
use crate::report::summary;
use crate::report::{Range, Span};
use crate::server::App;
use crate::spreadsheet;

/// Where it is.
pub(super) const PATH: &str = "/reports";

/// Rows on the page; the file has them all.
const SHOWN: i64 = 100;

/// What the address says of this page.
const NAMES: [&str; 3] = ["by_what", "sort", "currency"];

#[derive(Template)]
#[template(path = "money/reports.html")]
struct ReportPage {
    frame: Frame,
    controls: Controls,
    before: String,
    figures: Vec<Figure>,
    live: String,
    dimensions: Vec<Choice>,
    heading: &'static str,
    /// Whether orders and money are known by it.
    has_money: bool,
    columns: Vec<Column>,
    rows: Vec<Row>,
    is_cut: bool,
    file: String,
}

/// A column that may sort.
struct Column {
    label: &'static str,
    address: Option<String>,
    is_current: bool,
}

/// What is asked, read from the address.
struct Question {
    view: View,
    range: Range,
    by: Dimension,
    order: Order,
}

impl Question {
    fn asked(visit: &Visit) -> Result<Self, Failure> {
        let view = View::read(&visit.query, figure::USUAL, &NAMES)?;
        let by = Dimension::named(view.choice("by_what"), &visit.caller)?;
        let order = Order::from_name(view.choice("sort")).unwrap_or(Order::Human);
        Ok(Self { range: view.range(visit.now)?, view, by, order })
    }

    /// What the whole span brought, and what the report is made of.
    async fn read(
        &self,
        conn: &mut PgConnection,
        span: &Span,
        now: DateTime<Utc>,
        limit: i64,
    ) -> sqlx::Result<(Option<Earnings>, Found)> {
        let earnings = earnings::of_programme(conn, span, now).await?;
        let currency = currency(&self.view, earnings.as_ref());
        let found = rows::read(conn, self.by, self.order, span, &currency, limit).await?;
        Ok((earnings, found))
    }
}

/// Answers `/reports`.
pub(crate) async fn show(State(app): State<App>, visit: Visit) -> Response {
    visit.show(page(&app, &visit)).await
}

async fn page(app: &App, visit: &Visit) -> Result<ReportPage, Failure> {
    visit.caller.require(Scope::ReportsRead)?;
    let question = Question::asked(visit)?;
    let (view, range, by) = (&question.view, &question.range, question.by);
    let mut pair = db::Pair::open(&app.pool, visit.caller.tenant).await?;
    let span = Span::survey(pair.first(), range).await?;
    let earned = async |conn: &mut PgConnection| question.read(conn, &span, visit.now, SHOWN + 1).await;
    let both = async |conn: &mut PgConnection| {
        let clicks = summary::clicks(conn, &span, visit.now).await?;
        let earlier = Span::survey(conn, &range.previous()).await?;
        Ok::<_, sqlx::Error>((clicks, summary::of(conn, &earlier, visit.now).await?))
    };
    let clicked = async |conn: &mut PgConnection| db::planned_once(conn, both).await;
    let ((earnings, found), (clicks, before)) = pair.read(earned, clicked).await?;
    pair.commit().await?;
    let summary = clicks.with(earnings);
    let mut rows = rows::of(found, &span, &summary);
    let is_cut = by.is_grouped() && rows.len() as i64 > SHOWN;
    if by.is_grouped() {
        rows.truncate(SHOWN as usize);
    }
    Ok(ReportPage {
        frame: visit.frame(Place::Reports),
        controls: Controls::new(view, range, PATH),
        before: format::span(&range.previous()),
        figures: figures(&summary, &before),
        live: figure::live_address(view),
        dimensions: dimensions(view, by, &visit.caller),
        heading: by.heading(),
        has_money: by.has_money(range),
        columns: columns(view, by, question.order),
        rows,
        is_cut,
        file: view.address("/reports/csv"),
    })
}

/// The whole report as a file, whatever the page shows of it.
pub(crate) async fn file(State(app): State<App>, visit: Visit) -> Response {
    let written = async {
        visit.caller.require(Scope::ReportsRead)?;
        let question = Question::asked(&visit)?;
        let mut snapshot = db::tenant_snapshot(&app, &visit.caller).await?;
        let span = Span::survey(&mut snapshot, &question.range).await?;
        let (earnings, found) = question.read(&mut snapshot, &span, visit.now, MAX_ROWS).await?;
        let summary = summary::clicks(&mut snapshot, &span, visit.now).await?.with(earnings);
        snapshot.commit().await?;
        let rows = rows::of(found, &span, &summary);
        let (from, to) = question.range.days();
        let name = format!("report-{}-{from}-{to}", question.by.name());
        Ok((name, spreadsheet::table(&rows::HEADING, rows.iter().flat_map(Row::cells))?))
    };
    match written.await {
        Ok((name, text)) => spreadsheet::file(&name, text),
        Err(failure) => visit.failed(failure),
    }
}

fn dimensions(view: &View, current: Dimension, caller: &Caller) -> Vec<Choice> {
    let offered = Dimension::all().filter(|by| by.is_for(caller));
    let choice = |by: Dimension| Choice {
        label: by.heading(),
        address: view
            .with("by_what", if by == Dimension::Time { "" } else { by.name() })
            .with("sort", "")
            .address(PATH),
        is_current: by == current,
    };
    offered.map(choice).collect()
}

fn columns(view: &View, by: Dimension, current: Order) -> Vec<Column> {
    let labels = [
        (Order::Human, "Human"),
        (Order::Filtered, "Filtered"),
        (Order::Orders, "Orders"),
        (Order::Revenue, "Revenue"),
        (Order::Commission, "Commission"),
    ];
    let column = |(order, label): (Order, &'static str)| Column {
        label,
        address: by
            .is_grouped()
            .then(|| view.with("sort", if order == Order::Human { "" } else { order.name() }).address(PATH)),
        is_current: by.is_grouped() && order == current,
    };
    labels.into_iter().map(column).collect()
}
