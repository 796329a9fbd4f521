//! Batches, and orders of several vendors: each event whole or not at all, whatever the others are.

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::intake::{DUE, EVENTS, ago, placed};
use crate::support::{Answer, World};

const BATCH: &str = "/v1/orders/batch";

fn named(id: &str, order: &str) -> Value {
    let mut event = placed(id);
    event["order_ref"] = json!(order);
    event
}

fn outcomes(answer: &Value) -> Vec<String> {
    let entries = answer["data"].as_array().expect("a list");
    let outcome = |entry: &Value| {
        let code = entry["problem"]["code"].as_str().unwrap_or_default();
        format!("{}{code}", entry["outcome"].as_str().expect("an outcome"))
    };
    entries.iter().map(outcome).collect()
}

#[tokio::test]
async fn a_batch_has_an_outcome_for_each_event() {
    let world = World::with_programme().await;
    let key = world.key("shop", Some(1), &["orders:write"]).await;
    // Made once: told again in the next second it would be another report.
    let (new, old) = (named("new", "A-1"), named("old", "A-0"));
    world.post("/v1/orders", &key, &old).await;
    let mut dear = named("dear", "A-2");
    dear["items"][0]["net_minor"] = json!(12.5);
    let mut late = named("late", "A-3");
    late["occurred_at"] = json!(ago(30 * 24 * 3_600));
    let events = json!({"events": [
        new, new, named("new", "A-9"), old, named("old", "A-9"),
        dear, late, {"event_id": "odd"}, 7, named("also", "A-1"),
    ]});
    let answer = world.post(BATCH, &key, &events).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    let expect = [
        "accepted",
        "duplicate",
        "refusedevent_id_reused",
        "duplicate",
        "refusedevent_id_reused",
        "refusednot_minor_units",
        "parked",
        "refusedmissing",
        "refusednot_an_object",
        "accepted",
    ];
    assert_eq!(outcomes(&answer.json()), expect, "{}", answer.body);
    assert_eq!(answer.json()["data"][7]["event_id"], "odd", "the refused ones are named too");
    assert_eq!((world.count(EVENTS).await, world.count(DUE).await), (4, 2), "A-1 is looked at once");
    for (body, code) in [
        (json!({"events": []}), "bad_batch_size"),
        (json!({"events": vec![json!({}); 501]}), "bad_batch_size"),
        (json!({"event": []}), "bad_batch_size"),
        (json!({"events": {}}), "not_a_list"),
    ] {
        let answer = world.post(BATCH, &key, &body).await;
        assert_eq!((answer.status, answer.json()["code"].clone()), (422, json!(code)), "{}", answer.body);
    }
}

#[tokio::test]
async fn big_batches_at_once_overlap_without_harm() {
    let world = World::with_programme().await;
    for (name, vendor) in [("vendor", Some(1)), ("programme", None)] {
        let key = world.key(name, vendor, &["orders:write"]).await;
        let batch = |from: usize| {
            let event = |n: usize| {
                let mut event = json!({"event_id": format!("{name}-{n}"), "order_ref": format!("{name}-{}", n / 2), "type": "placed",
                    "occurred_at": "2026-11-21T10:00:00Z", "currency": "EUR", "net_minor": n});
                event["vendor_id"] = json!(1);
                event
            };
            // Every second one goes backwards: only sorted keys keep the transactions from waiting in a circle.
            let mut events: Vec<Value> = (from..from + 400).map(event).collect();
            if from.is_multiple_of(20) {
                events.reverse();
            }
            json!({ "events": events })
        };
        let bodies: Vec<Value> = (0..10).map(|n| batch(n * 10)).collect();
        let answers = join_all(bodies.iter().map(|body| taken_in(&world, &key, body))).await;
        let mut fresh = 0;
        for answer in &answers {
            let outcomes = outcomes(&answer.json());
            assert_eq!(outcomes.len(), 400);
            assert!(outcomes.iter().all(|outcome| outcome != "refused"), "{outcomes:?}");
            fresh += outcomes.iter().filter(|outcome| *outcome != "duplicate").count();
        }
        assert_eq!(fresh, 490, "{name}: each of the 490 once");
    }
    assert_eq!(world.count(EVENTS).await, 980);
    // Postgres ends a circle of waiting with an error, and sending again hides it. Sessions tell such numbers as they end.
    world.run(END_SESSIONS).await;
    assert_eq!(world.count(CIRCLES).await, 0, "batches waited for each other in a circle");
}

const END_SESSIONS: &str = "select pg_terminate_backend(pid, 10000) from pg_stat_activity \
    where datname = current_database() and pid <> pg_backend_pid()";
const CIRCLES: &str = "select deadlocks from pg_stat_database where datname = current_database()";

/// Sends a batch as shops do: one that comes while every connection is taken comes again.
async fn taken_in(world: &World, key: &str, batch: &Value) -> Answer {
    for _ in 0..20 {
        let answer = world.post(BATCH, key, batch).await;
        if answer.status != 503 {
            assert_eq!(answer.status, 200, "{}", answer.body);
            return answer;
        }
        assert_eq!(answer.json()["code"], "database_away", "{}", answer.body);
    }
    panic!("twenty times too many at once");
}

#[tokio::test]
async fn an_order_of_two_vendors_is_split() {
    let world = World::with_programme().await;
    let key = world.key("programme", None, &["orders:write"]).await;
    let order = json!({"event_id": "p1", "order_ref": "M-1", "type": "placed", "occurred_at": ago(0), "currency": "EUR",
        "items": [{"item_id": "tent", "product_id": 1, "quantity": 1, "net_minor": 20_000},
                  {"item_id": "svg", "product_id": 2, "quantity": 1, "net_minor": 500},
                  {"item_id": "mug", "vendor_id": 1, "quantity": 1, "net_minor": 900}],
        "click_id": "t".repeat(64), "coupon": "TEA10"});
    let event = |id: &str, fields: Value| {
        let mut event = json!({"event_id": id, "order_ref": "M-1", "occurred_at": ago(0)});
        fields.as_object().expect("fields").iter().for_each(|(name, value)| event[name] = value.clone());
        event
    };
    let back = |id: &str, items: Value| {
        event(id, json!({"type": "refunded", "currency": "EUR", "refund": {"refund_id": id, "items": items}}))
    };
    let early = event("p0", json!({"type": "completed"}));
    let whole = event(
        "p2",
        json!({"type": "refunded", "currency": "EUR", "refund": {"refund_id": "r", "amount_minor": 100}}),
    );
    let one = back("p3", json!([{"item_id": "svg", "amount_minor": 500}]));
    let both =
        back("p4", json!([{"item_id": "tent", "amount_minor": 1}, {"item_id": "svg", "amount_minor": 1}]));
    let lost = back("p5", json!([{"item_id": "nothing", "amount_minor": 1}]));
    let ownerless = event(
        "p6",
        json!({"type": "placed", "currency": "EUR", "items": [{"item_id": "x", "product_id": 99, "net_minor": 1}]}),
    );
    let wrong = event(
        "p7",
        json!({"type": "placed", "currency": "EUR", "items": [{"item_id": "x", "product_id": 2, "vendor_id": 1, "net_minor": 1}]}),
    );
    let nobody = event("p8", json!({"type": "placed", "vendor_id": 77}));
    let done = event("p9", json!({"type": "completed"}));
    for (event, status, code) in [
        (&one, 409, "unknown_order"),
        (&early, 201, ""),
        (&early, 200, ""),
        (&order, 201, ""),
        (&order, 200, ""),
        (&whole, 422, "name_the_items"),
        (&one, 201, ""),
        (&both, 201, ""),
        (&lost, 409, "unknown_order"),
        (&ownerless, 422, "whose_item"),
        (&wrong, 422, "other_vendor"),
        (&nobody, 422, "unknown_vendor"),
        (&done, 201, ""),
    ] {
        let answer = world.post("/v1/orders", &key, event).await;
        let said = answer.json();
        assert_eq!(
            (answer.status, said["code"].as_str().unwrap_or_default()),
            (status, code),
            "{event}: {said}"
        );
    }
    let parts: Vec<String> = sqlx::query_scalar(
        "select concat_ws(' ', event_id, vendor_id, (select string_agg(i ->> 'item_id', '+' order by i ->> 'item_id')
             from jsonb_array_elements(coalesce(body -> 'items', body -> 'reversal' -> 'items')) i), body -> 'coupon')
         from order_event order by event_id, vendor_id",
    )
    .fetch_all(&world.owner)
    .await
    .expect("parts");
    let expect = [
        "p0 1",
        "p0 2",
        "p1 1 mug+tent \"TEA10\"",
        "p1 2 svg \"TEA10\"",
        "p3 2 svg",
        "p4 1 tent",
        "p4 2 svg",
        "p9 1",
        "p9 2",
    ];
    assert_eq!(parts, expect);
    assert_eq!(world.count("select count(*) from programme_event").await, 5, "refused names stay free");
}

#[tokio::test]
async fn a_name_that_one_of_the_vendors_has_used_changes_nothing() {
    let world = World::with_programme().await;
    let (vendor, programme) = (
        world.key("shop", Some(2), &["orders:write"]).await,
        world.key("programme", None, &["orders:write"]).await,
    );
    assert_eq!(world.post("/v1/orders", &vendor, &placed("same")).await.status, 201);
    let mut order = named("same", "M-1");
    order["items"] = json!([{"item_id": "a", "vendor_id": 1, "net_minor": 1}, {"item_id": "b", "vendor_id": 2, "net_minor": 1}]);
    let mut other = order.clone();
    other["event_id"] = json!("free");
    let answer = world.post(BATCH, &programme, &json!({"events": [order, other]})).await;
    assert_eq!(outcomes(&answer.json()), ["refusedevent_id_reused", "accepted"], "{}", answer.body);
    assert_eq!(world.count("select count(*) from order_event where event_id = 'same'").await, 1);
    assert_eq!(world.count("select count(*) from programme_event").await, 1);
}
