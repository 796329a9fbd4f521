//! A chaos of about a hundred kills on the real binaries: everything is killed, frozen and emptied while shoppers click.

use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use crate::house::binary;

/// The same kills in every run; `loadtest chaos` without a seed is for finding new ones.
const SEED: &str = "2";

#[test]
fn nothing_is_lost_or_doubled_while_everything_is_killed() -> Result<()> {
    let chaos = Command::new(binary("loadtest"))
        .args(["chaos", "--seconds", "80", "--rate", "300", "--kill-every", "800ms", "--links", "200"])
        .args(["--seed", SEED])
        .stdin(Stdio::null())
        .output()
        .context("loadtest chaos")?;
    let said = String::from_utf8_lossy(&chaos.stderr);
    let report: Value = serde_json::from_slice(&chaos.stdout).with_context(|| format!("it said: {said}"))?;
    for wrong in ["lost", "doubled", "failed", "wrong_answers", "unexplained_failures", "sketch_mismatches"] {
        ensure!(report[wrong] == 0, "{wrong} is {}: {report}\n{said}", report[wrong]);
    }
    let count = |name: &str| report[name].as_u64().with_context(|| format!("{name} is missing in {report}"));
    ensure!(count("accepted")? > 5_000 && count("accepted")? <= count("recorded")?, "{report}");
    ensure!(count("recorded")? == count("counted")?, "{report}");
    for target in ["redirector", "redis", "aggregator", "postgres"] {
        ensure!(
            report["acts"][format!("kill_{target}")].as_u64() > Some(0),
            "{target} was not killed: {report}"
        );
    }
    ensure!(chaos.status.success(), "it ended with {}: {report}\n{said}", chaos.status);
    Ok(())
}
