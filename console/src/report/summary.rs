//! The whole programme over a span.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;

use super::earnings::{self, Earnings};
use super::visits::{self, Union};
use super::{Bucket, Range, count, open_days};

/// The programme's clicks.
#[derive(Debug, Clone)]
pub struct Summary {
    /// Clicks by people.
    pub human: u64,
    /// Clicks by programs.
    pub filtered: u64,
    /// Distinct people over all links.
    pub unique: Union,
    /// What the clicks brought. `None`: the span cuts a day in two.
    pub earnings: Option<Earnings>,
    /// Every bucket of the span in order, also those without a click.
    pub buckets: Vec<Bucket>,
}

/// The programme over `range`. Days carry no unique visits of their own here: that would be one union per day.
pub async fn of(conn: &mut PgConnection, range: &Range, now: DateTime<Utc>) -> sqlx::Result<Summary> {
    let granularity = range.granularity.name();
    let open = open_days::of_clicks(&mut *conn, range).await?;
    let rows = sqlx::query_file!(
        "src/report/summary.sql",
        range.from,
        range.to,
        granularity,
        open.begins,
        open.ends,
        open.is_one
    )
    .fetch_all(&mut *conn)
    .await?;
    let unique =
        if range.is_whole_days(now) { visits::of_programme(conn, range).await? } else { Union::CutsADay };
    let earnings = earnings::of_programme(conn, range, now).await?;
    let mut counted = rows.into_iter().peekable();
    let buckets: Vec<Bucket> = range
        .bucket_starts()
        .map(|start| {
            let row = counted.next_if(|row| row.start == start);
            let (human, filtered) =
                row.map_or((0, 0), |row| (count(row.human_clicks), count(row.filtered_clicks)));
            Bucket { start, human, filtered, unique: None }
        })
        .collect();
    Ok(Summary {
        human: buckets.iter().map(|bucket| bucket.human).sum(),
        filtered: buckets.iter().map(|bucket| bucket.filtered).sum(),
        unique,
        earnings,
        buckets,
    })
}
