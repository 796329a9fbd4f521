//! One job, once: for people, scripts and tests.

use anyhow::{Context as _, ensure};
use runtime::clock;

use crate::args::{Config, JobName};
use crate::audit::{self, audit};
use crate::jobs::convert::{Links, convert};
use crate::jobs::flush::flush_all;
use crate::jobs::payout::payout;
use crate::jobs::prune::prune;
use crate::jobs::publish::{Upkeep, publish_pending};
use crate::jobs::rollup::rollup;
use crate::jobs::settle::settle_all;
use crate::migrate::{check_partitions, installed_partitions};
use crate::store::Stores;

/// Runs a job once and returns in one line what came of it. The audit prints its table first.
pub async fn once(config: &Config, job: JobName) -> anyhow::Result<String> {
    let stores = open_installed(config).await?;
    match job {
        JobName::Flush => flush(&stores).await,
        JobName::Publish => publish(&stores).await,
        JobName::Prune => {
            let folded = prune(&stores, clock::system_time().into()).await?;
            Ok(format!("folded {folded} batches"))
        }
        JobName::Settle => {
            let settled = settle_all(&stores, &config.keyring()?, clock::system_time().into()).await?;
            ensure!(settled.put_aside == 0, "{} orders cannot be settled: see the log", settled.put_aside);
            Ok(format!("settled {} orders", settled.orders))
        }
        JobName::Payout => {
            let done = payout(&stores, clock::system_time().into()).await?;
            Ok(format!(
                "collected {} batches, booked {} lines, paid {} batches",
                done.collected, done.lines, done.paid
            ))
        }
        JobName::Convert => {
            let links = convert(&stores, Links::All, clock::system_time().into()).await?;
            Ok(format!("worked out {links} links"))
        }
        JobName::Rollup => {
            let days = rollup(&stores).await?;
            Ok(format!("rolled up {days} days of clicks and of orders"))
        }
        JobName::Audit => {
            let findings = audit(&stores).await?;
            println!("{}", audit::table(&findings));
            let wrong = findings.iter().filter(|finding| finding.violations != 0).count();
            ensure!(wrong == 0, "{wrong} of what must hold does not");
            Ok("the books are right".to_owned())
        }
    }
}

/// Both stores, once Postgres has said that it was installed with as many partitions.
pub async fn open_installed(config: &Config) -> anyhow::Result<Stores> {
    let stores = Stores::open(config.database_url.expose(), config.redis_url.expose(), config.partitions)?;
    let mut postgres = stores.postgres.acquire().await.context("cannot reach Postgres")?;
    let installed = installed_partitions(&mut postgres).await?;
    check_partitions(
        stores.partitions,
        installed.context("Postgres has no schema yet: run `aggregator migrate`")?,
    )?;
    drop(postgres);
    Ok(stores)
}

async fn flush(stores: &Stores) -> anyhow::Result<String> {
    let cycle = flush_all(stores).await;
    let clicks = cycle.clicks();
    match cycle.failed.into_iter().next() {
        Some((_, error)) => Err(error),
        None => Ok(format!("flushed {clicks} clicks")),
    }
}

async fn publish(stores: &Stores) -> anyhow::Result<String> {
    let repairs = Upkeep::default().tend(stores).await?;
    let published = publish_pending(stores).await?;
    Ok(match repairs {
        Some(repairs) => format!(
            "published {published} changes; compared {} links, wrote {}",
            repairs.compared, repairs.written
        ),
        None => format!("published {published} changes; another aggregator is rebuilding"),
    })
}
