//! Every named point at which a service can be made to die, in the real binaries: each is met, and the books are exact
//! afterwards.

use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, ensure};
use loadtest::chaos::points::{OF_CLICKS, OF_ORDERS, Point};
use serde_json::Value;

use crate::house::binary;

/// Runs `loadtest` and holds it to having died at each of these points, and to nothing being wrong in the end.
fn die_at(points: &[Point], arguments: &[&str], must_be_zero: &[&str]) -> Result<()> {
    let run = Command::new(binary("loadtest"))
        .args(arguments)
        .arg("--fail-points")
        .stdin(Stdio::null())
        .output()
        .context("loadtest")?;
    let said = String::from_utf8_lossy(&run.stderr);
    let report: Value = serde_json::from_slice(&run.stdout).with_context(|| format!("it said: {said}"))?;
    for wrong in must_be_zero {
        ensure!(report[*wrong] == 0, "{wrong} is {}: {report}\n{said}", report[*wrong]);
    }
    let missed: Vec<&str> =
        points.iter().map(|point| point.name).filter(|name| report["fired"][name].is_null()).collect();
    ensure!(missed.is_empty(), "nobody died at {missed:?}: {report}\n{said}");
    ensure!(run.status.success(), "it ended with {}: {report}\n{said}", run.status);
    Ok(())
}

#[test]
fn a_death_at_any_point_of_a_click_loses_and_doubles_nothing() -> Result<()> {
    let arguments =
        ["chaos", "--seconds", "75", "--rate", "200", "--kill-every", "1s", "--links", "100", "--seed", "3"];
    let wrong = ["lost", "doubled", "failed", "wrong_answers", "unexplained_failures", "sketch_mismatches"];
    die_at(&OF_CLICKS, &arguments, &wrong)
}

#[test]
fn a_death_at_any_point_of_an_order_leaves_the_books_right() -> Result<()> {
    let arguments =
        ["orders", "--orders", "2000", "--kill-every", "1s", "--seconds", "75", "--payouts", "--seed", "3"];
    die_at(&OF_ORDERS, &arguments, &["differences", "violations", "refused"])
}
