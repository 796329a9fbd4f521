//! Postgres: what it has said is committed must be so, for ever.

use std::time::Duration;

use anyhow::Context as _;
use runtime::clock;
use runtime::config::without_password;
use sqlx::PgConnection;

use super::{Chart, Finding, Level, clock as judge_clock};

/// A server that takes longer to say how it is set up is not fit to count.
const PATIENCE: Duration = Duration::from_secs(5);
/// The oldest that tests run on.
const OLDEST: i64 = 15;
/// An aggregator takes up to 20 connections and a console up to 20; two of each, and room for people and backups.
const CONNECTIONS: i64 = 90;
/// Transactions since the oldest row was frozen. Postgres stops at 2,100 million; autovacuum begins at 200 million.
const AGE: i64 = 1_000_000_000;

/// Looks at the server and the database.
pub(super) async fn examine(url: &str) -> Vec<Finding> {
    let mut chart = Chart::of("postgres");
    let looked = tokio::time::timeout(PATIENCE, look(url, &mut chart)).await;
    let failed = match looked {
        Ok(Ok(())) => None,
        Ok(Err(error)) => Some(format!("{error:#}")),
        Err(_) => Some(format!("no answer within {PATIENCE:?}")),
    };
    if let Some(failed) = failed {
        let remedy = format!("start it, or correct DATABASE_URL ({})", without_password(url));
        chart.note("answers", Level::Fail, failed, &remedy);
    }
    chart.findings
}

async fn look(url: &str, chart: &mut Chart) -> anyhow::Result<()> {
    let mut postgres = crate::database::connect(url).await?;
    let before = clock::now_ms();
    let theirs: i64 =
        ask(&mut postgres, "select (extract(epoch from clock_timestamp()) * 1000)::bigint").await?;
    judge_clock(chart, before, theirs, clock::now_ms());
    let version: i64 = ask(&mut postgres, "select current_setting('server_version_num')::bigint").await?;
    let level = if version / 10_000 >= OLDEST { Level::Ok } else { Level::Fail };
    let found: String = ask(&mut postgres, "show server_version").await?;
    chart.note("version", level, found, "install PostgreSQL 15 or newer");
    for setting in SETTINGS {
        let found: String = sqlx::query_scalar("select current_setting($1)")
            .bind(setting.name)
            .fetch_one(&mut postgres)
            .await
            .with_context(|| format!("cannot read {}", setting.name))?;
        let level = if setting.good.contains(&found.as_str()) { Level::Ok } else { setting.level };
        chart.note(setting.name, level, found, setting.remedy);
    }
    connections(&mut postgres, chart).await?;
    let age: i64 = ask(&mut postgres, "select max(age(datfrozenxid))::bigint from pg_database").await?;
    let level = if age < AGE { Level::Ok } else { Level::Warn };
    chart.note(
        "transactions since freezing",
        level,
        age.to_string(),
        "find out why autovacuum does not come through",
    );
    schema(&mut postgres, chart).await
}

async fn connections(postgres: &mut PgConnection, chart: &mut Chart) -> anyhow::Result<()> {
    let most: i64 = ask(postgres, "select current_setting('max_connections')::bigint").await?;
    let used: i64 =
        ask(postgres, "select count(*) from pg_stat_activity where backend_type = 'client backend'").await?;
    let level = match most {
        _ if used * 10 > most * 9 => Level::Fail,
        _ if most < CONNECTIONS => Level::Warn,
        _ => Level::Ok,
    };
    let remedy = "raise `max_connections`: each aggregator and each console takes up to 20";
    chart.note("max_connections", level, format!("{used} of {most} in use"), remedy);
    Ok(())
}

async fn schema(postgres: &mut PgConnection, chart: &mut Chart) -> anyhow::Result<()> {
    let remedy = "run `aggregator migrate` as the owner of the database";
    let there: bool = ask(postgres, "select to_regclass('_sqlx_migrations') is not null").await?;
    if !there {
        chart.note("schema", Level::Fail, "none", remedy);
        return Ok(());
    }
    let (done, broken): (i64, i64) = sqlx::query_as(
        "select count(*) filter (where success), count(*) filter (where not success) from _sqlx_migrations",
    )
    .fetch_one(&mut *postgres)
    .await
    .context("cannot read which migrations were run")?;
    let level = if broken == 0 { Level::Ok } else { Level::Fail };
    chart.note("schema", level, format!("{done} migrations, {broken} broken off"), remedy);
    Ok(())
}

async fn ask<T>(postgres: &mut PgConnection, question: &'static str) -> anyhow::Result<T>
where
    T: for<'r> sqlx::Decode<'r, sqlx::Postgres> + sqlx::Type<sqlx::Postgres> + Send + Unpin,
{
    sqlx::query_scalar(question)
        .fetch_one(postgres)
        .await
        .with_context(|| format!("no answer to: {question}"))
}

/// A setting and what it must be.
struct Setting {
    name: &'static str,
    good: &'static [&'static str],
    /// When it is something else.
    level: Level,
    remedy: &'static str,
}

const SETTINGS: [Setting; 6] = [
    Setting {
        name: "fsync",
        good: &["on"],
        level: Level::Fail,
        remedy: "set `fsync = on`: without it a power failure destroys the database",
    },
    Setting {
        name: "full_page_writes",
        good: &["on"],
        level: Level::Fail,
        remedy: "set `full_page_writes = on`: without it a power failure may destroy pages",
    },
    Setting {
        name: "synchronous_commit",
        good: &["on", "remote_apply", "remote_write", "local"],
        level: Level::Fail,
        remedy: "set `synchronous_commit = on`: Redis forgets a batch as soon as Postgres says that it is committed",
    },
    Setting {
        name: "default_transaction_isolation",
        good: &["read committed"],
        level: Level::Fail,
        remedy: "leave `default_transaction_isolation` at `read committed`: the jobs' locks rely on it",
    },
    Setting {
        name: "data_checksums",
        good: &["on"],
        level: Level::Warn,
        remedy: "stop it and run `pg_checksums --enable`: a failing disk is then noticed",
    },
    Setting {
        name: "TimeZone",
        good: &["UTC", "Etc/UTC", "GMT"],
        level: Level::Warn,
        remedy: "set `timezone = 'UTC'`: reports are in UTC, what people type into psql should be too",
    },
];
