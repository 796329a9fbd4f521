//! The JSON API: numbers, spans, pages, and every way to ask wrongly.

use chrono::TimeDelta;
use serde_json::{Value, json};

use crate::support::{World, midnight, noon, today};

#[tokio::test]
async fn clicks_are_reported_by_day_and_by_hour() {
    let world = World::with_programme().await;
    for (hour, human, filtered) in
        [(noon(1), 40, 4), (noon(1) + TimeDelta::hours(1), 2, 0), (noon(2), 10, 1), (noon(30), 999, 9)]
    {
        world.clicks(1, hour, human, filtered).await;
    }
    world.clicks(2, noon(2), 0, 3).await;
    let list = world.json("/v1/reports/links").await;
    assert_eq!(
        (&list["object"], &list["url"], &list["has_more"]),
        (&json!("list"), &json!("/v1/reports/links"), &json!(false))
    );
    let busy = &list["data"][0];
    let seen = json!([
        busy["code"],
        busy["human_clicks"],
        busy["filtered_clicks"],
        busy["standing"],
        busy["vendor"],
        busy["affiliate"]
    ]);
    assert_eq!(seen, json!(["summer-1", 52, 5, "active", "Nordlicht Outdoor", "mara.w"]));
    let day = |days: u64| midnight(days).format("%FT%TZ").to_string();
    let bucket = |days, human: i64, filtered: i64| json!({"start": day(days), "human_clicks": human, "unique_visits": 0, "filtered_clicks": filtered});
    assert_eq!(busy["buckets"], json!([bucket(2, 10, 1), bucket(1, 42, 4)]));
    let standings: Vec<&Value> =
        list["data"].as_array().expect("a list").iter().map(|link| &link["standing"]).collect();
    assert_eq!(standings, ["active", "active", "paused", "expired", "active"]);
    assert_eq!(list["data"][1]["expiry_date"], "2100-01-01T00:00:00Z");

    let by_hour = world.json("/v1/reports/links?granularity=hour&link=summer-1").await;
    assert_eq!(by_hour["data"].as_array().map(Vec::len), Some(1));
    let buckets = by_hour["data"][0]["buckets"].as_array().expect("buckets");
    assert_eq!(buckets.len(), 3);
    assert!(buckets.iter().all(|bucket| bucket.get("unique_visits").is_none()), "sketches are daily");

    let summary = world.json("/v1/reports/summary").await;
    assert_eq!((&summary["human_clicks"], &summary["filtered_clicks"]), (&json!(52), &json!(8)));
    assert_eq!(summary["buckets"].as_array().map(Vec::len), Some(7), "every day of the span");
}

#[tokio::test]
async fn unique_visits_are_a_union_and_never_a_sum() {
    let world = World::with_programme().await;
    let day = |days: u64| midnight(days).date_naive();
    for (link, days, visitors) in
        [(1, 1, 0..1_000), (1, 2, 500..1_500), (2, 1, 1_000..1_800), (1, 30, 0..50_000)]
    {
        world.clicks(link, noon(days), 1_000, 0).await;
        world.visitors(link, day(days), visitors).await;
    }
    let near = |value: &Value, expect: f64| {
        let seen = value.as_f64().unwrap_or_else(|| panic!("{value} is no number"));
        assert!((seen - expect).abs() <= expect * 0.03, "{seen} is not near {expect}");
    };
    let list = world.json("/v1/reports/links").await;
    near(&list["data"][0]["unique_visits"], 1_500.0);
    near(&list["data"][1]["unique_visits"], 800.0);
    assert_eq!(list["data"][0]["buckets"][0]["unique_visits"], 1_000, "a day is what was stored for it");
    near(&world.json("/v1/reports/summary").await["unique_visits"], 1_800.0);

    world.run("update visit_daily set sketch = '\\x00' where link_id = 2").await;
    let list = world.json("/v1/reports/links").await;
    assert_eq!(list["data"][1]["unique_visits"], Value::Null, "damage is never shown as a number");
    near(&list["data"][0]["unique_visits"], 1_500.0);
    assert_eq!(world.json("/v1/reports/summary").await["unique_visits_unknown"], "unreadable_sketch");

    let (from, to) = (noon(1), midnight(0));
    let cut = format!("?granularity=hour&from={}&to={}", from.format("%FT%TZ"), to.format("%FT%TZ"));
    let list = world.json(&format!("/v1/reports/links{cut}")).await;
    assert_eq!(list["data"][0]["unique_visits"], Value::Null, "half a day has no sketch");
    let summary = world.json(&format!("/v1/reports/summary{cut}")).await;
    assert_eq!(summary["unique_visits_unknown"], "cuts_a_day");
}

#[tokio::test]
async fn pages_follow_one_another_without_gap_or_overlap() {
    let world = World::with_programme().await;
    let (mut seen, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = world.json(&format!("/v1/reports/links?limit=2{cursor}")).await;
        for link in page["data"].as_array().expect("a list") {
            seen.push(link["code"].as_str().expect("a code").to_owned());
        }
        if page["has_more"] == false {
            break;
        }
        cursor = format!("&starting_after={}", seen.last().expect("a page with more is not empty"));
    }
    assert_eq!(seen, ["summer-1", "summer-2", "paused-1", "expired-1", "rested-1"]);
    let chosen = world.json("/v1/reports/links?link=rested-1&link=summer-2&link=nobody").await;
    let codes: Vec<&Value> =
        chosen["data"].as_array().expect("a list").iter().map(|link| &link["code"]).collect();
    assert_eq!(codes, ["summer-2", "rested-1"]);
}

#[tokio::test]
async fn every_bad_parameter_is_named() {
    let world = World::empty().await;
    let long = format!("from={}&to={}", midnight(401).date_naive(), today());
    let long_by_hour = format!("granularity=hour&from={}&to={}", midnight(32).date_naive(), today());
    let table: [(&str, &str, &str); 18] = [
        ("from=yesterday", "from", "invalid_timestamp"),
        ("to=2026-13-01T00:00:00Z", "to", "invalid_timestamp"),
        ("to=2026-11-20T00:00:00", "to", "invalid_timestamp"),
        ("from=", "from", "invalid_timestamp"),
        ("from=0001-01-01", "from", "out_of_range"),
        ("from=2026-11-20&to=2026-11-20", "from", "invalid_range"),
        ("from=2026-11-20&to=2026-11-19", "from", "invalid_range"),
        (&long, "from", "invalid_range"),
        (&long_by_hour, "from", "invalid_range"),
        ("granularity=decade", "granularity", "invalid_granularity"),
        ("limit=0", "limit", "invalid_limit"),
        ("limit=101", "limit", "invalid_limit"),
        ("limit=ten", "limit", "invalid_limit"),
        ("limit=5&limit=6", "limit", "repeated_parameter"),
        ("starting_after=nobody", "starting_after", "unknown_cursor"),
        ("starting_after=%00%00%00%00", "starting_after", "invalid_value"),
        ("link=a/b", "link", "invalid_code"),
        ("colour=red", "colour", "unknown_parameter"),
    ];
    for (query, field, code) in table {
        let answer = world.get(&format!("/v1/reports/links?{query}")).await;
        assert_eq!(
            (answer.status, answer.header("content-type")),
            (400, "application/problem+json"),
            "{query}"
        );
        let problem = answer.json();
        assert_eq!(
            (&problem["field"], &problem["code"], &problem["status"]),
            (&json!(field), &json!(code), &json!(400)),
            "{query}"
        );
        assert!(problem["title"].is_string() && problem["detail"].is_string() && problem["type"].is_string());
    }
    let answer = world.get("/v1/reports/summary?limit=5").await;
    assert_eq!(answer.json()["code"], "unknown_parameter", "each list knows its own");
    let answer = world.get("/v1/reports/nothing").await;
    assert_eq!((answer.status, answer.json()["code"].as_str()), (404, Some("not_found")));
}
