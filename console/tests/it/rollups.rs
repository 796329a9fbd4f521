//! Reports say the same to everybody whether days are rolled up or not, and at every moment in between.

use std::fmt::Debug;

use chrono::{DateTime, Days, NaiveDate, NaiveTime, TimeDelta, Utc};
use runtime::clock;
use sqlx::AssertSqlSafe;

use crate::people::{For, Person};
use crate::support::World;

/// What `aggregator once rollup` runs of clicks by the hour, and of days.
const HOURS: &str = include_str!("../../../aggregator/src/jobs/rollup/clicks.sql");
const ROLLUPS: [&str; 3] = [
    include_str!("../../../aggregator/src/jobs/rollup/splits.sql"),
    include_str!("../../../aggregator/src/jobs/rollup/orders.sql"),
    include_str!("../../../aggregator/src/jobs/rollup/sales.sql"),
];

const KEPT: [&str; 3] = [
    include_str!("../../../aggregator/src/jobs/rollup/links.sql"),
    include_str!("../../../aggregator/src/jobs/rollup/groups.sql"),
    include_str!("../../../aggregator/src/jobs/rollup/earners.sql"),
];

const NOW: &str = include_str!("../../../aggregator/src/jobs/rollup/now.sql");

/// The first day that is not rolled up yet.
pub(crate) fn today() -> NaiveDate {
    (DateTime::<Utc>::from(clock::system_time()) - TimeDelta::hours(2)).date_naive()
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

/// When a day begins.
fn midnight(day: NaiveDate) -> DateTime<Utc> {
    day.and_time(NaiveTime::MIN).and_utc()
}

/// Rolls up the days before today, and today until one o'clock: what happened at noon is kept, what happened at three is not.
pub(crate) async fn roll_up(world: &World) {
    let (from, to) = (today() - Days::new(20), today());
    world
        .run(
            "truncate rollup_click, rollup_split, rollup_visit, rollup_order, rollup_sale, rollup_day, rollup_stale, rollup_span, \
             rollup_today cascade",
        )
        .await;
    add_up(world, midnight(from), midnight(to)).await;
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
            "begin; set local app.keeps_sales = 'on'; \
             insert into rollup_day select kind, day::date, now() from (values ('clicks'), ('orders')) k (kind), \
             generate_series('{from}'::timestamp, '{to}'::timestamp - interval '1 day', '1 day') as d (day); \
             commit"
        ))
        .await;
    unite(world, from, to).await;
    keep(world, today() - Days::new(6), to).await;
    keep_today(world, midnight(to) + TimeDelta::hours(13)).await;
}

/// Adds clicks up by the hour.
async fn add_up(world: &World, from: DateTime<Utc>, to: DateTime<Utc>) {
    let hours = sqlx::query(HOURS).bind(from).bind(to).execute(&world.owner).await;
    assert!(hours.expect("added up").rows_affected() > 0);
}

/// Keeps the hours of today before `until`.
async fn keep_today(world: &World, until: DateTime<Utc>) {
    let (day, begins) = (today(), midnight(today()));
    add_up(world, begins, until).await;
    let made = "insert into rollup_today (day, until, made_at) values ($1, $2, now())";
    sqlx::query(made).bind(day).bind(until).execute(&world.owner).await.expect("a day");
    world
        .run(&format!(
            "insert into rollup_span (from_day, to_day, made_at) values ('{day}', '{day}', now()); \
             insert into rollup_current select span_id, to_day from rollup_span where to_day = '{day}'"
        ))
        .await;
    let kept = sqlx::query(NOW).bind(begins).bind(until).execute(&world.owner).await;
    assert!(kept.expect("today is kept").rows_affected() > 0);
}

/// Keeps a span for rankings.
async fn keep(world: &World, from: NaiveDate, to: NaiveDate) {
    let span = "insert into rollup_span (from_day, to_day, made_at) values ($1, $2, now()) returning span_id";
    let span: i32 =
        sqlx::query_scalar(span).bind(from).bind(to).fetch_one(&world.owner).await.expect("a span");
    let links = sqlx::query(KEPT[0]).bind(span).bind(from).bind(to).execute(&world.owner).await;
    assert!(links.expect("links are kept").rows_affected() > 0);
    let groups = sqlx::query(KEPT[1]).bind(span).execute(&world.owner).await;
    assert!(groups.expect("groups are kept").rows_affected() > 0);
    let earning =
        sqlx::query("insert into rollup_earning values ($1)").bind(span).execute(&world.owner).await;
    earning.expect("what was earned is kept");
    let earners = sqlx::query(KEPT[2]).bind(span).bind(from).bind(to).execute(&world.owner).await;
    earners.expect("earners are kept");
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
pub(crate) async fn everybody(world: &World) -> Vec<(For, Person)> {
    let mut people = Vec::new();
    for whom in
        [For::Programme("finance"), For::Vendor(1), For::Vendor(2), For::Affiliate(1), For::Affiliate(2)]
    {
        people.push((whom, world.signed_in(whom).await));
    }
    people
}

/// Figures of the programme: of days, and of hours within them.
fn figures() -> Vec<String> {
    let (from, to, last) = (today() - Days::new(6), today() + Days::new(1), today());
    let (hour, next) = (today() - Days::new(3), today() - Days::new(2));
    vec![
        format!("/v1/reports/summary?from={from}T00:00:00Z&to={to}T00:00:00Z"),
        format!("/v1/reports/summary?from={hour}T05:00:00Z&to={next}T13:00:00Z&granularity=hour"),
        format!("/v1/reports/breakdown?by=browser&from={from}&to={to}"),
        format!("/reports/csv?by_what=country&from={from}&through={last}"),
        format!("/reports/csv?by_what=device&from={from}&through={last}"),
        format!("/reports/csv?by_what=time&from={from}&through={last}"),
    ]
}

/// Who and what brought most.
fn rankings() -> Vec<String> {
    let (from, last) = (today() - Days::new(6), today());
    let mut paths = vec![format!("/v1/reports/breakdown?by=product&sort=filtered&from={from}")];
    for by in ["link", "affiliate", "vendor", "product"] {
        for order in ["human", "filtered", "revenue"] {
            paths.push(format!("/reports/csv?by_what={by}&sort={order}&from={from}&through={last}"));
        }
    }
    paths
}

/// What everybody is told there.
pub(crate) async fn told(world: &World, people: &[(For, Person)], paths: &[String]) -> Vec<(String, String)> {
    let mut told = Vec::new();
    for (whom, person) in people {
        for path in paths {
            // Who is one of many in a report has no such report.
            match whom {
                For::Vendor(_) if path.contains("by_what=vendor") => continue,
                For::Affiliate(_) if path.contains("by_what=affiliate") || path.contains("by=affiliate") => {
                    continue;
                }
                _ => {}
            }
            let answer = world.get_as(person, path).await;
            assert_eq!(answer.status, 200, "{whom:?} {path}: {}", answer.body);
            told.push((format!("{whom:?} {path}"), answer.body));
        }
    }
    told
}

/// Fails with the first that differs.
pub(crate) fn same<T: PartialEq + Debug>(told: &[(String, T)], before: &[(String, T)], why: &str) {
    assert_eq!(told.len(), before.len());
    for ((what, told), (_, before)) in told.iter().zip(before) {
        assert_eq!(told, before, "{why}: {what}");
    }
}

/// Fails where rows that are gone were read for others than affiliates, or were not read for these.
fn only_own_differ(before: &[(String, String)], after: &[(String, String)]) {
    for ((what, before), (_, after)) in before.iter().zip(after) {
        let is_own = what.starts_with("Affiliate");
        let has_none = !before.contains(char::is_numeric);
        assert!(
            has_none || is_own != (before == after),
            "{what}: an affiliate's own rows are read, others' are added up"
        );
    }
}

#[tokio::test]
async fn reports_are_the_same_of_rolled_up_days_of_changed_ones_and_without_somebody() {
    let world = busy().await;
    let people = everybody(&world).await;
    let paths = [figures(), rankings()].concat();
    let told = async || told(&world, &people, &paths).await;
    let by_row = told().await;
    assert!(by_row.iter().all(|(_, body)| body.contains(char::is_numeric)));
    roll_up(&world).await;
    same(&told().await, &by_row, "rolled up");

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
    let opened = told().await;
    assert_ne!(opened, by_row, "the late click is told");
    world.run("truncate rollup_day").await;
    same(&told().await, &opened, "as without any rollup");
    roll_up(&world).await;
    same(&told().await, &opened, "and as with all");

    // So does one of today, of an hour that was kept.
    let day = today();
    world
        .run(&format!(
            "update click_hourly set human_clicks = human_clicks + 3 where link_id = 1 and hour = '{day} 12:00Z'; \
             update click_daily_platform set human_clicks = human_clicks + 3 where link_id = 1 and day = '{day}' and device = 1; \
             update click_daily_origin set human_clicks = human_clicks + 3 where link_id = 1 and day = '{day}' and country > 0; \
             insert into rollup_stale (kind, day) values ('clicks', '{day}')"
        ))
        .await;
    let early = opened;
    let opened = told().await;
    assert_ne!(opened, early, "the late click of today is told");
    roll_up(&world).await;
    same(&told().await, &opened, "and so it is when today is kept anew");

    // Whoever is switched off leaves at once, and so it stays when the days were rolled up anew.
    world.run("update affiliate set is_active = false where affiliate_id = 2").await;
    let without = told().await;
    assert_ne!(without, opened);
    let own = opened.iter().position(|(what, _)| what.starts_with("Affiliate(2)")).expect("asked");
    assert!(without[own..] == opened[own..], "the affiliate's own figures stay");
    roll_up(&world).await;
    same(&told().await, &without, "rolled up without somebody");
    world.run("update affiliate set is_active = true where affiliate_id = 2").await;
    same(&told().await, &opened, "with everybody again");
}

#[tokio::test]
async fn a_rolled_up_day_is_read_and_not_its_rows() {
    let world = busy().await;
    let people = everybody(&world).await;
    roll_up(&world).await;
    let before = told(&world, &people, &figures()).await;
    assert!(before.iter().all(|(_, body)| body.contains(char::is_numeric)), "nobody is told nothing");
    let day = today() - Days::new(2);
    // Nobody says so, and nobody may: that is what makes the difference visible.
    world
        .run(&format!(
            "delete from click_hourly where (hour at time zone 'UTC')::date = '{day}'; \
             delete from click_daily_platform where day = '{day}'; delete from click_daily_origin where day = '{day}'; \
             delete from visit_daily where day = '{day}'; delete from order_daily where day = '{day}'"
        ))
        .await;
    only_own_differ(&before, &told(&world, &people, &figures()).await);
}

#[tokio::test]
async fn kept_hours_of_today_are_read_and_not_their_rows_until_one_changes() {
    let world = busy().await;
    let people = everybody(&world).await;
    let mut paths = rankings();
    paths.retain(|path| path.contains("sort=human"));
    // A report of today alone begins with what is kept.
    let (from, to) = (today(), today() + Days::new(1));
    paths.push(format!("/v1/reports/summary?from={from}T00:00:00Z&to={to}T00:00:00Z&granularity=hour"));
    paths.push(format!("/reports/csv?by_what=affiliate&sort=human&from={from}&through={from}"));
    roll_up(&world).await;
    let before = told(&world, &people, &paths).await;
    // Nobody says so, and nobody may: that is what makes the difference visible.
    world.run(&format!("delete from click_hourly where hour = '{from} 12:00Z'")).await;
    only_own_differ(&before, &told(&world, &people, &paths).await);
    world.run(&format!("insert into rollup_stale (kind, day) values ('clicks', '{from}')")).await;
    for ((what, before), (_, after)) in before.iter().zip(&told(&world, &people, &paths).await) {
        assert!(before != after || !before.contains(char::is_numeric), "{what}: rows are read again");
    }
}

#[tokio::test]
async fn a_kept_span_is_read_and_not_its_rows_until_one_of_its_days_changes() {
    let world = busy().await;
    let people = everybody(&world).await;
    let mut paths = rankings();
    paths.retain(|path| path.contains("sort=human"));
    roll_up(&world).await;
    let before = told(&world, &people, &paths).await;
    let day = today() - Days::new(2);
    // Nobody says so, and nobody may: that is what makes the difference visible.
    world.run(&format!("delete from click_hourly where (hour at time zone 'UTC')::date = '{day}'")).await;
    only_own_differ(&before, &told(&world, &people, &paths).await);
    world.run(&format!("select rollup_touch('clicks', array['{day}'::date])")).await;
    for ((what, before), (_, after)) in before.iter().zip(&told(&world, &people, &paths).await) {
        assert!(before != after, "{what}: its rows are read again");
    }
}

/// Sixty links, most of them with few clicks before today and some with more today: the first few come from both.
#[tokio::test]
async fn the_first_few_are_the_same_from_kept_spans() {
    let world = World::with_programme().await;
    // The page says which seven days are shown.
    let now = DateTime::<Utc>::from(clock::system_time()).date_naive();
    let (from, noon) = (now - Days::new(6), format!("{} 12:00Z", now - Days::new(2)));
    world
        .run(&format!(
            "insert into link (code, vendor_id, affiliate_id, destination) \
             select 'many-' || lpad(n::text, 3, '0'), 1, 1 + n % 2, 'https://shop.example.com/' from generate_series(1, 60) n; \
             insert into click_hourly select link_id, '{noon}', 1 + link_id % 7, link_id % 3 from link; \
             insert into click_hourly select link_id, date_trunc('day', now()), link_id % 5, 4 - link_id % 5 from link where link_id % 4 = 0"
        ))
        .await;
    let people = everybody(&world).await;
    let paths = ["/", "/links?range=7d", "/reports?range=7d&by_what=link", "/v1/reports/links?limit=100"]
        .map(str::to_owned);
    let addresses = async || {
        let mut found = Vec::new();
        for (what, body) in told(&world, &people, &paths).await {
            let links = body.split("href=\"/links/").skip(1).filter_map(|rest| rest.split('"').next());
            found.push((what, links.map(str::to_owned).collect::<Vec<_>>(), body.matches("many-").count()));
        }
        found
    };
    let by_row = addresses().await;
    assert!(by_row[1].1.len() > 20, "{by_row:?}");
    keep(&world, from, now).await;
    assert_eq!(addresses().await, by_row);
}

/// Sixty links that are clicked about alike before today, in today's kept hours and since; some in one of them alone.
pub(crate) async fn alike() -> World {
    let world = World::with_programme().await;
    let (day, ago) = (today(), today() - Days::new(3));
    world
        .run(&format!(
            "insert into link (code, vendor_id, affiliate_id, destination) \
             select 'many-' || lpad(n::text, 3, '0'), 1 + (n % 5 in (1, 2))::int, 1 + (n % 5 > 0)::int, 'https://shop.example.com/' \
             from generate_series(1, 60) n; \
             insert into click_hourly select link_id, '{ago} 12:00Z', 2 + link_id * 7 % 5, link_id % 3 from link where link_id % 7 > 0; \
             insert into click_hourly select link_id, '{day} 12:00Z', link_id * 11 % 6, 1 + link_id % 2 from link where link_id % 3 > 0; \
             insert into click_hourly select link_id, '{day} 15:00Z', link_id * 13 % 4, 1 from link where link_id % 4 = 0"
        ))
        .await;
    world
}

/// The codes on the first page and on all that follow it.
async fn walked(world: &World, person: &Person, first: &str) -> Vec<String> {
    let (mut codes, mut next) = (Vec::new(), Some(first.to_owned()));
    while let Some(path) = next {
        let answer = world.get_as(person, &path).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.body);
        let links =
            answer.body.split("href=\"/links/").skip(1).filter_map(|rest| rest.split(['"', '?']).next());
        codes.extend(links.filter(|code| code.starts_with("many-")).map(str::to_owned));
        next = answer.next_page();
    }
    codes
}

#[tokio::test]
async fn pages_of_ranked_links_are_the_same_from_what_is_kept() {
    let world = alike().await;
    let people = everybody(&world).await;
    let mut lists = Vec::new();
    for from in [today() - Days::new(6), today()] {
        for of in ["", "&sort=filtered", "&q=many-0", "&q=many-02&sort=filtered"] {
            lists.push(format!("/links?from={from}&through={}{of}", today()));
        }
    }
    let walks = async || {
        let mut found = Vec::new();
        for (whom, person) in &people {
            for first in &lists {
                found.push((format!("{whom:?} {first}"), walked(&world, person, first).await));
            }
        }
        found
    };
    let by_row = walks().await;
    assert_eq!(by_row[0].1.len(), 60, "{by_row:?}");
    keep(&world, today() - Days::new(6), today()).await;
    same(&walks().await, &by_row, "with the days before");
    keep_today(&world, midnight(today()) + TimeDelta::hours(13)).await;
    same(&walks().await, &by_row, "with today's hours, too");
}
