//! Migrate: bring the database to this version's schema, and write down what was fixed at install.
//!
//! May be run again at any time, and by several at once: the migrations take a lock, the rest are upserts.

use anyhow::{Context as _, ensure};
use common::ids::Partitions;
use common::traffic::{Browser, Channel, Device, Os};
use sqlx::migrate::Migrator;
use sqlx::{Connection as _, PgConnection};
use tracing::info;

use crate::store::postgres_options;

/// The files of `migrations/`, compiled in.
pub static MIGRATIONS: Migrator = sqlx::migrate!("../migrations");

/// Migrates the database at `url`, whose owner it must name.
pub async fn migrate(url: &str, partitions: Partitions) -> anyhow::Result<()> {
    let mut owner =
        PgConnection::connect_with(&postgres_options(url)?).await.context("cannot connect to Postgres")?;
    MIGRATIONS.run(&mut owner).await.context("cannot migrate")?;
    let mut tx = owner.begin().await?;
    install(&mut tx, partitions).await?;
    open_partitions(&mut tx, partitions).await?;
    name_codes(&mut tx).await?;
    tx.commit().await.context("cannot commit the installation")?;
    info!(partitions = partitions.count(), "the database is up to date");
    owner.close().await.context("cannot close the connection")
}

/// How many partitions this database was installed with. `None` before `migrate`.
pub async fn installed_partitions(postgres: &mut PgConnection) -> anyhow::Result<Option<u16>> {
    let found = sqlx::query_scalar!("select partitions from installation").fetch_optional(postgres).await;
    match found {
        Ok(found) => Ok(found.map(i16::cast_unsigned)),
        // 42P01: there is no such table yet.
        Err(sqlx::Error::Database(error)) if error.code().as_deref() == Some("42P01") => Ok(None),
        Err(error) => Err(error).context("cannot read the installation"),
    }
}

/// Fixes the number of partitions, once and for all.
async fn install(tx: &mut PgConnection, partitions: Partitions) -> anyhow::Result<()> {
    let ours = partitions.count().cast_signed();
    sqlx::query!("insert into installation (partitions) values ($1) on conflict (only_row) do nothing", ours)
        .execute(&mut *tx)
        .await
        .context("cannot write the installation")?;
    let found = installed_partitions(tx).await?.unwrap_or_default();
    check_partitions(partitions, found)
}

/// Complains unless the database was installed with as many partitions.
pub fn check_partitions(ours: Partitions, found: u16) -> anyhow::Result<()> {
    let ours = ours.count();
    ensure!(
        found == ours,
        "this database was installed with {found} partitions, but --partitions is {ours}: use {found}"
    );
    Ok(())
}

async fn open_partitions(tx: &mut PgConnection, partitions: Partitions) -> anyhow::Result<()> {
    sqlx::query!(
        "insert into flush_partition (part) select generate_series(0, $1::integer - 1) on conflict (part) do nothing",
        i32::from(partitions.count())
    )
    .execute(tx)
    .await
    .context("cannot open the partitions")?;
    Ok(())
}

/// Writes the name of every code, so that SQL can say them.
async fn name_codes(tx: &mut PgConnection) -> anyhow::Result<()> {
    macro_rules! words {
        ($($kind:literal: $vocabulary:ident),+) => {
            [$($vocabulary::ALL.iter().map(|word| ($kind, i16::from(word.code()), word.name())).collect::<Vec<_>>()),+]
        };
    }
    for (kind, code, name) in
        words!["device": Device, "browser": Browser, "os": Os, "channel": Channel].concat()
    {
        sqlx::query!(
            "insert into vocabulary (kind, code, name) values ($1, $2, $3)
             on conflict (kind, code) do update set name = excluded.name where vocabulary.name <> excluded.name",
            kind,
            code,
            name
        )
        .execute(&mut *tx)
        .await
        .with_context(|| format!("cannot name {kind} {code}"))?;
    }
    Ok(())
}
