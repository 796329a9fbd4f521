//! Today's finished hours (migration 21), so that a report of a busy day reads an hour or so of rows, and not all since midnight. The
//! spans that end where today begins get them added on top (migration 23).
//!
//! What is kept is made anew each hour, when one of its hours has changed, and when a span lacks it. When the day is over it is
//! rolled up as any other, and Postgres lets go of what was kept of it.

use anyhow::Context as _;
use chrono::{DateTime, NaiveDate, Utc};
use sqlx::PgConnection;

use super::{Kind, begin_turn, midnight};
use crate::store::Stores;

/// A day, and where its finished hours end.
struct Finished {
    day: NaiveDate,
    until: DateTime<Utc>,
}

/// Keeps the finished hours, if an hour ended or changed since they were kept. Leaves it to another aggregator that has the
/// turn.
pub(super) async fn keep(stores: &Stores) -> anyhow::Result<()> {
    let mut conn = stores.postgres.acquire().await.context("cannot reach Postgres")?;
    if due(&mut conn).await?.is_none() {
        return Ok(());
    }
    drop(conn);
    let Some(mut tx) = begin_turn(stores).await? else { return Ok(()) };
    // Whoever had the turn before may have done it.
    let Some(finished) = due(&mut tx).await? else { return Ok(()) };
    make(&mut tx, &finished).await.context("cannot keep today's finished hours")?;
    tx.commit().await.context("cannot commit; it is done again")
}

async fn due(conn: &mut PgConnection) -> anyhow::Result<Option<Finished>> {
    sqlx::query_file_as!(Finished, "src/jobs/rollup/today.sql", Kind::Clicks.settled_minutes())
        .fetch_optional(conn)
        .await
        .context("cannot ask which hours of today are to be kept")
}

/// In one snapshot, as for whole days: a change it does not see left a line that it does not see either, and that line stays.
async fn make(tx: &mut PgConnection, &Finished { day, until }: &Finished) -> sqlx::Result<()> {
    let begins = midnight(day);
    sqlx::query!("delete from rollup_today").execute(&mut *tx).await?;
    sqlx::query!("delete from rollup_click where hour >= $1", begins).execute(&mut *tx).await?;
    sqlx::query_file!("src/jobs/rollup/clicks.sql", begins, until).execute(&mut *tx).await?;
    sqlx::query!("insert into rollup_today (day, until, made_at) values ($1, $2, now())", day, until)
        .execute(&mut *tx)
        .await?;
    sqlx::query!(
        "insert into rollup_current (span_id, day) select span_id, to_day from rollup_span where to_day = $1",
        day
    )
    .execute(&mut *tx)
    .await?;
    sqlx::query_file!("src/jobs/rollup/now.sql", begins, until).execute(&mut *tx).await?;
    sqlx::query!("delete from rollup_stale where kind = 'clicks' and day = $1", day).execute(tx).await?;
    Ok(())
}
