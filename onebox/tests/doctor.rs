//! `onebox doctor` beside a Redis that is set up wrong on purpose, and a Postgres that tests make fast and careless.

use std::path::Path;
use std::process::{Command, Output, Stdio};

use onebox::servers::{Redis, shared_postgres};
use serde_json::Value;

fn doctor(settings: &[(&str, &str)], flags: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_onebox"));
    command.arg("doctor").args(flags).env_remove("DATABASE_URL").env_remove("REDIS_URL");
    command.envs(settings.iter().copied()).stdin(Stdio::null()).output().expect("onebox runs")
}

fn findings(settings: &[(&str, &str)]) -> (Option<i32>, Value) {
    let output = doctor(settings, &["--json"]);
    let said = String::from_utf8_lossy(&output.stderr);
    let json = serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {said}"));
    (output.status.code(), json)
}

#[track_caller]
fn check(json: &Value, of: &str, what: &str, level: &str) {
    let all = json["findings"].as_array().expect("findings");
    let found = all.iter().find(|finding| finding["of"] == of && finding["what"] == what);
    let found = found.unwrap_or_else(|| panic!("nobody looked at {what} of {of}: {json:#}"));
    assert_eq!(found["level"], level, "{found}");
    assert_eq!(found["remedy"].is_null(), level == "ok", "{found}");
}

async fn set(redis: &Redis, name: &str, value: &str) {
    let client = redis::Client::open(redis.url.as_str()).expect("an address");
    let mut connection = client.get_multiplexed_async_connection().await.expect("Redis answers");
    let mut command = redis::cmd("CONFIG");
    let () = command.arg("SET").arg(name).arg(value).query_async(&mut connection).await.expect("set");
}

#[tokio::test]
async fn a_redis_that_throws_away_is_found_with_what_to_do() {
    let folder = tempfile::tempdir().expect("a temp folder");
    let redis = Redis::start(folder.path()).expect("redis starts");
    for (name, value) in [("maxmemory-policy", "allkeys-lru"), ("appendonly", "no"), ("maxmemory", "1mb")] {
        set(&redis, name, value).await;
    }
    let (code, bad) = findings(&[("REDIS_URL", &redis.url)]);
    assert_eq!((code, &bad["worst"]), (Some(1), &"fail".into()), "{bad:#}");
    check(&bad, "redis", "maxmemory-policy", "fail");
    check(&bad, "redis", "appendonly", "fail");
    check(&bad, "redis", "appendfsync", "warn");
    check(&bad, "redis", "memory", "warn");
    check(&bad, "redis", "version", "ok");
    check(&bad, "redis", "clock", "ok");
    let table = doctor(&[("REDIS_URL", &redis.url)], &[]);
    let table = String::from_utf8_lossy(&table.stdout);
    assert!(table.contains("FAIL") && table.contains("set `maxmemory-policy noeviction`"), "{table}");

    for (name, value) in [
        ("maxmemory-policy", "noeviction"),
        ("appendonly", "yes"),
        ("appendfsync", "everysec"),
        ("maxmemory", "0"),
    ] {
        set(&redis, name, value).await;
    }
    let (_, good) = findings(&[("REDIS_URL", &redis.url)]);
    for what in ["maxmemory-policy", "appendonly", "appendfsync", "memory", "last write to its log"] {
        check(&good, "redis", what, "ok");
    }
    // The edge's user may not ask for everything, but for the settings.
    let (_, edge) = findings(&[("REDIS_URL", &redis.redirector_url)]);
    check(&edge, "redis", "maxmemory-policy", "ok");
}

#[tokio::test]
async fn a_postgres_that_forgets_is_found_and_so_is_one_that_is_away() {
    let postgres = shared_postgres(Path::new(env!("CARGO_TARGET_TMPDIR"))).await.expect("postgres starts");
    let url = postgres.create_database().await.expect("a database");
    let (code, json) = findings(&[("DATABASE_URL", &url)]);
    assert_eq!(code, Some(1));
    check(&json, "postgres", "fsync", "fail");
    check(&json, "postgres", "full_page_writes", "fail");
    check(&json, "postgres", "schema", "fail");
    for what in ["version", "synchronous_commit", "default_transaction_isolation", "TimeZone", "clock"] {
        check(&json, "postgres", what, "ok");
    }

    let port = onebox::servers::free_port().expect("a port");
    let (database, redis) =
        (format!("postgres://app:hidden@127.0.0.1:{port}/x"), format!("redis://app:hidden@127.0.0.1:{port}"));
    let output = doctor(&[("DATABASE_URL", &database), ("REDIS_URL", &redis)], &["--json"]);
    let said = String::from_utf8_lossy(&output.stdout);
    let json: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    check(&json, "postgres", "answers", "fail");
    check(&json, "redis", "answers", "fail");
    assert!(!said.contains("hidden"), "a password is shown: {said}");
}

#[test]
fn a_folder_in_which_nothing_was_started_is_named() {
    let folder = tempfile::tempdir().expect("a temp folder");
    let output = doctor(&[], &["--data-dir", folder.path().to_str().expect("UTF-8")]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.code() == Some(1) && said.contains("DATABASE_URL"), "{said}");
}
