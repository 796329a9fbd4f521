//! Payouts: asked for by one person, decided by another, and a file for whoever sends the money.

use std::time::Duration;

use serde_json::json;
use sqlx::postgres::PgListener;

use crate::orders_world::{NORDLICHT, OVERSEER, PROGRAMME, READER, SECOND, all_pages, column};
use crate::support::World;

/// A notification follows its commit within this time.
const SOON: Duration = Duration::from_secs(10);

#[tokio::test]
async fn a_payout_is_asked_for_and_collected_by_somebody_else() {
    let world = World::with_orders().await;
    let mut listener = PgListener::connect_with(&world.owner).await.expect("a listener");
    listener.listen("payout").await.expect("it listens");
    let answer =
        world.say_as(PROGRAMME, "/v1/payouts", &json!({"currency": "EUR", "minimum_minor": 1000})).await;
    assert_eq!(answer.status, 202, "{}", answer.body);
    tokio::time::timeout(SOON, listener.recv()).await.expect("in time").expect("a notification");
    let batch = answer.json();
    let id = batch["payout_batch_id"].as_str().expect("an id");
    assert_eq!(answer.header("location"), format!("/v1/payouts/{id}"));
    assert_eq!(
        (&batch["state"], &batch["requested_by"], &batch["vendor_id"], &batch["minimum_minor"]),
        (&json!("requested"), &json!("Ada Auditor"), &json!(null), &json!(1000))
    );
    let own = world.say_as(NORDLICHT, "/v1/payouts", &json!({"currency": "JPY"})).await.json();
    assert_eq!(
        (&own["vendor_id"], &own["minimum_minor"]),
        (&json!(1), &json!(1)),
        "a vendor's key asks for its vendor"
    );
    let decided = world.say_as(OVERSEER, &format!("/v1/payouts/{id}/approve"), &json!({})).await;
    assert_eq!((decided.status, decided.json()["code"].as_str()), (409, Some("not_open")));

    for (body, status, code) in [
        (json!({"currency": "eur"}), 422, "invalid_currency"),
        (json!({"currency": "EUR", "minimum_minor": 0}), 422, "invalid_amount"),
        (json!({"currency": "EUR", "minimum_minor": 1_000_000_000_001_i64}), 422, "invalid_amount"),
        (json!({"currency": "EUR", "vendor_id": 99}), 404, "no_such_vendor"),
        (json!({"currency": "EUR", "minimum_minor": 1.5}), 422, "invalid_value"),
        (json!({"currency": "EUR", "amount": 1}), 422, "unknown_field"),
        (json!({}), 422, "missing_field"),
    ] {
        let answer = world.say_as(PROGRAMME, "/v1/payouts", &body).await;
        assert_eq!((answer.status, answer.json()["code"].as_str()), (status, Some(code)), "{body}");
    }
}

#[tokio::test]
async fn batches_are_listed_and_shown_with_their_orders() {
    let world = World::with_orders().await;
    let newest = ["po_own2", "po_open", "po_paid"];
    for limit in [1, 2, 100] {
        assert_eq!(
            all_pages(&world, READER, &format!("/v1/payouts?limit={limit}"), "payout_batch_id").await,
            newest
        );
    }
    for (query, expect) in [
        ("state=open", &newest[..2]),
        ("vendor=1", &newest[1..2]),
        ("currency=USD", &[]),
        ("state=paid", &newest[2..]),
    ] {
        let list = world.json_as(OVERSEER, &format!("/v1/payouts?{query}")).await;
        assert_eq!(column(&list, "payout_batch_id"), expect, "{query}");
    }
    assert_eq!(column(&world.json_as(SECOND, "/v1/payouts").await, "payout_batch_id"), ["po_own2"]);
    let batch = world.json_as(READER, "/v1/payouts/po_open").await;
    assert_eq!(
        (&batch["line_count"], &batch["amount_minor"], &batch["paid_minor"], &batch["has_more_orders"]),
        (&json!(2), &json!(12_445), &json!(0), &json!(false))
    );
    let line = &batch["lines"][0];
    assert_eq!(
        (&line["affiliate"], &line["amount_minor"], &line["order_count"]),
        (&json!("mara.w"), &json!(12_345), &json!(2))
    );
    assert_eq!(
        line["orders"],
        json!([
            {"order_id": "ord_a1001", "order_ref": "A-1001", "link": "summer-1", "owed_minor": 12_545, "state": "collected"},
            {"order_id": "ord_a1002", "order_ref": "A-1002", "link": "summer-1", "owed_minor": -200, "state": "collected"},
        ])
    );
}

#[tokio::test]
async fn the_file_is_exact_and_harmless() {
    let world = World::with_orders().await;
    world
        .run(
            "update affiliate set name = '=HYPERLINK(\"https://example.com\";\"x\")' where affiliate_id = 2; \
             update affiliate set name = 'Mara \"W\", jr' where affiliate_id = 1; \
             update vendor set name = '@nordlicht' where vendor_id = 1",
        )
        .await;
    let answer = world.read_as(READER, "/v1/payouts/po_open/csv").await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert!(answer.header("content-type").starts_with("text/csv"));
    assert_eq!(answer.header("content-disposition"), "attachment; filename=\"po_open.csv\"");
    let expect = [
        "payout_batch_id,state,vendor_id,vendor,affiliate_id,affiliate,name,currency,amount,amount_minor,paid,orders",
        "po_open,open,1,'@nordlicht,1,mara.w,\"Mara \"\"W\"\", jr\",EUR,123.45,12345,,2",
        "po_open,open,1,'@nordlicht,2,trailnotes,\"'=HYPERLINK(\"\"https://example.com\"\";\"\"x\"\")\",EUR,1.00,100,,1",
        "",
    ];
    assert_eq!(answer.body, expect.join("\r\n"));
    let paid = world.read_as(READER, "/v1/payouts/po_paid/csv").await.body;
    assert!(paid.ends_with(",EUR,5.00,500,5.00,1\r\n"), "{paid}");
}

#[tokio::test]
async fn only_a_second_person_decides() {
    let world = World::with_orders().await;
    world
        .run(
            "insert into api_key (api_key_id, name, secret_sha256, scopes) values \
             ('samename', ' ada auditor ', sha256('s-samename'), array['payouts:approve'])",
        )
        .await;
    let note = json!({"note": "looked at every line"});
    for (key, verb) in [(PROGRAMME, "approve"), (PROGRAMME, "reject"), ("samename", "approve")] {
        let answer = world.say_as(key, &format!("/v1/payouts/po_open/{verb}"), &note).await;
        assert_eq!(
            (answer.status, answer.json()["code"].as_str()),
            (409, Some("second_person_needed")),
            "{verb}"
        );
    }
    let answer = world.say_as(OVERSEER, "/v1/payouts/po_open/reject", &json!({"note": "  "})).await;
    assert_eq!((answer.status, answer.json()["code"].as_str()), (422, Some("note_needed")));
    let mut listener = PgListener::connect_with(&world.owner).await.expect("a listener");
    listener.listen("payout").await.expect("it listens");
    let answer = world.say_as(OVERSEER, "/v1/payouts/po_open/approve", &note).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    tokio::time::timeout(SOON, listener.recv()).await.expect("in time").expect("a notification");
    let batch = answer.json();
    assert_eq!(
        (&batch["state"], &batch["decided_by"], &batch["note"]),
        (&json!("approved"), &json!("Otto Overseer"), &json!("looked at every line"))
    );
    for (id, words) in [("po_open", "approved already"), ("po_paid", "paid already")] {
        let answer = world.say_as(OVERSEER, &format!("/v1/payouts/{id}/approve"), &note).await;
        assert_eq!((answer.status, answer.json()["code"].as_str()), (409, Some("not_open")));
        assert!(answer.body.contains(words), "{}", answer.body);
    }
}

#[tokio::test]
async fn of_many_decisions_at_once_one_stands() {
    let world = World::with_orders().await;
    let note = json!({"note": "x"});
    let decisions = (0..12).map(|at| {
        let verb = if at % 2 == 0 { "approve" } else { "reject" };
        let path = format!("/v1/payouts/po_own2/{verb}");
        let (world, note) = (&world, &note);
        async move { world.say_as(OVERSEER, &path, note).await.status }
    });
    let mut statuses = futures_util::future::join_all(decisions).await;
    statuses.sort_unstable();
    assert_eq!((statuses[0], &statuses[1..]), (200, &[409; 11][..]));
}
