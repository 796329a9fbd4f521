//! `loadtest`: drive, verify, chaos, compare.

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use loadtest::{drive, outcome};

/// Load, audit, chaos and comparison for Linkledger, on this machine only.
#[derive(Debug, Parser)]
#[command(name = "loadtest", version)]
struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Send a plan of requests to an edge and say what came back
    Drive(drive::Args),
}

fn main() -> ExitCode {
    match Args::parse().command {
        Command::Drive(args) => outcome::conclude("drive", drive::run(&args)),
    }
}
