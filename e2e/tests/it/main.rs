//! Whole-house tests: real Redis, real Postgres, real processes.

mod audit;
mod chaos;
mod cluster;
mod demo;
mod demo_history;
mod deploy;
mod flush_million;
mod house;
mod journeys;
mod orders;
mod scripts;
mod sketches;
mod tidy;
