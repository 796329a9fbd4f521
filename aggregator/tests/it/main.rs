//! The jobs against a real Redis and a real Postgres. Every job is run twice.

mod audit;
mod conservation;
mod edge;
mod flush;
mod outage;
mod prune;
mod publish;
mod settle;
mod several;
mod shop;
mod world;
