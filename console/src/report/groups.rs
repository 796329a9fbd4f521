//! Clicks, orders and money by affiliate, vendor, product or link, those with the most first.
//!
//! Costs one pass over the hours and the days of the span, whatever is asked for, and then as many rows as there are in
//! the answer. The parts add up to the summary of the same span, as far as links still exist.

use std::collections::HashMap;

use sqlx::PgConnection;

use super::earnings::{Earnings, Money};
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

/// The first `limit` of them over `range`, which is made of whole days. Amounts are compared in `currency`.
pub async fn of(
    conn: &mut PgConnection,
    range: &Range,
    by: By,
    order: Order,
    currency: &str,
    limit: i64,
) -> sqlx::Result<Vec<Group>> {
    let (from, to) = range.days();
    let rows = sqlx::query_file!(
        "src/report/groups.sql",
        range.from,
        range.to,
        from,
        to,
        by.name(),
        order.name(),
        currency,
        limit
    )
    .fetch_all(&mut *conn)
    .await?;
    let ids: Vec<i64> = rows.iter().map(|row| row.id).collect();
    let mut names = names(conn, by, &ids).await?;
    let groups = rows.into_iter().map(|row| {
        let each =
            row.currencies.into_iter().zip(row.orders).zip(row.revenues.into_iter().zip(row.commissions));
        let money = each.map(|((currency, orders), (revenue_minor, commission_minor))| Money {
            currency,
            orders: count(orders),
            revenue_minor,
            commission_minor,
        });
        Group {
            name: names.remove(&row.id),
            human: count(row.human),
            filtered: count(row.filtered),
            earnings: Earnings { money: money.collect() },
        }
    });
    Ok(groups.collect())
}

async fn names(conn: &mut PgConnection, by: By, ids: &[i64]) -> sqlx::Result<HashMap<i64, Name>> {
    let rows = sqlx::query_file!("src/report/group_names.sql", by.name(), ids).fetch_all(conn).await?;
    let name = |name: String, address: String, under: Option<String>| Name { name, address, under };
    Ok(rows.into_iter().map(|row| (row.id, name(row.name, row.address, row.under))).collect())
}
