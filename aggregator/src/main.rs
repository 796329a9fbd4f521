//! The aggregator's process: read the settings, start logging, do what was asked.

use std::process::ExitCode;

use aggregator::migrate::migrate;
use aggregator::{Args, Status, Work, export_clicks, import_journal, open_installed};
use clap::Parser as _;
use runtime::Shutdown;
use runtime::lifecycle::{GRACE, exit_code};

fn main() -> ExitCode {
    let args = Args::parse();
    let (common, traces) = (args.common.clone(), args.traces.clone());
    match args.validate() {
        Ok(work) => exit_code(&traces.start("aggregator", &common).and_then(|_until_the_end| execute(work))),
        Err(invalid) => invalid.report(),
    }
}

fn execute(work: Work) -> anyhow::Result<()> {
    let tokio = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    match work {
        Work::Run(config) => {
            let shutdown = Shutdown::on_signals(GRACE)?;
            let status = Status::open(&config, &shutdown)?;
            tokio.block_on(aggregator::run(config, status, shutdown))
        }
        Work::Once(job, config) => {
            println!("{}", tokio.block_on(aggregator::once(&config, job))?);
            Ok(())
        }
        Work::ImportJournal(dir, config) => {
            let import = async { import_journal(&open_installed(&config).await?, &dir).await };
            println!("{}", tokio.block_on(import)?);
            Ok(())
        }
        Work::ExportClicks { journal, warehouse } => {
            println!("{}", export_clicks(&journal, &warehouse)?);
            Ok(())
        }
        Work::Migrate(config) => tokio.block_on(migrate(config.database_url.expose(), config.partitions)),
    }
}
