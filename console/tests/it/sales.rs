//! Sales as the two source documents tell of them, row by row, and the programme's figures.

use serde_json::json;

use crate::orders_world::{NORDLICHT, PROGRAMME, column};
use crate::people::For;
use crate::support::{World, noon};

#[tokio::test]
async fn s2_the_list_of_affiliates_has_live_sales_figures() {
    let world = World::with_programme().await;
    let reviewer = world.signed_in(For::Programme("reviewer")).await;
    let sales = async || {
        let list = world.read_by(&reviewer, "/v1/affiliates?search=mara").await;
        let figures = &list["data"][0]["figures"];
        json!([figures["sales"], figures["human_clicks"], figures["earnings"][0]["commission_minor"]])
    };
    assert_eq!(sales().await, json!([0, 0, null]));
    world.clicks(1, noon(1), 40, 4).await;
    world.run("insert into order_daily select 1, current_date - 1, 'EUR', 3, 12000, 1500").await;
    assert_eq!(sales().await, json!([3, 40, 1500]), "as soon as they are counted");
}

#[tokio::test]
async fn s8_a_transaction_tells_the_names_of_its_products() {
    let world = World::with_orders().await;
    let order = world.json_as(PROGRAMME, "/v1/orders/ord_a1001").await;
    let names: Vec<_> = order["items"].as_array().expect("items").iter().map(|item| &item["name"]).collect();
    assert_eq!(names, [&json!("Teapot"), &json!("Tent Polar 2P")]);
}

/// The orders in one status, all of which must be in it.
async fn in_status(world: &World, status: &str) -> Vec<String> {
    let list = world.json_as(PROGRAMME, &format!("/v1/orders?status={status}")).await;
    assert!(column(&list, "status").iter().all(|seen| seen == status), "{list}");
    column(&list, "order_id")
}

#[tokio::test]
async fn s9_a_sale_can_be_abandoned() {
    assert_eq!(in_status(&World::with_orders().await, "Abandoned").await, ["ord_a1003"]);
}

#[tokio::test]
async fn s10_a_sale_can_be_pending() {
    let pending = in_status(&World::with_orders().await, "Pending").await;
    assert_eq!(pending, ["ord_b1001", "ord_a1001", "ord_b1002"]);
}

#[tokio::test]
async fn s11_a_sale_can_be_completed() {
    assert_eq!(in_status(&World::with_orders().await, "Completed").await, ["ord_a1005"]);
}

#[tokio::test]
async fn s12_a_sale_can_be_paid() {
    assert_eq!(in_status(&World::with_orders().await, "Paid").await, ["ord_a1002"]);
}

#[tokio::test]
async fn s13_one_sale_tells_customer_net_amount_traffic_source_and_delivery() {
    let world = World::with_orders().await;
    let order = world.json_as(NORDLICHT, "/v1/orders/ord_a1001").await;
    assert_eq!(
        order["customer"],
        json!({"name": "Kim Example", "email": "kim@example.com", "country": "SE"})
    );
    assert_eq!(json!([order["net_minor"], order["currency"]]), json!([7990, "EUR"]));
    assert!(order["traffic_source"].is_string(), "{order}");
    assert_eq!(order["delivery"], json!({"method": "parcel", "status": "packed"}));
}

#[tokio::test]
async fn s14_all_links_of_one_affiliate_are_listed() {
    let world = World::with_programme().await;
    let admin = world.signed_in(For::Programme("admin")).await;
    let mara = world.name_of(1).await;
    let list = world.read_by(&admin, &format!("/v1/links?affiliate={mara}")).await;
    assert_eq!(column(&list, "code"), ["expired-1", "paused-1", "summer-1"]);
    let own = world.signed_in(For::Affiliate(1)).await;
    assert_eq!(
        column(&world.read_by(&own, "/v1/links").await, "code"),
        ["expired-1", "paused-1", "summer-1"]
    );
}

#[tokio::test]
async fn s35_analytics_tell_clicks_over_active_links_orders_and_commission() {
    let world = World::with_programme().await;
    for (link, human) in [(1, 40), (2, 7), (5, 3)] {
        world.clicks(link, noon(1), human, 1).await;
    }
    world
        .run(
            "insert into order_daily values (1, current_date - 1, 'EUR', 3, 12000, 1500), \
             (2, current_date - 1, 'EUR', 1, 500, 50), (2, current_date - 1, 'JPY', 2, 900, 90)",
        )
        .await;
    let summary = world.json("/v1/reports/summary").await;
    assert_eq!(
        json!([summary["human_clicks"], summary["filtered_clicks"], summary["orders"]]),
        json!([50, 3, 6])
    );
    assert_eq!(
        summary["earnings"],
        json!([
            {"currency": "EUR", "orders": 4, "revenue_minor": 12500, "commission_minor": 1550},
            {"currency": "JPY", "orders": 2, "revenue_minor": 900, "commission_minor": 90},
        ])
    );
    // Of those that are switched off nothing is told.
    world.run("update affiliate set is_active = false where affiliate_id = 1").await;
    let summary = world.json("/v1/reports/summary").await;
    assert_eq!(json!([summary["human_clicks"], summary["orders"]]), json!([10, 3]));
}
