//! What affiliates brought over a span: for the affiliates of one page, in three statements however many they are.

use std::collections::HashMap;

use serde::Serialize;
use sqlx::PgConnection;
use utoipa::ToSchema;

use crate::api::answer::rfc3339;
use crate::report::earnings::{Earnings, Money};
use crate::report::visits::{self, Union};
use crate::report::{Range, count};

/// One affiliate's figures over whole days.
#[derive(Debug, Clone)]
pub(super) struct Figures {
    range: Range,
    human: u64,
    filtered: u64,
    unique: Union,
    earnings: Earnings,
}

/// The figures of each of these affiliates, of the links that the transaction sees. All of them have some.
pub(super) async fn of(
    conn: &mut PgConnection,
    ids: &[i64],
    range: &Range,
) -> sqlx::Result<HashMap<i64, Figures>> {
    let (from, to) = range.days();
    let clicks = sqlx::query_file!("src/affiliates/clicks.sql", ids, range.from, range.to)
        .fetch_all(&mut *conn)
        .await?;
    let earned =
        sqlx::query_file!("src/affiliates/earnings.sql", ids, from, to).fetch_all(&mut *conn).await?;
    let mut visits = visits::of_affiliates(conn, ids, range).await?;
    let nothing = |id: &i64| Figures {
        range: *range,
        human: 0,
        filtered: 0,
        unique: visits.remove(id).unwrap_or(Union::People(0)),
        earnings: Earnings::default(),
    };
    let mut figures: HashMap<i64, Figures> = ids.iter().copied().zip(ids.iter().map(nothing)).collect();
    for row in clicks {
        if let Some(figures) = figures.get_mut(&row.affiliate_id) {
            (figures.human, figures.filtered) = (count(row.human_clicks), count(row.filtered_clicks));
        }
    }
    for row in earned {
        if let Some(figures) = figures.get_mut(&row.affiliate_id) {
            figures.earnings.money.push(Money {
                currency: row.currency,
                orders: count(row.orders),
                revenue_minor: row.revenue_minor,
                commission_minor: row.commission_minor,
            });
        }
    }
    Ok(figures)
}

/// Figures as programs read them.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AffiliateFigures)]
pub(crate) struct FiguresAnswer {
    pub(crate) from: String,
    pub(crate) to: String,
    pub(crate) human_clicks: u64,
    pub(crate) filtered_clicks: u64,
    /// `null`: a stored sketch is damaged.
    pub(crate) unique_visits: Option<u64>,
    pub(crate) sales: u64,
    /// Sales for each human click in millionths. `null`: no clicks.
    pub(crate) conversion_ppm: Option<u64>,
    pub(crate) earnings: Vec<MoneyAnswer>,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AffiliateEarnings)]
pub(crate) struct MoneyAnswer {
    pub(crate) currency: String,
    pub(crate) sales: u64,
    pub(crate) revenue_minor: i64,
    pub(crate) commission_minor: i64,
}

impl FiguresAnswer {
    pub(super) fn new(figures: &Figures) -> Self {
        let money = |money: &Money| MoneyAnswer {
            currency: money.currency.clone(),
            sales: money.orders,
            revenue_minor: money.revenue_minor,
            commission_minor: money.commission_minor,
        };
        Self {
            from: rfc3339(figures.range.from),
            to: rfc3339(figures.range.to),
            human_clicks: figures.human,
            filtered_clicks: figures.filtered,
            unique_visits: figures.unique.people(),
            sales: figures.earnings.orders(),
            conversion_ppm: figures.earnings.conversion_ppm(figures.human),
            earnings: figures.earnings.money.iter().map(money).collect(),
        }
    }
}
