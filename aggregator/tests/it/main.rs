//! The jobs against a real Redis and a real Postgres. Every job is run twice.

mod attribute;
mod audit;
mod conservation;
mod edge;
mod flush;
mod hold;
mod outage;
mod prune;
mod publish;
mod settle;
mod settle_throughput;
mod several;
mod shop;
mod world;
