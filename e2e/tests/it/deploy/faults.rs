//! What can only go wrong inside an edge is made to, at named points (`runtime::failpoint`), and what follows is told. So is an
//! edge that was left at another version.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Result, ensure};

use super::alarms::{click, is_firing, watch};
use crate::edge::{Edge, redirector};
use crate::house::{House, SOON, binary, until};

/// The number of the edge.
const EDGE: u16 = 7;
/// Clicks between two looks: one in sixteen is timed.
const A_FEW: usize = 48;
/// Clicks of which two hundred are timed.
const MANY: usize = 3_200;
const VERSION: &str = env!("CARGO_PKG_VERSION");

#[tokio::test]
async fn what_goes_wrong_inside_an_edge_is_told_when_it_happens() -> Result<()> {
    let house = House::open()?;
    house.programme(&["faulty00".to_owned()]).await?;
    let folder = tempfile::tempdir()?;
    let mut edge = Edge::start(&house, EDGE, &folder.path().join("journal"))?;
    until("the other edge knows the link", SOON, || Ok(edge.click("/faulty00")?.token().is_some()))?;
    let Some(prometheus) = watch(&house, &edge, folder.path())? else { return Ok(()) };
    for (alert, command) in [
        ("EdgePanics", told("record.stored:panic@2")),
        ("EdgeDiskFailing", told("journal.sync:fail@1")),
        ("EdgeSlow", told("record.stored:stall@1")),
        ("MixedVersions", of_another_version(folder.path())?),
    ] {
        // One slow answer among few is one in a hundred, on a busy machine: there are many.
        until(&format!("{alert} is not told before it happens"), SOON, || {
            click(&edge, "/faulty00", MANY)?;
            Ok(!is_firing(&prometheus, alert)?)
        })?;
        edge = edge.start_over(command, &house, EDGE, |_| Ok(()))?;
        until(&format!("{alert} is told"), SOON, || {
            // One that panics breaks the connection, and no other.
            let failed = (0..A_FEW).filter(|_| edge.click("/faulty00").is_err()).count();
            ensure!(failed <= usize::from(alert == "EdgePanics"), "{failed} clicks failed: {alert}");
            is_firing(&prometheus, alert)
        })?;
    }
    Ok(())
}

fn told(words: &str) -> Command {
    let mut command = redirector();
    command.env("REDIRECTOR_WORKERS", "1").env("LINKLEDGER_FAILPOINT", words);
    command
}

/// The same program with another number in it.
fn of_another_version(folder: &Path) -> Result<Command> {
    let other = folder.join("other");
    fs::copy(binary("redirector"), &other)?;
    let theirs = VERSION.replace(char::is_numeric, "9");
    let replace = format!("s/{}/{theirs}/g", VERSION.replace('.', "\\."));
    let done = Command::new("sed").env("LC_ALL", "C").args(["-i", &replace]).arg(&other).status()?;
    ensure!(done.success(), "sed: {done}");
    let mut command = Command::new(other);
    command.env("REDIRECTOR_WORKERS", "1");
    Ok(command)
}
