//! Upkeep: notice what happened to either store, and bring Redis back to what Postgres publishes.
//!
//! | seen | means | done |
//! |---|---|---|
//! | no generation | Redis was emptied, or is new | rebuild, then a new generation: edges reload |
//! | another source | Postgres was restored, promoted or replaced | the same |
//! | another run id | a Redis restarted or failed over, and may have lost its last second | compare, repair by stream |
//! | no marker | one server of a cluster was emptied | the same |
//! | other partitions | this Redis belongs to another installation | stop the process |

use std::sync::LazyLock;
use std::time::Duration;

use anyhow::{Context as _, anyhow, ensure};
use common::ids::Partitions;
use common::wire::{LINKS_GENERATION, PARTITIONS, links_marker};
use redis::{Cmd, InfoDict};
use runtime::failpoint::pass;
use runtime::{Shutdown, clock};
use sqlx::PgConnection;
use tokio::time::MissedTickBehavior;
use tracing::info;

use super::reconcile::{Pace, Repairs, backwards, forwards, reconcile};
use super::write::Tell;
use crate::jobs::attempt;
use crate::random::random_id;
use crate::store::{RedisConnection, Script, Stores};

/// How often to look at both stores.
const LOOK: Duration = Duration::from_secs(1);
/// What all of this is for, as a failure says it.
const KEEP: &str = "keep Redis in step";
/// Between two sweeps, when there are few links.
const SWEEP_REST: Duration = Duration::from_secs(10);
/// Which Postgres the links in Redis came from.
const SOURCE: &str = "links:source";
/// Lies in the same slot as [`LINKS_GENERATION`]; gone when that server was emptied during a rebuild.
const MARKER: &str = "{links:ver}:rebuild";
/// The Postgres advisory lock under which one aggregator rebuilds: "links" in ASCII.
const REBUILD_LOCK: i64 = 0x6c_696e_6b73;

static FINISH_REBUILD: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("finish_rebuild.lua")));

/// This Redis was filled with another number of partitions.
#[derive(Debug, thiserror::Error)]
#[error(
    "this Redis was filled for {found} partitions, but --partitions is {ours}; use the Redis of this installation, \
     or one that is empty"
)]
pub struct WrongPartitions {
    found: u16,
    ours: u16,
}

/// Keeps Redis in step until told to stop. Fails only when Redis belongs to another installation.
pub async fn run(stores: Stores, shutdown: Shutdown) -> anyhow::Result<()> {
    tokio::select! {
        stopped = watch(&stores) => stopped,
        () = sweep(&stores) => Ok(()),
        () = shutdown.stopping() => Ok(()),
    }
}

async fn watch(stores: &Stores) -> anyhow::Result<()> {
    let mut upkeep = Upkeep::default();
    let mut due = tokio::time::interval(LOOK);
    due.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        due.tick().await;
        match upkeep.tend(stores).await {
            Err(error) if error.is::<WrongPartitions>() => return Err(error),
            tended => attempt("publish", KEEP, async { tended }).await,
        };
    }
}

/// Compares everything, slowly, for ever: single lost keys come back by themselves.
async fn sweep(stores: &Stores) {
    loop {
        tokio::time::sleep(SWEEP_REST).await;
        if let Some(repairs) = attempt("publish", KEEP, reconcile(stores, Pace::SWEEP)).await {
            note(&repairs, "sweep");
        }
    }
}

fn note(repairs: &Repairs, why: &'static str) {
    let count = |what, n: usize| {
        metrics::counter!("aggregator_publish_repairs_total", "why" => why, "what" => what)
            .increment(n as u64);
    };
    count("written", repairs.written);
    count("raised", repairs.raised);
    count("buried", repairs.buried);
    if repairs.written + repairs.raised + repairs.buried > 0 {
        info!(why, ?repairs, "repaired links");
    }
}

/// What upkeep remembers between two looks.
#[derive(Debug, Default)]
pub struct Upkeep {
    /// The Redis processes that everything was last compared with.
    compared_with: Vec<String>,
}

impl Upkeep {
    /// Looks once, and does what has to be done. `Some`: what a rebuild or comparison repaired.
    pub async fn tend(&mut self, stores: &Stores) -> anyhow::Result<Option<Repairs>> {
        let seen = Seen::now(stores).await?;
        check_partitions(stores.partitions, seen.partitions)?;
        let mut postgres = stores.postgres.acquire().await.context("cannot reach Postgres")?;
        let source = identity(&mut postgres).await?;
        drop(postgres);
        let repairs = if seen.generation.is_none() || seen.source.as_deref() != Some(&source) {
            rebuild(stores, &source).await?
        } else if seen.is_unmarked() || self.compared_with != seen.run_ids {
            let repairs = reconcile(stores, Pace::FULL).await?;
            mark(stores, seen.generation.as_deref().unwrap_or_default()).await?;
            note(&repairs, "restart");
            Some(repairs)
        } else {
            None
        };
        if repairs.is_some() {
            self.compared_with = seen.run_ids;
        }
        Ok(repairs)
    }
}

/// What Redis says about itself.
struct Seen {
    generation: Option<String>,
    source: Option<String>,
    partitions: Option<u16>,
    /// The generation that the server of each partition was filled with.
    markers: Vec<Option<String>>,
    /// Every server that owns keys.
    run_ids: Vec<String>,
}

impl Seen {
    async fn now(stores: &Stores) -> anyhow::Result<Self> {
        let mut redis = stores.redis.connection().await?;
        let run_ids = run_ids(&mut redis).await?;
        let mut looks: Vec<Cmd> = [LINKS_GENERATION, SOURCE, PARTITIONS].map(Cmd::get).into();
        looks.extend(stores.partitions.iter().map(|partition| Cmd::get(links_marker(partition))));
        let mut found: Vec<Option<String>> = redis.all(looks).await.context("cannot look at Redis")?;
        let markers = found.split_off(3);
        let [generation, source, partitions] =
            <[_; 3]>::try_from(found).map_err(|_| anyhow!("Redis answered too little"))?;
        let partitions =
            partitions.map(|n| n.parse()).transpose().context("links:partitions is no number")?;
        Ok(Self { generation, source, partitions, markers, run_ids })
    }

    fn is_unmarked(&self) -> bool {
        self.markers.iter().any(|marker| *marker != self.generation)
    }
}

async fn run_ids(redis: &mut RedisConnection) -> anyhow::Result<Vec<String>> {
    let mut look = redis::cmd("INFO");
    look.arg("server");
    let mut ids = Vec::new();
    for node in redis.nodes().await.context("cannot tell where links are")? {
        let info: InfoDict = redis.ask(&node, &look).await.context("cannot look at Redis")?;
        ids.push(info.get("run_id").context("Redis does not say its run_id")?);
    }
    Ok(ids)
}

/// Notes beside every partition that its server has the links of this generation.
async fn mark(stores: &Stores, generation: &str) -> anyhow::Result<()> {
    let mut redis = stores.redis.connection().await?;
    let sets = stores.partitions.iter().map(|partition| Cmd::set(links_marker(partition), generation));
    let _ok: Vec<String> = redis.all(sets.collect()).await.context("cannot mark what is filled")?;
    Ok(())
}

fn check_partitions(ours: Partitions, found: Option<u16>) -> Result<(), WrongPartitions> {
    match found {
        Some(found) if found != ours.count() => Err(WrongPartitions { found, ours: ours.count() }),
        _ => Ok(()),
    }
}

/// Fills Redis with every link and starts a new generation. `None`: another aggregator is at it.
async fn rebuild(stores: &Stores, source: &str) -> anyhow::Result<Option<Repairs>> {
    let mut holder = stores.postgres.begin().await.context("cannot reach Postgres")?;
    if !try_lock(&mut holder).await? {
        return Ok(None);
    }
    let begun = clock::monotonic();
    info!(source, "rebuilding the links in Redis");
    let (marker, generation) = (random_id()?, random_id()?);
    let mut redis = stores.redis.connection().await?;
    let opening = vec![Cmd::set(MARKER, &marker), Cmd::set(PARTITIONS, stores.partitions.count())];
    let _ok: Vec<String> = redis.all(opening).await.context("cannot begin a rebuild")?;

    let mut repairs = Repairs::default();
    // The links are read in the transaction that holds the lock: it is never idle, and ends with us.
    forwards(stores, &mut holder, Pace::FULL, Tell::Nobody, &mut repairs).await?;
    mark(stores, &generation).await?;
    let () = Cmd::set(SOURCE, source).query_async(&mut redis).await.context("cannot name the source")?;
    pass("publish.before_generation");
    let mut finish = FINISH_REBUILD.call();
    finish.key(LINKS_GENERATION).key(MARKER).arg(marker).arg(generation);
    let finished: u8 = finish.run(&mut redis).await.context("cannot finish a rebuild")?;
    ensure!(finished == 1, "Redis was emptied while it was rebuilt; beginning again");
    // Said, not left to a drop: the lock must be free when this returns.
    holder.rollback().await.context("cannot release the rebuild lock")?;
    backwards(stores, Pace::FULL, &mut repairs).await?;

    metrics::counter!("aggregator_publish_rebuilds_total").increment(1);
    metrics::histogram!("aggregator_publish_rebuild_seconds").record(begun.elapsed().as_secs_f64());
    info!(links = repairs.compared, seconds = begun.elapsed().as_secs_f64(), "rebuilt the links in Redis");
    Ok(Some(repairs))
}

/// Takes the rebuild lock for this transaction, if nobody has it.
async fn try_lock(tx: &mut PgConnection) -> anyhow::Result<bool> {
    sqlx::query_scalar!(r#"select pg_try_advisory_xact_lock($1) as "locked!""#, REBUILD_LOCK)
        .fetch_one(tx)
        .await
        .context("cannot ask for the rebuild lock")
}

/// Which Postgres this is, and on which line of its history: a restore, a promotion or another database changes it.
async fn identity(postgres: &mut PgConnection) -> anyhow::Result<String> {
    sqlx::query_scalar!(
        r#"select concat_ws('.', (select system_identifier from pg_control_system()),
                            left(pg_walfile_name(pg_current_wal_lsn()), 8),
                            (select oid from pg_database where datname = current_database())) as "identity!""#
    )
    .fetch_one(postgres)
    .await
    .context("cannot ask Postgres who it is")
}
