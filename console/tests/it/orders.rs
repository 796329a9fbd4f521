//! Orders: lists, one in detail, why it was credited, and that nobody sees what is not theirs.

use serde_json::{Value, json};

use crate::orders_world::{
    NORDLICHT, OVERSEER, PROGRAMME, READER, REVIEWER, REVOKED, SECOND, SHOP, all_pages, column,
};
use crate::support::{World, send};

#[tokio::test]
async fn where_nothing_fits_there_is_no_place_to_go_on_behind() {
    let world = World::with_programme().await;
    let key = world.key("shop", Some(1), &["reports:read", "holds:review", "programme:read"]).await;
    let headers = [("authorization", key.as_str())];
    let ask = async |path: &str| send(world.console.address, "GET", path, &headers, "").await;
    for list in
        ["orders", "holds", "order-events?parked=true", "links", "partnerships", "products", "coupons"]
    {
        let path = format!("/v1/{list}{}vendor=2", if list.contains('?') { '&' } else { '?' });
        let empty = ask(&path).await;
        assert_eq!((empty.status, &empty.json()["data"]), (200, &json!([])), "{path}: {}", empty.body);
        let lost = ask(&format!("{path}&starting_after=nobody")).await;
        assert_eq!(
            (lost.status, &lost.json()["code"]),
            (400, &json!("unknown_cursor")),
            "{path}: {}",
            lost.body
        );
    }
}

#[tokio::test]
async fn lists_are_newest_first_filtered_and_paged() {
    let world = World::with_orders().await;
    let newest = ["ord_b1001", "ord_a1001", "ord_a1005", "ord_a1004", "ord_b1002", "ord_a1002", "ord_a1003"];
    for limit in [1, 2, 3, 100] {
        let path = format!("/v1/orders?limit={limit}");
        assert_eq!(all_pages(&world, READER, &path, "order_id").await, newest, "{limit} a page");
    }
    let table: [(&str, &[&str]); 14] = [
        ("vendor=1", &["ord_a1001", "ord_a1005", "ord_a1004", "ord_a1002", "ord_a1003"]),
        ("vendor=2", &["ord_b1001", "ord_b1002"]),
        ("vendor=99", &[]),
        ("affiliate=2", &["ord_a1005", "ord_b1002"]),
        ("link=summer-1", &["ord_a1001", "ord_a1004", "ord_a1002"]),
        ("link=summer-1&status=Paid", &["ord_a1002"]),
        ("status=Abandoned", &["ord_a1003"]),
        ("currency=JPY", &["ord_a1004"]),
        ("from=2026-11-10", &["ord_b1001", "ord_a1001"]),
        ("to=2026-11-03T09:00:00Z", &["ord_a1002"]),
        ("from=2026-11-03T09:00:00Z&to=2026-11-06", &["ord_a1004", "ord_b1002"]),
        ("from=2026-11-01&vendor=2&status=Pending", &["ord_b1001", "ord_b1002"]),
        ("vendor=1&starting_after=ord_a1004", &["ord_a1002", "ord_a1003"]),
        (
            "vendor=1&starting_after=ord_b1001",
            &["ord_a1001", "ord_a1005", "ord_a1004", "ord_a1002", "ord_a1003"],
        ),
    ];
    for (query, expect) in table {
        assert_eq!(
            column(&world.json_as(READER, &format!("/v1/orders?{query}")).await, "order_id"),
            expect,
            "{query}"
        );
    }
    for (query, code) in [
        ("vendor=one", "invalid_id"),
        ("status=paid", "unknown_value"),
        ("currency=eur", "invalid_currency"),
        ("link=%00%00%00%00", "invalid_value"),
        ("from=2026-11-02&to=2026-11-02", "invalid_range"),
        ("limit=0", "invalid_limit"),
        ("starting_after=nobody", "unknown_cursor"),
        ("starting_after=%00", "invalid_value"),
        ("colour=red", "unknown_parameter"),
    ] {
        let answer = world.read_as(READER, &format!("/v1/orders?{query}")).await;
        assert_eq!((answer.status, answer.json()["code"].as_str()), (400, Some(code)), "{query}");
    }
}

#[tokio::test]
async fn one_order_shows_what_the_shop_reported() {
    let world = World::with_orders().await;
    let order = world.json_as(READER, "/v1/orders/ord_a1001").await;
    let expect = json!({
        "order_ref": "A-1001", "vendor_id": 1, "vendor": "Nordlicht Outdoor", "status": "Pending", "currency": "EUR",
        "net_minor": 7990, "refunded_minor": 1000, "commission_minor": 824, "paid_minor": 0, "link": "summer-1",
        "affiliate_id": 1, "affiliate": "mara.w", "credited_by": "click", "not_credited": null,
        "click_at": "2026-11-09T10:00:00Z", "placed_at": "2026-11-10T10:00:00Z", "completed_at": null, "is_held": true,
        "customer": {"name": "Kim Example", "email": "kim@example.com", "country": "SE"},
        "delivery": {"method": "parcel", "status": "packed"},
    });
    for (field, value) in expect.as_object().expect("fields") {
        assert_eq!(&order[field], value, "{field}");
    }
    let source = common::traffic::Channel::from_code(3).expect("a channel").name();
    assert_eq!(order["traffic_source"], source);
    let tent = json!({"item_id": "2", "product_id": 1, "name": "Tent Polar 2P", "quantity": 3, "refunded_quantity": 1,
        "net_minor": 3000, "refunded_minor": 1000, "rate_ppm": 100_000, "rate_source": "product", "commission_minor": 200});
    assert_eq!((order["items"].as_array().map(Vec::len), &order["items"][1]), (Some(2), &tent));
    assert_eq!(order["holds"].as_array().map(Vec::len), Some(2));
    let siblings = order["siblings"].as_array().expect("the programme sees the other vendors' parts");
    assert_eq!((siblings.len(), &siblings[0]["order_id"]), (1, &json!("ord_b1001")));

    let own = world.json_as(NORDLICHT, "/v1/orders/ord_a1001").await;
    assert_eq!(own.get("siblings"), None, "a vendor does not");
    let lone = world.json_as(READER, "/v1/orders/ord_a1002").await;
    assert_eq!(lone["siblings"], json!([]), "the same name at another shop is another order");
}

#[tokio::test]
async fn an_explanation_tells_all_to_the_minor_unit() {
    let world = World::with_orders().await;
    let told = world.json_as(READER, "/v1/orders/ord_a1001/explanation").await;
    let text = told["text"].as_str().expect("text");
    for sentence in [
        "Order A-1001 of Nordlicht Outdoor was placed at 10 Nov 2026 10:00:00 UTC for 79.90 EUR; 10.00 EUR was refunded, \
         69.90 EUR remains.",
        "credit the last click within 30 days before the order, and hold commission for 14 days after completion.",
        "The click on the link summer-1 of mara.w at 8 Nov 2026 10:00:00 UTC",
        "good, but the vendor's rule credits another click of this order.",
        "The click on the link summer-2 of trailnotes at 9 Nov 2026 11:00:00 UTC",
        "the link leads to another vendor.",
        "The click token that begins with \"forged\": the click token's signature is wrong.",
        "The coupon TEA10 on the link rested-1 of trailnotes: good, but a click is credited",
        "So mara.w is credited, by the link summer-1.",
        "Item 1 (Teapot) at 12.5 %, the partnership's rate since 1 Jun 2026: 4990 × 125000 ppm = 623.75 → 624, half up.",
        "Item 2 (Tent Polar 2P) at 10 %, the product's rate since 1 Mar 2026: 2000 × 100000 ppm = 200.",
        "The commission is 8.24 EUR.",
        "It is held until somebody has looked at it: ordered 4 s after the click (fast_order).",
        "The ledger has for mara.w: 8.24 EUR pending.",
        "The event evt-9 is parked and takes no part: backdated.",
        "Of the event evt-3 something was left out: its amounts are in another currency than the order's.",
    ] {
        assert!(text.contains(sentence), "{sentence:?} is not in {text:?}");
    }
    let verdicts: Vec<&Value> = told["candidates"]
        .as_array()
        .expect("candidates")
        .iter()
        .map(|candidate| &candidate["verdict"])
        .collect();
    assert_eq!(verdicts, ["later", "credited", "other_vendor", "token_signature", "behind_click"]);
    assert_eq!(told["lines"][0]["rate_since"], "2026-06-01T00:00:00Z");
    assert_eq!(told["terms"]["since"], "1970-01-01T00:00:00Z");
    assert_eq!(told["credited"]["affiliate"], "mara.w");
    let ledger = told["ledger"].as_array().expect("entries");
    let sum = |account: &str| -> i64 {
        let of = ledger.iter().filter(|entry| entry["account"] == account);
        of.map(|entry| entry["amount_minor"].as_i64().expect("a number")).sum()
    };
    assert_eq!((ledger.len(), sum("expense"), sum("pending")), (4, 824, -824));
    assert_eq!(told["events"].as_array().map(Vec::len), Some(4));

    let own = world.json_as(NORDLICHT, "/v1/orders/ord_a1001/explanation").await;
    let foreign = &own["candidates"][2];
    assert_eq!(
        (&foreign["verdict"], &foreign["link"], &foreign["affiliate"]),
        (&json!("other_vendor"), &Value::Null, &Value::Null),
        "whose link it was is the other vendor's business"
    );
    assert!(!own.to_string().contains("summer-2"));

    let nobody = world.json_as(READER, "/v1/orders/ord_b1001/explanation").await;
    let text = nobody["text"].as_str().expect("text");
    assert!(
        text.ends_with(
            "It came without a click and without a coupon. Nobody is credited: no click came with it."
        ),
        "{text}"
    );
    assert_eq!(nobody["lines"][0]["calculation"], "nobody is credited: 0");
    let called_off = world.json_as(READER, "/v1/orders/ord_a1004/explanation").await;
    assert_eq!(called_off["lines"][0]["calculation"], "the order is cancelled: 0");
    let text = called_off["text"].as_str().expect("text");
    assert!(
        text.contains("for 500 JPY. It is cancelled.") && text.contains("has nothing left for mara.w"),
        "{text}"
    );
    let abandoned = world.json_as(READER, "/v1/orders/ord_a1003/explanation").await;
    assert!(
        abandoned["text"]
            .as_str()
            .expect("text")
            .starts_with("Order A-1003 of Nordlicht Outdoor has not been placed.")
    );
    let paid = world.json_as(READER, "/v1/orders/ord_a1002/explanation").await;
    let text = paid["text"].as_str().expect("text");
    assert!(text.contains("The ledger has for mara.w: -2.00 EUR payable, 5.00 EUR paid."), "{text}");
}

#[tokio::test]
async fn what_is_another_vendors_does_not_exist() {
    let world = World::with_orders().await;
    let none = json!({});
    // (what is the first vendor's, the same of nobody)
    for (theirs, nobodys) in [
        ("/v1/orders/ord_a1001", "/v1/orders/ord_none"),
        ("/v1/orders/ord_a1001/explanation", "/v1/orders/ord_none/explanation"),
        ("/v1/payouts/po_open", "/v1/payouts/po_none"),
        ("/v1/payouts/po_paid", "/v1/payouts/po_none"),
        ("/v1/payouts/po_open/csv", "/v1/payouts/po_none/csv"),
        ("/v1/affiliates/1/statement?currency=EUR", "/v1/affiliates/99/statement?currency=EUR"),
        ("/v1/orders?starting_after=ord_a1001", "/v1/orders?starting_after=ord_none"),
        ("/v1/payouts?starting_after=po_open", "/v1/payouts?starting_after=po_none"),
        ("/v1/holds?starting_after=ord_a1001.fast_order", "/v1/holds?starting_after=ord_none.fast_order"),
        (
            "/v1/order-events?parked=true&starting_after=1.evt-9",
            "/v1/order-events?parked=true&starting_after=1.evt-0",
        ),
        ("/v1/orders?vendor=1", "/v1/orders?vendor=99"),
        ("/v1/orders?link=summer-1", "/v1/orders?link=nobody-1"),
        ("/v1/orders?affiliate=1", "/v1/orders?affiliate=99"),
        ("/v1/holds?vendor=1", "/v1/holds?vendor=99"),
        ("/v1/payouts?vendor=1", "/v1/payouts?vendor=99"),
        ("/v1/order-events?parked=true&vendor=1", "/v1/order-events?parked=true&vendor=99"),
        (
            "/v1/affiliates/2/statement?currency=EUR&to=2026-12-01&vendor=1",
            "/v1/affiliates/2/statement?currency=EUR&to=2026-12-01&vendor=99",
        ),
    ] {
        let (seen, missing) = (world.read_as(SECOND, theirs).await, world.read_as(SECOND, nobodys).await);
        assert_eq!((seen.status, &seen.body), (missing.status, &missing.body), "{theirs}");
        assert_ne!(world.read_as(PROGRAMME, theirs).await.body, seen.body, "{theirs} is there");
    }
    for (theirs, nobodys) in [
        ("/v1/holds/ord_a1001/fast_order/release", "/v1/holds/ord_none/fast_order/release"),
        ("/v1/holds/ord_a1001/fast_order/confirm", "/v1/holds/ord_none/fast_order/confirm"),
        ("/v1/payouts/po_open/approve", "/v1/payouts/po_none/approve"),
        ("/v1/order-events/1/evt-9/unpark", "/v1/order-events/1/evt-0/unpark"),
    ] {
        let (seen, missing) =
            (world.say_as(SECOND, theirs, &none).await, world.say_as(SECOND, nobodys, &none).await);
        assert_eq!((seen.status, missing.status), (404, 404), "{theirs}");
        assert_eq!(seen.body, missing.body, "{theirs}");
    }
    let reason = json!({"note": "no"});
    assert_eq!(world.say_as(SECOND, "/v1/payouts/po_open/reject", &reason).await.status, 404);
    let [theirs, nobodys] = [1, 99].map(|vendor| json!({"currency": "EUR", "vendor_id": vendor}));
    let (seen, missing) = (
        world.say_as(SECOND, "/v1/payouts", &theirs).await,
        world.say_as(SECOND, "/v1/payouts", &nobodys).await,
    );
    assert_eq!((seen.status, seen.body), (404, missing.body));
    for path in [
        "/v1/orders",
        "/v1/holds",
        "/v1/payouts",
        "/v1/order-events?parked=true",
        "/v1/affiliates/2/statement?currency=EUR",
        "/v1/orders/ord_b1001",
        "/v1/orders/ord_b1001/explanation",
        "/v1/payouts/po_own2",
    ] {
        let seen = world.json_as(SECOND, path).await.to_string();
        assert!(
            !seen.contains("Nordlicht") && !seen.contains("ord_a") && !seen.contains("rested-1"),
            "{path}: {seen}"
        );
    }
    let decided = "select count(*)::bigint from hold where state <> 'open'";
    let decided: i64 = sqlx::query_scalar(decided).fetch_one(&world.owner).await.expect("a number");
    assert_eq!(decided, 0, "nothing was decided");
}

#[tokio::test]
async fn every_route_wants_a_key_with_its_scope() {
    let world = World::with_orders().await;
    let none = json!({});
    for (key, path, scope) in [
        (SHOP, "/v1/orders", "reports:read"),
        (OVERSEER, "/v1/orders/ord_a1001", "reports:read"),
        (REVIEWER, "/v1/orders/ord_a1001/explanation", "reports:read"),
        (REVIEWER, "/v1/affiliates/1/statement?currency=EUR", "reports:read"),
        (READER, "/v1/holds", "holds:review"),
        (READER, "/v1/order-events?parked=true", "holds:review"),
        (SHOP, "/v1/payouts", "reports:read"),
        (SHOP, "/v1/payouts/po_open", "reports:read"),
        (SHOP, "/v1/payouts/po_open/csv", "reports:read"),
    ] {
        let answer = world.read_as(key, path).await;
        assert_eq!((answer.status, answer.json()["code"].as_str()), (403, Some("missing_scope")), "{path}");
        assert!(answer.body.contains(scope), "{path}: {}", answer.body);
        for (refused, why) in
            [(world.read_as_nobody(path).await, "no key"), (world.read_as(REVOKED, path).await, "revoked")]
        {
            assert_eq!(
                (refused.status, refused.json()["code"].as_str()),
                (401, Some("unauthorized")),
                "{why}: {path}"
            );
        }
        assert_eq!(world.read_as("nobodys0", path).await.status, 401);
    }
    for (key, path) in [
        (READER, "/v1/holds/ord_a1001/fast_order/release"),
        (OVERSEER, "/v1/holds/ord_a1001/fast_order/confirm"),
        (READER, "/v1/order-events/1/evt-9/unpark"),
        (OVERSEER, "/v1/payouts"),
        (READER, "/v1/payouts/po_open/approve"),
        (REVIEWER, "/v1/payouts/po_open/reject"),
    ] {
        assert_eq!(world.say_as(key, path, &none).await.status, 403, "{path}");
        assert_eq!(world.say_as(REVOKED, path, &none).await.status, 401, "{path}");
    }
    for path in [
        "/v1/orders/%00",
        "/v1/orders/%FF",
        "/v1/orders/a%27b",
        "/v1/orders/%FF/explanation",
        "/v1/payouts/%00",
    ] {
        assert_eq!(world.read_as(PROGRAMME, path).await.status, 404, "{path}");
    }
    for path in [
        "/v1/holds/ord_a1001/odd/release",
        "/v1/order-events/x/evt-9/unpark",
        "/v1/order-events/1/%00/unpark",
    ] {
        assert_eq!(world.say_as(PROGRAMME, path, &none).await.status, 404, "{path}");
    }
}
