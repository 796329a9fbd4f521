//! Redis: it must keep what it is told until Postgres has it.

use std::collections::HashMap;
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, RedisResult, cmd};
use runtime::clock;
use runtime::config::without_password;

use super::{Chart, Finding, Level, clock as judge_clock};

/// A server that takes longer to say how it is set up is not fit to count.
const PATIENCE: Duration = Duration::from_secs(5);
/// The scripts use nothing newer.
const OLDEST: u32 = 7;
/// Of its memory limit. Above, the next outage of Postgres has no room.
const ROOM_PERCENT: u64 = 80;

/// Every server that is named: one, or the nodes of a cluster.
pub(super) async fn examine(urls: &str) -> Vec<Finding> {
    let urls: Vec<&str> = urls.split(',').map(str::trim).collect();
    let mut findings = Vec::new();
    for url in &urls {
        let name = if urls.len() == 1 { "redis".to_owned() } else { without_password(url) };
        let mut chart = Chart::of(name);
        if let Err(error) = examine_one(url, &mut chart).await {
            let remedy = format!("start it, or correct REDIS_URL ({})", without_password(url));
            chart.note("answers", Level::Fail, error.to_string(), &remedy);
        }
        findings.append(&mut chart.findings);
    }
    findings
}

async fn examine_one(url: &str, chart: &mut Chart) -> RedisResult<()> {
    let patience = AsyncConnectionConfig::new()
        .set_connection_timeout(Some(PATIENCE))
        .set_response_timeout(Some(PATIENCE));
    let client = redis::Client::open(url)?;
    let mut redis = client.get_multiplexed_async_connection_with_config(&patience).await?;
    let before = clock::now_ms();
    let (seconds, micros): (i64, i64) = cmd("TIME").query_async(&mut redis).await?;
    judge_clock(chart, before, seconds * 1_000 + micros / 1_000, clock::now_ms());
    let info: String = cmd("INFO").query_async(&mut redis).await?;
    let info: HashMap<&str, &str> = info.lines().filter_map(|line| line.trim().split_once(':')).collect();
    version(chart, &info);
    state(chart, &info);
    for setting in SETTINGS {
        setting.judge(chart, &mut redis).await;
    }
    Ok(())
}

fn version(chart: &mut Chart, info: &HashMap<&str, &str>) {
    let found = info.get("redis_version").copied().unwrap_or("none");
    let major = found.split('.').next().and_then(|major| major.parse::<u32>().ok());
    let level = if major.is_some_and(|major| major >= OLDEST) { Level::Ok } else { Level::Fail };
    chart.note("version", level, found, "install Redis 7.0 or newer");
}

/// What it says of how it is.
fn state(chart: &mut Chart, info: &HashMap<&str, &str>) {
    let text = |name: &str| info.get(name).copied().unwrap_or("unknown");
    let number = |name: &str| info.get(name).and_then(|text| text.parse::<u64>().ok());
    let written = text("aof_last_write_status");
    let level = if written == "err" { Level::Fail } else { Level::Ok };
    chart.note(
        "last write to its log",
        level,
        written,
        "its disk is full or broken: make room; clicks wait in the journals",
    );
    let evicted = number("evicted_keys").unwrap_or(0);
    let level = if evicted == 0 { Level::Ok } else { Level::Fail };
    chart.note(
        "keys thrown away",
        level,
        evicted.to_string(),
        "set `maxmemory-policy noeviction`; the journals bring back what was lost",
    );
    let (used, most) = (number("used_memory").unwrap_or(0), number("maxmemory").unwrap_or(0));
    let (level, found) = match most {
        0 => (Level::Ok, format!("{} MiB, no limit", used >> 20)),
        _ if used * 100 > most * ROOM_PERCENT => {
            (Level::Warn, format!("{} of {} MiB", used >> 20, most >> 20))
        }
        _ => (Level::Ok, format!("{} of {} MiB", used >> 20, most >> 20)),
    };
    chart.note(
        "memory",
        level,
        found,
        "raise `maxmemory`: docs/sizing.md says what an outage of Postgres needs",
    );
}

/// A setting and what it must be.
struct Setting {
    name: &'static str,
    good: &'static [&'static str],
    /// When it is something else.
    level: Level,
    remedy: &'static str,
}

const SETTINGS: [Setting; 3] = [
    Setting {
        name: "maxmemory-policy",
        good: &["noeviction"],
        level: Level::Fail,
        remedy: "set `maxmemory-policy noeviction`: anything else throws counters away when memory is short",
    },
    Setting {
        name: "appendonly",
        good: &["yes"],
        level: Level::Fail,
        remedy: "set `appendonly yes`: without it every restart empties Redis and the journals send all again",
    },
    Setting {
        name: "appendfsync",
        good: &["everysec", "always"],
        level: Level::Warn,
        remedy: "set `appendfsync everysec`: a power failure then costs a second that the journals send again",
    },
];

impl Setting {
    async fn judge(&self, chart: &mut Chart, redis: &mut MultiplexedConnection) {
        let mut ask = cmd("CONFIG");
        let answer: RedisResult<HashMap<String, String>> =
            ask.arg("GET").arg(self.name).query_async(redis).await;
        let (level, found) = match answer {
            Ok(settings) => {
                let found = settings.get(self.name).cloned().unwrap_or_else(|| "unknown".to_owned());
                let good = self.good.contains(&found.as_str());
                (if good { Level::Ok } else { self.level }, found)
            }
            Err(error) => (Level::Warn, format!("it does not say: {error}")),
        };
        chart.note(self.name, level, found, self.remedy);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn levels(info: &[(&'static str, &'static str)]) -> Vec<Level> {
        let mut chart = Chart::of("redis");
        let info = info.iter().copied().collect();
        version(&mut chart, &info);
        state(&mut chart, &info);
        chart.findings.iter().map(|finding| finding.level).collect()
    }

    #[test]
    fn what_redis_says_of_itself_is_judged() {
        let good = [("redis_version", "7.0.15"), ("aof_last_write_status", "ok"), ("evicted_keys", "0")];
        assert_eq!(levels(&good), [Level::Ok; 4]);
        let bad = [
            ("redis_version", "6.2.1"),
            ("aof_last_write_status", "err"),
            ("evicted_keys", "3"),
            ("used_memory", "81"),
            ("maxmemory", "100"),
        ];
        assert_eq!(levels(&bad), [Level::Fail, Level::Fail, Level::Fail, Level::Warn]);
    }
}
