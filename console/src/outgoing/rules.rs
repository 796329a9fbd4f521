//! When a call is tried again, and when a target is given up.

use chrono::TimeDelta;

/// Pauses after each failed attempt: a restart is over in seconds, an outage in hours, a weekend in days. Together three
/// and a half days.
const PAUSES: [TimeDelta; 9] = [
    TimeDelta::seconds(5),
    TimeDelta::minutes(1),
    TimeDelta::minutes(5),
    TimeDelta::minutes(30),
    TimeDelta::hours(2),
    TimeDelta::hours(5),
    TimeDelta::hours(12),
    TimeDelta::hours(24),
    TimeDelta::hours(40),
];

/// A target that failed so many times in a row …
pub(super) const MAX_FAILURES: i32 = 20;
/// … and for so long is switched off. A minute's outage of a busy shop makes hundreds of failures, and is no reason.
pub(super) const MIN_OUTAGE: TimeDelta = TimeDelta::days(1);

/// How long to wait after this many attempts, the last of which failed. `None`: it is given up.
pub(super) fn pause(attempts: i32) -> Option<TimeDelta> {
    let failed = usize::try_from(attempts).unwrap_or_default();
    PAUSES.get(failed.saturating_sub(1)).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_and_end() {
        let pauses: Vec<TimeDelta> = (1..).map_while(pause).collect();
        assert_eq!(pauses.len(), PAUSES.len());
        assert!(pauses.windows(2).all(|two| two[0] < two[1]));
        assert_eq!(pauses.iter().sum::<TimeDelta>().num_hours(), 83);
        assert_eq!(pause(10), None);
    }
}
