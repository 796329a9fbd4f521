//! Clicks, orders and money by affiliate, vendor, product or link, those with the most first.
//!
//! Over the usual spans the aggregator has added up what is past, so this costs the rows of today and those of the answer;
//! over others, one pass over their hours. The parts add up to the summary of the same span, as far as links still exist.

use std::collections::{HashMap, HashSet};

use sqlx::PgConnection;

use super::earnings::{Earnings, Money};
use super::kept_span::{self, KeptSpan};
use super::{Range, count};

/// Rows at most, for a file with everything: a spreadsheet takes a million.
pub const MAX_ROWS: i64 = 200_000;

/// By what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    /// Who brought it.
    Affiliate,
    /// Whose shop it led to.
    Vendor,
    /// What it led to; links to a shop as a whole are one row.
    Product,
    /// Through which link.
    Link,
}

impl By {
    fn name(self) -> &'static str {
        match self {
            Self::Affiliate => "affiliate",
            Self::Vendor => "vendor",
            Self::Product => "product",
            Self::Link => "link",
        }
    }
}

/// What the rows are ordered by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// Clicks by people.
    Human,
    /// Clicks by programs.
    Filtered,
    /// Credited orders.
    Orders,
    /// What remains of their net amounts, in one currency.
    Revenue,
    /// The commission on it, in one currency.
    Commission,
}

impl Order {
    /// Every order, with its name.
    pub const ALL: [(Self, &'static str); 5] = [
        (Self::Human, "human"),
        (Self::Filtered, "filtered"),
        (Self::Orders, "orders"),
        (Self::Revenue, "revenue"),
        (Self::Commission, "commission"),
    ];

    fn is_clicks(self) -> bool {
        matches!(self, Self::Human | Self::Filtered)
    }

    /// Its name in addresses and statements.
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(order, _)| *order == self).map_or("human", |(_, name)| name)
    }

    /// The order of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, known)| *known == name).map(|(order, _)| *order)
    }
}

/// One affiliate, vendor, product or link with what it brought.
#[derive(Debug, Clone)]
pub struct Group {
    /// What it is called. `None`: links that lead to no product in particular, or what was deleted.
    pub name: Option<Name>,
    /// Clicks by people.
    pub human: u64,
    /// Clicks by programs.
    pub filtered: u64,
    /// What they brought.
    pub earnings: Earnings,
}

/// What something is called.
#[derive(Debug, Clone)]
pub struct Name {
    /// For people.
    pub name: String,
    /// In addresses.
    pub address: String,
    /// More of it: whose product, where a link leads.
    pub under: Option<String>,
}

/// The first `limit` of them over `range`, which is made of whole days; newest first among equals. Amounts are compared in
/// `currency`. Those with orders and without clicks come after all that were clicked, and the other way round.
pub async fn of(
    conn: &mut PgConnection,
    range: &Range,
    by: By,
    order: Order,
    currency: &str,
    limit: i64,
) -> sqlx::Result<Vec<Group>> {
    let mut asked = Asked { kept: kept_span::of(conn, range).await?, conn, range, by, order, currency };
    let wanted = usize::try_from(limit).unwrap_or_default();
    let (ids, clicks, mut earned): (Vec<i64>, HashMap<i64, Clicks>, HashMap<i64, Earnings>) =
        if order.is_clicks() {
            let clicked = asked.clicks(None, limit).await?;
            let mut ids: Vec<i64> = clicked.iter().map(|(id, _)| *id).collect();
            if ids.len() < wanted {
                let paid = asked.earnings(None, limit).await?;
                add_missing(&mut ids, paid.into_iter().map(|(id, _)| id), wanted);
            }
            let earned = asked.earnings(Some(&ids), limit).await?;
            (ids, HashMap::from_iter(clicked), HashMap::from_iter(earned))
        } else {
            let earned = asked.earnings(None, limit).await?;
            let mut ids: Vec<i64> = earned.iter().map(|(id, _)| *id).collect();
            let mut clicks = HashMap::<i64, Clicks>::from_iter(asked.clicks(Some(&ids), limit).await?);
            if ids.len() < wanted {
                let clicked = asked.clicks(None, limit).await?;
                add_missing(&mut ids, clicked.iter().map(|(id, _)| *id), wanted);
                clicks.extend(clicked);
            }
            (ids, clicks, HashMap::from_iter(earned))
        };
    let mut names = names(asked.conn, by, &ids).await?;
    let groups = ids.into_iter().map(|id| {
        let Clicks { human, filtered } = clicks.get(&id).copied().unwrap_or_default();
        Group { name: names.remove(&id), human, filtered, earnings: earned.remove(&id).unwrap_or_default() }
    });
    Ok(groups.collect())
}

/// What was clicked of one of them.
#[derive(Debug, Clone, Copy, Default)]
struct Clicks {
    human: u64,
    filtered: u64,
}

/// Adds those that are not among them yet, up to `wanted` in all.
fn add_missing(ids: &mut Vec<i64>, others: impl Iterator<Item = i64>, wanted: usize) {
    let known: HashSet<i64> = ids.iter().copied().collect();
    let room = wanted.saturating_sub(ids.len());
    ids.extend(others.filter(|id| !known.contains(id)).take(room));
}

/// What is asked for, and where.
struct Asked<'a> {
    conn: &'a mut PgConnection,
    kept: KeptSpan,
    range: &'a Range,
    by: By,
    order: Order,
    currency: &'a str,
}

impl Asked<'_> {
    /// The first by clicks in their order, or the clicks of those named.
    async fn clicks(&mut self, of: Option<&[i64]>, limit: i64) -> sqlx::Result<Vec<(i64, Clicks)>> {
        let rows = sqlx::query_file!(
            "src/report/group_clicks.sql",
            self.range.from,
            self.range.to,
            self.kept.until,
            self.by.name(),
            self.order != Order::Filtered,
            limit,
            self.kept.id,
            of,
            self.kept.vendor_id
        )
        .fetch_all(&mut *self.conn)
        .await?;
        let clicks = rows
            .into_iter()
            .map(|row| (row.id, Clicks { human: count(row.human), filtered: count(row.filtered) }));
        Ok(clicks.collect())
    }

    /// The first by orders or money in their order, or what those named earned.
    async fn earnings(&mut self, of: Option<&[i64]>, limit: i64) -> sqlx::Result<Vec<(i64, Earnings)>> {
        let (from, to) = self.range.days();
        let rows = sqlx::query_file!(
            "src/report/group_earnings.sql",
            from,
            to,
            self.by.name(),
            self.order.name(),
            self.currency,
            limit,
            of
        )
        .fetch_all(&mut *self.conn)
        .await?;
        let earned = rows.into_iter().map(|row| {
            let sums = row.revenues.into_iter().zip(row.commissions);
            let each = row.currencies.into_iter().zip(row.orders).zip(sums);
            let money = each.map(|((currency, orders), (revenue_minor, commission_minor))| Money {
                currency,
                orders: count(orders),
                revenue_minor,
                commission_minor,
            });
            (row.id, Earnings { money: money.collect() })
        });
        Ok(earned.collect())
    }
}

async fn names(conn: &mut PgConnection, by: By, ids: &[i64]) -> sqlx::Result<HashMap<i64, Name>> {
    let rows = sqlx::query_file!("src/report/group_names.sql", by.name(), ids).fetch_all(conn).await?;
    let name = |name: String, address: String, under: Option<String>| Name { name, address, under };
    Ok(rows.into_iter().map(|row| (row.id, name(row.name, row.address, row.under))).collect())
}
