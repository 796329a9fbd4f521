//! What Postgres says: all counts, sketches and watermarks of one moment.

use std::collections::{BTreeMap, HashMap};

use anyhow::Context as _;
use chrono::{DateTime, NaiveDate, Utc};
use common::flush::Watermark;
use common::ids::{Lane, LinkId, Partition, Partitions, Seq};
use common::time::{Day, Hour, Millis};
use common::traffic::{Browser, Channel, Country, Device, Os};
use common::wire::Count;
use sqlx::{Connection as _, PgConnection};

use super::recount::Marks;

/// A sketch as stored, and the estimate beside it.
#[derive(Debug)]
pub struct Stored {
    /// In Redis's format.
    pub sketch: Vec<u8>,
    /// Shown in reports.
    pub estimate: i64,
}

/// The books of one moment.
#[derive(Debug)]
pub struct Books {
    /// How far everything is counted.
    pub watermark: Marks,
    /// Every counter that is not zero.
    pub counts: HashMap<Count, u64>,
    /// Every sketch.
    pub sketches: BTreeMap<(LinkId, Day), Stored>,
}

/// How many partitions the programme was installed with.
pub async fn partitions(postgres: &mut PgConnection) -> anyhow::Result<Partitions> {
    let stored: i16 = sqlx::query_scalar("select partitions from installation")
        .fetch_one(postgres)
        .await
        .context("cannot read the installation: is this a Linkledger database?")?;
    u16::try_from(stored)
        .ok()
        .and_then(Partitions::new)
        .context("the number of partitions is not a power of two")
}

/// How far everything is counted.
pub async fn watermark(postgres: &mut PgConnection) -> anyhow::Result<Marks> {
    let rows: Vec<(i16, i32, i64, i64)> =
        sqlx::query_as("select part, lane, seq, claim from flush_watermark")
            .fetch_all(postgres)
            .await
            .context("cannot read the watermark")?;
    let mark = |(part, lane, seq, claim): (i16, i32, i64, i64)| {
        let place = (Lane(u16::try_from(lane)?), Partition(u16::try_from(part)?));
        Ok((place, Watermark { seq: Seq(seq.cast_unsigned()), claim: claim.cast_unsigned() }))
    };
    rows.into_iter().map(mark).collect()
}

impl Books {
    /// Reads everything in one snapshot, so that counts and watermark belong together though flushes go on.
    pub async fn read(postgres: &mut PgConnection) -> anyhow::Result<Self> {
        let mut tx = postgres.begin().await.context("cannot reach Postgres")?;
        sqlx::query("set transaction isolation level repeatable read, read only").execute(&mut *tx).await?;
        let mut books =
            Self { watermark: watermark(&mut tx).await?, counts: HashMap::new(), sketches: BTreeMap::new() };
        books.read_hours(&mut tx).await.context("cannot read click_hourly")?;
        books.read_platforms(&mut tx).await.context("cannot read click_daily_platform")?;
        books.read_origins(&mut tx).await.context("cannot read click_daily_origin")?;
        books.read_sketches(&mut tx).await.context("cannot read visit_daily")?;
        tx.rollback().await?;
        Ok(books)
    }

    fn add(&mut self, count: Count, n: i64) {
        if n != 0 {
            self.counts.insert(count, n.cast_unsigned());
        }
    }

    async fn read_hours(&mut self, tx: &mut PgConnection) -> anyhow::Result<()> {
        let statement = "select link_id, hour, human_clicks, filtered_clicks from click_hourly";
        let rows: Vec<(i64, DateTime<Utc>, i64, i64)> = sqlx::query_as(statement).fetch_all(tx).await?;
        for (link, hour, human, filtered) in rows {
            let (link, hour) = (LinkId(link.cast_unsigned()), hour_of(hour)?);
            self.add(Count::Human(link, hour), human);
            self.add(Count::Filtered(link, hour), filtered);
        }
        Ok(())
    }

    async fn read_platforms(&mut self, tx: &mut PgConnection) -> anyhow::Result<()> {
        let statement = "select link_id, day, device, browser, os, human_clicks from click_daily_platform";
        let rows: Vec<(i64, NaiveDate, i16, i16, i16, i64)> = sqlx::query_as(statement).fetch_all(tx).await?;
        for (link, day, device, browser, os, n) in rows {
            let parts = || {
                Some((
                    Device::from_code(u8::try_from(device).ok()?)?,
                    Browser::from_code(u8::try_from(browser).ok()?)?,
                    Os::from_code(u8::try_from(os).ok()?)?,
                ))
            };
            let (device, browser, os) = parts().context("a platform is not in the vocabulary")?;
            let link = LinkId(link.cast_unsigned());
            self.add(Count::Platform(link, day_of(day)?, device, browser, os), n);
        }
        Ok(())
    }

    async fn read_origins(&mut self, tx: &mut PgConnection) -> anyhow::Result<()> {
        let statement = "select link_id, day, country, channel, human_clicks from click_daily_origin";
        let rows: Vec<(i64, NaiveDate, i16, i16, i64)> = sqlx::query_as(statement).fetch_all(tx).await?;
        for (link, day, country, channel, n) in rows {
            let parts = || {
                let channel = Channel::from_code(u8::try_from(channel).ok()?)?;
                Some((Country::from_code(u16::try_from(country).ok()?)?, channel))
            };
            let (country, channel) = parts().context("an origin is not in the vocabulary")?;
            self.add(Count::Origin(LinkId(link.cast_unsigned()), day_of(day)?, country, channel), n);
        }
        Ok(())
    }

    async fn read_sketches(&mut self, tx: &mut PgConnection) -> anyhow::Result<()> {
        let statement = "select link_id, day, sketch, estimate from visit_daily";
        let rows: Vec<(i64, NaiveDate, Vec<u8>, i64)> = sqlx::query_as(statement).fetch_all(tx).await?;
        for (link, day, sketch, estimate) in rows {
            self.sketches.insert((LinkId(link.cast_unsigned()), day_of(day)?), Stored { sketch, estimate });
        }
        Ok(())
    }
}

fn hour_of(at: DateTime<Utc>) -> anyhow::Result<Hour> {
    let hour = Millis(u64::try_from(at.timestamp_millis()).context("an hour before 1970")?).hour();
    anyhow::ensure!(hour.start() == at, "{at} is not the beginning of an hour");
    Ok(hour)
}

fn day_of(date: NaiveDate) -> anyhow::Result<Day> {
    Day::from_date(date).with_context(|| format!("{date} is before 1970"))
}
