//! Bringing the world into a house's database, ids and histories as they are.

use anyhow::Context as _;
use serde_json::{Value, json};
use sqlx::{Connection as _, PgConnection};

use super::World;
use super::rows::rows;
use crate::orders::chance::Chance;

/// The key that reports for the whole programme, by its number among the keys.
pub(in crate::orders) const PROGRAMME_KEY: u32 = 0;
/// What follows a key's id.
const SECRET_CHARS: usize = 43;

/// The API key of a vendor, or of the programme. Made up from the seed: the house is private and goes away.
pub(in crate::orders) fn vendor_key(seed: u64, vendor: u32) -> String {
    format!("llk_{}_{}", key_id(vendor), secret(seed, vendor))
}

fn key_id(vendor: u32) -> String {
    format!("loadtest{vendor:04}")
}

fn secret(seed: u64, vendor: u32) -> String {
    let mut chance = Chance::of(seed, "keys", u64::from(vendor));
    (0..SECRET_CHARS).map(|_| char::from(b'a' + chance.below(26) as u8)).collect()
}

/// Writes it all, as the owner of an empty database.
pub(in crate::orders) async fn plant(world: &World, seed: u64, database_url: &str) -> anyhow::Result<()> {
    let mut postgres = PgConnection::connect(database_url).await.context("cannot reach Postgres")?;
    let mut tx = postgres.begin().await?;
    sqlx::raw_sql("create temporary table made_up (what text, row jsonb) on commit drop")
        .execute(&mut *tx)
        .await?;
    let keys = (0..=world.vendors.len() as u32).map(|n| {
        json!({ "id": key_id(n), "vendor": (n != PROGRAMME_KEY).then_some(n), "secret": secret(seed, n) })
    });
    let keys = ("api_key", keys.collect());
    for (what, rows) in rows(world).into_iter().chain([keys]) {
        sqlx::query("insert into made_up select $1, jsonb_array_elements($2::text::jsonb)")
            .bind(what)
            .bind(Value::Array(rows).to_string())
            .execute(&mut *tx)
            .await
            .with_context(|| format!("cannot hand over {what}"))?;
    }
    sqlx::raw_sql(include_str!("plant.sql")).execute(&mut *tx).await.context("cannot plant the programme")?;
    tx.commit().await.context("cannot plant the programme")
}
