//! Links with their clicks over a span, as a list shows them.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use common::link::{Standing, standing};
use common::time::Millis;
use sqlx::PgConnection;

use super::earnings::{self, Earnings};
use super::visits::{self, Union, Visits};
use super::{Bucket, Range, count};

/// One link and its clicks.
#[derive(Debug, Clone)]
pub struct LinkReport {
    /// The link itself.
    pub link: LinkFacts,
    /// Whether its clicks count now.
    pub standing: Standing,
    /// Clicks by people in the span.
    pub human: u64,
    /// Clicks by programs in the span.
    pub filtered: u64,
    /// Distinct people over the whole span.
    pub unique: Union,
    /// What the clicks brought. `None`: the span cuts a day in two.
    pub earnings: Option<Earnings>,
    /// Buckets that have a click, in order; the others are left out.
    pub buckets: Vec<Bucket>,
}

/// What is known of a link without counting.
#[derive(Debug, Clone)]
pub struct LinkFacts {
    /// Its number.
    pub link_id: i64,
    /// Its public name.
    pub code: String,
    /// Whose product it leads to.
    pub vendor_id: i64,
    /// The vendor's name.
    pub vendor: String,
    /// Who earns by it: the username.
    pub affiliate: String,
    /// What it leads to, by name. `None`: the vendor's site as a whole.
    pub product: Option<String>,
    /// Where it leads.
    pub destination: String,
    /// The link's own switch.
    pub is_active: bool,
    /// The link's own switch, and those of what it hangs on.
    pub is_tracked: bool,
    /// From this instant on it is expired.
    pub expiry_date: Option<DateTime<Utc>>,
}

/// The reports of these links, in the order of `ids`. A number without a link is left out.
pub async fn of(
    conn: &mut PgConnection,
    ids: &[i64],
    range: &Range,
    now: DateTime<Utc>,
) -> sqlx::Result<Vec<LinkReport>> {
    let facts = facts(conn, ids).await?;
    let mut buckets = buckets(conn, ids, range).await?;
    let mut visits = visits::of_links(conn, ids, range).await?;
    let mut earnings = earnings::of_links(conn, ids, range, now).await?;
    let mut by_id: HashMap<i64, LinkFacts> = facts.into_iter().map(|link| (link.link_id, link)).collect();
    let links = ids.iter().filter_map(|id| by_id.remove(id));
    Ok(links
        .map(|link| {
            let buckets = buckets.remove(&link.link_id).unwrap_or_default();
            let visits = visits.remove(&link.link_id).unwrap_or_default();
            let earnings = earnings.as_mut().map(|all| all.remove(&link.link_id).unwrap_or_default());
            LinkReport { earnings, ..assemble(link, buckets, &visits, range, now) }
        })
        .collect())
}

fn assemble(
    link: LinkFacts,
    mut buckets: Vec<Bucket>,
    visits: &Visits,
    range: &Range,
    now: DateTime<Utc>,
) -> LinkReport {
    if range.granularity == super::Granularity::Day {
        for bucket in &mut buckets {
            bucket.unique = Some(visits.on(bucket.start.date_naive()));
        }
    }
    let millis = |instant: DateTime<Utc>| Millis(instant.timestamp_millis().max(0).unsigned_abs());
    LinkReport {
        standing: standing(link.is_tracked, link.expiry_date.map(millis), millis(now)),
        human: buckets.iter().map(|bucket| bucket.human).sum(),
        filtered: buckets.iter().map(|bucket| bucket.filtered).sum(),
        unique: if range.is_whole_days(now) { visits.union() } else { Union::CutsADay },
        earnings: None,
        buckets,
        link,
    }
}

async fn facts(conn: &mut PgConnection, ids: &[i64]) -> sqlx::Result<Vec<LinkFacts>> {
    sqlx::query_file_as!(LinkFacts, "src/report/facts.sql", ids).fetch_all(conn).await
}

async fn buckets(
    conn: &mut PgConnection,
    ids: &[i64],
    range: &Range,
) -> sqlx::Result<HashMap<i64, Vec<Bucket>>> {
    let granularity = range.granularity.name();
    let rows = sqlx::query_file!("src/report/buckets.sql", ids, range.from, range.to, granularity)
        .fetch_all(conn)
        .await?;
    let mut buckets = HashMap::<i64, Vec<Bucket>>::new();
    for row in rows {
        let (human, filtered) = (count(row.human_clicks), count(row.filtered_clicks));
        buckets.entry(row.link_id).or_default().push(Bucket {
            start: row.start,
            human,
            filtered,
            unique: None,
        });
    }
    Ok(buckets)
}
