//! The one place that reads the time; everything else takes `now` as an argument.
#![expect(clippy::disallowed_methods, reason = "this module is where time enters")]

use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// Wall-clock time in milliseconds since the Unix epoch (UTC): what journal records, tokens and reports carry.
pub fn now_ms() -> u64 {
    since_epoch().as_millis() as u64
}

/// Wall-clock time in microseconds since the Unix epoch (UTC), for lags that are shorter than a millisecond.
pub fn now_us() -> u64 {
    since_epoch().as_micros() as u64
}

/// Wall-clock time as the standard library's type, for code that must convert it (file times, dates).
pub fn system_time() -> SystemTime {
    SystemTime::now()
}

/// A reading that never goes back, for durations and deadlines. Unrelated to the date.
pub fn monotonic() -> Instant {
    Instant::now()
}

/// A clock set before 1970 reads as the epoch: a wrong date is the operator's problem, a panic would be ours.
fn since_epoch() -> std::time::Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_units_agree() {
        let (ms, us, again) = (now_ms(), now_us(), now_ms());
        assert!(ms <= us / 1_000 && us / 1_000 <= again, "{ms} ms, {us} us, {again} ms");
        assert!(ms > 1_700_000_000_000, "milliseconds since 1970, not seconds: {ms}");
    }
}
