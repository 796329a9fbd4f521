//! Tells the aggregator that orders wait for it.
//!
//! Never inside the transaction that wrote them: NOTIFY takes a lock on the whole server's queue at commit, and posters
//! would wait for each other. A notification that is lost costs the aggregator's next look, a second later.

use std::time::Duration;

use runtime::Shutdown;
use sqlx::PgPool;
use tokio::sync::Notify;

/// Notifications at most this often: a person does not notice, and a burst of orders is one.
const PAUSE: Duration = Duration::from_millis(20);

/// Sends what [`Notify`] collects until the shutdown.
pub async fn run(pool: PgPool, written: std::sync::Arc<Notify>, shutdown: Shutdown) -> anyhow::Result<()> {
    loop {
        tokio::select! {
            () = written.notified() => {}
            () = shutdown.stopping() => return Ok(()),
        }
        if let Err(error) = sqlx::query("notify order_due").execute(&pool).await {
            tracing::debug!(%error, "cannot wake the aggregator; it looks for itself every second");
        }
        if !shutdown.sleep(PAUSE).await {
            return Ok(());
        }
    }
}
