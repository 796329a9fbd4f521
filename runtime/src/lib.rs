//! What every Linkledger binary wears: a clock, a way to stop, an admin port, logs, and settings that complain all
//! at once.
//!
//! No word of the domain appears here. This is the only crate that reads the time, waits for signals, or installs a
//! metrics recorder; a service receives what it needs as arguments, which is why the same `run(config, shutdown)`
//! also runs inside a test.

pub mod admin;
pub mod clock;
pub mod config;
pub mod failpoint;
pub mod lifecycle;
pub mod telemetry;
#[cfg(feature = "traces")]
pub mod traces;

pub use admin::{Admin, Check, Pulse};
pub use config::{CommonArgs, Invalid, Problems, Secret, SecretSource};
pub use lifecycle::Shutdown;
