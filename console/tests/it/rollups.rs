//! Reports say the same to everybody whether days are rolled up or not, and at every moment in between.

use chrono::{DateTime, Days, NaiveDate, TimeDelta, Utc};
use runtime::clock;
use sqlx::AssertSqlSafe;

use crate::people::{For, Person};
use crate::support::World;

/// What `aggregator once rollup` runs.
const ROLLUPS: [&str; 3] = [
    include_str!("../../../aggregator/src/jobs/rollup/clicks.sql"),
    include_str!("../../../aggregator/src/jobs/rollup/splits.sql"),
    include_str!("../../../aggregator/src/jobs/rollup/orders.sql"),
];

fn today() -> NaiveDate {
    DateTime::<Utc>::from(clock::system_time()).date_naive()
}

/// Clicks and visitors on each of the last days, on links of both affiliates and to both vendors, and orders.
async fn busy() -> World {
    let world = World::with_programme().await;
    for ago in 0..9_u64 {
        let day = today() - Days::new(ago);
        let noon = day.and_hms_opt(12, 0, 0).expect("a noon").and_utc();
        for link in 1..=5_i64 {
            let (human, filtered) = (link * 10 + ago as i64, link);
            world.clicks(link, noon, human, filtered).await;
            world.clicks(link, noon + TimeDelta::hours(3), 1, 0).await;
            world.visitors(link, day, link as u64 * 7..link as u64 * 7 + 12).await;
            world
                .run(&format!(
                    "insert into click_daily_platform values ({link}, '{day}', 1, 2, {link}, {human}), \
                                                             ({link}, '{day}', 2, 1, 1, 1); \
                     insert into click_daily_origin values ({link}, '{day}', {}, 1, {human}), ({link}, '{day}', 0, 2, 1); \
                     insert into order_daily values ({link}, '{day}', 'EUR', 1, {}, {link})",
                    link + 30,
                    human * 100
                ))
                .await;
        }
    }
    world
}

/// Rolls up the days before today.
async fn roll_up(world: &World) {
    let (from, to) = (today() - Days::new(20), today());
    world
        .run("truncate rollup_click, rollup_split, rollup_visit, rollup_order, rollup_day, rollup_stale")
        .await;
    for statement in ROLLUPS {
        sqlx::query(AssertSqlSafe(statement))
            .bind(from)
            .bind(to)
            .execute(&world.owner)
            .await
            .expect("rolled up");
    }
    world
        .run(&format!(
            "insert into rollup_day select kind, day::date, now() from (values ('clicks'), ('orders')) k (kind), \
             generate_series('{from}'::timestamp, '{to}'::timestamp - interval '1 day', '1 day') as d (day)"
        ))
        .await;
    unite(world, from, to).await;
}

/// The part of it that is not SQL.
async fn unite(world: &World, from: NaiveDate, to: NaiveDate) {
    use common::hll::Sketch;
    let rows: Vec<(NaiveDate, i64, Vec<u8>)> = sqlx::query_as(
        "select v.day, o.vendor_id, v.sketch from visit_daily v join link l using (link_id) join affiliate a using (affiliate_id) \
         cross join lateral (values (l.vendor_id), (0)) o (vendor_id) where a.is_active and v.day >= $1 and v.day < $2",
    )
    .bind(from)
    .bind(to)
    .fetch_all(&world.owner)
    .await
    .expect("sketches");
    let mut unions = std::collections::BTreeMap::<(i64, NaiveDate), Sketch>::new();
    for (day, vendor_id, sketch) in rows {
        let sketch = Sketch::from_redis(&sketch).expect("a sketch");
        unions.entry((vendor_id, day)).or_default().merge(&sketch);
    }
    for ((vendor_id, day), union) in unions {
        sqlx::query("insert into rollup_visit values ($1, $2, $3)")
            .bind(vendor_id)
            .bind(day)
            .bind(union.to_redis())
            .execute(&world.owner)
            .await
            .expect("united");
    }
}

/// One of everybody.
async fn everybody(world: &World) -> Vec<(For, Person)> {
    let mut people = Vec::new();
    for whom in
        [For::Programme("finance"), For::Vendor(1), For::Vendor(2), For::Affiliate(1), For::Affiliate(2)]
    {
        people.push((whom, world.signed_in(whom).await));
    }
    people
}

/// What everybody is told about the programme.
async fn told(world: &World, people: &[(For, Person)]) -> Vec<(String, String)> {
    let mut told = Vec::new();
    let (from, to) = (today() - Days::new(6), today() + Days::new(1));
    let last = today();
    let (hour, next) = (today() - Days::new(3), today() - Days::new(2));
    for (whom, person) in people {
        for path in [
            format!("/v1/reports/summary?from={from}T00:00:00Z&to={to}T00:00:00Z"),
            format!("/v1/reports/summary?from={hour}T05:00:00Z&to={next}T13:00:00Z&granularity=hour"),
            format!("/reports/csv?by_what=country&from={from}&through={last}"),
            format!("/reports/csv?by_what=device&from={from}&through={last}"),
            format!("/reports/csv?by_what=time&from={from}&through={last}"),
        ] {
            let answer = world.get_as(person, &path).await;
            assert_eq!(answer.status, 200, "{path}: {}", answer.body);
            told.push((format!("{whom:?} {path}"), answer.body));
        }
    }
    told
}

#[tokio::test]
async fn reports_are_the_same_of_rolled_up_days_of_changed_ones_and_without_somebody() {
    let world = busy().await;
    let people = everybody(&world).await;
    let by_row = told(&world, &people).await;
    assert!(by_row.iter().all(|(_, body)| body.contains(char::is_numeric)));
    roll_up(&world).await;
    assert_eq!(told(&world, &people).await, by_row);

    // A late click opens its day.
    let day = today() - Days::new(2);
    let late = format!(
        "update click_hourly set human_clicks = human_clicks + 5 where link_id = 1 and hour = '{day} 12:00Z'; \
         update click_daily_platform set human_clicks = human_clicks + 5 where link_id = 1 and day = '{day}' and device = 1; \
         update click_daily_origin set human_clicks = human_clicks + 5 where link_id = 1 and day = '{day}' and country > 0; \
         update order_daily set orders = 9 where link_id = 1 and day = '{day}'; \
         select rollup_touch('clicks', array['{day}'::date]); select rollup_touch('orders', array['{day}'::date]);"
    );
    world.run(&late).await;
    let opened = told(&world, &people).await;
    assert_ne!(opened, by_row, "the late click is told");
    world.run("truncate rollup_day").await;
    assert_eq!(told(&world, &people).await, opened, "as without any rollup");
    roll_up(&world).await;
    assert_eq!(told(&world, &people).await, opened, "and as with all");

    // Whoever is switched off leaves at once, and so it stays when the days were rolled up anew.
    world.run("update affiliate set is_active = false where affiliate_id = 2").await;
    let without = told(&world, &people).await;
    assert_ne!(without, opened);
    assert!(without[20..] == opened[20..], "the affiliate's own figures stay");
    roll_up(&world).await;
    assert_eq!(told(&world, &people).await, without);
    world.run("update affiliate set is_active = true where affiliate_id = 2").await;
    assert_eq!(told(&world, &people).await, opened);
}

#[tokio::test]
async fn a_rolled_up_day_is_read_and_not_its_rows() {
    let world = busy().await;
    let people = everybody(&world).await;
    roll_up(&world).await;
    let before = told(&world, &people).await;
    let day = today() - Days::new(2);
    // Nobody says so, and nobody may: that is what makes the difference visible.
    world
        .run(&format!(
            "delete from click_hourly where (hour at time zone 'UTC')::date = '{day}'; \
             delete from click_daily_platform where day = '{day}'; delete from click_daily_origin where day = '{day}'; \
             delete from visit_daily where day = '{day}'; delete from order_daily where day = '{day}'"
        ))
        .await;
    let after = told(&world, &people).await;
    for ((what, before), (_, after)) in before.iter().zip(&after) {
        let is_own = what.starts_with("Affiliate");
        assert!(is_own != (before == after), "{what}: an affiliate's own rows are read, others' days");
    }
}
