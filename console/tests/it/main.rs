//! The console as its readers meet it: over HTTP, against a real Postgres with the real schema.

mod api;
mod intake;
mod outage;
mod pages;
mod scale;
mod security;
mod settings;
mod support;
