//! Audit: what must hold in Postgres at every moment, as SQL that counts where it does not.
//!
//! All questions are asked of one snapshot, so the answers fit together even while flushes go on.

use std::time::Duration;

use anyhow::Context as _;
use runtime::{Shutdown, clock};
use sqlx::PgConnection;
use tracing::error;

use crate::jobs::attempt;
use crate::store::Stores;

/// How often everything is asked, at most.
const INTERVAL: Duration = Duration::from_mins(1);
/// The whole of the books is read each time. Where that takes long it is done less often, so that Postgres is busy
/// with it for a tenth of the time at most.
const REST: u32 = 9;

/// Something that must hold, and how often it does not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Finding {
    /// The name of the question's file, for metrics.
    pub name: &'static str,
    /// What must hold, in words.
    pub invariant: &'static str,
    /// Where it does not. Must be 0.
    pub violations: i64,
}

/// Asks everything again and again, until told to stop. Never fails: an error is for the next time.
pub async fn run(stores: Stores, shutdown: Shutdown) -> anyhow::Result<()> {
    loop {
        let begun = clock::monotonic();
        if let Some(findings) = attempt("audit", "audit", audit(&stores)).await {
            findings.iter().for_each(export);
        }
        if !shutdown.sleep(INTERVAL.max(begun.elapsed() * REST)).await {
            return Ok(());
        }
    }
}

fn export(finding: &Finding) {
    let Finding { name, invariant, violations } = *finding;
    metrics::gauge!("aggregator_invariant_violations", "invariant" => name).set(violations as f64);
    if violations != 0 {
        error!(violations, "does not hold: {invariant}");
    }
}

/// Asks everything.
pub async fn audit(stores: &Stores) -> anyhow::Result<Vec<Finding>> {
    let mut tx = stores.postgres.begin().await.context("cannot reach Postgres")?;
    one_snapshot(&mut tx).await?;
    macro_rules! ask {
        ($($invariant:literal => $file:literal),+ $(,)?) => {
            vec![$(Finding {
                name: stem($file),
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
        "every booking sums to zero" => "src/audit/transactions_balance.sql",
        "the whole ledger sums to zero" => "src/audit/ledger_is_zero.sql",
        "whoever is credited has the commission, and nobody else" => "src/audit/books_are_commission.sql",
        "every order's expense = its commission, of what remains" => "src/audit/commission_is_of_remains.sql",
        "every order = the sum of its lines" => "src/audit/lines_are_orders.sql",
        "no cash above what was approved" => "src/audit/cash_is_approved.sql",
        "every payout line's payment = its cash" => "src/audit/payouts_are_cash.sql",
        "every order's payment = its cash" => "src/audit/orders_are_paid_in_cash.sql",
        "every link and day = the sum of its orders" => "src/audit/days_are_orders.sql",
        "every link and day of orders is whose the link is" => "src/audit/days_are_of_their_links.sql",
        "every link's commission = its expense" => "src/audit/days_are_ledger.sql",
        "every rolled-up hour = the clicks of its rows" => "src/audit/rollups_are_clicks.sql",
        "every rolled-up day's splits = its human clicks" => "src/audit/rollups_are_splits.sql",
        "every rolled-up day = the orders of its rows" => "src/audit/rollups_are_orders.sql",
        "every kept span's links and groups = its hours" => "src/audit/rankings_are_clicks.sql",
        "every kept span's earners = the orders of its days" => "src/audit/earners_are_sales.sql",
        "today's kept hours, links and groups = the clicks of its rows" => "src/audit/today_is_clicks.sql",
        "the tally of affiliates = the affiliates" => "src/audit/tally_is_affiliates.sql",
        "order, link and booking are of one vendor" => "src/audit/one_vendor.sql",
        "every event is folded into its order" => "src/audit/events_are_folded.sql",
        "nothing is payable of held orders" => "src/audit/held_is_not_payable.sql",
        "a second person decided every payout" => "src/audit/second_person.sql",
    })
}

/// The name of a question's file.
fn stem(file: &'static str) -> &'static str {
    let name = file.rsplit('/').next().unwrap_or(file);
    name.strip_suffix(".sql").unwrap_or(name)
}

/// The findings as people read them, one a line.
pub fn table(findings: &[Finding]) -> String {
    let line = |finding: &Finding| format!("{:>10}  {}", finding.violations, finding.invariant);
    let lines: Vec<String> = findings.iter().map(line).collect();
    format!("violations  must hold\n{}", lines.join("\n"))
}

/// Of one moment, without a hurry: the whole of the counts is read, which may take longer than a flush is given, and must
/// not take every core from those who serve people.
async fn one_snapshot(tx: &mut PgConnection) -> anyhow::Result<()> {
    for setting in [
        "set transaction isolation level repeatable read, read only",
        "set local statement_timeout = '1h'",
        "set local max_parallel_workers_per_gather = 0",
    ] {
        sqlx::query(setting).execute(&mut *tx).await.context("cannot take a snapshot")?;
    }
    Ok(())
}
