//! The console as its readers meet it: over HTTP, against a real Postgres with the real schema.

mod api;
mod holds;
mod intake;
mod intake_batch;
mod intake_outside;
mod orders;
mod orders_earnings;
mod orders_scale;
mod orders_world;
mod outage;
mod pages;
mod payouts;
mod postback;
mod scale;
mod security;
mod settings;
mod statement;
mod support;
mod tenancy;
mod webhooks;
