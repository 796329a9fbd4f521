//! Two people who pay out what has matured, as the console would write it down for them.

use std::time::Duration;

use anyhow::{Context as _, ensure};
use runtime::{Secret, clock};
use sqlx::{Connection as _, PgConnection};

use super::judge::Findings;

/// Everything that orders are in.
const CURRENCIES: [&str; 4] = ["EUR", "USD", "JPY", "KWD"];
/// Between two payouts while orders come in.
const EVERY: Duration = Duration::from_secs(3);
/// How long the aggregator may take to collect or to book a batch, killed now and then.
const LIMIT: Duration = Duration::from_mins(3);
/// Between two looks.
const POLL: Duration = Duration::from_millis(200);

/// Pays again and again.
pub(super) async fn pay_now_and_then(database_url: Secret) {
    loop {
        tokio::time::sleep(EVERY).await;
        let _not_this_time = pay(database_url.expose()).await;
    }
}

/// One payout of each currency: asked for by one, approved by the other, and paid.
pub(super) async fn pay(database_url: &str) -> anyhow::Result<()> {
    for currency in CURRENCIES {
        let batch = patiently(database_url, REQUEST, currency).await?;
        patiently(database_url, WAKE, &batch).await?;
        if until(database_url, &batch, &["open", "empty"]).await? == "open" {
            patiently(database_url, APPROVE, &batch).await?;
            patiently(database_url, WAKE, &batch).await?;
            until(database_url, &batch, &["paid"]).await?;
        }
    }
    Ok(())
}

/// Asked twice when an answer got lost on its way, which asks for two batches: the second finds nothing to collect.
const REQUEST: &str = "insert into payout_batch (currency, requested_by) values ($1, 'Tilda Treasurer') returning payout_batch_id";
const APPROVE: &str = "update payout_batch set state = 'approved', decided_by = 'Otto Overseer', \
    decided_at = coalesce(decided_at, now()) where payout_batch_id = $1 and state in ('open', 'approved') returning state";
const WAKE: &str = "select pg_notify('payout', $1)::text";
const STATE: &str = "select state from payout_batch where payout_batch_id = $1";

async fn until(database_url: &str, batch: &str, states: &[&str]) -> anyhow::Result<String> {
    let begun = clock::monotonic();
    loop {
        let state = patiently(database_url, STATE, batch).await?;
        if states.contains(&state.as_str()) {
            return Ok(state);
        }
        ensure!(begun.elapsed() < LIMIT, "payout {batch} is still {state} after {LIMIT:?}");
        tokio::time::sleep(POLL).await;
    }
}

/// Says it until Postgres, which may be down just now, has answered.
async fn patiently(database_url: &str, statement: &'static str, with: &str) -> anyhow::Result<String> {
    let begun = clock::monotonic();
    loop {
        let said = async {
            let mut postgres = PgConnection::connect(database_url).await?;
            sqlx::query_scalar(statement).bind(with).fetch_optional(&mut postgres).await
        };
        match said.await {
            Ok(answer) => return Ok(answer.unwrap_or_default()),
            Err(error) if begun.elapsed() > LIMIT => {
                return Err(error).context("Postgres does not come back");
            }
            Err(_) => tokio::time::sleep(POLL).await,
        }
    }
}

/// What was paid by batches is what the books call cash. Returns how many batches were paid.
pub(super) async fn check(postgres: &mut PgConnection, findings: &mut Findings) -> anyhow::Result<u64> {
    let statement = "select (select count(*) from payout_batch where state = 'paid'), \
        (select coalesce(sum(paid_minor), 0)::text from payout_line), \
        (select coalesce(-sum(amount_minor), 0)::text from ledger_entry where account = 'cash')";
    let (paid, lines, cash): (i64, String, String) = sqlx::query_as(statement).fetch_one(postgres).await?;
    if lines != cash {
        findings.wrong(|| format!("payouts paid {lines}, the books say {cash}"));
    }
    Ok(paid.cast_unsigned())
}
