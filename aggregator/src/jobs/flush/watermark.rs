//! What Postgres has counted, lane by lane.

use std::collections::BTreeMap;

use anyhow::Context as _;
use common::flush::Watermark;
use common::ids::{Lane, Partition, Seq};
use sqlx::PgConnection;

/// How far each lane of a partition is counted.
pub type Watermarks = BTreeMap<Lane, Watermark>;

/// Holds the partition for the rest of the transaction: one aggregator at a time judges and adds.
pub async fn lock_partition(tx: &mut PgConnection, partition: Partition) -> anyhow::Result<()> {
    let part = partition.0.cast_signed();
    sqlx::query_scalar!("select part from flush_partition where part = $1 for update", part)
        .fetch_optional(tx)
        .await
        .context("cannot lock the partition")?
        .with_context(|| format!("Postgres has no partition {part}: run `aggregator migrate`"))?;
    Ok(())
}

/// How far the partition is counted.
pub async fn watermarks(postgres: &mut PgConnection, partition: Partition) -> anyhow::Result<Watermarks> {
    let part = partition.0.cast_signed();
    let rows = sqlx::query!("select lane, seq, claim from flush_watermark where part = $1", part)
        .fetch_all(postgres)
        .await
        .context("cannot read the watermark")?;
    let mark =
        |seq: i64, claim: i64| Watermark { seq: Seq(seq.cast_unsigned()), claim: claim.cast_unsigned() };
    Ok(rows.into_iter().map(|row| (Lane(row.lane as u16), mark(row.seq, row.claim))).collect())
}

/// Moves the watermark of the lanes in `next`, and of no other.
pub(super) async fn advance(
    tx: &mut PgConnection,
    partition: Partition,
    next: &Watermarks,
) -> anyhow::Result<()> {
    let lanes: Vec<i32> = next.keys().map(|lane| i32::from(lane.0)).collect();
    let seqs: Vec<i64> = next.values().map(|mark| mark.seq.0.cast_signed()).collect();
    let claims: Vec<i64> = next.values().map(|mark| mark.claim.cast_signed()).collect();
    sqlx::query!(
        "insert into flush_watermark (part, lane, seq, claim)
         select $1, lane, seq, claim from unnest($2::integer[], $3::bigint[], $4::bigint[]) as moved (lane, seq, claim)
         on conflict (part, lane) do update set seq = excluded.seq, claim = excluded.claim",
        partition.0.cast_signed(),
        &lanes,
        &seqs,
        &claims
    )
    .execute(tx)
    .await
    .context("cannot move the watermark")?;
    Ok(())
}
