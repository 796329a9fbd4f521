//! Publish: bring links from Postgres to Redis, where the edges read them.
//!
//! Two tasks, each enough on its own to repair what the other missed:
//! `changes` takes what the triggers wrote into `link_change`, within milliseconds of the commit;
//! `upkeep` compares everything with everything: at once when Redis was emptied, restarted or replaced or when Postgres
//! is another one than before, and slowly all the time.
//!
//! The version decides. Redis never goes back to an older version of a link, whoever writes, in whatever order. Where
//! Redis has a *newer* version than Postgres, Postgres was restored to an earlier day; its link is then raised above
//! what the edges have seen, in Postgres, and published like any change.

mod changes;
mod entry;
mod reconcile;
mod upkeep;
mod write;

pub use self::changes::{publish_pending, run as run_changes};
pub use self::reconcile::{Pace, Repairs, reconcile};
pub use self::upkeep::{Upkeep, WrongPartitions, run as run_upkeep};
