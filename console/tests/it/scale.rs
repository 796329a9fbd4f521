//! A programme of 100,000 links: pages stay quick, and every statement on the way goes by an index.

use crate::pace::quick;
use crate::support::World;

#[tokio::test]
async fn pages_of_a_hundred_thousand_links_stay_quick_and_go_by_an_index() {
    let world = World::with_programme().await;
    world.run(include_str!("scale.sql")).await;
    for path in [
        "/v1/reports/links?limit=100",
        "/v1/reports/links?limit=100&starting_after=wide-090000",
        "/v1/reports/links?limit=100&granularity=hour",
        "/links/wide-000100",
        "/links",
        "/links?sort=code",
        "/links?sort=newest",
        "/v1/links?limit=100",
    ] {
        let answer = quick(path, async || world.get(path).await).await;
        assert_eq!(answer.status, 200, "{path}");
    }
    let table = [
        (
            include_str!("../../src/report/buckets.sql"),
            "execute p (array[10, 20, 30], now() - interval '7 days', now(), 'day')",
        ),
        (
            include_str!("../../src/report/summary.sql"),
            "execute p (now() - interval '1 day', now(), 'hour', false, 0, array[current_date - 1, current_date], current_date - 1, \
             current_date + 1, true)",
        ),
        (
            include_str!("../../src/report/ranked.sql"),
            "execute p (now() - interval '1 day', now(), true, '', 9000, 9000, 26, 1, now() - interval '1 day', false, 1, 0)",
        ),
        (
            include_str!("../../src/report/group_clicks.sql"),
            "execute p (now() - interval '7 days', now(), now() - interval '1 day', array['affiliate'], true, 6, 1, null, 0, false, 1)",
        ),
        (
            include_str!("../../src/report/group_clicks_all.sql"),
            "execute p (now() - interval '7 days', now(), now() - interval '1 day', 'affiliate', true, 100000, 1, 0, false, 1)",
        ),
        (
            include_str!("../../src/report/quiet.sql"),
            "execute p (now() - interval '7 days', now(), '', 100000, 26)",
        ),
        (include_str!("../../src/report/platforms.sql"), "execute p (10, current_date - 7, current_date)"),
        (include_str!("../../src/report/facts.sql"), "execute p (array[10, 20, 30])"),
        (
            "select sketch from visit_daily where link_id = any($1) and day >= $2 and day < $3",
            "execute p (array[10, 20, 30], current_date - 7, current_date)",
        ),
    ];
    for (statement, execute) in table {
        let plan = world.plan(statement, execute).await;
        for table in ["click_hourly", "visit_daily"] {
            assert!(!plan.contains(&format!("Seq Scan on {table}")), "{statement}\n{plan}");
        }
    }
    // Figures are read by statements that are planned once, for whatever values.
    for (statement, execute) in [
        table[1],
        (
            include_str!("../../src/report/sketches.sql"),
            "execute p (current_date - 7, current_date + 1, 100, false, 0, array[current_date], current_date, current_date + 1, true)",
        ),
        (
            include_str!("../../src/report/splits.sql"),
            "execute p (current_date - 7, current_date + 1, false, 0, array[current_date], current_date, current_date + 1, true)",
        ),
    ] {
        let plan = world.plan_once(statement, execute).await;
        for table in ["click_hourly", "click_daily_platform", "click_daily_origin", "visit_daily"] {
            assert!(!plan.contains(&format!("Seq Scan on {table}")), "{statement}\n{plan}");
        }
    }
    // A list of links, one link, and a search: none of them may look at all links first.
    let links = include_str!("../../src/programme/links.sql");
    for execute in [
        "execute p (null, null, null, null, null, null, null, 101)",
        "execute p ('wide-000100', null, null, null, null, null, null, 1)",
        "execute p (null, null, null, null, null, 'wide-0001', null, 26)",
    ] {
        let plan = world.plan(links, execute).await;
        assert!(!plan.contains("Seq Scan on link") && !plan.contains("CTE Scan"), "{execute}\n{plan}");
    }
}

#[tokio::test]
async fn an_affiliate_reads_nothing_of_what_is_added_up_for_others() {
    let world = World::with_programme().await;
    let table = [
        (
            include_str!("../../src/report/summary.sql"),
            "execute q (now() - interval '7 days', now(), 'day', true, 0, array[current_date], current_date, current_date + 1, true)",
        ),
        (
            include_str!("../../src/report/sketches.sql"),
            "execute q (current_date - 7, current_date + 1, 100, true, 0, array[current_date], current_date, current_date + 1, true)",
        ),
        (
            include_str!("../../src/report/splits.sql"),
            "execute q (current_date - 7, current_date + 1, true, 0, array[current_date], current_date, current_date + 1, true)",
        ),
        (
            include_str!("../../src/report/earnings_series.sql"),
            "execute q (current_date - 7, current_date + 1, 'day', true, 0, array[current_date], current_date, current_date + 1, true)",
        ),
        (
            include_str!("../../src/report/group_clicks.sql"),
            "execute q (now() - interval '7 days', now(), now() - interval '1 day', array['link', 'vendor'], true, 6, 1, null, 0, true, 1)",
        ),
        (
            include_str!("../../src/report/group_clicks_all.sql"),
            "execute q (now() - interval '7 days', now(), now() - interval '1 day', 'vendor', true, 100000, 1, 0, true, 1)",
        ),
        (
            include_str!("../../src/report/ranked.sql"),
            "execute q (now() - interval '7 days', now(), true, '', 9000, 9000, 26, 1, now() - interval '1 day', true, 1, 0)",
        ),
        (
            include_str!("../../src/report/earners.sql"),
            "execute q (current_date - 7, current_date + 1, 'vendor', 'orders', 'EUR', 6, true, array[current_date], \
             current_date, current_date + 1, true)",
        ),
        (
            include_str!("../../src/report/group_earnings.sql"),
            "execute q (current_date - 7, current_date + 1, 'vendor', array[1, 2], true, array[current_date], current_date, \
             current_date + 1, true)",
        ),
    ];
    let reads = async |statement: &str, execute: &str| -> Vec<String> {
        let mut read = Vec::new();
        for mode in ["force_custom_plan", "force_generic_plan"] {
            let done = world.done_for_an_affiliate(mode, statement, execute).await;
            let is_read = |line: &&str| line.contains(" on rollup_") && !line.contains("never executed");
            read.extend(done.lines().filter(is_read).map(str::to_owned));
        }
        read
    };
    for (statement, execute) in table {
        assert_eq!(reads(statement, execute).await, [""; 0], "{execute}");
    }
    // Without these words Postgres looks at each row before it finds that none may be seen.
    let (summary, execute) = table[0];
    let careless = summary.replacen("not $4::boolean\n      and r.vendor_id", "r.vendor_id", 1).replacen(
        "$4\n",
        "$4::boolean\n",
        1,
    );
    assert_ne!(reads(&careless, execute).await, [""; 0]);
}
