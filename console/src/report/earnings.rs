//! What clicks brought: credited orders, what they were worth, and the commission on them.
//!
//! Orders are counted by the day they were placed, so a span that cuts a day in two has no earnings (`None`), just as
//! it has no unique visits. Amounts of different currencies are never added up.

use std::collections::{BTreeMap, HashMap};

use chrono::{DateTime, Utc};
use sqlx::PgConnection;

use super::{Granularity, Range, Span, count};

/// Millionths: what rates and conversions are told in.
const PPM: u128 = 1_000_000;

/// What a link or the programme earned over a span.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Earnings {
    /// One row for each currency, by its code.
    pub money: Vec<Money>,
}

/// What was earned in one currency.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Money {
    /// Three capitals.
    pub currency: String,
    /// Credited orders, cancelled ones left out.
    pub orders: u64,
    /// What remains of their net amounts after refunds.
    pub revenue_minor: i64,
    /// Commission on it.
    pub commission_minor: i64,
}

impl Money {
    fn add(&mut self, other: &Self) {
        self.orders += other.orders;
        self.revenue_minor += other.revenue_minor;
        self.commission_minor += other.commission_minor;
    }

    fn is_nothing(&self) -> bool {
        (self.orders, self.revenue_minor, self.commission_minor) == (0, 0, 0)
    }
}

impl Earnings {
    /// Credited orders in all currencies.
    pub fn orders(&self) -> u64 {
        self.money.iter().map(|money| money.orders).sum()
    }

    /// The currency of most orders, in which amounts are compared unless another is asked for.
    pub fn usual_currency(&self) -> Option<&str> {
        let usual =
            self.money.iter().max_by_key(|money| (money.orders, std::cmp::Reverse(&money.currency)))?;
        Some(&usual.currency)
    }

    /// Orders for each human click in millionths, rounded half up. `None` without clicks: there is nothing to divide by.
    pub fn conversion_ppm(&self, human: u64) -> Option<u64> {
        let (orders, clicks) = (u128::from(self.orders()), u128::from(human));
        let ppm = (orders * PPM * 2 + clicks).checked_div(clicks * 2)?;
        Some(u64::try_from(ppm).unwrap_or(u64::MAX))
    }
}

/// The earnings of each of these links over `range`. A link without any is left out; `None` when the span cuts a day.
pub async fn of_links(
    conn: &mut PgConnection,
    ids: &[i64],
    range: &Range,
    now: DateTime<Utc>,
) -> sqlx::Result<Option<HashMap<i64, Earnings>>> {
    if !range.is_whole_days(now) {
        return Ok(None);
    }
    let (from, to) = range.days();
    let rows = sqlx::query_file!("src/report/link_earnings.sql", ids, from, to).fetch_all(conn).await?;
    let mut earnings = HashMap::<i64, Earnings>::new();
    for row in rows {
        earnings.entry(row.link_id).or_default().money.push(Money {
            currency: row.currency,
            orders: count(row.orders),
            revenue_minor: row.revenue_minor,
            commission_minor: row.commission_minor,
        });
    }
    Ok(Some(earnings))
}

/// The earnings of the whole programme over `span`. `None` when the span cuts a day.
pub async fn of_programme(
    conn: &mut PgConnection,
    span: &Span,
    now: DateTime<Utc>,
) -> sqlx::Result<Option<Earnings>> {
    if !span.is_whole_days(now) {
        return Ok(None);
    }
    // Any bucket does for a sum; months are fewest.
    let mut money = BTreeMap::<String, Money>::new();
    for EarnedIn { money: part, .. } in earned(conn, span, Granularity::Month).await? {
        match money.get_mut(&part.currency) {
            Some(sum) => sum.add(&part),
            None => drop(money.insert(part.currency.clone(), part)),
        }
    }
    Ok(Some(Earnings { money: money.into_values().filter(|money| !money.is_nothing()).collect() }))
}

/// What one bucket of a span brought in one currency.
#[derive(Debug, Clone)]
pub struct EarnedIn {
    /// The first instant of the bucket.
    pub start: DateTime<Utc>,
    /// What it brought.
    pub money: Money,
}

/// The earnings of the whole programme over `span`, bucket by bucket; those without any are left out. Buckets of hours
/// have none: orders are counted by the day.
pub async fn series(conn: &mut PgConnection, span: &Span) -> sqlx::Result<Vec<EarnedIn>> {
    if span.granularity == Granularity::Hour {
        return Ok(Vec::new());
    }
    earned(conn, span, span.granularity).await
}

async fn earned(conn: &mut PgConnection, span: &Span, step: Granularity) -> sqlx::Result<Vec<EarnedIn>> {
    let (from, to) = span.days();
    let open = &span.orders;
    let rows = sqlx::query_file!(
        "src/report/earnings_series.sql",
        from,
        to,
        step.name(),
        span.is_own,
        span.vendor_id,
        &open.days,
        open.begins,
        open.ends,
        open.is_one
    )
    .fetch_all(conn)
    .await?;
    let earned = rows.into_iter().map(|row| EarnedIn {
        start: row.start,
        money: Money {
            currency: row.currency,
            orders: count(row.orders),
            revenue_minor: row.revenue_minor,
            commission_minor: row.commission_minor,
        },
    });
    Ok(earned.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conversion_is_exact_and_unknown_without_clicks() {
        let earned = |orders| Earnings {
            money: vec![Money { currency: "EUR".to_owned(), orders, revenue_minor: 0, commission_minor: 0 }],
        };
        for (orders, human, ppm) in [
            (1, 8, Some(125_000)),
            (1, 3, Some(333_333)),
            (2, 3, Some(666_667)),
            (3, 2, Some(1_500_000)),
            (0, 9, Some(0)),
            (4, 0, None),
            (u64::MAX, 1, Some(u64::MAX)),
        ] {
            assert_eq!(earned(orders).conversion_ppm(human), ppm, "{orders} of {human}");
        }
    }
}
