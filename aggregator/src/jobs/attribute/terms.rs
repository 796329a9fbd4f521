//! How vendors credit orders, at any moment of the past.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Context as _;
use common::attribution::{self, Rule};
use common::time::Millis;
use sqlx::PgConnection;

use super::History;
use crate::jobs::settle::order::Order;
use crate::moment::moment;

/// The terms of every vendor in a batch.
pub(super) struct Terms(BTreeMap<i64, History<attribution::Terms>>);

impl Terms {
    pub(super) async fn read(tx: &mut PgConnection, orders: &[Order]) -> anyhow::Result<Self> {
        let vendors: BTreeSet<i64> = orders.iter().map(|order| order.key.vendor).collect();
        let rows = sqlx::query!(
            "select vendor_id, since, window_days, hold_days, attribution from vendor_terms where vendor_id = any($1)",
            &vendors.into_iter().collect::<Vec<_>>()
        )
        .fetch_all(tx)
        .await
        .context("cannot read terms")?;
        let mut terms = Vec::with_capacity(rows.len());
        for row in rows {
            let rule = Rule::from_name(&row.attribution)
                .with_context(|| format!("attribution {:?} is not known", row.attribution))?;
            let (window_days, hold_days) = (row.window_days.cast_unsigned(), row.hold_days.cast_unsigned());
            terms.push((row.vendor_id, row.since, attribution::Terms { window_days, hold_days, rule }));
        }
        Ok(Self(History::by_key(terms)))
    }

    /// The terms of an order placed then.
    pub(super) fn of(&self, vendor: i64, ordered_at: Millis) -> anyhow::Result<attribution::Terms> {
        let terms = self.0.get(&vendor).and_then(|terms| terms.at(moment(ordered_at)));
        terms.copied().with_context(|| format!("vendor {vendor} has no terms at {}", moment(ordered_at)))
    }
}
