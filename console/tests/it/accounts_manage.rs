//! Accounts, keys and pages as administrators and their people meet them.

use serde_json::{Value, json};

use crate::accounts::{PASSWORD, code};
use crate::support::{World, send};

#[tokio::test]
async fn accounts_are_made_once_and_only_by_administrators() {
    let world = World::with_programme().await;
    let reader = world.reader().await;
    let key = [
        ("Cookie", reader.cookie.as_str()),
        ("X-CSRF-Token", &reader.csrf),
        ("Idempotency-Key", "made-up-1"),
    ];
    let wanted = json!({"email": "Ada@Example.com", "name": "Ada Example", "role": "finance"});
    let first = world.say("POST", "/v1/accounts", &key, &wanted).await;
    let again = world.say("POST", "/v1/accounts", &key, &wanted).await;
    assert_eq!((first.status, again.status), (201, 201), "{} {}", first.body, again.body);
    assert_eq!((first.json(), again.header("idempotency-replayed")), (again.json(), "true"));
    let other = json!({"email": "eve@example.com", "name": "Eve Example", "role": "finance"});
    assert_eq!(
        code(&world.say("POST", "/v1/accounts", &key, &other).await),
        (422, "idempotency_key_reused".into())
    );
    assert_eq!(world.count("select count(*) from mail where recipient = 'ada@example.com'").await, 1);
    for (wanted, expect) in [
        (json!({"email": "ada@example.com", "name": "Ada", "role": "admin"}), "email_taken"),
        (json!({"email": "ada", "name": "Ada", "role": "admin"}), "invalid_email"),
        (json!({"email": "a@example.com", "name": "", "role": "admin"}), "invalid_name"),
        (json!({"email": "a@example.com", "name": "Ada", "role": "owner"}), "unknown_value"),
        (json!({"email": "a@example.com", "name": "Ada", "role": "vendor"}), "role_mismatch"),
        (
            json!({"email": "a@example.com", "name": "Ada", "role": "vendor", "vendor": "ven_none"}),
            "no_such_vendor",
        ),
        (
            json!({"email": "a@example.com", "name": "Ada", "role": "admin", "is_admin": true}),
            "unknown_field",
        ),
        (json!({"email": "a@example.com", "name": "Ada"}), "missing_field"),
    ] {
        let answer = world.by(&reader, "POST", "/v1/accounts", &wanted).await;
        assert_eq!(code(&answer), (422, expect.to_owned()), "{wanted}");
    }
    let vendor: String = sqlx::query_scalar("select public_id from vendor where vendor_id = 1")
        .fetch_one(&world.owner)
        .await
        .expect("a vendor");
    let wanted =
        json!({"email": "shop@example.com", "name": "Shop Example", "role": "vendor", "vendor": vendor});
    assert_eq!(world.by(&reader, "POST", "/v1/accounts", &wanted).await.status, 201);
    let token = world.mailed_token("shop@example.com").await;
    let set = json!({"token": token, "password": PASSWORD});
    assert_eq!(world.say("POST", "/v1/password-resets/confirm", &[], &set).await.status, 204);
    let shop = world.browser_of("shop@example.com").await;
    for (path, method) in [("/v1/accounts", "GET"), ("/v1/audit", "GET"), ("/v1/api-keys", "GET")] {
        assert_eq!(world.by(&shop, method, path, &Value::Null).await.status, 403, "{path}");
    }
    // What a vendor reads is that vendor's.
    let links = world.by(&shop, "GET", "/v1/reports/links", &Value::Null).await.json();
    let vendors: Vec<&Value> =
        links["data"].as_array().expect("links").iter().map(|link| &link["vendor_id"]).collect();
    assert_eq!(vendors, vec![&json!(1); 4]);
    let page = send(world.console.address, "GET", "/links", &[("Cookie", &shop.cookie)], "").await;
    assert!(
        page.status == 200 && page.body.contains("summer-1") && !page.body.contains("summer-2"),
        "{}",
        page.body
    );
    let foreign =
        send(world.console.address, "GET", "/links/summer-2", &[("Cookie", &shop.cookie)], "").await;
    let missing =
        send(world.console.address, "GET", "/links/summer-9", &[("Cookie", &shop.cookie)], "").await;
    assert_eq!((foreign.status, foreign.body.replace("summer-2", "summer-9")), (404, missing.body));

    let pages = world.by(&reader, "GET", "/v1/accounts?limit=1", &Value::Null).await.json();
    assert_eq!((&pages["has_more"], &pages["data"][0]["email"]), (&json!(true), &json!("shop@example.com")));
    let next = pages["data"][0]["account_id"].as_str().expect("an id");
    let next =
        world.by(&reader, "GET", &format!("/v1/accounts?starting_after={next}"), &Value::Null).await.json();
    assert_eq!(next["data"].as_array().map(Vec::len), Some(2));
}

#[tokio::test]
async fn keys_are_shown_once_and_end_at_once() {
    let world = World::with_programme().await;
    let reader = world.reader().await;
    let wanted = json!({"name": "Reports for the board", "scopes": ["reports:read", "audit:read"]});
    let made = world.by(&reader, "POST", "/v1/api-keys", &wanted).await;
    assert_eq!(made.status, 201, "{}", made.body);
    let key = format!("Bearer {}", made.json()["key"].as_str().expect("a key"));
    let id = made.json()["api_key_id"].as_str().expect("an id").to_owned();
    let by_key =
        async |path: &str| world.say("GET", path, &[("Authorization", &key)], &Value::Null).await.status;
    assert_eq!((by_key("/v1/audit").await, by_key("/v1/accounts").await), (200, 403));
    let listed = world.by(&reader, "GET", "/v1/api-keys", &Value::Null).await;
    assert!(listed.body.contains(&id) && !listed.body.contains("\"key\""), "{}", listed.body);
    assert_eq!(
        world.by(&reader, "POST", &format!("/v1/api-keys/{id}/revoke"), &Value::Null).await.status,
        204
    );
    assert_eq!(by_key("/v1/audit").await, 401);
    let twice = world.by(&reader, "POST", &format!("/v1/api-keys/{id}/revoke"), &Value::Null).await;
    assert_eq!(code(&twice), (409, "illegal_state".into()));
    let bad =
        world.by(&reader, "POST", "/v1/api-keys", &json!({"name": "x", "scopes": ["everything"]})).await;
    assert_eq!(code(&bad), (422, "unknown_value".into()));
}

#[tokio::test]
async fn pages_ask_to_sign_in_and_lead_back() {
    let world = World::with_programme().await;
    world.newcomer("ada@example.com", "reviewer").await;
    let address = world.console.address;
    let asked = send(address, "GET", "/links/summer-1?by=hour", &[], "").await;
    assert_eq!(asked.status, 303);
    assert_eq!(asked.header("location"), "/sign-in?next=%2Flinks%2Fsummer-1%3Fby%3Dhour");
    let form = send(address, "GET", asked.header("location"), &[], "").await;
    assert!(form.body.contains("name=\"next\" value=\"/links/summer-1?by=hour\""), "{}", form.body);
    let kind = ("Content-Type", "application/x-www-form-urlencoded");
    let wrong = send(address, "POST", "/sign-in", &[kind], "email=ada%40example.com&password=wrong").await;
    assert!(wrong.status == 401 && wrong.body.contains("value=\"ada@example.com\""), "{}", wrong.body);
    let body = "email=ada%40example.com&password=a+dozen+made-up+words&next=%2Flinks%2Fsummer-1";
    let inside = send(address, "POST", "/sign-in", &[kind], body).await;
    assert_eq!((inside.status, inside.header("location")), (303, "/links/summer-1"), "{}", inside.body);
    let cookie = inside.header("set-cookie").split(';').next().expect("a cookie").to_owned();
    let page = send(address, "GET", "/links/summer-1", &[("Cookie", &cookie)], "").await;
    assert!(
        page.status == 200 && page.body.contains(">Ada Example<") && page.body.contains("Operator, reviewer"),
        "{}",
        page.body
    );
    let (_, rest) = page.body.split_once("name=\"csrf_token\" value=\"").expect("a token");
    let token = rest.split('"').next().expect("a token");
    let out =
        send(address, "POST", "/sign-out", &[kind, ("Cookie", &cookie)], &format!("csrf_token={token}"))
            .await;
    assert_eq!((out.status, out.header("location")), (303, "/sign-in"), "{}", out.body);
    assert_eq!(send(address, "GET", "/links/summer-1", &[("Cookie", &cookie)], "").await.status, 303);
    for path in ["/sign-in", "/forgot-password", "/set-password?token=x", "/verify-email?token=x", "/docs"] {
        let page = send(address, "GET", path, &[], "").await;
        let ours = page.body.replace("<script src=\"/assets/", "");
        assert!(page.status == 200 && !ours.contains("<script"), "{path}");
    }
}

#[tokio::test]
async fn the_description_names_every_route_and_says_what_it_takes() {
    let world = World::empty().await;
    let described = world.json("/openapi.json").await;
    assert!(described["openapi"].as_str().is_some_and(|version| version.starts_with("3.1")));
    for (path, method) in
        [("/v1/session", "post"), ("/v1/accounts/{account_id}", "patch"), ("/v1/audit", "get")]
    {
        assert!(described["paths"][path][method].is_object(), "{method} {path}");
    }
    let limited = world.get("/v1/session").await;
    assert!(limited.header("ratelimit").starts_with("\"caller\";r="), "{:?}", limited.headers);
    assert_eq!(limited.header("ratelimit-policy"), "\"caller\";q=60000;w=60");
}
