//! The world around the door: Postgres away, slow senders, the snippet, and keys made on the command line.

use std::process::Command;
use std::time::Duration;

use onebox::servers::Postgres;
use serde_json::{Value, json};
use sqlx::postgres::PgListener;

use crate::intake::placed;
use crate::support::{World, console_over, migrated, send};

const CONSOLE_SECRET: &str = "3b8e1f0a95c47d62e0f1a2b3c4d5e6f708192a3b4c5d6e7f8091a2b3c4d5e6f7";

/// Runs the binary with a command, and reads the line it prints.
fn console(url: &str, arguments: &[&str]) -> Result<Value, String> {
    let run = Command::new(env!("CARGO_BIN_EXE_console"))
        .args(arguments)
        .args(["--log", "error"])
        .env_clear()
        .env("DATABASE_URL", url)
        .env("CONSOLE_SECRET", CONSOLE_SECRET)
        .output()
        .expect("the binary runs");
    let said = String::from_utf8(run.stdout).expect("text");
    if run.status.success() {
        assert_eq!(said.lines().count(), 1, "one line: {said}");
        Ok(serde_json::from_str(&said).expect("JSON"))
    } else {
        Err(String::from_utf8_lossy(&run.stderr).into_owned())
    }
}

#[tokio::test]
async fn keys_and_endpoints_are_made_on_the_command_line() {
    let world = World::with_programme().await;
    let url = world.url.clone();
    let made =
        console(&url, &["create-api-key", "--name", "Shop 1", "--vendor", "1", "--scope", "orders:write"])
            .expect("a key");
    let key = format!("Bearer {}", made["key"].as_str().expect("a key"));
    assert_eq!(world.post("/v1/orders", &key, &placed("e1")).await.status, 201);
    let stored: String =
        sqlx::query_scalar("select api_key::text from api_key").fetch_one(&world.owner).await.expect("a row");
    let secret = key.rsplit_once('_').map_or("", |(_, secret)| secret);
    assert!(!stored.contains(secret), "only its hash");
    console(&url, &["revoke-api-key", "--id", made["api_key_id"].as_str().expect("an id")]).expect("revoked");
    assert_eq!(world.post("/v1/orders", &key, &placed("e2")).await.status, 401);

    let made =
        console(&url, &["create-webhook", "--source", "postback", "--vendor", "1"]).expect("an endpoint");
    let (path, old) = (made["path"].as_str().expect("a path"), made["secret"].as_str().expect("a secret"));
    let call = async |secret: &str| world.get(&format!("{path}?txid=1&secret={secret}")).await.status;
    assert_eq!(call(old).await, 201);
    let endpoint = made["webhook_endpoint_id"].as_str().expect("an id");
    let rotate =
        |overlap| console(&url, &["rotate-webhook-secret", "--endpoint", endpoint, "--overlap", overlap]);
    let new = rotate("1h").expect("a second secret")["secret"].as_str().expect("a secret").to_owned();
    assert_eq!((call(old).await, call(&new).await), (200, 200));
    let newest = rotate("0").expect("a third secret")["secret"].as_str().expect("a secret").to_owned();
    assert_eq!((call(old).await, call(&new).await, call(&newest).await), (401, 401, 200));
    console(&url, &["disable-webhook", "--endpoint", endpoint]).expect("off");
    assert_eq!(call(&newest).await, 404);

    for (arguments, words) in [
        (&["create-api-key", "--name", "X", "--vendor", "77", "--scope", "orders:write"][..], "no vendor 77"),
        (&["create-api-key", "--name", "X", "--scope", "everything"], "invalid value"),
        (&["create-webhook", "--source", "shopify"], "--vendor"),
        (
            &["create-webhook", "--source", "standard", "--secret", "whsec_c2hvcnQtc2hvcnQ="],
            "at least 24 bytes",
        ),
        (&["rotate-webhook-secret", "--endpoint", "none"], "no endpoint"),
        (&["revoke-api-key", "--id", "none"], "no valid key"),
        (
            &["create-webhook", "--source", "stripe", "--vendor", "1", "--console-secret", "short"],
            "CONSOLE_SECRET",
        ),
    ] {
        let said = console(&url, arguments).expect_err("refused");
        assert!(said.contains(words), "{words:?} is not in {said}");
    }
}

#[tokio::test]
async fn orders_are_asked_for_again_while_postgres_is_away() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut postgres =
        Postgres::start(folder.path()).expect("a private Postgres; apt-get install postgresql");
    let url = postgres.create_database().await.expect("a database");
    let owner = migrated(&url).await;
    sqlx::raw_sql(include_str!("programme.sql")).execute(&owner).await.expect("rows");
    owner.close().await;
    let made =
        console(&url, &["create-api-key", "--name", "Shop", "--vendor", "1", "--scope", "orders:write"])
            .expect("a key");
    let key = format!("Bearer {}", made["key"].as_str().expect("a key"));
    let (console, shutdown) = console_over(&url).await;
    let headers = [("content-type", "application/json"), ("authorization", key.as_str())];
    let body = placed("e1").to_string();
    let post = async || send(console.address, "POST", "/v1/orders", &headers, &body).await;
    assert_eq!(post().await.status, 201);
    postgres.kill9().expect("it dies");
    for _ in 0..5 {
        let away = post().await;
        assert_eq!((away.status, away.header("retry-after")), (503, "5"), "{}", away.body);
        assert_eq!(away.json()["code"], "database_away");
        assert!(away.body.contains("send it again"), "{}", away.body);
    }
    postgres.restart().expect("it starts");
    let mut again = post().await;
    for _ in 0..100 {
        if again.status != 503 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
        again = post().await;
    }
    assert_eq!((again.status, again.json()["outcome"].clone()), (200, json!("duplicate")), "{}", again.body);
    shutdown.start();
}

#[tokio::test]
async fn the_aggregator_is_woken_once_for_many() {
    let world = World::with_programme().await;
    let key = world.key("shop", Some(1), &["orders:write"]).await;
    let mut listener = PgListener::connect(&world.url).await.expect("a connection");
    listener.listen("order_due").await.expect("it listens");
    let events = (0..60).map(|n| placed(&format!("e{n}"))).collect::<Vec<_>>();
    let answers =
        futures_util::future::join_all(events.iter().map(|event| world.post("/v1/orders", &key, event)))
            .await;
    assert!(answers.iter().all(|answer| answer.status == 201));
    tokio::time::timeout(Duration::from_secs(5), listener.recv())
        .await
        .expect("in time")
        .expect("a notification");
    let mut more = 0;
    while tokio::time::timeout(Duration::from_millis(200), listener.recv()).await.is_ok() {
        more += 1;
    }
    assert!(more < 40, "{more} more for 60 orders");
}

#[tokio::test]
async fn more_than_can_be_written_are_asked_to_come_again() {
    let world = World::with_programme().await;
    let key = world.key("shop", Some(1), &["orders:write"]).await;
    let mut lock = world.owner.begin().await.expect("a transaction");
    sqlx::query("lock table order_event in access exclusive mode").execute(&mut *lock).await.expect("a lock");
    let events: Vec<Value> = (0..40).map(|n| placed(&format!("e{n}"))).collect();
    let posts =
        futures_util::future::join_all(events.iter().map(|event| world.post("/v1/orders", &key, event)));
    let release = async {
        tokio::time::sleep(Duration::from_secs(3)).await;
        lock.rollback().await.expect("the lock is given back");
    };
    let (answers, ()) = tokio::join!(posts, release);
    let with_status = |status| answers.iter().filter(|answer| answer.status == status).count();
    assert_eq!(
        (with_status(201), with_status(503)),
        (12, 28),
        "{:?}",
        answers.iter().map(|a| a.status).collect::<Vec<_>>()
    );
    let refused = answers.iter().find(|answer| answer.status == 503).expect("one of them");
    assert_eq!((refused.json()["code"].clone(), refused.header("retry-after")), (json!("overloaded"), "1"));
    assert_eq!(world.count("select count(*) from order_event").await, 12);
}

#[tokio::test]
async fn bodies_end_somewhere() {
    let world = World::with_programme().await;
    let key = world.key("shop", Some(1), &["orders:write"]).await;
    let head = |rest: &str| {
        format!(
            "POST /v1/orders HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: application/json\r\nAuthorization: {key}\r\n{rest}"
        )
    };
    let chunk = format!("10000\r\n{}\r\n", "x".repeat(0x10000));
    let long =
        world.talk(&head(&format!("Transfer-Encoding: chunked\r\n\r\n{}0\r\n\r\n", chunk.repeat(5)))).await;
    assert_eq!((long.status, long.json()["code"].clone()), (413, json!("body_too_long")));
    let slow = world.talk(&head("Content-Length: 10\r\n\r\n{")).await;
    assert_eq!(
        (slow.status, slow.json()["code"].clone()),
        (408, json!("body_cut_short")),
        "after ten seconds"
    );
}

#[tokio::test]
async fn the_snippet_may_be_embedded_by_any_shop() {
    let world = World::with_programme().await;
    let answer = world.get("/clk.js").await;
    assert_eq!((answer.status, answer.header("content-type")), (200, "text/javascript; charset=utf-8"));
    assert_eq!(answer.header("cross-origin-resource-policy"), "cross-origin");
    assert!(answer.header("cache-control").starts_with("public, max-age=86400"));
    assert_eq!(
        (answer.header("access-control-allow-origin"), answer.header("x-content-type-options")),
        ("", "nosniff")
    );
    assert!(
        answer.body.contains("SameSite=Lax") && answer.body.len() < 4096,
        "small: {} bytes",
        answer.body.len()
    );
    for reach in ["fetch(", "XMLHttpRequest", "eval(", "innerHTML", "http://", "https://"] {
        assert!(!answer.body.contains(reach), "{reach}: the snippet talks to nobody");
    }
    let page = world.get("/links").await;
    assert_eq!(page.header("cross-origin-resource-policy"), "same-origin");
}
