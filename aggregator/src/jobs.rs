//! What the bridge does, one job a module.
//!
//! Every job is safe to run twice, to run beside itself in another process, and to be killed at any line.

mod attempt;
pub mod attribute;
pub mod conservation;
pub mod convert;
pub mod flush;
pub mod payout;
pub mod prune;
pub mod publish;
pub mod rollup;
pub mod settle;

pub(crate) use self::attempt::{attempt, within};
