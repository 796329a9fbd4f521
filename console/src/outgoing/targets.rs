//! `/v1/webhook-targets`: addresses that are told what happens. A secret is shown once, when it is made.

use axum::extract::{Request, State};
use axum::response::Response;
use chrono::{DateTime, TimeDelta, Utc};
use common::url_rules;
use serde::{Deserialize, Serialize};
use serde_json::json;
use sqlx::PgConnection;
use url::{Host, Url};
use utoipa::ToSchema;

use super::topics::{self, Topic};
use super::{Reach, sign, work};
use crate::auth::{Caller, Scope, Tenant};
use crate::conventions::{
    Asking, IfMatch, List, Named, Object, Page, PageParams, Repeatable, Versioned, WebAddress, changed,
    created, creation, illegal_state, json, now, object, possible, unknown_cursor,
};
use crate::problem::{Failure, Problem, unusable};
use crate::programme::find::bad_url;
use crate::programme::notice;
use crate::server::App;
use crate::vault::Purpose;
use crate::{audit, db};

/// Where the list is.
pub(super) const PATH: &str = "/v1/webhook-targets";

/// Targets of one vendor, and of the programme.
const MAX_TARGETS: i64 = 10;
/// Bytes of a change: a URL and a dozen topics.
const MAX_BODY: usize = 16 * 1024;
/// How long an old secret still signs: time to put the new one everywhere.
const OVERLAP: TimeDelta = TimeDelta::hours(24);
/// Random bytes of a name.
const NAME_BYTES: usize = 16;

/// One target.
#[derive(Debug, Serialize, ToSchema)]
#[serde(tag = "object", rename = "webhook_target")]
#[schema(as = WebhookTarget)]
pub(crate) struct Target {
    pub(crate) target_id: String,
    pub(crate) vendor_id: Option<String>,
    pub(crate) url: String,
    pub(crate) topics: Vec<String>,
    pub(crate) is_enabled: bool,
    pub(crate) disabled_at: Option<DateTime<Utc>>,
    pub(crate) disabled_reason: Option<String>,
    pub(crate) consecutive_failures: i32,
    /// Until when the secret before the present one signs too.
    pub(crate) old_secret_until: Option<DateTime<Utc>>,
    pub(crate) created_at: DateTime<Utc>,
    /// Shown once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) secret: Option<String>,
    #[serde(skip)]
    pub(crate) vendor_number: Option<i64>,
    #[serde(skip)]
    pub(crate) row_version: i64,
}

impl Target {
    /// Since when it is called no more.
    pub(super) fn disabled_at(&self) -> Option<DateTime<Utc>> {
        self.disabled_at
    }
}

impl Object for Target {
    fn row_version(&self) -> Option<i64> {
        Some(self.row_version)
    }

    fn path(&self) -> String {
        format!("{PATH}/{}", self.target_id)
    }
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = WebhookTargetWanted)]
pub(crate) struct Wanted {
    #[schema(value_type = WebAddress)]
    pub(crate) url: String,
    #[schema(value_type = Vec<Topic>, min_items = 1)]
    pub(crate) topics: Vec<String>,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = WebhookTargetChange)]
pub(crate) struct Change {
    #[schema(value_type = Option<WebAddress>)]
    pub(crate) url: Option<String>,
    #[schema(value_type = Option<Vec<Topic>>, min_items = 1)]
    pub(crate) topics: Option<Vec<String>>,
}

/// One page of targets, newest first.
#[utoipa::path(get, path = PATH, tag = "webhook targets", params(
    PageParams,
), responses(
    (status = 200, description = "A page", body = List<Target>),
    (status = "4XX", description = "Refused", body = Problem, content_type = "application/problem+json"),
), security(("key" = []), ("session" = [])))]
pub(super) async fn list(State(app): State<App>, caller: Caller, Asking(asked): Asking<Page>) -> Response {
    json(page(&app, &caller, &asked)).await
}

/// One target.
#[utoipa::path(get, path = "/v1/webhook-targets/{target_id}", tag = "webhook targets", params(
    ("target_id" = String, Path),
), responses(
    (status = 200, description = "As it is", body = Target, headers(("etag" = String, description = "Its version"))),
    (status = "4XX", description = "Refused", body = Problem, content_type = "application/problem+json"),
), security(("key" = []), ("session" = [])))]
pub(super) async fn show(State(app): State<App>, caller: Caller, Named(id): Named) -> Response {
    object(shown(&app, &caller, &id)).await
}

/// Adds a target.
#[utoipa::path(post, path = PATH, tag = "webhook targets", request_body = Wanted, params(
    Repeatable,
), responses(
    (status = 201, description = "Made", body = Target, headers(("etag" = String, description = "Its version"))),
    (status = "4XX", description = "Refused", body = Problem, content_type = "application/problem+json"),
), security(("key" = []), ("session" = [])))]
pub(super) async fn create(State(app): State<App>, caller: Caller, request: Request) -> Response {
    let make = async |wanted| created(make(&app, &caller, wanted)).await;
    creation(&app, &caller, request, allowed, make).await
}

/// Changes where it is, or what it wants to hear.
#[utoipa::path(patch, path = "/v1/webhook-targets/{target_id}", tag = "webhook targets", request_body = Change, params(
    ("target_id" = String, Path),
    Versioned,
), responses(
    (status = 200, description = "As it is", body = Target, headers(("etag" = String, description = "Its version"))),
    (status = "4XX", description = "Refused", body = Problem, content_type = "application/problem+json"),
), security(("key" = []), ("session" = [])))]
pub(super) async fn change(
    State(app): State<App>,
    caller: Caller,
    if_match: IfMatch,
    Named(id): Named,
    request: Request,
) -> Response {
    changed(MAX_BODY, request, |change| amend(&app, &caller, &if_match, &id, change)).await
}

/// Sends messages again, from now on.
#[utoipa::path(post, path = "/v1/webhook-targets/{target_id}/enable", tag = "webhook targets", params(
    ("target_id" = String, Path),
    Versioned,
), responses(
    (status = 200, description = "As it is", body = Target, headers(("etag" = String, description = "Its version"))),
    (status = "4XX", description = "Refused", body = Problem, content_type = "application/problem+json"),
), security(("key" = []), ("session" = [])))]
pub(super) async fn enable(
    State(app): State<App>,
    caller: Caller,
    if_match: IfMatch,
    Named(id): Named,
) -> Response {
    object(enabled(&app, &caller, &if_match, &id)).await
}

/// Sends no messages any more.
#[utoipa::path(post, path = "/v1/webhook-targets/{target_id}/disable", tag = "webhook targets", params(
    ("target_id" = String, Path),
    Versioned,
), responses(
    (status = 200, description = "As it is", body = Target, headers(("etag" = String, description = "Its version"))),
    (status = "4XX", description = "Refused", body = Problem, content_type = "application/problem+json"),
), security(("key" = []), ("session" = [])))]
pub(super) async fn disable(
    State(app): State<App>,
    caller: Caller,
    if_match: IfMatch,
    Named(id): Named,
) -> Response {
    object(disabled(&app, &caller, &if_match, &id)).await
}

/// Makes another secret; for a day the old one signs too.
#[utoipa::path(post, path = "/v1/webhook-targets/{target_id}/rotate", tag = "webhook targets", params(
    ("target_id" = String, Path),
    Versioned,
), responses(
    (status = 200, description = "As it is", body = Target, headers(("etag" = String, description = "Its version"))),
    (status = "4XX", description = "Refused", body = Problem, content_type = "application/problem+json"),
), security(("key" = []), ("session" = [])))]
pub(super) async fn rotate(
    State(app): State<App>,
    caller: Caller,
    if_match: IfMatch,
    Named(id): Named,
) -> Response {
    object(rotated(&app, &caller, &if_match, &id)).await
}

/// One page of targets.
pub(crate) async fn page(app: &App, caller: &Caller, page: &Page) -> Result<List<Target>, Failure> {
    allowed(caller)?;
    let mut snapshot = db::tenant_snapshot(app, caller).await?;
    let after = match &page.after {
        None => None,
        Some(id) => Some(one(&mut snapshot, id).await?.ok_or_else(unknown_cursor)?),
    };
    let rows = sqlx::query_file_as!(
        Row,
        "src/outgoing/targets.sql",
        None::<&str>,
        after.as_ref().map(|last| last.created_at),
        after.as_ref().map(|last| last.target_id.as_str()),
        page.limit + 1
    );
    let rows = rows.fetch_all(&mut *snapshot).await?.into_iter().map(Target::from).collect();
    Ok(List::cut(PATH, rows, page.limit, |target: &Target| target.target_id.clone()))
}

/// One target.
pub(crate) async fn shown(app: &App, caller: &Caller, id: &str) -> Result<Target, Failure> {
    allowed(caller)?;
    let id = possible(id, no_such_target)?;
    let mut snapshot = db::tenant_snapshot(app, caller).await?;
    one(&mut snapshot, id).await?.ok_or_else(no_such_target)
}

/// The target of that name, if the caller sees it.
pub(super) async fn one(conn: &mut PgConnection, id: &str) -> sqlx::Result<Option<Target>> {
    let nowhere = (None::<DateTime<Utc>>, None::<&str>);
    let found = sqlx::query_file_as!(Row, "src/outgoing/targets.sql", Some(id), nowhere.0, nowhere.1, 1_i64);
    Ok(found.fetch_optional(conn).await?.map(Target::from))
}

pub(crate) async fn make(app: &App, caller: &Caller, wanted: Wanted) -> Result<Target, Failure> {
    allowed(caller)?;
    let vendor = caller.vendor();
    let (url, topics) = (url(&wanted.url, app.reach)?, topics(&wanted.topics, vendor)?);
    let (id, secret) = (new_name()?, sign::new_secret()?);
    let sealed = app.vault.seal(Purpose::OutgoingWebhook, &id, secret.as_bytes())?;
    let mut tx = db::tenant_tx(app, caller).await.map_err(Failure::writing)?;
    let there = sqlx::query_scalar!(
        "select count(*) as \"count!\" from webhook_target where vendor_id is not distinct from $1",
        vendor
    );
    if there.fetch_one(&mut *tx).await? >= MAX_TARGETS {
        let words = format!("there are {MAX_TARGETS} webhook targets already: change one of them");
        return Err(Failure::Conflict("too_many_targets", words));
    }
    let made = sqlx::query!(
        "insert into webhook_target (target_id, vendor_id, url, topics, sealed_secret) values ($1, $2, $3, $4, $5)",
        id,
        vendor,
        url,
        &topics,
        sealed
    );
    made.execute(&mut *tx).await.map_err(Failure::writing)?;
    finished(tx, caller, "webhook_target.create", &id, Some(secret)).await
}

pub(crate) async fn amend(
    app: &App,
    caller: &Caller,
    if_match: &IfMatch,
    id: &str,
    change: Change,
) -> Result<Target, Failure> {
    let (mut tx, target) = locked(app, caller, if_match, id).await?;
    let url = change.url.map_or(Ok(target.url), |text| url(&text, app.reach))?;
    let topics = change.topics.map_or(Ok(target.topics), |wanted| topics(&wanted, target.vendor_number))?;
    let set = sqlx::query!(
        "update webhook_target set url = $2, topics = $3, row_version = row_version + 1 where target_id = $1",
        target.target_id,
        url,
        &topics
    );
    set.execute(&mut *tx).await.map_err(Failure::writing)?;
    finished(tx, caller, "webhook_target.change", &target.target_id, None).await
}

/// Sends to a target again.
pub(crate) async fn enabled(
    app: &App,
    caller: &Caller,
    if_match: &IfMatch,
    id: &str,
) -> Result<Target, Failure> {
    let (mut tx, target) = locked(app, caller, if_match, id).await?;
    if target.is_enabled {
        return Err(illegal_state("webhook target", "enabled", "enabled"));
    }
    let set = sqlx::query!(
        "update webhook_target set disabled_at = null, disabled_reason = null, consecutive_failures = 0, \
         failing_since = null, row_version = row_version + 1 where target_id = $1",
        target.target_id
    );
    set.execute(&mut *tx).await.map_err(Failure::writing)?;
    finished(tx, caller, "webhook_target.enable", &target.target_id, None).await
}

/// Sends nothing to a target any more.
pub(crate) async fn disabled(
    app: &App,
    caller: &Caller,
    if_match: &IfMatch,
    id: &str,
) -> Result<Target, Failure> {
    let (mut tx, target) = locked(app, caller, if_match, id).await?;
    if !target.is_enabled {
        return Err(illegal_state("webhook target", "disabled", "disabled"));
    }
    notice::be_the_programme(&mut tx).await?;
    work::switch_off(&mut tx, &target.target_id, now(), "by hand").await?;
    db::act_as(&mut tx, caller.tenant).await.map_err(Failure::writing)?;
    finished(tx, caller, "webhook_target.disable", &target.target_id, None).await
}

/// Gives a target another secret, which the answer shows.
pub(crate) async fn rotated(
    app: &App,
    caller: &Caller,
    if_match: &IfMatch,
    id: &str,
) -> Result<Target, Failure> {
    let (mut tx, target) = locked(app, caller, if_match, id).await?;
    let secret = sign::new_secret()?;
    let sealed = app.vault.seal(Purpose::OutgoingWebhook, &target.target_id, secret.as_bytes())?;
    let set = sqlx::query!(
        "update webhook_target set old_sealed_secret = sealed_secret, old_secret_until = $2, sealed_secret = $3, \
         row_version = row_version + 1 where target_id = $1",
        target.target_id,
        now() + OVERLAP,
        sealed
    );
    set.execute(&mut *tx).await.map_err(Failure::writing)?;
    finished(tx, caller, "webhook_target.rotate", &target.target_id, Some(secret)).await
}

type Tx = sqlx::Transaction<'static, sqlx::Postgres>;

/// The target as it is now, until the transaction ends.
async fn locked(app: &App, caller: &Caller, if_match: &IfMatch, id: &str) -> Result<(Tx, Target), Failure> {
    allowed(caller)?;
    let id = possible(id, no_such_target)?;
    let mut tx = db::tenant_tx(app, caller).await.map_err(Failure::writing)?;
    let lock = sqlx::query!("select row_version from webhook_target where target_id = $1 for update", id);
    lock.fetch_optional(&mut *tx).await.map_err(Failure::writing)?.ok_or_else(no_such_target)?;
    let target = one(&mut tx, id).await?.ok_or_else(no_such_target)?;
    if_match.check(target.row_version)?;
    Ok((tx, target))
}

/// Writes the deed down, and shows what became of the target.
async fn finished(
    mut tx: Tx,
    caller: &Caller,
    action: &str,
    id: &str,
    secret: Option<String>,
) -> Result<Target, Failure> {
    let target = one(&mut tx, id).await?.ok_or_else(no_such_target)?;
    let detail = json!({"url": target.url, "topics": target.topics});
    audit::record(&mut tx, caller, action, id, target.vendor_number, None, detail).await?;
    tx.commit().await.map_err(Failure::writing)?;
    Ok(Target { secret, ..target })
}

/// Refuses affiliates, and whoever may not manage webhooks.
pub(super) fn allowed(caller: &Caller) -> Result<(), Failure> {
    caller.require(Scope::WebhooksWrite)?;
    if matches!(caller.tenant, Tenant::Affiliate(_)) { caller.require_operator() } else { Ok(()) }
}

/// An https address of somebody else. What its name leads to is judged again at every call.
fn url(text: &str, reach: Reach) -> Result<String, Failure> {
    let text = url_rules::website(text).map_err(|bad| bad_url("url", &bad))?;
    let url = Url::parse(&text).map_err(|error| unusable("url", "invalid_url", format!("`url`: {error}")))?;
    let address = match url.host() {
        Some(Host::Ipv4(address)) => Some(address.into()),
        Some(Host::Ipv6(address)) => Some(address.into()),
        Some(Host::Domain(_)) | None => None,
    };
    if address.is_some_and(|address| !reach.allows(address)) {
        return Err(unusable("url", "address_not_public", "`url` must lead to a public address"));
    }
    if url.scheme() != "https" && reach != Reach::LoopbackToo {
        return Err(unusable("url", "invalid_url", "`url` must begin with https://"));
    }
    if url.fragment().is_some() {
        return Err(unusable("url", "invalid_url", "`url` must not have a fragment"));
    }
    Ok(text)
}

fn topics(wanted: &[String], vendor: Option<i64>) -> Result<Vec<String>, Failure> {
    let mut topics = wanted.to_vec();
    topics.sort_unstable();
    topics.dedup();
    let unknown = topics.iter().find(|topic| !topics::is_known(topic, vendor));
    if topics.is_empty() || unknown.is_some() {
        let known = topics::OF_VENDORS.iter().chain(topics::OF_PROGRAMME.iter().filter(|_| vendor.is_none()));
        let known: Vec<&str> = known.copied().collect();
        let detail = format!("`topics` must be some of {}", known.join(", "));
        return Err(unusable("topics", "unknown_value", detail));
    }
    Ok(topics)
}

fn new_name() -> Result<String, Failure> {
    let mut random = [0; NAME_BYTES];
    getrandom::fill(&mut random).map_err(|error| Failure::Fault(format!("no random numbers: {error}")))?;
    Ok(format!("wht_{}", data_encoding::HEXLOWER.encode(&random)))
}

pub(super) fn no_such_target() -> Failure {
    Failure::Missing("no_such_webhook_target", "there is no such webhook target".to_owned())
}

/// A row as Postgres has it.
struct Row {
    target_id: String,
    vendor_id: Option<String>,
    url: String,
    topics: Vec<String>,
    disabled_at: Option<DateTime<Utc>>,
    disabled_reason: Option<String>,
    consecutive_failures: i32,
    old_secret_until: Option<DateTime<Utc>>,
    created_at: DateTime<Utc>,
    vendor_number: Option<i64>,
    row_version: i64,
}

impl From<Row> for Target {
    fn from(row: Row) -> Self {
        Self {
            target_id: row.target_id,
            vendor_id: row.vendor_id,
            url: row.url,
            topics: row.topics,
            is_enabled: row.disabled_at.is_none(),
            disabled_at: row.disabled_at,
            disabled_reason: row.disabled_reason,
            consecutive_failures: row.consecutive_failures,
            old_secret_until: row.old_secret_until,
            created_at: row.created_at,
            secret: None,
            vendor_number: row.vendor_number,
            row_version: row.row_version,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_public_https_addresses_are_taken() {
        assert!(url("https://hooks.example.com/x?y=1", Reach::Public).is_ok());
        for bad in [
            "http://hooks.example.com/",
            "https://127.0.0.1/",
            "https://169.254.169.254/latest/meta-data",
            "https://[::ffff:10.0.0.1]/",
            "https://2130706433/",
            "https://user@hooks.example.com/",
            "https://hooks.example.com/#x",
            "https://hooks.example.com/{sub1}",
            "ftp://hooks.example.com/",
            "hooks.example.com",
        ] {
            assert!(url(bad, Reach::Public).is_err(), "{bad}");
        }
        assert!(url("http://127.0.0.1:9000/", Reach::LoopbackToo).is_ok());
        assert!(url("http://10.0.0.1:9000/", Reach::LoopbackToo).is_err());
    }
}
