//! The usual spans, kept by link and by group (migration 17), so that a ranking of a million links reads a few rows.
//!
//! A span is made in the same turn as days are rolled up, and only of days that are; Postgres lets go of it when one of
//! them is rolled up anew. So a span that is there is right unless one of its days is stale, and readers look at that.

use anyhow::Context as _;
use chrono::NaiveDate;
use sqlx::PgConnection;

use super::{Kind, Span, begin_turn};
use crate::store::Stores;

/// Makes the spans that are missing, lets go of those nobody asks for any more. Leaves it to another aggregator
/// that has the turn.
pub(super) async fn keep(stores: &Stores) -> anyhow::Result<()> {
    let wanted = wanted(stores).await.context("cannot ask which spans are to be kept")?;
    let kept = kept(stores).await.context("cannot ask which spans are kept")?;
    let mut missing = 0_u32;
    for span in wanted.iter().filter(|span| !kept.contains(span)) {
        let Some(mut tx) = begin_turn(stores).await? else { return Ok(()) };
        let is_made = make(&mut tx, *span)
            .await
            .with_context(|| format!("cannot keep the clicks of {} to {}", span.0, span.1))?;
        tx.commit().await.context("cannot commit; it is done again")?;
        missing += u32::from(!is_made);
    }
    metrics::gauge!("aggregator_rollup_missing_spans").set(missing);
    let is_obsolete = |span: &&Span| missing == 0 && !wanted.contains(span);
    for (from, to) in kept.iter().filter(is_obsolete) {
        sqlx::query!("delete from rollup_span where from_day = $1 and to_day = $2", from, to)
            .execute(&stores.postgres)
            .await
            .context("cannot let go of a span")?;
    }
    Ok(())
}

async fn wanted(stores: &Stores) -> sqlx::Result<Vec<Span>> {
    let rows = sqlx::query_file!("src/jobs/rollup/spans.sql", Kind::Clicks.settled_minutes())
        .fetch_all(&stores.postgres)
        .await?;
    let mut spans: Vec<Span> = rows.into_iter().map(|row| (row.from_day, row.to_day)).collect();
    spans.sort_unstable();
    spans.dedup(); // on some days this month is the last seven
    Ok(spans)
}

async fn kept(stores: &Stores) -> sqlx::Result<Vec<Span>> {
    let rows = sqlx::query!("select from_day, to_day from rollup_span").fetch_all(&stores.postgres).await?;
    Ok(rows.into_iter().map(|row| (row.from_day, row.to_day)).collect())
}

/// False: one of its days is not rolled up, or has changed since.
async fn make(tx: &mut PgConnection, (from, to): (NaiveDate, NaiveDate)) -> sqlx::Result<bool> {
    let span =
        sqlx::query_file_scalar!("src/jobs/rollup/new_span.sql", from, to).fetch_optional(&mut *tx).await?;
    let Some(span) = span else { return Ok(false) };
    sqlx::query_file!("src/jobs/rollup/links.sql", span, from, to).execute(&mut *tx).await?;
    sqlx::query_file!("src/jobs/rollup/groups.sql", span).execute(tx).await?;
    Ok(true)
}
