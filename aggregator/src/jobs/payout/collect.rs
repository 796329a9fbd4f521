//! Collect: which orders a requested batch pays, and how much each affiliate gets.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Context as _;
use chrono::{DateTime, Utc};
use common::payout::line;
use runtime::failpoint::pass;
use sqlx::{PgConnection, Postgres, Transaction};
use tracing::info;

use super::Unpayable;

/// One batch is collected at a time, or two would collect the same orders. Any number will do, as long as it is this.
const COLLECTING: i64 = 0x7061_796f_7574;
/// Rows in one statement, as for a flush.
const STATEMENT_ROWS: usize = 20_000;

/// Collects the oldest requested batch, if there is one that no other aggregator is at.
pub(super) async fn collect_one(
    mut tx: Transaction<'_, Postgres>,
    now: DateTime<Utc>,
) -> anyhow::Result<bool> {
    let batch = sqlx::query_as!(
        Batch,
        "select payout_batch_id as id, vendor_id, currency, minimum_minor from payout_batch
         where state = 'requested' order by requested_at, payout_batch_id limit 1 for update skip locked"
    )
    .fetch_optional(&mut *tx)
    .await
    .context("cannot read requested payouts")?;
    let Some(batch) = batch else { return Ok(false) };
    sqlx::query!("select pg_advisory_xact_lock($1)", COLLECTING)
        .execute(&mut *tx)
        .await
        .context("cannot wait for the batch before")?;
    let lines = lines(payables(&mut tx, &batch, now).await?, batch.minimum_minor);
    insert(&mut tx, &batch.id, &lines).await?;
    pass("payout.collected");
    let state = if lines.is_empty() { "empty" } else { "open" };
    sqlx::query!(
        "update payout_batch set state = $2, collected_at = $3 where payout_batch_id = $1",
        batch.id,
        state,
        now
    )
    .execute(&mut *tx)
    .await
    .context("cannot open the batch")?;
    pass("payout.before_collection_commit");
    tx.commit().await.context("cannot commit; the batch is collected again")?;
    pass("payout.collection_committed");
    info!(batch = batch.id, lines = lines.len(), state, "collected a payout");
    Ok(true)
}

struct Batch {
    id: String,
    vendor_id: Option<i64>,
    currency: String,
    minimum_minor: i64,
}

/// Something owed to an affiliate, or to be taken back, for one order.
struct Owed {
    vendor_id: i64,
    affiliate_id: i64,
    order_ref: String,
    link_id: i64,
    payable_minor: i64,
}

/// What an affiliate gets from a vendor, and for which orders.
struct Line {
    amount_minor: i64,
    orders: Vec<Owed>,
}

/// Everything payable in the batch's currency to affiliates that can be paid now.
async fn payables(tx: &mut PgConnection, batch: &Batch, now: DateTime<Utc>) -> anyhow::Result<Vec<Owed>> {
    let rows = sqlx::query_file!("src/jobs/payout/payables.sql", batch.currency, batch.vendor_id)
        .fetch_all(tx)
        .await
        .context("cannot read what is payable")?;
    let mut skipped: BTreeMap<Unpayable, BTreeSet<i64>> = BTreeMap::new();
    let mut payables = Vec::with_capacity(rows.len());
    for row in rows {
        match Unpayable::objection(row.is_approved, row.account_changed_at, now) {
            Some(reason) => drop(skipped.entry(reason).or_default().insert(row.affiliate_id)),
            None => payables.push(Owed {
                vendor_id: row.vendor_id,
                affiliate_id: row.affiliate_id,
                order_ref: row.order_ref,
                link_id: row.link_id,
                payable_minor: row.payable_minor,
            }),
        }
    }
    for (reason, affiliates) in skipped {
        let (reason, affiliates) = (reason.name(), affiliates.len());
        metrics::counter!("aggregator_payout_skipped_affiliates_total", "reason" => reason)
            .increment(affiliates as u64);
        info!(batch = batch.id, reason, affiliates, "affiliates are not paid now");
    }
    Ok(payables)
}

/// Nets what is payable by vendor and affiliate. Who would get too little waits for the next batch.
fn lines(payables: Vec<Owed>, minimum_minor: i64) -> BTreeMap<(i64, i64), Line> {
    let mut parties: BTreeMap<(i64, i64), Vec<Owed>> = BTreeMap::new();
    for payable in payables {
        parties.entry((payable.vendor_id, payable.affiliate_id)).or_default().push(payable);
    }
    let net = |orders: Vec<Owed>| {
        let amount_minor = line(orders.iter().map(|order| order.payable_minor), minimum_minor)?;
        Some(Line { amount_minor, orders })
    };
    parties.into_iter().filter_map(|(party, orders)| Some((party, net(orders)?))).collect()
}

async fn insert(
    tx: &mut PgConnection,
    batch: &str,
    lines: &BTreeMap<(i64, i64), Line>,
) -> anyhow::Result<()> {
    let (vendors, affiliates): (Vec<i64>, Vec<i64>) = lines.keys().copied().unzip();
    sqlx::query!(
        "insert into payout_line (payout_batch_id, vendor_id, affiliate_id, amount_minor)
         select $1, * from unnest($2::bigint[], $3::bigint[], $4::bigint[])",
        batch,
        &vendors,
        &affiliates,
        &lines.values().map(|line| line.amount_minor).collect::<Vec<_>>()
    )
    .execute(&mut *tx)
    .await
    .context("cannot write the batch's lines")?;
    let orders: Vec<&Owed> = lines.values().flat_map(|line| &line.orders).collect();
    for orders in orders.chunks(STATEMENT_ROWS) {
        sqlx::query!(
            "insert into payout_order (payout_batch_id, vendor_id, affiliate_id, order_ref, link_id, payable_minor)
             select $1, * from unnest($2::bigint[], $3::bigint[], $4::text[], $5::bigint[], $6::bigint[])",
            batch,
            &orders.iter().map(|order| order.vendor_id).collect::<Vec<_>>(),
            &orders.iter().map(|order| order.affiliate_id).collect::<Vec<_>>(),
            &orders.iter().map(|order| order.order_ref.clone()).collect::<Vec<_>>(),
            &orders.iter().map(|order| order.link_id).collect::<Vec<_>>(),
            &orders.iter().map(|order| order.payable_minor).collect::<Vec<_>>()
        )
        .execute(&mut *tx)
        .await
        .context("cannot write the batch's orders")?;
    }
    Ok(())
}
