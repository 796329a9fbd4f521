//! The load test as a process: do what was asked, print one line of JSON.

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use loadtest::{chaos, cluster, compare, drive, orders, outcome, serve_bare, verify};

/// The redirector's own allocator, so that the bare server of a comparison differs in nothing but its work.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Load, audit, chaos and comparison for a Linkledger on this machine.
#[derive(Debug, Parser)]
#[command(name = "loadtest", version)]
struct Args {
    /// What to do
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Send requests at a steady rate
    Drive(Box<drive::Args>),
    /// Check that every accepted click is counted exactly once
    Verify(verify::Args),
    /// Drive a house of its own while everything is killed, frozen and emptied; then heal and audit it
    Chaos(chaos::Args),
    /// Drive two edges on a Redis Cluster of its own while masters are killed and cut off and slots move; then audit
    Cluster(cluster::Args),
    /// Report orders to a house of its own, shuffled and repeated, while it is killed; then hold its books against the rules
    Orders(orders::Args),
    /// The redirector beside a bare hyper, nginx, `HAProxy`, and nginx with Lua and Redis
    Compare(Box<compare::Args>),
    /// A bare hyper server that answers 302 and nothing else: what `compare` measures against
    ServeBare(Box<serve_bare::Args>),
}

fn main() -> ExitCode {
    let command = Args::parse().command;
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return outcome::conclude("loadtest", Err(anyhow::Error::from(error).into())),
    };
    match command {
        Command::Drive(args) => outcome::conclude("drive", runtime.block_on(drive::run(*args))),
        Command::Verify(args) => outcome::conclude("verify", runtime.block_on(verify::run(args))),
        Command::Chaos(args) => outcome::conclude("chaos", runtime.block_on(chaos::run(args))),
        Command::Cluster(args) => outcome::conclude("cluster", runtime.block_on(cluster::run(args))),
        Command::Orders(args) => outcome::conclude("orders", runtime.block_on(orders::run(args))),
        Command::Compare(args) => outcome::conclude("compare", compare::run(*args)),
        Command::ServeBare(args) => outcome::conclude("serve-bare", serve_bare::run(&args)),
    }
}
