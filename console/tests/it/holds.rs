//! Holds and parked events: what waits for somebody, and that each decision is made once.

use std::time::Duration;

use serde_json::json;
use sqlx::postgres::PgListener;

use crate::orders_world::{NORDLICHT, PROGRAMME, REVIEWER, all_pages, column};
use crate::support::World;

/// A notification follows its commit within this time.
const SOON: Duration = Duration::from_secs(10);

async fn due(world: &World) -> Vec<(i64, String)> {
    sqlx::query_as("select vendor_id, order_ref from order_due order by order_due_id")
        .fetch_all(&world.owner)
        .await
        .expect("the orders that are due")
}

#[tokio::test]
async fn holds_are_listed_by_how_long_they_wait() {
    let world = World::with_orders().await;
    let waiting = ["ord_b1002.self_referral", "ord_a1001.fast_order", "ord_a1001.token_spread"];
    for limit in [1, 2, 100] {
        let path = format!("/v1/holds?state=open&limit={limit}");
        assert_eq!(all_pages(&world, REVIEWER, &path, "hold_id").await, waiting);
    }
    let own = world.json_as(NORDLICHT, "/v1/holds").await;
    assert_eq!(column(&own, "flag"), ["fast_order", "token_spread"]);
    let first = &own["data"][0];
    assert_eq!(
        (&first["reason"], &first["affiliate"], &first["commission_minor"], &first["currency"]),
        (&json!("ordered 4 s after the click"), &json!("mara.w"), &json!(824), &json!("EUR"))
    );
    for query in
        ["state=closed", "starting_after=ord_a1001", "starting_after=ord_a1001.%00", "flag=fast_order"]
    {
        assert_eq!(world.read_as(REVIEWER, &format!("/v1/holds?{query}")).await.status, 400, "{query}");
    }
}

#[tokio::test]
async fn a_review_is_written_down_once_and_the_order_settled_again() {
    let world = World::with_orders().await;
    let mut listener = PgListener::connect_with(&world.owner).await.expect("a listener");
    listener.listen("order_due").await.expect("it listens");
    let path = "/v1/holds/ord_a1001/fast_order/release";
    let note = json!({"note": " known customer \n"});
    let answer = world.say_as(REVIEWER, path, &note).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    let hold = answer.json();
    assert_eq!(
        (&hold["state"], &hold["reviewed_by"], &hold["note"]),
        (&json!("released"), &json!("Rob Reviewer"), &json!("known customer"))
    );
    assert_eq!(due(&world).await, [(1, "A-1001".to_owned())]);
    tokio::time::timeout(SOON, listener.recv()).await.expect("in time").expect("a notification");

    for again in [path, "/v1/holds/ord_a1001/fast_order/confirm"] {
        let answer = world.say_as(PROGRAMME, again, &json!({})).await;
        assert_eq!((answer.status, answer.json()["code"].as_str()), (409, Some("already_reviewed")));
        assert!(answer.body.contains("released by Rob Reviewer"), "{}", answer.body);
    }
    assert_eq!(due(&world).await.len(), 1, "what was not decided changes nothing");
    let confirmed =
        world.say_as(NORDLICHT, "/v1/holds/ord_a1001/token_spread/confirm", &json!({})).await.json();
    assert_eq!((&confirmed["state"], &confirmed["note"]), (&json!("confirmed"), &json!(null)));
    assert_eq!(column(&world.json_as(REVIEWER, "/v1/holds?state=open").await, "order_id"), ["ord_b1002"]);
}

#[tokio::test]
async fn of_many_reviewers_at_once_one_decides() {
    let world = World::with_orders().await;
    let none = json!({});
    let reviews = (0..12).map(|at| {
        let verb = if at % 2 == 0 { "release" } else { "confirm" };
        let path = format!("/v1/holds/ord_a1001/fast_order/{verb}");
        let (world, none) = (&world, &none);
        async move { world.say_as(PROGRAMME, &path, none).await.status }
    });
    let mut statuses = futures_util::future::join_all(reviews).await;
    statuses.sort_unstable();
    assert_eq!((statuses[0], &statuses[1..]), (200, &[409; 11][..]));
    assert_eq!(due(&world).await.len(), 1);
}

#[tokio::test]
async fn notes_are_text_of_a_page_at_most() {
    let world = World::with_orders().await;
    let path = "/v1/holds/ord_a1001/fast_order/release";
    for (body, status) in [
        (json!({"note": "x".repeat(2_001)}), 422),
        (json!({"note": "a\u{0}b"}), 422),
        (json!({"note": 7}), 422),
        (json!({"reason": "x"}), 422),
        (json!([]), 422),
        (json!({"note": "ä".repeat(2_000)}), 200),
    ] {
        assert_eq!(world.say_as(REVIEWER, path, &body).await.status, status, "{body}");
    }
}

#[tokio::test]
async fn parked_events_are_let_in_once() {
    let world = World::with_orders().await;
    let parked = ["1.evt-9", "2.late/1"];
    for limit in [1, 100] {
        let path = format!("/v1/order-events?parked=true&limit={limit}");
        assert_eq!(all_pages(&world, REVIEWER, &path, "cursor").await, parked);
    }
    let own = world.json_as(NORDLICHT, "/v1/order-events?parked=true").await;
    assert_eq!(
        (column(&own, "event_id"), &own["data"][0]["parked"]),
        (vec!["evt-9".to_owned()], &json!("backdated"))
    );
    let refused = world.read_as(REVIEWER, "/v1/order-events").await;
    assert_eq!((refused.status, refused.json()["code"].as_str()), (400, Some("parked_needed")));

    let path = "/v1/order-events/2/late%2F1/unpark";
    let answer = world.say_as(REVIEWER, path, &json!({"note": "the shop's clock was wrong"})).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    let event = answer.json();
    assert_eq!((&event["event_id"], &event["parked"]), (&json!("late/1"), &json!(null)));
    assert_eq!(due(&world).await, [(2, "B-2".to_owned())]);
    let again = world.say_as(REVIEWER, path, &json!({})).await;
    assert_eq!((again.status, again.json()["code"].as_str()), (409, Some("not_parked")));
    assert_eq!(due(&world).await.len(), 1);
    let left = world.json_as(REVIEWER, "/v1/order-events?parked=true&starting_after=1.evt-9").await;
    assert_eq!(column(&left, "event_id"), Vec::<String>::new());
}
