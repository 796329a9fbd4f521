//! The clock of the rare jobs.
//!
//! The scheduler only rings: it would run a slow job beside itself, and its shutdown waits for nobody. Each job has its
//! own loop, which hears one ring however often it rang meanwhile.

use std::sync::Arc;

use anyhow::Context as _;
use tokio::sync::Notify;
use tokio_cron_scheduler::{Job, JobScheduler};

use crate::jobs::convert::Bells;

/// Prune daily, 03:17 UTC (seconds first): when few people click, and not on the hour like everybody else.
const PRUNE: &str = "0 17 3 * * *";

/// Recent links every minute, off the minute.
const CONVERT: &str = "23 * * * * *";
/// All links nightly, 03:47 UTC, after the prune.
const CONVERT_ALL: &str = "0 47 3 * * *";

/// Rings for as long as it lives.
pub(crate) struct Schedule {
    /// Rings when old batches should be folded.
    pub(crate) prune: Arc<Notify>,
    /// Rings when conversion rates should be worked out.
    pub(crate) convert: Bells,
    scheduler: JobScheduler,
}

impl Schedule {
    /// Starts the clock.
    pub(crate) async fn start() -> anyhow::Result<Self> {
        let scheduler = JobScheduler::new().await.context("cannot start the scheduler")?;
        let (prune, convert) = (Arc::new(Notify::new()), Bells::default());
        for (time, bell) in [(PRUNE, &prune), (CONVERT, &convert.recent), (CONVERT_ALL, &convert.all)] {
            let bell = bell.clone();
            scheduler.add(Job::new(time, move |_, _| bell.notify_one())?).await?;
        }
        scheduler.start().await.context("cannot start the scheduler")?;
        Ok(Self { prune, convert, scheduler })
    }

    /// Stops the clock. The jobs stop by themselves.
    pub(crate) async fn stop(mut self) {
        if let Err(error) = self.scheduler.shutdown().await {
            tracing::warn!("the scheduler does not stop: {error}");
        }
    }
}
