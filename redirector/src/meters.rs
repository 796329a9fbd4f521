//! What workers count, and how it reaches `/metrics`.
//!
//! A worker's numbers are its own: it stores, nobody else does, so counting is a plain addition. They are summed when
//! somebody looks.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use metrics::{counter, gauge};
use runtime::{Admin, clock};

use crate::catalog::Catalog;
use crate::journal::{Journal, Room};
use crate::server::Doors;
use crate::ship::ShipState;

macro_rules! outcomes {
    ($($(#[$doc:meta])* $outcome:ident = $name:literal,)*) => {
        /// How a request ended.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Outcome {
            $($(#[$doc])* $outcome,)*
        }

        const OUTCOMES: [&str; [$($name),*].len()] = [$($name),*];
    };
}

outcomes! {
    /// A person was redirected with a token.
    Tracked = "tracked",
    /// A program was redirected with a token.
    Filtered = "filtered",
    /// Redirected without a token though it was a click.
    Untracked = "untracked",
    /// HEAD: redirected, not counted.
    Head = "head",
    /// A browser's guess.
    Prefetch = "prefetch",
    /// An ended link, redirected to its vendor's fallback.
    Fallback = "fallback",
    /// An ended link without a fallback.
    Ended = "ended",
    /// No such link.
    Unknown = "unknown",
    /// A code that is not in memory while Redis is away.
    Unavailable = "unavailable",
    /// The bare address and what robots ask for.
    Page = "page",
    /// Not a request we answer.
    Refused = "refused",
}

/// Why a click went untracked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Untracked {
    /// There was no room in the journal.
    JournalFull,
    /// The disk did not confirm the record.
    Unsynced,
}

const UNTRACKED: [&str; 2] = ["journal_full", "unsynced"];

/// One worker's numbers.
#[derive(Debug, Default)]
pub struct Tally {
    outcomes: [AtomicU64; OUTCOMES.len()],
    untracked: [AtomicU64; UNTRACKED.len()],
    dropped_subs: AtomicU64,
}

/// Adds without a locked instruction: each number has one writer, its worker.
fn add(number: &AtomicU64, n: u64) {
    number.store(number.load(Ordering::Relaxed) + n, Ordering::Relaxed);
}

impl Tally {
    /// Counts a request's outcome.
    pub fn count(&self, outcome: Outcome) {
        add(&self.outcomes[outcome as usize], 1);
    }

    /// Counts why a click was not tracked.
    pub fn untracked(&self, reason: Untracked) {
        add(&self.untracked[reason as usize], 1);
    }

    /// Counts sub-ids that were too long.
    pub fn dropped_subs(&self, n: u32) {
        if n > 0 {
            add(&self.dropped_subs, u64::from(n));
        }
    }
}

/// Everything that is looked at when metrics are shown.
#[derive(Debug)]
pub(crate) struct Sources {
    /// One for each worker.
    pub tallies: Vec<Arc<Tally>>,
    /// The links.
    pub catalog: Arc<Catalog>,
    /// The lanes.
    pub journal: Arc<Journal>,
    /// How far they are shipped.
    pub ship: Arc<ShipState>,
    /// The connections.
    pub doors: Arc<Doors>,
}

/// Histogram bounds, by metric.
pub(crate) const BUCKETS: &[(&str, &[f64])] = &[
    ("redirector_answer_seconds", &[1e-6, 2e-6, 3e-6, 5e-6, 1e-5, 2e-5, 5e-5, 1e-4, 2e-4, 5e-4, 1e-3, 1e-2]),
    ("redirector_ship_batch_records", &[1.0, 4.0, 16.0, 64.0, 128.0, 256.0, 512.0, 1000.0]),
    ("redirector_ship_call_seconds", &[2e-4, 5e-4, 1e-3, 2e-3, 5e-3, 1e-2, 2e-2, 5e-2, 0.1, 0.5, 1.0, 2.0]),
];

impl Sources {
    /// Shows everything at each look at the metrics.
    pub(crate) fn show_on(self, admin: &Admin) {
        admin.before_render(Box::new(move || self.show()));
    }

    fn show(&self) {
        let sum = |pick: &dyn Fn(&Tally) -> &AtomicU64| -> u64 {
            self.tallies.iter().map(|tally| pick(tally).load(Ordering::Relaxed)).sum()
        };
        for (i, name) in OUTCOMES.into_iter().enumerate() {
            counter!("redirector_requests_total", "outcome" => name)
                .absolute(sum(&|tally| &tally.outcomes[i]));
        }
        for (i, name) in UNTRACKED.into_iter().enumerate() {
            counter!("redirector_untracked_total", "reason" => name)
                .absolute(sum(&|tally| &tally.untracked[i]));
        }
        counter!("redirector_dropped_sub_ids_total").absolute(sum(&|tally| &tally.dropped_subs));
        gauge!("redirector_open_connections").set(self.doors.open() as f64);
        self.show_catalog();
        self.show_journal();
    }

    fn show_catalog(&self) {
        let table = &self.catalog.table;
        gauge!("redirector_catalog_links").set(table.links() as f64);
        gauge!("redirector_catalog_bytes").set(table.bytes() as f64);
        gauge!("redirector_catalog_unfollowable_links").set(table.unfollowable() as f64);
        counter!("redirector_catalog_evicted_links_total").absolute(table.evicted());
        gauge!("redirector_catalog_stale").set(f64::from(u8::from(self.catalog.is_stale())));
        gauge!("redirector_catalog_age_seconds").set(self.catalog.age().as_secs_f64());
    }

    /// The books: what the journals claim to have accepted, and how much of it Redis has not confirmed.
    fn show_journal(&self) {
        // In this order: what is confirmed was claimed before.
        let confirmed = self.ship.confirmed.load(Ordering::Relaxed);
        let logs = self.journal.logs();
        let claimed: u64 = logs.iter().map(|log| log.claimed()).sum();
        gauge!("redirector_claimed_clicks").set(claimed as f64);
        gauge!("redirector_journal_unshipped_clicks").set(claimed.saturating_sub(confirmed) as f64);
        let oldest = self.ship.oldest_us.load(Ordering::Relaxed);
        let lag = if oldest == 0 { 0.0 } else { clock::now_us().saturating_sub(oldest) as f64 / 1e6 };
        gauge!("redirector_journal_lag_seconds").set(lag);
        gauge!("redirector_journal_bytes").set(self.journal.bytes() as f64);
        gauge!("redirector_journal_lanes").set(logs.len() as f64);
        counter!("redirector_journal_corrupt_records_total")
            .absolute(logs.iter().map(|log| log.corrupt()).sum());
        let room = self.journal.room();
        for (state, name) in [(Room::Green, "green"), (Room::Yellow, "yellow"), (Room::Red, "red")] {
            gauge!("redirector_journal_room", "state" => name).set(f64::from(u8::from(state == room)));
        }
    }
}
