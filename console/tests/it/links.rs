//! Links: S30 to S33, S36 and S42, and who may make and change them.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};

use crate::programme_world::{Programme, column};
use crate::support::{noon, today};

fn later(days: i64) -> DateTime<Utc> {
    let now = DateTime::from_timestamp_millis(runtime::clock::now_ms() as i64).expect("an instant");
    now + TimeDelta::days(days)
}

#[tokio::test]
async fn s30_a_link_has_a_code_a_vendor_and_a_product() {
    let p = Programme::new().await;
    let (vendor, product) = (p.id("vendor", 1).await, p.id("product", 1).await);
    let link = p.made(&p.ada, "/v1/links", &json!({"vendor_id": vendor, "product_id": product})).await;
    let code = link["code"].as_str().expect("a code");
    assert!(code.len() >= 8 && code.bytes().all(|c| c.is_ascii_alphanumeric()), "{code}");
    assert_eq!(link["url"], format!("http://127.0.0.1:8080/{code}"));
    assert_eq!(
        (&link["vendor_id"], &link["product_id"], &link["destination"], &link["affiliate"], &link["status"]),
        (
            &json!(vendor),
            &json!(product),
            &json!("https://shop.example.com/teapot"),
            &json!("ada"),
            &json!("active")
        )
    );
    let own = json!({"vendor_id": vendor, "code": "ada-summer", "destination": "https://green.tea.example.net/für?s={sub1}"});
    let link = p.made(&p.ada, "/v1/links", &own).await;
    assert_eq!(
        (&link["code"], &link["destination"]),
        (&json!("ada-summer"), &json!("https://green.tea.example.net/f%C3%BCr?s={sub1}"))
    );
    p.refused(&p.ada, "/v1/links", &own, 409, "code_taken").await;
    let published = "select count(*) from link_published join link_change using (code) where code = 'ada-summer' and link_published.is_active";
    assert_eq!(p.count(published).await, 1, "edges hear of it");

    let with = |field: &str, value: Value| {
        let mut body = json!({"vendor_id": vendor, "destination": "https://shop.example.com/"});
        body[field] = value;
        body
    };
    for (body, code) in [
        (with("destination", json!("https://evil.example.org/")), "host_not_allowed"),
        (with("destination", json!("https://shop.example.com@evil.example.org/")), "invalid_url"),
        (with("destination", json!("javascript:alert(1)")), "invalid_url"),
        (with("destination", json!("https://shop.example.com/{password}")), "unknown_macro"),
        (with("destination", Value::Null), "missing_field"),
        (with("code", json!("ab")), "invalid_code"),
        (with("code", json!("../../x")), "invalid_code"),
        (with("expiry_date", json!("2020-01-01T00:00:00Z")), "in_the_past"),
        (with("product_id", json!(p.id("product", 2).await)), "no_such_product"),
        (with("vendor_id", json!("ven_nowhere")), "no_such_vendor"),
        (with("affiliate_id", json!(p.id("affiliate", 2).await)), "no_such_affiliate"),
    ] {
        p.refused(&p.ada, "/v1/links", &body, 422, code).await;
    }
    // Nothing but what is meant for it can be written.
    for column in [
        "is_active",
        "link_id",
        "version",
        "created_at",
        "paused_with_affiliate",
        "clicks",
        "total_commission",
        "status",
        "commission_rate",
    ] {
        p.refused(&p.ada, "/v1/links", &with(column, json!(1)), 422, "unknown_field").await;
    }
}

#[tokio::test]
async fn a_link_needs_an_approved_active_affiliate_and_an_active_partnership() {
    let p = Programme::new().await;
    let vendor = p.id("vendor", 1).await;
    let wanted = json!({"vendor_id": vendor, "destination": "https://shop.example.com/"});
    p.refused(&p.bert, "/v1/links", &wanted, 409, "no_partnership").await;
    p.refused(&p.carla, "/v1/links", &wanted, 409, "affiliate_not_approved").await;
    p.refused(&p.teas, "/v1/links", &wanted, 403, "not_for_this_account").await;
    p.refused(&p.operator, "/v1/links", &wanted, 422, "missing_field").await;
    let mut for_bert = wanted.clone();
    for_bert["affiliate_id"] = json!(p.id("affiliate", 2).await);
    p.refused(&p.operator, "/v1/links", &for_bert, 409, "no_partnership").await;
    for (change, back, code) in [
        (
            "update partnership set status = 'inactive'",
            "update partnership set status = 'active'",
            "partnership_not_active",
        ),
        (
            "update affiliate set is_active = false",
            "update affiliate set is_active = true",
            "affiliate_suspended",
        ),
        ("update vendor set is_active = false", "update vendor set is_active = true", "vendor_inactive"),
    ] {
        p.set(change).await;
        p.refused(&p.ada, "/v1/links", &wanted, 409, code).await;
        p.set(back).await;
    }
    let mut for_ada = wanted.clone();
    for_ada["affiliate_id"] = json!(p.id("affiliate", 1).await);
    assert_eq!(p.made(&p.operator, "/v1/links", &for_ada).await["affiliate"], "ada");
}

#[tokio::test]
async fn s31_s36_s42_a_link_tells_clicks_orders_conversion_and_commission() {
    let p = Programme::new().await;
    let wanted = json!({"vendor_id": p.id("vendor", 1).await, "code": "ada-1", "destination": "https://shop.example.com/"});
    let fresh = p.made(&p.ada, "/v1/links", &wanted).await;
    assert_eq!(
        (
            &fresh["clicks"],
            &fresh["unique_visits"],
            &fresh["orders"],
            &fresh["conversion_rate"],
            &fresh["total_commission"]
        ),
        (&json!(0), &json!(0), &json!(0), &Value::Null, &json!([]))
    );
    p.clicks(1, noon(1), 6, 3).await;
    p.clicks(1, noon(0), 2, 0).await;
    p.visitors(1, today(), 0..5).await;
    p.set("insert into order_daily values (1, '2026-11-01', 'EUR', 2, 9000, 900), (1, '2026-11-02', 'EUR', 1, 1000, 100), \
           (1, '2026-11-02', 'USD', 1, 500, 50)")
        .await;
    for who in [&p.ada, &p.teas, &p.operator] {
        let link = p.told(who, "/v1/links/ada-1").await;
        assert_eq!(
            (
                &link["clicks"],
                &link["filtered_clicks"],
                &link["unique_visits"],
                &link["orders"],
                &link["conversion_rate"]
            ),
            (&json!(8), &json!(3), &json!(5), &json!(4), &json!(50.0))
        );
        assert_eq!(
            link["total_commission"],
            json!([
                {"currency": "EUR", "orders": 3, "revenue_minor": 10_000, "commission_minor": 1_000},
                {"currency": "USD", "orders": 1, "revenue_minor": 500, "commission_minor": 50}
            ])
        );
        assert_eq!(column(&p.told(who, "/v1/links").await, "clicks"), [json!(8)]);
    }
    for who in [&p.bert, &p.outdoors] {
        assert_eq!(p.read(who, "/v1/links/ada-1").await.body, p.read(who, "/v1/links/nowhere").await.body);
        assert_eq!(column(&p.told(who, "/v1/links").await, "code"), Vec::<Value>::new());
    }
}

#[tokio::test]
async fn s32_a_link_is_switched_off_and_on() {
    let p = Programme::new().await;
    let wanted = json!({"vendor_id": p.id("vendor", 1).await, "code": "ada-1", "destination": "https://shop.example.com/"});
    p.made(&p.ada, "/v1/links", &wanted).await;
    for who in [&p.ada, &p.teas, &p.operator] {
        let off = p.act(who, "/v1/links/ada-1/deactivate").await;
        assert_eq!(off.status, 200, "{}", off.body);
        let off = off.json();
        assert_eq!(
            (&off["is_active"], &off["status"], &off["paused_by"]),
            (&json!(false), &json!("paused"), &json!("link"))
        );
        p.refused(who, "/v1/links/ada-1/deactivate", &json!({}), 409, "illegal_state").await;
        assert_eq!(p.act(who, "/v1/links/ada-1/activate").await.json()["status"], "active");
        p.refused(who, "/v1/links/ada-1/activate", &json!({}), 409, "illegal_state").await;
    }
    assert_eq!(p.act(&p.bert, "/v1/links/ada-1/deactivate").await.status, 404);
    p.set("update partnership set status = 'inactive'").await;
    let paused = p.told(&p.ada, "/v1/links/ada-1").await;
    assert_eq!(
        (&paused["is_active"], &paused["status"], &paused["paused_by"]),
        (&json!(true), &json!("paused"), &json!("partnership"))
    );
    p.act(&p.ada, "/v1/links/ada-1/deactivate").await;
    p.refused(&p.ada, "/v1/links/ada-1/activate", &json!({}), 409, "partnership_not_active").await;
    assert_eq!(p.count("select count(*) from link_standing where not is_active").await, 4, "history is kept");
}

#[tokio::test]
async fn s33_a_link_expires() {
    let p = Programme::new().await;
    let soon = later(2);
    let wanted = json!({"vendor_id": p.id("vendor", 1).await, "code": "ada-1", "destination": "https://shop.example.com/", "expiry_date": soon});
    assert_eq!(p.made(&p.ada, "/v1/links", &wanted).await["expiry_date"], json!(soon));
    let moved = p.patch(&p.ada, "/v1/links/ada-1", &json!({"expiry_date": null})).await;
    assert_eq!((moved.status, moved.json()["expiry_date"].clone()), (200, Value::Null), "{}", moved.body);
    let past = p.patch(&p.ada, "/v1/links/ada-1", &json!({"expiry_date": "2020-01-01T00:00:00Z"})).await;
    assert_eq!(past.json()["code"], "in_the_past");
    p.set("update link set expiry_date = now() - interval '1 s'").await;
    assert_eq!(p.told(&p.ada, "/v1/links/ada-1").await["status"], "expired");
    for (status, codes) in [("expired", vec![json!("ada-1")]), ("active", vec![]), ("paused", vec![])] {
        assert_eq!(
            column(&p.told(&p.ada, &format!("/v1/links?status={status}")).await, "code"),
            codes,
            "{status}"
        );
    }
}

#[tokio::test]
async fn only_the_shop_changes_where_a_link_leads() {
    let p = Programme::new().await;
    let wanted = json!({"vendor_id": p.id("vendor", 1).await, "code": "ada-1", "destination": "https://shop.example.com/"});
    p.made(&p.ada, "/v1/links", &wanted).await;
    let elsewhere = json!({"destination": "https://shop.example.com/sale"});
    let refused = p.patch(&p.ada, "/v1/links/ada-1", &elsewhere).await;
    assert_eq!(
        (refused.status, refused.json()["code"].clone()),
        (403, json!("not_for_this_account")),
        "{}",
        refused.body
    );
    assert_eq!(p.patch(&p.outdoors, "/v1/links/ada-1", &elsewhere).await.status, 404);
    for who in [&p.teas, &p.operator] {
        let moved = p.patch(who, "/v1/links/ada-1", &elsewhere).await;
        assert_eq!(
            (moved.status, moved.json()["destination"].clone()),
            (200, elsewhere["destination"].clone()),
            "{}",
            moved.body
        );
        let away =
            p.patch(who, "/v1/links/ada-1", &json!({"destination": "https://outdoor.example.com/"})).await;
        assert_eq!(away.json()["code"], "host_not_allowed");
    }
    let stale = [("content-type", "application/json"), ("if-match", "\"v1\"")];
    let late = p.call(&p.teas, "PATCH", "/v1/links/ada-1", &stale, &elsewhere.to_string()).await;
    assert_eq!(late.status, 412, "{}", late.body);
}

#[tokio::test]
async fn a_link_is_shown_before_it_is_shared() {
    let p = Programme::new().await;
    let wanted = json!({"vendor_id": p.id("vendor", 1).await, "code": "ada-1",
        "destination": "https://shop.example.com/{country}?s={sub1}&v={vendor_id}&l={link_code}"});
    p.made(&p.ada, "/v1/links", &wanted).await;
    let preview = p.told(&p.ada, "/v1/links/ada-1/preview?sub1=a%20b%26c&sub2=blog").await;
    assert_eq!(
        preview["url"],
        "https://shop.example.com/SE?s=a%20b%26c&v=1&l=ada-1&clk=CLICK_TOKEN&sub2=blog"
    );
    assert_eq!(
        p.read(&p.ada, "/v1/links/ada-1/preview?url=https://evil.example.org").await.json()["code"],
        "unknown_parameter"
    );
    let qr = p.read(&p.ada, "/v1/links/ada-1/qr.svg").await;
    assert_eq!((qr.status, qr.header("content-type")), (200, "image/svg+xml"));
    assert!(qr.body.starts_with("<svg") && !qr.body.contains("<script"), "{}", &qr.body[..80]);
    assert_eq!(p.read(&p.bert, "/v1/links/ada-1/qr.svg").await.status, 404);
}

#[tokio::test]
async fn coupons_credit_a_link_and_end() {
    let p = Programme::new().await;
    let wanted = json!({"vendor_id": p.id("vendor", 1).await, "code": "ada-1", "destination": "https://shop.example.com/"});
    p.made(&p.ada, "/v1/links", &wanted).await;
    let coupon = p.made(&p.teas, "/v1/coupons", &json!({"coupon_code": "tea10", "link": "ada-1"})).await;
    assert_eq!(
        (&coupon["coupon_code"], &coupon["link"], &coupon["affiliate"], &coupon["until"]),
        (&json!("TEA10"), &json!("ada-1"), &json!("ada"), &Value::Null)
    );
    p.refused(
        &p.teas,
        "/v1/coupons",
        &json!({"coupon_code": "Tea10", "link": "ada-1"}),
        409,
        "coupon_exists",
    )
    .await;
    p.refused(
        &p.outdoors,
        "/v1/coupons",
        &json!({"coupon_code": "OWN", "link": "ada-1"}),
        422,
        "no_such_link",
    )
    .await;
    p.refused(
        &p.ada,
        "/v1/coupons",
        &json!({"coupon_code": "OWN", "link": "ada-1"}),
        403,
        "not_for_this_account",
    )
    .await;
    for (field, value, code) in [
        ("coupon_code", json!("a b"), "invalid_code"),
        ("since", json!("2020-01-01T00:00:00Z"), "in_the_past"),
        ("until", json!("2020-01-01T00:00:00Z"), "invalid_range"),
    ] {
        let mut body = json!({"coupon_code": "OTHER", "link": "ada-1"});
        body[field] = value;
        p.refused(&p.teas, "/v1/coupons", &body, 422, code).await;
    }
    assert_eq!(
        column(&p.told(&p.ada, "/v1/coupons?coupon_code=tea10").await, "coupon_code"),
        [json!("TEA10")]
    );
    assert_eq!(column(&p.told(&p.bert, "/v1/coupons").await, "coupon_code"), Vec::<Value>::new());
    let path = format!("/v1/coupons/{}", coupon["coupon_id"].as_str().expect("an id"));
    let planned = p.patch(&p.teas, &path, &json!({"until": later(3)})).await;
    assert_eq!(planned.status, 200, "{}", planned.body);
    let ended = p.act(&p.teas, &format!("{path}/end")).await;
    assert!(ended.status == 200 && ended.json()["until"].is_string(), "{}", ended.body);
    p.refused(&p.operator, &format!("{path}/end"), &json!({}), 409, "illegal_state").await;
}
