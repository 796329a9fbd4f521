//! Postgres away, at the start and later: the console says so, stays, and recovers by itself.

use std::time::Duration;

use onebox::servers::Postgres;

use crate::support::{console_over, get, migrated};

/// Readiness and answers follow within this time.
const FOLLOWS: Duration = Duration::from_secs(20);

#[tokio::test]
async fn the_console_outlives_postgres() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut postgres =
        Postgres::start(folder.path()).expect("a private Postgres; apt-get install postgresql");
    let url = postgres.create_database().await.expect("a database");
    migrated(&url).await.close().await;
    postgres.kill9().expect("it dies");

    let (console, shutdown) = console_over(&url).await;
    let (address, admin) = (console.address, console.admin.address);
    let away = get(address, "/v1/reports/links").await;
    assert_eq!((away.status, away.header("retry-after")), (503, "5"), "{}", away.body);
    assert_eq!(away.json()["code"], "database_away");
    let away = get(address, "/links").await;
    assert_eq!((away.status, away.header("retry-after")), (503, "5"));
    assert!(away.body.contains("nothing is lost") && !away.body.contains("refused"), "{}", away.body);
    assert_eq!(get(admin, "/readyz").await.status, 503);
    assert_eq!(get(admin, "/livez").await.status, 200);

    for _ in 0..2 {
        postgres.restart().expect("it starts");
        until(|| async {
            get(address, "/links").await.status == 200 && get(admin, "/readyz").await.status == 200
        })
        .await;
        postgres.kill9().expect("it dies");
        until(|| async {
            get(address, "/links").await.status == 503 && get(admin, "/readyz").await.status == 503
        })
        .await;
    }
    shutdown.start();
    tokio::time::timeout(FOLLOWS, shutdown.drained()).await.expect("in time").expect("nothing crashed");
}

async fn until<F: Future<Output = bool>>(holds: impl Fn() -> F) {
    let wait = async {
        while !holds().await {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::time::timeout(FOLLOWS, wait).await.expect("it holds in time");
}
