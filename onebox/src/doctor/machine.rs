//! This machine: room on its disk, memory, and how many files a process may open.

use std::path::Path;

use rustix::process::{Resource, getrlimit};

use super::{Chart, Finding, Level};

/// Of a disk. Below, the next long outage fills it.
const WARN_PERCENT: u64 = 20;
/// Of a disk. Below, journals and logs are about to be refused.
const FAIL_PERCENT: u64 = 5;
/// Of memory.
const MEMORY_PERCENT: u64 = 10;
/// The connections an edge admits, and its journals: the units of `deploy/systemd` allow more.
const FILES: u64 = 21_000;
/// As many as it likes.
pub(super) const NO_LIMIT: u64 = u64::MAX;

pub(super) fn examine(folder: &Path) -> Vec<Finding> {
    let mut chart = Chart::of("machine");
    disk(&mut chart, folder);
    memory(&mut chart, &std::fs::read_to_string("/proc/meminfo").unwrap_or_default());
    let files = getrlimit(Resource::Nofile);
    // A service raises what it may: the hard limit is what counts.
    open_files(&mut chart, files.maximum.unwrap_or(NO_LIMIT));
    chart.findings
}

fn disk(chart: &mut Chart, folder: &Path) {
    let what = "room on the disk of the data folder";
    match rustix::fs::statvfs(folder) {
        Ok(disk) if disk.f_blocks > 0 => {
            let percent = disk.f_bavail * 100 / disk.f_blocks;
            let level = match percent {
                ..FAIL_PERCENT => Level::Fail,
                FAIL_PERCENT..WARN_PERCENT => Level::Warn,
                _ => Level::Ok,
            };
            let found = format!("{percent} %, {} MiB", (disk.f_bavail * disk.f_frsize) >> 20);
            chart.note(
                what,
                level,
                found,
                "make room: journals need 64 bytes a click for 48 hours (docs/sizing.md)",
            );
        }
        Ok(_) => chart.note(what, Level::Warn, "it does not say", "look at `df` yourself"),
        Err(error) => chart.note(what, Level::Warn, error.to_string(), "look at `df` yourself"),
    }
}

fn memory(chart: &mut Chart, meminfo: &str) {
    let kib = |name: &str| {
        let line = meminfo.lines().find_map(|line| line.strip_prefix(name))?;
        line.split_whitespace().next()?.parse::<u64>().ok()
    };
    let (Some(total), Some(free)) = (kib("MemTotal:"), kib("MemAvailable:")) else { return };
    let level = if free * 100 < total * MEMORY_PERCENT { Level::Warn } else { Level::Ok };
    let found = format!("{} of {} MiB available", free >> 10, total >> 10);
    chart.note(
        "memory",
        level,
        found,
        "the kernel will end processes: give it more, or move Redis or Postgres elsewhere",
    );
}

/// How many files a process may open.
pub(super) fn open_files(chart: &mut Chart, most: u64) {
    let level = if most >= FILES { Level::Ok } else { Level::Warn };
    let found = if most == NO_LIMIT { "no limit".to_owned() } else { most.to_string() };
    let remedy = "raise `LimitNOFILE` (or `ulimit -Hn`): an edge admits 20,000 connections";
    chart.note("open files", level, found, remedy);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_read_as_the_kernel_tells_it() {
        let mut chart = Chart::of("machine");
        memory(&mut chart, "MemTotal:       24000000 kB\nMemFree: 1 kB\nMemAvailable:    2000000 kB\n");
        memory(&mut chart, "MemTotal:       24000000 kB\nMemAvailable:   12000000 kB\n");
        memory(&mut chart, "nothing");
        let levels: Vec<Level> = chart.findings.iter().map(|finding| finding.level).collect();
        assert_eq!(levels, [Level::Warn, Level::Ok]);
    }

    #[test]
    fn few_open_files_are_a_warning() {
        let mut chart = Chart::of("redirector");
        for most in [1_024, FILES, NO_LIMIT] {
            open_files(&mut chart, most);
        }
        let levels: Vec<Level> = chart.findings.iter().map(|finding| finding.level).collect();
        assert_eq!(levels, [Level::Warn, Level::Ok, Level::Ok]);
    }
}
