//! Reports into the database: each once for its name, for ever, before anybody is told that it was taken in.
//!
//! A batch is a handful of statements however long it is. Two that bring the same event at the same moment wait for
//! each other at the unique key; the second then finds the first one's hash and compares.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use common::order::{Event, Parked};
use common::time::Millis;
use sqlx::{Connection as _, PgConnection};

use super::assign::{Report, Tenant};

/// Which door reports came through, as `order_event.source` has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Source {
    /// `/v1/orders`
    Api,
    /// A Standard Webhook.
    Standard,
    /// Stripe.
    Stripe,
    /// Shopify.
    Shopify,
    /// `WooCommerce`.
    WooCommerce,
    /// A postback of a tracker.
    Postback,
}

impl Source {
    /// Every source.
    const ALL: [Self; 6] =
        [Self::Api, Self::Standard, Self::Stripe, Self::Shopify, Self::WooCommerce, Self::Postback];

    /// The source with this name.
    pub(super) fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|source| source.name() == name)
    }

    /// The name in Postgres and in metrics.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Api => "api",
            Self::Standard => "standard",
            Self::Stripe => "stripe",
            Self::Shopify => "shopify",
            Self::WooCommerce => "woocommerce",
            Self::Postback => "postback",
        }
    }
}

/// What became of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Written {
    /// It is written down and counts.
    Accepted,
    /// It is written down and waits for somebody to look at it.
    Parked(Parked),
    /// It was written down before.
    Duplicate,
    /// Another report was written down under its name before. Nothing changed.
    Reused,
}

type Hash = [u8; 32];

/// Writes reports down, each whole or not at all. On return they are committed.
pub(super) async fn write(
    conn: &mut PgConnection,
    tenant: Tenant,
    source: Source,
    reports: &[&Report],
    now: Millis,
) -> sqlx::Result<Vec<Written>> {
    // The first of a name speaks; the others are compared with what is stored in the end.
    let mut firsts = BTreeMap::<&str, &Report>::new();
    for report in reports {
        firsts.entry(&report.event_id).or_insert(report);
    }
    let stored = match tenant {
        Tenant::Vendor(_) => each(conn, source, &firsts, now).await?,
        Tenant::Programme => for_programme(conn, source, &firsts, now).await?,
    };
    let mut seen = BTreeSet::new();
    let mut judge = |report: &&Report| match stored.get(report.event_id.as_str()) {
        Some(Stored::Now) if firsts[report.event_id.as_str()].hash != report.hash => Written::Reused,
        Some(Stored::Now) if !seen.insert(report.event_id.clone()) => Written::Duplicate,
        Some(Stored::Now) => report.parked.map_or(Written::Accepted, Written::Parked),
        Some(Stored::Before(hash)) if *hash == report.hash => Written::Duplicate,
        Some(Stored::Before(_)) | None => Written::Reused,
    };
    Ok(reports.iter().map(&mut judge).collect())
}

/// What stands under a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stored {
    Now,
    Before(Hash),
}

/// A vendor's events do not depend on each other: one statement, which is a transaction of its own.
async fn each<'a>(
    conn: &mut PgConnection,
    source: Source,
    firsts: &BTreeMap<&'a str, &'a Report>,
    now: Millis,
) -> sqlx::Result<BTreeMap<&'a str, Stored>> {
    let parts: Vec<Part<'a>> = firsts.values().copied().flat_map(Part::of).collect();
    let new = insert(conn, source, &parts, now).await?;
    let is_new = |part: &&Part<'_>| new.contains(&(part.vendor, part.report.event_id.clone()));
    let old: Vec<&Part<'_>> = parts.iter().filter(|part| !is_new(part)).collect();
    let before = hashes(conn, &old).await?;
    let stored = parts.iter().map(|part| {
        let key = (part.vendor, part.report.event_id.clone());
        let stored = if new.contains(&key) {
            Stored::Now
        } else {
            Stored::Before(before.get(&key).copied().unwrap_or_default())
        };
        (part.report.event_id.as_str(), stored)
    });
    Ok(stored.collect())
}

/// A programme's event is one for each of its vendors, all or none. Where one of them stands under the same name
/// already with another meaning, the transaction is taken back and tried again without that event.
async fn for_programme<'a>(
    conn: &mut PgConnection,
    source: Source,
    firsts: &BTreeMap<&'a str, &'a Report>,
    now: Millis,
) -> sqlx::Result<BTreeMap<&'a str, Stored>> {
    let mut refused = BTreeSet::<&str>::new();
    loop {
        let wanted: Vec<&'a Report> =
            firsts.values().copied().filter(|report| !refused.contains(report.event_id.as_str())).collect();
        let mut tx = conn.begin().await?;
        let new = name(&mut tx, &wanted, now).await?;
        let fresh = wanted.iter().copied().filter(|report| new.contains(&report.event_id));
        let parts: Vec<Part<'a>> = fresh.flat_map(Part::of).collect();
        let inserted = insert(&mut tx, source, &parts, now).await?;
        let is_new = |part: &&Part<'_>| inserted.contains(&(part.vendor, part.report.event_id.clone()));
        let old: Vec<&Part<'a>> = parts.iter().filter(|part| !is_new(part)).collect();
        let before = hashes(&mut tx, &old).await?;
        let differs = |part: &&&Part<'a>| {
            before.get(&(part.vendor, part.report.event_id.clone())) != Some(&part.report.hash)
        };
        let taken: Vec<&str> = old.iter().filter(differs).map(|part| part.report.event_id.as_str()).collect();
        if !taken.is_empty() {
            tx.rollback().await?;
            refused.extend(taken);
            continue;
        }
        let names: Vec<String> = wanted
            .iter()
            .filter(|report| !new.contains(&report.event_id))
            .map(|r| r.event_id.clone())
            .collect();
        let before = names_before(&mut tx, &names).await?;
        tx.commit().await?;
        let stored = wanted.iter().map(|report| {
            let stored = if new.contains(&report.event_id) {
                Stored::Now
            } else {
                Stored::Before(before.get(&report.event_id).copied().unwrap_or_default())
            };
            (report.event_id.as_str(), stored)
        });
        return Ok(stored.collect());
    }
}

/// One row of `order_event`.
struct Part<'a> {
    vendor: i64,
    event: &'a Event,
    report: &'a Report,
}

impl<'a> Part<'a> {
    fn of(report: &'a Report) -> impl Iterator<Item = Self> {
        report.parts.iter().map(move |(vendor, event)| Self { vendor: *vendor, event, report })
    }
}

/// Inserts what is not there yet, and says which that was.
async fn insert(
    conn: &mut PgConnection,
    source: Source,
    parts: &[Part<'_>],
    now: Millis,
) -> sqlx::Result<BTreeSet<(i64, String)>> {
    if parts.is_empty() {
        return Ok(BTreeSet::new());
    }
    let vendors: Vec<i64> = parts.iter().map(|part| part.vendor).collect();
    let event_ids: Vec<String> = parts.iter().map(|part| part.event.event_id.clone()).collect();
    let order_refs: Vec<String> = parts.iter().map(|part| part.event.order_ref.clone()).collect();
    let kinds: Vec<String> = parts.iter().map(|part| part.event.kind.name().to_owned()).collect();
    let versions: Vec<i64> = parts.iter().map(|part| part.event.version as i64).collect();
    let times: Vec<DateTime<Utc>> = parts.iter().map(|part| instant(part.event.occurred_at)).collect();
    let bodies: Vec<String> =
        parts.iter().map(|part| serde_json::to_string(part.event).expect("an event is JSON")).collect();
    let hashes: Vec<Vec<u8>> = parts.iter().map(|part| part.report.hash.to_vec()).collect();
    let parked: Vec<Option<String>> =
        parts.iter().map(|part| part.report.parked.map(|why| why.to_string())).collect();
    let rows = sqlx::query_file!(
        "src/intake/write.sql",
        &vendors,
        &event_ids,
        &order_refs,
        &kinds,
        &versions,
        &times,
        &bodies,
        &hashes,
        &parked as &[Option<String>],
        instant(now),
        source.name()
    );
    Ok(rows.fetch_all(conn).await?.into_iter().map(|row| (row.vendor_id, row.event_id)).collect())
}

/// The hashes of events that stood there before.
async fn hashes(conn: &mut PgConnection, parts: &[&Part<'_>]) -> sqlx::Result<BTreeMap<(i64, String), Hash>> {
    if parts.is_empty() {
        return Ok(BTreeMap::new());
    }
    let vendors: Vec<i64> = parts.iter().map(|part| part.vendor).collect();
    let event_ids: Vec<String> = parts.iter().map(|part| part.event.event_id.clone()).collect();
    let rows = sqlx::query!(
        "select vendor_id, event_id, body_sha256 from order_event
         join unnest($1::bigint[], $2::text[]) as given (vendor_id, event_id) using (vendor_id, event_id)",
        &vendors,
        &event_ids
    )
    .fetch_all(conn)
    .await?;
    Ok(rows.into_iter().map(|row| ((row.vendor_id, row.event_id), hash(row.body_sha256))).collect())
}

/// Takes the names of a programme's events, and says which were free.
async fn name(conn: &mut PgConnection, reports: &[&Report], now: Millis) -> sqlx::Result<BTreeSet<String>> {
    let event_ids: Vec<String> = reports.iter().map(|report| report.event_id.clone()).collect();
    let hashes: Vec<Vec<u8>> = reports.iter().map(|report| report.hash.to_vec()).collect();
    let free = sqlx::query_scalar!(
        "insert into programme_event (event_id, body_sha256, received_at)
         select event_id, body_sha256, $3 from unnest($1::text[], $2::bytea[]) as given (event_id, body_sha256)
         order by event_id
         on conflict do nothing
         returning event_id",
        &event_ids,
        &hashes,
        instant(now)
    );
    Ok(free.fetch_all(conn).await?.into_iter().collect())
}

async fn names_before(conn: &mut PgConnection, names: &[String]) -> sqlx::Result<BTreeMap<String, Hash>> {
    if names.is_empty() {
        return Ok(BTreeMap::new());
    }
    let rows =
        sqlx::query!("select event_id, body_sha256 from programme_event where event_id = any($1)", names)
            .fetch_all(conn)
            .await?;
    Ok(rows.into_iter().map(|row| (row.event_id, hash(row.body_sha256))).collect())
}

fn hash(stored: Vec<u8>) -> Hash {
    stored.try_into().unwrap_or_default()
}

/// Within the calendar, as every event was checked to be.
fn instant(millis: Millis) -> DateTime<Utc> {
    DateTime::from_timestamp_millis(millis.0 as i64).unwrap_or_default()
}
