//! The pages: what they say, in which order, and that nothing typed by somebody becomes markup.

use crate::support::{World, midnight, noon};

fn position(body: &str, text: &str) -> usize {
    body.find(text).unwrap_or_else(|| panic!("{text:?} is not on the page:\n{body}"))
}

#[tokio::test]
async fn the_list_shows_the_three_numbers_and_the_books() {
    let world = World::with_programme().await;
    world.clicks(1, noon(1), 1_234, 56).await;
    world.clicks(2, noon(1), 5_000, 0).await;
    world.visitors(1, midnight(1).date_naive(), 0..1_000).await;
    world.run("insert into flush_partition values (0, 6290, 0, now()); insert into flush_watermark values (0, 64, 9, 6290)").await;
    let page = world.get("/links").await;
    assert_eq!(page.status, 200);
    for text in ["6,234", "1,234", ">56<", "Paused", "Expired", "Active", "The books add up.", "difference 0"]
    {
        position(&page.body, text);
    }
    let order = ["summer-2", "summer-1", "rested-1", "expired-1", "paused-1"]
        .map(|code| position(&page.body, &format!("<code>{code}</code>")));
    assert!(order.is_sorted(), "most clicks first, then those without any, newest first: {order:?}");
    world.run("update flush_watermark set claim = 6293").await;
    position(&world.get("/links").await.body, "The books are off by 3 clicks.");
}

#[tokio::test]
async fn lists_are_sorted_searched_and_paged() {
    let world = World::with_programme().await;
    world
        .run(
            "insert into link (code, vendor_id, affiliate_id, destination) \
             select 'many-' || lpad(n::text, 3, '0'), 1, 1, 'https://shop.example.com/' from generate_series(1, 60) n; \
             insert into click_hourly select link_id, date_trunc('hour', now()), link_id, 100 - link_id from link where link_id between 6 and 35",
        )
        .await;
    for sort in ["", "&sort=filtered", "&sort=code", "&sort=newest"] {
        let (mut seen, mut path) = (Vec::new(), format!("/links?by=day{sort}"));
        loop {
            let page = world.get(&path).await;
            assert_eq!(page.status, 200, "{path}");
            let codes = page.body.split("<code>").skip(1).filter_map(|rest| rest.split_once("</code></a>"));
            seen.extend(codes.map(|(code, _)| code.to_owned()));
            let Some(next) = page.next_page() else { break };
            path = next;
        }
        let distinct: std::collections::HashSet<&String> = seen.iter().collect();
        assert_eq!((seen.len(), distinct.len()), (65, 65), "{sort}: each link once: {seen:?}");
        let first = match sort {
            "" => "many-030",
            "&sort=filtered" => "many-001",
            "&sort=code" => "expired-1",
            _ => "many-060",
        };
        assert_eq!(seen[0], first, "{sort}");
    }
    let found = world.get("/links?q=summer").await.body;
    assert!(found.contains("summer-1") && found.contains("summer-2") && !found.contains("many-001"));
    position(&world.get("/links?q=winter").await.body, "Show all links");
    assert_eq!(world.get("/links?q=%25").await.status, 200, "no pattern, just text");
}

#[tokio::test]
async fn one_link_in_detail() {
    let world = World::with_programme().await;
    world.clicks(1, noon(1), 30, 5).await;
    world.visitors(1, midnight(1).date_naive(), 0..20).await;
    world
        .run(
            "insert into click_daily_platform values (1, current_date - 1, 2, 2, 3, 20), (1, current_date - 1, 1, 1, 1, 10); \
             insert into click_daily_origin values (1, current_date - 1, 1 + 26 * 18 + 4, 0, 30)",
        )
        .await;
    for by in ["day", "hour"] {
        let page = world.get(&format!("/links/summer-1?by={by}")).await;
        assert_eq!(page.status, 200);
        for text in [
            "Mobile",
            "Desktop",
            "66.7 %",
            ">SE<",
            "Safari",
            "http://127.0.0.1:8080/summer-1",
            "{click_id}",
            "Tent Polar 2P",
        ] {
            position(&page.body, text);
        }
    }
    let quiet = world.get("/links/rested-1").await.body;
    position(&quiet, "No clicks in these days yet. Open <a href=\"http://127.0.0.1:8080/rested-1\"");
}

#[tokio::test]
async fn what_somebody_typed_is_shown_as_text() {
    let world = World::with_programme().await;
    for path in [
        "/links",
        "/links/summer-2",
        "/links?q=%3Cscript%3E",
        "/links/%3Cscript%3Ealert(4)%3C%2Fscript%3E",
        "/%22%3E%3Cscript%3E",
        "/links?range=%3Cscript%3E",
    ] {
        let page = world.get(path).await.body;
        let typed = page.replace("<script src=\"/assets/", "");
        for markup in ["<script", "<img", "<svg onload", "onerror=alert(1)>"] {
            assert!(!typed.contains(markup), "{markup} is on {path}");
        }
    }
    position(&world.get("/links").await.body, "&#60;script&#62;alert(&#34;vendor&#34;)&#60;/script&#62;");
}

#[tokio::test]
async fn empty_states_and_mistakes_say_what_to_do() {
    let world = World::empty().await;
    let page = world.get("/links").await.body;
    position(&page, "There are no links yet.");
    position(&page, "No click has been counted yet.");
    for (path, status, text) in [
        ("/links/nobody", 404, "There is no link with the code"),
        ("/links/%FF%FE", 404, "There is no link with the code"),
        ("/links?q=%00", 400, "must be text"),
        ("/links/a", 404, "There is no link with the code"),
        ("/nowhere", 404, "Nothing here"),
        ("/links?range=year", 400, "The range must be today, 7d, 30d"),
        ("/links?from=2020-01-01&through=2026-01-01", 400, "at most 400 days"),
        ("/links?after=elsewhere", 400, "This page of the list cannot be found"),
    ] {
        let page = world.get(path).await;
        assert_eq!(page.status, status, "{path}");
        position(&page.body, text);
        position(&page.body, "To the overview");
    }
}
