//! The private servers, for real: they start, survive a kill with their data, keep users apart, and leave nothing.

use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::Command;

use onebox::identity::Identity;
use onebox::servers::{Postgres, Redis, shared_postgres};
use sqlx::Connection as _;

async fn redis_connection(url: &str) -> redis::aio::MultiplexedConnection {
    let client = redis::Client::open(url).expect("a valid address");
    client.get_multiplexed_async_connection().await.expect("redis answers")
}

#[tokio::test]
async fn redis_keeps_what_it_acknowledged_over_a_kill() {
    let folder = tempfile::tempdir().expect("a temp folder");
    let mut server = Redis::start(folder.path()).expect("redis starts");
    let first = server.pid();
    let mut connection = redis_connection(&server.url).await;
    let () = redis::cmd("SET").arg("k").arg("v").query_async(&mut connection).await.expect("written");
    server.kill9().expect("killed");
    server.restart().expect("started again");
    assert_ne!(server.pid(), first);
    let mut connection = redis_connection(&server.url).await;
    let value: String = redis::cmd("GET").arg("k").query_async(&mut connection).await.expect("read");
    assert_eq!(value, "v");

    let last = Identity::of(server.pid()).expect("it runs");
    server.freeze().expect("frozen");
    drop(server);
    assert!(!last.is_running(), "a frozen server is stopped too");
}

#[tokio::test]
async fn redis_users_have_no_more_than_they_need() {
    let folder = tempfile::tempdir().expect("a temp folder");
    let server = Redis::start(folder.path()).expect("redis starts");
    let script = "#!lua\nredis.call('HSET', KEYS[1], 'a', 1); redis.call('PFADD', KEYS[2], 'v') return 1";
    let table: [(&str, &[&str], bool); 12] = [
        ("redirector", &["EVAL", script, "2", "{p00}:w", "{p00}:u:1:20260101"], true),
        ("redirector", &["GET", "l:abcd"], true),
        ("redirector", &["XRANGE", "links:log", "-", "+"], true),
        ("redirector", &["CONFIG", "GET", "appendonly"], true),
        ("redirector", &["SET", "l:abcd", "elsewhere"], false),
        ("redirector", &["HSET", "l:abcd", "a", "b"], false),
        ("redirector", &["FLUSHALL"], false),
        ("redirector", &["CONFIG", "SET", "appendonly", "no"], false),
        ("aggregator", &["SET", "l:abcd", "{}"], true),
        ("aggregator", &["FLUSHALL"], false),
        ("aggregator", &["KEYS", "*"], false),
        ("aggregator", &["CONFIG", "SET", "appendonly", "no"], false),
    ];
    for (user, words, permitted) in table {
        let url = if user == "redirector" { &server.redirector_url } else { &server.aggregator_url };
        let mut connection = redis_connection(url).await;
        let mut command = redis::cmd(words[0]);
        command.arg(&words[1..]);
        let outcome: redis::RedisResult<redis::Value> = command.query_async(&mut connection).await;
        let refused = outcome.as_ref().err().and_then(redis::RedisError::code) == Some("NOPERM");
        assert_eq!(!refused, permitted, "{user} {words:?}: {outcome:?}");
    }
}

#[tokio::test]
async fn postgres_keeps_what_it_committed_over_a_kill() {
    let folder = tempfile::tempdir().expect("a temp folder");
    let mut server = Postgres::start(folder.path()).expect("postgres starts");
    let url = server.create_database().await.expect("a database");
    let mut connection = sqlx::PgConnection::connect(&url).await.expect("connected");
    sqlx::raw_sql("create table t (n int); insert into t values (7)")
        .execute(&mut connection)
        .await
        .expect("committed");
    server.kill9().expect("killed");
    server.restart().expect("started again, although its backends had to end first");
    let mut connection = sqlx::PgConnection::connect(&url).await.expect("connected again");
    let n: i32 = sqlx::query_scalar("select n from t").fetch_one(&mut connection).await.expect("read");
    assert_eq!(n, 7);

    let wrong = url.replacen("linkledger:", "linkledger:not", 1);
    assert!(sqlx::PgConnection::connect(&wrong).await.is_err(), "a password is asked for");

    let home = folder.path().join("postgres").canonicalize().expect("there");
    let last = Identity::of(server.pid()).expect("it runs");
    drop(server);
    assert!(!last.is_running());
    assert!(!home.exists() || home.starts_with(folder.path()), "{} is left", home.display());
}

#[tokio::test]
async fn a_shared_postgres_lives_as_long_as_its_last_user() {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a temp folder");
    let first = shared_postgres(folder.path()).await.expect("started");
    let second = shared_postgres(folder.path()).await.expect("joined");
    let server = running_server(folder.path());
    let (one, two) =
        (first.create_database().await.expect("made"), second.create_database().await.expect("made"));
    assert_ne!(one, two);
    drop(first);
    assert!(server.is_running());
    sqlx::PgConnection::connect(&two).await.expect("still there").close().await.expect("closed");
    drop(second);
    assert!(!server.is_running());

    let again = shared_postgres(folder.path()).await.expect("started again");
    assert!(sqlx::PgConnection::connect(&two).await.is_err(), "databases of an earlier run are dropped");
    drop(again);
}

/// As root these tests drop to another account for Postgres; nobody else can, so the same tests run as nobody too.
#[test]
fn an_unprivileged_user_gets_the_same_servers() {
    const NOBODY: u32 = 65534;
    if !rustix::process::geteuid().is_root() {
        return; // the other tests have just shown it
    }
    let folder = tempfile::tempdir().expect("a temp folder");
    let program = folder.path().join("servers");
    std::fs::copy(std::env::current_exe().expect("this test"), &program).expect("copied");
    chown(folder.path(), Some(NOBODY), Some(NOBODY)).expect("we are root");
    let output = Command::new(program)
        .args(["--exact", "redis_keeps_what_it_acknowledged_over_a_kill"])
        .arg("postgres_keeps_what_it_committed_over_a_kill")
        .env("TMPDIR", folder.path())
        .current_dir("/")
        .uid(NOBODY)
        .gid(NOBODY)
        .output()
        .expect("it runs");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.contains("2 passed"), "{said}");
}

fn running_server(folder: &Path) -> Identity {
    let text = std::fs::read(folder.join("shared-postgres/server.json")).expect("it says who it is");
    let server: serde_json::Value = serde_json::from_slice(&text).expect("JSON");
    serde_json::from_value(server["identity"].clone()).expect("an identity")
}
