//! Load, audit, chaos and comparison: the proof that Linkledger does what it says.
//!
//! Traffic goes to this machine only, every run ends by itself, and a run can be repeated from the seed it prints.
//! Each subcommand ends with one JSON line on stdout; all else is on stderr.

pub mod affinity;
pub mod chaos;
pub mod cluster;
pub mod compare;
pub mod dice;
pub mod drive;
pub mod loopback;
pub mod orders;
pub mod outcome;
pub mod progress;
pub mod serve_bare;
pub mod span;
pub mod verify;
