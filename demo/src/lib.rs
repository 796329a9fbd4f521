//! The demo programme's past: what a fresh installation looks as if it had lived through.
//!
//! Nothing here is a number that somebody made up. People are made up, who click and buy; what follows from that is worked
//! out by the very functions that count, settle and pay in earnest, at moments that have passed. So the standing
//! invariants hold, and every number can be asked why.
//!
//! All of it is one transaction: nobody sees half a past, and whoever kills it leaves none.

mod args;
mod books;
mod calendar;
mod cast;
mod clicks;
mod counting;
mod crowd;
mod dice;
mod fate;
mod font;
mod paper;
mod role;
mod shops;
mod specimen;

use aggregator::jobs::convert::{Links, convert_within};
use aggregator::migrate::installed_partitions;
use anyhow::Context as _;
use chrono::{DateTime, Utc};
use sqlx::{Connection as _, PgConnection, Postgres, Transaction};

pub use self::args::{Args, Config};
use self::books::Books;
use self::calendar::{Calendar, Day};
use self::cast::Cast;
use self::counting::{Counted, Counting, is_written, partitions};
use self::role::{Role, act_as};
use self::shops::Shops;

/// The vendor, by its place, whose payout is left for whoever opens the demo.
const OPEN_PAYOUT_OF: i64 = 2;

/// Days after which Postgres looks at its tables again: they have doubled.
const LOOK_AGAIN: [u32; 7] = [1, 2, 4, 8, 16, 32, 64];

/// What came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Written {
    /// There is a past now.
    Past {
        /// Days, today among them.
        days: u32,
        /// Clicks of people and programs.
        clicks: u32,
        /// Orders and abandoned baskets.
        orders: u32,
    },
    /// There was nothing to do, and why.
    Nothing(&'static str),
}

/// Writes the past that leads up to `now_ms`, unless there is one already. Says now and then how far it got.
pub async fn write(config: &Config, now_ms: u64, say: &(dyn Fn(&str) + Sync)) -> anyhow::Result<Written> {
    let shown = runtime::config::without_password(config.database_url.expose());
    let mut database = PgConnection::connect(config.database_url.expose())
        .await
        .with_context(|| format!("cannot connect to {shown}"))?;
    let mut tx = database.begin().await.context("cannot begin")?;
    let calendar = Calendar { now: clicks::at(now_ms), days: config.days };
    act_as(&mut tx, Role::Aggregator).await?;
    if is_written(&mut tx).await? {
        return Ok(Written::Nothing("the demo's history is there already"));
    }
    act_as(&mut tx, Role::Operator).await?;
    let cast = Cast::read(&mut tx).await?;
    if cast.links.iter().all(|link| link.began > calendar.began()) {
        return Ok(Written::Nothing("the demo programme began too late to have a history"));
    }
    let written = past(&mut tx, config, calendar, &cast, say).await?;
    tx.commit().await.context("cannot commit")?;
    database.close().await.context("cannot close the connection")?;
    Ok(written)
}

async fn past(
    tx: &mut Transaction<'_, Postgres>,
    config: &Config,
    calendar: Calendar,
    cast: &Cast,
    say: &(dyn Fn(&str) + Sync),
) -> anyhow::Result<Written> {
    let installed = installed_partitions(tx).await?;
    let mut counting = Counting::new(partitions(installed)?);
    let keyring = config.keyring();
    let mut shops = Shops::new(cast, keyring.signer(), calendar.now, config.seed);
    act_as(tx, Role::Aggregator).await?;
    let mut today = None;
    for day in calendar.days() {
        say(&format!("clicks of day {} of {}", day.nth + 1, calendar.days));
        let counted = live(day, config, calendar.now, cast, &mut counting, &mut shops)?;
        if day.date == calendar.now.date_naive() {
            // Flushes write to today's rows as well: they come last, so that no flush has to wait for long.
            today = Some(counted);
        } else {
            counted.write(tx).await.with_context(|| format!("cannot write the clicks of {}", day.date))?;
        }
    }
    let (reports, orders) = shops.close();
    let mut books = Books::open(&keyring, &reports, calendar);
    for day in calendar.days().skip(1) {
        say(&format!("orders until day {} of {}", day.nth + 1, calendar.days));
        if LOOK_AGAIN.contains(&day.nth) {
            look_again(tx).await?;
        }
        books.pass(tx, day.start()).await?;
    }
    if let Some(counted) = today {
        say("today");
        act_as(tx, Role::Aggregator).await?;
        counting.lock(tx).await?;
        counted.write(tx).await.context("cannot write the clicks of today")?;
        counting.close(tx, calendar.now).await?;
    }
    books.pass(tx, calendar.now).await?;
    finish(tx, config, &books, cast, calendar.now).await?;
    Ok(Written::Past { days: calendar.days, clicks: counting.clicks(), orders })
}

/// Has Postgres look at what has grown, and plan anew. Nobody else sees these rows before the commit, so nobody else does
/// it, and plans that suited empty tables would be kept.
async fn look_again(tx: &mut PgConnection) -> anyhow::Result<()> {
    act_as(tx, Role::Owner).await?;
    sqlx::query(
        "analyze click_hourly, order_event, customer_order, order_line, order_candidate, hold, ledger_tx, ledger_entry, \
         order_daily, payout_line, payout_order",
    )
    .execute(tx)
    .await
    .context("cannot look at the tables")
    .map(drop)
}

/// Lets people click and buy for a day.
fn live(
    day: Day,
    config: &Config,
    now: DateTime<Utc>,
    cast: &Cast,
    counting: &mut Counting,
    shops: &mut Shops<'_>,
) -> anyhow::Result<Counted> {
    let keys = clicks::keys_of(day, &config.master).context("a day before 1970")?;
    let clicks = clicks::of_day(day, now, cast, &keys, config.seed);
    let counted = counting.day(day, &clicks, cast);
    for (nth, click) in clicks.iter().enumerate() {
        shops.visit(click, counted.seq(nth));
    }
    Ok(counted)
}

async fn finish(
    tx: &mut Transaction<'_, Postgres>,
    config: &Config,
    books: &Books<'_>,
    cast: &Cast,
    now: DateTime<Utc>,
) -> anyhow::Result<()> {
    if let Some(link) = cast.links.iter().find(|link| link.vendor_nth == OPEN_PAYOUT_OF) {
        books.leave_open(tx, link.vendor_id).await?;
    }
    act_as(tx, Role::Aggregator).await?;
    convert_within(tx, Links::All, now).await?;
    paper::write(tx, &config.document_dir).await
}
