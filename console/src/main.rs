//! The console's process: read the settings, start logging, run until a signal.

use std::process::ExitCode;

use anyhow::Context as _;
use clap::Parser as _;
use console::{Args, Config};
use runtime::lifecycle::{GRACE, Shutdown, exit_code};

fn main() -> ExitCode {
    let args = Args::parse();
    let common = args.common.clone();
    match args.validate() {
        Ok(config) => exit_code(&common.start_logging().and_then(|()| serve(config))),
        Err(invalid) => invalid.report(),
    }
}

/// Two threads answer requests; Postgres does the work.
fn serve(config: Config) -> anyhow::Result<()> {
    let shutdown = Shutdown::on_signals(GRACE)?;
    let threads = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .context("cannot start the threads that answer requests")?;
    threads.block_on(console::run(config, shutdown))
}
