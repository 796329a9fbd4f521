//! One affiliate from the first form to the first link, over HTTP alone.

use serde_json::{Value, json};

use crate::people::{For, talk_bytes};
use crate::support::{Answer, World};

const PASSWORD: &str = "seven wooden teapots in a row";

/// A small real PDF.
const PROOF: &str =
    "%PDF-1.7\n1 0 obj<</Type/Catalog>>endobj\nxref\n0 1\ntrailer <</Root 1 0 R>>\nstartxref\n40\n%%EOF\n";

/// The token of the latest mail to an address.
async fn token_of(world: &World, address: &str) -> String {
    let body: String =
        sqlx::query_scalar("select body from mail where recipient = $1 order by mail_id desc limit 1")
            .bind(address)
            .fetch_one(&world.owner)
            .await
            .expect("a mail");
    let token = body.split("token=").nth(1).expect("a link with a token");
    token.chars().take_while(|c| c.is_ascii_alphanumeric() || "-_.".contains(*c)).collect()
}

async fn as_nobody(world: &World, path: &str, body: &Value) -> Answer {
    world.send("POST", path, &[("content-type", "application/json")], &body.to_string()).await
}

#[tokio::test]
async fn from_the_application_to_the_first_link() {
    let world = World::with_programme().await;
    let reviewer = world.signed_in(For::Programme("reviewer")).await;
    let vendor = world.signed_in(For::Vendor(1)).await;
    world.run("update vendor set allowed_hosts = '{shop.example.com}' where vendor_id = 1").await;

    let application = json!({
        "username": "linnea", "email": "linnea@example.com", "password": PASSWORD, "name": "Linnea Example",
        "country": "SE", "website": "https://linnea.example.com/", "social_media": {"instagram": "linnea.walks"},
    });
    let applied = as_nobody(&world, "/v1/applications", &application).await;
    assert_eq!((applied.status, &applied.json()["status"]), (202, &json!("pending")), "{}", applied.body);

    let token = token_of(&world, "linnea@example.com").await;
    let verified = as_nobody(&world, "/v1/email-verifications/confirm", &json!({"token": token})).await;
    assert_eq!(verified.status, 204, "{}", verified.body);
    let again = as_nobody(&world, "/v1/email-verifications/confirm", &json!({"token": token})).await;
    assert_eq!(again.status, 422, "a link is good once: {}", again.body);

    let signed_in =
        as_nobody(&world, "/v1/session", &json!({"email": "linnea@example.com", "password": PASSWORD})).await;
    assert_eq!(signed_in.status, 201, "{}", signed_in.body);
    let cookie = signed_in.header("set-cookie").split(';').next().expect("a cookie").to_owned();
    let csrf = signed_in.json()["csrf_token"].as_str().expect("a token").to_owned();
    let headers =
        [("cookie", cookie.as_str()), ("x-csrf-token", csrf.as_str()), ("content-type", "application/json")];
    let own = async |method: &str, path: &str, body: &Value| {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        world.send(method, path, &headers, &body).await
    };

    let head = format!(
        "POST /v1/affiliate/documents?type=identity HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nCookie: {cookie}\r\n\
         X-CSRF-Token: {csrf}\r\nContent-Type: application/pdf\r\nContent-Length: {}\r\n\r\n",
        PROOF.len()
    );
    let (sent, _) = talk_bytes(world.console.address, &[head.as_bytes(), PROOF.as_bytes()]).await;
    assert_eq!(sent.status, 201, "{}", sent.body);
    let document = sent.json()["document_id"].as_str().expect("a name").to_owned();

    // Nothing can be asked for or made before the programme has said yes.
    let name = world.column("select public_id from vendor where vendor_id = 1").await.remove(0);
    let wanted =
        json!({"request_type": "partner_with_vendor", "vendor_id": name, "message": "I walk a lot."});
    assert_eq!(own("POST", "/v1/requests", &wanted).await.status, 409);
    let me = own("GET", "/v1/affiliate", &Value::Null).await.json();
    let affiliate = me["affiliate_id"].as_str().expect("a name").to_owned();

    let waiting = world.read_by(&reviewer, "/v1/affiliates?status=pending").await;
    assert_eq!(waiting["data"][0]["affiliate_id"], json!(affiliate));
    let path = format!("/v1/affiliates/{affiliate}");
    let judged = world.act(&reviewer, &format!("{path}/documents/{document}/approve")).await;
    assert_eq!(judged.status, 200, "{}", judged.body);
    let approved = world.act(&reviewer, &format!("{path}/approve")).await;
    assert_eq!((approved.status, &approved.json()["status"]), (200, &json!("approved")), "{}", approved.body);

    let asked = own("POST", "/v1/requests", &wanted).await;
    assert_eq!(asked.status, 201, "{}", asked.body);
    let request = asked.json()["request_id"].as_str().expect("a name").to_owned();
    let yes = json!({"rate": "12.5%", "response_message": "Welcome."});
    let answered = world.send_as(&vendor, "POST", &format!("/v1/requests/{request}/approve"), &yes).await;
    assert_eq!((answered.status, &answered.json()["status"]), (200, &json!("approved")), "{}", answered.body);
    let partnerships = own("GET", "/v1/partnerships", &Value::Null).await.json();
    assert_eq!(
        json!([partnerships["data"][0]["status"], partnerships["data"][0]["commission_rate"]]),
        json!(["active", "12.5%"])
    );

    let link =
        json!({"vendor_id": name, "destination": "https://shop.example.com/tent", "code": "linnea-tent"});
    let made = own("POST", "/v1/links", &link).await;
    assert_eq!((made.status, &made.json()["status"]), (201, &json!("active")), "{}", made.body);
    assert_eq!(made.json()["url"], json!("http://127.0.0.1:8080/linnea-tent"));
    assert_eq!(
        world
            .count(
                "select count(*) from link_change c join link l using (link_id) where l.code = 'linnea-tent'"
            )
            .await,
        1
    );
}
