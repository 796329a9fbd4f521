//! Rolled-up days are their rows, whatever changes, and whenever it is committed.

use std::time::Duration;

use aggregator::audit::audit;
use aggregator::jobs::flush::{add_counts, store_sketches};
use aggregator::jobs::rollup::rollup;
use chrono::{Days, NaiveDate, TimeDelta, Timelike as _, Utc};
use common::hll::Sketch;
use common::ids::LinkId;
use common::order::Kind;
use common::time::Millis;
use common::traffic::{Browser, Channel, Country, Device, Os};
use common::wire::Count;
use runtime::clock;
use sqlx::PgConnection;

use crate::shop::*;
use crate::world::World;

/// The questions about rollups; others have damages of their own.
pub(crate) const ROLLED: [&str; 6] = [
    "rollups_are_clicks",
    "rollups_are_splits",
    "rollups_are_orders",
    "rankings_are_clicks",
    "today_is_clicks",
    "earners_are_sales",
];

/// So long after its end an hour, and a day of clicks, is added up.
const SETTLED: TimeDelta = TimeDelta::minutes(20);
/// And a day of orders.
const SETTLED_ORDERS: TimeDelta = TimeDelta::hours(2);

/// The day that is not rolled up yet: today, or yesterday for a while.
fn open_day(settled: TimeDelta) -> NaiveDate {
    (chrono::DateTime::<Utc>::from(clock::system_time()) - settled).date_naive()
}

/// Noon of the day that was so many days before it.
fn noon(days_ago: u64) -> Millis {
    let noon = (open_day(SETTLED) - Days::new(days_ago)).and_hms_opt(12, 0, 0).expect("a noon");
    Millis(noon.and_utc().timestamp_millis().cast_unsigned())
}

fn date(days_ago: u64) -> NaiveDate {
    noon(days_ago).day().date()
}

/// That day at so many o'clock.
fn today(hour: u64) -> Millis {
    Millis(noon(0).0 - 12 * 60 * MINUTE).plus(Duration::from_hours(hour))
}

/// Adds clicks of a link as a flush does: by people, and one more by a program.
async fn click(tx: &mut PgConnection, link: LinkId, days_ago: u64, human: u64) {
    click_at(tx, link, noon(days_ago), human).await;
}

async fn click_at(tx: &mut PgConnection, link: LinkId, at: Millis, human: u64) {
    let (hour, day) = (at.hour(), at.day());
    let counts = [
        (Count::Human(link, hour), human),
        (Count::Filtered(link, hour), 1),
        (Count::Platform(link, day, Device::ALL[0], Browser::ALL[0], Os::ALL[0]), human),
        (Count::Origin(link, day, Country::UNKNOWN, Channel::ALL[0]), human),
    ];
    add_counts(tx, &counts).await.expect("counted");
    store_sketches(tx, &[(link, day, visitors(human))]).await.expect("stored");
}

fn visitors(people: u64) -> Sketch {
    let mut sketch = Sketch::new();
    (0..people).for_each(|person| sketch.insert(&person.to_le_bytes()));
    sketch
}

async fn clicked(world: &World, link: LinkId, days_ago: u64, human: u64) {
    let mut tx = world.stores.postgres.begin().await.expect("a transaction");
    click(&mut tx, link, days_ago, human).await;
    tx.commit().await.expect("committed");
}

/// Days that are read row by row.
async fn open(world: &World, kind: &str) -> Vec<NaiveDate> {
    let question = "select day::date from rollup_open($1, $2, $3) as open \
                    cross join lateral generate_series(begins::timestamp, ends::timestamp - interval '1 day', '1 day') d (day) order by 1";
    let until = open_day(if kind == "orders" { SETTLED_ORDERS } else { SETTLED });
    let days = sqlx::query_scalar(question).bind(kind).bind(date(9)).bind(until);
    days.fetch_all(&mut world.owner().await).await.expect("asked")
}

/// What the rollup asks about today.
const TODAY: &str = include_str!("../../src/jobs/rollup/today.sql");
/// Postgres' own upkeep may hold the table for a moment: then the turn is left to the next.
const TURNS: usize = 50;

async fn rolled_up(world: &World) {
    for _ in 0..TURNS {
        rollup(&world.stores).await.expect("rolled up");
        let due = sqlx::query(TODAY).bind(20_i32).fetch_optional(&mut world.owner().await).await;
        if due.expect("asked").is_none() && open(world, "orders").await.is_empty() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(open(world, "clicks").await, [], "nothing is left to do");
    assert_eq!(open(world, "orders").await, []);
    exact(world).await;
}

/// What the audit says of rolled-up days.
async fn exact(world: &World) {
    for finding in audit(&world.stores).await.expect("asked") {
        assert!(finding.violations == 0 || !ROLLED.contains(&finding.name), "{}", finding.invariant);
    }
}

/// Human clicks and people of the whole programme on a rolled-up day.
async fn day(world: &World, days_ago: u64) -> (i64, u64) {
    let clicks = format!(
        "coalesce((select sum(human_clicks) from rollup_click where vendor_id = 0 \
         and (hour at time zone 'UTC')::date = '{}'), 0)",
        date(days_ago)
    );
    let sketch: Option<Vec<u8>> =
        sqlx::query_scalar("select sketch from rollup_visit where vendor_id = 0 and day = $1")
            .bind(date(days_ago))
            .fetch_optional(&mut world.owner().await)
            .await
            .expect("asked");
    let people = sketch.map_or(0, |bytes| Sketch::from_redis(&bytes).expect("a sketch").estimate());
    (world.number(&clicks).await, people)
}

#[tokio::test]
async fn a_day_is_its_rows_whatever_changes_after_it() {
    let world = programme().await;
    for days_ago in 1..8 {
        clicked(&world, ADA, days_ago, 5).await;
        clicked(&world, BEN, days_ago, 3).await;
        clicked(&world, ADA_KETTLES, days_ago, 2).await;
    }
    clicked(&world, ADA, 0, 7).await;
    rolled_up(&world).await;
    assert_eq!(day(&world, 4).await, (10, 5), "people who followed several links are counted once");
    assert_eq!(
        day(&world, 0).await.1,
        0,
        "today is not over: its visitors are not united, whatever hours are kept"
    );

    clicked(&world, BEN, 4, 30).await;
    assert_eq!(open(&world, "clicks").await, [date(4)], "a late click opens its day alone");
    exact(&world).await;
    rolled_up(&world).await;
    assert_eq!(day(&world, 4).await, (40, 30));

    world.sql("update affiliate set is_active = false where affiliate_id = 2").await;
    assert_eq!(open(&world, "clicks").await.len(), 7, "the days of Ben's clicks");
    rolled_up(&world).await;
    assert_eq!(day(&world, 4).await, (7, 5), "who is switched off is left out");
    world.sql("update affiliate set is_active = true where affiliate_id = 2").await;
    rolled_up(&world).await;
    assert_eq!(day(&world, 4).await, (40, 30));

    world.sql("delete from link where link_id = 4").await;
    rolled_up(&world).await;
    assert_eq!(day(&world, 4).await.0, 40, "a deleted link's clicks are the programme's");
    assert_eq!(world.number("select count(*) from rollup_click where vendor_id = 2").await, 0);
}

#[tokio::test]
async fn what_commits_during_a_rollup_is_not_missed() {
    let world = programme().await;
    clicked(&world, ADA, 3, 5).await;
    let mut late = world.stores.postgres.begin().await.expect("a transaction");
    click(&mut late, BEN, 3, 4).await;
    rollup(&world.stores).await.expect("rolled up");
    assert_eq!(day(&world, 3).await, (5, 5));
    late.commit().await.expect("committed");
    assert_eq!(open(&world, "clicks").await, [date(3)]);
    exact(&world).await;
    rolled_up(&world).await;
    assert_eq!(day(&world, 3).await, (9, 5));
}

/// Human clicks of a link, an affiliate or a vendor on a day of the last seven, as rankings read them; `None` while nothing is
/// kept, or something has changed.
async fn kept(world: &World, by: &str, id: i64) -> Option<i64> {
    let question = "select coalesce((select human_clicks from rollup_link k where k.span_id = s.span_id and $1 = 'link' and k.link_id = $2), \
                                    (select human_clicks from rollup_group k where k.span_id = s.span_id and k.by = $1 and k.vendor_id = 0 and k.id = $2), 0)::bigint / (to_day - from_day) \
                    from rollup_span s where from_day = (now() at time zone 'UTC')::date - 6 \
                    and not exists (select from rollup_stale o where o.kind = 'clicks' and o.day >= s.from_day and o.day < s.to_day)";
    let kept = sqlx::query_scalar(question).bind(by).bind(id);
    kept.fetch_optional(&mut world.owner().await).await.expect("asked")
}

#[tokio::test]
async fn what_rankings_read_is_right_or_not_there() {
    let world = programme().await;
    for days_ago in 1..8 {
        clicked(&world, ADA, days_ago, 5).await;
        clicked(&world, ADA_KETTLES, days_ago, 2).await;
        clicked(&world, BEN, days_ago, 3).await;
    }
    rolled_up(&world).await;
    let spans = "select count(*) from rollup_span";
    assert!(world.number(spans).await >= 4, "weeks, months, a year");
    let of_a_day =
        [("link", ADA.0, 5), ("affiliate", 1, 7), ("affiliate", 2, 3), ("vendor", 1, 8), ("vendor", 2, 2)];
    for (by, id, clicks) in of_a_day {
        assert_eq!(kept(&world, by, id as i64).await, Some(clicks), "{by} {id}");
    }
    let made = "select (extract(epoch from max(made_at)) * 1000000)::bigint from rollup_span";
    let before = world.number(made).await;
    rolled_up(&world).await;
    assert_eq!(world.number(made).await, before, "nothing is made twice");

    for change in [
        "delete from link where link_id = 4",
        "update affiliate set is_active = false where affiliate_id = 2",
    ] {
        world.sql(change).await;
        assert_eq!(kept(&world, "affiliate", 1).await, None, "{change}: nobody may read it now");
        rolled_up(&world).await;
    }
    assert_eq!(kept(&world, "affiliate", 2).await, Some(0), "who is switched off is in no ranking");
    assert_eq!(kept(&world, "vendor", 2).await, Some(0), "nor is a deleted link");
    for days_ago in 1..7 {
        clicked(&world, ADA, days_ago, 100).await;
    }
    assert_eq!(kept(&world, "link", ADA.0 as i64).await, None);
    rolled_up(&world).await;
    assert_eq!(kept(&world, "link", ADA.0 as i64).await, Some(105));

    // A month later nobody asks for these days any more.
    world.sql("update rollup_span set from_day = from_day - 400, to_day = to_day - 400").await;
    rolled_up(&world).await;
    assert_eq!(world.number("select count(*) from rollup_span where to_day < current_date - 200").await, 0);
}

/// Human clicks by the link, or the affiliate or vendor, in the finished hours of today; `None` while nothing is kept, or
/// something has changed.
async fn kept_today(world: &World, by: &str, id: i64) -> Option<i64> {
    let question = "select coalesce((select human_clicks from rollup_now n where n.span_id = s.span_id and n.by = $1 and n.id = $2 \
                                     and n.vendor_id = 0 and n.is_counted), 0) \
                    from rollup_span s join rollup_current using (span_id) join rollup_today t using (day) \
                    where s.from_day = s.to_day \
                      and not exists (select from rollup_stale o where o.kind = 'clicks' and o.day = t.day)";
    let kept = sqlx::query_scalar(question).bind(by).bind(id);
    kept.fetch_optional(&mut world.owner().await).await.expect("asked")
}

/// How many hours of today are kept.
async fn hours_kept(world: &World) -> i64 {
    let hours = "extract(epoch from until - day::timestamp at time zone 'UTC')::bigint / 3600";
    world.number(&format!("coalesce((select {hours} from rollup_today), 0)")).await
}

/// One click on each of three links in every hour of today, also in those to come and in the first of the next day.
async fn busy_today(world: &World) {
    let mut tx = world.stores.postgres.begin().await.expect("a transaction");
    for hour in 0..25 {
        for link in [ADA, BEN, ADA_KETTLES] {
            click_at(&mut tx, link, today(hour), 1).await;
        }
    }
    tx.commit().await.expect("committed");
}

#[tokio::test]
async fn the_finished_hours_of_today_are_kept_and_right_or_not_there() {
    let world = programme().await;
    busy_today(&world).await;
    let before: chrono::DateTime<Utc> = clock::system_time().into();
    rolled_up(&world).await;
    let over = |now: chrono::DateTime<Utc>| i64::from((now - SETTLED).hour());
    let hours = hours_kept(&world).await;
    assert!([over(before), over(clock::system_time().into())].contains(&hours), "{hours} hours are over");
    if hours == 0 {
        return; // in the first hour of a day there is nothing to keep
    }
    for (by, id, clicks) in
        [("link", ADA.0, 1), ("affiliate", 1, 2), ("affiliate", 2, 1), ("vendor", 1, 2), ("vendor", 2, 1)]
    {
        assert_eq!(kept_today(&world, by, id as i64).await, Some(clicks * hours), "{by} {id}");
    }
    let made = "select extract(epoch from made_at)::bigint from rollup_today";
    let before = world.number(made).await;
    rolled_up(&world).await;
    assert_eq!(world.number(made).await, before, "nothing is made twice");

    let mut tx = world.stores.postgres.begin().await.expect("a transaction");
    click_at(&mut tx, ADA, Millis(clock::now_ms()), 7).await;
    tx.commit().await.expect("committed");
    assert_eq!(
        kept_today(&world, "link", ADA.0 as i64).await,
        Some(hours),
        "of this hour nothing is kept yet"
    );

    for change in [
        "select rollup_touch_hours(array[(select day::timestamp at time zone 'UTC' from rollup_today)])",
        "select rollup_touch('clicks', array(select day from rollup_today))",
        "update affiliate set is_active = false where affiliate_id = 2",
    ] {
        world.sql(change).await;
        assert_eq!(kept_today(&world, "affiliate", 1).await, None, "{change}: nobody may read it now");
        rolled_up(&world).await;
        assert_eq!(kept_today(&world, "affiliate", 1).await, Some(2 * hours_kept(&world).await));
    }
    assert_eq!(kept_today(&world, "affiliate", 2).await, Some(0), "who is switched off is in no ranking");
    assert_eq!(kept_today(&world, "link", BEN.0 as i64).await, Some(0), "nor are the links");

    world.sql("insert into rollup_day select 'clicks', day, now() from rollup_today").await;
    assert_eq!(
        kept_today(&world, "affiliate", 1).await,
        None,
        "a day that is rolled up has no hours of its own"
    );
}

#[tokio::test]
async fn what_commits_while_today_is_kept_is_not_missed() {
    let world = programme().await;
    busy_today(&world).await;
    let mut late = world.stores.postgres.begin().await.expect("a transaction");
    click_at(&mut late, ADA, today(0), 4).await;
    rollup(&world.stores).await.expect("rolled up");
    let Some(kept) = kept_today(&world, "link", ADA.0 as i64).await else {
        return; // in the first hour of a day there is nothing to keep
    };
    late.commit().await.expect("committed");
    assert_eq!(kept_today(&world, "link", ADA.0 as i64).await, None, "nobody may read it now");
    rolled_up(&world).await;
    let now = kept_today(&world, "link", ADA.0 as i64).await.expect("kept anew");
    assert!(now == kept + 4 || now == kept + 5, "{now} after {kept}: an hour may have ended meanwhile");
}

#[tokio::test]
async fn orders_of_old_days_change_and_are_rolled_up_anew() {
    let world = programme().await;
    let (ordered, now) = (noon(5).0, noon(1).0);
    for (n, link) in [(1, ADA), (2, ADA), (3, BEN)] {
        let clicks = [token(link, ordered - MINUTE - n)];
        report(&world, TEAPOTS, &placed(&format!("A-{n}"), ordered, 1_000, &clicks)).await;
    }
    settle(&world, now).await;
    rolled_up(&world).await;
    let revenue = "select sum(revenue_minor) from rollup_order where vendor_id = 1";
    assert_eq!(world.number(revenue).await, 3_000);
    report(&world, TEAPOTS, &event("A-1", Kind::Cancelled, now)).await;
    settle(&world, now).await;
    assert_eq!(open(&world, "orders").await, [date(5)]);
    assert_eq!(open(&world, "clicks").await, [], "clicks are none of an order's business");
    rolled_up(&world).await;
    assert_eq!(world.number(revenue).await, 2_000);
}

/// Orders and revenue of an affiliate over the last year, as rankings read them; `None` while nothing is kept.
async fn earned(world: &World, affiliate_id: i64) -> Option<(i64, i64)> {
    let question = "select coalesce(sum(e.orders), 0)::bigint, coalesce(sum(e.revenue_minor), 0)::bigint \
                    from rollup_span s join rollup_earning using (span_id) \
                    left join rollup_earner e on e.span_id = s.span_id and e.by = 'affiliate' and e.vendor_id = 0 and e.id = $1 \
                    where s.to_day - s.from_day > 300 group by s.span_id";
    let earned = sqlx::query_as(question).bind(affiliate_id);
    earned.fetch_optional(&mut world.owner().await).await.expect("asked")
}

#[tokio::test]
async fn what_was_earned_over_a_span_follows_the_orders_of_its_days() {
    let world = programme().await;
    let now = noon(1).0;
    for (order, days_ago, link) in [("A-1", 5, ADA), ("A-2", 4, ADA), ("B-1", 5, BEN)] {
        let ordered = noon(days_ago).0;
        report(&world, TEAPOTS, &placed(order, ordered, 1_000, &[token(link, ordered - MINUTE)])).await;
    }
    settle(&world, now).await;
    rolled_up(&world).await;
    let made = "select (extract(epoch from max(made_at)) * 1000000)::bigint from rollup_span";
    let before = world.number(made).await;
    assert_eq!(earned(&world, 1).await, Some((2, 2_000)));
    assert_eq!(earned(&world, 2).await, Some((1, 1_000)));

    report(&world, TEAPOTS, &event("A-1", Kind::Cancelled, now)).await;
    settle(&world, now).await;
    assert_eq!(earned(&world, 1).await, Some((2, 2_000)), "readers take the changed day away");
    rolled_up(&world).await;
    assert_eq!(earned(&world, 1).await, Some((1, 1_000)));
    assert_eq!(world.number(made).await, before, "no span was made anew");

    // Who is switched off earned nothing, as far as rankings go, and comes back with everything. Clicks let go of the span.
    world.sql("update affiliate set is_active = false where affiliate_id = 2").await;
    rolled_up(&world).await;
    assert_eq!(earned(&world, 2).await, Some((0, 0)));
    assert_eq!(world.number("select count(*) from rollup_earner where by = 'affiliate' and id = 2").await, 0);
    world.sql("update affiliate set is_active = true where affiliate_id = 2").await;
    rolled_up(&world).await;
    assert_eq!(earned(&world, 2).await, Some((1, 1_000)));

    // An aggregator from before knows nothing of it, and leaves nothing that is wrong.
    let day = date(5);
    world
        .sql(&format!("update rollup_day set rolled_at = now() where kind = 'orders' and day = '{day}'"))
        .await;
    assert_eq!(earned(&world, 1).await, None);
    assert_eq!(open(&world, "orders").await, [day]);
    rolled_up(&world).await;
    assert_eq!(earned(&world, 1).await, Some((1, 1_000)));
}

#[tokio::test]
async fn aggregators_that_roll_up_at_once_do_not_harm_each_other() {
    let world = programme().await;
    for days_ago in 1..8 {
        clicked(&world, ADA, days_ago, 5).await;
    }
    let others = [world.another_aggregator(), world.another_aggregator()];
    let (a, b, c) = tokio::join!(rollup(&world.stores), rollup(&others[0]), rollup(&others[1]));
    for rolled in [a, b, c] {
        rolled.expect("nobody fails");
    }
    rolled_up(&world).await;
}

#[tokio::test]
async fn every_planted_damage_is_found() {
    let world = programme().await;
    clicked(&world, ADA, 3, 5).await;
    busy_today(&world).await;
    let ordered = noon(5).0;
    report(&world, TEAPOTS, &placed("A-1", ordered, 1_000, &[token(ADA, ordered - MINUTE)])).await;
    settle(&world, noon(1).0).await;
    rolled_up(&world).await;
    // In the first hour of a day nothing of it is kept.
    let has_today = world.number("select count(*) from rollup_today").await > 0;
    for (damage, named) in [
        ("update rollup_click set human_clicks = human_clicks + 1 where vendor_id = 0", "rollups_are_clicks"),
        ("delete from rollup_click where vendor_id = 1", "rollups_are_clicks"),
        ("update click_hourly set filtered_clicks = 9 where link_id = 1", "rollups_are_clicks"),
        ("delete from rollup_split where split = 'country' and vendor_id = 1", "rollups_are_splits"),
        ("update rollup_link set human_clicks = human_clicks + 1", "rankings_are_clicks"),
        ("delete from rollup_group where by = 'affiliate' and vendor_id = 0", "rankings_are_clicks"),
        ("update rollup_group set filtered_clicks = 0 where by = 'product'", "rankings_are_clicks"),
        ("update rollup_now set human_clicks = human_clicks + 1 where by = 'link'", "today_is_clicks"),
        ("delete from rollup_now where by = 'vendor' and vendor_id = 0", "today_is_clicks"),
        (
            "delete from rollup_click using rollup_today where hour >= day::timestamp at time zone 'UTC'",
            "today_is_clicks",
        ),
        ("update rollup_order set commission_minor = commission_minor + 1", "rollups_are_orders"),
        ("delete from rollup_order where vendor_id = 0", "rollups_are_orders"),
        ("update rollup_sale set revenue_minor = revenue_minor + 1", "earners_are_sales"),
        ("delete from rollup_sale", "earners_are_sales"),
        ("update rollup_earner set orders = orders + 1 where by = 'product'", "earners_are_sales"),
        ("delete from rollup_earner where by = 'affiliate' and vendor_id = 0", "earners_are_sales"),
    ] {
        if named == "today_is_clicks" && !has_today {
            continue;
        }
        world.sql(damage).await;
        let findings = audit(&world.stores).await.expect("asked");
        let found: Vec<&str> = findings.iter().filter(|f| f.violations != 0).map(|f| f.name).collect();
        assert!(found.contains(&named), "{damage}: {found:?}");
        world
            .sql("update click_hourly set filtered_clicks = 1; truncate rollup_day; delete from rollup_today")
            .await;
        rolled_up(&world).await;
    }
}
