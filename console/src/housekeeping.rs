//! What is thrown away after a while: sessions that ended, failures that are forgiven, answers that nobody asks for again.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use runtime::{Shutdown, clock};
use sqlx::PgPool;
use tracing::warn;

use crate::auth::session::{ABSOLUTE, IDLE};

/// How often to look.
const EVERY: Duration = Duration::from_mins(15);
/// How long an answer is kept for its `Idempotency-Key`.
pub const KEPT_ANSWERS: TimeDelta = TimeDelta::hours(24);
/// How long failures are kept: well past their memory and the longest wait.
const FAILURES: TimeDelta = TimeDelta::hours(3);

/// Throws away until the shutdown.
pub async fn run(pool: PgPool, shutdown: Shutdown) -> anyhow::Result<()> {
    while shutdown.sleep(EVERY).await {
        if let Err(error) = sweep(&pool, clock::system_time().into()).await {
            warn!(%error, "what is old cannot be thrown away");
        }
    }
    Ok(())
}

/// Throws away what is old now.
pub async fn sweep(pool: &PgPool, now: DateTime<Utc>) -> sqlx::Result<()> {
    sqlx::query!(
        "delete from session where last_seen_at <= $1 or created_at <= $2",
        now - IDLE,
        now - ABSOLUTE
    )
    .execute(pool)
    .await?;
    sqlx::query!("delete from sign_in_failure where first_at < $1", now - FAILURES).execute(pool).await?;
    sqlx::query!("delete from idempotency_key where created_at < $1", now - KEPT_ANSWERS)
        .execute(pool)
        .await?;
    Ok(())
}
