//! Whole-house tests: real Redis, real Postgres, real processes.

mod house;
mod journeys;
mod scripts;
mod tidy;
