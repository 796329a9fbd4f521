//! Sending a lane's records to Redis, as its edge would have.

use anyhow::Context as _;
use common::flush::Watermark;
use common::ids::{Lane, Partition, Seq};
use common::ship::{Answer, Batch, Call, Cursor, Hit};
use common::wire::{PartitionKeys, Record, script};
use redis::AsyncCommands as _;

use crate::journal::LaneFolder;
use crate::store::{RedisConnection, Stores};

/// One partition of the lane.
struct Part {
    keys: PartitionKeys,
    cursor: Cursor,
    /// Where the next call begins.
    from: Seq,
    batch: Batch,
    /// All records of the lane up to the end of the batch.
    claim: u64,
    /// Redis stands elsewhere than it said: the next round asks again.
    refused: bool,
}

/// Reads the lane once and sends what Redis lacks. Where it does not know the lane, it begins where Postgres has just
/// said it stands; if that is no longer true, the flush finds a conflict and sets Redis right.
pub(super) async fn send(stores: &Stores, folder: &LaneFolder, counted: &[Watermark]) -> anyhow::Result<()> {
    let (lane, partitions) = (folder.lane, stores.partitions);
    let mut redis = stores.redis.connection().await?;
    let mut parts = Vec::with_capacity(counted.len());
    for (partition, counted) in partitions.iter().zip(counted) {
        parts.push(Part::ask(&mut redis, lane, partition, *counted).await?);
    }
    for segment in folder.segments()? {
        let mut claims = segment.header.claims.clone();
        for record in segment.records()? {
            let record = record?;
            let partition = record.link.partition(partitions);
            let p = usize::from(partition.0);
            claims[p] += 1;
            if !parts[p].admit(&record) {
                parts[p].send(&mut redis, lane, partition).await?;
                parts[p].admit(&record);
            }
            parts[p].claim = claims[p];
        }
    }
    for (partition, part) in partitions.iter().zip(&mut parts) {
        part.send(&mut redis, lane, partition).await?;
    }
    Ok(())
}

impl Part {
    async fn ask(
        redis: &mut RedisConnection,
        lane: Lane,
        partition: Partition,
        counted: Watermark,
    ) -> anyhow::Result<Self> {
        let keys = PartitionKeys::new(partition);
        let end: Option<u64> =
            redis.hget(&keys.end, lane.0).await.context("cannot ask Redis where the lane stands")?;
        let cursor = end.map_or(Cursor::Missing, |end| Cursor::At(Seq(end)));
        let from = end.map_or(counted.seq, Seq);
        Ok(Self { keys, cursor, from, batch: Batch::default(), claim: 0, refused: false })
    }

    /// Adds the record unless Redis has it. `false`: the batch must be sent first.
    fn admit(&mut self, record: &Record) -> bool {
        record.seq <= self.from || self.refused || self.batch.push(&Hit::from(record))
    }

    async fn send(
        &mut self,
        redis: &mut RedisConnection,
        lane: Lane,
        partition: Partition,
    ) -> anyhow::Result<()> {
        if self.batch.records() == 0 {
            return Ok(());
        }
        let call = Call {
            lane,
            partition,
            from: self.from,
            to: self.batch.to(),
            opens_lane: self.cursor.opens_lane(),
            claim: self.claim,
            records: self.batch.records(),
        };
        let mut command = redis::cmd("EVAL");
        command.arg(script::APPLY);
        call.write(&self.keys, self.batch.sums(), |argument| _ = command.arg(argument));
        let (kind, seq): (String, String) =
            command.query_async(redis).await.context("cannot send; import again")?;
        let answer = Answer::parse(&kind, &seq).context("apply gave an unknown answer")?;
        self.refused = answer != Answer::Counted(call.to);
        self.cursor = self.cursor.after(answer);
        self.from = call.to;
        self.batch.clear();
        Ok(())
    }
}
