//! The demo's process: read the settings, write the past, say how far it got.

use std::process::ExitCode;

use clap::Parser as _;
use demo::{Args, Config, Written};
use runtime::lifecycle::exit_code;

fn main() -> ExitCode {
    let args = Args::parse();
    let common = args.common.clone();
    match args.validate() {
        Ok(config) => exit_code(&common.start_logging().and_then(|()| execute(&config))),
        Err(invalid) => invalid.report(),
    }
}

fn execute(config: &Config) -> anyhow::Result<()> {
    let tokio = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let say = |line: &str| println!("{line}");
    match tokio.block_on(demo::write(config, runtime::clock::now_ms(), &say))? {
        Written::Past { days, clicks, orders } => {
            println!("{days} days of demo history: {clicks} clicks, {orders} orders");
        }
        Written::Nothing(why) => println!("{why}"),
    }
    Ok(())
}
