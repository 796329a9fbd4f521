//! Products: their price, where they lead, and rates of their own.

use serde_json::{Value, json};

use crate::programme_world::{Programme, column};

#[tokio::test]
async fn products_have_a_price_and_lead_to_their_vendor() {
    let p = Programme::new().await;
    let tray = json!({"name": "Tray", "destination": "https://Shop.Example.com/tray", "price_minor": 1250, "currency": "EUR"});
    let made = p.made(&p.teas, "/v1/products", &tray).await;
    assert_eq!(
        (&made["destination"], &made["price_minor"], &made["currency"], &made["vendor_id"]),
        (
            &json!("https://shop.example.com/tray"),
            &json!(1250),
            &json!("EUR"),
            &json!(p.id("vendor", 1).await)
        )
    );
    let with = |field: &str, value: Value| {
        let mut body = tray.clone();
        body[field] = value;
        body
    };
    for (body, code) in [
        (with("price_minor", json!(12.5)), "invalid_value"),
        (with("price_minor", json!(-1)), "invalid_amount"),
        (with("price_minor", Value::Null), "incomplete_price"),
        (with("currency", json!("EURO")), "invalid_currency"),
        (with("destination", json!("https://outdoor.example.com/")), "host_not_allowed"),
        (with("destination", json!("http://shop.example.com/")), "invalid_url"),
        (with("destination", json!("http://127.0.0.1:8080/x")), "invalid_url"),
        (with("vendor_id", json!(p.id("vendor", 2).await)), "no_such_vendor"),
        (with("is_active", json!(false)), "unknown_field"),
        (with("row_version", json!(9)), "unknown_field"),
    ] {
        p.refused(&p.teas, "/v1/products", &body, 422, code).await;
    }
    p.refused(&p.operator, "/v1/products", &tray, 422, "missing_field").await;
    p.refused(&p.ada, "/v1/products", &tray, 403, "not_for_this_account").await;
    let path = format!("/v1/products/{}", made["product_id"].as_str().expect("an id"));
    assert_eq!(p.patch(&p.outdoors, &path, &json!({"name": "Mine"})).await.status, 404);
    assert_eq!(p.patch(&p.ada, &path, &json!({"name": "Mine"})).await.status, 403);
    let changed = p
        .patch(&p.teas, &path, &json!({"price_minor": null, "currency": null, "is_active": false}))
        .await
        .json();
    assert_eq!((&changed["price_minor"], &changed["is_active"]), (&Value::Null, &json!(false)));
    assert_eq!(column(&p.told(&p.teas, "/v1/products").await, "name"), [json!("Tray"), json!("Teapot")]);
    assert_eq!(
        column(&p.told(&p.teas, "/v1/products?is_active=true&search=tea").await, "name"),
        [json!("Teapot")]
    );
    // Bert promotes nobody, so he sees what is offered; Ada promotes the vendor.
    assert_eq!(column(&p.told(&p.bert, "/v1/products").await, "name"), [json!("Tent"), json!("Teapot")]);
    assert_eq!(p.read(&p.bert, &path).await.status, 404);
    assert_eq!(p.read(&p.ada, &path).await.status, 200);
}

#[tokio::test]
async fn a_products_own_rate_keeps_its_history_and_a_cut_needs_notice() {
    let p = Programme::new().await;
    let product = p.id("product", 1).await;
    let path = format!("/v1/products/{product}/rates");
    // Ada gets 10 % of everything: 15 % is more, 5 % would be less.
    p.refused(&p.teas, &path, &json!({"rate": "5%"}), 422, "notice_needed").await;
    let raised = p.made(&p.teas, &path, &json!({"rate": "15%"})).await;
    assert_eq!((&raised["rate_ppm"], &raised["is_current"]), (&json!(150_000), &json!(true)));
    p.refused(&p.teas, &path, &json!({"rate": null}), 422, "notice_needed").await;
    p.refused(&p.teas, &path, &json!({"rate": "20%", "since": "2020-01-01T00:00:00Z"}), 422, "in_the_past")
        .await;
    p.made(&p.operator, &path, &json!({"rate_ppm": null})).await;
    let history = p.told(&p.ada, &path).await;
    assert_eq!(column(&history, "rate_ppm"), [Value::Null, json!(150_000)]);
    assert_eq!(column(&history, "is_current"), [json!(true), json!(false)]);
    assert_eq!(p.told(&p.teas, &format!("/v1/products/{product}")).await["rate_ppm"], Value::Null);
    p.refused(&p.outdoors, &path, &json!({"rate": "15%"}), 404, "no_such_product").await;
    let mails = "select count(*) from mail where recipient = 'ada@example.com' and subject = 'Teapot: the commission changes'";
    assert_eq!(p.count(mails).await, 2);
}
