//! Who earned most over the kept spans (migration 26), so that a ranking by orders or money reads a few rows.
//!
//! Orders of old days change all the time, by refunds and cancellations. So a span is not made anew when a day of it is
//! rolled up anew: what moved since the day was added up last goes into it, in the same snapshot. A span has what all its
//! rolled-up days have, and readers add and take away what is not rolled up yet.

use anyhow::Context as _;
use chrono::NaiveDate;
use sqlx::PgConnection;

use super::begin_turn;
use crate::store::Stores;

/// Brings every span up to the rows of the days `[from, to)`.
pub(super) async fn roll(tx: &mut PgConnection, from: NaiveDate, to: NaiveDate) -> sqlx::Result<()> {
    // Days that are marked without a word of this were rolled up by an aggregator from before.
    sqlx::query!("select set_config('app.keeps_sales', 'on', true) as said").fetch_one(&mut *tx).await?;
    sqlx::query_file!("src/jobs/rollup/earners_move.sql", from, to).execute(&mut *tx).await?;
    sqlx::query!("delete from rollup_earner where lines = 0").execute(&mut *tx).await?;
    sqlx::query!("delete from rollup_sale where day >= $1 and day < $2", from, to).execute(&mut *tx).await?;
    sqlx::query_file!("src/jobs/rollup/sales.sql", from, to).execute(tx).await?;
    Ok(())
}

/// Adds up what was earned for spans that lack it. Leaves it to another aggregator that has the turn.
pub(super) async fn keep(stores: &Stores) -> anyhow::Result<()> {
    while is_missing(stores).await.context("cannot ask which spans lack earnings")? {
        let Some(mut tx) = begin_turn(stores).await? else { return Ok(()) };
        make(&mut tx).await.context("cannot keep what was earned over a span")?;
        tx.commit().await.context("cannot commit; it is done again")?;
    }
    Ok(())
}

async fn is_missing(stores: &Stores) -> sqlx::Result<bool> {
    sqlx::query_scalar!(
        r#"select exists (select from rollup_span where span_id not in (select span_id from rollup_earning)) as "is_missing!""#
    )
    .fetch_one(&stores.postgres)
    .await
}

/// One span, the shortest first.
async fn make(tx: &mut PgConnection) -> sqlx::Result<()> {
    let span = sqlx::query!(
        "insert into rollup_earning (span_id)
         select span_id from rollup_span where span_id not in (select span_id from rollup_earning)
         order by to_day - from_day limit 1
         returning span_id, (select from_day from rollup_span s where s.span_id = rollup_earning.span_id) as \"from_day!\",
                   (select to_day from rollup_span s where s.span_id = rollup_earning.span_id) as \"to_day!\""
    )
    .fetch_optional(&mut *tx)
    .await?;
    let Some(span) = span else { return Ok(()) };
    sqlx::query_file!("src/jobs/rollup/earners.sql", span.span_id, span.from_day, span.to_day)
        .execute(tx)
        .await?;
    Ok(())
}
