//! `/v1/accounts`: who may sign in, for administrators.

use axum::extract::{Request, State};
use axum::response::Response;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sqlx::PgConnection;
use utoipa::ToSchema;

use super::account::{self, Account, Filter, NewAccount, no_such_account};
use super::mailed::{self, Purpose};
use super::sign_in::{is_email, stored_email};
use super::throttle::{self, Subject};
use crate::api::answer::rfc3339;
use crate::api::given::Given;
use crate::auth::{Caller, Role, RoleName, Scope, Via, session};
use crate::conventions::{
    Asked, Asking, EmailAddress, IfMatch, List, Named, Object, Page, PageParams, Repeatable, Sought,
    Versioned, created, creation, illegal_state, json, now, object, possible, time, unknown_cursor,
};
use crate::problem::{BadParameter, Failure, Problem};
use crate::server::App;
use crate::{audit, body};

/// Where the list is.
const PATH: &str = "/v1/accounts";
/// Characters of a name at most, as in Postgres.
const MAX_NAME: usize = 200;

/// Somebody who may sign in.
#[derive(Serialize, ToSchema)]
#[schema(as = Account)]
pub(crate) struct AccountAnswer {
    #[schema(example = "account")]
    pub(crate) object: &'static str,
    pub(crate) account_id: String,
    pub(crate) email: String,
    pub(crate) name: String,
    /// `admin`, `reviewer`, `finance`, `vendor` or `affiliate`.
    pub(crate) role: String,
    /// The vendor they act for.
    pub(crate) vendor: Option<String>,
    /// The affiliate they act for.
    pub(crate) affiliate: Option<String>,
    pub(crate) is_disabled: bool,
    pub(crate) has_password: bool,
    pub(crate) has_totp: bool,
    pub(crate) email_verified_at: Option<String>,
    pub(crate) disabled_at: Option<String>,
    pub(crate) created_at: String,
    #[serde(skip)]
    pub(crate) row_version: i64,
}

/// Somebody to be let in.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = AccountWanted)]
pub(crate) struct Wanted {
    #[schema(value_type = EmailAddress, example = "ada@example.com")]
    pub(crate) email: String,
    #[schema(
        example = "Ada Example",
        max_length = 200,
        pattern = r"^[^<>\u0000-\u001f\u007f-\u009f]*[^<>\s\u0000-\u001f\u007f-\u009f][^<>\u0000-\u001f\u007f-\u009f]*$"
    )]
    pub(crate) name: String,
    /// `admin`, `reviewer`, `finance`, `vendor` or `affiliate`.
    #[schema(value_type = RoleName)]
    pub(crate) role: String,
    /// `ven_…`, with the role of a vendor.
    pub(crate) vendor: Option<String>,
    /// `aff_…`, with the role of an affiliate.
    pub(crate) affiliate: Option<String>,
}

/// What may change.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = AccountChange)]
pub(crate) struct Change {
    #[schema(
        max_length = 200,
        pattern = r"^[^<>\u0000-\u001f\u007f-\u009f]*[^<>\s\u0000-\u001f\u007f-\u009f][^<>\u0000-\u001f\u007f-\u009f]*$"
    )]
    pub(crate) name: Option<String>,
    /// One operator's role for another: `admin`, `reviewer` or `finance`.
    #[schema(value_type = Option<RoleName>)]
    pub(crate) role: Option<String>,
}

/// One page of accounts, newest first.
#[utoipa::path(get, path = PATH, tag = "accounts", params(
    ("role" = inline(Option<RoleName>), Query, description = "Only this role"),
    ("disabled" = Option<bool>, Query, description = "Only those that are disabled, or are not"),
    ("email" = inline(Option<Sought>), Query, description = "Only this address"),
    PageParams,
), responses(
    (status = 200, description = "A page", body = List<AccountAnswer>),
    (status = "4XX", description = "Refused", body = Problem, content_type = "application/problem+json"),
), security(("key" = []), ("session" = [])))]
pub(super) async fn list(
    State(app): State<App>,
    caller: Caller,
    Asking(asked): Asking<(Filter, Page)>,
) -> Response {
    json(page(&app, &caller, &asked)).await
}

impl Asked for (Filter, Page) {
    fn read(query: &str) -> Result<Self, Failure> {
        let mut given = Given::read(query);
        let filter = Filter {
            role: given.word("role", &Role::ALL.map(Role::name)),
            is_disabled: given.flag("disabled"),
            email: given.one("email").map(|email| stored_email(&email).replace('\0', "")),
        };
        let page = given.page();
        given.finish("role, disabled, email, limit, starting_after").map_err(Failure::Parameters)?;
        Ok((filter, page))
    }
}

/// One page of accounts.
pub(crate) async fn page(
    app: &App,
    caller: &Caller,
    (filter, page): &(Filter, Page),
) -> Result<List<AccountAnswer>, Failure> {
    may_manage(caller)?;
    let mut conn = app.accounts.acquire().await?;
    let after = match &page.after {
        None => None,
        Some(id) => {
            let last = account::one(&mut conn, id).await.map_err(|_| unknown_cursor())?;
            Some((last.created_at, last.account_id))
        }
    };
    let rows = account::list(&mut conn, filter, after, page.limit + 1).await?;
    let rows = rows.into_iter().map(AccountAnswer::from).collect();
    Ok(List::cut(PATH, rows, page.limit, |account: &AccountAnswer| account.account_id.clone()))
}

/// One account.
#[utoipa::path(get, path = "/v1/accounts/{account_id}", tag = "accounts", params(("account_id" = String, Path)), responses(
    (status = 200, description = "The account", body = AccountAnswer, headers(("etag" = String, description = "Its version"))),
    (status = "4XX", description = "Refused", body = Problem, content_type = "application/problem+json"),
), security(("key" = []), ("session" = [])))]
pub(super) async fn show(State(app): State<App>, caller: Caller, Named(id): Named) -> Response {
    object(shown(&app, &caller, &id)).await
}

/// One account.
pub(crate) async fn shown(app: &App, caller: &Caller, id: &str) -> Result<AccountAnswer, Failure> {
    may_manage(caller)?;
    let id = possible(id, no_such_account)?;
    account::one(&mut *app.accounts.acquire().await?, id).await.map(AccountAnswer::from)
}

/// Makes an account. A mail leads its owner to choose a password.
#[utoipa::path(post, path = PATH, tag = "accounts", request_body = Wanted, params(
    Repeatable,
), responses(
    (status = 201, description = "Made", body = AccountAnswer),
    (status = "4XX", description = "Refused", body = Problem, content_type = "application/problem+json"),
), security(("key" = []), ("session" = [])))]
pub(super) async fn create(State(app): State<App>, caller: Caller, request: Request) -> Response {
    let make = async |wanted| created(make(&app, &caller, wanted)).await;
    creation(&app, &caller, request, may_manage, make).await
}

/// Makes an account.
pub(crate) async fn make(app: &App, caller: &Caller, wanted: Wanted) -> Result<AccountAnswer, Failure> {
    may_manage(caller)?;
    let mut bad = Vec::new();
    let email = stored_email(&wanted.email);
    if !is_email(&email) {
        bad.push(wrong("email", "invalid_email", "write one address, such as ada@example.com"));
    }
    let name = name(&wanted.name).map_err(|words| bad.push(words)).unwrap_or_default();
    let role = Role::from_name(&wanted.role);
    if role.is_none() {
        bad.push(wrong("role", "unknown_value", "must be admin, reviewer, finance, vendor or affiliate"));
    }
    for (field, is_given, is_needed) in [
        ("vendor", wanted.vendor.is_some(), role == Some(Role::Vendor)),
        ("affiliate", wanted.affiliate.is_some(), role == Some(Role::Affiliate)),
    ] {
        if role.is_some() && is_given != is_needed {
            bad.push(wrong(field, "role_mismatch", "belongs to the role of that name, and to no other"));
        }
    }
    let role = role.filter(|_| bad.is_empty()).ok_or(Failure::Content(bad))?;
    let mut tx = app.accounts.begin().await.map_err(Failure::writing)?;
    let vendor_id = vendor(&mut tx, wanted.vendor.as_deref()).await?;
    let affiliate_id = affiliate(&mut tx, wanted.affiliate.as_deref()).await?;
    let new = NewAccount { email, name, role, vendor_id, affiliate_id, password_hash: None };
    let account_id = account::create(&mut tx, &new).await?;
    mailed::send(&mut tx, &app.front, &account_id, &new.email, Purpose::Welcome, now()).await?;
    let detail = json!({"email": new.email, "role": role.name()});
    audit::record(&mut tx, caller, "account.create", &account_id, vendor_id, affiliate_id, detail).await?;
    finished(tx, &account_id).await
}

async fn vendor(conn: &mut PgConnection, public_id: Option<&str>) -> Result<Option<i64>, Failure> {
    let Some(public_id) = public_id else { return Ok(None) };
    let found = sqlx::query_scalar!("select vendor_id from vendor where public_id = $1", public_id);
    let found = found.fetch_optional(conn).await?;
    found
        .map(Some)
        .ok_or_else(|| Failure::Content(vec![wrong("vendor", "no_such_vendor", "there is no such vendor")]))
}

async fn affiliate(conn: &mut PgConnection, public_id: Option<&str>) -> Result<Option<i64>, Failure> {
    let Some(public_id) = public_id else { return Ok(None) };
    let found = sqlx::query_scalar!("select affiliate_id from affiliate where public_id = $1", public_id);
    let found = found.fetch_optional(conn).await?;
    let missing =
        || Failure::Content(vec![wrong("affiliate", "no_such_affiliate", "there is no such affiliate")]);
    found.map(Some).ok_or_else(missing)
}

/// Changes the name, or an operator's role.
#[utoipa::path(patch, path = "/v1/accounts/{account_id}", tag = "accounts", request_body = Change, params(
    ("account_id" = String, Path),
    Versioned,
), responses(
    (status = 200, description = "As it is now", body = AccountAnswer),
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
        may_manage(&caller)?;
        amend(&app, &caller, &if_match, &id, body::decision(request).await?).await
    };
    object(changed).await
}

/// Changes an account's name, or an operator's role.
pub(crate) async fn amend(
    app: &App,
    caller: &Caller,
    if_match: &IfMatch,
    id: &str,
    change: Change,
) -> Result<AccountAnswer, Failure> {
    may_manage(caller)?;
    let name = change.name.as_deref().map(name).transpose().map_err(|bad| Failure::Content(vec![bad]))?;
    let (mut tx, account) = locked(app, if_match, id).await?;
    let role = change.role.as_deref().map(|role| operators_role(&account, role)).transpose()?;
    let was_admin = account.role == Role::Admin.name();
    if was_admin && role.is_some_and(|role| role != Role::Admin) {
        account::another_admin(&mut tx, &account).await?;
    }
    sqlx::query!(
        "update account set name = coalesce($2, name), role = coalesce($3, role), row_version = row_version + 1 \
         where account_id = $1",
        id,
        name,
        role.map(Role::name)
    )
    .execute(&mut *tx)
    .await
    .map_err(Failure::writing)?;
    let detail = json!({"name": name, "role": role.map(Role::name)});
    record(&mut tx, caller, "account.change", &account, detail).await?;
    finished(tx, id).await
}

/// Lets somebody in no longer, and ends every session they have.
#[utoipa::path(post, path = "/v1/accounts/{account_id}/disable", tag = "accounts", params(("account_id" = String, Path)), responses(
    (status = 200, description = "As it is now", body = AccountAnswer),
    (status = "4XX", description = "Refused", body = Problem, content_type = "application/problem+json"),
), security(("key" = []), ("session" = [])))]
pub(super) async fn disable(
    State(app): State<App>,
    caller: Caller,
    Named(id): Named,
    if_match: IfMatch,
) -> Response {
    object(disabled(&app, &caller, &if_match, &id)).await
}

/// Lets somebody in no longer.
pub(crate) async fn disabled(
    app: &App,
    caller: &Caller,
    if_match: &IfMatch,
    id: &str,
) -> Result<AccountAnswer, Failure> {
    may_manage(caller)?;
    let (mut tx, account) = locked(app, if_match, id).await?;
    if account.disabled_at.is_some() {
        return Err(illegal_state("account", "disabled", "disabled"));
    }
    if matches!(&caller.via, Via::Session { account_id, .. } if account_id == id) {
        let words = "nobody disables their own account; ask another";
        return Err(Failure::Conflict("own_account", words.to_owned()));
    }
    if account.role == Role::Admin.name() {
        account::another_admin(&mut tx, &account).await?;
    }
    session::end_others(&mut tx, id, None).await?;
    account::set_disabled(&mut tx, id, Some(now())).await?;
    record(&mut tx, caller, "account.disable", &account, json!({})).await?;
    finished(tx, id).await
}

/// Lets somebody in again.
#[utoipa::path(post, path = "/v1/accounts/{account_id}/enable", tag = "accounts", params(("account_id" = String, Path)), responses(
    (status = 200, description = "As it is now", body = AccountAnswer),
    (status = "4XX", description = "Refused", body = Problem, content_type = "application/problem+json"),
), security(("key" = []), ("session" = [])))]
pub(super) async fn enable(
    State(app): State<App>,
    caller: Caller,
    Named(id): Named,
    if_match: IfMatch,
) -> Response {
    object(enabled(&app, &caller, &if_match, &id)).await
}

/// Lets somebody in again.
pub(crate) async fn enabled(
    app: &App,
    caller: &Caller,
    if_match: &IfMatch,
    id: &str,
) -> Result<AccountAnswer, Failure> {
    may_manage(caller)?;
    let (mut tx, account) = locked(app, if_match, id).await?;
    if account.disabled_at.is_none() {
        return Err(illegal_state("account", "enabled", "enabled"));
    }
    account::set_disabled(&mut tx, id, None).await?;
    record(&mut tx, caller, "account.enable", &account, json!({})).await?;
    finished(tx, id).await
}

/// Takes password and second factor away, ends every session, and mails a link to begin anew.
#[utoipa::path(post, path = "/v1/accounts/{account_id}/reset", tag = "accounts", params(("account_id" = String, Path)), responses(
    (status = 200, description = "As it is now", body = AccountAnswer),
    (status = "4XX", description = "Refused", body = Problem, content_type = "application/problem+json"),
), security(("key" = []), ("session" = [])))]
pub(super) async fn reset(
    State(app): State<App>,
    caller: Caller,
    Named(id): Named,
    if_match: IfMatch,
) -> Response {
    object(begun_anew(&app, &caller, &if_match, &id)).await
}

/// Takes password and second factor away, and mails a link to begin anew.
pub(crate) async fn begun_anew(
    app: &App,
    caller: &Caller,
    if_match: &IfMatch,
    id: &str,
) -> Result<AccountAnswer, Failure> {
    may_manage(caller)?;
    let (mut tx, account) = locked(app, if_match, id).await?;
    if account.disabled_at.is_some() {
        return Err(illegal_state("account", "disabled", "reset"));
    }
    sqlx::query!(
        "update account set password_hash = null, totp_sealed = null, row_version = row_version + 1 where account_id = $1",
        id
    )
    .execute(&mut *tx)
    .await
    .map_err(Failure::writing)?;
    session::end_others(&mut tx, id, None).await?;
    mailed::send(&mut tx, &app.front, id, &account.email, Purpose::Welcome, now()).await?;
    record(&mut tx, caller, "account.reset", &account, json!({})).await?;
    let begun = finished(tx, id).await?;
    throttle::forgive(&app.accounts, &app.vault, Subject::Account(&account.email), None).await?;
    Ok(begun)
}

type Tx = sqlx::Transaction<'static, sqlx::Postgres>;

/// The account as it is now, until the transaction ends.
async fn locked(app: &App, if_match: &IfMatch, id: &str) -> Result<(Tx, Account), Failure> {
    let id = possible(id, no_such_account)?;
    let mut tx = app.accounts.begin().await.map_err(Failure::writing)?;
    let account = account::locked(&mut tx, id).await?;
    if_match.check(account.row_version)?;
    Ok((tx, account))
}

/// Commits, and shows what became of the account.
async fn finished(mut tx: Tx, id: &str) -> Result<AccountAnswer, Failure> {
    let account = account::one(&mut tx, id).await?;
    tx.commit().await.map_err(Failure::writing)?;
    Ok(AccountAnswer::from(account))
}

async fn record(
    conn: &mut PgConnection,
    caller: &Caller,
    action: &str,
    account: &Account,
    detail: Value,
) -> Result<(), Failure> {
    let (vendor, affiliate) = (account.vendor_id, account.affiliate_id);
    audit::record(conn, caller, action, &account.account_id, vendor, affiliate, detail).await
}

fn operators_role(account: &Account, wanted: &str) -> Result<Role, Failure> {
    let operator = |role: &Role| matches!(role, Role::Admin | Role::Reviewer | Role::Finance);
    let is_operator = Role::from_name(&account.role).is_some_and(|role| operator(&role));
    let known = Role::from_name(wanted);
    known.filter(operator).filter(|_| is_operator).ok_or_else(|| {
        let code = if known.is_some() { "role_mismatch" } else { "unknown_value" };
        let words = "an operator can become admin, reviewer or finance; a vendor or an affiliate stays one";
        Failure::Content(vec![wrong("role", code, words)])
    })
}

fn may_manage(caller: &Caller) -> Result<(), Failure> {
    caller.require(Scope::AccountsWrite)?;
    caller.require_operator()
}

fn name(typed: &str) -> Result<String, BadParameter> {
    let name = typed.trim();
    let is_name = (1..=MAX_NAME).contains(&name.chars().count())
        && !name.contains(|c: char| c.is_control() || "<>".contains(c));
    if is_name {
        Ok(name.to_owned())
    } else {
        Err(wrong("name", "invalid_name", "needs 1 to 200 characters on one line, without < and >"))
    }
}

fn wrong(field: &str, code: &'static str, detail: &str) -> BadParameter {
    BadParameter { field: field.to_owned(), code, detail: format!("`{field}`: {detail}") }
}

impl Object for AccountAnswer {
    fn row_version(&self) -> Option<i64> {
        Some(self.row_version)
    }

    fn path(&self) -> String {
        format!("{PATH}/{}", self.account_id)
    }
}

impl From<Account> for AccountAnswer {
    fn from(account: Account) -> Self {
        Self {
            object: "account",
            account_id: account.account_id,
            email: account.email,
            name: account.name,
            role: account.role,
            vendor: account.vendor,
            affiliate: account.affiliate,
            is_disabled: account.disabled_at.is_some(),
            has_password: account.has_password,
            has_totp: account.has_totp,
            email_verified_at: time(account.email_verified_at),
            disabled_at: time(account.disabled_at),
            created_at: rfc3339(account.created_at),
            row_version: account.row_version,
        }
    }
}
