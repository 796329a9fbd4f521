//! Orders of several vendors: what each vendor is told, and so what each order is worth, does not depend on the order of
//! arrival, on how many arrive at once, or on which console they come to.

use std::collections::BTreeSet;

use common::order::{Event, Folded, fold};
use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::intake::ago;
use crate::support::{World, console_over, send};

/// A row of `order_event`: vendor, event, body, why it is parked.
type Row = (i64, String, String, Option<String>);

/// Orders that are reported beside each other.
const SOME: usize = 16;

/// How often a report is sent until it is written down: later parts of an order are refused until the first is there.
const ROUNDS: usize = 50;

/// An order's reports as they are made, the order named, the events named after it.
fn story(order: &str, at: &str) -> Vec<Value> {
    let tent = json!({"item_id": "tent", "product_id": 1, "net_minor": 20_000});
    let svg = json!({"item_id": "svg", "product_id": 2, "net_minor": 500});
    let event = |id: &str, kind: &str, fields: Value| {
        let mut event =
            json!({"event_id": format!("{order}-{id}"), "order_ref": order, "type": kind, "occurred_at": at});
        fields.as_object().expect("fields").iter().for_each(|(name, value)| event[name] = value.clone());
        event
    };
    vec![
        event("v1", "placed", json!({"version": 1, "currency": "EUR", "items": [tent], "coupon": "TEA10"})),
        event("done", "completed", json!({})),
        event(
            "v2",
            "placed",
            json!({"version": 2, "currency": "EUR", "items": [tent, svg], "click_id": "t".repeat(64)}),
        ),
        event("v3", "placed", json!({"version": 3, "currency": "EUR", "items": [svg]})),
        event(
            "back",
            "refunded",
            json!({"currency": "EUR", "refund": {"refund_id": "r1", "items": [{"item_id": "svg", "amount_minor": 200}]}}),
        ),
        event("off", "cancelled", json!({"vendor_id": 1})),
    ]
}

fn permutations(n: usize) -> Vec<Vec<usize>> {
    let Some(last) = n.checked_sub(1) else { return vec![vec![]] };
    let longer = |shorter: Vec<usize>| {
        (0..n).map(move |at| {
            let mut longer = shorter.clone();
            longer.insert(at, last);
            longer
        })
    };
    permutations(last).into_iter().flat_map(longer).collect()
}

/// What each vendor was told of an order, without the order's name.
async fn told(world: &World, order: &str) -> BTreeSet<Row> {
    let rows: Vec<Row> = sqlx::query_as(
        "select vendor_id, replace(event_id, $1, '*'), replace(body::text, $1, '*'), parked from order_event \
         where order_ref = $1",
    )
    .bind(order)
    .fetch_all(&world.owner)
    .await
    .expect("rows");
    let (count, rows) = (rows.len(), rows.into_iter().collect::<BTreeSet<Row>>());
    assert_eq!(rows.len(), count);
    rows
}

/// The order as its vendor's events make it.
fn books(rows: &BTreeSet<Row>, vendor: i64) -> Folded {
    let of = rows.iter().filter(|row| row.0 == vendor && row.3.is_none());
    let events: Vec<Event> = of.map(|row| serde_json::from_str(&row.2).expect("an event")).collect();
    assert!(events.iter().all(|event| event.check().is_empty()), "{events:?}");
    fold(&events)
}

/// Sends reports one by one; those that are too early again until they are taken.
async fn one_by_one(world: &World, key: &str, reports: &[&Value]) {
    let mut left: Vec<&Value> = reports.to_vec();
    while !left.is_empty() {
        let (mut early, before) = (Vec::new(), left.len());
        for report in left {
            let answer = world.post("/v1/orders", key, report).await;
            match (answer.status, answer.json()["code"].as_str()) {
                (201 | 202, _) => {}
                (409, Some("unknown_order")) => early.push(report),
                _ => panic!("{report}: {}", answer.body),
            }
        }
        left = early;
        assert!(left.len() < before, "{left:?}");
    }
}

#[track_caller]
fn is_as_reported(rows: &BTreeSet<Row>) {
    let (tents, svgs) = (books(rows, 1), books(rows, 2));
    assert_eq!((tents.lines.len(), tents.net_minor, tents.is_cancelled), (0, 0, true));
    assert_eq!((svgs.net_minor, svgs.refunded_minor, svgs.is_cancelled), (500, 200, false));
    for order in [&tents, &svgs] {
        assert!(order.completed_at.is_some());
        assert_eq!((order.click_ids.len(), order.coupons.len()), (1, 1));
    }
    assert_eq!(rows.len(), 4 + 1 + 4 + 1, "all but the refund and the calling off are for both");
}

#[tokio::test]
async fn every_order_of_arrival_ends_in_the_same_rows() {
    let world = World::with_programme().await;
    let key = world.key("programme", None, &["orders:write"]).await;
    let at = ago(60);
    let mut first = None;
    let orders: Vec<(String, Vec<usize>)> =
        permutations(6).into_iter().enumerate().map(|(n, arrival)| (format!("M-{n:03}"), arrival)).collect();
    for some in orders.chunks(SOME) {
        join_all(some.iter().map(async |(order, arrival)| {
            let reports = story(order, &at);
            one_by_one(&world, &key, &arrival.iter().map(|at| &reports[*at]).collect::<Vec<_>>()).await;
        }))
        .await;
        for (order, arrival) in some {
            let rows = told(&world, order).await;
            let first = first.get_or_insert_with(|| rows.clone());
            assert_eq!(&rows, first, "{arrival:?}");
        }
    }
    is_as_reported(&first.expect("720 of them"));
    assert_eq!(world.count("select count(*) from programme_event").await, 720 * 6);
    let unsettled = "select count(*) from (select distinct vendor_id, order_ref from order_event \
                     except select vendor_id, order_ref from order_due) left_out";
    assert_eq!(world.count(unsettled).await, 0, "whoever is told something is looked at");
}

#[tokio::test]
async fn many_at_once_at_two_consoles_end_in_the_same_rows() {
    let world = World::with_programme().await;
    let (other, shutdown) = console_over(&world.url).await;
    let key = world.key("programme", None, &["orders:write"]).await;
    let at = ago(60);
    let headers = [("content-type", "application/json"), ("authorization", key.as_str())];
    for n in 0..20 {
        let order = format!("M-{n:03}");
        let mut left: Vec<(usize, Value)> =
            story(&order, &at).into_iter().cycle().take(16).enumerate().collect();
        let (mut fresh, mut rounds) = (0, 0);
        while !left.is_empty() {
            rounds += 1;
            assert!(rounds <= ROUNDS, "{order}: never answered");
            let answers = join_all(left.into_iter().map(async |(nth, report)| {
                let console = if nth % 2 == 0 { world.console.address } else { other.address };
                let answer = send(console, "POST", "/v1/orders", &headers, &report.to_string()).await;
                (nth, report, answer)
            }));
            left = Vec::new();
            for (nth, report, answer) in answers.await {
                match answer.status {
                    201 => fresh += 1,
                    200 => {}
                    409 => left.push((nth, report)),
                    // A busy machine opens the pools' connections one by one; a shop sends it again, as it is told to.
                    503 if !answer.header("retry-after").is_empty() => left.push((nth, report)),
                    _ => panic!("{report}: {}", answer.body),
                }
            }
        }
        assert_eq!(fresh, 6, "each of them once");
        is_as_reported(&told(&world, &order).await);
    }
    shutdown.start();
}

#[tokio::test]
async fn a_batch_is_taken_as_if_one_by_one() {
    let world = World::with_programme().await;
    let key = world.key("programme", None, &["orders:write"]).await;
    let at = ago(60);
    let events: Vec<Value> = (0..80).flat_map(|n| story(&format!("M-{n:03}"), &at)).collect();
    let answer = world.post("/v1/orders/batch", &key, &json!({ "events": events })).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert!(!answer.body.contains("refused"), "{}", answer.body);
    for n in 0..80 {
        is_as_reported(&told(&world, &format!("M-{n:03}")).await);
    }
}

/// What the console wrote for the whole programme before it kept reports whole.
const BEFORE: &str = r#"
    alter table programme_event drop column order_ref, drop column source, drop column body, drop column owners,
        drop column inferred, drop column addressee, drop column parked;
    insert into programme_event (event_id, body_sha256, received_at)
    select id, sha256(id::bytea), now() from unnest(array['M-1-v1', 'M-1-two', 'M-1-back', 'M-1-off']) id;
    insert into order_event (vendor_id, event_id, order_ref, kind, occurred_at, received_at, source, body, body_sha256)
    select v, id, 'M-1', body ->> 'kind', now(), now(), 'api',
           body || jsonb_build_object('event_id', id, 'order_ref', 'M-1', 'occurred_at', 1795000000000), sha256(id::bytea)
    from (values
        (1, 'M-1-v1', '{"kind": "placed", "currency": "EUR", "items": [{"item_id": "tent", "quantity": 1, "net_minor": 7}]}'::jsonb),
        (2, 'M-1-v1', '{"kind": "placed", "currency": "EUR", "items": [{"item_id": "svg", "quantity": 1, "net_minor": 5}]}'),
        (1, 'M-1-two', '{"kind": "completed"}'), (2, 'M-1-two', '{"kind": "completed"}'),
        (2, 'M-1-back', '{"kind": "refunded", "currency": "EUR", "reversal": {"reversal_id": "r", "items": [{"item_id": "svg", "quantity": 1, "amount_minor": 2}]}}'),
        (1, 'M-1-off', '{"kind": "cancelled"}')
    ) as part (v, id, body);
"#;

#[tokio::test]
async fn what_was_reported_before_is_put_together() {
    let world = World::with_programme().await;
    world.run(BEFORE).await;
    world.run(include_str!("../../../migrations/0012_split_orders.sql")).await;
    let key = world.key("programme", None, &["orders:write"]).await;
    let mug = json!({"event_id": "M-1-v9", "order_ref": "M-1", "type": "placed", "version": 9, "occurred_at": ago(9),
        "currency": "EUR", "items": [{"item_id": "mug", "vendor_id": 3, "net_minor": 900}]});
    world.run("insert into vendor (name) values ('Third')").await;
    let answer = world.post("/v1/orders", &key, &mug).await;
    assert_eq!(answer.status, 201, "{}", answer.body);
    let rows = told(&world, "M-1").await;
    let parts: Vec<(i64, &str)> = rows.iter().map(|row| (row.0, row.1.as_str())).collect();
    let expect = [
        (1, "*-off"),
        (1, "*-two"),
        (1, "*-v1"),
        (1, "*-v9"),
        (2, "*-back"),
        (2, "*-two"),
        (2, "*-v1"),
        (2, "*-v9"),
        (3, "*-two"),
        (3, "*-v1"),
        (3, "*-v9"),
    ];
    assert_eq!(parts, expect);
    let (tents, svgs, mugs) = (books(&rows, 1), books(&rows, 2), books(&rows, 3));
    assert_eq!((tents.net_minor, tents.is_cancelled, svgs.net_minor, mugs.net_minor), (0, true, 0, 900));
    assert!(mugs.completed_at.is_some());
}

#[tokio::test]
async fn what_is_parked_is_parked_for_everybody() {
    let world = World::with_programme().await;
    let key = world.key("programme", None, &["orders:write"]).await;
    let mut reports = story("M-1", &ago(60));
    reports[1]["occurred_at"] = json!(ago(30 * 24 * 3_600));
    one_by_one(&world, &key, &reports.iter().collect::<Vec<_>>()).await;
    let rows = told(&world, "M-1").await;
    let parked: Vec<(i64, &str)> = rows
        .iter()
        .filter(|row| row.3.is_some())
        .map(|row| (row.0, row.3.as_deref().unwrap_or("")))
        .collect();
    assert_eq!(parked, [(1, "backdated"), (2, "backdated")]);
    assert_eq!(books(&rows, 2).completed_at, None);
}

#[tokio::test]
async fn an_amount_stays_with_the_vendor_that_was_alone() {
    let world = World::with_programme().await;
    let key = world.key("programme", None, &["orders:write"]).await;
    let reports = story("M-1", &ago(60));
    let amount = |id: &str, refund: &str, amount: i64| {
        json!({"event_id": id, "order_ref": "M-1", "type": "refunded", "occurred_at": ago(50), "currency": "EUR",
            "version": amount, "refund": {"refund_id": refund, "amount_minor": amount}})
    };
    let (first, again, more) = (amount("a1", "a", 100), amount("a2", "a", 150), amount("a3", "b", 7));
    let moved = json!({"event_id": "v4", "order_ref": "M-1", "type": "placed", "occurred_at": ago(40), "version": 4,
        "currency": "EUR", "items": [{"item_id": "svg", "vendor_id": 1, "net_minor": 1}]});
    for (report, status, code) in [
        (&first, 409, "unknown_order"),
        (&reports[0], 201, ""),
        (&first, 201, ""),
        (&reports[2], 201, ""),
        (&first, 200, ""),
        (&again, 201, ""),
        (&more, 422, "name_the_items"),
        (&reports[4], 201, ""),
        (&moved, 409, "item_taken_back"),
    ] {
        let answer = world.post("/v1/orders", &key, report).await;
        let said = answer.json();
        assert_eq!((answer.status, said["code"].as_str().unwrap_or("")), (status, code), "{report}: {said}");
    }
    let rows = told(&world, "M-1").await;
    assert_eq!((books(&rows, 1).refunded_minor, books(&rows, 2).refunded_minor), (150, 200));
}

#[tokio::test]
async fn a_vendors_own_event_under_the_same_name_is_not_overwritten() {
    let world = World::with_programme().await;
    let (vendor, programme) = (
        world.key("shop", Some(2), &["orders:write"]).await,
        world.key("programme", None, &["orders:write"]).await,
    );
    let reports = story("M-1", &ago(60));
    let mut own = reports[1].clone();
    own["order_ref"] = json!("its-own");
    assert_eq!(world.post("/v1/orders", &vendor, &own).await.status, 201);
    for report in &reports[..2] {
        assert_eq!(
            world.post("/v1/orders", &programme, report).await.status,
            201,
            "vendor 2 has no part in it"
        );
    }
    let batch = json!({"events": [reports[2], {"event_id": "else", "order_ref": "M-2", "type": "completed", "occurred_at": ago(60)}]});
    let answer = world.post("/v1/orders/batch", &programme, &batch).await.json();
    assert_eq!(answer["data"][0]["problem"]["code"], "event_id_reused", "{answer}");
    assert!(answer["data"][0]["problem"]["detail"].as_str().expect("words").contains("M-1-done"), "{answer}");
    assert_eq!(answer["data"][1]["outcome"], "accepted");
    assert!(told(&world, "M-1").await.iter().all(|row| row.0 == 1));
    assert_eq!(world.count("select count(*) from programme_event").await, 3);
}
