//! The named points at which services can be made to die (`runtime::failpoint`), and what makes a service pass them.
//!
//! Random kills rarely meet a window of ten microseconds; these meet nothing else. The tidiness test holds the list to
//! the source.

use super::schedule::Target;

/// A named point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Point {
    /// Its name in the source.
    pub name: &'static str,
    /// Whose it is.
    pub target: Target,
    /// What has to happen for it to be passed.
    pub provoke: Provoke,
}

/// What has to happen for a point to be passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Provoke {
    /// Nothing but what happens anyway.
    Nothing,
    /// A link is edited.
    Edit,
    /// Redis forgets everything.
    FlushAll,
}

const fn edge(name: &'static str) -> Point {
    Point { name, target: Target::Redirector, provoke: Provoke::Nothing }
}

const fn bridge(name: &'static str, provoke: Provoke) -> Point {
    Point { name, target: Target::Aggregator, provoke }
}

/// Those that a click, or a link, passes on its way.
pub static OF_CLICKS: [Point; 19] = [
    edge("record.stored"),
    edge("ship.before_apply"),
    edge("ship.applied"),
    bridge("flush.before_seal", Provoke::Nothing),
    bridge("flush.sealed", Provoke::Nothing),
    bridge("flush.read", Provoke::Nothing),
    bridge("flush.sketches_united", Provoke::Nothing),
    bridge("flush.counts_added", Provoke::Nothing),
    bridge("flush.before_commit", Provoke::Nothing),
    bridge("flush.committed", Provoke::Nothing),
    bridge("flush.done", Provoke::Nothing),
    bridge("flush.before_reset", Provoke::FlushAll),
    bridge("flush.reset", Provoke::FlushAll),
    bridge("publish.taken", Provoke::Edit),
    bridge("publish.keys_put", Provoke::Edit),
    bridge("publish.written", Provoke::Edit),
    bridge("publish.before_commit", Provoke::Edit),
    bridge("publish.committed", Provoke::Edit),
    bridge("publish.before_generation", Provoke::FlushAll),
];

/// Those that an order, or a payout, passes on its way.
pub static OF_ORDERS: [Point; 13] = [
    bridge("settle.taken", Provoke::Nothing),
    bridge("settle.judged", Provoke::Nothing),
    bridge("settle.written", Provoke::Nothing),
    bridge("settle.before_commit", Provoke::Nothing),
    bridge("settle.committed", Provoke::Nothing),
    bridge("payout.collected", Provoke::Nothing),
    bridge("payout.before_collection_commit", Provoke::Nothing),
    bridge("payout.collection_committed", Provoke::Nothing),
    bridge("payout.lines_written", Provoke::Nothing),
    bridge("payout.orders_marked", Provoke::Nothing),
    bridge("payout.entered", Provoke::Nothing),
    bridge("payout.before_booking_commit", Provoke::Nothing),
    bridge("payout.booking_committed", Provoke::Nothing),
];
