//! Whether the books add up: what the journals claim to have handed over, against what was counted.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;

use super::count;
use crate::auth::{Caller, Tenant};

/// The books of all partitions.
#[derive(Debug, Clone, Default)]
pub struct Books {
    /// In order of their numbers. Empty before the first flush.
    pub partitions: Vec<PartitionBooks>,
}

/// The books of one partition.
#[derive(Debug, Clone)]
pub struct PartitionBooks {
    /// Its number.
    pub part: i16,
    /// Clicks counted, ever.
    pub clicks: i64,
    /// Clicks the journals claim to have handed over.
    pub claimed: i64,
    /// When counts were last added.
    pub flushed_at: Option<DateTime<Utc>>,
}

impl Books {
    /// Clicks counted, ever.
    pub fn clicks(&self) -> u64 {
        self.partitions.iter().map(|partition| count(partition.clicks)).sum()
    }

    /// Clicks the journals claim to have handed over.
    pub fn claimed(&self) -> u64 {
        self.partitions.iter().map(|partition| count(partition.claimed)).sum()
    }

    /// Claims that were not counted, or counts that nobody claimed, over all partitions. Must be 0.
    ///
    /// Absolute by partition, so that one that lost a click and one that invented one do not cancel out.
    pub fn difference(&self) -> u64 {
        self.partitions.iter().map(|partition| partition.claimed.abs_diff(partition.clicks)).sum()
    }

    /// When counts were last added anywhere.
    pub fn last_flush(&self) -> Option<DateTime<Utc>> {
        self.partitions.iter().filter_map(|partition| partition.flushed_at).max()
    }
}

/// The books, for the programme's own people: they are of everybody's clicks together.
pub async fn of_programme(conn: &mut PgConnection, caller: &Caller) -> sqlx::Result<Option<Books>> {
    match caller.tenant {
        Tenant::Programme => read(conn).await.map(Some),
        Tenant::Vendor(_) | Tenant::Affiliate(_) => Ok(None),
    }
}

/// The books as they are now.
pub async fn read(conn: &mut PgConnection) -> sqlx::Result<Books> {
    let partitions = sqlx::query_file_as!(PartitionBooks, "src/report/books.sql").fetch_all(conn).await?;
    Ok(Books { partitions })
}
