//! Where an affiliate is paid. The number is sealed before it reaches Postgres, and no answer, letter or record has more of
//! it than the last four characters. A change holds payouts for the cooling-off period.

pub(crate) mod number;

use axum::extract::{Request, State};
use axum::response::Response;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::json;
use sqlx::PgConnection;
use utoipa::ToSchema;

use self::number::{AccountNumber, BadNumber, bic};
use super::{find, letters, no_such_affiliate, own_affiliate};
use crate::api::answer::rfc3339;
use crate::auth::{Caller, Scope};
use crate::conventions::{BranchCode, Called, Named, json, now};
use crate::problem::{BadParameter, Failure, Problem};
use crate::server::App;
use crate::vault::{self, Vault};
use crate::{audit, body, db};

/// Characters of the names of a bank and of a holder, as in Postgres.
const MAX_NAME: usize = 200;

/// Characters of a branch's code: sort codes, routing numbers and the like are shorter.
const MAX_BRANCH: usize = 20;

/// An account as it is sent.
#[derive(Deserialize, ToSchema)]
#[schema(as = BankAccountSent)]
#[serde(deny_unknown_fields)]
pub(crate) struct Sent {
    #[schema(value_type = Called)]
    pub(crate) bank_name: String,
    /// Digits and letters; an IBAN must have good check digits.
    #[schema(max_length = 34, pattern = r"^[A-Za-z0-9]{3,33}[0-9]$")]
    pub(crate) account_number: String,
    #[schema(value_type = Called)]
    pub(crate) account_name: String,
    #[schema(
        example = "DEUTDEFF",
        pattern = r"^ *$|^[A-Za-z0-9]{4}[A-Za-z]{2}[A-Za-z0-9]{2}([A-Za-z0-9]{3})?$"
    )]
    pub(crate) swift_bic: Option<String>,
    #[schema(value_type = Option<BranchCode>)]
    pub(crate) branch_code: Option<String>,
}

/// An account, found good.
struct Given {
    bank_name: String,
    account_name: String,
    number: AccountNumber,
    sealed: Sealed,
}

/// What is sealed, as JSON.
#[derive(Serialize, Deserialize)]
struct Sealed {
    account_number: String,
    swift_bic: Option<String>,
    branch_code: Option<String>,
}

/// An account as everybody may see it.
#[derive(Debug, Clone)]
pub(crate) struct BankAccount {
    pub(crate) bank_name: Option<String>,
    pub(crate) account_name: Option<String>,
    pub(crate) masked_number: Option<String>,
    pub(crate) changed_at: DateTime<Utc>,
}

/// An account as programs read it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct BankAccountAnswer {
    #[schema(example = "bank_account")]
    pub(crate) object: &'static str,
    pub(crate) bank_name: Option<String>,
    pub(crate) account_name: Option<String>,
    /// The last four characters.
    pub(crate) account_number: Option<String>,
    /// Only for operators who ask for the account itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) swift_bic: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) branch_code: Option<String>,
    pub(crate) changed_at: String,
}

impl BankAccountAnswer {
    /// What may stand in any answer.
    pub(super) fn masked(account: BankAccount) -> Self {
        Self {
            object: "bank_account",
            bank_name: account.bank_name,
            account_name: account.account_name,
            account_number: account.masked_number,
            swift_bic: None,
            branch_code: None,
            changed_at: rfc3339(account.changed_at),
        }
    }
}

/// The caller's own account.
#[utoipa::path(get, path = "/v1/affiliate/bank-account", tag = "affiliates", responses(
    (status = 200, description = "The account, its number masked", body = BankAccountAnswer),
    (status = "4XX", description = "Refused", body = Problem, content_type = "application/problem+json"),
), security(("key" = []), ("session" = [])))]
pub(super) async fn own(State(app): State<App>, caller: Caller) -> Response {
    json(shown_own(&app, &caller)).await
}

/// Any affiliate's account, for operators: with the codes of bank and branch, which leaves a line in the audit.
#[utoipa::path(get, path = "/v1/affiliates/{affiliate_id}/bank-account", tag = "affiliates", params(
    ("affiliate_id" = String, Path, description = "`aff_…`"),
), responses(
    (status = 200, description = "The account, its number masked", body = BankAccountAnswer),
    (status = "4XX", description = "Refused", body = Problem, content_type = "application/problem+json"),
), security(("key" = []), ("session" = [])))]
pub(super) async fn of_affiliate(State(app): State<App>, caller: Caller, Named(id): Named) -> Response {
    json(shown(&app, &caller, &id)).await
}

/// Says where the caller is paid.
#[utoipa::path(put, path = "/v1/affiliate/bank-account", tag = "affiliates", request_body = Sent, responses(
    (status = 200, description = "The account, its number masked", body = BankAccountAnswer),
    (status = "4XX", description = "Refused", body = Problem, content_type = "application/problem+json"),
), security(("key" = []), ("session" = [])))]
pub(super) async fn put_own(State(app): State<App>, caller: Caller, request: Request) -> Response {
    let written = async {
        may_set_own(&caller)?;
        set_own(&app, &caller, body::decision(request).await?).await
    };
    json(written).await
}

/// Says where an affiliate is paid, for somebody who cannot.
#[utoipa::path(put, path = "/v1/affiliates/{affiliate_id}/bank-account", tag = "affiliates", params(
    ("affiliate_id" = String, Path, description = "`aff_…`"),
), request_body = Sent, responses(
    (status = 200, description = "The account, its number masked", body = BankAccountAnswer),
    (status = "4XX", description = "Refused", body = Problem, content_type = "application/problem+json"),
), security(("key" = []), ("session" = [])))]
pub(super) async fn put_of_affiliate(
    State(app): State<App>,
    caller: Caller,
    Named(id): Named,
    request: Request,
) -> Response {
    let written = async {
        may_set(&caller)?;
        set(&app, &caller, &id, body::decision(request).await?).await
    };
    json(written).await
}

/// The caller's own account.
pub(crate) async fn shown_own(app: &App, caller: &Caller) -> Result<BankAccountAnswer, Failure> {
    let affiliate_id = own_affiliate(caller)?;
    let mut snapshot = db::tenant_snapshot(app, caller).await?;
    let account = masked(&mut snapshot, affiliate_id).await?.ok_or_else(no_account)?;
    snapshot.commit().await?;
    Ok(BankAccountAnswer::masked(account))
}

/// Any affiliate's account with its codes, which leaves a line in the audit.
pub(crate) async fn shown(app: &App, caller: &Caller, id: &str) -> Result<BankAccountAnswer, Failure> {
    caller.require_operator()?;
    caller.require(Scope::AffiliatesRead)?;
    let mut tx = db::tenant_tx(app, caller).await.map_err(Failure::writing)?;
    let affiliate_id = find(&mut tx, id).await?.ok_or_else(no_such_affiliate)?;
    let account = masked(&mut tx, affiliate_id).await?.ok_or_else(no_account)?;
    let mut answer = BankAccountAnswer::masked(account);
    if let Some(opened) = open(&mut tx, &app.vault, affiliate_id, id).await? {
        (answer.swift_bic, answer.branch_code) = (opened.swift_bic, opened.branch_code);
    }
    audit::record(&mut tx, caller, "bank_account.read", id, None, Some(affiliate_id), json!({})).await?;
    tx.commit().await.map_err(Failure::writing)?;
    Ok(answer)
}

/// Says where the caller is paid.
pub(crate) async fn set_own(app: &App, caller: &Caller, sent: Sent) -> Result<BankAccountAnswer, Failure> {
    let affiliate_id = may_set_own(caller)?;
    let given = judge(sent)?;
    let mut tx = db::tenant_tx(app, caller).await.map_err(Failure::writing)?;
    let public_id =
        sqlx::query_scalar!("select public_id from affiliate where affiliate_id = $1", affiliate_id)
            .fetch_one(&mut *tx)
            .await?;
    let account = write(&mut tx, &app.vault, caller, affiliate_id, &public_id, given).await?;
    tx.commit().await.map_err(Failure::writing)?;
    Ok(account)
}

/// Says where an affiliate is paid.
pub(crate) async fn set(
    app: &App,
    caller: &Caller,
    id: &str,
    sent: Sent,
) -> Result<BankAccountAnswer, Failure> {
    may_set(caller)?;
    let given = judge(sent)?;
    let mut tx = db::tenant_tx(app, caller).await.map_err(Failure::writing)?;
    let affiliate_id = find(&mut tx, id).await?.ok_or_else(no_such_affiliate)?;
    let account = write(&mut tx, &app.vault, caller, affiliate_id, id, given).await?;
    tx.commit().await.map_err(Failure::writing)?;
    Ok(account)
}

/// The affiliate whose account is the caller's own to set, now.
pub(crate) fn may_set_own(caller: &Caller) -> Result<i64, Failure> {
    let affiliate_id = own_affiliate(caller)?;
    caller.require(Scope::ProgrammeWrite)?;
    caller.require_recent(now())?;
    Ok(affiliate_id)
}

fn may_set(caller: &Caller) -> Result<(), Failure> {
    caller.require_operator()?;
    caller.require(Scope::AffiliatesWrite)?;
    caller.require_recent(now())
}

fn no_account() -> Failure {
    Failure::Missing("no_bank_account", "there is no bank account yet; PUT one here".to_owned())
}

/// The account as everybody may see it.
pub(crate) async fn masked(conn: &mut PgConnection, affiliate_id: i64) -> sqlx::Result<Option<BankAccount>> {
    sqlx::query_as!(
        BankAccount,
        "select bank_name, account_name, masked_number, changed_at from bank_account where affiliate_id = $1",
        affiliate_id
    )
    .fetch_optional(conn)
    .await
}

/// What is sealed. Accounts that were entered before there was a seal have nothing.
async fn open(
    conn: &mut PgConnection,
    vault: &Vault,
    affiliate_id: i64,
    public_id: &str,
) -> Result<Option<Sealed>, Failure> {
    let sealed = sqlx::query_scalar!("select sealed from bank_account where affiliate_id = $1", affiliate_id)
        .fetch_one(conn)
        .await?;
    let Some(sealed) = sealed else { return Ok(None) };
    let plain = vault.open(vault::Purpose::BankAccount, public_id, &sealed)?;
    let opened =
        serde_json::from_slice(&plain).map_err(|_| Failure::CannotOpen(vault::Purpose::BankAccount))?;
    Ok(Some(opened))
}

/// Judges an account, and names everything wrong with it without repeating it.
fn judge(sent: Sent) -> Result<Given, Failure> {
    let mut flaws = Vec::new();
    let mut flaw = |field: &str, code: &'static str, words: &str| {
        flaws.push(BadParameter { field: field.to_owned(), code, detail: format!("`{field}` {words}") });
    };
    let (bank_name, account_name) = (sent.bank_name.trim().to_owned(), sent.account_name.trim().to_owned());
    for (field, name) in [("bank_name", &bank_name), ("account_name", &account_name)] {
        if !(1..=MAX_NAME).contains(&name.chars().count()) || name.chars().any(char::is_control) {
            flaw(field, "invalid_name", "must be 1 to 200 characters on one line");
        }
    }
    let number = AccountNumber::parse(&sent.account_number)
        .map_err(|bad| match bad {
            BadNumber::Shape => {
                flaw("account_number", "invalid_account_number", "must be 4 to 34 digits and letters");
            }
            BadNumber::Checksum => {
                flaw(
                    "account_number",
                    "invalid_iban",
                    "looks like an IBAN, but its check digits do not fit: look for a slip",
                );
            }
        })
        .ok();
    let said = |text: Option<String>| text.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
    let swift_bic = said(sent.swift_bic).and_then(|text| {
        let code = bic(&text);
        if code.is_none() {
            flaw("swift_bic", "invalid_swift_bic", "must be 8 or 11 characters such as DEUTDEFF");
        }
        code
    });
    let branch_code = said(sent.branch_code);
    let is_code = |code: &String| {
        code.len() <= MAX_BRANCH
            && code.bytes().all(|byte| byte.is_ascii_alphanumeric() || b" -".contains(&byte))
    };
    if !branch_code.as_ref().is_none_or(is_code) {
        flaw("branch_code", "invalid_branch_code", "must be at most 20 digits, letters, spaces and hyphens");
    }
    match number {
        Some(number) if flaws.is_empty() => {
            let account_number = number.as_str().to_owned();
            Ok(Given {
                bank_name,
                account_name,
                number,
                sealed: Sealed { account_number, swift_bic, branch_code },
            })
        }
        _ => Err(Failure::Content(flaws)),
    }
}

/// The account, the record and the letter. The answer is what everybody may see.
async fn write(
    conn: &mut PgConnection,
    vault: &Vault,
    caller: &Caller,
    affiliate_id: i64,
    public_id: &str,
    given: Given,
) -> Result<BankAccountAnswer, Failure> {
    let plain = serde_json::to_vec(&given.sealed).map_err(|error| Failure::Fault(error.to_string()))?;
    let sealed = vault.seal(vault::Purpose::BankAccount, public_id, &plain)?;
    let hash = vault.lasting_hash(vault::Purpose::BankAccountHash, given.number.as_str().as_bytes())?;
    let masked_number = given.number.masked();
    // Two changes at once come one after the other. (`on conflict` would have to read what an affiliate's role may not.)
    sqlx::query!(
        "select affiliate_id from affiliate where affiliate_id = $1 for no key update",
        affiliate_id
    )
    .fetch_one(&mut *conn)
    .await
    .map_err(Failure::writing)?;
    let changed = sqlx::query!(
        "update bank_account set account_hash = $2, sealed = $3, bank_name = $4, account_name = $5, masked_number = $6, \
         changed_at = now() where affiliate_id = $1",
        affiliate_id,
        hash.as_slice(),
        sealed,
        given.bank_name,
        given.account_name,
        masked_number
    );
    if changed.execute(&mut *conn).await.map_err(Failure::writing)?.rows_affected() == 0 {
        sqlx::query!(
            "insert into bank_account (affiliate_id, account_hash, sealed, bank_name, account_name, masked_number, changed_at) \
             values ($1, $2, $3, $4, $5, $6, now())",
            affiliate_id,
            hash.as_slice(),
            sealed,
            given.bank_name,
            given.account_name,
            masked_number
        )
        .execute(&mut *conn)
        .await
        .map_err(Failure::writing)?;
    }
    audit::record(conn, caller, "bank_account.change", public_id, None, Some(affiliate_id), json!({}))
        .await?;
    letters::bank_account_changed(conn, affiliate_id, &masked_number).await?;
    let account = masked(conn, affiliate_id).await?.ok_or_else(no_account)?;
    Ok(BankAccountAnswer::masked(account))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(more: &str) -> Sent {
        let text = format!(r#"{{"bank_name": "Example Bank", "account_name": "Mara W", {more}}}"#);
        serde_json::from_str(&text).expect(&text)
    }

    #[test]
    fn what_is_wrong_is_named_and_not_repeated() {
        let bad = sent(
            r#""account_number": "DE75512108001245126198", "swift_bic": "NOPE", "branch_code": "12/34""#,
        );
        let Err(Failure::Content(flaws)) = judge(bad) else { panic!("three flaws") };
        let seen: Vec<&str> = flaws.iter().map(|flaw| flaw.code).collect();
        assert_eq!(seen, ["invalid_iban", "invalid_swift_bic", "invalid_branch_code"]);
        assert!(flaws.iter().all(|flaw| !flaw.detail.contains("5126198")));
    }

    #[test]
    fn blank_codes_are_none() {
        let Ok(good) = judge(sent(r#""account_number": "1234 5678", "swift_bic": " ", "branch_code": null"#))
        else {
            panic!("a good account")
        };
        assert_eq!((good.sealed.swift_bic, good.sealed.branch_code), (None, None));
        assert_eq!(good.sealed.account_number, "12345678");
    }
}
