//! Postbacks: trackers open an address with a shared secret in it.

use serde_json::json;

use crate::intake::EVENTS;
use crate::support::World;

const SECRET: &str = "made-up-secret-of-a-tracker";

#[tokio::test]
async fn a_repeated_postback_is_one_event() {
    let world = World::with_programme().await;
    let path = format!("/v1/postback/{}", world.endpoint("postback", SECRET).await);
    let token = "t".repeat(64);
    let lead = format!("{path}?cid={token}&txid=A-1&payout=49.90&currency=eur&et=lead&secret={SECRET}");
    let first = world.get(&lead).await;
    assert_eq!((first.status, first.json()["outcome"].clone()), (201, json!("accepted")), "{}", first.body);
    // Another millisecond, the same report.
    assert_eq!(world.get(&lead).await.json()["outcome"], "duplicate");
    let form = format!("subid={token}&tid=A-1&payout=49.90&currency=EUR&status=sale&sub_id_1=news");
    let headers = [("content-type", "application/x-www-form-urlencoded"), ("x-postback-secret", SECRET)];
    assert_eq!(world.send("POST", &path, &headers, &form).await.status, 201);
    assert_eq!(world.send("POST", &path, &headers, &form).await.status, 200);
    let other = form.replace("49.90", "59.90");
    let reused = world.send("POST", &path, &headers, &other).await;
    assert_eq!((reused.status, reused.json()["code"].clone()), (409, json!("event_id_reused")));
    assert_eq!(world.count(EVENTS).await, 2);
    assert_eq!(
        world.count("select count(*) from order_event where source = 'postback' and parked is null").await,
        2
    );
}

#[tokio::test]
async fn nobody_reports_without_the_secret() {
    let world = World::with_programme().await;
    let path = format!("/v1/postback/{}", world.endpoint("postback", SECRET).await);
    for query in
        ["txid=1", "txid=1&secret=", "txid=1&secret=wrong", "txid=1&secret=made-up-secret-of-a-tracke"]
    {
        let answer = world.get(&format!("{path}?{query}")).await;
        assert_eq!((answer.status, answer.json()["code"].clone()), (401, json!("bad_signature")), "{query}");
        assert!(!answer.body.contains(SECRET));
    }
    let answer = world.get(&format!("{path}?txid=1&amuont=5&secret={SECRET}")).await;
    assert_eq!((answer.status, answer.json()["field"].clone()), (422, json!("amuont")), "{}", answer.body);
    assert!(!answer.body.contains(SECRET) && !world.console.admin.render().contains(SECRET));
    assert_eq!(world.send("HEAD", &format!("{path}?txid=1&secret={SECRET}"), &[], "").await.status, 405);
    assert_eq!(world.get("/v1/postback/nobody0000000000").await.status, 404);
    assert_eq!(world.count(EVENTS).await, 0);
}
