//! Other systems are told what happens: signed, tried again, and given up.

use std::time::Duration;

use data_encoding::BASE64;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::{Value, json};
use sha2::Sha256;

use crate::outgoing_receiver::{Heard, Receiver};
use crate::programme_world::{Person, Programme, column};

const TARGETS: &str = "/v1/webhook-targets";
/// Database states later than this are a failure.
const PATIENCE: Duration = Duration::from_secs(30);
const LOOK: Duration = Duration::from_millis(50);

async fn target(p: &Programme, who: &Person, url: &str, topics: &[&str]) -> (String, String) {
    let made = p.made(who, TARGETS, &json!({"url": url, "topics": topics})).await;
    let text = |field: &str| made[field].as_str().expect(field).to_owned();
    (format!("{TARGETS}/{}", text("target_id")), text("secret"))
}

/// Whether a message was signed with this secret.
fn is_signed(heard: &Heard, secret: &str) -> bool {
    let key = BASE64.decode(secret.strip_prefix("whsec_").expect("a secret").as_bytes()).expect("base64");
    let mut mac = Hmac::<Sha256>::new_from_slice(&key).expect("any length");
    mac.update(
        format!("{}.{}.{}", heard.headers["webhook-id"], heard.headers["webhook-timestamp"], heard.body)
            .as_bytes(),
    );
    let expected = format!("v1,{}", BASE64.encode(&mac.finalize().into_bytes()));
    heard.headers["webhook-signature"].split(' ').any(|signature| signature == expected)
}

/// Waits until a query gives this number.
async fn becomes(p: &Programme, query: &'static str, number: i64) {
    let waited = tokio::time::timeout(PATIENCE, async {
        while p.count(query).await != number {
            tokio::time::sleep(LOOK).await;
        }
    });
    waited.await.unwrap_or_else(|_| panic!("{query} never became {number}"));
}

/// One order of ada's link at the teas, as `settle` writes it.
async fn order(p: &Programme) {
    p.set("insert into link (code, vendor_id, affiliate_id, destination) values ('ada-1', 1, 1, 'https://shop.example.com/')").await;
    p.set(
        "set role linkledger_aggregator; insert into customer_order (vendor_id, order_ref) values (1, 'A-1'); \
         update customer_order set status = 'Completed', currency = 'EUR', net_minor = 5000, commission_minor = 500, \
         link_id = 1, affiliate_id = 1, credited_by = 'click', settled_at = now(); reset role",
    )
    .await;
}

#[tokio::test]
async fn a_settled_order_is_told_signed_and_to_whom_it_concerns() {
    let p = Programme::new().await;
    let (teas, outdoors, all) = (Receiver::start().await, Receiver::start().await, Receiver::start().await);
    let (path, secret) = target(&p, &p.teas, &teas.url, &["order.settled"]).await;
    target(&p, &p.outdoors, &outdoors.url, &["order.settled"]).await;
    target(&p, &p.operator, &all.url, &["order.settled", "affiliate.approved"]).await;
    order(&p).await;
    let heard = teas.hears(1).await.remove(0);
    assert_eq!((heard.path.as_str(), heard.headers["content-type"].as_str()), ("/hook", "application/json"));
    assert!(is_signed(&heard, &secret), "{heard:?}");
    let told = heard.json();
    assert_eq!(
        (&told["type"], &told["data"]["order_ref"], &told["data"]["status"]),
        (&json!("order.settled"), &json!("A-1"), &json!("Completed"))
    );
    assert_eq!(
        (&told["data"]["commission_minor"], &told["data"]["link"], &told["data"]["vendor_id"]),
        (&json!(500), &json!("ada-1"), &json!(p.id("vendor", 1).await))
    );
    assert!(heard.headers["webhook-id"].starts_with("msg_") && told["timestamp"].is_string());
    all.hears(1).await;
    p.set("set role linkledger_operator; update affiliate set status = 'approved' where affiliate_id = 3; reset role").await;
    assert_eq!(all.hears(2).await[1].json()["data"]["username"], "carla");
    // The same state again says nothing new.
    p.set("update customer_order set settled_at = now()").await;
    becomes(&p, "select count(*) from webhook_delivery where delivered_at is null", 0).await;
    assert_eq!((teas.heard().len(), outdoors.heard().len(), all.heard().len()), (1, 0, 2));
    let deliveries = p.told(&p.teas, &format!("{path}/deliveries")).await;
    assert_eq!(column(&deliveries, "status"), [json!("delivered")]);
    assert_eq!(
        (column(&deliveries, "last_status"), column(&deliveries, "attempts")),
        (vec![json!(204)], vec![json!(1)])
    );
}

#[tokio::test]
async fn other_topics_are_told_too() {
    let p = Programme::new().await;
    let receiver = Receiver::start().await;
    target(&p, &p.teas, &receiver.url, &["commission.payable", "payout.paid", "partnership.inactive"]).await;
    order(&p).await;
    p.set(
        "set role linkledger_aggregator; begin; insert into ledger_tx (vendor_id, idem, reason, at) values (1, 'x', 'settle', now()); \
         insert into ledger_entry values (1, 1, 1, 1, 'A-1', 'pending', 'EUR', 500), (1, 1, 1, 1, 'A-1', 'payable', 'EUR', -500); \
         commit; reset role",
    )
    .await;
    assert_eq!(receiver.hears(1).await[0].json()["data"]["amount_minor"], 500);
    p.set(
        "insert into payout_batch (payout_batch_id, vendor_id, currency, requested_by, state, decided_by, decided_at) \
         values ('po_1', 1, 'EUR', 'a', 'approved', 'b', now()); insert into payout_line values ('po_1', 1, 1, 500, 500); \
         set role linkledger_aggregator; update payout_batch set state = 'paid', paid_at = now(); reset role",
    )
    .await;
    assert_eq!(receiver.hears(2).await[1].json()["data"]["paid_minor"], 500);
    let partnership = p.text("select public_id from partnership").await;
    assert_eq!(p.act(&p.teas, &format!("/v1/partnerships/{partnership}/deactivate")).await.status, 200);
    assert_eq!(receiver.hears(3).await[2].json()["type"], "partnership.inactive");
}

#[tokio::test]
async fn a_secret_is_shown_once_and_replaced_with_an_overlap() {
    let p = Programme::new().await;
    let receiver = Receiver::start().await;
    let (path, old) = target(&p, &p.teas, &receiver.url, &["order.settled"]).await;
    for shown in [p.told(&p.teas, &path).await, p.told(&p.teas, TARGETS).await] {
        assert!(!shown.to_string().contains("whsec_"), "{shown}");
    }
    let sealed =
        "select count(*) from webhook_target where position('whsec_' in encode(sealed_secret, 'escape')) > 0";
    assert_eq!(p.count(sealed).await, 0);
    let rotated = p.act(&p.teas, &format!("{path}/rotate")).await;
    let new = rotated.json()["secret"].as_str().expect("a secret").to_owned();
    assert_eq!(p.act(&p.teas, &format!("{path}/test")).await.status, 202);
    let heard = receiver.hears(1).await.remove(0);
    assert!(is_signed(&heard, &old) && is_signed(&heard, &new) && old != new);
    assert_eq!(heard.json()["type"], "test");
    p.set("update webhook_target set old_secret_until = now()").await;
    p.act(&p.teas, &format!("{path}/test")).await;
    let heard = receiver.hears(2).await.remove(1);
    assert!(!is_signed(&heard, &old) && is_signed(&heard, &new));
}

#[tokio::test]
async fn a_failed_call_is_tried_again_and_no_redirect_is_followed() {
    let p = Programme::new().await;
    let (receiver, trap) = (Receiver::start().await, Receiver::start().await);
    let (path, _) = target(&p, &p.teas, &receiver.url, &["order.settled"]).await;
    let away: &'static str = format!("302 Found\r\nlocation: {}", trap.url).leak();
    receiver.will_answer(&[away, "500 Internal Server Error"]);
    p.act(&p.teas, &format!("{path}/test")).await;
    receiver.hears(1).await;
    becomes(&p, "select count(*) from webhook_delivery where last_status = 302", 1).await;
    assert_eq!(p.count("select consecutive_failures::bigint from webhook_target").await, 1);
    p.set("update webhook_delivery set next_attempt_at = now()").await;
    receiver.hears(2).await;
    becomes(&p, "select count(*) from webhook_delivery where last_status = 500", 1).await;
    let message = p.text("select message_id from webhook_delivery").await;
    let retry = format!("{path}/deliveries/{message}/retry");
    assert_eq!(p.act(&p.outdoors, &retry).await.status, 404);
    assert_eq!(p.act(&p.teas, &retry).await.status, 202);
    let heard = receiver.hears(3).await;
    assert!(heard.iter().all(|heard| heard.headers["webhook-id"] == message), "one id for all attempts");
    becomes(&p, "select count(*) from webhook_delivery where delivered_at is not null and attempts = 3", 1)
        .await;
    becomes(&p, "select consecutive_failures::bigint from webhook_target", 0).await;
    assert_eq!(p.act(&p.teas, &retry).await.json()["code"], "illegal_state");
    assert_eq!(trap.heard().len(), 0);
}

#[tokio::test]
async fn a_target_that_fails_for_long_is_switched_off_and_its_people_are_told() {
    let p = Programme::new().await;
    let receiver = Receiver::start().await;
    let (path, _) = target(&p, &p.teas, &receiver.url, &["order.settled"]).await;
    receiver.will_answer(&["503 Service Unavailable", "503 Service Unavailable"]);
    // Often, but not for long: a busy shop's short outage.
    p.set("update webhook_target set consecutive_failures = 500, failing_since = now() - interval '1 hour'")
        .await;
    p.act(&p.teas, &format!("{path}/test")).await;
    becomes(&p, "select count(*) from webhook_delivery where last_status = 503", 1).await;
    assert_eq!(p.told(&p.teas, &path).await["is_enabled"], true);
    p.set("update webhook_target set consecutive_failures = 19, failing_since = now() - interval '25 hours'")
        .await;
    p.act(&p.teas, &format!("{path}/test")).await;
    becomes(&p, "select count(*) from webhook_target where disabled_at is not null", 1).await;
    let off = p.told(&p.teas, &path).await;
    assert!(
        off["disabled_reason"].as_str().is_some_and(|why| why.contains("20 times") && why.contains("503")),
        "{off}"
    );
    assert_eq!(p.count("select count(*) from mail where recipient = 'teas@example.com'").await, 1);
    assert_eq!(
        p.count("select count(*) from webhook_delivery where next_attempt_at is not null").await,
        0,
        "given up"
    );
    assert_eq!(p.act(&p.teas, &format!("{path}/test")).await.json()["code"], "illegal_state");
    order(&p).await;
    assert_eq!(p.count("select count(*) from webhook_message where topic = 'order.settled'").await, 0);
    assert_eq!(p.act(&p.teas, &format!("{path}/enable")).await.json()["is_enabled"], true);

    receiver.will_answer(&["410 Gone"]);
    p.act(&p.teas, &format!("{path}/test")).await;
    becomes(&p, "select count(*) from webhook_target where disabled_reason like '%410%'", 1).await;
}

#[tokio::test]
async fn targets_are_their_owners_and_nobody_elses() {
    let p = Programme::new().await;
    let url = "https://hooks.example.com/teas";
    let (path, _) = target(&p, &p.teas, url, &["order.settled", "order.settled"]).await;
    assert_eq!(p.told(&p.teas, &path).await["topics"], json!(["order.settled"]));
    let missing = p.read(&p.outdoors, &format!("{TARGETS}/wht_nowhere")).await;
    for answer in [
        p.read(&p.outdoors, &path).await,
        p.patch(&p.outdoors, &path, &json!({"topics": ["payout.paid"]})).await,
        p.act(&p.outdoors, &format!("{path}/rotate")).await,
        p.act(&p.outdoors, &format!("{path}/test")).await,
        p.read(&p.outdoors, &format!("{path}/deliveries")).await,
    ] {
        assert_eq!((answer.status, &answer.body), (404, &missing.body));
    }
    assert_eq!(p.told(&p.outdoors, TARGETS).await["data"], json!([]));
    assert_eq!(p.read(&p.ada, TARGETS).await.status, 403);
    for (body, code) in [
        (json!({"url": url, "topics": []}), "unknown_value"),
        (json!({"url": url, "topics": ["affiliate.approved"]}), "unknown_value"),
        (json!({"url": "https://10.0.0.1/", "topics": ["payout.paid"]}), "address_not_public"),
        (json!({"url": "https://[fd00::1]/", "topics": ["payout.paid"]}), "address_not_public"),
        (json!({"url": "file:///etc/passwd", "topics": ["payout.paid"]}), "invalid_url"),
        (json!({"url": url, "topics": ["payout.paid"], "vendor_id": null}), "unknown_field"),
    ] {
        p.refused(&p.teas, TARGETS, &body, 422, code).await;
    }
    for _ in 1..10 {
        target(&p, &p.teas, url, &["payout.paid"]).await;
    }
    p.refused(&p.teas, TARGETS, &json!({"url": url, "topics": ["payout.paid"]}), 409, "too_many_targets")
        .await;
    let changed = p
        .patch(&p.teas, &path, &json!({"topics": ["payout.paid"], "url": "https://hooks.example.com/new"}))
        .await
        .json();
    assert_eq!(
        (&changed["topics"], &changed["url"]),
        (&json!(["payout.paid"]), &json!("https://hooks.example.com/new"))
    );
    assert_eq!(p.act(&p.teas, &format!("{path}/disable")).await.json()["disabled_reason"], "by hand");
    assert_eq!(p.act(&p.teas, &format!("{path}/disable")).await.json()["code"], "illegal_state");
    assert_eq!(p.told(&p.operator, &path).await["vendor_id"], Value::from(p.id("vendor", 1).await));
}
