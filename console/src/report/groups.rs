//! Clicks, orders and money by affiliate, vendor, product or link, those with the most first.
//!
//! Over the usual spans the aggregator has added up what is past, so this costs the rows of today and those of the answer;
//! over others, one pass over their hours. The parts add up to the summary of the same span, as far as links still exist.

use std::collections::{HashMap, HashSet};

use sqlx::PgConnection;

use super::earnings::{Earnings, Money};
use super::{Span, count};
use crate::db;

/// Rows at most, for a file with everything: a spreadsheet takes a million.
pub const MAX_ROWS: i64 = 200_000;

/// As many are looked up one by one; of more everything is added up.
const FEW: i64 = 1_000;

/// By what.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
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
    /// Each of them.
    pub const ALL: [Self; 4] = [Self::Affiliate, Self::Vendor, Self::Product, Self::Link];

    /// Its name in addresses and statements.
    pub fn name(self) -> &'static str {
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

    /// Whether amounts of one currency are compared.
    pub fn is_money(self) -> bool {
        matches!(self, Self::Revenue | Self::Commission)
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

/// The first `limit` of them over `span`, which is made of whole days; newest first among equals. Amounts are compared in
/// `currency`. Those with orders and without clicks come after all that were clicked, and the other way round.
pub async fn of(
    conn: &mut PgConnection,
    span: &Span,
    by: By,
    order: Order,
    currency: &str,
    limit: i64,
) -> sqlx::Result<Vec<Group>> {
    let mut asked = Asked { conn, span, order, currency, limit };
    if order.is_clicks() {
        let clicked = asked.first_clicked(by).await?;
        asked.by_clicks(by, clicked).await
    } else {
        asked.by_earnings(by).await
    }
}

/// The same, most human clicks first, by each of several at once: what was clicked today is read once.
pub async fn of_each(
    conn: &mut PgConnection,
    span: &Span,
    each: &[By],
    currency: &str,
    limit: i64,
) -> sqlx::Result<Vec<Vec<Group>>> {
    let mut asked = Asked { conn, span, order: Order::Human, currency, limit };
    let mut clicked = asked.clicks(each, None).await?;
    let mut groups = Vec::new();
    for by in each {
        groups.push(asked.by_clicks(*by, clicked.remove(by).unwrap_or_default()).await?);
    }
    Ok(groups)
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
    span: &'a Span,
    order: Order,
    currency: &'a str,
    limit: i64,
}

impl Asked<'_> {
    /// Those that were clicked, in their order, then others that earned.
    async fn by_clicks(&mut self, by: By, clicked: Vec<(i64, Clicks)>) -> sqlx::Result<Vec<Group>> {
        let mut ids: Vec<i64> = clicked.iter().map(|(id, _)| *id).collect();
        if ids.len() < self.wanted() {
            let paid = self.earners(by).await?;
            add_missing(&mut ids, paid.into_iter(), self.wanted());
        }
        self.groups(by, ids, HashMap::from_iter(clicked)).await
    }

    /// Those that earned, in their order, then others that were clicked.
    async fn by_earnings(&mut self, by: By) -> sqlx::Result<Vec<Group>> {
        let mut ids = self.earners(by).await?;
        let named = self.clicks(&[by], Some(&ids)).await?.remove(&by).unwrap_or_default();
        let mut clicks = HashMap::<i64, Clicks>::from_iter(named);
        if ids.len() < self.wanted() {
            let clicked = self.first_clicked(by).await?;
            add_missing(&mut ids, clicked.iter().map(|(id, _)| *id), self.wanted());
            clicks.extend(clicked);
        }
        self.groups(by, ids, clicks).await
    }

    fn wanted(&self) -> usize {
        usize::try_from(self.limit).unwrap_or_default()
    }

    async fn groups(
        &mut self,
        by: By,
        ids: Vec<i64>,
        clicks: HashMap<i64, Clicks>,
    ) -> sqlx::Result<Vec<Group>> {
        let span = self.span;
        let known = async |conn: &mut PgConnection| {
            Ok::<_, sqlx::Error>((earnings(conn, span, by, &ids).await?, names(conn, by, &ids).await?))
        };
        let (mut earned, mut names) = db::planned_once(&mut *self.conn, known).await?;
        let groups = ids.into_iter().map(|id| {
            let Clicks { human, filtered } = clicks.get(&id).copied().unwrap_or_default();
            Group {
                name: names.remove(&id),
                human,
                filtered,
                earnings: earned.remove(&id).unwrap_or_default(),
            }
        });
        Ok(groups.collect())
    }

    /// The first by clicks, in their order.
    async fn first_clicked(&mut self, by: By) -> sqlx::Result<Vec<(i64, Clicks)>> {
        if self.limit <= FEW {
            return Ok(self.clicks(&[by], None).await?.remove(&by).unwrap_or_default());
        }
        let rows = sqlx::query_file!(
            "src/report/group_clicks_all.sql",
            self.span.from,
            self.span.to,
            self.span.kept_until,
            by.name(),
            self.order != Order::Filtered,
            self.limit,
            self.span.kept,
            self.span.vendor_id,
            self.span.is_own,
            self.span.now
        )
        .fetch_all(&mut *self.conn)
        .await?;
        let clicked = |human, filtered| Clicks { human: count(human), filtered: count(filtered) };
        Ok(rows.into_iter().map(|row| (row.id, clicked(row.human, row.filtered))).collect())
    }

    /// By each: the first by clicks in their order, or the clicks of those named.
    async fn clicks(
        &mut self,
        each: &[By],
        of: Option<&[i64]>,
    ) -> sqlx::Result<HashMap<By, Vec<(i64, Clicks)>>> {
        let names: Vec<String> = each.iter().map(|by| by.name().to_owned()).collect();
        let rows = sqlx::query_file!(
            "src/report/group_clicks.sql",
            self.span.from,
            self.span.to,
            self.span.kept_until,
            &names,
            self.order != Order::Filtered,
            self.limit,
            self.span.kept,
            of,
            self.span.vendor_id,
            self.span.is_own,
            self.span.now
        )
        .fetch_all(&mut *self.conn)
        .await?;
        let mut clicked = HashMap::<By, Vec<(i64, Clicks)>>::new();
        for row in rows {
            let clicks = Clicks { human: count(row.human), filtered: count(row.filtered) };
            if let Some(by) = each.iter().find(|by| by.name() == row.by) {
                clicked.entry(*by).or_default().push((row.id, clicks));
            }
        }
        Ok(clicked)
    }

    /// The same from what is kept. `None`: nothing is kept, or too little: who earned nothing, or in another currency, is not in it.
    async fn kept_earners(&mut self, by: By) -> sqlx::Result<Option<Vec<i64>>> {
        let Some(kept) = self.span.earned.as_ref().filter(|_| by != By::Vendor && self.limit <= FEW) else {
            return Ok(None);
        };
        let rows = sqlx::query_file!(
            "src/report/earners_kept.sql",
            &kept.open,
            &kept.changed,
            by.name(),
            self.order.name(),
            self.currency,
            self.limit,
            kept.span_id,
            self.span.vendor_id
        )
        .fetch_all(&mut *self.conn)
        .await?;
        let is_full = rows.len() == self.wanted() && rows.last().is_some_and(|last| last.worth > 0);
        Ok(is_full.then(|| rows.into_iter().map(|row| row.id).collect()))
    }

    /// The first by orders or money, in their order.
    async fn earners(&mut self, by: By) -> sqlx::Result<Vec<i64>> {
        if let Some(first) = self.kept_earners(by).await? {
            return Ok(first);
        }
        let (from, to) = self.span.days();
        let open = &self.span.orders;
        sqlx::query_file_scalar!(
            "src/report/earners.sql",
            from,
            to,
            by.name(),
            self.order.name(),
            self.currency,
            self.limit,
            self.span.is_own,
            &open.days,
            open.begins,
            open.ends,
            open.is_one
        )
        .fetch_all(&mut *self.conn)
        .await
    }
}

/// What those named earned.
async fn earnings(
    conn: &mut PgConnection,
    span: &Span,
    by: By,
    of: &[i64],
) -> sqlx::Result<HashMap<i64, Earnings>> {
    let rows = match &span.earned {
        // Links and affiliates have few rows, and vendors are rolled up by the day.
        Some(kept) if by == By::Product => {
            sqlx::query_file_as!(
                Earned,
                "src/report/kept_earnings.sql",
                &kept.open,
                &kept.changed,
                by.name(),
                of,
                kept.span_id,
                span.vendor_id
            )
            .fetch_all(conn)
            .await?
        }
        _ => {
            let ((from, to), open) = (span.days(), &span.orders);
            sqlx::query_file_as!(
                Earned,
                "src/report/group_earnings.sql",
                from,
                to,
                by.name(),
                of,
                span.is_own,
                &open.days,
                open.begins,
                open.ends,
                open.is_one
            )
            .fetch_all(conn)
            .await?
        }
    };
    let mut earned = HashMap::<i64, Earnings>::new();
    for row in rows {
        earned.entry(row.id).or_default().money.push(Money {
            currency: row.currency,
            orders: count(row.orders),
            revenue_minor: row.revenue_minor,
            commission_minor: row.commission_minor,
        });
    }
    Ok(earned)
}

/// What one of them earned in one currency.
struct Earned {
    id: i64,
    currency: String,
    orders: i64,
    revenue_minor: i64,
    commission_minor: i64,
}

async fn names(conn: &mut PgConnection, by: By, ids: &[i64]) -> sqlx::Result<HashMap<i64, Name>> {
    let rows = sqlx::query_file!("src/report/group_names.sql", by.name(), ids).fetch_all(conn).await?;
    let name = |name: String, address: String, under: Option<String>| Name { name, address, under };
    Ok(rows.into_iter().map(|row| (row.id, name(row.name, row.address, row.under))).collect())
}
