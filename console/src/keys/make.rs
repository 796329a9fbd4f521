//! The rows behind keys and endpoints.

use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use data_encoding::{BASE64, BASE64URL_NOPAD, HEXLOWER};
use runtime::{Secret, clock};
use serde_json::{Value, json};
use sqlx::PgConnection;
use sqlx::postgres::PgPool;

use super::command::{EndpointSource, standard};
use crate::auth::{KEY_PREFIX, Scope, secret_hash};
use crate::intake::signature::STANDARD_PREFIX;
use crate::seal::{Seal, place};

/// Bytes of a key's public part: enough that no two are the same.
const KEY_ID: usize = 8;
/// Bytes of an endpoint's name: nobody finds one by trying.
const ENDPOINT_ID: usize = 12;

/// Makes an API key.
pub(super) async fn api_key(
    pool: &PgPool,
    name: &str,
    vendor: Option<i64>,
    scopes: &[Scope],
) -> anyhow::Result<Value> {
    vendor_exists(pool, vendor).await?;
    let (id, secret) = (HEXLOWER.encode(&random::<KEY_ID>()?), BASE64URL_NOPAD.encode(&random::<32>()?));
    let scopes: Vec<String> = Scope::ALL
        .into_iter()
        .filter(|scope| scopes.contains(scope))
        .map(|scope| scope.name().to_owned())
        .collect();
    sqlx::query!(
        "insert into api_key (api_key_id, vendor_id, name, secret_sha256, scopes) values ($1, $2, $3, $4, $5)",
        id,
        vendor,
        name,
        &secret_hash(&secret)[..],
        &scopes
    )
    .execute(pool)
    .await
    .context("cannot write the key down")?;
    Ok(json!({"object": "api_key", "api_key_id": id, "name": name, "vendor_id": vendor, "scopes": scopes,
        "key": format!("{KEY_PREFIX}{id}_{secret}")}))
}

/// Ends an API key.
pub(super) async fn revoke(pool: &PgPool, id: &str) -> anyhow::Result<Value> {
    let id = id.strip_prefix(KEY_PREFIX).unwrap_or(id);
    let at = now();
    let revoked = sqlx::query!(
        "update api_key set revoked_at = $2 where api_key_id = $1 and revoked_at is null",
        id,
        at
    );
    let revoked = revoked.execute(pool).await.context("cannot end the key")?.rows_affected();
    ensure!(revoked == 1, "there is no valid key {id:?}: it may have been ended before");
    Ok(json!({"object": "api_key", "api_key_id": id, "revoked_at": text(at)}))
}

/// Makes an endpoint with its first secret.
pub(super) async fn webhook(
    pool: &PgPool,
    seal: &Seal,
    source: EndpointSource,
    vendor: Option<i64>,
    secret: Option<Secret>,
) -> anyhow::Result<Value> {
    vendor_exists(pool, vendor).await?;
    let secret = secret.map_or_else(|| invent(source.name()), Ok)?;
    let mut tx = pool.begin().await.context("cannot reach the database")?;
    let id = endpoint(&mut tx, seal, source, vendor, &secret).await?;
    tx.commit().await.context("cannot write the endpoint down")?;
    Ok(
        json!({"object": "webhook_endpoint", "webhook_endpoint_id": id, "source": source.name(), "vendor_id": vendor,
        "path": path(source.name(), &id), "secret_no": 1, "secret": secret.expose()}),
    )
}

/// Writes an endpoint down with its first secret, and gives its name.
pub(super) async fn endpoint(
    conn: &mut PgConnection,
    seal: &Seal,
    source: EndpointSource,
    vendor: Option<i64>,
    secret: &Secret,
) -> anyhow::Result<String> {
    let id = HEXLOWER.encode(&random::<ENDPOINT_ID>()?);
    let sealed = seal.close(&place(&id, 1), secret)?;
    sqlx::query!(
        "insert into webhook_endpoint (webhook_endpoint_id, vendor_id, source) values ($1, $2, $3)",
        id,
        vendor,
        source.name()
    )
    .execute(&mut *conn)
    .await?;
    sqlx::query!(
        "insert into webhook_secret (webhook_endpoint_id, secret_no, sealed) values ($1, 1, $2)",
        id,
        sealed
    )
    .execute(&mut *conn)
    .await?;
    Ok(id)
}

/// Where the console answers for an endpoint.
pub(super) fn path(source: &str, id: &str) -> String {
    let way = if source == EndpointSource::Postback.name() { "postback" } else { "webhooks" };
    format!("/v1/{way}/{id}")
}

/// Gives an endpoint one more secret; those before stay valid for the overlap at most.
pub(super) async fn rotate(
    pool: &PgPool,
    seal: &Seal,
    endpoint: &str,
    secret: Option<Secret>,
    overlap: Duration,
) -> anyhow::Result<Value> {
    let until = now() + TimeDelta::from_std(overlap).context("the overlap is too long")?;
    let mut tx = pool.begin().await.context("cannot reach the database")?;
    let found = sqlx::query!(
        "select e.source, coalesce(max(s.secret_no), 0) as \"last!\"
         from webhook_endpoint e left join webhook_secret s using (webhook_endpoint_id)
         where webhook_endpoint_id = $1 and disabled_at is null
         group by e.source",
        endpoint
    )
    .fetch_optional(&mut *tx)
    .await?;
    let Some(found) = found else { bail!("there is no endpoint {endpoint:?} that is switched on") };
    let secret = secret.map_or_else(|| invent(&found.source), Ok)?;
    if found.source == "standard" {
        standard(&secret).map_err(|words| anyhow::anyhow!("the secret {words}"))?;
    }
    let no = found.last + 1;
    sqlx::query!(
        "update webhook_secret set valid_until = $2 where webhook_endpoint_id = $1 and (valid_until is null or valid_until > $2)",
        endpoint,
        until
    )
    .execute(&mut *tx)
    .await?;
    sqlx::query!(
        "insert into webhook_secret (webhook_endpoint_id, secret_no, sealed) values ($1, $2, $3)",
        endpoint,
        no,
        seal.close(&place(endpoint, no), &secret)?
    )
    .execute(&mut *tx)
    .await
    .context("cannot write the secret down; is somebody else replacing it?")?;
    tx.commit().await.context("cannot write the secret down")?;
    Ok(
        json!({"object": "webhook_endpoint", "webhook_endpoint_id": endpoint, "source": found.source, "secret_no": no,
        "old_valid_until": text(until), "secret": secret.expose()}),
    )
}

/// Switches an endpoint off.
pub(super) async fn disable(pool: &PgPool, endpoint: &str) -> anyhow::Result<Value> {
    let at = now();
    let disabled = sqlx::query!(
        "update webhook_endpoint set disabled_at = $2 where webhook_endpoint_id = $1 and disabled_at is null",
        endpoint,
        at
    );
    let disabled = disabled.execute(pool).await.context("cannot switch the endpoint off")?.rows_affected();
    ensure!(disabled == 1, "there is no endpoint {endpoint:?} that is switched on");
    Ok(json!({"object": "webhook_endpoint", "webhook_endpoint_id": endpoint, "disabled_at": text(at)}))
}

async fn vendor_exists(pool: &PgPool, vendor: Option<i64>) -> anyhow::Result<()> {
    let Some(vendor) = vendor else { return Ok(()) };
    let found = sqlx::query_scalar!("select name from vendor where vendor_id = $1", vendor);
    let found = found.fetch_optional(pool).await.context("cannot look for the vendor")?;
    ensure!(found.is_some(), "there is no vendor {vendor}");
    Ok(())
}

/// A secret that nobody has thought of.
pub(super) fn invent(source: &str) -> anyhow::Result<Secret> {
    let bytes = random::<32>()?;
    Ok(Secret::new(match source {
        "standard" => format!("{STANDARD_PREFIX}{}", BASE64.encode(&bytes)),
        _ => BASE64URL_NOPAD.encode(&bytes),
    }))
}

fn random<const N: usize>() -> anyhow::Result<[u8; N]> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).context("the system gives no random bytes")?;
    Ok(bytes)
}

fn now() -> DateTime<Utc> {
    clock::system_time().into()
}

fn text(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Secs, true)
}
