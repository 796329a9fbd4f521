//! One affiliate: looked at by operators, partners and themselves; the profile changed by operators and themselves.

use axum::extract::{Request, State};
use axum::response::Response;
use serde_json::json;

use super::answer::{AffiliateAnswer, View, lock, read};
use super::list::{may_look, span};
use super::profile::{Change, Profile};
use super::{bank, figures, find, no_such_affiliate, own_affiliate};
use crate::api::given::Given;
use crate::auth::{Caller, Scope};
use crate::conventions::{Asked, Asking, IfMatch, Moment, Named, Versioned, now, object};
use crate::problem::{Failure, Problem};
use crate::report::Range;
use crate::server::App;
use crate::{audit, body, db};

/// The caller's own page.
#[utoipa::path(get, path = "/v1/affiliate", tag = "affiliates", params(
    ("from" = inline(Option<Moment>), Query, description = "The first day of figures; 30 days before `to` unless asked otherwise"),
    ("to" = inline(Option<Moment>), Query, description = "The day after the last"),
), responses(
    (status = 200, description = "Oneself", body = AffiliateAnswer, headers(("etag" = String, description = "Its version"))),
    (status = "4XX", description = "Refused", body = Problem, content_type = "application/problem+json"),
), security(("key" = []), ("session" = [])))]
pub(super) async fn own(State(app): State<App>, caller: Caller, Asking(span): Asking<Span>) -> Response {
    object(shown_own(&app, &caller, &span)).await
}

/// Anybody's page, for operators and vendors.
#[utoipa::path(get, path = "/v1/affiliates/{affiliate_id}", tag = "affiliates", params(
    ("affiliate_id" = String, Path, description = "`aff_…`"),
    ("from" = inline(Option<Moment>), Query, description = "The first day of figures; 30 days before `to` unless asked otherwise"),
    ("to" = inline(Option<Moment>), Query, description = "The day after the last"),
), responses(
    (status = 200, description = "The affiliate", body = AffiliateAnswer, headers(("etag" = String, description = "Its version"))),
    (status = "4XX", description = "Refused", body = Problem, content_type = "application/problem+json"),
), security(("key" = []), ("session" = [])))]
pub(super) async fn show(
    State(app): State<App>,
    caller: Caller,
    Named(id): Named,
    Asking(span): Asking<Span>,
) -> Response {
    object(shown(&app, &caller, &id, &span)).await
}

/// Changes the caller's own profile.
#[utoipa::path(patch, path = "/v1/affiliate", tag = "affiliates", params(
    Versioned,
), request_body = Change, responses(
    (status = 200, description = "Oneself as changed", body = AffiliateAnswer, headers(("etag" = String, description = "Its version"))),
    (status = "4XX", description = "Refused", body = Problem, content_type = "application/problem+json"),
), security(("key" = []), ("session" = [])))]
pub(super) async fn change_own(
    State(app): State<App>,
    caller: Caller,
    if_match: IfMatch,
    request: Request,
) -> Response {
    let changed = async {
        may_change_own(&caller)?;
        amend_own(&app, &caller, &if_match, body::decision(request).await?).await
    };
    object(changed).await
}

/// Changes any affiliate's profile.
#[utoipa::path(patch, path = "/v1/affiliates/{affiliate_id}", tag = "affiliates", params(
    ("affiliate_id" = String, Path, description = "`aff_…`"),
    Versioned,
), request_body = Change, responses(
    (status = 200, description = "The affiliate as changed", body = AffiliateAnswer, headers(("etag" = String, description = "Its version"))),
    (status = "4XX", description = "Refused", body = Problem, content_type = "application/problem+json"),
), security(("key" = []), ("session" = [])))]
pub(super) async fn change(
    State(app): State<App>,
    caller: Caller,
    Named(id): Named,
    if_match: IfMatch,
    request: Request,
) -> Response {
    let changed = async {
        may_change(&caller)?;
        amend(&app, &caller, &if_match, &id, body::decision(request).await?).await
    };
    object(changed).await
}

/// The caller's own page.
pub(crate) async fn shown_own(app: &App, caller: &Caller, span: &Span) -> Result<AffiliateAnswer, Failure> {
    detail(app, caller, Which::Number(own_affiliate(caller)?), &span.0).await
}

/// Anybody's page.
pub(crate) async fn shown(
    app: &App,
    caller: &Caller,
    id: &str,
    span: &Span,
) -> Result<AffiliateAnswer, Failure> {
    may_look(caller)?;
    detail(app, caller, Which::Name(id), &span.0).await
}

/// Changes the caller's own profile.
pub(crate) async fn amend_own(
    app: &App,
    caller: &Caller,
    if_match: &IfMatch,
    change: Change,
) -> Result<AffiliateAnswer, Failure> {
    let affiliate_id = may_change_own(caller)?;
    write(app, caller, Which::Number(affiliate_id), if_match, change).await
}

/// Changes any affiliate's profile.
pub(crate) async fn amend(
    app: &App,
    caller: &Caller,
    if_match: &IfMatch,
    id: &str,
    change: Change,
) -> Result<AffiliateAnswer, Failure> {
    may_change(caller)?;
    write(app, caller, Which::Name(id), if_match, change).await
}

/// The affiliate whose profile is the caller's own.
fn may_change_own(caller: &Caller) -> Result<i64, Failure> {
    let affiliate_id = own_affiliate(caller)?;
    caller.require(Scope::ProgrammeWrite)?;
    Ok(affiliate_id)
}

fn may_change(caller: &Caller) -> Result<(), Failure> {
    caller.require_operator()?;
    caller.require(Scope::AffiliatesWrite)
}

/// How an affiliate is named: by an address, or by who calls.
#[derive(Clone, Copy)]
enum Which<'a> {
    Number(i64),
    Name(&'a str),
}

impl Which<'_> {
    async fn find(self, conn: &mut sqlx::PgConnection) -> Result<i64, Failure> {
        match self {
            Self::Number(affiliate_id) => Ok(affiliate_id),
            Self::Name(public_id) => find(conn, public_id).await?.ok_or_else(no_such_affiliate),
        }
    }
}

/// The days of the figures.
pub(crate) struct Span(pub(crate) Range);

impl Asked for Span {
    fn read(query: &str) -> Result<Self, Failure> {
        let mut given = Given::read(query);
        let range = span(&mut given, now());
        given.finish("from, to").map_err(Failure::Parameters)?;
        range.map(Self).ok_or_else(|| Failure::Fault("a bad span was not refused".to_owned()))
    }
}

async fn detail(
    app: &App,
    caller: &Caller,
    which: Which<'_>,
    range: &Range,
) -> Result<AffiliateAnswer, Failure> {
    let view = View::of(caller.tenant);
    let mut snapshot = db::tenant_snapshot(app, caller).await?;
    let affiliate_id = which.find(&mut snapshot).await?;
    let affiliate = read(&mut snapshot, view, &[affiliate_id]).await?.pop().ok_or_else(no_such_affiliate)?;
    let figures = figures::of(&mut snapshot, &[affiliate_id], range).await?.remove(&affiliate_id);
    let mut answer = AffiliateAnswer::new(affiliate, view);
    if let Some(figures) = figures {
        answer = answer.with_figures(&figures);
    }
    if view == View::Whole {
        answer = answer.with_bank_account(bank::masked(&mut snapshot, affiliate_id).await?);
    }
    snapshot.commit().await?;
    Ok(answer)
}

async fn write(
    app: &App,
    caller: &Caller,
    which: Which<'_>,
    if_match: &IfMatch,
    change: Change,
) -> Result<AffiliateAnswer, Failure> {
    let mut tx = db::tenant_tx(app, caller).await.map_err(Failure::writing)?;
    let affiliate_id = which.find(&mut tx).await?;
    let before =
        lock(&mut tx, affiliate_id).await.map_err(Failure::writing)?.ok_or_else(no_such_affiliate)?;
    if_match.check(before.version())?;
    let mut profile = before.profile();
    change.apply(&mut profile)?;
    let changed = changed(&before.profile(), &profile);
    if !changed.is_empty() {
        store(&mut tx, affiliate_id, &profile).await?;
        let detail = json!({"changed": changed});
        audit::record(
            &mut tx,
            caller,
            "affiliate.update",
            &before.public_id,
            None,
            Some(affiliate_id),
            detail,
        )
        .await?;
    }
    let after = read(&mut tx, View::Whole, &[affiliate_id]).await?.pop().ok_or_else(no_such_affiliate)?;
    tx.commit().await.map_err(Failure::writing)?;
    Ok(AffiliateAnswer::new(after, View::Whole))
}

/// The names of fields that are different now. What was in them is personal, and not for the record.
fn changed(before: &Profile, after: &Profile) -> Vec<&'static str> {
    let pairs = [
        ("name", before.name == after.name),
        ("phone", before.phone == after.phone),
        ("country", before.country == after.country),
        ("bio", before.bio == after.bio),
        ("website", before.website == after.website),
        ("instagram", before.instagram == after.instagram),
        ("twitter", before.twitter == after.twitter),
        ("facebook", before.facebook == after.facebook),
    ];
    pairs.into_iter().filter(|(_, is_same)| !is_same).map(|(field, _)| field).collect()
}

async fn store(conn: &mut sqlx::PgConnection, affiliate_id: i64, profile: &Profile) -> Result<(), Failure> {
    sqlx::query!(
        "update affiliate set name = $2, phone = $3, country = $4, bio = $5, website = $6, instagram = $7, twitter = $8, \
         facebook = $9, row_version = row_version + 1 where affiliate_id = $1",
        affiliate_id,
        profile.name,
        profile.phone,
        profile.country,
        profile.bio,
        profile.website,
        profile.instagram,
        profile.twitter,
        profile.facebook
    )
    .execute(conn)
    .await
    .map_err(Failure::writing)?;
    Ok(())
}
