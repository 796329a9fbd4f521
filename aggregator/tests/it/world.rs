//! Two real stores for one test: its own Redis, and its own database in a Postgres that all tests share.

use std::path::Path;

use aggregator::Stores;
use aggregator::audit::audit;
use aggregator::jobs::flush::{Outcome, flush};
use aggregator::migrate::{MIGRATIONS, migrate};
use common::ids::{Partition, Partitions};
use onebox::servers::{Redis, SharedPostgres, shared_postgres};
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection, Row as _};

/// Few, so that a test reaches every one of them.
pub(crate) const PARTITIONS: u16 = 2;

/// The tables a flush writes, referring ones first.
const COUNTED: [&str; 7] = [
    "click_hourly",
    "click_daily_platform",
    "click_daily_origin",
    "visit_daily",
    "flush_batch",
    "flush_watermark",
    "flush_partition",
];

pub(crate) struct World {
    /// What the aggregator has, with no more rights than the aggregator is given.
    pub(crate) stores: Stores,
    pub(crate) redis: Redis,
    /// The database for its owner.
    pub(crate) owner_url: String,
    /// `None` when the test owns its Postgres.
    postgres: Option<SharedPostgres>,
    _folder: tempfile::TempDir,
}

impl World {
    pub(crate) async fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temp folder");
        let redis = Redis::start(folder.path()).expect("Redis starts");
        let postgres =
            shared_postgres(Path::new(env!("CARGO_TARGET_TMPDIR"))).await.expect("Postgres starts");
        let owner_url = postgres.create_migrated_database(&MIGRATIONS).await.expect("a database");
        migrate(&owner_url, partitions()).await.expect("migrated");
        let stores = open(&owner_url, &redis.aggregator_url);
        Self { stores, redis, owner_url, postgres: Some(postgres), _folder: folder }
    }

    /// Stores that the test started itself.
    pub(crate) fn on(stores: Stores, redis: Redis, owner_url: String, folder: tempfile::TempDir) -> Self {
        Self { stores, redis, owner_url, postgres: None, _folder: folder }
    }

    /// The same stores through connections of their own: another aggregator.
    pub(crate) fn another_aggregator(&self) -> Stores {
        open(&self.owner_url, &self.redis.aggregator_url)
    }

    /// An empty, migrated database beside this one.
    pub(crate) async fn another_database(&self) -> String {
        let postgres = self.postgres.as_ref().expect("a shared Postgres");
        let url = postgres.create_migrated_database(&MIGRATIONS).await.expect("a database");
        migrate(&url, partitions()).await.expect("migrated");
        url
    }

    pub(crate) async fn owner(&self) -> PgConnection {
        PgConnection::connect(&self.owner_url).await.expect("the owner may connect")
    }

    /// Runs SQL as the owner.
    pub(crate) async fn sql(&self, statements: &str) {
        let statements = sqlx::raw_sql(AssertSqlSafe(statements.to_owned()));
        self.owner().await.execute(statements).await.expect("good SQL");
    }

    /// The one number a question is answered with.
    pub(crate) async fn number(&self, question: &str) -> i64 {
        let question = AssertSqlSafe(format!("select ({question})::bigint"));
        sqlx::query(question).fetch_one(&mut self.owner().await).await.expect("good SQL").get(0)
    }

    pub(crate) async fn redis(&self) -> redis::aio::MultiplexedConnection {
        let client = redis::Client::open(self.redis.url.as_str()).expect("a good URL");
        client.get_multiplexed_async_connection().await.expect("Redis answers")
    }

    pub(crate) async fn flushall(&self) {
        let () = redis::cmd("FLUSHALL").query_async(&mut self.redis().await).await.expect("emptied");
    }

    pub(crate) async fn flush(&self, partition: Partition) -> Outcome {
        flush(&self.stores, partition).await.expect("flushed")
    }

    /// Keeps a copy of everything that is counted.
    pub(crate) async fn back_up(&self) {
        self.sql("create schema backup").await;
        for table in COUNTED {
            self.sql(&format!("create table backup.{table} as table public.{table}")).await;
        }
    }

    /// Takes everything that is counted back to the copy, as a restored Postgres would be.
    pub(crate) async fn restore(&self) {
        let copy = |table: &&str| format!("insert into public.{table} table backup.{table}");
        let copies: Vec<String> = COUNTED.iter().rev().map(copy).collect();
        self.sql(&format!("begin; truncate {}; {}; commit", COUNTED.join(","), copies.join(";"))).await;
    }

    /// Every standing invariant.
    pub(crate) async fn audit(&self) {
        for finding in audit(&self.stores).await.expect("asked") {
            assert_eq!(finding.violations, 0, "{}", finding.invariant);
        }
    }
}

pub(crate) fn partitions() -> Partitions {
    Partitions::new(PARTITIONS).expect("a power of two")
}

fn open(owner_url: &str, redis_url: &str) -> Stores {
    let as_aggregator = format!("{owner_url}?options=-c%20role%3Dlinkledger_aggregator");
    Stores::open(&as_aggregator, redis_url, partitions()).expect("good URLs")
}
