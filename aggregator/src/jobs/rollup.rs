//! Rollup: days that are over are added up once, so that a report over a year reads days and not links.
//!
//! A rolled-up day is a copy; the rows stay what is true. Whoever changes a row of such a day says so in the same commit
//! (`rollup_touch`, migration 16), and readers go back to the rows until the day was rolled up anew. Hence the one rule
//! here: a day is added up, marked, and freed of its stale lines **in one snapshot**. A change that the snapshot does not
//! see left a line it does not see either, and that line stays.
//!
//! What rankings read is kept beside it, by span and not by day: [`spans`], with the finished hours of [`today`], and [`earners`].

mod earners;
mod spans;
mod today;

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use anyhow::Context as _;
use chrono::{DateTime, Days, NaiveDate, NaiveTime, Utc};
use common::hll::Sketch;
use futures_util::TryStreamExt as _;
use runtime::Shutdown;
use sqlx::{PgConnection, Postgres, Transaction};

use crate::jobs::attempt;
use crate::store::Stores;

/// How often to look for days to roll up. Until then they are read row by row.
const INTERVAL: Duration = Duration::from_secs(10);
/// How far back: the longest report and the span it is compared with.
const HISTORY_DAYS: i32 = 800;
/// Days in one transaction at most: a month of a large programme is added up in seconds.
const CHUNK: Days = Days::new(31);
/// What Postgres says when another aggregator has the turn: `lock_not_available`.
const TAKEN: &str = "55P03";
/// Of the whole programme, among the numbers of vendors, which begin at 1.
const PROGRAMME: i64 = 0;

/// What is rolled up apart: late clicks are rare, but orders of old days change all the time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Clicks, their splits, and unique visits.
    Clicks,
    /// Orders and money.
    Orders,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Clicks => "clicks",
            Self::Orders => "orders",
        }
    }

    /// How many minutes after its end a day, or an hour of today, is added up. Five more for clicks, and sixty for orders, than
    /// its changes go without a line in `rollup_stale` (`rollup_open_hour`, `rollup_open_from`): longer than it takes from
    /// there to the commit. A flush asks shortly before it, but orders are settled one by one in a transaction when it must be.
    fn settled_minutes(self) -> i32 {
        match self {
            Self::Clicks => 20,
            Self::Orders => 120,
        }
    }
}

/// Says, in the transaction that changes them, that clicks of these hours change. Of the last ones nobody needs to know.
pub(super) async fn touch_hours(tx: &mut PgConnection, hours: BTreeSet<DateTime<Utc>>) -> anyhow::Result<()> {
    let hours = Vec::from_iter(hours);
    if hours.is_empty() {
        return Ok(());
    }
    sqlx::query_scalar!(r#"select rollup_touch_hours($1)::text as "done""#, &hours)
        .fetch_one(tx)
        .await
        .context("cannot say which hours change")?;
    Ok(())
}

/// Says, in the transaction that changes them, that orders of these days change. Of days that are not over nobody needs to
/// know.
pub(super) async fn touch_orders(tx: &mut PgConnection, days: BTreeSet<NaiveDate>) -> anyhow::Result<()> {
    let days = Vec::from_iter(days);
    if days.is_empty() {
        return Ok(());
    }
    sqlx::query_scalar!(r#"select rollup_touch($1, $2)::text as "done""#, Kind::Orders.name(), &days)
        .fetch_one(tx)
        .await
        .context("cannot say which days change")?;
    Ok(())
}

/// Rolls up what is due again and again, until told to stop. Never fails: an error is for the next time.
pub async fn run(stores: Stores, shutdown: Shutdown) -> anyhow::Result<()> {
    loop {
        attempt("rollup", "roll up days", rollup(&stores)).await;
        if !shutdown.sleep(INTERVAL).await {
            return Ok(());
        }
    }
}

/// Rolls up every day that is over, and was not rolled up or has changed since. Returns how many. Postgres' clock decides,
/// as it does for those who change a day.
pub async fn rollup(stores: &Stores) -> anyhow::Result<u64> {
    let mut rolled = 0;
    for kind in [Kind::Clicks, Kind::Orders] {
        let due = due(stores, kind).await.context("cannot ask which days are to be rolled up")?;
        let days = |(from, to): &Span| (*to - *from).num_days().unsigned_abs();
        metrics::gauge!("aggregator_rollup_due_days", "kind" => kind.name())
            .set(due.iter().map(days).sum::<u64>() as f64);
        for span in due.into_iter().flat_map(chunks) {
            if !roll(stores, kind, span).await? {
                return Ok(rolled); // another aggregator is at it
            }
            metrics::counter!("aggregator_rolled_up_days_total", "kind" => kind.name())
                .increment(days(&span));
            rolled += days(&span);
        }
    }
    spans::keep(stores).await?;
    today::keep(stores).await?;
    earners::keep(stores).await?;
    Ok(rolled)
}

/// When a day begins.
fn midnight(day: NaiveDate) -> DateTime<Utc> {
    day.and_time(NaiveTime::MIN).and_utc()
}

/// Days from the first to before the second.
type Span = (NaiveDate, NaiveDate);

async fn due(stores: &Stores, kind: Kind) -> sqlx::Result<Vec<Span>> {
    let rows =
        sqlx::query_file!("src/jobs/rollup/due.sql", kind.name(), kind.settled_minutes(), HISTORY_DAYS)
            .fetch_all(&stores.postgres)
            .await?;
    Ok(rows.into_iter().map(|row| (row.begins, row.ends)).collect())
}

/// A span in pieces that are not too long, newest first.
fn chunks((from, to): Span) -> impl Iterator<Item = Span> {
    let ends = std::iter::successors(Some(to), move |end| Some(*end - CHUNK).filter(|end| *end > from));
    ends.map(move |end| ((end - CHUNK).max(from), end))
}

/// Rolls up the days `[from, to)` in one snapshot. False: it is another aggregator's turn.
async fn roll(stores: &Stores, kind: Kind, (from, to): Span) -> anyhow::Result<bool> {
    let Some(mut tx) = begin_turn(stores).await? else { return Ok(false) };
    match kind {
        Kind::Clicks => roll_clicks(&mut tx, from, to).await,
        Kind::Orders => roll_orders(&mut tx, from, to).await,
    }
    .with_context(|| format!("cannot roll up the {} of {from} to {to}", kind.name()))?;
    mark(tx, kind, from, to).await?;
    Ok(true)
}

/// Begins a transaction that nobody else's rollup runs beside. `None`: it is another aggregator's turn.
async fn begin_turn(stores: &Stores) -> anyhow::Result<Option<Transaction<'static, Postgres>>> {
    let mut tx = stores.postgres.begin_with("begin isolation level repeatable read").await?;
    // A month of a large programme takes longer than a flush is given.
    sqlx::query("set local statement_timeout = '10min'").execute(&mut *tx).await?;
    let has_turn = take_turn(&mut tx).await.context("cannot take the turn")?;
    Ok(has_turn.then_some(tx))
}

/// One aggregator at a time. A lock on a table is taken before the snapshot, so the snapshot sees what the last one did.
async fn take_turn(tx: &mut PgConnection) -> sqlx::Result<bool> {
    match sqlx::query("lock table rollup_day in exclusive mode nowait").execute(tx).await {
        Ok(_) => Ok(true),
        Err(sqlx::Error::Database(error)) if error.code().as_deref() == Some(TAKEN) => Ok(false),
        Err(error) => Err(error),
    }
}

async fn roll_clicks(tx: &mut PgConnection, from: NaiveDate, to: NaiveDate) -> anyhow::Result<()> {
    let (begins, ends) = (midnight(from), midnight(to));
    sqlx::query!("delete from rollup_click where hour >= $1 and hour < $2", begins, ends)
        .execute(&mut *tx)
        .await?;
    sqlx::query!("delete from rollup_split where day >= $1 and day < $2", from, to).execute(&mut *tx).await?;
    sqlx::query!("delete from rollup_visit where day >= $1 and day < $2", from, to).execute(&mut *tx).await?;
    sqlx::query_file!("src/jobs/rollup/clicks.sql", begins, ends).execute(&mut *tx).await?;
    sqlx::query_file!("src/jobs/rollup/splits.sql", from, to).execute(&mut *tx).await?;
    for day in from.iter_days().take_while(|day| *day < to) {
        unite(&mut *tx, day).await?;
    }
    Ok(())
}

/// Unites the sketches of a day. They are read one by one; what is held is one union for each vendor.
async fn unite(tx: &mut PgConnection, day: NaiveDate) -> anyhow::Result<()> {
    let mut unions = HashMap::<i64, Sketch>::new();
    let mut rows = sqlx::query_file!("src/jobs/rollup/sketches.sql", day).fetch(&mut *tx);
    while let Some(row) = rows.try_next().await? {
        // One that cannot be read leaves the day unrolled, so that readers meet it and say so themselves.
        let sketch = Sketch::from_redis(&row.sketch).context("a stored sketch cannot be read")?;
        for vendor_id in [Some(PROGRAMME), row.vendor_id].into_iter().flatten() {
            unions.entry(vendor_id).or_default().merge(&sketch);
        }
    }
    drop(rows);
    let vendors: Vec<i64> = unions.keys().copied().collect();
    let sketches: Vec<Vec<u8>> = unions.values().map(Sketch::to_redis).collect();
    sqlx::query!(
        "insert into rollup_visit (vendor_id, day, sketch) select vendor_id, $2, sketch \
         from unnest($1::bigint[], $3::bytea[]) as united (vendor_id, sketch)",
        &vendors,
        day,
        &sketches
    )
    .execute(tx)
    .await?;
    Ok(())
}

async fn roll_orders(tx: &mut PgConnection, from: NaiveDate, to: NaiveDate) -> anyhow::Result<()> {
    sqlx::query!("delete from rollup_order where day >= $1 and day < $2", from, to).execute(&mut *tx).await?;
    sqlx::query_file!("src/jobs/rollup/orders.sql", from, to).execute(&mut *tx).await?;
    earners::roll(tx, from, to).await?;
    Ok(())
}

/// Marks the days as rolled up, and forgets the changes that this snapshot has seen.
async fn mark(
    mut tx: Transaction<'_, Postgres>,
    kind: Kind,
    from: NaiveDate,
    to: NaiveDate,
) -> anyhow::Result<()> {
    sqlx::query!(
        "delete from rollup_stale where kind = $1 and day >= $2 and day < $3",
        kind.name(),
        from,
        to
    )
    .execute(&mut *tx)
    .await
    .context("cannot forget what changed")?;
    sqlx::query!(
        "insert into rollup_day (kind, day, rolled_at) \
         select $1, day::date, now() from generate_series($2::date::timestamp, $3::date::timestamp - interval '1 day', '1 day') as over (day) \
         on conflict (kind, day) do update set rolled_at = excluded.rolled_at",
        kind.name(),
        from,
        to
    )
    .execute(&mut *tx)
    .await
    .context("cannot mark the days")?;
    tx.commit().await.context("cannot commit; it is done again")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_span_is_rolled_up_in_pieces() {
        let day = |n: u64| NaiveDate::from_ymd_opt(2026, 1, 1).expect("a day") + Days::new(n);
        let chunks = |from, to| chunks((day(from), day(to))).collect::<Vec<_>>();
        assert_eq!(chunks(3, 4), [(day(3), day(4))]);
        assert_eq!(chunks(0, 70), [(day(39), day(70)), (day(8), day(39)), (day(0), day(8))]);
        assert_eq!(chunks(0, 31), [(day(0), day(31))]);
    }
}
