//! Old batches are folded, and the books stay right.

use aggregator::jobs::prune::{KEEP_BATCHES, prune};
use chrono::{TimeDelta, Utc};
use runtime::clock;

use crate::edge::Edge;
use crate::flush::drain;
use crate::world::World;

#[tokio::test]
async fn old_batches_are_folded_once() {
    let world = World::new().await;
    let mut edge = Edge::new(0);
    for _ in 0..3 {
        edge.clicks(100);
        drain(&world, &[&edge]).await;
    }
    let now = chrono::DateTime::<Utc>::from(clock::system_time());
    assert_eq!(prune(&world.stores, now).await.expect("pruned"), 0, "all of them are new");
    assert_eq!(world.number("select count(*) from flush_batch").await, 6);

    // The two oldest of each partition pass the limit.
    world
        .sql(
            "update flush_batch set committed_at = committed_at - interval '31 days'
             where (part, upto[1]) not in (select part, max(upto[1]) from flush_batch group by part)",
        )
        .await;
    assert_eq!(prune(&world.stores, now).await.expect("pruned"), 4);
    assert_eq!(prune(&world.stores, now).await.expect("pruned"), 0, "nothing is left to do");
    assert_eq!(world.number("select count(*) from flush_batch").await, 2);
    assert!(world.number("select sum(pruned_clicks) from flush_partition").await > 0);
    Edge::assert_counted(&[&edge], &world).await;

    // Counting goes on, and one day the rest is old too.
    edge.clicks(100);
    drain(&world, &[&edge]).await;
    let later = now + KEEP_BATCHES + TimeDelta::minutes(1);
    assert_eq!(prune(&world.stores, later).await.expect("pruned"), 4);
    Edge::assert_counted(&[&edge], &world).await;
}

#[tokio::test]
async fn the_tally_of_affiliates_is_right_whatever_happens_and_is_put_together() {
    let world = World::new().await;
    let now = chrono::DateTime::<Utc>::from(clock::system_time());
    let ensure = async |pending: i64, approved: i64, rejected: i64| {
        world.audit().await;
        for (status, wanted) in [("pending", pending), ("approved", approved), ("rejected", rejected)] {
            let sum = format!(
                "select coalesce(sum(affiliates), 0)::bigint from affiliate_tally where status = '{status}'"
            );
            assert_eq!(world.number(&sum).await, wanted, "{status}");
        }
    };
    let before = world.number("select count(*) from affiliate where status = 'approved'").await;
    world
        .sql(
            "insert into affiliate (username, name, status) \
             select 'tallied' || n, 'Tally Example', case when n <= 6 then 'pending' else 'approved' end \
             from generate_series(1, 10) n",
        )
        .await;
    ensure(6, before + 4, 0).await;
    world
        .sql(
            "update affiliate set status = 'approved', approved_at = now() where username in ('tallied1', 'tallied2'); \
             update affiliate set status = 'rejected', rejection_reason = 'no' where username = 'tallied3'; \
             update affiliate set name = 'Other Example' where username like 'tallied%'; \
             delete from affiliate_standing where affiliate_id = (select affiliate_id from affiliate where username = 'tallied4'); \
             delete from affiliate where username = 'tallied4'",
        )
        .await;
    ensure(2, before + 6, 1).await;
    // One statement that moves one there and another back leaves the sums alone.
    world
        .sql(
            "update affiliate set rejection_reason = case status when 'pending' then 'no' end, \
                                  status = case status when 'pending' then 'rejected' else 'pending' end \
             where username in ('tallied3', 'tallied5')",
        )
        .await;
    ensure(2, before + 6, 1).await;
    prune(&world.stores, now).await.expect("pruned");
    ensure(2, before + 6, 1).await;
    assert_eq!(world.number("select count(*) from affiliate_tally").await, 3, "one line for each");
}
