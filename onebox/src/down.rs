//! `onebox env`, `onebox status` and `onebox down`: asking about an installation, and ending it, from elsewhere.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context as _, bail};
use comfy_table::{Table, presets};
use rustix::process::Signal;

use crate::board::{Board, Entry, OURSELVES, end_leftovers};
use crate::folder::DataFolder;
use crate::http;
use crate::state::State;

/// How long an orderly stop may take: the services' and the stores' own limits together.
const STOP_LIMIT: Duration = Duration::from_mins(2);

/// Prints the owner's addresses of the two stores.
pub fn env(folder: &DataFolder) -> anyhow::Result<()> {
    let stores = State::load(folder)?.and_then(|state| state.stores).with_context(|| {
        format!(
            "nothing was ever started in {0}; start it with: onebox up --data-dir {0}",
            folder.root().display()
        )
    })?;
    println!("DATABASE_URL={}\nREDIS_URL={}", stores.database, stores.redis);
    Ok(())
}

/// Stops the `onebox up` that uses the folder, or what a killed one left running.
pub fn down(folder: &DataFolder) -> anyhow::Result<()> {
    let entries = Board::read(&folder.processes());
    if folder.is_in_use()? {
        let onebox =
            entries.get(OURSELVES).context("an onebox is just starting here; try again in a moment")?;
        eprintln!("stopping onebox (process {})", onebox.identity.pid);
        onebox.identity.signal(Signal::TERM);
        if !onebox.identity.ends_within(STOP_LIMIT) {
            bail!("onebox (process {}) does not stop; see {}", onebox.identity.pid, folder.logs().display());
        }
        eprintln!("everything has stopped");
        return Ok(());
    }
    if entries.values().any(|entry| entry.identity.is_running()) {
        eprintln!("onebox is gone already; stopping what it left running");
        end_leftovers(&folder.processes());
    } else {
        eprintln!("nothing runs in {}", folder.root().display());
    }
    Ok(())
}

/// Prints a table of what runs.
pub async fn status(folder: &DataFolder) -> anyhow::Result<()> {
    let entries = Board::read(&folder.processes());
    if !folder.is_in_use()? && !entries.values().any(|entry| entry.identity.is_running()) {
        println!("nothing runs in {}", folder.root().display());
        return Ok(());
    }
    let mut table = Table::new();
    table
        .load_style(presets::NOTHING)
        .set_header(["name", "process", "state", "listens", "admin", "restarts"]);
    for (name, entry) in &entries {
        let cell = |text: &Option<String>| text.clone().unwrap_or_default();
        let (pid, restarts) = (entry.identity.pid.to_string(), entry.restarts.to_string());
        table.add_row([
            name.clone(),
            pid,
            state(entry).await,
            cell(&entry.listen),
            cell(&entry.admin),
            restarts,
        ]);
    }
    println!("{table}");
    Ok(())
}

async fn state(entry: &Entry) -> String {
    if !entry.identity.is_running() {
        return "gone".into();
    }
    let Some(admin) = entry.admin.as_ref().and_then(|admin| admin.parse::<SocketAddr>().ok()) else {
        return "running".into();
    };
    match http::ask(admin, "GET", "/readyz", &[]).await {
        Ok(answer) if answer.status == 200 => "ready".into(),
        Ok(answer) => answer.body.trim().replace('\n', "; "),
        Err(_) => "running, admin port silent".into(),
    }
}
