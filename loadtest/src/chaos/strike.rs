//! Doing it: signals to the processes of this house and to no other, and the order to Redis to forget.

use std::time::Duration;

use anyhow::{Context as _, ensure};
use onebox::identity::Identity;
use runtime::clock;
use rustix::process::Signal;

use super::house::House;
use super::points::{Point, Provoke};
use super::schedule::{Act, Target};

/// A Redis that does not answer by then is dead or frozen: the order is not given.
const ORDER_LIMIT: Duration = Duration::from_secs(2);

/// A point that is not passed by then is passed another time, or never.
const PASS_LIMIT: Duration = Duration::from_secs(15);
/// `onebox` starts at once again what has lived for a second; what dies sooner waits ever longer.
const RECOVERY: Duration = Duration::from_millis(1_200);
/// Between two looks whether a point was passed.
const POLL: Duration = Duration::from_millis(20);

/// Whether an act was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Done {
    /// It was.
    Yes,
    /// There was nothing to do it to: the process was not running, or did not answer.
    NothingThere,
}

/// Does it.
pub async fn strike(house: &House, act: Act) -> Done {
    match act {
        Act::Kill(target) => signal(house, target, Signal::KILL),
        Act::Freeze(target) => signal(house, target, Signal::STOP),
        Act::Thaw(target) => signal(house, target, Signal::CONT),
        Act::Arm { point, nth } => match arm(house, point, nth).await {
            Ok(()) => Done::Yes,
            Err(_) => Done::NothingThere,
        },
        Act::FlushAll => match tokio::time::timeout(ORDER_LIMIT, flush_all(house)).await {
            Ok(Ok(())) => Done::Yes,
            Ok(Err(_)) | Err(_) => Done::NothingThere,
        },
    }
}

/// Tells the next process of a service where to die, ends the one that runs, has the point passed, and waits until it
/// was, and for the process after that.
async fn arm(house: &House, point: Point, nth: u64) -> anyhow::Result<()> {
    let (before, begun) = (house.fired()?, clock::monotonic());
    house.tell_to_die(&format!("{}:abort@{nth}", point.name))?;
    let _starting_already = signal(house, point.target, Signal::KILL);
    match point.provoke {
        Provoke::Nothing => {}
        Provoke::Edit => house.edit_a_link().await?,
        Provoke::FlushAll => tokio::time::timeout(ORDER_LIMIT, flush_all(house)).await??,
    }
    while house.fired()? == before {
        ensure!(begun.elapsed() < PASS_LIMIT, "nobody passed {}", point.name);
        tokio::time::sleep(POLL).await;
    }
    tokio::time::sleep(RECOVERY).await;
    Ok(())
}

fn signal(house: &House, target: Target, signal: Signal) -> Done {
    match house.entry(target.name()) {
        Some(entry) if is_program(entry.identity, target) => {
            entry.identity.signal(signal);
            Done::Yes
        }
        Some(_) | None => Done::NothingThere,
    }
}

/// Whether the process is the program it should be: nobody else's is ever signalled.
fn is_program(identity: Identity, target: Target) -> bool {
    let Ok(line) = std::fs::read(format!("/proc/{}/cmdline", identity.pid)) else { return false };
    let line = String::from_utf8_lossy(&line);
    let program = line.split(['\0', ' ']).next().unwrap_or_default().rsplit('/').next().unwrap_or_default();
    let names: &[&str] = match target {
        Target::Redirector => &["redirector"],
        Target::Aggregator => &["aggregator"],
        Target::Redis => &["redis-server", "valkey-server"],
        Target::Postgres => &["postgres"],
        Target::Console => &["console"],
    };
    identity.is_running() && names.contains(&program)
}

async fn flush_all(house: &House) -> anyhow::Result<()> {
    let client = redis::Client::open(house.redis_url.expose()).context("the address of Redis")?;
    let mut connection = client.get_multiplexed_async_connection().await?;
    Ok(redis::cmd("FLUSHALL").query_async(&mut connection).await?)
}
