//! Audit: what must hold in Postgres at every moment, as SQL that counts where it does not.
//!
//! All questions are asked of one snapshot, so the answers fit together even while flushes go on.

use anyhow::Context as _;
use sqlx::PgConnection;

use crate::store::Stores;

/// Something that must hold, and how often it does not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Finding {
    /// What must hold, in words.
    pub invariant: &'static str,
    /// Where it does not. Must be 0.
    pub violations: i64,
}

/// Asks everything.
pub async fn audit(stores: &Stores) -> anyhow::Result<Vec<Finding>> {
    let mut tx = stores.postgres.begin().await.context("cannot reach Postgres")?;
    one_snapshot(&mut tx).await?;
    macro_rules! ask {
        ($($invariant:literal => $file:literal),+ $(,)?) => {
            vec![$(Finding {
                invariant: $invariant,
                violations: sqlx::query_file_scalar!($file)
                    .fetch_one(&mut *tx)
                    .await
                    .with_context(|| format!("cannot ask whether {}", $invariant))?,
            }),+]
        };
    }
    Ok(ask! {
        "every partition's clicks = its pruned clicks + its batches" => "src/audit/clicks_are_batches.sql",
        "the clicks of all partitions = the clicks of all hours" => "src/audit/clicks_are_counted.sql",
        "every lane's batches follow one another without a gap" => "src/audit/lanes_without_gap.sql",
        "every batch counts what the journals claim" => "src/audit/batches_as_claimed.sql",
        "every partition's claims = its clicks" => "src/audit/claims_are_clicks.sql",
        "every link and day: clicks by hour = by platform" => "src/audit/hours_are_platforms.sql",
        "every link and day: clicks by hour = by origin" => "src/audit/hours_are_origins.sql",
        "every link and day with human clicks has unique visits" => "src/audit/visits_are_estimated.sql",
    })
}

/// The findings as people read them, one a line.
pub fn table(findings: &[Finding]) -> String {
    let line = |finding: &Finding| format!("{:>10}  {}", finding.violations, finding.invariant);
    let lines: Vec<String> = findings.iter().map(line).collect();
    format!("violations  must hold\n{}", lines.join("\n"))
}

async fn one_snapshot(tx: &mut PgConnection) -> anyhow::Result<()> {
    // The whole of the counts is read: this may take longer than a flush is given.
    for setting in
        ["set transaction isolation level repeatable read, read only", "set local statement_timeout = '1h'"]
    {
        sqlx::query(setting).execute(&mut *tx).await.context("cannot take a snapshot")?;
    }
    Ok(())
}
