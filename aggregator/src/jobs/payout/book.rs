//! Book: what was approved is paid, line by line, as far as it still is what was approved.

use std::collections::BTreeMap;

use anyhow::Context as _;
use chrono::{DateTime, Utc};
use common::ledger::Account;
use common::payout::{Collected, Part, book};
use runtime::failpoint::pass;
use sqlx::{PgConnection, Postgres, Transaction};
use tracing::warn;

use super::{Booked, Unpayable};

/// Lines in one transaction: their orders are locked meanwhile, and settling one of them waits.
const LINES: i64 = 100;

/// Books some lines of the oldest approved batch that no other aggregator is at, or closes it.
pub(super) async fn book_some(
    mut tx: Transaction<'_, Postgres>,
    now: DateTime<Utc>,
) -> anyhow::Result<Booked> {
    let batch = sqlx::query_as!(
        Batch,
        "select payout_batch_id as id, currency from payout_batch
         where state = 'approved' order by decided_at, payout_batch_id limit 1 for update skip locked"
    )
    .fetch_optional(&mut *tx)
    .await
    .context("cannot read approved payouts")?;
    let Some(batch) = batch else { return Ok(Booked::Nothing) };
    let lines = open_lines(&mut tx, &batch).await?;
    let booked = if lines.is_empty() {
        close(&mut tx, &batch, now).await?;
        Booked::Batch
    } else {
        let orders = orders(&mut tx, &batch, &lines).await?;
        let judged = judge(&batch, &lines, orders, now);
        write(&mut tx, &batch, &judged, now).await?;
        Booked::Lines(lines.len())
    };
    pass("payout.before_booking_commit");
    tx.commit().await.context("cannot commit; the lines are booked again unless they are")?;
    pass("payout.booking_committed");
    Ok(booked)
}

struct Batch {
    id: String,
    currency: String,
}

/// A line that is not booked yet, and what is known of its affiliate now.
struct Line {
    vendor_id: i64,
    affiliate_id: i64,
    amount_minor: i64,
    is_approved: bool,
    account_changed_at: Option<DateTime<Utc>>,
}

/// An order of a line: what was collected, and what is payable now.
struct Owed {
    vendor_id: i64,
    affiliate_id: i64,
    order_ref: String,
    link_id: i64,
    collected_minor: i64,
    payable_minor: i64,
}

/// A line with what is paid of it, and what becomes of each of its orders.
struct Judged {
    vendor_id: i64,
    affiliate_id: i64,
    paid_minor: i64,
    orders: Vec<(Owed, Part)>,
}

async fn open_lines(tx: &mut PgConnection, batch: &Batch) -> anyhow::Result<Vec<Line>> {
    sqlx::query_as!(
        Line,
        r#"select l.vendor_id, l.affiliate_id, l.amount_minor, a.status = 'approved' as "is_approved!",
                  b.changed_at as "account_changed_at?"
           from payout_line as l
           join affiliate as a using (affiliate_id)
           left join bank_account as b using (affiliate_id)
           where l.payout_batch_id = $1 and l.paid_minor is null
           order by l.vendor_id, l.affiliate_id limit $2"#,
        batch.id,
        LINES
    )
    .fetch_all(tx)
    .await
    .context("cannot read a payout's lines")
}

/// Locks the orders of lines in the order of their keys, as settling does, and only then reads what is payable.
async fn orders(tx: &mut PgConnection, batch: &Batch, lines: &[Line]) -> anyhow::Result<Vec<Owed>> {
    let vendors: Vec<i64> = lines.iter().map(|line| line.vendor_id).collect();
    let affiliates: Vec<i64> = lines.iter().map(|line| line.affiliate_id).collect();
    sqlx::query_file!("src/jobs/payout/lock_orders.sql", batch.id, &vendors, &affiliates)
        .fetch_all(&mut *tx)
        .await
        .context("cannot lock a payout's orders")?;
    sqlx::query_file_as!(
        Owed,
        "src/jobs/payout/collected.sql",
        batch.id,
        &vendors,
        &affiliates,
        batch.currency
    )
    .fetch_all(tx)
    .await
    .context("cannot read a payout's orders")
}

fn judge(batch: &Batch, lines: &[Line], orders: Vec<Owed>, now: DateTime<Utc>) -> Vec<Judged> {
    let mut by_line: BTreeMap<(i64, i64), Vec<Owed>> = BTreeMap::new();
    for order in orders {
        by_line.entry((order.vendor_id, order.affiliate_id)).or_default().push(order);
    }
    let judge_one = |line: &Line| {
        let orders = by_line.remove(&(line.vendor_id, line.affiliate_id)).unwrap_or_default();
        let collected = |order: &Owed| Collected {
            collected_minor: order.collected_minor,
            payable_minor: order.payable_minor,
        };
        let objection = Unpayable::objection(line.is_approved, line.account_changed_at, now);
        let (paid_minor, parts) = match objection {
            None => book(line.amount_minor, &orders.iter().map(collected).collect::<Vec<_>>()),
            Some(_) => (0, vec![Part::Left; orders.len()]),
        };
        if paid_minor != line.amount_minor {
            warn!(
                batch = batch.id,
                vendor = line.vendor_id,
                affiliate = line.affiliate_id,
                approved = line.amount_minor,
                paid = paid_minor,
                reason = objection.map_or("orders changed", Unpayable::name),
                "less is paid than was approved; the rest waits for the next batch"
            );
        }
        let orders = orders.into_iter().zip(parts).collect();
        Judged { vendor_id: line.vendor_id, affiliate_id: line.affiliate_id, paid_minor, orders }
    };
    lines.iter().map(judge_one).collect()
}

async fn close(tx: &mut PgConnection, batch: &Batch, now: DateTime<Utc>) -> anyhow::Result<()> {
    sqlx::query!(
        "update payout_batch set state = 'paid', paid_at = $2 where payout_batch_id = $1",
        batch.id,
        now
    )
    .execute(tx)
    .await
    .context("cannot close a payout")?;
    Ok(())
}

/// Writes what became of lines and orders, and has the orders settled that were paid.
async fn write(
    tx: &mut PgConnection,
    batch: &Batch,
    judged: &[Judged],
    now: DateTime<Utc>,
) -> anyhow::Result<()> {
    sqlx::query!(
        "update payout_line as l set paid_minor = now.paid_minor
         from unnest($2::bigint[], $3::bigint[], $4::bigint[]) as now (vendor_id, affiliate_id, paid_minor)
         where l.payout_batch_id = $1 and l.vendor_id = now.vendor_id and l.affiliate_id = now.affiliate_id",
        batch.id,
        &judged.iter().map(|line| line.vendor_id).collect::<Vec<_>>(),
        &judged.iter().map(|line| line.affiliate_id).collect::<Vec<_>>(),
        &judged.iter().map(|line| line.paid_minor).collect::<Vec<_>>()
    )
    .execute(&mut *tx)
    .await
    .context("cannot write what was paid")?;
    pass("payout.lines_written");
    let orders: Vec<&(Owed, Part)> = judged.iter().flat_map(|line| &line.orders).collect();
    let of = |(order, _): &&(Owed, Part)| (order.vendor_id, order.affiliate_id);
    sqlx::query_file!(
        "src/jobs/payout/mark_orders.sql",
        batch.id,
        &orders.iter().map(|order| of(order).0).collect::<Vec<_>>(),
        &orders.iter().map(|order| of(order).1).collect::<Vec<_>>(),
        &orders.iter().map(|(order, _)| order.order_ref.clone()).collect::<Vec<_>>(),
        &orders.iter().map(|(order, _)| order.link_id).collect::<Vec<_>>(),
        &orders.iter().map(|(_, part)| part.name().to_owned()).collect::<Vec<_>>()
    )
    .execute(&mut *tx)
    .await
    .context("cannot mark a payout's orders")?;
    pass("payout.orders_marked");
    let paid: Vec<&Owed> =
        orders.iter().filter(|(_, part)| *part == Part::Paid).map(|(order, _)| order).collect();
    enter(tx, batch, &paid, now).await
}

/// Books one transaction for each line. What is owed becomes cash; what is taken back comes off it.
async fn enter(
    tx: &mut PgConnection,
    batch: &Batch,
    paid: &[&Owed],
    now: DateTime<Utc>,
) -> anyhow::Result<()> {
    let entries: Vec<(&Owed, Account, i64)> = paid
        .iter()
        .flat_map(|order| {
            [(Account::Payable, -order.payable_minor), (Account::Cash, order.payable_minor)]
                .map(|(account, amount)| (*order, account, amount))
        })
        .collect();
    sqlx::query_file!(
        "src/jobs/payout/enter.sql",
        batch.id,
        batch.currency,
        now,
        &entries.iter().map(|(order, ..)| order.vendor_id).collect::<Vec<_>>(),
        &entries.iter().map(|(order, ..)| order.affiliate_id).collect::<Vec<_>>(),
        &entries.iter().map(|(order, ..)| order.link_id).collect::<Vec<_>>(),
        &entries.iter().map(|(order, ..)| order.order_ref.clone()).collect::<Vec<_>>(),
        &entries.iter().map(|(_, account, _)| account.name().to_owned()).collect::<Vec<_>>(),
        &entries.iter().map(|(.., amount)| *amount).collect::<Vec<_>>()
    )
    .execute(&mut *tx)
    .await
    .context("cannot book a payout")?;
    pass("payout.entered");
    sqlx::query!(
        "insert into order_due (vendor_id, order_ref) select * from unnest($1::bigint[], $2::text[])",
        &paid.iter().map(|order| order.vendor_id).collect::<Vec<_>>(),
        &paid.iter().map(|order| order.order_ref.clone()).collect::<Vec<_>>()
    )
    .execute(tx)
    .await
    .context("cannot have the paid orders settled")?;
    Ok(())
}
