//! The worker: takes what is due, calls, and writes down what came of it.
//!
//! A delivery is taken by moving its next attempt past the longest call, so a worker that dies leaves it to the next one,
//! and several consoles share the work. Whoever is called may therefore hear a message twice, under the same id.

use std::collections::HashMap;
use std::time::Duration;

use axum::body::Bytes;
use chrono::{DateTime, TimeDelta, Utc};
use metrics::counter;
use runtime::Shutdown;
use sqlx::PgConnection;
use tokio::task::JoinSet;
use tracing::{info, warn};
use url::Url;

use super::call::Caller;
use super::{rules, sign};
use crate::conventions::now;
use crate::problem::Failure;
use crate::server::App;
use crate::vault::Purpose;

/// How often it is looked whether something is due. A receiver hears of things within a second or two.
const INTERVAL: Duration = Duration::from_secs(1);
/// The same when Postgres is away.
const AWAY_INTERVAL: Duration = Duration::from_secs(5);
/// Calls at once.
const MAX_CALLS: usize = 32;
/// Calls at once to one target: a slow one leaves room for the others.
const MAX_CALLS_PER_TARGET: usize = 4;
/// For how long a taken delivery is nobody else's: longer than a call may take.
const LEASE: TimeDelta = TimeDelta::seconds(60);
/// How long messages are kept, delivered or not.
const KEPT: TimeDelta = TimeDelta::days(30);
/// How often old ones are thrown away.
const PRUNE_EVERY: TimeDelta = TimeDelta::hours(1);
/// Messages thrown away at once.
const PRUNE_BATCH: i64 = 10_000;

/// A delivery that was taken.
struct Due {
    message_id: String,
    target_id: String,
    attempts: i32,
    url: String,
    sealed_secret: Vec<u8>,
    old_sealed_secret: Option<Vec<u8>>,
    payload: String,
}

/// What came of a call.
struct Outcome {
    message_id: String,
    target_id: String,
    attempts: i32,
    result: Result<u16, (Option<u16>, String)>,
}

/// Delivers until the shutdown. What is under way then is finished, or left to the next worker.
pub async fn run(app: App, shutdown: Shutdown) -> anyhow::Result<()> {
    let caller = Caller::new(app.reach);
    let mut calls = JoinSet::<Outcome>::new();
    let mut under_way = HashMap::<String, usize>::new();
    let mut pruned_at = DateTime::<Utc>::MIN_UTC;
    loop {
        let mut pause = INTERVAL;
        match take(&app, MAX_CALLS - calls.len(), &under_way).await {
            Ok(due) => {
                for due in due {
                    *under_way.entry(due.target_id.clone()).or_default() += 1;
                    let (app, caller) = (app.clone(), caller.clone());
                    calls.spawn(async move { deliver(&app, &caller, due).await });
                }
            }
            Err(failure) => {
                warn!(%failure, "cannot see which webhooks are due");
                pause = AWAY_INTERVAL;
            }
        }
        if pruned_at + PRUNE_EVERY <= now() {
            pruned_at = now();
            if let Err(failure) = prune(&app).await {
                warn!(%failure, "old webhook messages stay for now");
            }
        }
        let slept = tokio::select! {
            slept = shutdown.sleep(pause) => slept,
            Some(ended) = calls.join_next() => {
                settle(&app, &mut under_way, ended).await;
                true
            }
        };
        while let Some(ended) = calls.try_join_next() {
            settle(&app, &mut under_way, ended).await;
        }
        if !slept {
            break;
        }
    }
    while let Some(ended) = calls.join_next().await {
        settle(&app, &mut under_way, ended).await;
    }
    Ok(())
}

async fn take(app: &App, room: usize, under_way: &HashMap<String, usize>) -> Result<Vec<Due>, Failure> {
    let is_full =
        |(target, calls): (&String, &usize)| (*calls >= MAX_CALLS_PER_TARGET).then(|| target.clone());
    let full: Vec<String> = under_way.iter().filter_map(is_full).collect();
    let at = now();
    let due = sqlx::query_file_as!(Due, "src/outgoing/take.sql", at, room as i64, &full, at + LEASE);
    due.fetch_all(&app.operator).await.map_err(Failure::writing)
}

async fn deliver(app: &App, caller: &Caller, due: Due) -> Outcome {
    let result = call(app, caller, &due).await;
    Outcome { message_id: due.message_id, target_id: due.target_id, attempts: due.attempts, result }
}

async fn call(app: &App, caller: &Caller, due: &Due) -> Result<u16, (Option<u16>, String)> {
    let silent = |why: String| (None, why);
    let open = |sealed: &[u8]| {
        let opened = app.vault.open(Purpose::OutgoingWebhook, &due.target_id, sealed);
        opened.ok().and_then(|secret| String::from_utf8(secret).ok())
    };
    let current = open(&due.sealed_secret).ok_or_else(|| silent("its secret cannot be opened".to_owned()))?;
    let old = due.old_sealed_secret.as_deref().and_then(open);
    let secrets: Vec<String> = std::iter::once(current).chain(old).collect();
    let url = Url::parse(&due.url).map_err(|error| silent(error.to_string()))?;
    let timestamp = now().timestamp();
    let headers = [
        ("webhook-id", due.message_id.clone()),
        ("webhook-timestamp", timestamp.to_string()),
        ("webhook-signature", sign::header(&secrets, &due.message_id, timestamp, due.payload.as_bytes())),
    ];
    let answered = caller.post(&url, &headers, Bytes::from(due.payload.clone())).await;
    match answered.map_err(|why| silent(why.to_string()))? {
        status @ 200..=299 => Ok(status),
        status @ 300..=399 => {
            Err((Some(status), format!("it answered {status}; redirects are not followed")))
        }
        status => Err((Some(status), format!("it answered {status}"))),
    }
}

async fn settle(
    app: &App,
    under_way: &mut HashMap<String, usize>,
    ended: Result<Outcome, tokio::task::JoinError>,
) {
    let outcome = match ended {
        Ok(outcome) => outcome,
        Err(error) => {
            warn!(%error, "a webhook call broke off; it is tried again");
            // Whose call it was is not known any more; an empty count is only generous.
            under_way.clear();
            return;
        }
    };
    if let Some(calls) = under_way.get_mut(&outcome.target_id) {
        *calls -= 1;
        if *calls == 0 {
            under_way.remove(&outcome.target_id);
        }
    }
    let word = if outcome.result.is_ok() { "delivered" } else { "failed" };
    counter!("console_webhook_calls_total", "outcome" => word).increment(1);
    if let Err(failure) = write(app, &outcome).await {
        warn!(%failure, "what came of a webhook was not written down; it is sent again");
    }
}

async fn write(app: &App, outcome: &Outcome) -> Result<(), Failure> {
    let mut tx = app.operator.begin().await.map_err(Failure::writing)?;
    let at = now();
    let (delivered_at, next, status, error) = match &outcome.result {
        Ok(status) => (Some(at), None, Some(*status), None),
        Err((status, why)) => {
            (None, rules::pause(outcome.attempts).map(|pause| at + pause), *status, Some(why))
        }
    };
    sqlx::query!(
        "update webhook_delivery set delivered_at = $3, next_attempt_at = $4, last_status = $5, last_error = $6 \
         where message_id = $1 and target_id = $2",
        outcome.message_id,
        outcome.target_id,
        delivered_at,
        next,
        status.map(i32::from),
        error
    )
    .execute(&mut *tx)
    .await
    .map_err(Failure::writing)?;
    if outcome.result.is_ok() {
        sqlx::query!(
            "update webhook_target set consecutive_failures = 0, failing_since = null where target_id = $1 and consecutive_failures > 0",
            outcome.target_id
        )
        .execute(&mut *tx)
        .await
        .map_err(Failure::writing)?;
    } else {
        failed(&mut tx, outcome, at).await?;
    }
    tx.commit().await.map_err(Failure::writing)
}

/// Counts a failure, and switches a target off that has failed too often for too long, or that asked for it (410).
async fn failed(conn: &mut PgConnection, outcome: &Outcome, at: DateTime<Utc>) -> Result<(), Failure> {
    /// Gone: the receiver wants no more.
    const GONE: u16 = 410;
    let is_gone = matches!(outcome.result, Err((Some(GONE), _)));
    let counted = sqlx::query!(
        "update webhook_target set consecutive_failures = consecutive_failures + 1, failing_since = coalesce(failing_since, $2) \
         where target_id = $1 returning vendor_id, url, consecutive_failures, failing_since as \"failing_since!\", \
         disabled_at is not null as \"is_off!\"",
        outcome.target_id,
        at
    );
    let target = counted.fetch_one(&mut *conn).await.map_err(Failure::writing)?;
    let is_hopeless =
        target.consecutive_failures >= rules::MAX_FAILURES && target.failing_since + rules::MIN_OUTAGE <= at;
    if target.is_off || !is_gone && !is_hopeless {
        return Ok(());
    }
    let reason = match &outcome.result {
        Err((Some(GONE), _)) => "it answered 410: it wants no more messages".to_owned(),
        Err((_, why)) => {
            format!("it failed {} times in a row, at last so: {why}", target.consecutive_failures)
        }
        Ok(_) => return Ok(()),
    };
    switch_off(conn, &outcome.target_id, at, &reason).await?;
    let words = format!(
        "Messages to {} are not sent any more: {reason}.\n\nMend it, then enable the webhook target {} again.",
        target.url, outcome.target_id
    );
    sqlx::query!(
        "insert into mail (recipient, subject, body) select email, 'A webhook target was switched off', $2 from account \
         where disabled_at is null and case when $1::bigint is null then role = 'admin' else vendor_id = $1 end",
        target.vendor_id,
        words
    )
    .execute(conn)
    .await
    .map_err(Failure::writing)?;
    info!(target = outcome.target_id, reason, "a webhook target was switched off");
    Ok(())
}

/// Switches a target off; what waits for it waits no longer.
pub(super) async fn switch_off(
    conn: &mut PgConnection,
    target_id: &str,
    at: DateTime<Utc>,
    reason: &str,
) -> Result<(), Failure> {
    sqlx::query!(
        "update webhook_target set disabled_at = $2, disabled_reason = $3, row_version = row_version + 1 where target_id = $1",
        target_id,
        at,
        reason
    )
    .execute(&mut *conn)
    .await
    .map_err(Failure::writing)?;
    sqlx::query!(
        "update webhook_delivery set next_attempt_at = null where target_id = $1 and next_attempt_at is not null",
        target_id
    )
    .execute(conn)
    .await
    .map_err(Failure::writing)?;
    Ok(())
}

async fn prune(app: &App) -> Result<(), Failure> {
    let old = sqlx::query!(
        "delete from webhook_message where message_id in (select message_id from webhook_message where created_at < $1 limit $2)",
        now() - KEPT,
        PRUNE_BATCH
    );
    old.execute(&app.operator).await.map_err(Failure::writing)?;
    Ok(())
}
