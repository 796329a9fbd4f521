//! One token on many orders. This is the only thing that orders have to do with one another, so it needs some care to
//! come out the same whichever of them is settled first.

use std::collections::BTreeSet;

use anyhow::Context as _;
use common::fraud::Flag;
use sqlx::PgConnection;

use super::books::Outcome;
use crate::jobs::attribute::Attributed;

/// Beyond so many it does not matter how many orders a token has. More than a batch, so that the orders that came
/// before the one that was too many are always found.
pub(super) const COUNTED_ORDERS: i64 = 1_000;

/// Lets no two transactions count the orders of one token at the same time: neither would see the other's.
pub(super) async fn lock_tokens(tx: &mut PgConnection, attributed: &[Attributed]) -> anyhow::Result<()> {
    let clicks = attributed.iter().filter_map(|attributed| attributed.credit?.click);
    // Two tokens that meet in one number only wait for one another.
    let tokens: BTreeSet<i64> =
        clicks.map(|click| (click.seq.0 ^ u64::from(click.lane.0) << 47).cast_signed()).collect();
    if tokens.is_empty() {
        return Ok(());
    }
    sqlx::query!(
        "select pg_advisory_xact_lock(token) from unnest($1::bigint[]) as token",
        &tokens.into_iter().collect::<Vec<_>>()
    )
    .fetch_all(tx)
    .await
    .context("cannot lock tokens")?;
    Ok(())
}

/// Once an order is one too many for its token, the ones before it are too: they are settled again.
pub(super) async fn wake_siblings(tx: &mut PgConnection, outcomes: &[Outcome<'_>]) -> anyhow::Result<()> {
    let is_first = |outcome: &&Outcome<'_>| {
        outcome.orders_with_token < COUNTED_ORDERS.cast_unsigned()
            && outcome.raised.iter().any(|(flag, _)| *flag == Flag::TokenSpread)
    };
    let clicks: BTreeSet<(i32, i64)> = outcomes
        .iter()
        .filter(is_first)
        .filter_map(|outcome| outcome.credit?.click)
        .map(|click| (i32::from(click.lane.0), click.seq.0.cast_signed()))
        .collect();
    if clicks.is_empty() {
        return Ok(());
    }
    let (lanes, seqs): (Vec<i32>, Vec<i64>) = clicks.into_iter().unzip();
    sqlx::query_file!("src/jobs/settle/wake_siblings.sql", &lanes, &seqs)
        .execute(tx)
        .await
        .context("cannot wake the orders of a token")?;
    Ok(())
}
