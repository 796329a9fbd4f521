//! Load, audit, chaos and comparison: what holds the whole house to what it promises.
//!
//! Everything here goes to this machine only, and every loop has an end. A subcommand prints one JSON line on stdout
//! and everything else on stderr.

pub mod affinity;
pub mod dice;
pub mod drive;
pub mod loopback;
pub mod outcome;
pub mod progress;
