//! The load test as a process: do what was asked, print one line of JSON.

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use loadtest::{drive, outcome};

/// Load, audit and chaos for a Linkledger on this machine.
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
}

fn main() -> ExitCode {
    let command = Args::parse().command;
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return outcome::conclude("loadtest", Err(anyhow::Error::from(error).into())),
    };
    match command {
        Command::Drive(args) => outcome::conclude("drive", runtime.block_on(drive::run(*args))),
    }
}
