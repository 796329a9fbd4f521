//! What affiliates ask, and what comes of it: S34.

use futures_util::future::join;
use serde_json::{Value, json};

use crate::programme_world::{Programme, column};

#[tokio::test]
async fn s34_a_request_is_asked_answered_and_makes_the_partnership() {
    let p = Programme::new().await;
    let teas = p.id("vendor", 1).await;
    let wanted = json!({"request_type": "partner_with_vendor", "vendor_id": teas, "message": "I drink tea."});
    let asked = p.made(&p.bert, "/v1/requests", &wanted).await;
    assert_eq!(
        (
            &asked["status"],
            &asked["message"],
            &asked["response_message"],
            &asked["responded_at"],
            &asked["product_id"]
        ),
        (&json!("pending"), &json!("I drink tea."), &Value::Null, &Value::Null, &Value::Null)
    );
    p.refused(&p.bert, "/v1/requests", &wanted, 409, "already_requested").await;
    p.refused(&p.ada, "/v1/requests", &wanted, 409, "partnership_exists").await;
    p.refused(&p.carla, "/v1/requests", &wanted, 409, "affiliate_not_approved").await;
    p.refused(&p.operator, "/v1/requests", &wanted, 409, "affiliates_only").await;
    for (field, value, code) in [
        ("request_type", json!("give_me_money"), "unknown_value"),
        ("request_type", json!("promote_product"), "missing_field"),
        ("vendor_id", json!("ven_nowhere"), "no_such_vendor"),
        ("product_id", json!(p.id("product", 2).await), "no_such_product"),
        ("status", json!("approved"), "unknown_field"),
        ("affiliate_id", json!(p.id("affiliate", 1).await), "unknown_field"),
        ("message", json!("x".repeat(2_001)), "invalid_message"),
    ] {
        let mut body = wanted.clone();
        body[field] = value;
        p.refused(&p.bert, "/v1/requests", &body, 422, code).await;
    }
    assert_eq!(p.count("select count(*) from mail where recipient = 'teas@example.com'").await, 1);

    let path = format!("/v1/requests/{}", asked["request_id"].as_str().expect("an id"));
    assert_eq!(p.read(&p.ada, &path).await.status, 404, "another affiliate");
    p.refused(&p.outdoors, &format!("{path}/approve"), &json!({"rate": "1%"}), 404, "no_such_request").await;
    p.refused(&p.bert, &format!("{path}/approve"), &json!({"rate": "99%"}), 403, "not_for_this_account")
        .await;
    p.refused(&p.teas, &format!("{path}/approve"), &json!({}), 422, "missing_field").await;
    p.refused(&p.teas, &format!("{path}/reject"), &json!({}), 422, "missing_field").await;
    let approved = p
        .write(&p.teas, &format!("{path}/approve"), &json!({"rate": "8%", "response_message": "Welcome!"}))
        .await;
    assert_eq!(approved.status, 200, "{}", approved.body);
    let approved = approved.json();
    assert!(
        approved["responded_at"].is_string()
            && approved["responded_by"].as_str().is_some_and(|by| by.contains("teas"))
    );
    let seen = p.told(&p.bert, &path).await;
    assert_eq!((&seen["response_message"], &seen["responded_by"]), (&json!("Welcome!"), &Value::Null));
    let partnership = p.told(&p.bert, "/v1/partnerships").await;
    assert_eq!(column(&partnership, "status"), [json!("active")]);
    assert_eq!(column(&partnership, "commission_rate"), [json!("8%")]);
    p.refused(&p.teas, &format!("{path}/reject"), &json!({"response_message": "no"}), 409, "illegal_state")
        .await;
    assert_eq!(p.count("select count(*) from mail where recipient = 'bert@example.com'").await, 2);
}

#[tokio::test]
async fn of_two_who_answer_at_once_one_is_told() {
    let p = Programme::new().await;
    let wanted = json!({"request_type": "partner_with_vendor", "vendor_id": p.id("vendor", 1).await});
    let asked = p.made(&p.bert, "/v1/requests", &wanted).await;
    let path = format!("/v1/requests/{}", asked["request_id"].as_str().expect("an id"));
    let yes = json!({"rate": "8%"});
    let no = json!({"response_message": "no"});
    let (approve, reject) = (format!("{path}/approve"), format!("{path}/reject"));
    let (approved, rejected) =
        join(p.write(&p.teas, &approve, &yes), p.write(&p.operator, &reject, &no)).await;
    let mut statuses = [approved.status, rejected.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 409], "{} {}", approved.body, rejected.body);
    let partnerships = p.count("select count(*) from partnership where affiliate_id = 2").await;
    assert_eq!(partnerships, i64::from(approved.status == 200), "both or neither");
}

#[tokio::test]
async fn a_raise_is_a_new_rate_and_a_refusal_may_be_asked_again() {
    let p = Programme::new().await;
    let teas = p.id("vendor", 1).await;
    let raise = json!({"request_type": "raise_rate", "vendor_id": teas});
    p.refused(&p.bert, "/v1/requests", &raise, 409, "no_partnership").await;
    let asked = p.made(&p.ada, "/v1/requests", &raise).await;
    let path = format!("/v1/requests/{}", asked["request_id"].as_str().expect("an id"));
    p.refused(&p.teas, &format!("{path}/approve"), &json!({"rate": "9%"}), 422, "notice_needed").await;
    assert_eq!(p.write(&p.teas, &format!("{path}/approve"), &json!({"rate": "11%"})).await.status, 200);
    assert_eq!(column(&p.told(&p.ada, "/v1/partnerships").await, "commission_rate"), [json!("11%")]);
    let product =
        json!({"request_type": "promote_product", "vendor_id": teas, "product_id": p.id("product", 1).await});
    for _ in 0..2 {
        let asked = p.made(&p.ada, "/v1/requests", &product).await;
        assert_eq!(asked["product_name"], "Teapot");
        let path = format!("/v1/requests/{}", asked["request_id"].as_str().expect("an id"));
        let no =
            p.write(&p.operator, &format!("{path}/reject"), &json!({"response_message": "sold out"})).await;
        assert_eq!(no.status, 200, "{}", no.body);
    }
    let waiting = p.made(&p.ada, "/v1/requests", &product).await;
    let list = p.told(&p.operator, "/v1/requests").await;
    assert_eq!(list["data"][0]["request_id"], waiting["request_id"], "those that wait come first");
    assert_eq!(
        column(&list, "status"),
        ["pending", "rejected", "rejected", "approved"].map(|status| json!(status))
    );
    let page = p.told(&p.operator, "/v1/requests?limit=2").await;
    let rest = p
        .told(
            &p.operator,
            &format!("/v1/requests?starting_after={}", page["next_cursor"].as_str().expect("more")),
        )
        .await;
    assert_eq!(column(&rest, "status"), [json!("rejected"), json!("approved")]);
}
