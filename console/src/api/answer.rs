//! The shapes of answers. Fields are added, never renamed or removed.

use chrono::{DateTime, SecondsFormat, Utc};
use common::link::Standing;
use serde::Serialize;
use utoipa::ToSchema;

use crate::report::earnings::{Earnings, Money};
use crate::report::links::LinkReport;
use crate::report::summary::Summary;
use crate::report::visits::Union;
use crate::report::{Bucket, Granularity, Range};

/// A page of links.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = LinkReports)]
pub(crate) struct LinkList {
    pub(crate) object: &'static str,
    pub(crate) url: &'static str,
    pub(crate) has_more: bool,
    #[serde(flatten)]
    pub(crate) span: Span,
    pub(crate) data: Vec<LinkAnswer>,
}

/// The span that was used: the one asked for, widened to whole buckets.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ReportSpan)]
pub(crate) struct Span {
    pub(crate) from: String,
    pub(crate) to: String,
    pub(crate) granularity: Granularity,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = LinkReport)]
pub(crate) struct LinkAnswer {
    pub(crate) object: &'static str,
    pub(crate) link_id: i64,
    pub(crate) code: String,
    pub(crate) vendor_id: i64,
    pub(crate) vendor: String,
    pub(crate) affiliate: String,
    pub(crate) destination: String,
    pub(crate) is_active: bool,
    /// `active`, `paused` or `expired`.
    pub(crate) standing: &'static str,
    pub(crate) expiry_date: Option<String>,
    pub(crate) human_clicks: u64,
    /// Null when the span cuts a day in two, or a stored sketch is damaged.
    pub(crate) unique_visits: Option<u64>,
    pub(crate) filtered_clicks: u64,
    #[serde(flatten)]
    pub(crate) earnings: EarningsAnswer,
    /// Only buckets with a click.
    pub(crate) buckets: Vec<BucketAnswer>,
}

/// What the clicks brought. All null when the span cuts a day in two.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ReportEarnings)]
pub(crate) struct EarningsAnswer {
    /// Credited orders, cancelled ones left out.
    pub(crate) orders: Option<u64>,
    /// Orders for each human click, in percent to four places; null without clicks.
    pub(crate) conversion_rate: Option<f64>,
    /// By currency: amounts of two currencies are never added up.
    pub(crate) earnings: Option<Vec<MoneyAnswer>>,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ReportMoney)]
pub(crate) struct MoneyAnswer {
    pub(crate) currency: String,
    pub(crate) orders: u64,
    /// What remains after refunds.
    pub(crate) revenue_minor: i64,
    pub(crate) commission_minor: i64,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ReportBucket)]
pub(crate) struct BucketAnswer {
    pub(crate) start: String,
    pub(crate) human_clicks: u64,
    /// Absent by hour.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) unique_visits: Option<u64>,
    pub(crate) filtered_clicks: u64,
}

/// The whole programme.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ProgrammeReport)]
pub(crate) struct SummaryAnswer {
    pub(crate) object: &'static str,
    #[serde(flatten)]
    pub(crate) span: Span,
    pub(crate) human_clicks: u64,
    pub(crate) unique_visits: Option<u64>,
    /// Why `unique_visits` is null, if it is: `cuts_a_day`, `too_many_sketches` or
    /// `unreadable_sketch`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) unique_visits_unknown: Option<&'static str>,
    pub(crate) filtered_clicks: u64,
    #[serde(flatten)]
    pub(crate) earnings: EarningsAnswer,
    /// Every bucket of the span.
    pub(crate) buckets: Vec<BucketAnswer>,
}

impl LinkList {
    /// `url` is the list's own path.
    pub(crate) fn new(url: &'static str, range: &Range, reports: Vec<LinkReport>, has_more: bool) -> Self {
        let data = reports.into_iter().map(LinkAnswer::from).collect();
        Self { object: "list", url, has_more, span: Span::of(range), data }
    }
}

impl SummaryAnswer {
    /// The programme over `range`.
    pub(crate) fn new(range: &Range, summary: &Summary) -> Self {
        Self {
            object: "programme_report",
            span: Span::of(range),
            human_clicks: summary.human,
            unique_visits: summary.unique.people(),
            unique_visits_unknown: match summary.unique {
                Union::People(_) => None,
                Union::CutsADay => Some("cuts_a_day"),
                Union::TooMany => Some("too_many_sketches"),
                Union::Unreadable => Some("unreadable_sketch"),
            },
            filtered_clicks: summary.filtered,
            earnings: EarningsAnswer::new(summary.earnings.as_ref(), summary.human),
            buckets: summary.buckets.iter().map(BucketAnswer::from).collect(),
        }
    }
}

impl Span {
    /// What was asked for, as it was read.
    pub(crate) fn of(range: &Range) -> Self {
        Self { from: rfc3339(range.from), to: rfc3339(range.to), granularity: range.granularity }
    }
}

impl From<LinkReport> for LinkAnswer {
    fn from(report: LinkReport) -> Self {
        let link = report.link;
        Self {
            object: "link_report",
            link_id: link.link_id,
            code: link.code,
            vendor_id: link.vendor_id,
            vendor: link.vendor,
            affiliate: link.affiliate,
            destination: link.destination,
            is_active: link.is_active,
            standing: standing_name(report.standing),
            expiry_date: link.expiry_date.map(rfc3339),
            human_clicks: report.human,
            unique_visits: report.unique.people(),
            filtered_clicks: report.filtered,
            earnings: EarningsAnswer::new(report.earnings.as_ref(), report.human),
            buckets: report.buckets.iter().map(BucketAnswer::from).collect(),
        }
    }
}

impl EarningsAnswer {
    /// What `human` clicks brought; `None` where that is not known.
    pub(crate) fn new(earnings: Option<&Earnings>, human: u64) -> Self {
        /// Millionths in a percent.
        const PPM_PERCENT: f64 = 10_000.0;
        Self {
            orders: earnings.map(Earnings::orders),
            conversion_rate: earnings
                .and_then(|earnings| earnings.conversion_ppm(human))
                .map(|ppm| ppm as f64 / PPM_PERCENT),
            earnings: earnings.map(|earnings| earnings.money.iter().map(MoneyAnswer::from).collect()),
        }
    }
}

impl From<&Money> for MoneyAnswer {
    fn from(money: &Money) -> Self {
        Self {
            currency: money.currency.clone(),
            orders: money.orders,
            revenue_minor: money.revenue_minor,
            commission_minor: money.commission_minor,
        }
    }
}

impl From<&Bucket> for BucketAnswer {
    fn from(bucket: &Bucket) -> Self {
        Self {
            start: rfc3339(bucket.start),
            human_clicks: bucket.human,
            unique_visits: bucket.unique,
            filtered_clicks: bucket.filtered,
        }
    }
}

fn standing_name(standing: Standing) -> &'static str {
    match standing {
        Standing::Active => "active",
        Standing::Paused => "paused",
        Standing::Expired => "expired",
    }
}

/// A time as programs read it.
pub(crate) fn rfc3339(instant: DateTime<Utc>) -> String {
    instant.to_rfc3339_opts(SecondsFormat::AutoSi, true)
}
