//! The real binaries on a real Redis Cluster: two edges and two aggregators, three masters with a replica each, of which
//! some are killed, one is cut off, and a slot is handed over while shoppers click.

use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use crate::house::binary;

/// The same acts in every run; `loadtest cluster` without a seed is for finding new ones.
const SEED: &str = "1";

#[test]
fn nothing_is_lost_or_doubled_while_masters_fail_over_and_slots_move() -> Result<()> {
    let run = Command::new(binary("loadtest"))
        .args(["cluster", "--rate", "300", "--links", "200", "--seed", SEED])
        .args(["--kills", "2", "--migrations", "2", "--partitions", "1"])
        .stdin(Stdio::null())
        .output()
        .context("loadtest cluster")?;
    let said = String::from_utf8_lossy(&run.stderr);
    let report: Value = serde_json::from_slice(&run.stdout).with_context(|| format!("it said: {said}"))?;
    for wrong in ["lost", "doubled", "failed", "wrong_answers", "unexplained_failures", "violations"] {
        ensure!(report[wrong] == 0, "{wrong} is {}: {report}\n{said}", report[wrong]);
    }
    let count = |name: &str| report[name].as_u64().with_context(|| format!("{name} is missing in {report}"));
    ensure!(count("accepted")? > 1_000 && count("accepted")? <= count("recorded")?, "{report}");
    ensure!(count("recorded")? == count("counted")?, "{report}");
    ensure!(run.status.success(), "it ended with {}: {report}\n{said}", run.status);
    Ok(())
}
