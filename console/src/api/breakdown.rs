//! `GET /v1/reports/breakdown`: whole days by who and what brought the clicks, or by where they came from.

use axum::extract::State;
use axum::response::Response;
use chrono::{DateTime, Utc};
use common::money::Currency;
use serde::Serialize;
use sqlx::PgConnection;
use utoipa::ToSchema;

use super::answer::{EarningsAnswer, Span as SpanAnswer};
use super::given::Given;
use crate::auth::{Caller, Reader, Scope};
use crate::conventions::described::words;
use crate::conventions::{Asked, Asking, CurrencyCode, Moment, json, now};
use crate::db;
use crate::problem::{BadParameter, Failure, Problem};
use crate::report::breakdown::{self, Split};
use crate::report::earnings::{self, Earnings};
use crate::report::groups::{self, By, Group, Order};
use crate::report::{Range, Span};
use crate::server::App;

words! {
    /// By what.
    ReportDimension: names()
}

words! {
    /// Which come first.
    ReportOrder: Order::ALL.map(|(_, name)| name)
}

/// By who and what brought it, or by where it came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Dimension {
    Group(By),
    Split(Split),
}

impl Dimension {
    fn all() -> impl Iterator<Item = Self> {
        By::ALL.into_iter().map(Self::Group).chain(Split::ALL.into_iter().map(Self::Split))
    }

    fn name(self) -> &'static str {
        match self {
            Self::Group(by) => by.name(),
            Self::Split(by) => by.name(),
        }
    }
}

fn names() -> Vec<&'static str> {
    Dimension::all().map(Dimension::name).collect()
}

/// What was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Params {
    range: Range,
    by: Dimension,
    order: Order,
    currency: Option<Currency>,
    limit: i64,
}

impl Asked for Params {
    fn read(query: &str) -> Result<Self, Failure> {
        Self::parse(query, now()).map_err(Failure::Parameters)
    }
}

impl Params {
    /// Reads the part of an address after `?`.
    fn parse(query: &str, now: DateTime<Utc>) -> Result<Self, Vec<BadParameter>> {
        let mut given = Given::read(query);
        let by = given.word("by", &names());
        let by = by.and_then(|by| Dimension::all().find(|known| known.name() == by));
        let by = by.unwrap_or(Dimension::Group(By::Link));
        let order = given.word("sort", &Order::ALL.map(|(_, name)| name));
        let order = order.and_then(|name| Order::from_name(&name)).unwrap_or(Order::Human);
        if order != Order::Human && matches!(by, Dimension::Split(_)) {
            given.refuse("sort", "unexpected", "only human clicks are known by where they came from");
        }
        let currency = given.currency();
        let limit = given.limit();
        let range = given.days(now);
        given.finish("by, sort, currency, from, to, limit")?;
        range.map(|range| Self { range, by, order, currency, limit }).ok_or_else(Vec::new)
    }
}

/// Days by who and what brought their clicks, or by where they came from.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = BreakdownReport)]
pub(crate) struct BreakdownAnswer {
    object: &'static str,
    #[serde(flatten)]
    span: SpanAnswer,
    /// By what.
    #[schema(value_type = ReportDimension)]
    by: &'static str,
    /// There are more than `limit`.
    has_more: bool,
    /// Those with the most first.
    data: Vec<RowAnswer>,
}

/// One affiliate, vendor, product, link, source, country, device, browser or system.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = BreakdownRow)]
struct RowAnswer {
    /// As other routes know it: the code of a link, the identifier of all others. Null where clicks came from, for links to a
    /// shop as a whole, and for what was deleted.
    id: Option<String>,
    /// What it is called. Null for links to a shop as a whole, and for what was deleted.
    name: Option<String>,
    human_clicks: u64,
    /// Null where clicks came from: programs are not asked.
    filtered_clicks: Option<u64>,
    #[serde(flatten)]
    earnings: EarningsAnswer,
}

impl From<Group> for RowAnswer {
    fn from(group: Group) -> Self {
        let (name, id) = group.name.map(|name| (name.name, name.address)).unzip();
        Self {
            id,
            name,
            human_clicks: group.human,
            filtered_clicks: Some(group.filtered),
            earnings: EarningsAnswer::new(Some(&group.earnings), group.human),
        }
    }
}

impl From<&breakdown::Share> for RowAnswer {
    fn from(share: &breakdown::Share) -> Self {
        Self {
            id: None,
            name: Some(share.name.clone()),
            human_clicks: share.human,
            filtered_clicks: None,
            earnings: EarningsAnswer::new(None, share.human),
        }
    }
}

/// Days by who and what brought their clicks, or by where they came from.
#[utoipa::path(get, path = "/v1/reports/breakdown", tag = "reports", params(
    ("by" = inline(Option<ReportDimension>), Query, description = "By what: `link` unless asked otherwise"),
    ("sort" = inline(Option<ReportOrder>), Query, description = "Which come first: `human` clicks unless asked otherwise"),
    ("currency" = inline(Option<CurrencyCode>), Query, description = "Whose amounts are compared, for `revenue` and `commission`: the one of most orders unless asked otherwise"),
    ("from" = inline(Option<Moment>), Query, description = "The first day; a week before `to` unless asked otherwise"),
    ("to" = inline(Option<Moment>), Query, description = "The day after the last"),
    ("limit" = Option<i64>, Query, minimum = 1, maximum = 100, description = "1 to 100; 25 unless asked otherwise"),
), responses(
    (status = 200, description = "Those with the most", body = BreakdownAnswer),
    (status = "4XX", description = "Refused", body = Problem, content_type = "application/problem+json"),
), security(("key" = []), ("session" = [])))]
pub(crate) async fn show(
    State(app): State<App>,
    Reader(caller): Reader,
    Asking(params): Asking<Params>,
) -> Response {
    json(report(&app, &caller, &params)).await
}

async fn report(app: &App, caller: &Caller, params: &Params) -> Result<BreakdownAnswer, Failure> {
    caller.require(Scope::ReportsRead)?;
    let mut snapshot = db::tenant_snapshot(app, caller).await?;
    let span = Span::survey(&mut snapshot, &params.range).await?;
    // One more than is shown tells whether there are more.
    let limit = params.limit + 1;
    let mut data: Vec<RowAnswer> = match params.by {
        Dimension::Group(by) => {
            let currency = match params.currency {
                Some(currency) => currency.to_string(),
                None if params.order.is_money() => usual_currency(&mut snapshot, &span).await?,
                None => String::new(),
            };
            let groups = groups::of(&mut snapshot, &span, by, params.order, &currency, limit).await?;
            groups.into_iter().map(RowAnswer::from).collect()
        }
        Dimension::Split(by) => {
            let breakdown = breakdown::of_programme(&mut snapshot, &span).await?;
            breakdown.shares(by).iter().map(RowAnswer::from).collect()
        }
    };
    snapshot.commit().await?;
    let has_more = data.len() as i64 > params.limit;
    data.truncate(params.limit as usize);
    Ok(BreakdownAnswer {
        object: "breakdown_report",
        span: SpanAnswer::of(&params.range),
        by: params.by.name(),
        has_more,
        data,
    })
}

/// The currency of most orders; none at all without an order.
async fn usual_currency(conn: &mut PgConnection, span: &Span) -> sqlx::Result<String> {
    let earnings = earnings::of_programme(conn, span, now()).await?;
    Ok(earnings.as_ref().and_then(Earnings::usual_currency).unwrap_or_default().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(query: &str) -> Result<Params, Vec<BadParameter>> {
        Params::parse(query, "2026-11-20T14:10:00Z".parse().expect("a timestamp"))
    }

    #[test]
    fn what_is_asked_is_read() {
        let params = parse("by=affiliate&sort=revenue&currency=EUR&from=2026-11-01&to=2026-11-15&limit=5")
            .expect("good");
        assert_eq!(
            (params.by, params.order, params.limit),
            (Dimension::Group(By::Affiliate), Order::Revenue, 5)
        );
        assert_eq!(params.currency.map(|currency| currency.to_string()).as_deref(), Some("EUR"));
        assert_eq!(parse("by=country").expect("good").by, Dimension::Split(Split::Country));
        let usual = parse("").expect("good");
        assert_eq!((usual.by, usual.order), (Dimension::Group(By::Link), Order::Human));
        assert_eq!(usual.range.to - usual.range.from, chrono::TimeDelta::days(7));
    }

    #[test]
    fn everything_wrong_is_named() {
        for (query, field, code) in [
            ("by=colour", "by", "unknown_value"),
            ("by=link&sort=name", "sort", "unknown_value"),
            ("by=device&sort=orders", "sort", "unexpected"),
            ("by=link&currency=eur", "currency", "invalid_currency"),
            ("by=link&granularity=hour", "granularity", "unknown_parameter"),
            ("by=link&limit=101", "limit", "invalid_limit"),
        ] {
            let bad = parse(query).expect_err(query);
            let seen: Vec<(&str, &str)> = bad.iter().map(|bad| (bad.field.as_str(), bad.code)).collect();
            assert_eq!(seen, [(field, code)], "{query}");
        }
    }
}
