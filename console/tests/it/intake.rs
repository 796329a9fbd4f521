//! Orders through `/v1/orders`: taken in once whatever is repeated, and never half.

use common::money::MAX_MINOR;
use futures_util::future::join_all;
use runtime::clock;
use serde_json::{Value, json};

use crate::support::{Answer, World, send};

pub(crate) const EVENTS: &str = "select count(*) from order_event";
pub(crate) const DUE: &str = "select count(*) from order_due";

/// An order of a tea house, placed now.
pub(crate) fn placed(event_id: &str) -> Value {
    json!({"event_id": event_id, "order_ref": "A-1001", "type": "placed", "occurred_at": ago(0), "currency": "EUR",
        "items": [{"item_id": "1", "name": "Teapot", "quantity": 1, "net_minor": 4990}], "coupon": "TEA10",
        "customer": {"name": "Petra Pretend", "email": "petra@example.com", "country": "DE"},
        "delivery": {"method": "parcel", "address": "1 Nowhere Street", "tracking": "T1"}})
}

/// The instant so many seconds ago; negative ones are yet to come.
pub(crate) fn ago(seconds: i64) -> String {
    let now = clock::now_ms() as i64 / 1_000 - seconds;
    chrono::DateTime::from_timestamp(now, 0).expect("an instant").to_rfc3339()
}

fn with(mut body: Value, field: &str, value: Value) -> Value {
    body[field] = value;
    body
}

#[tokio::test]
async fn an_event_is_taken_in_once() {
    let world = World::with_programme().await;
    let key = world.key("shop", Some(1), &["orders:write"]).await;
    let event = placed("evt-1");
    let first = world.post("/v1/orders", &key, &event).await;
    assert_eq!(first.status, 201, "{}", first.body);
    assert_eq!(
        first.json(),
        json!({"object": "order_event", "event_id": "evt-1", "order_ref": "A-1001", "outcome": "accepted"})
    );
    let spaced = serde_json::to_string_pretty(&event).expect("JSON");
    let headers = [("content-type", "application/json; charset=utf-8"), ("authorization", key.as_str())];
    let again = world.send("POST", "/v1/orders", &headers, &spaced).await;
    assert_eq!((again.status, again.json()["outcome"].clone()), (200, json!("duplicate")), "{}", again.body);

    let other = with(event, "currency", json!("USD"));
    let reused = world.post("/v1/orders", &key, &other).await;
    assert_eq!(
        (reused.status, reused.json()["code"].clone()),
        (409, json!("event_id_reused")),
        "{}",
        reused.body
    );
    assert_eq!((world.count(EVENTS).await, world.count(DUE).await), (1, 1), "nothing changed");
    let stored: Value =
        sqlx::query_scalar::<_, String>("select body::text from order_event where source = 'api'")
            .fetch_one(&world.owner)
            .await
            .map(|text| serde_json::from_str(&text).expect("JSON"))
            .expect("one event");
    assert_eq!((&stored["currency"], &stored["items"][0]["net_minor"]), (&json!("EUR"), &json!(4990)));
    let metrics = world.console.admin.render();
    for line in [
        "console_intake_total{source=\"api\",outcome=\"accepted\",reason=\"\"} 1",
        "console_intake_total{source=\"api\",outcome=\"duplicate\",reason=\"\"} 1",
        "console_intake_total{source=\"api\",outcome=\"refused\",reason=\"event_id_reused\"} 1",
    ] {
        assert!(metrics.contains(line), "{line} is not in {metrics}");
    }
}

/// Posts as a shop does: what a busy console asks to send again is sent again.
async fn sent_until_taken(world: &World, key: &str, event: &Value) -> Answer {
    loop {
        let answer = world.post("/v1/orders", key, event).await;
        if answer.status != 503 {
            return answer;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
}

#[tokio::test]
async fn a_hundred_at_once_are_one() {
    let world = World::with_programme().await;
    for (name, vendor) in [("vendor", Some(1)), ("programme", None)] {
        let key = world.key(name, vendor, &["orders:write"]).await;
        let event = with(placed(name), "vendor_id", json!(1));
        let answers = join_all((0..100).map(|_| sent_until_taken(&world, &key, &event))).await;
        let with_status = |status| answers.iter().filter(|answer| answer.status == status).count();
        assert_eq!((with_status(201), with_status(200)), (1, 99), "{name}: {:?}", answers[0]);
    }
    assert_eq!((world.count(EVENTS).await, world.count(DUE).await), (2, 2));
}

#[tokio::test]
async fn keys_open_only_what_they_are_for() {
    let world = World::with_programme().await;
    let key = world.key("shop", Some(1), &["orders:write"]).await;
    let reader = world.key("reader", Some(1), &["reports:read"]).await;
    let revoked = world.key("revoked", Some(1), &["orders:write"]).await;
    sqlx::query("update api_key set revoked_at = now() where name = 'revoked'")
        .execute(&world.owner)
        .await
        .expect("revoked");
    let wrong = key.replace("made-up", "MADE-UP");
    for (key, status, code) in [
        (key.as_str(), 201, ""),
        (&wrong, 401, "unauthorized"),
        (&revoked, 401, "unauthorized"),
        ("Bearer llk_nobody00_made-up-secret-of-a-test", 401, "unauthorized"),
        ("Basic c2hvcDpzaG9w", 401, "unauthorized"),
        (&reader, 403, "missing_scope"),
    ] {
        let answer = world.post("/v1/orders", key, &placed("evt-1")).await;
        assert_eq!(
            (answer.status, answer.json()["code"].as_str().unwrap_or("")),
            (status, code),
            "{}",
            answer.body
        );
        assert_eq!(answer.header("www-authenticate").starts_with("Bearer"), status == 401);
    }
    let foreign = with(placed("evt-2"), "vendor_id", json!(2));
    let answer = world.post("/v1/orders", &key, &foreign).await;
    assert_eq!((answer.status, answer.json()["code"].clone()), (422, json!("other_vendor")));
    assert_eq!(world.count(EVENTS).await, 1);
    let answer = world.get("/v1/orders/batch").await;
    assert_eq!((answer.status, answer.header("allow")), (405, "POST"), "{}", answer.body);
}

/// Bodies, or fields of an otherwise good event, with the answer that each gets.
fn bad_bodies() -> Vec<(String, u16, &'static str)> {
    let item =
        |net: &str| format!("{{\"items\":[{{\"item_id\":\"1\",\"quantity\":1,\"net_minor\":{net}}}]}}");
    let deep = format!("{{\"customer\":{}{}}}", "[".repeat(40), "]".repeat(40));
    let long = "x".repeat(300);
    vec![
        (String::new(), 400, "invalid_json"),
        ("{".into(), 400, "invalid_json"),
        ("{\"coupon\":\"A\",\"coupon\":\"B\"}".into(), 400, "invalid_json"),
        (deep, 400, "invalid_json"),
        ("[1]".into(), 422, "not_an_object"),
        ("{}".into(), 422, "missing"),
        (item("49.90"), 422, "not_minor_units"),
        (item("1e308"), 422, "not_minor_units"),
        (item("\"4990\""), 422, "not_minor_units"),
        (item("-1"), 422, "negative"),
        (item(&(MAX_MINOR + 1).to_string()), 422, "too_large"),
        (item(&i64::MAX.to_string()), 422, "too_large"),
        (item(&u64::MAX.to_string()), 422, "too_large"),
        (item(&i64::MIN.to_string()), 422, "negative"),
        ("{\"items\":[{\"item_id\":\"1\"}]}".into(), 422, "missing"),
        (
            "{\"items\":[{\"item_id\":\"1\",\"net_minor\":1},{\"item_id\":\"1\",\"net_minor\":1}]}".into(),
            422,
            "duplicate",
        ),
        ("{\"currency\":\"XXX\"}".into(), 422, "unknown_currency"),
        ("{\"currency\":null}".into(), 422, "missing"),
        ("{\"amount\":1}".into(), 422, "unknown_field"),
        ("{\"customer\":{\"nmae\":\"x\"}}".into(), 422, "unknown_field"),
        ("{\"type\":\"sold\"}".into(), 422, "unknown_type"),
        ("{\"occurred_at\":\"yesterday\"}".into(), 422, "invalid_timestamp"),
        ("{\"occurred_at\":1763719200}".into(), 422, "not_a_text"),
        ("{\"version\":-1}".into(), 422, "out_of_range"),
        (format!("{{\"version\":{}}}", u64::MAX), 422, "too_large"),
        (format!("{{\"order_ref\":\"{long}\"}}"), 422, "too_long"),
        ("{\"order_ref\":\"a\\u0000b\"}".into(), 422, "control_character"),
        ("{\"customer\":{\"name\":\"a\\u0000b\"}}".into(), 422, "control_character"),
        ("{\"refund\":{\"refund_id\":\"r\",\"amount_minor\":1}}".into(), 422, "unexpected"),
        ("{\"type\":\"refunded\",\"items\":null}".into(), 422, "missing"),
        ("{\"net_minor\":1}".into(), 422, "ambiguous"),
        (format!("{{\"click_ids\":{:?}}}", vec!["t"; 21]), 422, "too_many"),
    ]
}

#[tokio::test]
async fn bad_input_is_named_and_never_stored() {
    let world = World::with_programme().await;
    let key = world.key("shop", Some(1), &["orders:write"]).await;
    for (change, status, code) in bad_bodies() {
        // What is changed stands in an otherwise good event, unless it is not even an object.
        let body = match serde_json::from_str::<Value>(&change) {
            Ok(Value::Object(fields)) if !fields.is_empty() && !change.contains("\"coupon\"") => {
                let mut body = placed("evt-bad");
                fields.into_iter().for_each(|(name, value)| body[name] = value);
                body.to_string()
            }
            _ => change.clone(),
        };
        let headers = [("content-type", "application/json"), ("authorization", key.as_str())];
        let answer = world.send("POST", "/v1/orders", &headers, &body).await;
        assert_eq!(
            (answer.status, answer.json()["code"].as_str()),
            (status, Some(code)),
            "{body}: {}",
            answer.body
        );
        assert_eq!(answer.header("content-type"), "application/problem+json");
        if status == 422 && code != "not_an_object" {
            assert!(
                !answer.json()["errors"][0]["field"].as_str().unwrap_or("").is_empty(),
                "{}",
                answer.body
            );
        }
    }
    let headers = [("content-type", "text/plain"), ("authorization", key.as_str())];
    assert_eq!(world.send("POST", "/v1/orders", &headers, &placed("e").to_string()).await.status, 415);
    let huge = format!("\"{}\"", "x".repeat(256 * 1024));
    let answer = send(
        world.console.address,
        "POST",
        "/v1/orders",
        &[("content-type", "application/json"), ("authorization", &key)],
        &huge,
    )
    .await;
    assert_eq!((answer.status, answer.json()["code"].clone()), (413, json!("body_too_long")));
    assert_eq!((world.count(EVENTS).await, world.count(DUE).await), (0, 0));
    assert!(!world.console.admin.render().contains("outcome=\"failed\""), "nothing of it is our fault");
}

#[tokio::test]
async fn what_cannot_have_happened_now_is_parked() {
    let world = World::with_programme().await;
    let key = world.key("shop", Some(1), &["orders:write"]).await;
    let week = 7 * 24 * 3_600;
    for (at, seconds, outcome, status) in [
        ("a", week - 60, "accepted", 201),
        ("b", week + 60, "parked", 202),
        ("c", -240, "accepted", 201),
        ("d", -360, "parked", 202),
    ] {
        let event = with(placed(at), "occurred_at", json!(ago(seconds)));
        let answer = world.post("/v1/orders", &key, &event).await;
        assert_eq!(
            (answer.status, answer.json()["outcome"].clone()),
            (status, json!(outcome)),
            "{at}: {}",
            answer.body
        );
        let again = world.post("/v1/orders", &key, &event).await;
        assert_eq!((again.status, again.json()["outcome"].clone()), (200, json!("duplicate")));
    }
    let reasons: Vec<String> =
        sqlx::query_scalar("select parked from order_event where parked is not null order by event_id")
            .fetch_all(&world.owner)
            .await
            .expect("reasons");
    assert_eq!(reasons, ["backdated", "in the future"]);
    assert_eq!(world.count(DUE).await, 2, "parked events wake nobody");
}

#[tokio::test]
async fn refunds_and_chargebacks_say_what_they_take_back() {
    let world = World::with_programme().await;
    let key = world.key("shop", Some(1), &["orders:write"]).await;
    let base = json!({"order_ref": "A-1", "occurred_at": ago(0), "currency": "EUR"});
    let event = |id: &str, kind: &str, fields: Value| {
        let mut event = with(with(base.clone(), "event_id", json!(id)), "type", json!(kind));
        fields.as_object().expect("fields").iter().for_each(|(name, value)| event[name] = value.clone());
        event
    };
    let whole = json!({"refund": {"refund_id": "r1", "amount_minor": 500}});
    let items = json!({"refund": {"refund_id": "r2", "items": [{"item_id": "1", "quantity": 1, "amount_minor": 500}]}});
    let bank = json!({"chargeback": {"chargeback_id": "c1", "amount_minor": 0}, "version": 1});
    for (id, kind, fields) in
        [("1", "refunded", whole.clone()), ("2", "refunded", items), ("3", "chargeback", bank)]
    {
        let answer = world.post("/v1/orders", &key, &event(id, kind, fields)).await;
        assert_eq!(answer.status, 201, "{}", answer.body);
    }
    let answer = world.post("/v1/orders", &key, &event("4", "chargeback", whole)).await;
    assert_eq!((answer.status, answer.json()["field"].clone()), (422, json!("refund")), "{}", answer.body);
    let simple = event("5", "placed", json!({"net_minor": 4990, "click_id": "a", "click_ids": ["b"]}));
    assert_eq!(world.post("/v1/orders", &key, &simple).await.status, 201);
    let stored: String = sqlx::query_scalar(
        "select concat(body -> 'items' -> 0 ->> 'item_id', body -> 'click_ids') from order_event where event_id = '5'",
    )
    .fetch_one(&world.owner)
    .await
    .expect("the event");
    assert_eq!(stored, "order[\"a\", \"b\"]");
}
