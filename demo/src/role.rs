//! On whose behalf something is written: each service's own group of rights, as its service has them and no more.

use anyhow::Context as _;
use sqlx::PgConnection;

/// A service's rights.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// Counts and books.
    Aggregator,
    /// Takes in what shops report.
    Intake,
    /// Writes down what people decide.
    Operator,
    /// Keeps the tables in order. Writes no row.
    Owner,
}

/// Takes on a role until the next one, or the end of the transaction.
pub(crate) async fn act_as(tx: &mut PgConnection, role: Role) -> anyhow::Result<()> {
    let statement = match role {
        Role::Aggregator => "set local role linkledger_aggregator",
        Role::Intake => "set local role linkledger_intake",
        Role::Operator => "set local role linkledger_operator",
        Role::Owner => "set local role none",
    };
    sqlx::query(statement).execute(tx).await.with_context(|| format!("cannot act as {role:?}")).map(drop)
}
