//! Whole-house tests: real Redis, real Postgres, real processes.

mod audit;
mod chaos;
mod flush_million;
mod house;
mod journeys;
mod scripts;
mod sketches;
mod tidy;
