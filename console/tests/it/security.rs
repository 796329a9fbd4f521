//! What every answer carries, and what is refused before it is looked at.

use crate::support::{READER, World};

#[tokio::test]
async fn every_answer_carries_the_headers() {
    let world = World::with_programme().await;
    let page = world.get("/links").await.body;
    let (_, rest) = page.split_once("rel=\"stylesheet\" href=\"").expect("a style sheet");
    let style = rest.split('"').next().expect("an address");
    let paths = [
        "/",
        "/links",
        "/links/summer-1",
        "/links/nobody",
        "/nowhere",
        "/v1/reports/links",
        "/v1/reports/summary",
        "/v1/reports/links?a=b",
        "/v1/none",
        style,
    ];
    for path in paths {
        let answer = world.get(path).await;
        let policy = answer.header("content-security-policy");
        assert!(
            policy.starts_with("default-src 'none';") && policy.contains("frame-ancestors 'none'"),
            "{path}: {policy}"
        );
        assert!(!policy.contains("unsafe") && policy.contains("script-src 'self';"), "{path}: {policy}");
        assert!(!policy.contains('*') && !policy.contains("://"), "{path} asks nobody else: {policy}");
        let expect = [
            ("x-content-type-options", "nosniff"),
            ("referrer-policy", "same-origin"),
            ("cross-origin-opener-policy", "same-origin"),
            ("x-frame-options", "DENY"),
        ];
        for (name, value) in expect {
            assert_eq!(answer.header(name), value, "{path}");
        }
        let cached = if path == style { "public, max-age=31536000, immutable" } else { "no-store" };
        assert_eq!(answer.header("cache-control"), cached, "{path}");
    }
    let foreign_script = page.replace("<script src=\"/assets/", "");
    for inline in [" style=", "<style", "<script", " onclick=", " hx-on", "javascript:"] {
        assert!(!foreign_script.contains(inline), "{inline} on the page");
    }
    for foreign in ["src=", "url(", "href=\"//", "@import"] {
        assert!(!foreign_script.contains(foreign), "{foreign} on the page: nothing is loaded from elsewhere");
    }
    let style = world.get(style).await.body;
    let foreign = style.replace("url(\"/assets/", "");
    assert!(!foreign.contains("url(") && !foreign.contains("@import"), "nor by the style sheet");
}

#[tokio::test]
async fn foreign_names_bodies_and_other_methods_are_refused() {
    let world = World::with_programme().await;
    let table = [
        ("GET /links HTTP/1.1\r\nHost: shop.example.com\r\n", 421),
        ("GET /v1/reports/links HTTP/1.1\r\nHost: 192.0.2.7:8081\r\n", 421),
        ("GET /links HTTP/1.1\r\n", 400),
        ("GET /links HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n", 400),
        ("POST /links HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n", 405),
        ("DELETE /v1/reports/links HTTP/1.1\r\nHost: localhost\r\n", 405),
        ("OPTIONS /links HTTP/1.1\r\nHost: localhost\r\n", 405),
        ("GET /links HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\n", 413),
        ("GET /links HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n", 413),
        ("GET /v1/password-resets HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\n", 405),
        ("GET /nowhere HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\n", 404),
    ];
    for (head, status) in table {
        let answer = world.talk(&format!("{head}Connection: close\r\n\r\n")).await;
        assert_eq!(answer.status, status, "{head}");
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{head}");
        assert!(!answer.body.contains("summer-1"), "{head} shows data");
    }
    let answer = world.talk(&format!("HEAD /links HTTP/1.1\r\nHost: localhost\r\nCookie: linkledger={READER}\r\nConnection: close\r\n\r\n")).await;
    assert_eq!((answer.status, answer.body.as_str()), (200, ""));
    let long = format!("GET /links?q={} HTTP/1.1\r\nHost: localhost\r\n\r\n", "x".repeat(64 * 1024));
    assert!((400..500).contains(&world.talk(&long).await.status), "a head without end");
}

#[tokio::test]
async fn the_role_may_only_read() {
    let world = World::with_programme().await;
    let mut conn = world.owner.acquire().await.expect("a connection");
    sqlx::query("set role linkledger_console").execute(&mut *conn).await.expect("the role of the console");
    for statement in [
        "delete from link",
        "update click_hourly set human_clicks = 0",
        "insert into vendor (name) values ('x')",
        "truncate visit_daily",
        "create table t (a int)",
    ] {
        let outcome = sqlx::query(statement).execute(&mut *conn).await;
        let code = outcome
            .expect_err("refused")
            .as_database_error()
            .and_then(|error| error.code().map(std::borrow::Cow::into_owned));
        assert_eq!(code.as_deref(), Some("42501"), "{statement}");
    }
    world.get("/links").await;
    let connected: Vec<String> = sqlx::query_scalar(
        "select current_setting('server_version') from pg_stat_activity where application_name = 'linkledger-console' and datname = current_database()",
    )
    .fetch_all(&world.owner)
    .await
    .expect("the list of sessions");
    assert!(!connected.is_empty(), "the console names itself");
}

#[tokio::test]
async fn metrics_name_routes_and_never_links() {
    let world = World::with_programme().await;
    world.get("/links/summer-1").await;
    world.get("/links/nobody").await;
    world.get("/some/where").await;
    let metrics = world.console.admin.render();
    for line in [
        "console_requests_total{route=\"/links/{code}\",status=\"200\"}",
        "console_requests_total{route=\"/links/{code}\",status=\"404\"}",
        "console_requests_total{route=\"none\",status=\"404\"}",
        "console_request_duration_seconds_bucket{route=\"/links/{code}\"",
    ] {
        assert!(metrics.contains(line), "{line} is not in {metrics}");
    }
    assert!(!metrics.contains("summer-1") && !metrics.contains("/some/where"));
}
