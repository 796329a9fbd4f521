//! Signing in and out, and everything that belongs to accounts, as browsers and programs meet it.

use console::accounts::totp;
use runtime::clock;
use serde_json::{Value, json};

use crate::support::{Answer, READER, World, send};

/// What most people here sign in with.
const PASSWORD: &str = "a dozen made-up words";

/// Somebody's browser: a cookie, and the token that goes with it.
pub(crate) struct Browser {
    cookie: String,
    csrf: String,
}

impl World {
    /// Says something as a browser does, with its token.
    pub(crate) async fn by(&self, browser: &Browser, method: &str, path: &str, body: &Value) -> Answer {
        let headers = [
            ("Cookie", browser.cookie.as_str()),
            ("X-CSRF-Token", &browser.csrf),
            ("Sec-Fetch-Site", "same-origin"),
        ];
        self.say(method, path, &headers, body).await
    }

    /// Says something with these headers.
    pub(crate) async fn say(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &Value,
    ) -> Answer {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let mut all = headers.to_vec();
        if !body.is_empty() {
            all.push(("Content-Type", "application/json"));
        }
        send(self.console.address, method, path, &all, &body).await
    }

    /// The administrator of every test.
    pub(crate) async fn reader(&self) -> Browser {
        let cookie = format!("linkledger={READER}");
        let session = self.say("GET", "/v1/session", &[("Cookie", &cookie)], &Value::Null).await.json();
        Browser { cookie, csrf: session["csrf_token"].as_str().expect("a token").to_owned() }
    }

    /// Lets somebody in who chooses a password by the link of the mail.
    async fn newcomer(&self, email: &str, role: &str) -> String {
        let reader = self.reader().await;
        let wanted = json!({"email": email, "name": "Ada Example", "role": role});
        let made = self.by(&reader, "POST", "/v1/accounts", &wanted).await;
        assert_eq!(made.status, 201, "{}", made.body);
        let token = self.mailed_token(email).await;
        let set = json!({"token": token, "password": PASSWORD});
        let set = self.say("POST", "/v1/password-resets/confirm", &[], &set).await;
        assert_eq!(set.status, 204, "{}", set.body);
        made.json()["account_id"].as_str().expect("an id").to_owned()
    }

    /// The token of the last link that was mailed to somebody.
    async fn mailed_token(&self, email: &str) -> String {
        let body: String = sqlx::query_scalar(
            "select body from mail where recipient = $1 and body like '%token=%' order by mail_id desc limit 1",
        )
        .bind(email)
        .fetch_one(&self.owner)
        .await
        .expect("a mail");
        let (_, rest) = body.split_once("token=").expect("a link");
        rest.split_whitespace().next().expect("a token").to_owned()
    }

    async fn sign_in(&self, email: &str, password: &str) -> Answer {
        self.say("POST", "/v1/session", &[], &json!({"email": email, "password": password})).await
    }

    async fn browser_of(&self, email: &str) -> Browser {
        let answer = self.sign_in(email, PASSWORD).await;
        assert_eq!(answer.status, 201, "{}", answer.body);
        browser(&answer)
    }
}

fn browser(answer: &Answer) -> Browser {
    let cookie = answer.header("set-cookie").split(';').next().expect("a cookie").to_owned();
    Browser { cookie, csrf: answer.json()["csrf_token"].as_str().expect("a token").to_owned() }
}

fn code(answer: &Answer) -> (u16, String) {
    (answer.status, answer.json()["code"].as_str().unwrap_or_default().to_owned())
}

#[tokio::test]
async fn a_session_is_random_hashed_and_ends_at_the_server() {
    let world = World::empty().await;
    world.newcomer("ada@example.com", "finance").await;
    let answer = world.sign_in(" Ada@Example.com ", PASSWORD).await;
    let cookie = answer.header("set-cookie");
    assert!(cookie.ends_with("; Path=/; HttpOnly; SameSite=Lax"), "{cookie}");
    let (one, other) = (browser(&answer), world.browser_of("ada@example.com").await);
    assert_ne!(one.cookie, other.cookie);
    let secret = one.cookie.split_once('=').expect("a value").1;
    assert_eq!(secret.len(), 43, "256 bits");
    let stored: Vec<Vec<u8>> = sqlx::query_scalar("select session_sha256 from session")
        .fetch_all(&world.owner)
        .await
        .expect("sessions");
    assert!(stored.iter().all(|stored| stored != secret.as_bytes()));

    let me = world.by(&one, "GET", "/v1/session", &Value::Null).await.json();
    assert_eq!((&me["role"], &me["tenant"]["kind"]), (&json!("finance"), &json!("programme")));
    assert!(me["scopes"].as_array().expect("scopes").contains(&json!("payouts:approve")));
    let out = world.by(&one, "DELETE", "/v1/session", &Value::Null).await;
    assert_eq!(out.status, 204, "{}", out.body);
    assert!(out.header("set-cookie").contains("Max-Age=0"));
    assert_eq!(world.by(&one, "GET", "/v1/session", &Value::Null).await.status, 401, "an old cookie");
    assert_eq!(world.by(&other, "GET", "/v1/session", &Value::Null).await.status, 200, "another browser");
    // Signing in with a session gives a new one and ends the old.
    let credentials = json!({"email": "ada@example.com", "password": PASSWORD});
    let again = world.say("POST", "/v1/session", &[("Cookie", &other.cookie)], &credentials).await;
    assert_eq!(again.status, 201);
    assert_eq!(world.by(&other, "GET", "/v1/session", &Value::Null).await.status, 401);
    assert_eq!(world.by(&browser(&again), "GET", "/v1/session", &Value::Null).await.status, 200);
}

#[tokio::test]
async fn sessions_end_when_idle_and_when_old() {
    let world = World::empty().await;
    world.newcomer("ada@example.com", "reviewer").await;
    let ada = world.browser_of("ada@example.com").await;
    let own = "account_id <> 'acc_reader'";
    for (change, status) in [
        ("last_seen_at = now() - interval '29 minutes'", 200),
        ("last_seen_at = now() - interval '30 minutes'", 401),
        ("last_seen_at = now(), created_at = now() - interval '11 hours 59 minutes'", 200),
        ("created_at = now() - interval '12 hours'", 401),
    ] {
        let statement = format!("update session set {change} where {own}");
        sqlx::raw_sql(sqlx::AssertSqlSafe(statement)).execute(&world.owner).await.expect("changed");
        assert_eq!(world.by(&ada, "GET", "/v1/session", &Value::Null).await.status, status, "{change}");
    }
}

#[tokio::test]
async fn whoever_is_disabled_is_out_at_once() {
    let world = World::empty().await;
    let id = world.newcomer("ada@example.com", "admin").await;
    let (ada, reader) = (world.browser_of("ada@example.com").await, world.reader().await);
    let path = format!("/v1/accounts/{id}");
    let disabled = world.by(&reader, "POST", &format!("{path}/disable"), &Value::Null).await;
    assert_eq!((disabled.status, &disabled.json()["is_disabled"]), (200, &json!(true)), "{}", disabled.body);
    assert_eq!(world.by(&ada, "GET", "/v1/session", &Value::Null).await.status, 401);
    assert_eq!(code(&world.sign_in("ada@example.com", PASSWORD).await), (401, "sign_in_failed".into()));
    let twice = world.by(&reader, "POST", &format!("{path}/disable"), &Value::Null).await;
    assert_eq!(code(&twice), (409, "illegal_state".into()));
    let own = world.by(&reader, "POST", "/v1/accounts/acc_reader/disable", &Value::Null).await;
    assert_eq!(code(&own), (409, "own_account".into()));
    let demoted = world.by(&reader, "PATCH", "/v1/accounts/acc_reader", &json!({"role": "finance"})).await;
    assert_eq!(code(&demoted), (409, "last_admin".into()));
    assert_eq!(world.by(&reader, "POST", &format!("{path}/enable"), &Value::Null).await.status, 200);
    assert_eq!(
        world.by(&ada, "GET", "/v1/session", &Value::Null).await.status,
        401,
        "sessions do not come back"
    );
    let shown = world.by(&reader, "GET", &path, &Value::Null).await;
    let stale = [("Cookie", reader.cookie.as_str()), ("X-CSRF-Token", &reader.csrf), ("If-Match", "\"v1\"")];
    let late = world.say("PATCH", &path, &stale, &json!({"name": "Ada Again"})).await;
    assert_eq!(code(&late), (412, "precondition_failed".into()));
    let tag = shown.header("etag").to_owned();
    let fresh =
        [("Cookie", reader.cookie.as_str()), ("X-CSRF-Token", &reader.csrf), ("If-Match", tag.as_str())];
    assert_eq!(world.say("PATCH", &path, &fresh, &json!({"name": "Ada Again"})).await.status, 200);
    assert_eq!(world.say("PATCH", &path, &fresh, &json!({"name": "Ada Anew"})).await.status, 412);

    let audit = world.by(&reader, "GET", &format!("/v1/audit?subject={id}"), &Value::Null).await.json();
    let deeds: Vec<&str> =
        audit["data"].as_array().expect("acts").iter().filter_map(|act| act["action"].as_str()).collect();
    let expect = [
        "account.change",
        "account.enable",
        "account.disable",
        "session.begin",
        "account.set_password",
        "account.create",
    ];
    assert_eq!(deeds, expect);
    assert_eq!(audit["data"][0]["actor"], "Rita Reader <reader@example.com>");
    let refused = sqlx::query("delete from audit_entry").execute(&world.owner).await;
    assert!(refused.is_err(), "even the owner of the database adds only");
}

#[tokio::test]
async fn requests_of_other_sites_change_nothing() {
    let world = World::empty().await;
    let reader = world.reader().await;
    let (cookie, token) = (("Cookie", reader.cookie.as_str()), ("X-CSRF-Token", reader.csrf.as_str()));
    let wanted = json!({"email": "eve@example.com", "name": "Eve Example", "role": "admin"});
    for (headers, expect) in [
        (vec![cookie], "csrf_token_needed"),
        (vec![cookie, ("X-CSRF-Token", "guessed")], "csrf_token_needed"),
        (vec![cookie, token, ("Origin", "https://evil.example.com")], "cross_site"),
        (vec![cookie, token, ("Origin", "null")], "cross_site"),
        (vec![cookie, token, ("Sec-Fetch-Site", "cross-site")], "cross_site"),
        (vec![cookie, token, ("Sec-Fetch-Site", "same-site")], "cross_site"),
    ] {
        let answer = world.say("POST", "/v1/accounts", &headers, &wanted).await;
        assert_eq!(code(&answer), (403, expect.to_owned()), "{headers:?}");
    }
    assert_eq!(world.count("select count(*) from account").await, 1);
    let form = [cookie, ("Content-Type", "application/x-www-form-urlencoded")];
    let out = send(world.console.address, "POST", "/sign-out", &form, "csrf_token=guessed").await;
    assert_eq!(out.status, 403, "{}", out.body);
    let foreign =
        [("Content-Type", "application/x-www-form-urlencoded"), ("Origin", "https://evil.example.com")];
    let body = "email=reader%40example.com&password=x";
    assert_eq!(send(world.console.address, "POST", "/sign-in", &foreign, body).await.status, 403);
    let good = [cookie, token, ("Origin", "http://localhost"), ("Sec-Fetch-Site", "same-origin")];
    assert_eq!(world.say("POST", "/v1/accounts", &good, &wanted).await.status, 201);
}

#[tokio::test]
async fn who_guesses_waits_longer_and_longer_and_learns_nothing() {
    let world = World::empty().await;
    world.newcomer("ada@example.com", "finance").await;
    let mut seen = Vec::new();
    for email in ["ada@example.com", "nobody@example.com"] {
        let mut refused = Vec::new();
        for _ in 0..8 {
            refused.push(code(&world.sign_in(email, "not the password").await));
        }
        let right = world.sign_in(email, PASSWORD).await;
        assert_eq!(code(&right), (429, "too_many_attempts".into()));
        assert!(right.header("retry-after").parse::<u64>().expect("seconds") >= 1);
        seen.push(refused);
    }
    assert_eq!(seen[0], seen[1], "an account that is not there answers alike");
    assert_eq!(seen[0].iter().filter(|(status, _)| *status == 401).count(), 6, "{seen:?}");
    assert!(
        world
            .count("select count(*) from sign_in_failure where bucket like '%ada%' or bucket like '%127%'")
            .await
            == 0
    );
    sqlx::raw_sql("update sign_in_failure set blocked_until = now()")
        .execute(&world.owner)
        .await
        .expect("time passes");
    assert_eq!(
        world.sign_in("ada@example.com", PASSWORD).await.status,
        201,
        "a good one is let in and forgiven"
    );
    assert_eq!(world.count("select count(*) from sign_in_failure").await, 2, "nobody's, and the address's");
}

#[tokio::test]
async fn a_hundred_guesses_at_once_are_no_more_than_a_few() {
    let world = World::empty().await;
    world.newcomer("ada@example.com", "finance").await;
    let guesses = (0..100).map(|_| world.sign_in("ada@example.com", "not the password"));
    let answers = futures_util::future::join_all(guesses).await;
    let looked_at = answers.iter().filter(|answer| answer.status == 401).count();
    assert!(looked_at <= 8, "{looked_at} guesses were compared");
    assert!(answers.iter().all(|answer| matches!(answer.status, 401 | 429 | 503)));
}

#[tokio::test]
async fn an_unknown_account_takes_as_long() {
    let world = World::empty().await;
    world.newcomer("ada@example.com", "finance").await;
    let mut spent = Vec::new();
    for email in ["ada@example.com", "nobody@example.com"] {
        let mut fastest = std::time::Duration::MAX;
        for _ in 0..4 {
            let begun = clock::monotonic();
            world.sign_in(email, "not the password").await;
            fastest = fastest.min(begun.elapsed());
        }
        spent.push(fastest.as_secs_f64());
    }
    let ratio = spent[0] / spent[1];
    assert!((0.5..2.0).contains(&ratio), "{spent:?}");
}

#[tokio::test]
async fn links_in_mails_are_good_once_and_for_a_while() {
    let world = World::empty().await;
    world.newcomer("ada@example.com", "finance").await;
    let ada = world.browser_of("ada@example.com").await;
    for email in ["ada@example.com", "nobody@example.com"] {
        let answer = world.say("POST", "/v1/password-resets", &[], &json!({"email": email})).await;
        assert_eq!((answer.status, answer.body.as_str()), (202, "{\"object\":\"mail_request\"}"), "{email}");
    }
    for _ in 0..100 {
        if world.count("select count(*) from mail where subject like 'Set a new%'").await == 1 {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    assert_eq!(world.count("select count(*) from mail where recipient = 'nobody@example.com'").await, 0);
    let token = world.mailed_token("ada@example.com").await;
    assert_eq!(
        world
            .count("select count(*) from mailed_token where expires_at <= created_at + interval '1 hour'")
            .await,
        1
    );
    let reset = async |token: &str, password: &str| {
        let body = json!({"token": token, "password": password});
        let answer = world.say("POST", "/v1/password-resets/confirm", &[], &body).await;
        if answer.status == 204 { (204, String::new()) } else { code(&answer) }
    };
    assert_eq!(reset(&token, "short").await, (422, "password_too_short".into()));
    assert_eq!(reset(&token, "password1234").await, (422, "password_too_common".into()));
    assert_eq!(reset("guessed", "another dozen words").await, (422, "invalid_token".into()));
    assert_eq!(reset(&token, &"sixty-four characters and more are welcome here ".repeat(2)).await.0, 204);
    assert_eq!(reset(&token, "another dozen words").await, (422, "invalid_token".into()));
    assert_eq!(world.by(&ada, "GET", "/v1/session", &Value::Null).await.status, 401, "sessions end");
    assert_eq!(world.sign_in("ada@example.com", PASSWORD).await.status, 401);
}

#[tokio::test]
async fn a_second_factor_is_confirmed_asked_for_and_good_once() {
    let world = World::empty().await;
    world.newcomer("ada@example.com", "finance").await;
    let ada = world.browser_of("ada@example.com").await;
    let offer = world.by(&ada, "POST", "/v1/session/totp", &Value::Null).await.json();
    let secret = data_encoding::BASE32_NOPAD.decode(offer["secret"].as_str().expect("a secret").as_bytes());
    let secret = secret.expect("base 32");
    let now_s = clock::now_ms() / 1_000;
    let at = |step: u64| totp::code(&secret, step);
    let confirm = async |browser: &Browser, code: &str| {
        let body = json!({"enrolment": offer["enrolment"], "totp": code});
        world.by(browser, "POST", "/v1/session/totp/confirm", &body).await
    };
    let reader = world.reader().await;
    assert_eq!(
        code(&confirm(&reader, &at(totp::step_at(now_s))).await),
        (422, "invalid_enrolment".into()),
        "not yours"
    );
    assert_eq!(code(&confirm(&ada, "000000").await), (422, "wrong_code".into()));
    let first = totp::step_at(now_s) - 1;
    assert_eq!(confirm(&ada, &at(first)).await.status, 204);
    assert_eq!(code(&confirm(&ada, &at(first + 1)).await), (409, "illegal_state".into()));
    assert_eq!(
        world
            .count("select count(*) from account where totp_sealed is not null and length(totp_sealed) > 60")
            .await,
        1
    );

    assert_eq!(code(&world.sign_in("ada@example.com", PASSWORD).await), (401, "code_needed".into()));
    let with = async |code: &str| {
        let body = json!({"email": "ada@example.com", "password": PASSWORD, "totp": code});
        world.say("POST", "/v1/session", &[], &body).await.status
    };
    assert_eq!(with(&at(first)).await, 401, "used");
    assert_eq!(with(&at(first + 1)).await, 201);
    assert_eq!(with(&at(first + 1)).await, 401, "used");
    let old = "update session set reauthenticated_at = now() - interval '10 minutes'";
    sqlx::raw_sql(old).execute(&world.owner).await.expect("time passes");
    let late = world.by(&ada, "DELETE", "/v1/session/totp", &Value::Null).await;
    assert_eq!(code(&late), (403, "reauthentication_needed".into()));
    let again = json!({"password": PASSWORD, "totp": at(first + 2)});
    assert_eq!(world.by(&ada, "POST", "/v1/session/reauthenticate", &again).await.status, 204);
    assert_eq!(world.by(&ada, "DELETE", "/v1/session/totp", &Value::Null).await.status, 204);
    assert_eq!(world.sign_in("ada@example.com", PASSWORD).await.status, 201);
}

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
        page.status == 200 && page.body.contains("Ada Example &#60;ada@example.com&#62;"),
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
        assert!(page.status == 200 && !page.body.contains("<script"), "{path}");
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
