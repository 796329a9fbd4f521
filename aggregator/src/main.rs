//! The aggregator's process: read the settings, start logging, do what was asked.

use std::process::ExitCode;

use aggregator::migrate::migrate;
use aggregator::{Args, Command, Config, Status, import_journal, open_installed};
use clap::Parser as _;
use runtime::Shutdown;
use runtime::lifecycle::{GRACE, exit_code};

fn main() -> ExitCode {
    let args = Args::parse();
    let (common, command) = (args.common.clone(), args.command.clone().unwrap_or(Command::Run));
    match args.validate() {
        Ok(config) => exit_code(&common.start_logging().and_then(|()| execute(command, config))),
        Err(invalid) => invalid.report(),
    }
}

fn execute(command: Command, config: Config) -> anyhow::Result<()> {
    let tokio = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    match command {
        Command::Run => {
            let shutdown = Shutdown::on_signals(GRACE)?;
            let status = Status::open(&config, &shutdown)?;
            tokio.block_on(aggregator::run(config, status, shutdown))
        }
        Command::Once { job } => {
            println!("{}", tokio.block_on(aggregator::once(&config, job))?);
            Ok(())
        }
        Command::ImportJournal { dir } => {
            let import = async { import_journal(&open_installed(&config).await?, &dir).await };
            println!("{}", tokio.block_on(import)?);
            Ok(())
        }
        Command::Migrate => tokio.block_on(migrate(config.database_url.expose(), config.partitions)),
    }
}
