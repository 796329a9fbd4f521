//! Links' days: the sums that reports read, moved by what changed, never worked out anew.

use std::collections::BTreeMap;

use anyhow::Context as _;
use chrono::{DateTime, NaiveDate, Utc};
use common::order::{Folded, Status};
use sqlx::PgConnection;

use super::books::Outcome;
use super::order::Before;
use crate::jobs::attribute::Credit;
use crate::jobs::rollup::touch_orders;
use crate::moment::moment;

/// What a credited order adds to a day of its link. Cancelled ones add nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Contribution {
    place: Place,
    amounts: Amounts,
}

/// A row of `order_daily`: link, day (UTC) of the order, currency.
type Place = (i64, NaiveDate, String);

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Amounts {
    orders: i64,
    revenue_minor: i64,
    commission_minor: i64,
}

impl Amounts {
    fn plus(self, other: Self) -> Self {
        Self {
            orders: self.orders + other.orders,
            revenue_minor: self.revenue_minor + other.revenue_minor,
            commission_minor: self.commission_minor + other.commission_minor,
        }
    }

    fn minus(self, other: Self) -> Self {
        self.plus(other.map(|n| -n))
    }

    fn map(self, each: impl Fn(i64) -> i64) -> Self {
        Self {
            orders: each(self.orders),
            revenue_minor: each(self.revenue_minor),
            commission_minor: each(self.commission_minor),
        }
    }
}

impl Contribution {
    /// What the order adds now.
    pub(super) fn of(folded: &Folded, credit: Option<Credit>, commission_minor: i64) -> Option<Self> {
        let (link, currency) = (credit?.link, folded.currency?);
        let day = moment(folded.ordered_at()?).date_naive();
        let revenue_minor = folded.net_minor - folded.refunded_minor;
        (!folded.is_cancelled).then_some(Self {
            place: (link.0.cast_signed(), day, currency.as_str().to_owned()),
            amounts: Amounts { orders: 1, revenue_minor, commission_minor },
        })
    }

    /// What it added when it was settled the last time.
    fn before(order: &Before) -> Option<Self> {
        let ordered_at: DateTime<Utc> = order.placed_at.or(order.completed_at)?;
        let place = (order.link_id?, ordered_at.date_naive(), order.currency.clone()?);
        let revenue_minor = order.net_minor - order.refunded_minor;
        (order.status != Status::Cancelled.name()).then_some(Self {
            place,
            amounts: Amounts { orders: 1, revenue_minor, commission_minor: order.commission_minor },
        })
    }
}

/// Moves days from what their orders added before to what they add now.
///
/// What is added goes first, in key order, and locks every day that moves; a day is never below zero on the way.
pub(super) async fn add(tx: &mut PgConnection, outcomes: &[Outcome<'_>]) -> anyhow::Result<()> {
    let moved = moves(
        outcomes
            .iter()
            .map(|outcome| (Contribution::before(&outcome.order.before), outcome.contribution.clone())),
    );
    let less: Vec<_> = moved
        .iter()
        .map(|(place, amounts)| (place, amounts.map(|n| n.min(0))))
        .filter(|(_, amounts)| *amounts != Amounts::default())
        .collect();
    let more: Vec<_> = moved.iter().map(|(place, amounts)| (place, amounts.map(|n| n.max(0)))).collect();
    if !more.is_empty() {
        let rows = Columns::of(&more);
        sqlx::query_file!(
            "src/jobs/settle/add_daily.sql",
            &rows.links,
            &rows.days,
            &rows.currencies,
            &rows.orders,
            &rows.revenue,
            &rows.commission
        )
        .execute(&mut *tx)
        .await
        .context("cannot add to order_daily")?;
    }
    if !less.is_empty() {
        let rows = Columns::of(&less);
        sqlx::query_file!(
            "src/jobs/settle/take_daily.sql",
            &rows.links,
            &rows.days,
            &rows.currencies,
            &rows.orders,
            &rows.revenue,
            &rows.commission
        )
        .execute(&mut *tx)
        .await
        .context("cannot take from order_daily")?;
    }
    touch_orders(tx, moved.into_keys().map(|(_, day, _)| day).collect()).await
}

/// The days that move, in key order, and by how much.
fn moves(
    orders: impl Iterator<Item = (Option<Contribution>, Option<Contribution>)>,
) -> BTreeMap<Place, Amounts> {
    let mut moved: BTreeMap<Place, Amounts> = BTreeMap::new();
    for (before, now) in orders.filter(|(before, now)| before != now) {
        if let Some(before) = before {
            let day = moved.entry(before.place).or_default();
            *day = day.minus(before.amounts);
        }
        if let Some(now) = now {
            let day = moved.entry(now.place).or_default();
            *day = day.plus(now.amounts);
        }
    }
    moved.retain(|_, amounts| *amounts != Amounts::default());
    moved
}

#[derive(Default)]
struct Columns {
    links: Vec<i64>,
    days: Vec<NaiveDate>,
    currencies: Vec<String>,
    orders: Vec<i64>,
    revenue: Vec<i64>,
    commission: Vec<i64>,
}

impl Columns {
    fn of(rows: &[(&Place, Amounts)]) -> Self {
        let mut columns = Self::default();
        for ((link, day, currency), amounts) in rows {
            columns.links.push(*link);
            columns.days.push(*day);
            columns.currencies.push(currency.clone());
            columns.orders.push(amounts.orders);
            columns.revenue.push(amounts.revenue_minor);
            columns.commission.push(amounts.commission_minor);
        }
        columns
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contribution(link: i64, revenue_minor: i64) -> Contribution {
        let day = NaiveDate::from_ymd_opt(2026, 11, 20).expect("a day");
        let amounts = Amounts { orders: 1, revenue_minor, commission_minor: revenue_minor / 10 };
        Contribution { place: (link, day, "EUR".to_owned()), amounts }
    }

    #[test]
    fn a_credit_that_moves_takes_all_of_it_along() {
        let (a, b) = (contribution(1, 500), contribution(2, 500));
        let moved: Vec<_> = moves([(Some(a.clone()), Some(b.clone()))].into_iter()).into_iter().collect();
        assert_eq!(moved, [(a.place, a.amounts.map(|n| -n)), (b.place, b.amounts)]);
    }

    #[test]
    fn what_stays_or_cancels_out_moves_nothing() {
        let (a, b) = (contribution(1, 500), contribution(1, 300));
        assert!(moves([(Some(a.clone()), Some(a.clone())), (None, None)].into_iter()).is_empty());
        assert!(moves([(Some(a.clone()), Some(b.clone())), (Some(b), Some(a))].into_iter()).is_empty());
    }
}
