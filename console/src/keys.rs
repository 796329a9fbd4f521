//! Keys, webhook endpoints and operators, made and ended on the command line by whoever may write to the database; and
//! the endpoints that a vendor makes for its own shop.
//!
//! A secret is printed once, as a line of JSON on standard output, and never again: of an API key only the hash is
//! kept, a webhook secret is kept sealed.

mod command;
mod make;
pub(crate) mod own;

use serde_json::Value;
use sqlx::postgres::{PgConnectOptions, PgPool};

pub use self::command::{Action, Command, EndpointSource};
use crate::accounts::operator;
use crate::db;
use crate::seal::Seal;

/// One thing to do, found good.
#[derive(Debug)]
pub struct Task {
    /// Where to do it.
    pub database: PgConnectOptions,
    /// Seals webhook secrets. There whenever the action needs it.
    pub seal: Option<Seal>,
    /// What to do.
    pub action: Action,
}

impl Task {
    /// Does it, and says what was made or ended.
    pub async fn run(self) -> anyhow::Result<Value> {
        let purpose = match &self.action {
            Action::CreateOperator(_) => db::Purpose::Accounts,
            _ => db::Purpose::Operate,
        };
        let pool = db::pool(self.database, purpose);
        let done = perform(&pool, self.seal.as_ref(), self.action).await;
        pool.close().await;
        done
    }
}

/// Does one thing through a pool that may.
pub async fn perform(pool: &PgPool, seal: Option<&Seal>, action: Action) -> anyhow::Result<Value> {
    let sealed = || seal.ok_or_else(|| anyhow::anyhow!("CONSOLE_SECRET is missing"));
    match action {
        Action::CreateApiKey { name, vendor, scopes } => make::api_key(pool, &name, vendor, &scopes).await,
        Action::CreateOperator(operator) => operator::make(pool, operator).await,
        Action::RevokeApiKey { id } => make::revoke(pool, &id).await,
        Action::CreateWebhook { source, vendor, secret } => {
            make::webhook(pool, sealed()?, source, vendor, secret).await
        }
        Action::RotateWebhookSecret { endpoint, secret, overlap } => {
            make::rotate(pool, sealed()?, &endpoint, secret, overlap).await
        }
        Action::DisableWebhook { endpoint } => make::disable(pool, &endpoint).await,
    }
}
