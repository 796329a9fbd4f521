//! `/`: what happened in a period beside the one before it, where it came from, and what waits. An affiliate's is a
//! dashboard with the own money and what to do next.

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use chrono::{DateTime, Utc};
use sqlx::PgConnection;

use super::dashboard::{self, Dashboard};
use super::figure::{self, Figure, figures};
use super::health::{self, Check};
use super::plot::{Plot, Shown};
use super::ranking::{self, ranking};
use crate::accounts::own_account;
use crate::affiliates::answer::View as Whose;
use crate::affiliates::list::{self, Counts};
use crate::auth::{Scope, Tenant};
use crate::db;
use crate::pages::format;
use crate::pages::parts::{Choice, Controls};
use crate::pages::period::View;
use crate::pages::shell::{Frame, Place};
use crate::pages::splits::Split;
use crate::pages::strip::Strip;
use crate::pages::visit::Visit;
use crate::problem::Failure;
use crate::report::books::{self, Books};
use crate::report::breakdown::{self, Breakdown};
use crate::report::earnings::{self, Earnings};
use crate::report::groups::{self, By};
use crate::report::summary::{self, Clicks, Summary};
use crate::report::{Granularity, Range, Span, news};
use crate::server::App;

const PATH: &str = "/";

#[derive(Template)]
#[template(path = "money/overview.html")]
struct OverviewPage {
    frame: Frame,
    title: &'static str,
    controls: Controls,
    /// What it is compared with.
    before: String,
    figures: Vec<Figure>,
    live: String,
    plot: Plot,
    shows: Vec<Choice>,
    currencies: Vec<(String, String, bool)>,
    was_clicked: bool,
    rankings: Vec<Split>,
    origins: Vec<Split>,
    counts: Option<Counts>,
    dashboard: Option<Dashboard>,
    checks: Vec<Check>,
    strip: Option<Strip>,
}

/// Answers `/`.
pub(crate) async fn show(State(app): State<App>, visit: Visit) -> Response {
    visit.show(page(&app, &visit)).await
}

async fn page(app: &App, visit: &Visit) -> Result<OverviewPage, Failure> {
    let (caller, now) = (&visit.caller, visit.now);
    caller.require(Scope::ReportsRead)?;
    let view = View::read(&visit.query, figure::USUAL, &["show", "currency"])?;
    let range = view.range(now)?;
    let mut pair = db::Pair::open(&app.pool, caller.tenant).await?;
    let span = Span::survey(pair.first(), &range).await?;
    let brought = async |conn: &mut PgConnection| Brought::read(conn, caller.tenant, &view, &span, now).await;
    let rest = async |conn: &mut PgConnection| Rest::read(conn, app, visit, &span).await;
    let (Brought { earnings, currency, rankings, breakdown }, rest) = pair.read(brought, rest).await?;
    let summary = rest.clicks.with(earnings);
    let plot = plot(pair.first(), &view, (&span, &summary), (&rest.earlier, &rest.before), &currency).await?;
    pair.commit().await?;
    Ok(OverviewPage {
        frame: visit.frame(Place::Overview),
        title: if caller.is_affiliate() { "Dashboard" } else { "Overview" },
        controls: Controls::new(&view, &range, PATH),
        before: format::span(&range.previous()),
        figures: figures(&summary, &rest.before),
        live: figure::live_address(&view),
        shows: shows(&view, &range),
        currencies: currencies(&view, summary.earnings.as_ref(), &currency),
        was_clicked: summary.human + summary.filtered > 0
            || summary.earnings.as_ref().is_some_and(|e| e.orders() > 0),
        plot,
        rankings,
        origins: ranking::origins(&breakdown, |by| view.plain().with("by_what", by).address("/reports")),
        counts: rest.counts,
        dashboard: rest.dashboard,
        checks: rest.checks,
        strip: rest.books.map(|books| Strip::new(&books, now)),
    })
}

/// What the period brought, who brought the most, and where it came from.
struct Brought {
    earnings: Option<Earnings>,
    /// What money is drawn and compared in.
    currency: String,
    rankings: Vec<Split>,
    breakdown: Breakdown,
}

impl Brought {
    async fn read(
        conn: &mut PgConnection,
        tenant: Tenant,
        view: &View,
        span: &Span,
        now: DateTime<Utc>,
    ) -> Result<Self, Failure> {
        let earnings = earnings::of_programme(conn, span, now).await?;
        let currency = currency(view, earnings.as_ref());
        let rankings = rankings(conn, tenant, view, span, &currency).await?;
        let origins = async |conn: &mut PgConnection| breakdown::of_programme(conn, span).await;
        let breakdown = db::planned_once(conn, origins).await?;
        Ok(Self { earnings, currency, rankings, breakdown })
    }
}

/// Its clicks, and what stands around it.
struct Rest {
    clicks: Clicks,
    earlier: Span,
    before: Summary,
    books: Option<Books>,
    counts: Option<Counts>,
    checks: Vec<Check>,
    dashboard: Option<Dashboard>,
}

impl Rest {
    async fn read(conn: &mut PgConnection, app: &App, visit: &Visit, span: &Span) -> Result<Self, Failure> {
        let (caller, now) = (&visit.caller, visit.now);
        let figures = async |conn: &mut PgConnection| {
            let clicks = summary::clicks(conn, span, now).await?;
            let earlier = Span::survey(conn, &span.previous()).await?;
            let before = summary::of(conn, &earlier, now).await?;
            Ok::<_, sqlx::Error>((clicks, earlier, before))
        };
        let (clicks, earlier, before) = db::planned_once(conn, figures).await?;
        let books = books::of_programme(conn, caller).await?;
        let (mut counts, mut checks) = (None, Vec::new());
        if let Some(books) = &books {
            if caller.require(Scope::AffiliatesRead).is_ok() {
                counts = Some(list::counts(conn, Whose::Whole).await?);
            }
            checks = health::checks(books, &health::backlog(conn).await?, now);
        }
        let dashboard = match caller.tenant {
            Tenant::Affiliate(affiliate_id) => {
                let (account_id, _) = own_account(caller)?;
                let read = news::read_until(&app.accounts, account_id).await?;
                Some(dashboard::of(conn, affiliate_id, read, now).await?)
            }
            Tenant::Programme | Tenant::Vendor(_) => None,
        };
        Ok(Self { clicks, earlier, before, books, counts, checks, dashboard })
    }
}

/// The currency that money is drawn and compared in: the one asked for, or the one of most orders.
pub(super) fn currency(view: &View, earnings: Option<&Earnings>) -> String {
    let money = earnings.map(|earnings| earnings.money.as_slice()).unwrap_or_default();
    let asked =
        money.iter().map(|money| money.currency.as_str()).find(|code| *code == view.choice("currency"));
    asked.or_else(|| earnings?.usual_currency()).unwrap_or_default().to_owned()
}

/// The currencies to choose from: the address, the code, and whether it is the one. None where there is no choice.
fn currencies(view: &View, earnings: Option<&Earnings>, current: &str) -> Vec<(String, String, bool)> {
    let is_money = matches!(Shown::named(view.choice("show")), Shown::Revenue | Shown::Commission);
    let money = earnings.map(|earnings| earnings.money.as_slice()).unwrap_or_default();
    if money.len() < 2 || !is_money {
        return Vec::new();
    }
    let choice = |code: &str| (view.with("currency", code).address(PATH), code.to_owned(), code == current);
    money.iter().map(|money| choice(&money.currency)).collect()
}

/// What the chart can show: orders are counted by the day, so by the hour there are clicks alone.
fn shows(view: &View, range: &Range) -> Vec<Choice> {
    if range.granularity == Granularity::Hour {
        return Vec::new();
    }
    let current = Shown::named(view.choice("show"));
    let choice = |(shown, name, label): (Shown, &'static str, &'static str)| Choice {
        label,
        address: view.with("show", name).address(PATH),
        is_current: shown == current,
    };
    Shown::ALL.into_iter().map(choice).collect()
}

async fn plot(
    conn: &mut PgConnection,
    view: &View,
    (span, now): (&Span, &Summary),
    (earlier, before): (&Span, &Summary),
    currency: &str,
) -> sqlx::Result<Plot> {
    let shown = Shown::named(view.choice("show"));
    if shown == Shown::Clicks || span.granularity == Granularity::Hour {
        return Ok(Plot::of_clicks(span, &now.buckets, &before.buckets));
    }
    let earned = earnings::series(&mut *conn, span).await?;
    let earned_before = earnings::series(conn, earlier).await?;
    Ok(Plot::of_earnings(shown, currency, (span, &earned), (earlier, &earned_before)))
}

async fn rankings(
    conn: &mut PgConnection,
    tenant: Tenant,
    view: &View,
    span: &Span,
    currency: &str,
) -> sqlx::Result<Vec<Split>> {
    let wanted: &[(&'static str, By, &'static str)] = match tenant {
        Tenant::Programme => &[
            ("Links", By::Link, "link"),
            ("Affiliates", By::Affiliate, "affiliate"),
            ("Vendors", By::Vendor, "vendor"),
        ],
        Tenant::Vendor(_) => &[
            ("Links", By::Link, "link"),
            ("Affiliates", By::Affiliate, "affiliate"),
            ("Products", By::Product, "product"),
        ],
        Tenant::Affiliate(_) => &[("Best links", By::Link, "link"), ("Vendors", By::Vendor, "vendor")],
    };
    let each: Vec<By> = wanted.iter().map(|(_, by, _)| *by).collect();
    let found = groups::of_each(conn, span, &each, currency, ranking::SHOWN).await?;
    let rankings = wanted.iter().zip(&found).filter_map(|((title, by, name), groups)| {
        let more = view.plain().with("by_what", name).address("/reports");
        ranking(title, *by, groups, more)
    });
    Ok(rankings.collect())
}
