//! `console create-operator`: the first people of a programme are made on the command line.

use anyhow::Context as _;
use chrono::{DateTime, Utc};
use runtime::{Secret, clock};
use serde_json::{Value, json};
use sqlx::PgPool;

use super::account::{NewAccount, create};
use super::mailed::{self, Purpose};
use super::password::{self, Passwords};
use crate::audit;
use crate::auth::Role;
use crate::problem::Failure;

/// Who is to be made.
#[derive(Clone, Debug)]
pub struct Operator {
    /// The address, as it is stored.
    pub email: String,
    /// What people call them.
    pub name: String,
    /// One of the operators' roles.
    pub role: Role,
    /// Without one, a link to choose it is printed.
    pub password: Option<Secret>,
    /// What the link begins with.
    pub base_url: String,
    /// Whether to make one beside others.
    pub company: Company,
}

/// Whether there may be accounts already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Company {
    /// Makes one whoever is there.
    Any,
    /// Makes one only if nobody is there.
    First,
}

/// Makes an operator and says how they get in.
pub async fn make(pool: &PgPool, operator: Operator) -> anyhow::Result<Value> {
    let hash = match &operator.password {
        None => None,
        Some(secret) => {
            password::check(secret.expose(), &[&operator.email, &operator.name]).map_err(told)?;
            let passwords = Passwords::new()?;
            Some(passwords.hash(secret.expose().to_owned()).await.map_err(told)?)
        }
    };
    let mut tx = pool.begin().await.context("cannot reach the database")?;
    if operator.company == Company::First {
        let somebody = sqlx::query_scalar!("select email from account order by created_at limit 1");
        if let Some(email) = somebody.fetch_optional(&mut *tx).await? {
            return Ok(json!({"object": "account", "made": false, "first": email}));
        }
    }
    let Operator { email, name, role, base_url, .. } = operator;
    let has_password = hash.is_some();
    let new = NewAccount {
        email: email.clone(),
        name,
        role,
        vendor_id: None,
        affiliate_id: None,
        password_hash: hash,
    };
    let account_id = create(&mut tx, &new).await.map_err(told)?;
    let now: DateTime<Utc> = clock::system_time().into();
    let link = if has_password {
        None
    } else {
        Some(mailed::link(&mut tx, &base_url, &account_id, Purpose::Welcome, now).await.map_err(told)?)
    };
    let detail = json!({"email": email, "role": role.name()});
    audit::record_as(&mut tx, "command line", "account.create", &account_id, None, None, detail)
        .await
        .map_err(told)?;
    tx.commit().await.context("cannot write the account down")?;
    Ok(
        json!({"object": "account", "made": true, "account_id": account_id, "email": email, "role": role.name(),
        "set_password": link}),
    )
}

fn told(failure: Failure) -> anyhow::Error {
    anyhow::Error::new(failure)
}
