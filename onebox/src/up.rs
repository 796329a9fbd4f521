//! `onebox up`: from nothing to the first redirect, and back to nothing.

use std::net::SocketAddr;
use std::time::Duration;

use runtime::Shutdown;
use tokio::signal::unix::{SignalKind, signal};
use tracing::warn;

use crate::addresses::Addresses;
use crate::args::{History, Programme, Traffic, UpConfig};
use crate::board::end_leftovers;
use crate::demo::{self, Doors, Link};
use crate::folder::DataFolder;
use crate::machine::Machine;
use crate::services::Guests;
use crate::state::State;
use crate::stores::Stores;
use crate::{database, http, services, stores};

/// How many links are shown to try.
const SHOWN_LINKS: usize = 3;
/// How long the first link may take to travel from Postgres to the edge.
const FIRST_REDIRECT_LIMIT: Duration = Duration::from_secs(10);
/// What an edge answers for a link that works.
const FOUND: u16 = 302;
/// How often to try it.
const FIRST_REDIRECT_POLL: Duration = Duration::from_millis(50);

/// Starts everything, keeps it running until the soft stop, stops everything.
pub async fn run(config: UpConfig, shutdown: Shutdown) -> anyhow::Result<()> {
    let folder = DataFolder::at(&config.data_dir)?;
    let _ours = folder.take()?;
    end_leftovers(&folder.processes());
    // The stores' ports first: they are kept from one start to the next.
    let state = State::load_or_choose(&folder)?;
    let addresses = config.addresses.settle()?;
    stop_on_hangup(&shutdown)?;
    let mut machine = Machine::new(folder)?;
    let outcome = tokio::select! {
        outcome = build_up(&config, &addresses, state, &mut machine) => outcome,
        () = shutdown.stopping() => Ok(None),
    };
    if let Ok(Some(up)) = &outcome
        && !shutdown.is_stopping()
    {
        say_what_to_open(&config, &addresses, &machine, up);
        tokio::select! {
            () = tell_history(&config, &machine, up) => {}
            () = shutdown.stopping() => {}
        }
        machine.progress.rest();
        if let (Traffic::Gentle, Some(keys)) = (config.traffic, &up.state.demo_keys) {
            demo::play(doors(&addresses), up.links.clone(), keys, runtime::clock::now_us(), &shutdown);
        }
        shutdown.stopping().await;
    }
    shutdown.start();
    machine.stop().await;
    shutdown.drained().await?;
    outcome.map(drop)
}

/// What runs, once everything does.
struct Up {
    /// The demo's links, if there is a demo.
    links: Vec<Link>,
    guests: Guests,
    state: State,
    stores: Stores,
}

/// Gives a fresh demo its past. Whoever opens a page meanwhile sees none of it, and then all of it.
async fn tell_history(config: &UpConfig, machine: &Machine, up: &Up) {
    if config.history == History::Blank || up.links.is_empty() {
        return;
    }
    if let Err(error) = demo::history::write(machine, &up.stores, &up.state).await {
        warn!("the demo goes on without a history: {error:#}");
    }
}

fn doors(addresses: &Addresses<SocketAddr>) -> Doors {
    Doors {
        redirector: services::openable(addresses.redirect),
        console: services::openable(addresses.console),
    }
}

async fn build_up(
    config: &UpConfig,
    addresses: &Addresses<SocketAddr>,
    mut state: State,
    machine: &mut Machine,
) -> anyhow::Result<Option<Up>> {
    machine.progress.doing("preparing the stores");
    let stores = stores::start(config, &state, machine).await?;
    state.stores = Some(stores.owner.clone());
    state.save(&machine.folder)?;

    machine.progress.doing("bringing the schema up to date");
    services::migrate(machine, &stores).await?;
    let mut database = database::connect(&stores.owner.database).await?;
    if let Some(passwords) = &stores.users {
        database::create_users(&mut database, passwords).await?;
    }
    if config.programme == Programme::Demo {
        database::seed_demo(&mut database).await?;
    }
    if let Some(password) = &state.operator_password {
        services::first_operator(machine, &stores, addresses.console, password).await?;
    }
    let links = match config.programme {
        Programme::Demo => database::demo_links(&mut database).await?,
        Programme::Empty => Vec::new(),
    };
    // Only a database that holds the demo gets the demo's people and keys: another programme's orders are real.
    if !links.is_empty() {
        database::create_demo_accounts(&mut database).await?;
        if let Some(keys) = &state.demo_keys {
            keys.install(&mut database, &machine.folder).await?;
        }
    }
    machine.progress.done("the database is ready");

    let is_ours_alone = addresses.console.ip().is_loopback();
    let guests = if is_ours_alone && !links.is_empty() { Guests::Welcome } else { Guests::Unknown };
    services::start(config, addresses, &state, &stores, guests, machine).await?;
    if let Some(link) = links.first() {
        first_redirect(services::openable(addresses.redirect), &link.code, machine).await;
    }
    Ok(Some(Up { links, guests, state, stores }))
}

/// Waits until a link works from end to end. HEAD is answered as GET is, and not counted.
async fn first_redirect(redirector: SocketAddr, code: &str, machine: &Machine) {
    machine.progress.doing("waiting for the first redirect");
    let begun = runtime::clock::monotonic();
    while begun.elapsed() < FIRST_REDIRECT_LIMIT {
        match http::ask(redirector, "HEAD", &format!("/{code}"), &[]).await {
            Ok(answer) if answer.status == FOUND => return machine.progress.done("the first link redirects"),
            _ => tokio::time::sleep(FIRST_REDIRECT_POLL).await,
        }
    }
    warn!(code, "the link does not redirect yet; see the logs of aggregator and redirector");
}

fn say_what_to_open(config: &UpConfig, addresses: &Addresses<SocketAddr>, machine: &Machine, up: &Up) {
    let Up { links: tracked, guests, state, .. } = up;
    let Addresses { redirect, console, redirector_admin, aggregator_admin, console_admin } = addresses;
    let (redirect, console) = (services::openable(*redirect), services::openable(*console));
    let folder = machine.folder.root().display();
    machine.progress.done("everything is up");
    let mut lines = vec![format!("console    http://{console}/")];
    if *guests == Guests::Welcome {
        lines.push(format!("the demo   http://{console}/sign-in  has a button for each of its people"));
    }
    if let Some(password) = &state.operator_password {
        lines.push(format!("sign in    {} with the first password {password}", services::OPERATOR));
        lines.push(format!("mails      http://{console}/mails"));
    }
    let shown = tracked.iter().step_by(tracked.len().div_ceil(SHOWN_LINKS).max(1));
    lines.extend(shown.map(|link| format!("a link     http://{redirect}/{}", link.code)));
    if !tracked.is_empty() {
        let header = machine.folder.header("operator");
        let ask = format!("curl -H @{} http://{console}/v1", header.display());
        lines.push(format!("orders     {ask}/orders"));
        lines.push(format!("payouts    {ask}/payouts"));
    }
    lines.push(format!("metrics    http://{redirector_admin}/metrics  redirector"));
    lines.push(format!("           http://{aggregator_admin}/metrics  aggregator"));
    lines.push(format!("           http://{console_admin}/metrics  console"));
    lines.push(format!("files      {folder}  (logs in {folder}/logs)"));
    if let Some(servers) = &config.servers_dir {
        lines.push(format!("EVALUATION MODE: servers from {}, not for production", servers.display()));
    }
    println!("\n  {}\n", lines.join("\n  "));
    println!("  Stop with Ctrl-C, or from elsewhere: onebox down --data-dir {folder}\n");
}

/// A closed terminal stops everything too, unless we were told to outlive it (`nohup`).
fn stop_on_hangup(shutdown: &Shutdown) -> anyhow::Result<()> {
    if !hangup_is_ignored() {
        let (mut hangup, shutdown) = (signal(SignalKind::hangup())?, shutdown.clone());
        tokio::spawn(async move {
            hangup.recv().await;
            shutdown.start();
        });
    }
    Ok(())
}

fn hangup_is_ignored() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    // SIGHUP is signal 1, the lowest bit of the mask.
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).is_some_and(|mask| mask & 1 == 1)
}
