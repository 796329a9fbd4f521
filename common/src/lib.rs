//!
//! This crate never reads a clock, the environment, a file or a socket, never logs and never awaits: time, ids and
//! seeds are arguments, and every function's result follows from them alone. That is what makes the counting
//! protocol checkable by a simulation that runs the very functions the services run.

pub mod click;
pub mod destination;
pub mod flush;
pub mod hll;
pub mod ids;
pub mod link;
pub mod money;
pub mod order;
pub mod rate;
pub mod secret;
pub mod ship;
pub mod time;
pub mod token;
pub mod traffic;
pub mod visitor;
pub mod wire;
