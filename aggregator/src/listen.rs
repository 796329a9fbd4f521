//! Listen: Postgres says when there is something to do, and the job that does it wakes at once.
//!
//! A notification is a hint and may be lost with the connection; every job that is woken also looks by itself.

use std::sync::Arc;
use std::time::Duration;

use runtime::Shutdown;
use sqlx::postgres::PgListener;
use tokio::sync::Notify;
use tracing::warn;

use crate::store::Stores;

/// Before listening again after the connection broke.
const LISTEN_AGAIN: Duration = Duration::from_millis(500);

/// Wakes a job on every notification of `channel`, and after every gap in listening, until told to stop.
pub(crate) async fn listen(
    stores: Stores,
    channel: &'static str,
    woken: Arc<Notify>,
    shutdown: Shutdown,
) -> anyhow::Result<()> {
    while !shutdown.is_stopping() {
        let heard = async {
            let mut listener = PgListener::connect_with(&stores.postgres).await?;
            listener.listen(channel).await?;
            loop {
                // Whatever happened before we listened, or while the connection was gone, is seen to now.
                woken.notify_one();
                listener.try_recv().await?;
            }
        };
        let broken: sqlx::Error = tokio::select! {
            heard = heard => match heard { Ok(never) => never, Err(error) => error },
            () = shutdown.stopping() => return Ok(()),
        };
        warn!(channel, "cannot listen, asking every second instead: {broken}");
        shutdown.sleep(LISTEN_AGAIN).await;
    }
    Ok(())
}
