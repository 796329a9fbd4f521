//! What every way in shares: how many transactions are open at once, and the call that wakes the aggregator.

use std::sync::Arc;
use std::time::Duration;

use common::time::Millis;
use runtime::clock;
use sqlx::PgPool;
use tokio::sync::{Notify, Semaphore};

use super::assign::{Report, Tenant};
use super::draft::Draft;
use super::programme;
use super::write::{Source, Written, write};
use crate::db;
use crate::problem::Failure;

/// Transactions at once: as many as there are connections, less a few that look up keys meanwhile.
const MAX_TRANSACTIONS: usize = db::MAX_INTAKE as usize - 4;

/// How long a report waits for its turn. Beyond that it is better sent again than kept in a queue that only grows.
const TURN: Duration = Duration::from_secs(1);

/// The door, shared by all requests.
#[derive(Clone, Debug)]
pub struct Door {
    pool: PgPool,
    turns: Arc<Semaphore>,
    written: Arc<Notify>,
}

/// What became of one draft.
pub(super) type Fate = Result<(Report, Written), Failure>;

impl Door {
    /// A door that writes through `pool`.
    pub fn new(pool: PgPool) -> Self {
        let turns = Arc::new(Semaphore::new(MAX_TRANSACTIONS));
        Self { pool, turns, written: Arc::new(Notify::new()) }
    }

    /// Rings whenever something was written down that counts.
    pub fn written(&self) -> Arc<Notify> {
        self.written.clone()
    }

    /// Writes drafts down and says for each, in order, what became of it. What failed before stays failed.
    pub(super) async fn take_in(
        &self,
        tenant: Tenant,
        source: Source,
        drafts: Vec<Result<Draft, Failure>>,
    ) -> Result<Vec<Fate>, Failure> {
        let turn = tokio::time::timeout(TURN, self.turns.acquire()).await;
        let Ok(Ok(_turn)) = turn else { return Err(Failure::Overloaded) };
        let now = Millis(clock::now_ms());
        let fates = self.written_down(tenant, source, drafts, now).await.map_err(Failure::writing)?;
        if fates.iter().any(|fate| matches!(fate, Ok((_, Written::Accepted)))) {
            self.written.notify_one();
        }
        Ok(fates)
    }

    async fn written_down(
        &self,
        tenant: Tenant,
        source: Source,
        drafts: Vec<Result<Draft, Failure>>,
        now: Millis,
    ) -> sqlx::Result<Vec<Fate>> {
        let mut conn = self.pool.acquire().await?;
        let vendor = match tenant {
            Tenant::Programme => return programme::take_in(&mut conn, source, drafts, now).await,
            Tenant::Vendor(vendor) => vendor,
        };
        let report = |draft: Result<Draft, Failure>| Report::of_vendor(vendor, &draft?, now);
        let reports: Vec<Result<Report, Failure>> = drafts.into_iter().map(report).collect();
        let good: Vec<&Report> = reports.iter().flatten().collect();
        let mut written = write(&mut conn, vendor, source, &good, now).await?.into_iter();
        let fate = |report: Result<Report, Failure>| {
            report.map(|report| (report, written.next().expect("one for each good report")))
        };
        Ok(reports.into_iter().map(fate).collect())
    }
}
