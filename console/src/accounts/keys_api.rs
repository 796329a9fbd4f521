//! `/v1/api-keys`: what programs call with. A key is shown once, when it is made.

use axum::extract::{Request, State};
use axum::response::Response;
use chrono::{DateTime, Utc};
use data_encoding::HEXLOWER;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use crate::api::answer::rfc3339;
use crate::auth::session::random_secret;
use crate::auth::{Caller, KEY_PREFIX, Scope, ScopeName, secret_hash};
use crate::conventions::{
    Asking, Called, List, Named, Object, Page, PageParams, created, done, illegal_state, json, now, possible,
    time, unknown_cursor,
};
use crate::problem::{Failure, Problem, unusable};
use crate::server::App;
use crate::{audit, body, db};

/// Where the list is.
const PATH: &str = "/v1/api-keys";
/// Bytes of a key's public part: enough that no two are the same.
const KEY_ID: usize = 8;

/// A key, without its secret.
#[derive(Serialize, ToSchema)]
#[schema(as = ApiKey)]
pub(crate) struct KeyAnswer {
    #[schema(example = "api_key")]
    pub(crate) object: &'static str,
    pub(crate) api_key_id: String,
    /// Who holds it.
    pub(crate) name: String,
    /// The vendor whose rows it sees; null: the whole programme's.
    pub(crate) vendor: Option<String>,
    pub(crate) scopes: Vec<String>,
    pub(crate) created_at: String,
    pub(crate) revoked_at: Option<String>,
    /// The key itself, in the answer that makes it and never again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) key: Option<String>,
}

/// A key to be made.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ApiKeyWanted)]
pub(crate) struct Wanted {
    #[schema(value_type = Called, example = "Checkout of the shop")]
    pub(crate) name: String,
    /// `ven_…`: only this vendor's rows.
    pub(crate) vendor: Option<String>,
    #[schema(value_type = Vec<ScopeName>, min_items = 1, example = json!(["orders:write"]))]
    pub(crate) scopes: Vec<String>,
}

struct Row {
    api_key_id: String,
    name: String,
    vendor: Option<String>,
    scopes: Vec<String>,
    created_at: DateTime<Utc>,
    revoked_at: Option<DateTime<Utc>>,
}

/// One page of keys, newest first.
#[utoipa::path(get, path = PATH, tag = "api keys", params(
    PageParams,
), responses(
    (status = 200, description = "A page", body = List<KeyAnswer>),
    (status = "4XX", description = "Refused", body = Problem, content_type = "application/problem+json"),
), security(("key" = []), ("session" = [])))]
pub(super) async fn list(State(app): State<App>, caller: Caller, Asking(asked): Asking<Page>) -> Response {
    json(page(&app, &caller, &asked)).await
}

/// One page of keys.
pub(crate) async fn page(app: &App, caller: &Caller, page: &Page) -> Result<List<KeyAnswer>, Failure> {
    may_manage(caller)?;
    let mut tx = db::tenant_tx(app, caller).await?;
    let after = match &page.after {
        None => None,
        Some(id) => {
            let found = sqlx::query_scalar!("select created_at from api_key where api_key_id = $1", id);
            Some((found.fetch_optional(&mut *tx).await?.ok_or_else(unknown_cursor)?, id))
        }
    };
    let (at, id) = after.unzip();
    let rows = sqlx::query_as!(
        Row,
        "select k.api_key_id as \"api_key_id!\", k.name as \"name!\", v.public_id as \"vendor?\", k.scopes as \"scopes!\", \
         k.created_at as \"created_at!\", k.revoked_at as \"revoked_at?\" \
         from api_key k left join vendor v using (vendor_id) \
         where $1::timestamptz is null or (k.created_at, k.api_key_id) < ($1, $2) \
         order by k.created_at desc, k.api_key_id desc limit $3",
        at,
        id,
        page.limit + 1
    )
    .fetch_all(&mut *tx)
    .await?;
    let rows = rows.into_iter().map(|row| KeyAnswer::new(row, None)).collect();
    Ok(List::cut(PATH, rows, page.limit, |key: &KeyAnswer| key.api_key_id.clone()))
}

/// Makes a key. Its holder is told now or never: only a hash is kept.
///
/// This does not take an `Idempotency-Key`: the answer holds a secret, which is not kept to be told again.
#[utoipa::path(post, path = PATH, tag = "api keys", request_body = Wanted, responses(
    (status = 201, description = "Made", body = KeyAnswer),
    (status = "4XX", description = "Refused", body = Problem, content_type = "application/problem+json"),
), security(("key" = []), ("session" = [])))]
pub(super) async fn create(State(app): State<App>, caller: Caller, request: Request) -> Response {
    let made = async {
        may_make(&caller)?;
        make(&app, &caller, body::decision(request).await?).await
    };
    created(made).await
}

fn may_make(caller: &Caller) -> Result<(), Failure> {
    may_manage(caller)?;
    caller.require_recent(now())
}

/// Makes a key, which this answer alone shows.
pub(crate) async fn make(app: &App, caller: &Caller, wanted: Wanted) -> Result<KeyAnswer, Failure> {
    may_make(caller)?;
    let name = wanted.name.trim();
    if !(1..=200).contains(&name.chars().count()) || name.contains(char::is_control) {
        return Err(unusable("name", "invalid_name", "`name` needs 1 to 200 characters on one line"));
    }
    let mut scopes = Vec::new();
    for name in &wanted.scopes {
        let scope = Scope::from_name(name)
            .ok_or_else(|| unusable("scopes", "unknown_value", "there is no such scope"))?;
        // Nobody hands out more than they have.
        caller.require(scope)?;
        scopes.push(scope.name().to_owned());
    }
    scopes.sort_unstable();
    scopes.dedup();
    if scopes.is_empty() {
        return Err(unusable("scopes", "missing_field", "`scopes` needs one scope or more"));
    }
    let mut id = [0; KEY_ID];
    getrandom::fill(&mut id).map_err(|error| Failure::Fault(format!("no random numbers: {error}")))?;
    let (id, secret) = (HEXLOWER.encode(&id), random_secret()?);
    let mut tx = db::tenant_tx(app, caller).await?;
    let vendor_id = match &wanted.vendor {
        None => None,
        Some(public_id) => {
            let found = sqlx::query_scalar!("select vendor_id from vendor where public_id = $1", public_id);
            let found = found.fetch_optional(&mut *tx).await?;
            Some(found.ok_or_else(|| unusable("vendor", "no_such_vendor", "there is no such vendor"))?)
        }
    };
    let created_at = sqlx::query_scalar!(
        "insert into api_key (api_key_id, vendor_id, name, secret_sha256, scopes) values ($1, $2, $3, $4, $5) \
         returning created_at",
        id,
        vendor_id,
        name,
        &secret_hash(&secret)[..],
        &scopes
    )
    .fetch_one(&mut *tx)
    .await
    .map_err(Failure::writing)?;
    let detail = json!({"name": name, "scopes": scopes});
    audit::record(&mut tx, caller, "api_key.create", &id, vendor_id, None, detail).await?;
    tx.commit().await.map_err(Failure::writing)?;
    let key = format!("{KEY_PREFIX}{id}_{secret}");
    let (name, vendor) = (name.to_owned(), wanted.vendor);
    let row = Row { api_key_id: id, name, vendor, scopes, created_at, revoked_at: None };
    Ok(KeyAnswer::new(row, Some(key)))
}

/// Ends a key, at once and for good.
#[utoipa::path(post, path = "/v1/api-keys/{api_key_id}/revoke", tag = "api keys", params(("api_key_id" = String, Path)), responses(
    (status = 204, description = "Ended"),
    (status = "4XX", description = "Refused", body = Problem, content_type = "application/problem+json"),
), security(("key" = []), ("session" = [])))]
pub(super) async fn revoke(State(app): State<App>, caller: Caller, Named(id): Named) -> Response {
    done(revoked(&app, &caller, &id)).await
}

/// Ends a key.
pub(crate) async fn revoked(app: &App, caller: &Caller, id: &str) -> Result<(), Failure> {
    may_manage(caller)?;
    let id = possible(id, no_such_key)?;
    let mut tx = db::tenant_tx(app, caller).await?;
    let row = sqlx::query!("select vendor_id, revoked_at from api_key where api_key_id = $1 for update", id)
        .fetch_optional(&mut *tx)
        .await
        .map_err(Failure::writing)?
        .ok_or_else(no_such_key)?;
    if row.revoked_at.is_some() {
        return Err(illegal_state("key", "revoked", "revoked"));
    }
    sqlx::query!("update api_key set revoked_at = $2 where api_key_id = $1", id, now())
        .execute(&mut *tx)
        .await
        .map_err(Failure::writing)?;
    audit::record(&mut tx, caller, "api_key.revoke", id, row.vendor_id, None, json!({})).await?;
    tx.commit().await.map_err(Failure::writing)
}

fn no_such_key() -> Failure {
    Failure::Missing("no_such_key", "there is no such key".to_owned())
}

fn may_manage(caller: &Caller) -> Result<(), Failure> {
    caller.require(Scope::AccountsWrite)?;
    caller.require_operator()
}

impl Object for KeyAnswer {
    fn row_version(&self) -> Option<i64> {
        None
    }

    fn path(&self) -> String {
        format!("{PATH}/{}", self.api_key_id)
    }
}

impl KeyAnswer {
    fn new(row: Row, key: Option<String>) -> Self {
        Self {
            object: "api_key",
            api_key_id: row.api_key_id,
            name: row.name,
            vendor: row.vendor,
            scopes: row.scopes,
            created_at: rfc3339(row.created_at),
            revoked_at: time(row.revoked_at),
            key,
        }
    }
}
