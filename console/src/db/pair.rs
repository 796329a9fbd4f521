//! Two connections that see one instant, so that a page whose statements add up is read by two cores at once.

use sqlx::{AssertSqlSafe, PgConnection, PgPool, Postgres, Transaction};

use super::{act_as, snapshot};
use crate::auth::Tenant;

/// A snapshot and, where a connection was idle, a second one of the same instant for the same tenant.
pub struct Pair {
    first: Transaction<'static, Postgres>,
    second: Option<Transaction<'static, Postgres>>,
}

impl Pair {
    /// Opens what the tenant may see. Nobody waits for the second connection, because whoever holds one while waiting for
    /// another may wait for somebody who does the same.
    pub async fn open(pool: &PgPool, tenant: Tenant) -> sqlx::Result<Self> {
        let mut first = snapshot(pool).await?;
        let second = if pool.num_idle() > 0 { Self::same(pool, &mut first).await? } else { None };
        let mut pair = Self { first, second };
        act_as(&mut pair.first, tenant).await?;
        if let Some(second) = &mut pair.second {
            act_as(second, tenant).await?;
        }
        Ok(pair)
    }

    /// The instant that `first` sees, on another connection. `None`: it was taken meanwhile.
    async fn same(
        pool: &PgPool,
        first: &mut PgConnection,
    ) -> sqlx::Result<Option<Transaction<'static, Postgres>>> {
        let exported =
            sqlx::query_scalar!(r#"select pg_export_snapshot() as "name!""#).fetch_one(first).await?;
        // The name is Postgres' own: digits and dashes.
        let begin =
            format!("begin isolation level repeatable read read only; set transaction snapshot '{exported}'");
        pool.try_begin_with(AssertSqlSafe(begin)).await
    }

    /// The first connection, for what comes before or after.
    pub fn first(&mut self) -> &mut PgConnection {
        &mut self.first
    }

    /// Reads two things at once, or one after the other on one connection. Both are read to their end even when one
    /// fails: a pool loses a connection to a future that is dropped half way.
    pub async fn read<A, B, E>(
        &mut self,
        one: impl AsyncFnOnce(&mut PgConnection) -> Result<A, E>,
        other: impl AsyncFnOnce(&mut PgConnection) -> Result<B, E>,
    ) -> Result<(A, B), E> {
        let (one, other) = match &mut self.second {
            Some(second) => tokio::join!(one(&mut self.first), other(second)),
            None => (one(&mut self.first).await, other(&mut self.first).await),
        };
        Ok((one?, other?))
    }

    /// Gives both connections back.
    pub async fn commit(self) -> sqlx::Result<()> {
        if let Some(second) = self.second {
            second.commit().await?;
        }
        self.first.commit().await
    }
}
