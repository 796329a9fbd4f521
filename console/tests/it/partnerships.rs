//! Partnerships and their rates: S39 to S41.

use chrono::{DateTime, TimeDelta, Utc};
use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::programme_world::{Programme, column};

async fn ada_and_teas(p: &Programme) -> String {
    format!(
        "/v1/partnerships/{}",
        p.text("select public_id from partnership where vendor_id = 1 and affiliate_id = 1").await
    )
}

#[tokio::test]
async fn s39_a_partnership_tells_vendor_name_rate_and_when_it_was_joined() {
    let p = Programme::new().await;
    let seen = p.told(&p.ada, &ada_and_teas(&p).await).await;
    assert_eq!(
        (
            &seen["vendor_id"],
            &seen["vendor_name"],
            &seen["commission_rate"],
            &seen["rate_ppm"],
            &seen["joined_at"]
        ),
        (
            &json!(p.id("vendor", 1).await),
            &json!("Made-up Teas"),
            &json!("10%"),
            &json!(100_000),
            &json!("2026-01-01T00:00:00Z")
        )
    );
}

#[tokio::test]
async fn s40_a_partnership_takes_only_the_steps_that_its_status_allows() {
    let p = Programme::new().await;
    let path = ada_and_teas(&p).await;
    for (from, allowed) in [
        ("pending", &["approve", "reject"][..]),
        ("approved", &["activate"]),
        ("rejected", &[]),
        ("active", &["deactivate"]),
        ("inactive", &["activate"]),
    ] {
        for step in ["approve", "reject", "activate", "deactivate"] {
            p.set(&format!("update partnership set status = '{from}'")).await;
            let answer = p.act(&p.teas, &format!("{path}/{step}")).await;
            let (status, code) =
                if allowed.contains(&step) { (200, Value::Null) } else { (409, json!("illegal_state")) };
            assert_eq!(
                (answer.status, &answer.json()["code"]),
                (status, &code),
                "{from} {step}: {}",
                answer.body
            );
            if status == 409 {
                assert!(answer.body.contains(from), "{}", answer.body);
            }
        }
    }
    p.set("update partnership set status = 'approved', joined_at = null").await;
    let active = p.act(&p.operator, &format!("{path}/activate")).await.json();
    assert!(active["joined_at"].is_string() && active["status"] == "active", "{active}");
    let joined = active["joined_at"].clone();
    p.act(&p.operator, &format!("{path}/deactivate")).await;
    let again = p.act(&p.operator, &format!("{path}/activate")).await.json();
    assert_eq!(again["joined_at"], joined, "joined once");
    for (who, status) in [(&p.ada, 403), (&p.outdoors, 404)] {
        assert_eq!(p.act(who, &format!("{path}/deactivate")).await.status, status);
    }
    assert_eq!(p.count("select count(*) from audit_entry where action like 'partnership.%'").await, 8);
}

#[tokio::test]
async fn s41_one_affiliate_with_several_vendors_each_its_own_rate() {
    let p = Programme::new().await;
    let wanted = json!({"vendor_id": p.id("vendor", 2).await, "affiliate_id": p.id("affiliate", 1).await, "rate": "12.5%"});
    let made = p.made(&p.operator, "/v1/partnerships", &wanted).await;
    assert_eq!((&made["status"], &made["commission_rate"]), (&json!("active"), &json!("12.5%")));
    let list = p.told(&p.ada, "/v1/partnerships").await;
    assert_eq!(column(&list, "vendor_name"), [json!("Invented Outdoors"), json!("Made-up Teas")]);
    assert_eq!(column(&list, "rate_ppm"), [json!(125_000), json!(100_000)]);
    p.refused(&p.operator, "/v1/partnerships", &wanted, 409, "partnership_exists").await;
    assert_eq!(column(&p.told(&p.teas, "/v1/partnerships").await, "vendor_name"), [json!("Made-up Teas")]);
    // A vendor does not know affiliates that never asked, and cannot promise for another vendor.
    let bert = json!({"affiliate_id": p.id("affiliate", 2).await, "rate_ppm": 1});
    p.refused(&p.teas, "/v1/partnerships", &bert, 422, "no_such_affiliate").await;
    p.refused(&p.teas, "/v1/partnerships", &wanted, 422, "no_such_vendor").await;
    p.refused(&p.ada, "/v1/partnerships", &wanted, 403, "not_for_this_account").await;
    for (field, value, code) in [
        ("rate", json!("101%"), "invalid_rate"),
        ("rate_ppm", json!(5), "repeated_field"),
        ("status", json!("rejected"), "unknown_value"),
        ("joined_at", json!("2020-01-01T00:00:00Z"), "unknown_field"),
    ] {
        let mut body = wanted.clone();
        body[field] = value;
        p.refused(&p.operator, "/v1/partnerships", &body, 422, code).await;
    }
    assert_eq!(p.count("select count(*) from mail where recipient = 'ada@example.com'").await, 1);
}

#[tokio::test]
async fn rates_keep_their_history_and_their_affiliate_is_told() {
    let p = Programme::new().await;
    let rates = format!("{}/rates", ada_and_teas(&p).await);
    p.refused(&p.teas, &rates, &json!({"rate": "9%"}), 422, "notice_needed").await;
    p.refused(&p.ada, &rates, &json!({"rate": "90%"}), 403, "not_for_this_account").await;
    p.refused(&p.outdoors, &rates, &json!({"rate": "9%"}), 404, "no_such_partnership").await;
    p.made(&p.teas, &rates, &json!({"rate": "12.5%"})).await;
    let later = DateTime::<Utc>::from(runtime::clock::system_time()) + TimeDelta::days(8);
    p.made(&p.teas, &rates, &json!({"rate_ppm": 50_000, "since": later})).await;
    p.refused(&p.teas, &rates, &json!({"rate_ppm": 60_000, "since": later}), 409, "rate_exists").await;
    let history = p.told(&p.ada, &rates).await;
    assert_eq!(column(&history, "commission_rate"), [json!("5%"), json!("12.5%"), json!("10%")]);
    assert_eq!(column(&history, "is_current"), [json!(false), json!(true), json!(false)]);
    let seen = p.told(&p.ada, &ada_and_teas(&p).await).await;
    assert_eq!((&seen["rate_ppm"], &seen["next_rate"]["rate_ppm"]), (&json!(125_000), &json!(50_000)));
    let mail = p
        .text("select body from mail where subject like '%commission changes' order by mail_id limit 1")
        .await;
    assert!(mail.contains("12.5 %") && mail.contains("It was 10 %"), "{mail}");
}

#[tokio::test]
async fn of_many_who_change_a_rate_at_once_one_wins() {
    let p = Programme::new().await;
    let path = ada_and_teas(&p).await;
    let etag = p.read(&p.teas, &path).await.header("etag").to_owned();
    let change = |n: u32| {
        let (p, path, etag) = (&p, &path, &etag);
        async move {
            let headers = [("content-type", "application/json"), ("if-match", etag.as_str())];
            let body = json!({"rate_ppm": 200_000 + n}).to_string();
            p.call(&p.teas, "POST", &format!("{path}/rates"), &headers, &body).await.status
        }
    };
    let statuses = join_all((0..100).map(change)).await;
    let count = |wanted| statuses.iter().filter(|status| **status == wanted).count();
    assert_eq!((count(201), count(201) + count(412) + count(503)), (1, 100), "{statuses:?}");
    assert_eq!(p.count("select count(*) from partnership_rate").await, 2);
}
