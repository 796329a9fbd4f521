//! Reports into the database: each once for its name, for ever, before anybody is told that it was taken in.
//!
//! A batch is a handful of statements however long it is. Two that bring the same event at the same moment wait for
//! each other at the unique key; the second then finds the first one's hash and compares.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use common::order::{Event, Parked};
use common::time::Millis;
use sqlx::PgConnection;

use super::assign::Report;

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

/// What tells an event from another under the same name.
pub(super) type Hash = [u8; 32];

/// Writes a vendor's reports down, each whole or not at all. On return they are committed: they do not depend on each
/// other, so it is one statement, which is a transaction of its own.
pub(super) async fn write<'a>(
    conn: &mut PgConnection,
    vendor: i64,
    source: Source,
    reports: &[&'a Report],
    now: Millis,
) -> sqlx::Result<Vec<Written>> {
    // The first of a name speaks; the others are compared with what is stored in the end.
    let mut firsts = BTreeMap::<&str, &'a Report>::new();
    for report in reports {
        firsts.entry(&report.event.event_id).or_insert(report);
    }
    let row = |report: &&'a Report| Row {
        vendor,
        event: Cow::Borrowed(&report.event),
        origin: Origin::of(report, source, now),
    };
    let rows: Vec<Row<'_>> = firsts.values().map(row).collect();
    let new = insert(conn, &rows).await?;
    let old: Vec<&Row<'_>> = rows.iter().filter(|row| !new.contains(&row.key())).collect();
    let before = hashes(conn, &old).await?;
    let mut seen = BTreeSet::new();
    let judge = |report: &&Report| {
        let key = (vendor, report.event.event_id.clone());
        if !new.contains(&key) {
            let is_same = before.get(&key) == Some(&report.hash);
            return if is_same { Written::Duplicate } else { Written::Reused };
        }
        if firsts[report.event.event_id.as_str()].hash != report.hash {
            Written::Reused
        } else if seen.insert(key) {
            Written::from(report.parked)
        } else {
            Written::Duplicate
        }
    };
    Ok(reports.iter().map(judge).collect())
}

impl From<Option<Parked>> for Written {
    fn from(parked: Option<Parked>) -> Self {
        parked.map_or(Self::Accepted, Self::Parked)
    }
}

/// How a report arrived. A part of it that is told later has arrived with it.
#[derive(Debug, Clone)]
pub(super) struct Origin {
    pub(super) hash: Hash,
    pub(super) parked: Option<String>,
    pub(super) source: Source,
    pub(super) received_at: DateTime<Utc>,
}

impl Origin {
    /// Of a report that arrives now.
    pub(super) fn of(report: &Report, source: Source, now: Millis) -> Self {
        let parked = report.parked.map(|why| why.to_string());
        Self { hash: report.hash, parked, source, received_at: instant(now) }
    }
}

/// One row of `order_event`.
pub(super) struct Row<'a> {
    pub(super) vendor: i64,
    pub(super) event: Cow<'a, Event>,
    pub(super) origin: Origin,
}

impl Row<'_> {
    /// What it is called, once for ever.
    pub(super) fn key(&self) -> (i64, String) {
        (self.vendor, self.event.event_id.clone())
    }

    /// The same row once more.
    pub(super) fn lent(&self) -> Row<'_> {
        Row { vendor: self.vendor, event: Cow::Borrowed(&self.event), origin: self.origin.clone() }
    }
}

/// Inserts what is not there yet, and says which that was.
pub(super) async fn insert(
    conn: &mut PgConnection,
    rows: &[Row<'_>],
) -> sqlx::Result<BTreeSet<(i64, String)>> {
    if rows.is_empty() {
        return Ok(BTreeSet::new());
    }
    let vendors: Vec<i64> = rows.iter().map(|row| row.vendor).collect();
    let event_ids: Vec<String> = rows.iter().map(|row| row.event.event_id.clone()).collect();
    let order_refs: Vec<String> = rows.iter().map(|row| row.event.order_ref.clone()).collect();
    let kinds: Vec<String> = rows.iter().map(|row| row.event.kind.name().to_owned()).collect();
    let versions: Vec<i64> = rows.iter().map(|row| row.event.version as i64).collect();
    let times: Vec<DateTime<Utc>> = rows.iter().map(|row| instant(row.event.occurred_at)).collect();
    let arrivals: Vec<DateTime<Utc>> = rows.iter().map(|row| row.origin.received_at).collect();
    let sources: Vec<String> = rows.iter().map(|row| row.origin.source.name().to_owned()).collect();
    let bodies: Vec<String> =
        rows.iter().map(|row| serde_json::to_string(&*row.event).expect("an event is JSON")).collect();
    let hashes: Vec<Vec<u8>> = rows.iter().map(|row| row.origin.hash.to_vec()).collect();
    let parked: Vec<Option<String>> = rows.iter().map(|row| row.origin.parked.clone()).collect();
    let inserted = sqlx::query_file!(
        "src/intake/write.sql",
        &vendors,
        &event_ids,
        &order_refs,
        &kinds,
        &versions,
        &times,
        &arrivals,
        &sources,
        &bodies,
        &hashes,
        &parked as &[Option<String>]
    );
    Ok(inserted.fetch_all(conn).await?.into_iter().map(|row| (row.vendor_id, row.event_id)).collect())
}

/// The hashes of events that stood there before.
pub(super) async fn hashes(
    conn: &mut PgConnection,
    rows: &[&Row<'_>],
) -> sqlx::Result<BTreeMap<(i64, String), Hash>> {
    if rows.is_empty() {
        return Ok(BTreeMap::new());
    }
    let vendors: Vec<i64> = rows.iter().map(|row| row.vendor).collect();
    let event_ids: Vec<String> = rows.iter().map(|row| row.event.event_id.clone()).collect();
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

/// Postgres keeps exactly so many bytes.
pub(super) fn hash(stored: Vec<u8>) -> Hash {
    stored.try_into().unwrap_or_default()
}

/// Within the calendar, as every event was checked to be.
pub(super) fn instant(millis: Millis) -> DateTime<Utc> {
    DateTime::from_timestamp_millis(millis.0 as i64).unwrap_or_default()
}
