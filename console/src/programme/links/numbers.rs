//! What links brought over all time.

use std::collections::HashMap;

use serde::Serialize;
use sqlx::PgConnection;
use utoipa::ToSchema;

use crate::report::earnings::{Earnings, Money};
use crate::report::visits;

/// Clicks, orders and commission of a link.
#[derive(Debug, Default, Serialize, ToSchema)]
#[schema(as = LinkNumbers)]
pub(crate) struct Numbers {
    /// By people.
    pub(crate) clicks: u64,
    /// By programs.
    pub(crate) filtered_clicks: u64,
    /// Distinct people, where one link is asked for: a union over all its days.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) unique_visits: Option<u64>,
    /// Credited orders, cancelled ones left out.
    pub(crate) orders: u64,
    /// Orders for each human click, in percent to four places; null without clicks.
    pub(crate) conversion_rate: Option<f64>,
    /// By currency: amounts of two currencies are never added up.
    pub(crate) total_commission: Vec<Commission>,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = LinkCommission)]
pub(crate) struct Commission {
    pub(crate) currency: String,
    pub(crate) orders: u64,
    pub(crate) revenue_minor: i64,
    pub(crate) commission_minor: i64,
}

impl Numbers {
    /// Adds the distinct people of a link.
    pub(super) async fn unite(&mut self, conn: &mut PgConnection, link_id: i64) -> sqlx::Result<()> {
        self.unique_visits = visits::of_link(conn, link_id).await?.people();
        Ok(())
    }

    fn of(clicks: u64, filtered_clicks: u64, money: Vec<Money>) -> Self {
        /// Millionths in a percent.
        const PPM_PERCENT: f64 = 10_000.0;
        let earnings = Earnings { money };
        let conversion_rate = earnings.conversion_ppm(clicks).map(|ppm| ppm as f64 / PPM_PERCENT);
        let orders = earnings.orders();
        let total_commission = earnings.money.into_iter().map(Commission::from).collect();
        Self { clicks, filtered_clicks, unique_visits: None, orders, conversion_rate, total_commission }
    }
}

impl From<Money> for Commission {
    fn from(money: Money) -> Self {
        Self {
            currency: money.currency,
            orders: money.orders,
            revenue_minor: money.revenue_minor,
            commission_minor: money.commission_minor,
        }
    }
}

/// The numbers of these links, unique visits left out.
pub(super) async fn of(conn: &mut PgConnection, ids: &[i64]) -> sqlx::Result<HashMap<i64, Numbers>> {
    let rows = sqlx::query_file!("src/programme/link_numbers.sql", ids).fetch_all(conn).await?;
    let mut found = HashMap::<i64, (u64, u64, Vec<Money>)>::new();
    for row in rows {
        let link = found.entry(row.link_id).or_default();
        (link.0, link.1) = (row.clicks.cast_unsigned(), row.filtered_clicks.cast_unsigned());
        if let Some(currency) = row.currency {
            link.2.push(Money {
                currency,
                orders: row.orders.cast_unsigned(),
                revenue_minor: row.revenue_minor,
                commission_minor: row.commission_minor,
            });
        }
    }
    Ok(found
        .into_iter()
        .map(|(id, (clicks, filtered, money))| (id, Numbers::of(clicks, filtered, money)))
        .collect())
}
