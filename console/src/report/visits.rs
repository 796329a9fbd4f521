//! Unique visits: unions of daily sketches, read as a stream and dropped one by one.
//!
//! Never more than one stored sketch is held beside the unions themselves, whatever the span.

use std::collections::HashMap;

use chrono::NaiveDate;
use common::hll::Sketch;
use futures_util::TryStreamExt as _;
use sqlx::PgConnection;
use tracing::warn;

use super::{Range, Span, count};

/// Sketches united for one number of the whole programme. A dense one has 12 KiB, so this is at most 600 MB read
/// from Postgres, a second or two. Days that are rolled up have one, so only a year that just changed has so many.
pub const MAX_PROGRAMME_SKETCHES: i64 = 50_000;

/// Visits of one link: each day's estimate, and the union of all.
#[derive(Default)]
pub struct Visits {
    days: HashMap<NaiveDate, u64>,
    union: Uniting,
}

impl Visits {
    /// Distinct people on one day.
    pub fn on(&self, day: NaiveDate) -> u64 {
        self.days.get(&day).copied().unwrap_or_default()
    }

    /// Distinct people over all days.
    pub fn union(&self) -> Union {
        self.union.finish()
    }
}

/// Visits of each of these links on the days of `range`.
pub async fn of_links(
    conn: &mut PgConnection,
    ids: &[i64],
    range: &Range,
) -> sqlx::Result<HashMap<i64, Visits>> {
    let (from, to) = range.days();
    let mut rows = sqlx::query!(
        "select link_id, day, sketch, estimate from visit_daily where link_id = any($1) and day >= $2 and day < $3",
        ids,
        from,
        to
    )
    .fetch(conn);
    let mut visits = HashMap::<i64, Visits>::new();
    while let Some(row) = rows.try_next().await? {
        let of_link = visits.entry(row.link_id).or_default();
        of_link.days.insert(row.day, count(row.estimate));
        of_link.union.add(&row.sketch);
    }
    Ok(visits)
}

/// The union over all days of one link. Twelve KiB a day at most, so a year's is a few megabytes.
pub async fn of_link(conn: &mut PgConnection, link_id: i64) -> sqlx::Result<Union> {
    let mut rows = sqlx::query!("select sketch from visit_daily where link_id = $1", link_id).fetch(conn);
    let mut union = Uniting::default();
    while let Some(row) = rows.try_next().await? {
        union.add(&row.sketch);
    }
    Ok(union.finish())
}

/// The union over all links of each of these affiliates on the days of `range`. Whoever has no visit is left out.
pub async fn of_affiliates(
    conn: &mut PgConnection,
    ids: &[i64],
    range: &Range,
) -> sqlx::Result<HashMap<i64, Union>> {
    let (from, to) = range.days();
    let mut rows = sqlx::query!(
        "select l.affiliate_id, v.sketch from link l join visit_daily v using (link_id) \
         where l.affiliate_id = any($1) and v.day >= $2 and v.day < $3",
        ids,
        from,
        to
    )
    .fetch(conn);
    let mut unions = HashMap::<i64, Uniting>::new();
    while let Some(row) = rows.try_next().await? {
        unions.entry(row.affiliate_id).or_default().add(&row.sketch);
    }
    Ok(unions.into_iter().map(|(id, union)| (id, union.finish())).collect())
}

/// Distinct people, or why they cannot be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Union {
    /// So many, standard error 0.81 %.
    People(u64),
    /// The span cuts a day in two, and sketches are daily.
    CutsADay,
    /// More than [`MAX_PROGRAMME_SKETCHES`] would have to be read.
    TooMany,
    /// A stored sketch is damaged; without it the number would be too small.
    Unreadable,
}

impl Union {
    /// The number, if there is one.
    pub fn people(self) -> Option<u64> {
        match self {
            Self::People(people) => Some(people),
            Self::CutsADay | Self::TooMany | Self::Unreadable => None,
        }
    }
}

/// The union over all links that the caller sees on the days of `span`, of affiliates that are not switched off.
pub async fn of_programme(conn: &mut PgConnection, span: &Span) -> sqlx::Result<Union> {
    let (from, to) = span.days();
    let open = &span.clicks;
    let mut rows = sqlx::query_file!(
        "src/report/sketches.sql",
        from,
        to,
        MAX_PROGRAMME_SKETCHES + 1,
        span.is_own,
        span.vendor_id,
        &open.days,
        open.begins,
        open.ends,
        open.is_one
    )
    .fetch(conn);
    let (mut union, mut seen) = (Uniting::default(), 0);
    while let Some(row) = rows.try_next().await? {
        seen += 1;
        if seen > MAX_PROGRAMME_SKETCHES {
            return Ok(Union::TooMany);
        }
        union.add(&row.sketch);
    }
    Ok(union.finish())
}

/// A union in the making.
#[derive(Default)]
struct Uniting {
    union: Option<Sketch>,
    is_damaged: bool,
}

impl Uniting {
    /// Adds a stored sketch. The first that cannot be read spoils the union and is named in the log.
    fn add(&mut self, stored: &[u8]) {
        if self.is_damaged {
            return;
        }
        match (Sketch::from_redis(stored), &mut self.union) {
            (Ok(sketch), Some(union)) => union.merge(&sketch),
            (Ok(sketch), union @ None) => *union = Some(sketch),
            (Err(error), _) => {
                warn!(%error, "a stored sketch cannot be read");
                self.is_damaged = true;
            }
        }
    }

    fn finish(&self) -> Union {
        if self.is_damaged {
            return Union::Unreadable;
        }
        Union::People(self.union.as_ref().map_or(0, Sketch::estimate))
    }
}
