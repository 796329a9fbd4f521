//! One machine, one command: private Redis and Postgres, the three services, and a demo programme.
//!
//! `onebox` owns processes and knows no rule of the domain: it starts the services as their own binaries, with their
//! settings in the environment, and starts again whatever dies. No service depends on it; tests use [`servers`].

pub mod addresses;
pub mod args;
pub mod board;
mod database;
mod demo;
pub mod doctor;
pub mod down;
mod files;
pub mod folder;
mod http;
pub mod identity;
mod machine;
mod progress;
pub mod servers;
mod services;
mod state;
mod stores;
mod supervise;
pub mod up;
