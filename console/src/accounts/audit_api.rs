//! `/v1/audit`: who did what, newest first.

use axum::extract::State;
use axum::response::Response;
use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;

use crate::api::answer::rfc3339;
use crate::api::given::{DEFAULT_LIMIT, Given};
use crate::auth::{Caller, Scope};
use crate::conventions::{Asked, Asking, List, Moment, Number, Sought, json};
use crate::db;
use crate::problem::{Failure, Problem};
use crate::server::App;

/// Where the list is.
const PATH: &str = "/v1/audit";
/// Characters of a filter at most: what is longer names nothing.
const MAX_FILTER: usize = 200;

/// One act.
#[derive(Serialize, ToSchema)]
pub(crate) struct EntryAnswer {
    #[schema(example = "audit_entry")]
    pub(crate) object: &'static str,
    /// Its place in the list: what `starting_after` takes.
    pub(crate) audit_entry_id: i64,
    pub(crate) at: String,
    /// Who did it.
    pub(crate) actor: String,
    #[schema(example = "account.disable")]
    pub(crate) action: String,
    /// What it was done to.
    pub(crate) subject: String,
    pub(crate) vendor: Option<String>,
    pub(crate) affiliate: Option<String>,
    /// What changed.
    pub(crate) detail: serde_json::Value,
}

struct Row {
    audit_entry_id: i64,
    at: DateTime<Utc>,
    actor: String,
    action: String,
    object: String,
    vendor: Option<String>,
    affiliate: Option<String>,
    detail: String,
}

/// One page of acts, newest first.
#[utoipa::path(get, path = PATH, tag = "audit", params(
    ("action" = inline(Option<Sought>), Query, description = "Only this action, such as `account.disable`"),
    ("subject" = inline(Option<Sought>), Query, description = "Only what was done to this"),
    ("from" = inline(Option<Moment>), Query, description = "RFC 3339; from this instant on"),
    ("to" = inline(Option<Moment>), Query, description = "RFC 3339; before this instant"),
    ("limit" = Option<i64>, Query, minimum = 1, maximum = 100, description = "1 to 100; 25 unless asked otherwise"),
    ("starting_after" = inline(Option<Number>), Query, description = "The last act of the page before"),
), responses(
    (status = 200, description = "A page", body = List<EntryAnswer>),
    (status = "4XX", description = "Refused", body = Problem, content_type = "application/problem+json"),
), security(("key" = []), ("session" = [])))]
pub(super) async fn list(State(app): State<App>, caller: Caller, Asking(filter): Asking<Filter>) -> Response {
    json(page(&app, &caller, &filter)).await
}

/// What the record is narrowed to.
#[derive(Debug, Default)]
pub(crate) struct Filter {
    pub(crate) action: Option<String>,
    pub(crate) subject: Option<String>,
    pub(crate) from: Option<DateTime<Utc>>,
    pub(crate) to: Option<DateTime<Utc>>,
    pub(crate) limit: Option<i64>,
    pub(crate) after: Option<i64>,
}

impl Asked for Filter {
    fn read(query: &str) -> Result<Self, Failure> {
        let mut given = Given::read(query);
        let (action, subject) = (text(&mut given, "action"), text(&mut given, "subject"));
        let (from, to) = given.span();
        let (limit, after) = (Some(given.limit()), given.id("starting_after"));
        given.finish("action, subject, from, to, limit, starting_after").map_err(Failure::Parameters)?;
        Ok(Self { action, subject, from, to, limit, after })
    }
}

/// One page of acts.
pub(crate) async fn page(app: &App, caller: &Caller, filter: &Filter) -> Result<List<EntryAnswer>, Failure> {
    caller.require(Scope::AuditRead)?;
    caller.require_operator()?;
    let limit = filter.limit.unwrap_or(DEFAULT_LIMIT);
    let mut snapshot = db::tenant_snapshot(app, caller).await?;
    let rows = sqlx::query_as!(
        Row,
        "select e.audit_entry_id as \"audit_entry_id!\", e.at as \"at!\", e.actor as \"actor!\", e.action as \"action!\", \
         e.object as \"object!\", v.public_id as \"vendor?\", f.public_id as \"affiliate?\", e.detail::text as \"detail!\" \
         from audit_entry e left join vendor v using (vendor_id) left join affiliate f using (affiliate_id) \
         where ($1::text is null or e.action = $1) and ($2::text is null or e.object = $2) \
           and ($3::timestamptz is null or e.at >= $3) and ($4::timestamptz is null or e.at < $4) \
           and ($5::bigint is null or e.audit_entry_id < $5) \
         order by e.audit_entry_id desc limit $6",
        filter.action.as_deref(),
        filter.subject.as_deref(),
        filter.from,
        filter.to,
        filter.after,
        limit + 1
    )
    .fetch_all(&mut *snapshot)
    .await?;
    snapshot.commit().await?;
    let rows = rows.into_iter().map(EntryAnswer::from).collect();
    Ok(List::cut(PATH, rows, limit, |entry: &EntryAnswer| entry.audit_entry_id.to_string()))
}

fn text(given: &mut Given, field: &str) -> Option<String> {
    let text = given.one(field)?;
    if text.chars().count() > MAX_FILTER || text.contains('\0') {
        given.refuse(
            field,
            "invalid_value",
            format!("`{field}` must be text of at most {MAX_FILTER} characters"),
        );
        return None;
    }
    Some(text)
}

impl From<Row> for EntryAnswer {
    fn from(row: Row) -> Self {
        Self {
            object: "audit_entry",
            audit_entry_id: row.audit_entry_id,
            at: rfc3339(row.at),
            actor: row.actor,
            action: row.action,
            subject: row.object,
            vendor: row.vendor,
            affiliate: row.affiliate,
            detail: serde_json::from_str(&row.detail).unwrap_or_default(),
        }
    }
}
