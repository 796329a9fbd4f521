//! Import: counting what a dead machine's journal holds and Postgres lacks, once, however often it is imported.
//!
//! It goes the edge's own way: `apply`, which adds an interval only where Redis's bucket ends, and a flush, which adds
//! a bucket only where Postgres ends. Nothing else is compared and nothing is remembered, so that it may be stopped at
//! any moment and begun again, beside running edges and aggregators.

mod goal;
mod send;

use std::fmt;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use common::flush::Watermark;
use common::ids::Lane;
use common::wire::lane_folder;
use tracing::info;

use self::goal::Goal;
use crate::jobs::flush::{flush_all, watermarks};
use crate::journal::{LaneFolder, lock_lanes};
use crate::store::Stores;

/// Rounds that may pass without Postgres counting anything: one is lost when another aggregator has just taken the
/// bucket, or Redis begins again at the watermark. More than a few mean that somebody works against us.
const FRUITLESS_ROUNDS: u32 = 20;
/// Between two rounds: what another aggregator needs to bring its bucket home.
const PAUSE: Duration = Duration::from_millis(500);

/// What came of an import.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Imported {
    /// Lanes in the folder.
    pub lanes: u64,
    /// Clicks in them; Postgres has counted every one.
    pub clicks: u64,
    /// Those of them that it had not counted when the import began.
    pub lacking: u64,
}

impl fmt::Display for Imported {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { lanes, clicks, lacking } = self;
        write!(f, "{clicks} clicks in {lanes} lanes are counted; {lacking} were not before")
    }
}

/// Brings every record below a journal's root to Postgres. Returns when Postgres has all of them.
pub async fn import_journal(stores: &Stores, root: &Path) -> anyhow::Result<Imported> {
    let lanes = lock_lanes(root)?;
    // What Redis already holds of them goes first: then what is lacking is what the journal alone has.
    flush(stores).await?;
    let mut imported = Imported::default();
    for folder in &lanes {
        let place = lane_folder(folder.lane);
        let lane = import_lane(stores, folder).await.with_context(|| format!("cannot import {place}"))?;
        info!(place, clicks = lane.clicks, lacking = lane.lacking, "imported a lane");
        imported.lanes += 1;
        imported.clicks += lane.clicks;
        imported.lacking += lane.lacking;
    }
    Ok(imported)
}

async fn import_lane(stores: &Stores, folder: &LaneFolder) -> anyhow::Result<Imported> {
    let mut counted = counted(stores, folder.lane).await?;
    let goal = Goal::survey(folder, stores.partitions, &counted)?;
    let mut fruitless = 0;
    while !goal.is_reached(&counted)? {
        ensure!(
            fruitless < FRUITLESS_ROUNDS,
            "Postgres has counted nothing of it for {fruitless} rounds: see the aggregators' logs"
        );
        send::send(stores, folder, &counted).await?;
        flush(stores).await?;
        let now = self::counted(stores, folder.lane).await?;
        if now == counted {
            fruitless += 1;
            tokio::time::sleep(PAUSE).await;
        } else {
            (counted, fruitless) = (now, 0);
        }
    }
    Ok(Imported { lanes: 1, clicks: goal.clicks, lacking: goal.lacking })
}

/// How far Postgres has counted a lane, for each partition.
async fn counted(stores: &Stores, lane: Lane) -> anyhow::Result<Vec<Watermark>> {
    let mut postgres = stores.postgres.acquire().await.context("cannot reach Postgres")?;
    let mut counted = Vec::with_capacity(usize::from(stores.partitions.count()));
    for partition in stores.partitions.iter() {
        let lanes = watermarks(&mut postgres, partition).await?;
        counted.push(lanes.get(&lane).copied().unwrap_or_default());
    }
    Ok(counted)
}

async fn flush(stores: &Stores) -> anyhow::Result<()> {
    match flush_all(stores).await.failed.into_iter().next() {
        Some((_, error)) => Err(error.context("cannot flush; what was sent is safe: import again")),
        None => Ok(()),
    }
}
