//! One machine, one command: private Redis and Postgres, the three services, and a demo programme.
//!
//! `onebox` owns processes and knows no rule of the domain: it starts the services as their own binaries, with their
//! settings in the environment, and starts again whatever dies. No service depends on it; tests use [`servers`].

mod files;
pub mod identity;
pub mod servers;
