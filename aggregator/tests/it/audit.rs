//! The audit finds every kind of damage, and names it.

use aggregator::audit::audit;

use crate::edge::Edge;
use crate::flush::drain;
use crate::world::World;

/// The questions about clicks; those about money have damages of their own.
pub(crate) const COUNTED: [&str; 8] = [
    "clicks_are_batches",
    "clicks_are_counted",
    "lanes_without_gap",
    "batches_as_claimed",
    "claims_are_clicks",
    "hours_are_platforms",
    "hours_are_origins",
    "visits_are_estimated",
];

#[tokio::test]
async fn every_planted_damage_is_found() {
    let world = World::new().await;
    let mut edge = Edge::new(0);
    for _ in 0..3 {
        edge.clicks(120);
        drain(&world, &[&edge]).await;
    }
    world.audit().await;
    let one = |table: &str| format!("ctid = (select min(ctid) from {table})");
    let damages = [
        ("update flush_partition set clicks = clicks + 1 where part = 0".to_owned(), "clicks = its pruned clicks"),
        (format!("update click_hourly set filtered_clicks = filtered_clicks + 1 where {}", one("click_hourly")), "all hours"),
        (
            "delete from flush_batch where (part, upto[1]) in (select part, min(upto[1]) from flush_batch group by part
             offset 0) or upto[1] = (select min(upto[1]) from flush_batch)".to_owned(),
            "clicks = its pruned clicks",
        ),
        ("update flush_batch set base[1] = base[1] - 1 where base[1] > 0".to_owned(), "without a gap"),
        ("update flush_watermark set seq = seq + 1 where part = 0".to_owned(), "without a gap"),
        ("update flush_batch set claimed = claimed - 1 where part = 0".to_owned(), "journals claim"),
        ("update flush_watermark set claim = claim + 1 where part = 0".to_owned(), "claims = its clicks"),
        (format!("delete from click_daily_platform where {}", one("click_daily_platform")), "by platform"),
        (format!("update click_daily_origin set human_clicks = human_clicks - 1 where {}", one("click_daily_origin")), "by origin"),
        (format!("delete from visit_daily where {}", one("visit_daily")), "unique visits"),
        (format!("update visit_daily set estimate = 0 where {}", one("visit_daily")), "unique visits"),
    ];
    world.back_up().await;
    for (damage, named) in damages {
        world.sql(&damage).await;
        let findings = audit(&world.stores).await.expect("asked");
        let found = findings.iter().any(|f| f.violations != 0 && f.invariant.contains(named));
        assert!(found, "{damage}: {findings:?}");
        world.restore().await;
        world.audit().await;
    }
}
