//! Whether the parts of a process still come round: what a crash does not tell, a thread that hangs.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

use crate::clock;

/// How often a part comes round at least; it may do so more often.
pub const BEAT: Duration = Duration::from_secs(1);

/// Who has not come round for so long hangs: many times the longest that a busy machine keeps a thread waiting.
const STUCK: Duration = Duration::from_secs(15);

/// One part of the process. Whoever does its work holds this and says so again and again; when dropped, the part has ended.
#[derive(Debug)]
pub struct Pulse {
    part: Arc<Part>,
}

#[derive(Debug)]
struct Part {
    name: String,
    since: Instant,
    /// When it last came round, in milliseconds after `since`.
    last_ms: AtomicU64,
}

impl Pulse {
    /// The part came round.
    pub fn beat(&self) {
        self.part.last_ms.store(millis(self.part.since.elapsed()), Ordering::Relaxed);
    }

    /// Beats for the tokio runtime this is awaited on, for ever.
    pub async fn of_runtime(self) {
        let mut due = tokio::time::interval(BEAT);
        loop {
            due.tick().await;
            self.beat();
        }
    }
}

/// All parts that have not ended.
#[derive(Debug, Default)]
pub(super) struct Pulses(Mutex<Vec<Weak<Part>>>);

impl Pulses {
    pub(super) fn pulse(&self, name: String) -> Pulse {
        let part = Arc::new(Part { name, since: clock::monotonic(), last_ms: AtomicU64::new(0) });
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::downgrade(&part));
        Pulse { part }
    }

    /// `Err`: the names of those that hang, one a line.
    pub(super) fn report(&self) -> Result<(), String> {
        let mut parts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        parts.retain(|part| part.strong_count() > 0);
        let mut hanging = String::new();
        for part in parts.iter().filter_map(Weak::upgrade) {
            if is_stuck(millis(part.since.elapsed()), part.last_ms.load(Ordering::Relaxed)) {
                let _infallible = writeln!(hanging, "{}: hangs", part.name);
            }
        }
        if hanging.is_empty() { Ok(()) } else { Err(hanging) }
    }
}

fn is_stuck(now_ms: u64, last_ms: u64) -> bool {
    now_ms.saturating_sub(last_ms) > millis(STUCK)
}

fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_does_not_come_round_is_named_until_it_does_or_ends() {
        let pulses = Pulses::default();
        let (worker, other) = (pulses.pulse("worker-0".into()), pulses.pulse("ship".into()));
        assert_eq!(pulses.report(), Ok(()), "just begun");
        let long_ago = clock::monotonic().checked_sub(STUCK * 2).expect("the machine is up for longer");
        let hanging = Arc::new(Part { name: "sync".into(), since: long_ago, last_ms: AtomicU64::new(0) });
        pulses.0.lock().expect("not poisoned").push(Arc::downgrade(&hanging));
        assert_eq!(pulses.report(), Err("sync: hangs\n".into()));
        let hanging = Pulse { part: hanging };
        hanging.beat();
        assert_eq!(pulses.report(), Ok(()));
        drop((worker, other, hanging));
        assert_eq!(pulses.report(), Ok(()));
        assert!(pulses.0.lock().expect("not poisoned").is_empty(), "who ended is forgotten");
    }

    #[test]
    fn a_moment_is_not_long() {
        for (now, last, stuck) in
            [(0, 0, false), (15_000, 0, false), (15_001, 0, true), (0, 5, false), (20_000, 19_000, false)]
        {
            assert_eq!(is_stuck(now, last), stuck, "{now} {last}");
        }
    }
}
