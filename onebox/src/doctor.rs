//! What a careful operator looks at before shoppers come, and when something is odd: settings of both stores, clocks,
//! disks, limits and versions, each with what to do about it.
//!
//! It only looks: nothing is written, changed or started. What cannot be looked at is a finding too.

mod machine;
mod postgres;
mod redis;
mod services;

use std::fmt;
use std::path::Path;

use anyhow::{Context as _, ensure};
use comfy_table::{Table, presets};
use runtime::SecretSource;
use serde::Serialize;

use crate::args::{DoctorArgs, Shown};
use crate::folder::DataFolder;
use crate::state::{State, StoreUrls};

/// How good something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// As it should be.
    Ok,
    /// It works; it will not under load, after an accident, or for ever.
    Warn,
    /// Something promised does not hold with it.
    Fail,
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Ok => "ok",
            Self::Warn => "warn",
            Self::Fail => "FAIL",
        })
    }
}

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Whose it is: `redis`, `postgres`, `machine` or a service.
    pub of: String,
    /// What was looked at.
    pub what: &'static str,
    /// How good it is.
    pub level: Level,
    /// What was found.
    pub found: String,
    /// What to do; nothing when it is good.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remedy: Option<String>,
}

/// Findings about one thing, as they come.
#[derive(Debug)]
struct Chart {
    of: String,
    findings: Vec<Finding>,
}

impl Chart {
    fn of(of: impl Into<String>) -> Self {
        Self { of: of.into(), findings: Vec::new() }
    }

    /// Notes what was found. The remedy is told when the level is not [`Level::Ok`].
    fn note(&mut self, what: &'static str, level: Level, found: impl Into<String>, remedy: &str) {
        let remedy = (level != Level::Ok).then(|| remedy.to_owned());
        self.findings.push(Finding { of: self.of.clone(), what, level, found: found.into(), remedy });
    }
}

/// Looks at everything and shows it. An error when something fails, so that scripts notice.
pub async fn doctor(args: &DoctorArgs) -> anyhow::Result<()> {
    let folder = DataFolder::at(&args.folder.data_dir)?;
    let stores = stores(args, &folder)?;
    let mut findings = Vec::new();
    if let Some(urls) = &stores.redis {
        findings.extend(redis::examine(urls).await);
    }
    if let Some(url) = &stores.database {
        findings.extend(postgres::examine(url).await);
    }
    findings.extend(machine::examine(existing(folder.root())));
    findings.extend(services::examine(&folder).await);
    show(&findings, args.shown())?;
    let failed = findings.iter().filter(|finding| finding.level == Level::Fail).count();
    ensure!(failed == 0, "{failed} of {} do not hold", findings.len());
    Ok(())
}

/// The stores to look at: those that are named, else those of the data folder.
struct Looked {
    redis: Option<String>,
    database: Option<String>,
}

fn stores(args: &DoctorArgs, folder: &DataFolder) -> anyhow::Result<Looked> {
    let named = Looked { redis: read(args.redis_url.as_ref())?, database: read(args.database_url.as_ref())? };
    if named.redis.is_some() || named.database.is_some() {
        return Ok(named);
    }
    let known = State::load(folder)?.and_then(|state| state.stores);
    let StoreUrls { database, redis } = known.with_context(|| {
        format!(
            "nothing was ever started in {}: name a --data-dir, or stores by DATABASE_URL and REDIS_URL",
            folder.root().display()
        )
    })?;
    Ok(Looked { redis: Some(redis), database: Some(database) })
}

fn read(source: Option<&SecretSource>) -> anyhow::Result<Option<String>> {
    let secret = source.map(SecretSource::read).transpose().map_err(anyhow::Error::msg)?;
    Ok(secret.map(|secret| secret.expose().to_owned()))
}

/// The folder, or the one it would be made in.
fn existing(folder: &Path) -> &Path {
    folder.ancestors().find(|folder| folder.exists()).unwrap_or(folder)
}

fn show(findings: &[Finding], shown: Shown) -> anyhow::Result<()> {
    if shown == Shown::Json {
        let worst = findings.iter().map(|finding| finding.level).max().unwrap_or(Level::Ok);
        println!(
            "{}",
            serde_json::to_string_pretty(&serde_json::json!({ "worst": worst, "findings": findings }))?
        );
        return Ok(());
    }
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(["", "of", "what", "found", "what to do"]);
    for Finding { of, what, level, found, remedy } in findings {
        let level = level.to_string();
        table.add_row([&level, of, *what, found, remedy.as_deref().unwrap_or_default()]);
    }
    println!("{table}");
    Ok(())
}

/// How far another clock is from ours, asked between two readings of ours, as a finding. Tokens are believed five
/// minutes ahead, and reports are by the hour.
fn clock(chart: &mut Chart, before_ms: u64, theirs_ms: i64, after_ms: u64) {
    let ours = (before_ms + after_ms).cast_signed() / 2;
    let uncertain = (after_ms - before_ms).cast_signed() / 2;
    let off = ((theirs_ms - ours).abs() - uncertain).max(0);
    let level = match off {
        0..=1_000 => Level::Ok,
        1_001..=60_000 => Level::Warn,
        _ => Level::Fail,
    };
    let found = format!("{:.1} s from this machine's", off as f64 / 1_000.0);
    chart.note("clock", level, found, "let chrony or systemd-timesyncd set the clocks of all machines");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_is_judged_by_what_cannot_be_explained_by_the_way() {
        for (theirs, level) in [
            (1_100_000, Level::Ok),
            (1_101_050, Level::Ok),
            (1_098_800, Level::Warn),
            (1_159_000, Level::Warn),
            (1_161_000, Level::Fail),
            (-5, Level::Fail),
        ] {
            let mut chart = Chart::of("redis");
            clock(&mut chart, 1_099_900, theirs, 1_100_100);
            assert_eq!(chart.findings[0].level, level, "{theirs}");
            assert_eq!(chart.findings[0].remedy.is_none(), level == Level::Ok);
        }
    }
}
