//! Accounts as rows: made, read, listed.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;

use crate::auth::Role;
use crate::problem::{BadParameter, Failure};

/// Somebody to be.
#[derive(Clone, Debug)]
pub struct NewAccount {
    /// The address, as it is stored: see [`super::stored_email`].
    pub email: String,
    /// What people call them.
    pub name: String,
    /// What they are to the programme.
    pub role: Role,
    /// The vendor they act for; with the role of a vendor, and only then.
    pub vendor_id: Option<i64>,
    /// The affiliate they act for; with the role of an affiliate, and only then.
    pub affiliate_id: Option<i64>,
    /// A hash to sign in with, if there is a password already.
    pub password_hash: Option<String>,
}

/// An account as administrators see it.
#[derive(Clone, Debug)]
#[expect(clippy::struct_field_names, reason = "keys carry the table's name")]
pub(crate) struct Account {
    pub(crate) account_id: String,
    pub(crate) email: String,
    pub(crate) name: String,
    pub(crate) role: String,
    pub(crate) vendor: Option<String>,
    pub(crate) affiliate: Option<String>,
    pub(crate) vendor_id: Option<i64>,
    pub(crate) affiliate_id: Option<i64>,
    pub(crate) has_password: bool,
    pub(crate) has_totp: bool,
    pub(crate) email_verified_at: Option<DateTime<Utc>>,
    pub(crate) disabled_at: Option<DateTime<Utc>>,
    pub(crate) created_at: DateTime<Utc>,
    pub(crate) row_version: i64,
}

/// What a list is narrowed to.
#[derive(Clone, Debug, Default)]
pub(crate) struct Filter {
    pub(crate) role: Option<String>,
    pub(crate) is_disabled: Option<bool>,
    pub(crate) email: Option<String>,
}

/// Makes an account. An address that has one already is refused.
pub async fn create(conn: &mut PgConnection, new: &NewAccount) -> Result<String, Failure> {
    let made = sqlx::query_scalar!(
        "insert into account (email, name, role, vendor_id, affiliate_id, password_hash) values ($1, $2, $3, $4, $5, $6) \
         on conflict (email) do nothing returning account_id",
        new.email,
        new.name,
        new.role.name(),
        new.vendor_id,
        new.affiliate_id,
        new.password_hash
    );
    made.fetch_optional(conn).await.map_err(Failure::writing)?.ok_or_else(|| {
        Failure::Content(vec![BadParameter {
            field: "email".to_owned(),
            code: "email_taken",
            detail: "there is an account with this address already".to_owned(),
        }])
    })
}

/// One account, locked until the transaction ends.
pub(super) async fn locked(conn: &mut PgConnection, account_id: &str) -> Result<Account, Failure> {
    sqlx::query!("select account_id from account where account_id = $1 for update", account_id)
        .fetch_optional(&mut *conn)
        .await
        .map_err(Failure::writing)?;
    one(conn, account_id).await
}

/// One account.
pub(crate) async fn one(conn: &mut PgConnection, account_id: &str) -> Result<Account, Failure> {
    let found = sqlx::query_file_as!(
        Account,
        "src/accounts/accounts.sql",
        account_id,
        None::<String>,
        None::<bool>,
        None::<String>,
        None::<DateTime<Utc>>,
        None::<String>,
        1_i64
    );
    found.fetch_optional(conn).await?.ok_or_else(no_such_account)
}

/// Accounts that fit, newest first.
pub(super) async fn list(
    conn: &mut PgConnection,
    filter: &Filter,
    after: Option<(DateTime<Utc>, String)>,
    limit: i64,
) -> Result<Vec<Account>, Failure> {
    let (at, id) = after.unzip();
    let found = sqlx::query_file_as!(
        Account,
        "src/accounts/accounts.sql",
        None::<String>,
        filter.role,
        filter.is_disabled,
        filter.email,
        at,
        id,
        limit
    );
    Ok(found.fetch_all(conn).await?)
}

pub(super) fn no_such_account() -> Failure {
    Failure::Missing("no_such_account", "there is no such account".to_owned())
}

/// Disables an account at an instant, or enables it again.
pub(super) async fn set_disabled(
    conn: &mut PgConnection,
    id: &str,
    at: Option<DateTime<Utc>>,
) -> Result<(), Failure> {
    sqlx::query!(
        "update account set disabled_at = $2, row_version = row_version + 1 where account_id = $1",
        id,
        at
    )
    .execute(conn)
    .await
    .map_err(Failure::writing)?;
    Ok(())
}

/// Refuses to leave the programme without an administrator. Two who end each other wait in line here.
pub(super) async fn another_admin(conn: &mut PgConnection, account: &Account) -> Result<(), Failure> {
    let admins = sqlx::query_scalar!(
        "select account_id from account where role = 'admin' and disabled_at is null order by account_id for update"
    );
    let admins = admins.fetch_all(conn).await.map_err(Failure::writing)?;
    if admins.iter().any(|id| *id != account.account_id) {
        Ok(())
    } else {
        Err(Failure::Conflict(
            "last_admin",
            "this is the last administrator; make another one first".to_owned(),
        ))
    }
}
