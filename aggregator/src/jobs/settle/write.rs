//! Write: what a batch of orders came to, table by table, a statement each.

use anyhow::Context as _;
use chrono::{DateTime, Utc};
use common::time::Millis;
use sqlx::PgConnection;

use super::books::Outcome;
use super::order::{Key, Keys};
use crate::moment::moment;

/// Writes everything but links' days.
pub(super) async fn write(
    tx: &mut PgConnection,
    outcomes: &[Outcome<'_>],
    now: DateTime<Utc>,
) -> anyhow::Result<()> {
    if outcomes.is_empty() {
        return Ok(());
    }
    orders(tx, outcomes, now).await?;
    lines(tx, outcomes).await?;
    holds(tx, outcomes, now).await?;
    entries(tx, outcomes, now).await
}

fn key<'a>(outcome: &Outcome<'a>) -> &'a Key {
    &outcome.order.key
}

fn column<'a, T>(outcomes: &'a [Outcome<'_>], of: impl Fn(&'a Outcome<'_>) -> T) -> Vec<T> {
    outcomes.iter().map(of).collect()
}

async fn orders(tx: &mut PgConnection, outcomes: &[Outcome<'_>], now: DateTime<Utc>) -> anyhow::Result<()> {
    let keys: Keys = outcomes.iter().map(key).collect();
    let click = |outcome: &Outcome<'_>| outcome.credit?.click;
    let credited_by = |outcome: &Outcome<'_>| {
        Some(if outcome.credit?.click.is_some() { "click" } else { "coupon" }.to_owned())
    };
    sqlx::query_file!(
        "src/jobs/settle/write_orders.sql",
        &keys.vendors,
        &keys.refs,
        &column(outcomes, |o| o.status.name().to_owned()),
        &column(outcomes, |o| o.order.folded.currency.map(|currency| currency.to_string()))
            as &[Option<String>],
        &column(outcomes, |o| o.order.folded.net_minor),
        &column(outcomes, |o| o.order.folded.refunded_minor),
        &column(outcomes, |o| o.commission_minor),
        &column(outcomes, |o| o.paid_minor),
        &column(outcomes, |o| o.credit.map(|credit| credit.link.0.cast_signed())) as &[Option<i64>],
        &column(outcomes, |o| o.credit.map(|credit| credit.affiliate.cast_signed())) as &[Option<i64>],
        &column(outcomes, credited_by) as &[Option<String>],
        &column(outcomes, |o| o.not_credited.map(str::to_owned)) as &[Option<String>],
        &column(outcomes, |o| click(o).map(|click| moment(Millis(click.ts_ms))))
            as &[Option<DateTime<Utc>>],
        &column(outcomes, |o| click(o).map(|click| click.channel.cast_signed())) as &[Option<i16>],
        &column(outcomes, |o| o.order.folded.placed_at.map(moment)) as &[Option<DateTime<Utc>>],
        &column(outcomes, |o| o.order.folded.completed_at.map(moment)) as &[Option<DateTime<Utc>>],
        &column(outcomes, |o| o.matures_at.map(moment)) as &[Option<DateTime<Utc>>],
        &column(outcomes, |o| o.is_held),
        &column(outcomes, |o| i32::try_from(o.order.event_count).unwrap_or(i32::MAX)),
        &column(outcomes, |o| o.order.before.ledger_tx_count + i32::from(!o.entries.is_empty())),
        now
    )
    .execute(tx)
    .await
    .context("cannot write orders")?;
    Ok(())
}

/// Replaces the lines of orders that had some.
async fn lines(tx: &mut PgConnection, outcomes: &[Outcome<'_>]) -> anyhow::Result<()> {
    let had_some = outcomes.iter().filter(|outcome| !outcome.order.before.is_new());
    let old: Keys = had_some.map(key).collect();
    if !old.vendors.is_empty() {
        sqlx::query!(
            "delete from order_line using unnest($1::bigint[], $2::text[]) as old (vendor_id, order_ref)
             where order_line.vendor_id = old.vendor_id and order_line.order_ref = old.order_ref",
            &old.vendors,
            &old.refs
        )
        .execute(&mut *tx)
        .await
        .context("cannot clear order lines")?;
    }
    let all = || outcomes.iter().flat_map(|o| o.lines.iter().map(move |line| (key(o), line)));
    let keys: Keys = all().map(|(key, _)| key).collect();
    if keys.vendors.is_empty() {
        return Ok(());
    }
    let number = |n: u32| i32::try_from(n).unwrap_or(i32::MAX);
    sqlx::query_file!(
        "src/jobs/settle/write_lines.sql",
        &keys.vendors,
        &keys.refs,
        &all().map(|(_, e)| e.line.item_id.clone()).collect::<Vec<_>>(),
        &all().map(|(_, e)| e.line.product_id.and_then(|id| i64::try_from(id).ok())).collect::<Vec<_>>()
            as &[Option<i64>],
        &all().map(|(_, e)| e.line.name.clone()).collect::<Vec<_>>() as &[Option<String>],
        &all().map(|(_, e)| number(e.line.quantity)).collect::<Vec<_>>(),
        &all().map(|(_, e)| number(e.line.refunded_quantity)).collect::<Vec<_>>(),
        &all().map(|(_, e)| e.line.net_minor).collect::<Vec<_>>(),
        &all().map(|(_, e)| e.line.refunded_minor).collect::<Vec<_>>(),
        &all().map(|(_, e)| e.rate.map(|(rate, _)| number(rate.ppm()))).collect::<Vec<_>>()
            as &[Option<i32>],
        &all().map(|(_, e)| e.rate.map(|(_, source)| source.name().to_owned())).collect::<Vec<_>>()
            as &[Option<String>],
        &all().map(|(_, e)| e.commission_minor).collect::<Vec<_>>()
    )
    .execute(tx)
    .await
    .context("cannot write order lines")?;
    Ok(())
}

/// Raises new flags. One that somebody has looked at is never raised again.
async fn holds(tx: &mut PgConnection, outcomes: &[Outcome<'_>], now: DateTime<Utc>) -> anyhow::Result<()> {
    let all = || outcomes.iter().flat_map(|o| o.raised.iter().map(move |raised| (key(o), raised)));
    let keys: Keys = all().map(|(key, _)| key).collect();
    if keys.vendors.is_empty() {
        return Ok(());
    }
    sqlx::query!(
        "insert into hold (vendor_id, order_ref, flag, reason, raised_at)
         select *, $5::timestamptz from unnest($1::bigint[], $2::text[], $3::text[], $4::text[])
         on conflict (vendor_id, order_ref, flag) do nothing",
        &keys.vendors,
        &keys.refs,
        &all().map(|(_, (flag, _))| flag.name().to_owned()).collect::<Vec<_>>(),
        &all().map(|(_, (_, reason))| reason.clone()).collect::<Vec<_>>(),
        now
    )
    .execute(tx)
    .await
    .context("cannot raise holds")?;
    Ok(())
}

/// Books one transaction for each order whose books move. Its number makes it happen once.
async fn entries(tx: &mut PgConnection, outcomes: &[Outcome<'_>], now: DateTime<Utc>) -> anyhow::Result<()> {
    let all = || outcomes.iter().flat_map(|o| o.entries.iter().map(move |entry| (o, entry)));
    let keys: Keys = all().map(|(o, _)| key(o)).collect();
    if keys.vendors.is_empty() {
        return Ok(());
    }
    let idem =
        |o: &Outcome<'_>| format!("order:{}:{}", o.order.key.order_ref, o.order.before.ledger_tx_count);
    sqlx::query_file!(
        "src/jobs/settle/write_entries.sql",
        &keys.vendors,
        &all().map(|(o, _)| idem(o)).collect::<Vec<_>>(),
        &keys.refs,
        &all().map(|(_, (position, _))| position.affiliate.cast_signed()).collect::<Vec<_>>(),
        &all().map(|(_, (position, _))| position.link.0.cast_signed()).collect::<Vec<_>>(),
        &all().map(|(_, (position, _))| position.account.name().to_owned()).collect::<Vec<_>>(),
        &all().map(|(_, (position, _))| position.currency.to_string()).collect::<Vec<_>>(),
        &all().map(|(_, (_, amount))| *amount).collect::<Vec<_>>(),
        now
    )
    .execute(tx)
    .await
    .context("cannot book")?;
    Ok(())
}
