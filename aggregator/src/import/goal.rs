//! How far Postgres must have counted for a lane's journal to be imported.

use anyhow::ensure;
use common::flush::Watermark;
use common::ids::Partitions;

use crate::journal::LaneFolder;

/// What a lane's folder holds.
#[derive(Debug)]
pub(super) struct Goal {
    /// For each partition its last record, and all records the lane had up to it.
    ends: Vec<Watermark>,
    /// How many records there are.
    pub(super) clicks: u64,
    /// How many of them were not counted.
    pub(super) lacking: u64,
}

impl Goal {
    /// Reads the folder once.
    pub(super) fn survey(
        folder: &LaneFolder,
        partitions: Partitions,
        counted: &[Watermark],
    ) -> anyhow::Result<Self> {
        let mut goal = Self { ends: vec![Watermark::default(); counted.len()], clicks: 0, lacking: 0 };
        for segment in folder.segments()? {
            ensure!(
                segment.header.partitions == partitions,
                "{} was written for {} partitions, not {}: it is of another programme",
                segment.path.display(),
                segment.header.partitions.count(),
                partitions.count()
            );
            let mut claims = segment.header.claims.clone();
            for record in segment.records()? {
                let record = record?;
                let p = usize::from(record.link.partition(partitions).0);
                claims[p] += 1;
                goal.clicks += 1;
                goal.lacking += u64::from(record.seq > counted[p].seq);
                goal.ends[p] = Watermark { seq: record.seq, claim: claims[p] };
            }
        }
        Ok(goal)
    }

    /// Whether all of it is counted. Fails when Postgres has counted another journal of the same lane meanwhile: then
    /// nobody can tell any more what of this one it lacks.
    pub(super) fn is_reached(&self, counted: &[Watermark]) -> anyhow::Result<bool> {
        for (end, counted) in self.ends.iter().zip(counted) {
            let another = counted.seq.epoch() > end.seq.epoch() && counted.claim < end.claim;
            ensure!(
                !another,
                "another journal of this lane has been counted since: an edge was started with the same edge id and an \
                 empty journal. What this one still holds cannot be told from what was counted"
            );
        }
        Ok(self.ends.iter().zip(counted).all(|(end, counted)| counted.seq >= end.seq))
    }
}
