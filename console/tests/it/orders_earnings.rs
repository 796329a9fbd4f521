//! What clicks brought, beside the clicks: orders, revenue, commission and conversion.

use serde_json::{Value, json};

use crate::support::{World, noon};

async fn world() -> World {
    let world = World::with_programme().await;
    for (link, days, human) in [(1, 1, 300), (1, 2, 100), (2, 1, 7), (1, 30, 9_000)] {
        world.clicks(link, noon(days), human, 5).await;
    }
    world
        .run(
            "insert into order_daily values \
             (1, current_date - 1, 'EUR', 6, 60000, 7500), (1, current_date - 2, 'EUR', 3, 30000, 3750), \
             (1, current_date - 2, 'JPY', 1, 900, 100), (1, current_date - 30, 'EUR', 90, 9, 1), \
             (5, current_date - 1, 'EUR', 2, 500, 0), (2, current_date - 1, 'EUR', 0, 0, 0)",
        )
        .await;
    world
}

#[tokio::test]
async fn links_and_the_programme_show_what_clicks_brought() {
    let world = world().await;
    let list = world.json("/v1/reports/links").await;
    let seen = |at: usize| {
        let link = &list["data"][at];
        json!([link["orders"], link["conversion_rate"], link["earnings"]])
    };
    let money = |currency: &str, orders: i64, revenue: i64, commission: i64| json!({"currency": currency, "orders": orders, "revenue_minor": revenue, "commission_minor": commission});
    assert_eq!(seen(0), json!([10, 2.5, [money("EUR", 9, 90_000, 11_250), money("JPY", 1, 900, 100)]]));
    assert_eq!(seen(1), json!([0, 0.0, []]), "clicks without orders convert at nothing");
    assert_eq!(
        seen(4),
        json!([2, null, [money("EUR", 2, 500, 0)]]),
        "a coupon's orders have no clicks to divide by"
    );
    assert_eq!(seen(2), json!([0, null, []]), "never 0/0");
    let programme = world.json("/v1/reports/summary").await;
    assert_eq!(
        json!([programme["orders"], programme["conversion_rate"], programme["earnings"]]),
        json!([12, 2.9484, [money("EUR", 11, 90_500, 11_250), money("JPY", 1, 900, 100)]])
    );
    let (from, to) = (noon(1), noon(0));
    let cut = format!("?granularity=hour&from={}&to={}", from.format("%FT%TZ"), to.format("%FT%TZ"));
    for path in ["/v1/reports/summary", "/v1/reports/links"] {
        let answer = world.json(&format!("{path}{cut}")).await;
        let part = if path.ends_with("links") { &answer["data"][0] } else { &answer };
        let unknown = json!([part["orders"], part["conversion_rate"], part["earnings"]]);
        // A span whose end has not come yet cuts only its first day.
        assert_eq!(unknown, json!([null, null, null]), "{path}: orders are counted by the day");
    }
}

#[tokio::test]
async fn a_breakdown_says_who_and_what_brought_most_and_adds_up_to_the_summary() {
    let world = world().await;
    world
        .run(
            "insert into click_daily_platform values (1, current_date - 1, 2, 2, 3, 200), (1, current_date - 1, 1, 1, 1, 100); \
             insert into click_daily_origin values (1, current_date - 1, 1 + 26 * 18 + 4, 0, 300)",
        )
        .await;
    let report = async |query: &str| world.json(&format!("/v1/reports/breakdown?{query}")).await;
    let names = |report: &Value, field: &str| -> Vec<Value> {
        report["data"].as_array().expect("rows").iter().map(|row| row[field].clone()).collect()
    };

    let by_link = report("by=link").await;
    assert_eq!(names(&by_link, "id"), ["summer-1", "summer-2", "rested-1"], "the clicked, then who earned");
    assert_eq!(names(&by_link, "human_clicks"), [400, 7, 0]);
    assert_eq!(names(&by_link, "filtered_clicks"), [10, 5, 0]);
    let money = |currency: &str, orders: i64, revenue: i64, commission: i64| json!({"currency": currency, "orders": orders, "revenue_minor": revenue, "commission_minor": commission});
    let first = &by_link["data"][0];
    assert_eq!(
        json!([first["orders"], first["conversion_rate"], first["earnings"]]),
        json!([10, 2.5, [money("EUR", 9, 90_000, 11_250), money("JPY", 1, 900, 100)]])
    );
    assert_eq!((&by_link["has_more"], &by_link["by"]), (&json!(false), &json!("link")));

    let summary = world.json("/v1/reports/summary").await;
    for by in ["affiliate", "vendor", "product", "link"] {
        let rows = report(&format!("by={by}")).await;
        for (total, field) in
            [("human_clicks", "human_clicks"), ("filtered_clicks", "filtered_clicks"), ("orders", "orders")]
        {
            let sum: i64 = names(&rows, field).iter().filter_map(Value::as_i64).sum();
            assert_eq!(json!(sum), summary[total], "{total} by {by}");
        }
    }
    assert_eq!(names(&report("by=affiliate&sort=orders").await, "name"), ["mara.w", "trailnotes"]);
    assert_eq!(names(&report("by=affiliate&sort=revenue&currency=JPY&limit=1").await, "name"), ["mara.w"]);
    assert_eq!(
        names(&report("by=affiliate&sort=commission").await, "name")[0],
        "mara.w",
        "in the currency of most orders"
    );
    assert_eq!(report("by=affiliate&limit=1").await["has_more"], true);
    let by_product = report("by=product").await;
    assert_eq!(names(&by_product, "name")[2], Value::Null, "links to a shop as a whole");

    let by_device = report("by=device").await;
    assert_eq!(names(&by_device, "name"), ["mobile", "desktop"]);
    assert_eq!(names(&by_device, "human_clicks"), [200, 100]);
    assert_eq!(names(&by_device, "orders"), [Value::Null, Value::Null]);
    assert_eq!(names(&report("by=country").await, "name"), ["SE"]);

    let refused = world.get("/v1/reports/breakdown?by=device&sort=revenue&colour=red").await;
    let problem = refused.json();
    let wrong: Vec<&Value> =
        problem["errors"].as_array().expect("errors").iter().map(|error| &error["field"]).collect();
    assert_eq!((refused.status, wrong), (400, vec![&json!("sort"), &json!("colour")]));
}

#[tokio::test]
async fn the_page_shows_orders_conversion_and_commission() {
    let page = world().await.get("/links").await;
    assert_eq!(page.status, 200);
    let row = |code: &str| {
        let (_, rest) =
            page.body.split_once(&format!("<code>{code}</code></a>")).expect("the link is on the page");
        rest.split_once("</tr>").expect("a row").0.to_owned()
    };
    let cells = |code: &str| -> Vec<Value> {
        let row = row(code);
        let cell = |label: &str| {
            let (_, rest) = row.split_once(&format!("data-label=\"{label}\">")).expect("a cell");
            Value::from(rest.split_once("</td>").expect("its end").0)
        };
        ["Orders", "Conversion", "Commission"].map(cell).to_vec()
    };
    let money = "<span><data class=\"amount\" value=\"112.50\" data-currency=\"EUR\">112.50 EUR</data></span>\
                 <span><data class=\"amount\" value=\"100\" data-currency=\"JPY\">100 JPY</data></span>";
    assert_eq!(cells("summer-1"), ["10", "2.50 %", money]);
    assert_eq!(cells("summer-2"), ["0", "0.00 %", "–"]);
    assert_eq!(cells("rested-1"), ["2", "–", "–"]);
    assert_eq!(cells("paused-1"), ["0", "–", "–"]);
}
