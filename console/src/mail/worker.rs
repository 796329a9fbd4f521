//! The worker that sends queued mails, tries again for a while, and gives up in the end.
//!
//! Invariant: a mail is taken for some minutes before it is tried, so that several consoles never try one at once, and a
//! mail whose console died is tried again. Whoever dies between sending and writing that down sends twice, with one
//! Message-ID; no mail is lost.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use metrics::{counter, gauge};
use runtime::{Shutdown, clock};
use sqlx::PgPool;
use tracing::{info, warn};

use super::Mail;
use super::carrier::{Carrier, Undelivered};

/// How often to look for mails.
const LOOK: Duration = Duration::from_secs(2);
/// Mails taken at a time.
const BATCH: i64 = 20;
/// How long a taken mail is nobody else's: longer than a batch of slow mails.
const LEASE: TimeDelta = TimeDelta::minutes(10);
/// Attempts before a mail is given up, over more than a day.
const MAX_ATTEMPTS: i32 = 12;
/// The wait after the first failure; each is twice as long as the one before.
const FIRST_WAIT: TimeDelta = TimeDelta::seconds(30);
/// The longest wait.
const LONGEST_WAIT: TimeDelta = TimeDelta::hours(6);

struct Taken {
    mail_id: i64,
    recipient: String,
    subject: String,
    body: String,
    queued_at: DateTime<Utc>,
    attempts: i32,
}

/// Sends mails until the shutdown.
pub async fn run(pool: PgPool, carrier: Carrier, shutdown: Shutdown) -> anyhow::Result<()> {
    loop {
        match round(&pool, &carrier, &shutdown, clock::system_time().into()).await {
            // More are waiting.
            Ok(tried) if tried == BATCH as usize && !shutdown.is_stopping() => continue,
            Ok(_) => {}
            Err(error) => warn!(%error, "mails cannot be sent"),
        }
        if !shutdown.sleep(LOOK).await {
            return Ok(());
        }
    }
}

/// Sends what is due now. Returns how many were taken.
pub async fn round(
    pool: &PgPool,
    carrier: &Carrier,
    shutdown: &Shutdown,
    now: DateTime<Utc>,
) -> sqlx::Result<usize> {
    let taken = sqlx::query_as!(
        Taken,
        "update mail m set next_attempt_at = $3, attempts = attempts + 1 \
         from (select mail_id from mail where next_attempt_at <= $1 order by next_attempt_at limit $2 \
               for update skip locked) due \
         where m.mail_id = due.mail_id \
         returning m.mail_id, m.recipient, m.subject, m.body, m.queued_at, m.attempts",
        now,
        BATCH,
        now + LEASE
    )
    .fetch_all(pool)
    .await?;
    let tried = taken.len();
    for mail in taken {
        if shutdown.is_stopping() {
            // What was taken and not tried is due again when the lease ends.
            break;
        }
        deliver(pool, carrier, mail, now).await?;
    }
    let waiting =
        sqlx::query_scalar!("select count(*) as \"count!\" from mail where next_attempt_at is not null");
    gauge!("console_mails_waiting").set(waiting.fetch_one(pool).await? as f64);
    Ok(tried)
}

async fn deliver(pool: &PgPool, carrier: &Carrier, taken: Taken, now: DateTime<Utc>) -> sqlx::Result<()> {
    let Taken { mail_id, recipient, subject, body, queued_at, attempts } = taken;
    let outcome = carrier.take(mail_id, queued_at, &Mail { recipient, subject, body }).await;
    let (word, next, error) = match outcome {
        Ok(()) => {
            // What was in it is nobody's business any more: links in mails open accounts.
            sqlx::query!(
                "update mail set sent_at = $2, next_attempt_at = null, last_error = null, body = '' where mail_id = $1",
                mail_id,
                now
            )
            .execute(pool)
            .await?;
            counter!("console_mails_total", "outcome" => "sent").increment(1);
            info!(mail_id, "a mail was sent");
            return Ok(());
        }
        Err(Undelivered::ForNow(error)) if attempts < MAX_ATTEMPTS => {
            ("retry", Some(now + wait(attempts)), error)
        }
        Err(Undelivered::ForNow(error) | Undelivered::ForGood(error)) => ("given_up", None, error),
    };
    sqlx::query!(
        "update mail set next_attempt_at = $2, last_error = $3 where mail_id = $1",
        mail_id,
        next,
        error
    )
    .execute(pool)
    .await?;
    counter!("console_mails_total", "outcome" => word).increment(1);
    warn!(mail_id, attempts, error, outcome = word, "a mail was not sent");
    Ok(())
}

/// How long to wait after so many attempts.
fn wait(attempts: i32) -> TimeDelta {
    let doubled = 1 << attempts.clamp(1, 16).saturating_sub(1);
    (FIRST_WAIT * doubled).min(LONGEST_WAIT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_a_limit_and_end_after_a_day() {
        assert_eq!(wait(1), TimeDelta::seconds(30));
        assert_eq!(wait(2), TimeDelta::seconds(60));
        assert_eq!(wait(5), TimeDelta::minutes(8));
        assert_eq!(wait(30), LONGEST_WAIT);
        let all: TimeDelta = (1..MAX_ATTEMPTS).map(wait).sum();
        assert!(all > TimeDelta::hours(8) && all < TimeDelta::hours(48), "{all}");
    }
}
