//! Convert: how many orders each link has for each human click, worked out from one snapshot.
//!
//! Links that something happens to are looked at every minute. Orders of long ago change too, by refunds and
//! cancellations; these show the next night.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use chrono::{DateTime, TimeDelta, Utc};
use runtime::{Shutdown, clock};
use sqlx::PgConnection;
use tokio::sync::Notify;

use crate::jobs::attempt;
use crate::store::Stores;

/// Links with clicks in the last hours, or orders of the days these lie in, are recent: longer than any pause
/// between two runs that nobody would look into.
const RECENT: TimeDelta = TimeDelta::hours(2);
/// After a failure: the next due time may be a day away.
const TRY_AGAIN: Duration = Duration::from_mins(1);

/// Which links to look at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Links {
    /// Those that something happened to lately.
    Recent,
    /// All that ever had a click or an order.
    All,
}

/// Rings for this job.
#[derive(Debug, Clone, Default)]
pub struct Bells {
    /// Every minute.
    pub recent: Arc<Notify>,
    /// Every night.
    pub all: Arc<Notify>,
}

/// Works out all links at the start and every night, recent ones in between, until told to stop.
pub async fn run(stores: Stores, due: Bells, shutdown: Shutdown) -> anyhow::Result<()> {
    let mut links = Links::All;
    loop {
        let converted = convert(&stores, links, clock::system_time().into());
        let failed = attempt("convert", "work out conversion rates", converted).await.is_none();
        links = tokio::select! {
            biased;
            () = shutdown.stopping() => return Ok(()),
            () = due.all.notified() => Links::All,
            () = tokio::time::sleep(TRY_AGAIN), if failed => links,
            () = due.recent.notified(), if !failed => Links::Recent,
        };
    }
}

/// Works out links' conversion rates at `now`. Returns how many.
pub async fn convert(stores: &Stores, links: Links, now: DateTime<Utc>) -> anyhow::Result<u64> {
    let mut tx = stores.postgres.begin().await.context("cannot reach Postgres")?;
    // All clicks of all links are added up at night.
    sqlx::query("set local statement_timeout = '1h'").execute(&mut *tx).await?;
    let converted = convert_within(&mut tx, links, now).await?;
    tx.commit().await.context("cannot commit; it is done again")?;
    metrics::counter!("aggregator_converted_links_total").increment(converted);
    Ok(converted)
}

/// The same in the caller's transaction.
pub async fn convert_within(tx: &mut PgConnection, links: Links, now: DateTime<Utc>) -> anyhow::Result<u64> {
    let since = match links {
        Links::Recent => now - RECENT,
        Links::All => DateTime::UNIX_EPOCH,
    };
    let converted = sqlx::query_file!("src/jobs/convert/convert.sql", since, now).execute(tx).await;
    Ok(converted.context("cannot work out conversion rates")?.rows_affected())
}
