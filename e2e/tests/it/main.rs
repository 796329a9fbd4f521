//! Whole-house tests: real Redis, real Postgres, real processes.

mod audit;
mod backup;
mod browser;
mod chaos;
mod clock;
mod cluster;
mod demo;
mod demo_history;
mod deploy;
mod disks;
mod doctor;
mod edge;
mod export;
mod flush_million;
mod fuzz;
mod house;
mod import;
mod journeys;
mod orders;
mod scripts;
mod sketches;
mod tidy;
mod traces;
mod upgrade;
