//! The books: time is let pass from one report to the next, and at each stop the aggregator's own jobs do what they would
//! have done then, by the rules and rates of then.

use std::collections::BTreeSet;

use aggregator::jobs::payout::payout_within;
use aggregator::jobs::settle::{Key, settle_within};
use anyhow::Context as _;
use chrono::{DateTime, Datelike as _, TimeDelta, Timelike as _, Utc};
use common::token::Keyring;
use sha2::{Digest as _, Sha256};
use sqlx::{Postgres, Transaction};

use crate::calendar::Calendar;
use crate::clicks::at;
use crate::role::{Role, act_as};
use crate::shops::Report;

/// Time stops this often: an order waits for hours here where it would wait for a second. Finer steps only take longer.
const STEP: TimeDelta = TimeDelta::hours(6);
/// Commission is paid out on this day of the month, at noon.
const PAYDAY: u32 = 5;
/// Before the first week is over there is nothing worth a payout.
const FIRST_PAYOUT: TimeDelta = TimeDelta::days(6);
/// As long as a month may be.
const LATELY: TimeDelta = TimeDelta::days(31);
/// Who asks for payouts, and who looks at them: nobody approves what they asked for.
const ASKER: &str = "Fiona Finance <finance@example.com>";
const APPROVER: &str = "First Operator <operator@example.com>";
/// How long the second person takes.
const DECIDES_WITHIN: TimeDelta = TimeDelta::hours(2);
/// Less than ten euros waits for the next month.
const MINIMUM_MINOR: i64 = 1_000;
/// A hold is looked at when it is so old. Some are left for whoever opens the demo.
const REVIEW_AFTER: TimeDelta = TimeDelta::days(2);

/// The books while time passes.
pub(crate) struct Books<'a> {
    keyring: &'a Keyring,
    reports: &'a [Report],
    began: DateTime<Utc>,
    /// How far time has passed, and how far it will.
    reached: DateTime<Utc>,
    end: DateTime<Utc>,
}

impl<'a> Books<'a> {
    /// Nothing has been reported yet. `reports` are in the order of their times.
    pub(crate) fn open(keyring: &'a Keyring, reports: &'a [Report], calendar: Calendar) -> Self {
        let began = calendar.began();
        Self { keyring, reports, began, reached: began, end: calendar.now }
    }

    /// Lets time pass until `to`.
    pub(crate) async fn pass(
        &mut self,
        tx: &mut Transaction<'_, Postgres>,
        to: DateTime<Utc>,
    ) -> anyhow::Result<()> {
        while self.reached < to {
            let now = (self.reached + STEP).min(to);
            self.stop(tx, now).await.with_context(|| format!("at {now}"))?;
            self.reached = now;
        }
        Ok(())
    }

    /// A batch that a second person has yet to look at, for one vendor: whoever opens the demo can approve it.
    pub(crate) async fn leave_open(
        &self,
        tx: &mut Transaction<'_, Postgres>,
        vendor_id: i64,
    ) -> anyhow::Result<()> {
        request(tx, Some(vendor_id), self.reached).await?;
        act_as(tx, Role::Aggregator).await?;
        payout_within(tx, self.reached).await
    }

    async fn stop(&mut self, tx: &mut Transaction<'_, Postgres>, now: DateTime<Utc>) -> anyhow::Result<()> {
        let come = self.reports.partition_point(|report| at(report.event.occurred_at.0) < now);
        let (new, later) = self.reports.split_at(come);
        self.reports = later;
        act_as(tx, Role::Intake).await?;
        take_in(tx, new).await?;
        let name =
            |report: &Report| Key { vendor: report.vendor_id, order_ref: report.event.order_ref.clone() };
        let mut due: BTreeSet<Key> = new.iter().map(name).collect();
        act_as(tx, Role::Operator).await?;
        due.extend(review(tx, now).await?);
        act_as(tx, Role::Aggregator).await?;
        due.extend(waiting(tx, now).await?);
        if !due.is_empty() {
            settle_within(tx, self.keyring, &due, now).await?;
        }
        if is_noon(now) && now - self.began > FIRST_PAYOUT && now + DECIDES_WITHIN < self.end {
            self.pay(tx, now).await?;
        }
        Ok(())
    }

    /// On payday somebody asks, and somebody else approves two hours later. The last time they asked a day too early, too.
    async fn pay(&self, tx: &mut Transaction<'_, Postgres>, now: DateTime<Utc>) -> anyhow::Result<()> {
        let (verdict, note) = match now.day() {
            PAYDAY => ("approved", "looked at every line"),
            day if day + 1 == PAYDAY && self.end - now < LATELY => {
                ("rejected", "a day early: the bank's file is cut tomorrow")
            }
            _ => return Ok(()),
        };
        let batch = request(tx, None, now).await?;
        act_as(tx, Role::Aggregator).await?;
        payout_within(tx, now + TimeDelta::seconds(3)).await?;
        let decided_at = now + DECIDES_WITHIN;
        act_as(tx, Role::Operator).await?;
        sqlx::query(
            "update payout_batch set state = $2, decided_by = $3, decided_at = $4, note = $5
             where payout_batch_id = $1 and state = 'open'",
        )
        .bind(batch)
        .bind(verdict)
        .bind(APPROVER)
        .bind(decided_at)
        .bind(note)
        .execute(&mut **tx)
        .await
        .context("cannot decide a payout")?;
        act_as(tx, Role::Aggregator).await?;
        payout_within(tx, decided_at + TimeDelta::seconds(2)).await
    }
}

async fn request(
    tx: &mut Transaction<'_, Postgres>,
    vendor_id: Option<i64>,
    at: DateTime<Utc>,
) -> anyhow::Result<String> {
    act_as(tx, Role::Operator).await?;
    sqlx::query_scalar(
        "insert into payout_batch (vendor_id, currency, minimum_minor, requested_by, requested_at)
         values ($1, 'EUR', $2, $3, $4) returning payout_batch_id",
    )
    .bind(vendor_id)
    .bind(MINIMUM_MINOR)
    .bind(ASKER)
    .bind(at)
    .fetch_one(&mut **tx)
    .await
    .context("cannot ask for a payout")
}

/// Writes reports down as the console's intake does, some seconds after each happened.
async fn take_in(tx: &mut Transaction<'_, Postgres>, reports: &[Report]) -> anyhow::Result<()> {
    let bodies = reports.iter().map(|report| serde_json::to_string(&report.event));
    let bodies = bodies.collect::<Result<Vec<String>, _>>().context("an event is no JSON")?;
    let of = |of: fn(&Report) -> &str| reports.iter().map(|report| of(report).to_owned()).collect::<Vec<_>>();
    sqlx::query(include_str!("books/take_in.sql"))
        .bind(reports.iter().map(|report| report.vendor_id).collect::<Vec<_>>())
        .bind(of(|report| &report.event.event_id))
        .bind(of(|report| &report.event.order_ref))
        .bind(of(|report| report.event.kind.name()))
        .bind(reports.iter().map(|report| at(report.event.occurred_at.0)).collect::<Vec<_>>())
        .bind(of(|report| report.source))
        .bind(bodies.iter().map(|body| Sha256::digest(body).to_vec()).collect::<Vec<_>>())
        .bind(bodies)
        .execute(&mut **tx)
        .await
        .context("cannot take reports in")
        .map(drop)
}

/// Somebody looks at what was flagged days ago, and releases or confirms most of it.
async fn review(tx: &mut Transaction<'_, Postgres>, now: DateTime<Utc>) -> anyhow::Result<Vec<Key>> {
    if !is_noon(now) {
        return Ok(Vec::new());
    }
    let decided = sqlx::query_as(include_str!("books/review.sql"))
        .bind(now)
        .bind(now - REVIEW_AFTER)
        .bind(APPROVER)
        .fetch_all(&mut **tx)
        .await
        .context("cannot decide holds")?;
    Ok(keys(decided))
}

/// Orders of the past that the books' own jobs want settled: paid ones, siblings of flagged ones, matured ones.
async fn waiting(tx: &mut Transaction<'_, Postgres>, now: DateTime<Utc>) -> anyhow::Result<Vec<Key>> {
    let waiting = sqlx::query_as(include_str!("books/waiting.sql"))
        .bind(now)
        .fetch_all(&mut **tx)
        .await
        .context("cannot read what waits")?;
    Ok(keys(waiting))
}

fn is_noon(now: DateTime<Utc>) -> bool {
    (now.hour(), now.minute()) == (12, 0)
}

fn keys(rows: Vec<(i64, String)>) -> Vec<Key> {
    rows.into_iter().map(|(vendor, order_ref)| Key { vendor, order_ref }).collect()
}
