//! A bucket's counters as rows of the three tables that hold them, in the order of their keys.
//!
//! Key order keeps the index pages that are being written together in memory, and is what makes the upserts free of
//! deadlocks. Columns travel as arrays, some ten thousand rows a statement. Measured on Postgres 15: unpacking the
//! arrays of 60,000 rows takes 15 ms of the 190 ms that their upsert takes; a temporary table saves no more than that, and
//! costs a COPY and dead rows in the catalogue for every bucket.

use std::collections::BTreeSet;
use std::ops::Range;

use anyhow::Context as _;
use chrono::{DateTime, NaiveDate, Utc};
use common::ids::LinkId;
use common::time::{Day, Hour};
use common::wire::Count;
use sqlx::PgConnection;

use crate::jobs::rollup::touch_hours;

/// Rows in one statement: large enough that planning and the round trip vanish, small enough that Postgres keeps
/// the arrays in its working memory.
const STATEMENT_ROWS: usize = 20_000;

/// Adds counters, which are in order and each there once, in the caller's transaction. The caller accounts for them:
/// batch, watermark and sketches are not this function's. Returns the number of rows written.
pub async fn add_counts(tx: &mut PgConnection, counts: &[(Count, u64)]) -> anyhow::Result<usize> {
    Rows::of(counts).add(tx).await
}

/// What a bucket adds, column by column.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Rows {
    hourly: Hourly,
    platform: Platform,
    origin: Origin,
    /// The links and days that people clicked on: these have a sketch.
    pub(super) visited: Vec<(LinkId, Day)>,
}

#[derive(Debug, Default, PartialEq, Eq)]
struct Hourly {
    link: Vec<i64>,
    hour: Vec<DateTime<Utc>>,
    human: Vec<i64>,
    filtered: Vec<i64>,
}

#[derive(Debug, Default, PartialEq, Eq)]
struct Platform {
    link: Vec<i64>,
    day: Vec<NaiveDate>,
    device: Vec<i16>,
    browser: Vec<i16>,
    os: Vec<i16>,
    human: Vec<i64>,
}

#[derive(Debug, Default, PartialEq, Eq)]
struct Origin {
    link: Vec<i64>,
    day: Vec<NaiveDate>,
    country: Vec<i16>,
    channel: Vec<i16>,
    human: Vec<i64>,
}

impl Rows {
    /// Sorts counters, which are in order and each there once, into tables.
    pub(super) fn of(counts: &[(Count, u64)]) -> Self {
        let mut rows = Self::default();
        let mut clicks: Vec<(LinkId, Hour, i64, i64)> = Vec::new();
        for &(count, n) in counts {
            let n = n.cast_signed();
            match count {
                Count::Human(link, hour) => clicks.push((link, hour, n, 0)),
                Count::Filtered(link, hour) => clicks.push((link, hour, 0, n)),
                Count::Platform(link, day, device, browser, os) => {
                    rows.platform.link.push(link.0.cast_signed());
                    rows.platform.day.push(day.date());
                    rows.platform.device.push(device.code().into());
                    rows.platform.browser.push(browser.code().into());
                    rows.platform.os.push(os.code().into());
                    rows.platform.human.push(n);
                }
                Count::Origin(link, day, country, channel) => {
                    rows.origin.link.push(link.0.cast_signed());
                    rows.origin.day.push(day.date());
                    rows.origin.country.push(country.code().cast_signed());
                    rows.origin.channel.push(channel.code().into());
                    rows.origin.human.push(n);
                }
            }
        }
        // Two sorted runs, people and programs, which this merges in linear time.
        clicks.sort_by_key(|&(link, hour, ..)| (link, hour));
        for (link, hour, human, filtered) in clicks {
            rows.hourly.push(link, hour, human, filtered);
            if human > 0 && rows.visited.last() != Some(&(link, hour.day())) {
                rows.visited.push((link, hour.day()));
            }
        }
        rows
    }

    /// Adds everything to what is there. Returns the number of rows written.
    pub(super) async fn add(&self, tx: &mut PgConnection) -> anyhow::Result<usize> {
        for range in statements(self.hourly.link.len()) {
            add_hourly(tx, &self.hourly, range).await.context("cannot add to click_hourly")?;
        }
        for range in statements(self.platform.link.len()) {
            add_platform(tx, &self.platform, range).await.context("cannot add to click_daily_platform")?;
        }
        for range in statements(self.origin.link.len()) {
            add_origin(tx, &self.origin, range).await.context("cannot add to click_daily_origin")?;
        }
        touch_hours(tx, self.hours()).await?;
        Ok(self.hourly.link.len() + self.platform.link.len() + self.origin.link.len() + self.visited.len())
    }
}

impl Rows {
    /// The hours that change. Platforms and origins are of the same clicks.
    fn hours(&self) -> BTreeSet<DateTime<Utc>> {
        self.hourly.hour.iter().copied().collect()
    }
}

impl Hourly {
    /// Adds clicks of an hour, which is the last row's or a later one.
    fn push(&mut self, link: LinkId, hour: Hour, human: i64, filtered: i64) {
        let (link, hour) = (link.0.cast_signed(), hour.start());
        if self.link.last() == Some(&link) && self.hour.last() == Some(&hour) {
            let last = self.link.len() - 1;
            self.human[last] += human;
            self.filtered[last] += filtered;
        } else {
            self.link.push(link);
            self.hour.push(hour);
            self.human.push(human);
            self.filtered.push(filtered);
        }
    }
}

async fn add_hourly(tx: &mut PgConnection, rows: &Hourly, range: Range<usize>) -> sqlx::Result<()> {
    sqlx::query_file!(
        "src/jobs/flush/add_hourly.sql",
        &rows.link[range.clone()],
        &rows.hour[range.clone()],
        &rows.human[range.clone()],
        &rows.filtered[range]
    )
    .execute(tx)
    .await
    .map(drop)
}

async fn add_platform(tx: &mut PgConnection, rows: &Platform, range: Range<usize>) -> sqlx::Result<()> {
    sqlx::query_file!(
        "src/jobs/flush/add_platform.sql",
        &rows.link[range.clone()],
        &rows.day[range.clone()],
        &rows.device[range.clone()],
        &rows.browser[range.clone()],
        &rows.os[range.clone()],
        &rows.human[range]
    )
    .execute(tx)
    .await
    .map(drop)
}

async fn add_origin(tx: &mut PgConnection, rows: &Origin, range: Range<usize>) -> sqlx::Result<()> {
    sqlx::query_file!(
        "src/jobs/flush/add_origin.sql",
        &rows.link[range.clone()],
        &rows.day[range.clone()],
        &rows.country[range.clone()],
        &rows.channel[range.clone()],
        &rows.human[range]
    )
    .execute(tx)
    .await
    .map(drop)
}

/// Cuts `0..len` into pieces of at most [`STATEMENT_ROWS`].
fn statements(len: usize) -> impl Iterator<Item = Range<usize>> {
    (0..len).step_by(STATEMENT_ROWS).map(move |from| from..len.min(from + STATEMENT_ROWS))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_and_programs_of_an_hour_share_a_row() {
        let (a, b, hour) = (LinkId(1), LinkId(2), Hour(48));
        let counts = [
            (Count::Human(a, hour), 3),
            (Count::Human(a, Hour(49)), 1),
            (Count::Human(b, hour), 5),
            (Count::Filtered(a, hour), 2),
            (Count::Filtered(b, Hour(72)), 7),
        ];
        let rows = Rows::of(&counts);
        assert_eq!(rows.hourly.link, [1, 1, 2, 2]);
        assert_eq!(rows.hourly.human, [3, 1, 5, 0]);
        assert_eq!(rows.hourly.filtered, [2, 0, 0, 7]);
        assert_eq!(rows.visited, [(a, Day(2)), (b, Day(2))], "a day of programs has no visitors");
    }

    #[test]
    fn statements_cover_every_row_once() {
        for len in [0, 1, STATEMENT_ROWS, STATEMENT_ROWS + 1, 3 * STATEMENT_ROWS] {
            let covered: Vec<usize> = statements(len).flatten().collect();
            assert_eq!(covered, (0..len).collect::<Vec<_>>());
        }
    }
}
