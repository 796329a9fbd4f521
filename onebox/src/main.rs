//! Runs all of Linkledger on one machine.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use clap::Parser as _;
use onebox::args::{Args, Command, UpArgs};
use onebox::doctor::doctor;
use onebox::folder::DataFolder;
use onebox::{down, up};
use runtime::{CommonArgs, Shutdown};

/// Longer than all children together may take to stop.
const GRACE: Duration = Duration::from_mins(2);

fn main() -> ExitCode {
    let args = Args::parse();
    match args.command {
        Command::Up(settings) => start(*settings, &args.common),
        Command::Env(settings) => {
            finish(DataFolder::at(&settings.data_dir).and_then(|folder| down::env(&folder)))
        }
        Command::Down(settings) => {
            finish(DataFolder::at(&settings.data_dir).and_then(|folder| down::down(&folder)))
        }
        Command::Status(settings) => finish(
            DataFolder::at(&settings.data_dir)
                .and_then(|folder| block_on(async { down::status(&folder).await })),
        ),
        Command::Doctor(settings) => finish(block_on(doctor(&settings))),
    }
}

fn start(settings: UpArgs, common: &CommonArgs) -> ExitCode {
    match settings.validate(common) {
        Err(invalid) => invalid.report(),
        Ok(config) => finish(common.start_logging().and_then(|()| {
            let shutdown = Shutdown::on_signals(GRACE)?;
            block_on(up::run(config, shutdown))
        })),
    }
}

fn block_on(work: impl Future<Output = anyhow::Result<()>>) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.context("cannot start the runtime")?.block_on(work)
}

/// A person reads this, so it is a sentence on stderr and not a log line.
fn finish(result: anyhow::Result<()>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
