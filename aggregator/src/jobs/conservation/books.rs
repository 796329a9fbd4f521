//! The arithmetic of the conservation law, for one partition at one moment.

use std::collections::BTreeMap;

use anyhow::Context as _;
use common::flush::{Span, Verdict, judge};
use common::ids::{Lane, Seq};
use redis::{FromRedisValue, from_redis_value};

use crate::jobs::flush::Watermarks;

/// Clicks, by where they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Books {
    /// What the journals say they handed over, up to where Redis ends.
    pub claimed: u64,
    /// In Redis and not yet in Postgres.
    pub redis: u64,
    /// In Postgres.
    pub postgres: u64,
}

impl Books {
    /// Claimed but nowhere (positive), or counted without a claim (negative). Zero, or the books are wrong.
    pub fn difference(&self) -> i64 {
        self.claimed.cast_signed() - (self.redis + self.postgres).cast_signed()
    }

    pub(super) fn plus(self, other: &Self) -> Self {
        Self {
            claimed: self.claimed + other.claimed,
            redis: self.redis + other.redis,
            postgres: self.postgres + other.postgres,
        }
    }
}

/// A partition's two buckets, as Redis had them at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RedisView {
    /// The journals' running totals at the end of the active bucket.
    pub claim: BTreeMap<Lane, u64>,
    /// Where the active bucket begins.
    pub base: BTreeMap<Lane, Seq>,
    /// Clicks in the active bucket.
    pub clicks: u64,
    /// The sealed bucket's intervals; empty without one.
    pub sealed: Vec<Span>,
    /// Clicks in the sealed bucket.
    pub sealed_clicks: u64,
}

impl RedisView {
    /// Reads the reply of `look.lua`. `None`: a bucket was too large to add up.
    pub(super) fn read(reply: Vec<redis::Value>) -> anyhow::Result<Option<Self>> {
        type Vector = BTreeMap<u16, u64>;
        let mut reply = reply.into_iter();
        let (claim, base): (Vector, Vector) = (next(&mut reply)?, next(&mut reply)?);
        let clicks: i64 = next(&mut reply)?;
        let (end, sealed_base, sealed_claim): (Vector, Vector, Vector) =
            (next(&mut reply)?, next(&mut reply)?, next(&mut reply)?);
        let sealed_clicks: i64 = next(&mut reply)?;
        let of = |vector: &Vector, lane: u16| vector.get(&lane).copied().unwrap_or(0);
        let span = |(&lane, &end): (&u16, &u64)| Span {
            lane: Lane(lane),
            base: Seq(of(&sealed_base, lane)),
            end: Seq(end),
            claim: of(&sealed_claim, lane),
        };
        let (Ok(clicks), Ok(sealed_clicks)) = (u64::try_from(clicks), u64::try_from(sealed_clicks)) else {
            return Ok(None);
        };
        Ok(Some(Self {
            claim: claim.into_iter().map(|(lane, claim)| (Lane(lane), claim)).collect(),
            base: base.into_iter().map(|(lane, seq)| (Lane(lane), Seq(seq))).collect(),
            clicks,
            sealed: end.iter().map(span).collect(),
            sealed_clicks,
        }))
    }

    /// The books against what Postgres has. `None`: the two do not follow from one another at this moment, because a
    /// reset is due; a flush will see to it.
    pub fn books(&self, watermarks: &Watermarks, postgres: u64) -> Option<Books> {
        let mut counted = watermarks.clone();
        let mut redis = self.clicks;
        if !self.sealed.is_empty() {
            match judge(&self.sealed, watermarks) {
                Verdict::Apply(next) => {
                    counted.extend(next);
                    redis += self.sealed_clicks;
                }
                Verdict::Duplicate => {}
                Verdict::Conflict => return None,
            }
        }
        let follows =
            |(lane, base): (&Lane, &Seq)| counted.get(lane).copied().unwrap_or_default().seq == *base;
        self.base.iter().all(follows).then_some(())?;
        let mut claims: BTreeMap<Lane, u64> =
            watermarks.iter().map(|(lane, mark)| (*lane, mark.claim)).collect();
        claims.extend(&self.claim);
        Some(Books { claimed: claims.values().sum(), redis, postgres })
    }
}

fn next<T: FromRedisValue>(reply: &mut impl Iterator<Item = redis::Value>) -> anyhow::Result<T> {
    from_redis_value(reply.next().context("the look is too short")?).context("the look cannot be read")
}

#[cfg(test)]
mod tests {
    use common::flush::Watermark;

    use super::*;

    const A: Lane = Lane(64);
    const B: Lane = Lane(65);

    fn marks(of: &[(Lane, u64, u64)]) -> Watermarks {
        of.iter().map(|&(lane, seq, claim)| (lane, Watermark { seq: Seq(seq), claim })).collect()
    }

    /// Lane A at 100 (claim 100) sealed up to 140 and active up to 150; Postgres has 100 or the sealed bucket too.
    fn view() -> RedisView {
        RedisView {
            claim: BTreeMap::from([(A, 150)]),
            base: BTreeMap::from([(A, Seq(140))]),
            clicks: 10,
            sealed: vec![Span { lane: A, base: Seq(100), end: Seq(140), claim: 140 }],
            sealed_clicks: 40,
        }
    }

    #[test]
    fn a_sealed_bucket_counts_until_postgres_has_it() {
        let waiting = view().books(&marks(&[(A, 100, 100), (B, 7, 7)]), 107).expect("consistent");
        assert_eq!(waiting, Books { claimed: 157, redis: 50, postgres: 107 });
        let committed = view().books(&marks(&[(A, 140, 140), (B, 7, 7)]), 147).expect("consistent");
        assert_eq!(committed, Books { claimed: 157, redis: 10, postgres: 147 });
        assert_eq!((waiting.difference(), committed.difference()), (0, 0));
    }

    #[test]
    fn an_emptied_redis_leaves_what_postgres_has() {
        let books = RedisView::default().books(&marks(&[(A, 140, 140)]), 140).expect("consistent");
        assert_eq!((books.claimed, books.difference()), (140, 0));
    }

    #[test]
    fn before_a_reset_there_is_nothing_to_compare() {
        assert_eq!(view().books(&marks(&[(A, 90, 90)]), 90), None);
        let unsealed = RedisView { sealed: Vec::new(), ..view() };
        assert_eq!(unsealed.books(&marks(&[(A, 100, 100)]), 100), None);
    }

    #[test]
    fn a_lost_click_shows() {
        let lost = RedisView { clicks: 9, ..view() };
        assert_eq!(lost.books(&marks(&[(A, 100, 100)]), 100).expect("consistent").difference(), 1);
    }
}
