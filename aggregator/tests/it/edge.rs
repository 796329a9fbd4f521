//! An edge in memory: a journal that is never lost, and a shipper that speaks the real script.

use std::collections::BTreeMap;

use common::ids::{Lane, LinkId, Partition, Seq};
use common::time::{Day, Hour};
use common::traffic::{Browser, Channel, Country, Device, Os};
use common::wire::{Count, PartitionKeys, Stamps, script};
use redis::AsyncCommands as _;

use crate::world::{World, partitions};

/// Records in one call.
const BATCH: usize = 500;
const SKETCH_TTL_MS: u64 = 72 * 3_600_000;

/// A click in the journal. `visitor` is `None` for a program.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Click {
    pub(crate) seq: Seq,
    pub(crate) link: LinkId,
    pub(crate) hour: Hour,
    pub(crate) visitor: Option<u64>,
}

pub(crate) struct Edge {
    pub(crate) lane: Lane,
    pub(crate) journal: Vec<Click>,
}

/// What `apply` answered.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Shipped {
    Nothing,
    Counted,
    Stale,
}

impl Edge {
    pub(crate) fn new(slot: u16) -> Self {
        Self { lane: Lane::new(9, slot).expect("a slot"), journal: Vec::new() }
    }

    /// Writes a click into the journal.
    pub(crate) fn click(&mut self, link: LinkId, hour: Hour, visitor: Option<u64>) {
        let seq = Seq::new(7, self.journal.len() as u32 + 1);
        self.journal.push(Click { seq, link, hour, visitor });
    }

    /// Writes `n` clicks of different people and some programs, over some links of every partition.
    pub(crate) fn clicks(&mut self, n: u64) {
        for i in 0..n {
            let at = self.journal.len() as u64;
            let visitor = (i % 5 != 0).then_some(1 + at / 2);
            self.click(LinkId(1 + at % 7), Hour(495_000 + (at / 50 % 30) as u32), visitor);
        }
    }

    /// Sends everything Redis does not have of every partition.
    pub(crate) async fn ship_all(&self, world: &World) {
        for partition in partitions().iter() {
            while self.ship(world, partition).await != Shipped::Nothing {}
        }
    }

    /// Sends the next batch of a partition, from where Redis says it stands.
    pub(crate) async fn ship(&self, world: &World, partition: Partition) -> Shipped {
        let keys = PartitionKeys::new(partition);
        let mut redis = world.redis().await;
        let end: Option<u64> = redis.hget(&keys.end, self.lane.0).await.expect("Redis answers");
        self.ship_from(world, partition, end).await
    }

    /// Sends the batch after `end`; `None` opens the lane.
    pub(crate) async fn ship_from(&self, world: &World, partition: Partition, end: Option<u64>) -> Shipped {
        let ours = |click: &&Click| click.link.partition(partitions()) == partition;
        let from = end.unwrap_or(0);
        let batch: Vec<&Click> =
            self.journal.iter().filter(ours).filter(|click| click.seq.0 > from).take(BATCH).collect();
        let Some(last) = batch.last() else { return Shipped::Nothing };
        let claim = self.journal.iter().filter(ours).filter(|click| click.seq <= last.seq).count();
        let (mut counts, mut visitors) = (BTreeMap::new(), BTreeMap::new());
        for click in batch.iter().copied() {
            add(click, &mut counts, &mut visitors);
        }
        let keys = PartitionKeys::new(partition);
        let apply = redis::Script::new(script::APPLY);
        let mut call = apply.prepare_invoke();
        for key in [&keys.end, &keys.base, &keys.counts, &keys.claim] {
            call.key(key);
        }
        for (link, day) in visitors.keys() {
            call.key(keys.sketch(*link, *day));
        }
        call.arg(self.lane.0).arg(from).arg(last.seq.0).arg(u8::from(end.is_none())).arg(claim);
        // Everything with its number, nothing among those of one: both are the same to `apply`.
        call.arg(0).arg(counts.len()).arg(0).arg(visitors.len()).arg(SKETCH_TTL_MS);
        let (mut stamps, mut name) = (Stamps::default(), Vec::new());
        for (count, n) in &counts {
            count.write(&mut stamps, &mut name);
            call.arg(name.as_slice()).arg(*n);
        }
        for seen in visitors.values() {
            call.arg(seen.len()).arg(seen);
        }
        let (reply, _): (String, String) =
            call.invoke_async(&mut world.redis().await).await.expect("the script runs");
        match reply.as_str() {
            "OK" => Shipped::Counted,
            _ => Shipped::Stale,
        }
    }

    /// Every journalled click is counted once in Postgres, by link and hour, and all books agree.
    pub(crate) async fn assert_counted(edges: &[&Self], world: &World) {
        let mut expected: BTreeMap<(i64, i64), (i64, i64)> = BTreeMap::new();
        for click in edges.iter().flat_map(|edge| &edge.journal) {
            let at = expected.entry((click.link.0 as i64, i64::from(click.hour.0))).or_default();
            *(if click.visitor.is_some() { &mut at.0 } else { &mut at.1 }) += 1;
        }
        let rows: Vec<(i64, i64, i64, i64)> = sqlx::query_as(
            "select link_id, (extract(epoch from hour) / 3600)::bigint, human_clicks, filtered_clicks
             from click_hourly order by 1, 2",
        )
        .fetch_all(&mut world.owner().await)
        .await
        .expect("counts");
        let counted: BTreeMap<_, _> =
            rows.into_iter().map(|(link, hour, h, f)| ((link, hour), (h, f))).collect();
        assert_eq!(counted, expected);
        world.audit().await;
    }
}

fn add(click: &Click, counts: &mut BTreeMap<Count, u32>, visitors: &mut BTreeMap<(LinkId, Day), Vec<u64>>) {
    let (link, hour, day) = (click.link, click.hour, click.hour.day());
    let Some(visitor) = click.visitor else {
        *counts.entry(Count::Filtered(link, hour)).or_default() += 1;
        return;
    };
    let country = Country::parse("SE").expect("a country");
    let platform = Count::Platform(link, day, Device::default(), Browser::default(), Os::default());
    for count in [Count::Human(link, hour), platform, Count::Origin(link, day, country, Channel::default())] {
        *counts.entry(count).or_default() += 1;
    }
    visitors.entry((link, day)).or_default().push(visitor);
}
