//! The jobs against a real Redis and a real Postgres. Every job is run twice.

mod attribute;
mod audit;
mod audit_money;
mod cluster;
mod conservation;
mod convert;
mod edge;
mod flush;
mod hold;
mod outage;
mod payout;
mod prune;
mod publish;
mod rollup;
mod settle;
mod settle_throughput;
mod several;
mod several_settle;
mod shop;
mod world;
