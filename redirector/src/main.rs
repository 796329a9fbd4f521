//! The edge as a process: reads its settings, serves until it is told to stop, leaves nothing behind unshipped.

use std::process::ExitCode;

use clap::Parser as _;
use redirector::Args;
use runtime::{Shutdown, lifecycle};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let args = Args::parse();
    let common = args.common.clone();
    let config = match args.validate() {
        Ok(config) => config,
        Err(invalid) => return invalid.report(),
    };
    let result = common.start_logging().and_then(|()| serve(config));
    lifecycle::exit_code(&result)
}

fn serve(config: redirector::Config) -> anyhow::Result<()> {
    let shutdown = Shutdown::on_signals(lifecycle::GRACE)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(redirector::run(config, shutdown))
}
