//! The demo's past: a program beside ours writes it into the database, in one transaction, while everything runs already.

use std::process::Stdio;

use anyhow::{Context as _, ensure};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::Command;

use crate::machine::Machine;
use crate::services::binary;
use crate::state::State;
use crate::stores::Stores;
use crate::supervise::{last_words, log_of};

/// The name of the program, and of its log.
const NAME: &str = "demo";

/// Writes the past, unless there is one already, and shows how far it got. It ends with us, and then leaves nothing.
pub(crate) async fn write(machine: &Machine, stores: &Stores, state: &State) -> anyhow::Result<()> {
    machine.progress.doing("writing the demo's history");
    let log = std::fs::File::create(log_of(&machine.folder.logs(), NAME))?;
    let mut child = Command::new(binary(NAME)?)
        .env("DATABASE_URL", &stores.owner.database)
        .env("LINKLEDGER_SECRET", &state.secret)
        .env("CONSOLE_DOCUMENT_DIR", machine.folder.documents())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(log)
        .kill_on_drop(true)
        .spawn()
        .context("cannot run it")?;
    let said = child.stdout.take().context("it has no output")?;
    let (mut lines, mut last) = (BufReader::new(said).lines(), String::new());
    while let Some(line) = lines.next_line().await.context("cannot read what it says")? {
        machine.progress.passing(&line);
        last = line;
    }
    let status = child.wait().await.context("cannot wait for it")?;
    ensure!(status.success(), "it failed ({status}); it said:{}", last_words(&machine.folder.logs(), NAME));
    machine.progress.done(&last);
    Ok(())
}
