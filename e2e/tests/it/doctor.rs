//! `onebox doctor` of a house that is well, and of one that just lost a service.

use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, ensure};
use rustix::process::Signal;
use serde_json::Value;

use crate::house::{House, binary};

/// Everything it found, but for this machine's own disk and limits: those are not the house's.
fn doctor(house: &House) -> Result<Vec<Value>> {
    let mut command = Command::new(binary("onebox"));
    command.args(["doctor", "--json", "--data-dir"]).arg(house.data());
    let output = command.env_remove("DATABASE_URL").env_remove("REDIS_URL").stdin(Stdio::null()).output()?;
    let said = || String::from_utf8_lossy(&output.stderr).into_owned();
    let json: Value = serde_json::from_slice(&output.stdout).with_context(said)?;
    let all = json["findings"].as_array().context("findings")?;
    let of_the_house = |finding: &&Value| finding["of"] != "machine" && finding["what"] != "open files";
    Ok(all.iter().filter(of_the_house).cloned().collect())
}

#[test]
fn a_house_that_is_well_has_nothing_and_a_hung_service_is_named() -> Result<()> {
    let house = House::open()?;
    let findings = doctor(&house)?;
    for of in ["redis", "postgres", "redirector", "aggregator", "console"] {
        ensure!(findings.iter().any(|finding| finding["of"] == of), "nobody looked at {of}: {findings:#?}");
    }
    let bad: Vec<&Value> = findings.iter().filter(|finding| finding["level"] != "ok").collect();
    ensure!(bad.is_empty(), "{bad:#?}");

    house.signal("console", Signal::STOP)?;
    let findings = doctor(&house)?;
    house.signal("console", Signal::CONT)?;
    let hung = |f: &Value| f["of"] == "console" && f["what"] == "ready" && f["level"] == "fail";
    ensure!(findings.iter().any(hung), "{findings:#?}");
    Ok(())
}
