//! The whole programme over a span.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;

use super::earnings::{self, Earnings};
use super::visits::{self, Union};
use super::{Bucket, Span, count};

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

/// The same without what it brought.
#[derive(Debug)]
pub struct Clicks {
    unique: Union,
    buckets: Vec<Bucket>,
}

impl Clicks {
    /// With what it brought over the same span.
    pub fn with(self, earnings: Option<Earnings>) -> Summary {
        let Self { unique, buckets } = self;
        Summary {
            human: buckets.iter().map(|bucket| bucket.human).sum(),
            filtered: buckets.iter().map(|bucket| bucket.filtered).sum(),
            unique,
            earnings,
            buckets,
        }
    }
}

/// The programme over `span`. Days carry no unique visits of their own here: that would be one union per day.
pub async fn of(conn: &mut PgConnection, span: &Span, now: DateTime<Utc>) -> sqlx::Result<Summary> {
    let earnings = earnings::of_programme(conn, span, now).await?;
    Ok(clicks(conn, span, now).await?.with(earnings))
}

/// Its clicks alone.
pub async fn clicks(conn: &mut PgConnection, span: &Span, now: DateTime<Utc>) -> sqlx::Result<Clicks> {
    let open = &span.clicks;
    let rows = sqlx::query_file!(
        "src/report/summary.sql",
        span.from,
        span.to,
        span.granularity.name(),
        span.is_own,
        span.vendor_id,
        &open.days,
        span.clicks_since,
        open.ends,
        open.is_one
    )
    .fetch_all(&mut *conn)
    .await?;
    let unique =
        if span.is_whole_days(now) { visits::of_programme(conn, span).await? } else { Union::CutsADay };
    let mut counted = rows.into_iter().peekable();
    let buckets = span
        .bucket_starts()
        .map(|start| {
            let row = counted.next_if(|row| row.start == start);
            let (human, filtered) =
                row.map_or((0, 0), |row| (count(row.human_clicks), count(row.filtered_clicks)));
            Bucket { start, human, filtered, unique: None }
        })
        .collect();
    Ok(Clicks { unique, buckets })
}
