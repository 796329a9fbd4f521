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

/// Pays again and again. Postgres may be down just then: that payout does not happen.
pub(super) async fn pay_now_and_then(database_url: Secret) {
    loop {
        tokio::time::sleep(EVERY).await;
        let _not_this_time = pay(database_url.expose()).await;
    }
}

/// One payout of each currency: asked for by one, approved by the other, and paid.
pub(super) async fn pay(database_url: &str) -> anyhow::Result<()> {
    let mut postgres = PgConnection::connect(database_url).await.context("cannot reach Postgres")?;
    for currency in CURRENCIES {
        let batch: String = sqlx::query_scalar(
            "insert into payout_batch (currency, requested_by) values ($1, 'Tilda Treasurer') returning payout_batch_id",
        )
        .bind(currency)
        .fetch_one(&mut postgres)
        .await?;
        if until(&mut postgres, &batch, &["open", "empty"]).await? == "empty" {
            continue;
        }
        sqlx::query(
            "update payout_batch set state = 'approved', decided_by = 'Otto Overseer', decided_at = now() \
             where payout_batch_id = $1 and state = 'open'",
        )
        .bind(&batch)
        .execute(&mut postgres)
        .await?;
        until(&mut postgres, &batch, &["paid"]).await?;
    }
    Ok(())
}

async fn until(postgres: &mut PgConnection, batch: &str, states: &[&str]) -> anyhow::Result<String> {
    let begun = clock::monotonic();
    loop {
        let state: String = sqlx::query_scalar("select state from payout_batch where payout_batch_id = $1")
            .bind(batch)
            .fetch_one(&mut *postgres)
            .await?;
        if states.contains(&state.as_str()) {
            return Ok(state);
        }
        ensure!(begun.elapsed() < LIMIT, "payout {batch} is still {state} after {LIMIT:?}");
        tokio::time::sleep(POLL).await;
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
