//! Signing in and out, and everything that belongs to accounts, as browsers and programs meet it.

use console::accounts::totp;
use runtime::clock;
use serde_json::{Value, json};

use crate::support::{Answer, READER, World, send};

/// What most people here sign in with.
pub(crate) const PASSWORD: &str = "a dozen made-up words";

/// Somebody's browser: a cookie, and the token that goes with it.
pub(crate) struct Browser {
    pub(crate) cookie: String,
    pub(crate) csrf: String,
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
    pub(crate) async fn newcomer(&self, email: &str, role: &str) -> String {
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
    pub(crate) async fn mailed_token(&self, email: &str) -> String {
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

    pub(crate) async fn browser_of(&self, email: &str) -> Browser {
        let answer = self.sign_in(email, PASSWORD).await;
        assert_eq!(answer.status, 201, "{}", answer.body);
        browser(&answer)
    }
}

fn browser(answer: &Answer) -> Browser {
    let cookie = answer.header("set-cookie").split(';').next().expect("a cookie").to_owned();
    Browser { cookie, csrf: answer.json()["csrf_token"].as_str().expect("a token").to_owned() }
}

/// Status and code of a refusal.
pub(crate) fn code(answer: &Answer) -> (u16, String) {
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
    for slip in ["ada", "ada@", &format!("{}@example.com", "a".repeat(250))] {
        let answer = world.say("POST", "/v1/password-resets", &[], &json!({"email": slip})).await;
        assert_eq!(
            (answer.status, &answer.json()["errors"][0]["code"]),
            (422, &json!("invalid_email")),
            "{slip}"
        );
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
