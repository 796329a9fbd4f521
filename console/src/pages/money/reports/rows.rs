//! The rows of a report, for the page and for the file: both are the same numbers.

use chrono::{DateTime, Utc};
use common::money::{Currency, format_decimal};
use sqlx::PgConnection;

use super::super::ranking::address_of;
use crate::auth::{Caller, Tenant};
use crate::pages::format;
use crate::pages::markup::{Amount, Count};
use crate::problem::Failure;
use crate::report::breakdown::{self, Breakdown, Split};
use crate::report::earnings::{self, EarnedIn, Earnings};
use crate::report::groups::{self, By, Group, Order};
use crate::report::summary::Summary;
use crate::report::{Bucket, Granularity, Range, Span};
use crate::spreadsheet::harmless;

/// By what a report is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dimension {
    /// By day, or whatever the buckets are.
    Time,
    /// By who and what brought it: there may be many, which are ordered by Postgres.
    Group(By),
    /// By where it came from.
    Split(Split),
}

impl Dimension {
    /// Each of them.
    pub(super) fn all() -> impl Iterator<Item = Self> {
        let groups = By::ALL.into_iter().map(Self::Group);
        std::iter::once(Self::Time).chain(groups).chain(Split::ALL.into_iter().map(Self::Split))
    }

    /// Its name in addresses.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Time => "time",
            Self::Group(by) => by.name(),
            Self::Split(by) => by.name(),
        }
    }

    /// As the page calls it.
    pub(super) fn heading(self) -> &'static str {
        match self {
            Self::Time => "Time",
            Self::Group(By::Affiliate) => "Affiliate",
            Self::Group(By::Vendor) => "Vendor",
            Self::Group(By::Product) => "Product",
            Self::Group(By::Link) => "Link",
            Self::Split(Split::Source) => "Traffic source",
            Self::Split(Split::Country) => "Country",
            Self::Split(Split::Device) => "Device",
            Self::Split(Split::Browser) => "Browser",
            Self::Split(Split::System) => "Operating system",
        }
    }

    /// What an address says, as far as it makes sense for whoever asks.
    pub(super) fn named(name: &str, caller: &Caller) -> Result<Self, Failure> {
        if name.is_empty() {
            return Ok(Self::Time);
        }
        let known = Self::all().find(|by| by.name() == name && by.is_for(caller));
        known.ok_or_else(|| crate::pages::period::bad("by_what", "there is no such report"))
    }

    /// An affiliate is one affiliate, a vendor one vendor: that split says nothing to them.
    pub(super) fn is_for(self, caller: &Caller) -> bool {
        match caller.tenant {
            Tenant::Programme => true,
            Tenant::Vendor(_) => self != Self::Group(By::Vendor),
            Tenant::Affiliate(_) => self != Self::Group(By::Affiliate),
        }
    }

    /// Whether there may be many rows.
    pub(super) fn is_grouped(self) -> bool {
        matches!(self, Self::Group(_))
    }

    /// Whether orders are known by it: they are counted by the day and by the link.
    pub(super) fn has_money(self, range: &Range) -> bool {
        match self {
            Self::Time => range.granularity != Granularity::Hour,
            Self::Group(_) => true,
            Self::Split(_) => false,
        }
    }
}

/// One row.
pub(super) struct Row {
    pub(super) name: String,
    pub(super) under: Option<String>,
    pub(super) address: Option<String>,
    pub(super) human: Count,
    pub(super) filtered: Option<Count>,
    pub(super) orders: Option<Count>,
    pub(super) revenue: Vec<Amount>,
    pub(super) commission: Vec<Amount>,
    pub(super) conversion: String,
    /// The length of the bar, percent of the longest.
    pub(super) width: String,
    earnings: Option<Earnings>,
}

/// The first line of the file.
pub(super) const HEADING: [&str; 8] = [
    "name",
    "human_clicks",
    "filtered_clicks",
    "currency",
    "orders",
    "revenue",
    "commission",
    "conversion_percent",
];

impl Row {
    fn new(name: String, human: u64, filtered: Option<u64>, earnings: Option<Earnings>) -> Self {
        let money = earnings.as_ref().map(|earnings| earnings.money.as_slice()).unwrap_or_default();
        Self {
            name,
            under: None,
            address: None,
            human: Count(human),
            filtered: filtered.map(Count),
            orders: earnings.as_ref().map(|earnings| Count(earnings.orders())),
            revenue: Amount::each(money.iter().map(|money| (money.revenue_minor, money.currency.as_str()))),
            commission: Amount::each(
                money.iter().map(|money| (money.commission_minor, money.currency.as_str())),
            ),
            conversion: format::conversion(earnings.as_ref(), human),
            width: String::new(),
            earnings,
        }
    }

    /// The same for the file: a line for each currency, the clicks on the first alone, so that columns can be added up.
    pub(super) fn cells(&self) -> Vec<Vec<String>> {
        let filtered = self.filtered.map(|count| count.0.to_string()).unwrap_or_default();
        let clicks = [harmless(&self.name), self.human.0.to_string(), filtered];
        let money = self.earnings.as_ref().map(|earnings| earnings.money.as_slice()).unwrap_or_default();
        let decimal = |minor: i64, code: &str| {
            code.parse::<Currency>()
                .map_or_else(|_| String::new(), |currency| format_decimal(minor, currency))
        };
        let conversion = self
            .earnings
            .as_ref()
            .and_then(|earnings| earnings.conversion_ppm(self.human.0))
            .map(|ppm| format!("{}.{:04}", ppm / 10_000, ppm % 10_000))
            .unwrap_or_default();
        let of = |clicks: [String; 3], money: [String; 4], conversion: String| -> Vec<String> {
            clicks.into_iter().chain(money).chain([conversion]).collect()
        };
        let mut lines = money.iter().map(|money| {
            let orders = money.orders.to_string();
            let (revenue, commission) = (
                decimal(money.revenue_minor, &money.currency),
                decimal(money.commission_minor, &money.currency),
            );
            [money.currency.clone(), orders, revenue, commission]
        });
        let none = || {
            [
                String::new(),
                self.orders.map(|_| "0".to_owned()).unwrap_or_default(),
                String::new(),
                String::new(),
            ]
        };
        let first = of(clicks, lines.next().unwrap_or_else(none), conversion);
        let rest =
            lines.map(|money| of([harmless(&self.name), String::new(), String::new()], money, String::new()));
        std::iter::once(first).chain(rest).collect()
    }
}

/// What a report is made of, beside the clicks of the span.
pub(super) enum Found {
    /// What each bucket brought.
    Time(Vec<EarnedIn>),
    /// Those with the most.
    Groups(By, Vec<Group>),
    /// Parts of all clicks.
    Split(Split, Breakdown),
}

/// Reads a report over `span`, at most `limit` of those there may be many of.
pub(super) async fn read(
    conn: &mut PgConnection,
    by: Dimension,
    order: Order,
    span: &Span,
    currency: &str,
    limit: i64,
) -> sqlx::Result<Found> {
    Ok(match by {
        Dimension::Time => Found::Time(earnings::series(conn, span).await?),
        Dimension::Group(by) => Found::Groups(by, groups::of(conn, span, by, order, currency, limit).await?),
        Dimension::Split(by) => Found::Split(by, breakdown::of_programme(conn, span).await?),
    })
}

/// Its rows.
pub(super) fn of(found: Found, span: &Span, summary: &Summary) -> Vec<Row> {
    let mut rows: Vec<Row> = match found {
        Found::Time(earned) => {
            summary.buckets.iter().rev().map(|bucket| in_time(bucket, span, &earned)).collect()
        }
        Found::Groups(by, groups) => groups.into_iter().map(|group| grouped(by, group)).collect(),
        Found::Split(by, breakdown) => {
            let shares = breakdown.shares(by).iter();
            shares.map(|share| Row::new(format::word(&share.name), share.human, None, None)).collect()
        }
    };
    let largest = rows.iter().map(|row| row.human.0).max().unwrap_or_default();
    for row in &mut rows {
        row.width = format::width(row.human.0, largest);
    }
    rows
}

fn grouped(by: By, group: Group) -> Row {
    let Group { name, human, filtered, earnings } = group;
    let words =
        name.as_ref().map_or_else(|| "Links to a shop as a whole".to_owned(), |name| name.name.clone());
    Row {
        address: name.as_ref().and_then(|name| address_of(by, &name.address)),
        under: name.and_then(|name| name.under),
        ..Row::new(words, human, Some(filtered), Some(earnings))
    }
}

fn in_time(bucket: &Bucket, range: &Range, earned: &[EarnedIn]) -> Row {
    let starts = |start: DateTime<Utc>| start == bucket.start;
    let earnings = (range.granularity != Granularity::Hour).then(|| Earnings {
        money: earned
            .iter()
            .filter(|earned| starts(earned.start))
            .map(|earned| earned.money.clone())
            .collect(),
    });
    Row::new(format::bucket(bucket.start, range.granularity), bucket.human, Some(bucket.filtered), earnings)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::earnings::Money;

    #[test]
    fn a_row_has_a_line_for_each_currency_and_its_clicks_once() {
        let money = |currency: &str, orders| Money {
            currency: currency.to_owned(),
            orders,
            revenue_minor: 1_250,
            commission_minor: 125,
        };
        let earnings = Earnings { money: vec![money("EUR", 1), money("JPY", 2)] };
        let lines = Row::new("=ada".to_owned(), 8, Some(2), Some(earnings)).cells();
        assert_eq!(lines[0].join(";"), "'=ada;8;2;EUR;1;12.50;1.25;37.5000");
        assert_eq!(lines[1].join(";"), "'=ada;;;JPY;2;1250;125;");
        assert_eq!(Row::new("SE".to_owned(), 8, None, None).cells()[0].join(";"), "SE;8;;;;;;");
    }
}
