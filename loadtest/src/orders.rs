//! Orders: shops report a made-up programme's orders, shuffled, several times, by many at once, while the console, the
//! aggregator and Postgres are killed; then the books are held against the pure rules, order by order.
//!
//! What is reported, and when what is killed, follows from the seed. Only processes that this run has started are ever
//! touched. No token is on more than three orders and no link is clicked in waves, so the flags of fraud that depend
//! on what else happens are never raised; those that follow from the order alone are, and are checked.

mod books;
mod chance;
mod clicks;
mod client;
mod judge;
mod make;
mod payouts;
mod post;
mod purse;
mod reference;
mod report;
mod settings;
mod throughput;
mod wire;
mod world;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Context as _, anyhow, ensure};
use common::time::Millis;
use runtime::clock;
use sqlx::{Connection as _, PgConnection};

use self::books::Books;
use self::judge::{Payouts, judge};
use self::make::{Maker, REAL_LASTS};
use self::post::{Mail, Tally};
use self::purse::Purse;
use self::report::Report;
use self::settings::{Config, Folder, What};
use self::world::World;
use crate::chaos::house::House;
use crate::chaos::schedule;
use crate::chaos::strike::{Done, strike};
use crate::chaos::told_to_stop;
use crate::outcome::{Failure, Outcome};
use crate::progress::Progress;

pub use self::settings::Args;

/// When key 1 was retired: within the windows of the older terms, outside those of the shorter ones.
const RETIRED: Duration = Duration::from_hours(20 * 24);
/// How long the aggregator may take to settle what is left after the last post.
const DRAIN_LIMIT: Duration = Duration::from_mins(30);
/// Between two looks at what is due.
const STEP: Duration = Duration::from_millis(5);
/// Between two looks at how much is left.
const POLL: Duration = Duration::from_millis(500);

/// Opens a house, reports orders to it while it is killed, heals it, and judges its books.
pub async fn run(args: Args) -> Result<Outcome, Failure> {
    let config = args.validate()?;
    eprintln!("orders: seed {}; run it again with --seed {0}", config.seed);
    tokio::select! {
        outcome = in_a_house(&config) => Ok(outcome?),
        told = told_to_stop() => Err(told.err().unwrap_or_else(|| anyhow!("told to stop")).into()),
    }
}

async fn in_a_house(config: &Config) -> anyhow::Result<Outcome> {
    let retired_at = Millis(clock::now_ms()).minus(RETIRED);
    let mut house = House::open_with(&[("LINKLEDGER_TOKEN_KEYS", &purse::key_states(retired_at))]).await?;
    eprintln!("orders: a house of its own runs in {}", house.data().display());
    let outcome = match config.what {
        What::Chaos => chaos(config, &mut house, retired_at).await,
        What::Throughput => throughput::measure(config, &mut house, retired_at).await,
    };
    let passed = outcome.as_ref().is_ok_and(|outcome| outcome.passed);
    if !passed || config.folder == Folder::Kept {
        eprintln!("orders: logs and databases are kept in {}", house.keep().display());
    }
    outcome
}

/// A programme in the house, and tokens to order with.
async fn furnish(config: &Config, house: &House, retired_at: Millis) -> anyhow::Result<(World, Purse)> {
    let world = World::make(config.seed, Millis(clock::now_ms()));
    world::plant(&world, config.seed, house.database_url.expose()).await?;
    let mut purse = Purse::open(house.secret()?.expose(), retired_at)?;
    clicks::collect(house, &world, &mut purse, config.orders).await?;
    Ok((world, purse))
}

async fn chaos(config: &Config, house: &mut House, retired_at: Millis) -> anyhow::Result<Outcome> {
    let begun = clock::monotonic();
    let (world, purse) = furnish(config, house, retired_at).await?;
    eprintln!("orders: {} real click tokens; writing the reports", purse.real());
    let maker = Maker { seed: config.seed, events_max: config.events_max, world: &world, purse: &purse };
    let mail = Arc::new(Mail::write(&maker, config.orders, config.copies));
    let Ride { tally, acts, missed, seconds: post_seconds } = ride(config, house, mail).await?;

    eprintln!("orders: healing, and settling what is left");
    house.heal().await?;
    let database_url = house.database_url.expose();
    let mut postgres = PgConnection::connect(database_url).await.context("cannot reach Postgres")?;
    let settling = clock::monotonic();
    settled(&mut postgres, purse.last_click().unwrap_or(world.made_at).plus(REAL_LASTS)).await?;
    let settle_seconds = settling.elapsed().as_secs_f64();
    if config.payouts == Payouts::Some {
        payouts::pay(database_url).await?;
        settled(&mut postgres, world.made_at).await?;
    }
    eprintln!("orders: comparing the books");
    let (books, now) = (Books::read(&mut postgres).await?, Millis(clock::now_ms()));
    let mut findings = judge(&maker, config.orders, books, config.payouts, now);
    findings.paid = payouts::check(&mut postgres, &mut findings).await?;
    let kills = |(act, count): (&String, &u64)| if act.starts_with("kill") { *count } else { 0 };
    let report = Report {
        seed: config.seed,
        copies: config.copies,
        posters: config.posters,
        real_tokens: purse.real(),
        posts_per_second: tally.posts as f64 / post_seconds,
        tally,
        kills: acts.iter().map(kills).sum(),
        acts,
        fired: house.fired()?,
        missed,
        post_seconds,
        settle_seconds,
        violations: house.audit()?,
        findings,
        seconds: begun.elapsed().as_secs_f64(),
    };
    Outcome::new(report.passed(), &report)
}

/// What came of the posting.
struct Ride {
    tally: Tally,
    /// What was done, by kind.
    acts: BTreeMap<String, u64>,
    missed: u64,
    seconds: f64,
}

/// Posts in threads of its own while it strikes; with payouts, two people pay meanwhile.
async fn ride(config: &Config, house: &House, mail: Arc<Mail>) -> anyhow::Result<Ride> {
    let (console, done, begun) = (house.door("console")?, Arc::new(AtomicUsize::new(0)), clock::monotonic());
    let mut progress = Progress::start("calls", mail.calls() as u64);
    let planned = config.kills.as_ref().map(|wishes| schedule::acts(config.seed, wishes)).unwrap_or_default();
    let (mut planned, mut acts, mut missed) = (planned.into_iter().peekable(), BTreeMap::new(), 0);
    let paying = (config.payouts == Payouts::Some)
        .then(|| tokio::spawn(payouts::pay_now_and_then(house.database_url.clone())));
    let posting = std::thread::Builder::new().name("posting".into()).spawn({
        let (done, posters, at_least) = (done.clone(), config.posters, config.at_least);
        move || mail.post(console, posters, at_least, &done)
    })?;
    while !posting.is_finished() {
        while let Some((_, act)) = planned.next_if(|(at, _)| begun.elapsed() >= *at) {
            match strike(house, act).await {
                Done::Yes => *acts.entry(act.name()).or_default() += 1,
                Done::NothingThere => missed += 1,
            }
        }
        progress.at(done.load(Ordering::Relaxed) as u64, &format!("{acts:?}"));
        tokio::time::sleep(STEP).await;
    }
    if let Some(paying) = paying {
        paying.abort();
    }
    let tally = posting.join().map_err(|_| anyhow!("posting panicked"))?.context("posting failed")?;
    Ok(Ride { tally, acts, missed, seconds: begun.elapsed().as_secs_f64() })
}

/// Waits until nothing is left to settle, and `not_before` is past.
async fn settled(postgres: &mut PgConnection, not_before: Millis) -> anyhow::Result<()> {
    let begun = clock::monotonic();
    let mut progress = None;
    loop {
        let statement = "select (select count(*) from order_due) \
            + (select count(*) from customer_order where matures_at <= now())";
        let left: i64 = sqlx::query_scalar(statement).fetch_one(&mut *postgres).await?;
        if left == 0 && clock::now_ms() > not_before.0 {
            return Ok(());
        }
        ensure!(begun.elapsed() < DRAIN_LIMIT, "{left} orders are not settled after {DRAIN_LIMIT:?}");
        let most = progress.get_or_insert_with(|| (Progress::start("settled", left.cast_unsigned()), left));
        most.0.at((most.1 - left).max(0).cast_unsigned(), "");
        tokio::time::sleep(POLL).await;
    }
}
