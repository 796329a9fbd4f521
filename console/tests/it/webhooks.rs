//! Webhooks: believed only when they are signed, and understood as each shop system means them.

use chrono::{DateTime, SecondsFormat, Utc};
use data_encoding::{BASE64, HEXLOWER};
use hmac::{Hmac, KeyInit as _, Mac as _};
use runtime::clock;
use serde_json::{Value, json};
use sha2::Sha256;

use crate::intake::{DUE, EVENTS, placed};
use crate::support::{Answer, World, console_without_a_seal};

const STANDARD: &str = "whsec_b2xkLW1hZGUtdXAtc2VjcmV0LW9mLWEtdGVzdA==";
const PLAIN: &str = "made-up-secret-of-a-shop";

fn mac(key: &[u8], signed: &[u8]) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("any length");
    mac.update(signed);
    mac.finalize().into_bytes().to_vec()
}

fn now_s() -> u64 {
    clock::now_ms() / 1_000
}

/// A sample as if it had happened just now.
fn sample(text: &str) -> String {
    let now = DateTime::<Utc>::from(clock::system_time()).to_rfc3339_opts(SecondsFormat::Secs, true);
    text.replace("2026-11-21T10:00:00", now.trim_end_matches('Z'))
        .replace("1795255200", &now_s().to_string())
        .replace("@TOKEN@", &"t".repeat(64))
}

async fn standard_at(world: &World, endpoint: &str, secret: &str, body: &str, at: u64) -> Answer {
    let key = BASE64.decode(&secret.as_bytes()["whsec_".len()..]).expect("base64");
    let signature = format!("v1,{}", BASE64.encode(&mac(&key, format!("msg_1.{at}.{body}").as_bytes())));
    let at = at.to_string();
    let headers = [
        ("webhook-id", "msg_1"),
        ("webhook-timestamp", at.as_str()),
        ("webhook-signature", signature.as_str()),
    ];
    world.send("POST", &format!("/v1/webhooks/{endpoint}"), &headers, body).await
}

async fn stripe(world: &World, endpoint: &str, body: &str) -> Answer {
    let at = now_s();
    let signature = HEXLOWER.encode(&mac(PLAIN.as_bytes(), format!("{at}.{body}").as_bytes()));
    let header = format!("t={at},v1={signature}");
    let headers = [("content-type", "application/json"), ("stripe-signature", header.as_str())];
    world.send("POST", &format!("/v1/webhooks/{endpoint}"), &headers, body).await
}

async fn of_body(
    world: &World,
    endpoint: &str,
    [header, topic_header, topic]: [&str; 3],
    body: &str,
) -> Answer {
    let signature = BASE64.encode(&mac(PLAIN.as_bytes(), body.as_bytes()));
    let headers = [(header, signature.as_str()), (topic_header, topic)];
    world.send("POST", &format!("/v1/webhooks/{endpoint}"), &headers, body).await
}

async fn shopify(world: &World, endpoint: &str, topic: &str, body: &str) -> Answer {
    of_body(world, endpoint, ["X-Shopify-Hmac-Sha256", "X-Shopify-Topic", topic], body).await
}

async fn woocommerce(world: &World, endpoint: &str, topic: &str, body: &str) -> Answer {
    of_body(world, endpoint, ["X-WC-Webhook-Signature", "X-WC-Webhook-Topic", topic], body).await
}

/// The stored events of a kind.
async fn stored(world: &World, kind: &str) -> Vec<Value> {
    let bodies: Vec<String> =
        sqlx::query_scalar("select body::text from order_event where kind = $1 order by version, event_id")
            .bind(kind)
            .fetch_all(&world.owner)
            .await
            .expect("events");
    bodies.iter().map(|body| serde_json::from_str(body).expect("JSON")).collect()
}

fn outcome(answer: &Answer) -> (u16, Value) {
    (answer.status, answer.json()["outcome"].clone())
}

#[tokio::test]
async fn only_what_is_signed_now_is_believed() {
    let world = World::with_programme().await;
    let endpoint = world.endpoint("standard", STANDARD).await;
    let mut body = placed("x");
    body.as_object_mut().expect("an object").remove("event_id");
    let body = body.to_string();
    for (seconds, status) in [(-310_i64, 401), (-290, 201), (290, 200), (310, 401)] {
        let answer =
            standard_at(&world, &endpoint, STANDARD, &body, now_s().saturating_add_signed(seconds)).await;
        assert_eq!(answer.status, status, "{seconds} s: {}", answer.body);
    }
    assert_eq!(stored(&world, "placed").await[0]["event_id"], "msg_1", "named by its header");

    let other = STANDARD.replace("b2xk", "bmV3");
    let forged = standard_at(&world, &endpoint, &other, &body, now_s()).await;
    assert_eq!((forged.status, forged.json()["code"].clone()), (401, json!("bad_signature")));
    assert!(forged.header("www-authenticate").starts_with("Signature"));

    let path = format!("/v1/webhooks/{endpoint}");
    let (at, key) = (now_s(), BASE64.decode(&STANDARD.as_bytes()[6..]).expect("base64"));
    let signature = format!("v1,{}", BASE64.encode(&mac(&key, format!("msg_1.{at}.{body}").as_bytes())));
    let at = at.to_string();
    let headers = [
        ("webhook-id", "msg_1"),
        ("webhook-timestamp", at.as_str()),
        ("webhook-signature", signature.as_str()),
    ];
    let spaced =
        serde_json::to_string_pretty(&serde_json::from_str::<Value>(&body).expect("JSON")).expect("JSON");
    assert_eq!(world.send("POST", &path, &headers, &spaced).await.status, 401, "written again");
    assert_eq!(world.send("POST", &path, &headers[..2], &body).await.status, 401, "unsigned");
    let twice = [headers[0], headers[1], headers[2], headers[2]];
    assert_eq!(world.send("POST", &path, &twice, &body).await.status, 401, "a header twice");
    assert_eq!(world.send("POST", &path, &headers, &body).await.status, 200, "and as it was");
    assert_eq!(world.count(EVENTS).await, 1);
}

#[tokio::test]
async fn an_old_secret_is_good_until_its_overlap_ends() {
    let world = World::with_programme().await;
    let endpoint = world.endpoint("standard", STANDARD).await;
    let new = STANDARD.replace("b2xk", "bmV3");
    world.webhook_secret(&endpoint, 2, &new).await;
    let body = placed("e1").to_string();
    for (until, old_status) in [("1 hour", 201), ("-1 second", 401)] {
        sqlx::query("update webhook_secret set valid_until = now() + $1::text::interval where secret_no = 1")
            .bind(until)
            .execute(&world.owner)
            .await
            .expect("the overlap is set");
        assert_eq!(
            standard_at(&world, &endpoint, STANDARD, &body, now_s()).await.status,
            old_status,
            "{until}"
        );
        assert_eq!(standard_at(&world, &endpoint, &new, &body, now_s()).await.status, 200, "{until}");
    }
    sqlx::query("update webhook_endpoint set disabled_at = now()").execute(&world.owner).await.expect("off");
    let gone = standard_at(&world, &endpoint, &new, &body, now_s()).await;
    assert_eq!((gone.status, gone.json()["code"].clone()), (404, json!("no_such_endpoint")));
    assert_eq!(world.get("/v1/postback/standard0123456789abcdef").await.status, 404, "no postback");
}

#[tokio::test]
async fn an_endpoint_reports_for_its_own_vendor_only() {
    let world = World::with_programme().await;
    let endpoint = world.endpoint("standard", STANDARD).await;
    let mut foreign = placed("e1");
    foreign["items"][0]["vendor_id"] = json!(2);
    let answer = standard_at(&world, &endpoint, STANDARD, &foreign.to_string(), now_s()).await;
    assert_eq!((answer.status, answer.json()["code"].clone()), (422, json!("other_vendor")));
    assert_eq!(world.count(EVENTS).await, 0);
    // Signed with the secret of another endpoint.
    let other = world.endpoint("shopify", PLAIN).await;
    let answer =
        shopify(&world, &other, "orders/create", &sample(include_str!("samples/shopify_order.json"))).await;
    assert_eq!(answer.status, 201, "{}", answer.body);
    assert_eq!(shopify(&world, &endpoint, "orders/create", "{}").await.status, 401);
}

#[tokio::test]
async fn without_the_consoles_secret_webhooks_wait_and_the_rest_goes_on() {
    let world = World::with_programme().await;
    let endpoint = world.endpoint("standard", STANDARD).await;
    let (console, shutdown) = console_without_a_seal(&world).await;
    let path = format!("/v1/webhooks/{endpoint}");
    let answer = crate::support::send(console.address, "POST", &path, &[], "{}").await;
    assert_eq!(
        (answer.status, answer.json()["code"].clone()),
        (503, json!("no_console_secret")),
        "{}",
        answer.body
    );
    assert!(answer.body.contains("CONSOLE_SECRET") && !answer.header("retry-after").is_empty());
    assert_eq!(crate::support::get(console.address, "/links").await.status, 200);
    shutdown.start();
}

#[tokio::test]
async fn stripe_sessions_refunds_and_disputes_are_one_order() {
    let world = World::with_programme().await;
    let endpoint = world.endpoint("stripe", PLAIN).await;
    let session = sample(include_str!("samples/stripe_session.json"));
    assert_eq!(outcome(&stripe(&world, &endpoint, &session).await), (201, json!("accepted")));
    assert_eq!(outcome(&stripe(&world, &endpoint, &session).await), (200, json!("duplicate")));
    let refund = sample(include_str!("samples/stripe_refund.json"));
    let dispute = sample(include_str!("samples/stripe_dispute.json"));
    let won = dispute
        .replace("dispute_1", "dispute_2")
        .replace("dispute.created", "dispute.closed")
        .replace("needs_response", "won");
    let expired = session
        .replace("session_1", "session_2")
        .replace("session.completed", "session.expired")
        .replace("\"pi_madeup_1\"", "null");
    for body in [&refund, &dispute, &won, &expired] {
        let answer = stripe(&world, &endpoint, body).await;
        assert_eq!(answer.status, 201, "{}", answer.body);
    }
    let other = session.replace("checkout.session.completed", "invoice.created");
    assert_eq!(outcome(&stripe(&world, &endpoint, &other).await), (200, json!("ignored")));
    let inquiry = dispute.replace("needs_response", "warning_needs_response");
    assert_eq!(outcome(&stripe(&world, &endpoint, &inquiry).await), (200, json!("ignored")));

    let bought = &stored(&world, "completed").await[0];
    assert_eq!(
        (&bought["order_ref"], &bought["items"][0]["net_minor"], &bought["currency"]),
        (&json!("pi_madeup_1"), &json!(10_000), &json!("EUR")),
        "without tax and shipping"
    );
    assert_eq!(bought["click_ids"], json!(["t".repeat(64)]), "a cart's name is no token");
    assert_eq!((&bought["coupon"], &bought["customer"]["country"]), (&json!("tea10"), &json!("DE")));
    assert_eq!(
        stored(&world, "refunded").await[0]["reversal"],
        json!({"reversal_id": "ch_madeup_1", "amount_minor": 2400})
    );
    let chargebacks = stored(&world, "chargeback").await;
    let amounts: Vec<&Value> = chargebacks.iter().map(|event| &event["reversal"]["amount_minor"]).collect();
    assert_eq!(amounts, [&json!(12_400), &json!(0)], "won: the same reversal, a higher version, nothing");
    assert_eq!(stored(&world, "abandoned").await[0]["order_ref"], "cs_madeup_1");
    let metrics = world.console.admin.render();
    assert!(metrics.contains("source=\"stripe\",outcome=\"ignored\",reason=\"event_type\""), "{metrics}");
}

#[tokio::test]
async fn shopifys_topic_must_agree_with_what_is_signed() {
    let world = World::with_programme().await;
    let endpoint = world.endpoint("shopify", PLAIN).await;
    let order = sample(include_str!("samples/shopify_order.json"));
    let refund = sample(include_str!("samples/shopify_refund.json"));
    for (topic, body, status) in [
        ("orders/create", &order, 201),
        ("orders/create", &order, 200),
        ("orders/paid", &order, 201),
        ("orders/cancelled", &order, 422),
        ("refunds/create", &refund, 201),
        ("refunds/create", &refund, 200),
        ("orders/create", &refund, 422),
        ("products/update", &order, 200),
    ] {
        let answer = shopify(&world, &endpoint, topic, body).await;
        assert_eq!(answer.status, status, "{topic}: {}", answer.body);
    }
    let unpaid = order.replace("\"paid\"", "\"pending\"");
    assert_eq!(shopify(&world, &endpoint, "orders/paid", &unpaid).await.json()["code"], "topic_mismatch");
    let placed = &stored(&world, "placed").await[0];
    let nets: Vec<&Value> =
        placed["items"].as_array().expect("items").iter().map(|item| &item["net_minor"]).collect();
    assert_eq!(nets, [&json!(7200), &json!(1800)], "after discounts, without the tax in the price");
    assert_eq!((&placed["click_ids"], &placed["coupon"]), (&json!(["t".repeat(64)]), &json!("TEA10")));
    assert_eq!(
        placed["customer"],
        json!({"name": "Petra Pretend", "email": "petra@example.com", "country": "AT"})
    );
    let back = &stored(&world, "refunded").await[0];
    assert_eq!(
        (&back["order_ref"], &back["reversal"]["items"]),
        (&json!("8200000000001"), &json!([{"item_id": "11", "quantity": 2, "amount_minor": 7200}]))
    );
}

#[tokio::test]
async fn woocommerces_order_is_several_events() {
    let world = World::with_programme().await;
    let endpoint = world.endpoint("woocommerce", PLAIN).await;
    let path = format!("/v1/webhooks/{endpoint}");
    let form = [("content-type", "application/x-www-form-urlencoded")];
    let ping = world.send("POST", &path, &form, "webhook_id=17").await;
    assert_eq!(outcome(&ping), (200, json!("ignored")), "{}", ping.body);
    assert_eq!(world.send("POST", &path, &form, "webhook_id=17&x=1").await.status, 401);

    let order = sample(include_str!("samples/woocommerce_order.json"));
    assert_eq!(
        outcome(&woocommerce(&world, &endpoint, "order.created", &order).await),
        (201, json!("accepted"))
    );
    assert_eq!(
        outcome(&woocommerce(&world, &endpoint, "order.updated", &order).await),
        (200, json!("duplicate"))
    );
    let refunds = r#""refunds": [ { "id": 8, "reason": "", "total": "-11.31" }, { "id": 9, "reason": "", "total": "-113.05" } ]"#;
    let done = order.replace("\"processing\"", "\"completed\"").replace("\"refunds\": []", refunds);
    let answer = woocommerce(&world, &endpoint, "order.updated", &done).await;
    assert_eq!(
        (answer.status, answer.json()["data"].as_array().map(Vec::len)),
        (201, Some(3)),
        "{}",
        answer.body
    );
    assert_eq!(woocommerce(&world, &endpoint, "order.updated", &done).await.status, 200);
    let mut back: Vec<i64> = stored(&world, "refunded")
        .await
        .iter()
        .filter_map(|event| event["reversal"]["amount_minor"].as_i64())
        .collect();
    back.sort_unstable();
    assert_eq!(back, [900, 9000], "the goods' share of what was paid back");
    let placed = &stored(&world, "placed").await[0];
    assert_eq!(
        (&placed["items"][1]["net_minor"], &placed["click_ids"]),
        (&json!(1800), &json!(["t".repeat(64)]))
    );
    for (status, expect) in [("cancelled", 201), ("refunded", 201), ("checkout-draft", 200)] {
        let body = order.replace("\"processing\"", &format!("\"{status}\""));
        let answer = woocommerce(&world, &endpoint, "order.updated", &body).await;
        assert_eq!(answer.status, expect, "{status}: {}", answer.body);
    }
    let inexact = order.replace("\"72.00\"", "\"72.005\"").replace("4711", "4712");
    let answer = woocommerce(&world, &endpoint, "order.created", &inexact).await;
    assert_eq!((answer.status, answer.json()["field"].clone()), (422, json!("line_items[0].total")));
    assert_eq!((world.count(EVENTS).await, world.count(DUE).await), (6, 4), "one call wakes an order once");
}
