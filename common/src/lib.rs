//! The rules of Linkledger.
//!
//! This crate never reads a clock, the environment, a file or a socket, never logs and never awaits: time, ids and
//! seeds are arguments, and every function's result follows from them alone. That is what makes the counting
//! protocol checkable by a simulation that runs the very functions the services run.

pub mod attribution;
pub mod click;
pub mod commission;
pub mod destination;
pub mod flush;
pub mod fraud;
pub mod hll;
pub mod ids;
pub mod ledger;
pub mod link;
pub mod money;
pub mod order;
pub mod payout;
pub mod rate;
pub mod secret;
pub mod ship;
pub mod time;
pub mod token;
pub mod traffic;
pub mod visitor;
pub mod wire;
