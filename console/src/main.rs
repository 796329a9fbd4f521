//! The console's process: read the settings, start logging, then serve until a signal or do what was asked.

use std::process::ExitCode;

use anyhow::Context as _;
use clap::Parser as _;
use console::{Args, Config, Work, keys};
use runtime::lifecycle::{GRACE, Shutdown, exit_code};

fn main() -> ExitCode {
    let args = Args::parse();
    let (common, traces) = (args.common.clone(), args.traces.clone());
    match args.validate() {
        Ok(Work::Serve(config)) => {
            exit_code(&traces.start("console", &common).and_then(|_until_the_end| serve(config)))
        }
        Ok(Work::Keep(task)) => exit_code(&common.start_logging().and_then(|()| keep(task))),
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

/// Prints what was made as one line of JSON: a secret is shown this once.
fn keep(task: keys::Task) -> anyhow::Result<()> {
    let thread =
        tokio::runtime::Builder::new_current_thread().enable_all().build().context("cannot start")?;
    let made = thread.block_on(task.run())?;
    println!("{made}");
    Ok(())
}
