//! `/v1/requests`: what affiliates ask of vendors. Approving `partner_with_vendor` makes the partnership, in the same
//! transaction; of two people who decide at once, one is told that it was decided.

mod granted;

use axum::extract::{Request, State};
use axum::response::Response;
use chrono::{DateTime, Utc};
use common::rate::Rate;
use serde::{Deserialize, Serialize};
use serde_json::json;
use sqlx::PgConnection;
use utoipa::ToSchema;

use super::find::{self, Narrowed, Shop};
use super::rate_input::RateInput;
use super::shape::message;
use super::{links, notice};
use crate::api::given::Given;
use crate::auth::{Caller, Scope, Tenant};
use crate::conventions::{
    Asked, Asking, IfMatch, List, Message, Millionths, Named, Object, Page, PageParams, PerCent, Repeatable,
    Sought, Versioned, created, creation, illegal_state, json, now, object, possible, unknown_cursor, words,
};
use crate::problem::{Failure, Problem, unusable};
use crate::server::App;
use crate::{audit, body, db};

/// Where the list is.
pub(super) const PATH: &str = "/v1/requests";

/// The states.
const STATES: [&str; 3] = ["pending", "approved", "rejected"];

words! {
    /// How far a request is.
    Stage: STATES
}

/// What may be asked for.
const TYPES: [&str; 4] = ["partner_with_vendor", "promote_product", "raise_rate", "other"];

words! {
    /// What is asked for.
    RequestType: TYPES
}

/// One request.
#[derive(Debug, Serialize, ToSchema)]
#[serde(tag = "object", rename = "affiliate_request")]
pub(crate) struct AffiliateRequest {
    pub(crate) request_id: String,
    pub(crate) request_type: String,
    pub(crate) affiliate_id: String,
    pub(crate) affiliate: String,
    pub(crate) vendor_id: String,
    pub(crate) vendor_name: String,
    pub(crate) product_id: Option<String>,
    pub(crate) product_name: Option<String>,
    pub(crate) status: String,
    pub(crate) message: String,
    pub(crate) response_message: Option<String>,
    pub(crate) responded_at: Option<DateTime<Utc>>,
    /// Not told to affiliates.
    pub(crate) responded_by: Option<String>,
    pub(crate) created_at: DateTime<Utc>,
    #[serde(skip)]
    pub(crate) vendor_number: i64,
    #[serde(skip)]
    pub(crate) affiliate_number: i64,
    #[serde(skip)]
    pub(crate) row_version: i64,
}

impl Object for AffiliateRequest {
    fn row_version(&self) -> Option<i64> {
        Some(self.row_version)
    }

    fn path(&self) -> String {
        format!("{PATH}/{}", self.request_id)
    }
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = RequestWanted)]
pub(crate) struct Wanted {
    #[schema(value_type = RequestType)]
    pub(crate) request_type: String,
    pub(crate) vendor_id: String,
    pub(crate) product_id: Option<String>,
    #[serde(default)]
    #[schema(value_type = Message)]
    pub(crate) message: String,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = RequestAnswer)]
pub(crate) struct Answer {
    #[schema(value_type = Option<Millionths>)]
    pub(crate) rate_ppm: Option<u32>,
    #[schema(value_type = Option<PerCent>)]
    pub(crate) rate: Option<String>,
    #[serde(default)]
    #[schema(value_type = Message)]
    pub(crate) response_message: String,
}

/// What is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Yes.
    Approved,
    /// No.
    Rejected,
}

impl Verdict {
    fn status(self) -> &'static str {
        match self {
            Self::Approved => "approved",
            Self::Rejected => "rejected",
        }
    }

    fn action(self) -> &'static str {
        match self {
            Self::Approved => "request.approve",
            Self::Rejected => "request.reject",
        }
    }
}

/// What the list is narrowed to.
#[derive(Debug, Default)]
pub(crate) struct Filter {
    pub(crate) vendor: Option<String>,
    pub(crate) affiliate: Option<String>,
    /// One of [`STATES`].
    pub(crate) status: Option<String>,
    /// One of [`TYPES`].
    pub(crate) request_type: Option<String>,
    pub(crate) page: Page,
}

/// One page of requests: those that wait first, then the newest.
#[utoipa::path(get, path = PATH, tag = "requests", params(
    ("vendor" = inline(Option<Sought>), Query, description = "Only to this vendor"),
    ("affiliate" = inline(Option<Sought>), Query, description = "Only by this affiliate"),
    ("status" = inline(Option<Stage>), Query, description = "Only those that are so far"),
    ("request_type" = inline(Option<RequestType>), Query, description = "Only those that ask for this"),
    PageParams,
), responses(
    (status = 200, description = "A page", body = List<AffiliateRequest>),
    (status = "4XX", description = "Refused", body = Problem, content_type = "application/problem+json"),
), security(("key" = []), ("session" = [])))]
pub(super) async fn list(State(app): State<App>, caller: Caller, Asking(filter): Asking<Filter>) -> Response {
    json(page(&app, &caller, &filter)).await
}

/// One request.
#[utoipa::path(get, path = "/v1/requests/{request_id}", tag = "requests", params(
    ("request_id" = String, Path),
), responses(
    (status = 200, description = "As it is", body = AffiliateRequest, headers(("etag" = String, description = "Its version"))),
    (status = "4XX", description = "Refused", body = Problem, content_type = "application/problem+json"),
), security(("key" = []), ("session" = [])))]
pub(super) async fn show(State(app): State<App>, caller: Caller, Named(id): Named) -> Response {
    object(shown(&app, &caller, &id)).await
}

/// Asks.
#[utoipa::path(post, path = PATH, tag = "requests", request_body = Wanted, params(
    Repeatable,
), responses(
    (status = 201, description = "Made", body = AffiliateRequest, headers(("etag" = String, description = "Its version"))),
    (status = "4XX", description = "Refused", body = Problem, content_type = "application/problem+json"),
), security(("key" = []), ("session" = [])))]
pub(super) async fn create(State(app): State<App>, caller: Caller, request: Request) -> Response {
    let make = async |wanted| created(make(&app, &caller, wanted)).await;
    creation(&app, &caller, request, may_ask, make).await
}

/// Says yes.
#[utoipa::path(post, path = "/v1/requests/{request_id}/approve", tag = "requests", request_body = Answer, params(
    ("request_id" = String, Path),
    Versioned,
), responses(
    (status = 200, description = "As it is", body = AffiliateRequest, headers(("etag" = String, description = "Its version"))),
    (status = "4XX", description = "Refused", body = Problem, content_type = "application/problem+json"),
), security(("key" = []), ("session" = [])))]
pub(super) async fn approve(
    State(app): State<App>,
    caller: Caller,
    if_match: IfMatch,
    Named(id): Named,
    request: Request,
) -> Response {
    let approved = async {
        may_answer(&caller)?;
        answer(&app, &caller, &if_match, &id, body::decision(request).await?, Verdict::Approved).await
    };
    object(approved).await
}

/// Says no, and why.
#[utoipa::path(post, path = "/v1/requests/{request_id}/reject", tag = "requests", request_body = Answer, params(
    ("request_id" = String, Path),
    Versioned,
), responses(
    (status = 200, description = "As it is", body = AffiliateRequest, headers(("etag" = String, description = "Its version"))),
    (status = "4XX", description = "Refused", body = Problem, content_type = "application/problem+json"),
), security(("key" = []), ("session" = [])))]
pub(super) async fn reject(
    State(app): State<App>,
    caller: Caller,
    if_match: IfMatch,
    Named(id): Named,
    request: Request,
) -> Response {
    let rejected = async {
        may_answer(&caller)?;
        answer(&app, &caller, &if_match, &id, body::decision(request).await?, Verdict::Rejected).await
    };
    object(rejected).await
}

impl Asked for Filter {
    fn read(query: &str) -> Result<Self, Failure> {
        let mut given = Given::read(query);
        let filter = Self {
            vendor: given.one("vendor"),
            affiliate: given.one("affiliate"),
            status: given.word("status", &STATES),
            request_type: given.word("request_type", &TYPES),
            page: given.page(),
        };
        given
            .finish("vendor, affiliate, status, request_type, limit, starting_after")
            .map_err(Failure::Parameters)?;
        Ok(filter)
    }
}

/// One page of requests.
pub(crate) async fn page(
    app: &App,
    caller: &Caller,
    filter: &Filter,
) -> Result<List<AffiliateRequest>, Failure> {
    caller.require(Scope::ProgrammeRead)?;
    let mut snapshot = db::tenant_snapshot(app, caller).await?;
    let (vendor, affiliate) = (filter.vendor.as_deref(), filter.affiliate.as_deref());
    let Some(to) = Narrowed::to(&mut snapshot, vendor, affiliate, None).await? else {
        return List::of_nothing(PATH, &filter.page);
    };
    let after = match &filter.page.after {
        None => None,
        Some(id) => Some(one(&mut snapshot, caller, id).await?.ok_or_else(unknown_cursor)?),
    };
    let rows = sqlx::query_file_as!(
        AffiliateRequest,
        "src/programme/requests.sql",
        None::<&str>,
        to.vendor,
        to.affiliate,
        filter.status.as_deref(),
        filter.request_type.as_deref(),
        after.as_ref().map(|last| last.status == "pending"),
        after.as_ref().map(|last| last.created_at),
        after.as_ref().map(|last| last.request_id.as_str()),
        filter.page.limit + 1
    );
    let rows = rows.fetch_all(&mut *snapshot).await?.into_iter().map(|row| row.told_to(caller)).collect();
    Ok(List::cut(PATH, rows, filter.page.limit, |row: &AffiliateRequest| row.request_id.clone()))
}

async fn one(conn: &mut PgConnection, caller: &Caller, id: &str) -> sqlx::Result<Option<AffiliateRequest>> {
    let (no_id, no_word) = (None::<i64>, None::<&str>);
    let found = sqlx::query_file_as!(
        AffiliateRequest,
        "src/programme/requests.sql",
        Some(id),
        no_id,
        no_id,
        no_word,
        no_word,
        None::<bool>,
        None::<DateTime<Utc>>,
        no_word,
        1_i64
    );
    Ok(found.fetch_optional(conn).await?.map(|row| row.told_to(caller)))
}

pub(crate) async fn shown(app: &App, caller: &Caller, id: &str) -> Result<AffiliateRequest, Failure> {
    caller.require(Scope::ProgrammeRead)?;
    let id = possible(id, no_such_request)?;
    let mut snapshot = db::tenant_snapshot(app, caller).await?;
    one(&mut snapshot, caller, id).await?.ok_or_else(no_such_request)
}

pub(crate) async fn make(app: &App, caller: &Caller, wanted: Wanted) -> Result<AffiliateRequest, Failure> {
    let affiliate = asker(caller)?;
    if !TYPES.contains(&wanted.request_type.as_str()) {
        let detail = format!("`request_type` must be one of {}", TYPES.join(", "));
        return Err(unusable("request_type", "unknown_value", detail));
    }
    let is_about_a_product = wanted.request_type == "promote_product";
    if is_about_a_product && wanted.product_id.is_none() {
        return Err(unusable("product_id", "missing_field", "say which product in `product_id`"));
    }
    let message = message("message", &wanted.message)?;
    let mut tx = db::tenant_tx(app, caller).await.map_err(Failure::writing)?;
    let shop = Shop::of(&mut tx, caller, Some(&wanted.vendor_id)).await?;
    let standing = links::Standing::of(&mut tx, shop.vendor_id, affiliate).await?;
    standing.check_affiliate()?;
    match (wanted.request_type.as_str(), standing.is_partner()) {
        ("partner_with_vendor", true) => {
            return Err(Failure::Conflict(
                "partnership_exists",
                "you promote this vendor already".to_owned(),
            ));
        }
        ("raise_rate", false) => {
            return Err(standing.check_partnership().err().unwrap_or_else(no_such_request));
        }
        _ => {}
    }
    let product = match &wanted.product_id {
        None => None,
        Some(id) => Some(find::product(&mut tx, shop.vendor_id, id).await?.0),
    };
    let made = sqlx::query_scalar!(
        "insert into affiliate_request (affiliate_id, request_type, vendor_id, product_id, message) \
         values ($1, $2, $3, $4, $5) on conflict do nothing returning request_id",
        affiliate,
        wanted.request_type,
        shop.vendor_id,
        product,
        message
    );
    let id = made.fetch_optional(&mut *tx).await.map_err(Failure::writing)?.ok_or_else(|| {
        Failure::Conflict(
            "already_requested",
            "you asked for this already; it is not answered yet".to_owned(),
        )
    })?;
    let detail = json!({"request_type": wanted.request_type});
    audit::record(&mut tx, caller, "request.create", &id, Some(shop.vendor_id), Some(affiliate), detail)
        .await?;
    let made = one(&mut tx, caller, &id).await?.ok_or_else(no_such_request)?;
    let words = format!("{} asks: {}\n\n{message}", made.affiliate, made.request_type.replace('_', " "));
    notice::to_vendor(&mut tx, caller, shop.vendor_id, "An affiliate asks you something", &words).await?;
    tx.commit().await.map_err(Failure::writing)?;
    Ok(made)
}

pub(crate) async fn answer(
    app: &App,
    caller: &Caller,
    if_match: &IfMatch,
    id: &str,
    answer: Answer,
    verdict: Verdict,
) -> Result<AffiliateRequest, Failure> {
    may_answer(caller)?;
    let response = message("response_message", &answer.response_message)?;
    if verdict == Verdict::Rejected && response.is_empty() {
        let detail = "say in `response_message` why the request is rejected";
        return Err(unusable("response_message", "missing_field", detail));
    }
    let rate = RateInput { rate_ppm: answer.rate_ppm, rate: answer.rate };
    let id = possible(id, no_such_request)?;
    let (at, mut tx) = (now(), db::tenant_tx(app, caller).await.map_err(Failure::writing)?);
    let lock = sqlx::query!("select row_version from affiliate_request where request_id = $1 for update", id);
    lock.fetch_optional(&mut *tx).await.map_err(Failure::writing)?.ok_or_else(no_such_request)?;
    let asked = one(&mut tx, caller, id).await?.ok_or_else(no_such_request)?;
    if_match.check(asked.row_version)?;
    if asked.status != "pending" {
        return Err(illegal_state("request", &asked.status, verdict.status()));
    }
    let set = sqlx::query!(
        "update affiliate_request set status = $2, response_message = nullif($3, ''), responded_at = $4, responded_by = $5, \
         row_version = row_version + 1 where request_id = $1 and status = 'pending'",
        id,
        verdict.status(),
        response,
        at,
        caller.actor()
    );
    set.execute(&mut *tx).await.map_err(Failure::writing)?;
    let (vendor_id, affiliate_id) = (asked.vendor_number, asked.affiliate_number);
    let detail = json!({"request_type": asked.request_type, "rate": answer_rate(&rate)?});
    audit::record(&mut tx, caller, verdict.action(), id, Some(vendor_id), Some(affiliate_id), detail).await?;
    match (verdict, asked.request_type.as_str()) {
        (Verdict::Approved, "partner_with_vendor") => {
            granted::join(&mut tx, caller, &asked, rate.need()?, at).await?;
        }
        (Verdict::Approved, "raise_rate") => {
            granted::raise(&mut tx, caller, &asked, rate.need()?, at).await?;
        }
        _ if rate.read()?.is_some() => {
            return Err(unusable("rate", "unexpected_field", "this answer does not agree on a rate"));
        }
        _ => {}
    }
    let subject: String =
        format!("{}: your request was {}", asked.vendor_name, verdict.status()).chars().take(200).collect();
    let words = format!("You asked to {}.\n\n{response}", asked.request_type.replace('_', " "));
    notice::to_affiliate(&mut tx, caller, affiliate_id, &subject, &words).await?;
    let answered = one(&mut tx, caller, id).await?.ok_or_else(no_such_request)?;
    tx.commit().await.map_err(Failure::writing)?;
    Ok(answered)
}

fn answer_rate(rate: &RateInput) -> Result<Option<u32>, Failure> {
    Ok(rate.read()?.map(Rate::ppm))
}

impl AffiliateRequest {
    /// Without what this caller is not told.
    fn told_to(self, caller: &Caller) -> Self {
        let responded_by = self.responded_by.filter(|_| !caller.is_affiliate());
        Self { responded_by, ..self }
    }
}

/// The affiliate that asks. Nobody else does.
fn asker(caller: &Caller) -> Result<i64, Failure> {
    caller.require(Scope::ProgrammeWrite)?;
    let Tenant::Affiliate(affiliate) = caller.tenant else {
        let words = "affiliates ask; make the partnership itself";
        return Err(Failure::Conflict("affiliates_only", words.to_owned()));
    };
    Ok(affiliate)
}

fn may_ask(caller: &Caller) -> Result<(), Failure> {
    asker(caller).map(|_| ())
}

/// Refuses affiliates: they ask.
fn may_answer(caller: &Caller) -> Result<(), Failure> {
    caller.require(Scope::ProgrammeWrite)?;
    caller.require_shop_side()
}

fn no_such_request() -> Failure {
    Failure::Missing("no_such_request", "there is no such request".to_owned())
}
