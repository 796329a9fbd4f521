//! Invitations: S1.

use chrono::{DateTime, Utc};
use console::programme::invitations::{accept, token_hash};
use serde_json::{Value, json};

use crate::programme_world::{Programme, column};

/// The token in the newest mail to an address.
async fn token(p: &Programme, address: &str) -> String {
    let mail = p
        .text(&format!("select body from mail where recipient = '{address}' order by mail_id desc limit 1"))
        .await;
    let (_, rest) = mail.split_once("/join?token=").expect("a link in the mail");
    rest.split_whitespace().next().expect("a token").to_owned()
}

#[tokio::test]
async fn s1_several_addresses_are_invited_at_once_each_with_its_own_outcome() {
    let p = Programme::new().await;
    let emails =
        ["Nina@Example.com", "omar@example.com", "nina@example.com", "not an address", "ada@example.com"];
    let invited =
        p.made(&p.operator, "/v1/invitations", &json!({"emails": emails, "message": "Join us!"})).await;
    assert_eq!(
        column(&invited, "outcome"),
        ["sent", "sent", "repeated", "invalid_email", "already_affiliate"].map(|outcome| json!(outcome))
    );
    assert_eq!(invited["data"][0]["invitation"]["status"], "sent");
    let again = p.made(&p.operator, "/v1/invitations", &json!({"emails": ["omar@example.com"]})).await;
    assert_eq!(column(&again, "outcome"), [json!("already_invited")]);
    assert_eq!(p.count("select count(*) from mail").await, 2);
    let (nina, omar) = (token(&p, "nina@example.com").await, token(&p, "omar@example.com").await);
    assert!(nina != omar && nina.len() == 43, "{nina}");
    let kept = "select count(*) from invitation where encode(token_sha256, 'escape') like '%' || $1 || '%' or message like $1";
    let kept: i64 = sqlx::query_scalar(kept).bind(&nina).fetch_one(&p.owner).await.expect("a number");
    assert_eq!(kept, 0, "only the hash is kept");

    let opened = p.get(&format!("/v1/invitations/by-token?token={nina}")).await;
    assert_eq!(
        (opened.status, opened.json()["email"].clone()),
        (200, json!("nina@example.com")),
        "{}",
        opened.body
    );
    assert_eq!(p.get("/v1/invitations/by-token?token=guessed").await.status, 404);
    let list = p.told(&p.operator, "/v1/invitations?status=opened").await;
    assert_eq!(column(&list, "email"), [json!("nina@example.com")]);
    assert_eq!(p.read(&p.ada, "/v1/invitations").await.status, 403);
    assert_eq!(column(&p.told(&p.teas, "/v1/invitations").await, "email"), Vec::<Value>::new());
    for bad in [
        json!({"emails": []}),
        json!({"emails": vec!["a@example.com"; 101]}),
        json!({"emails": ["a@example.com"], "rate": "5%"}),
    ] {
        assert_eq!(p.write(&p.operator, "/v1/invitations", &bad).await.status, 422, "{bad}");
    }
}

#[tokio::test]
async fn an_invitation_is_accepted_once_and_makes_the_partnership() {
    let p = Programme::new().await;
    p.refused(&p.teas, "/v1/invitations", &json!({"emails": ["nina@example.com"]}), 422, "missing_field")
        .await;
    p.made(&p.teas, "/v1/invitations", &json!({"emails": ["nina@example.com"], "rate": "20%"})).await;
    let (token, now) =
        (token(&p, "nina@example.com").await, DateTime::<Utc>::from(runtime::clock::system_time()));
    let shown = p.get(&format!("/v1/invitations/by-token?token={token}")).await.json();
    assert_eq!((&shown["vendor_name"], &shown["commission_rate"]), (&json!("Made-up Teas"), &json!("20%")));
    let mut conn = p.owner.acquire().await.expect("a connection");
    let hash = token_hash(&token);
    let accepted = accept(&mut conn, &hash, 3, now).await.expect("asked").expect("good");
    assert_eq!((accepted.email.as_str(), accepted.vendor_id), ("nina@example.com", Some(1)));
    assert_eq!(accept(&mut conn, &hash, 2, now).await.expect("asked"), None, "once");
    assert_eq!(p.get(&format!("/v1/invitations/by-token?token={token}")).await.status, 404);
    assert_eq!(p.told(&p.carla, "/v1/partnerships").await["data"], json!([]), "not before the approval");
    p.set("update affiliate set status = 'approved' where affiliate_id = 3").await;
    let partnerships = p.told(&p.carla, "/v1/partnerships").await;
    assert_eq!(column(&partnerships, "status"), [json!("active")]);
    assert_eq!(column(&partnerships, "rate_ppm"), [json!(200_000)]);
    let seen = p.told(&p.teas, "/v1/invitations").await;
    assert_eq!(column(&seen, "status"), [json!("accepted")]);
    let path = format!("/v1/invitations/{}", seen["data"][0]["invitation_id"].as_str().expect("an id"));
    for deed in ["resend", "revoke"] {
        p.refused(&p.teas, &format!("{path}/{deed}"), &json!({}), 409, "illegal_state").await;
    }
}

#[tokio::test]
async fn a_link_dies_by_another_by_revoking_and_by_time() {
    let p = Programme::new().await;
    let made = p.made(&p.operator, "/v1/invitations", &json!({"emails": ["nina@example.com"]})).await;
    let path = format!(
        "/v1/invitations/{}",
        made["data"][0]["invitation"]["invitation_id"].as_str().expect("an id")
    );
    let works =
        async |token: &str| p.get(&format!("/v1/invitations/by-token?token={token}")).await.status == 200;
    let first = token(&p, "nina@example.com").await;
    assert!(works(&first).await);
    assert_eq!(p.act(&p.teas, &format!("{path}/resend")).await.status, 404);
    let resent = p.act(&p.operator, &format!("{path}/resend")).await;
    assert_eq!((resent.status, resent.json()["status"].clone()), (200, json!("sent")), "{}", resent.body);
    let second = token(&p, "nina@example.com").await;
    assert!(!works(&first).await && works(&second).await);
    p.set("update invitation set expires_at = now()").await;
    assert!(!works(&second).await);
    assert_eq!(p.told(&p.operator, &path).await["status"], "expired");
    let renewed = p.made(&p.operator, "/v1/invitations", &json!({"emails": ["nina@example.com"]})).await;
    assert_eq!(column(&renewed, "outcome"), [json!("sent")], "an expired one is taken up again");
    let third = token(&p, "nina@example.com").await;
    assert!(works(&third).await);
    assert_eq!(p.act(&p.operator, &format!("{path}/revoke")).await.json()["status"], "revoked");
    assert!(!works(&third).await);
    assert_eq!(p.count("select count(*) from invitation").await, 1);
}
