//! Auditing: is every click that a shopper holds a token of counted once, and nothing else?
//!
//! Exact while clicks go on: Postgres states how far it has counted, in the same snapshot as the counts, and the
//! journal is counted again up to there. Nothing is written anywhere.

pub mod accepted;
pub mod books;
pub mod findings;
pub mod recount;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;
use comfy_table::{CellAlignment, Table};
use common::flush::Watermark;
use common::ids::Partitions;
use runtime::{Invalid, Problems, Secret, SecretSource, clock};
use sqlx::{Connection as _, PgConnection};

use self::accepted::Accepted;
use self::books::Books;
use self::findings::{Coverage, Findings};
use self::recount::{Marks, Recount};
use crate::outcome::{Failure, Outcome};
use crate::span;

/// How often Postgres is asked how far it is.
const POLL: Duration = Duration::from_millis(200);
/// Nobody waits longer for an audit.
const LONGEST_DRAIN: Duration = Duration::from_hours(1);

/// Check that every accepted click of a driver's logs is counted exactly once.
#[derive(Debug, clap::Parser)]
pub struct Args {
    /// The logs that `loadtest drive --log` wrote
    #[arg(long, env = "LOADTEST_LOG", value_name = "FILE", required = true, num_args = 1.., value_delimiter = ',')]
    log: Vec<PathBuf>,

    /// Postgres, or `@path` of a file that holds its address
    #[arg(long, env = "DATABASE_URL", value_name = "URL|@FILE", hide_env_values = true)]
    database_url: Option<SecretSource>,

    /// The edges' journals: with them the audit is exact, without them only loss is found
    #[arg(long, env = "REDIRECTOR_JOURNAL_DIR", value_name = "FOLDER", num_args = 1.., value_delimiter = ',')]
    journal: Vec<PathBuf>,

    /// How long to wait until Postgres has everything
    #[arg(long, env = "LOADTEST_DRAIN_TIMEOUT", value_name = "TIME", default_value = "60s")]
    drain_timeout: String,

    /// The logs hold every click there ever was: find clicks that nobody made, too
    #[arg(long, env = "LOADTEST_COMPLETE")]
    complete: bool,
}

/// What to audit.
#[derive(Debug)]
pub struct Audit {
    /// The driver's logs.
    pub logs: Vec<PathBuf>,
    /// Postgres.
    pub database_url: Secret,
    /// The journals of all edges, or none.
    pub journals: Vec<PathBuf>,
    /// How long Postgres may take to catch up.
    pub drain_limit: Duration,
    /// Whether the logs know every click.
    pub coverage: Coverage,
}

impl Args {
    /// Judges all settings and reports every bad one.
    pub fn validate(self) -> Result<Audit, Invalid> {
        let mut problems = Problems::of::<Self>();
        for log in self.log.iter().filter(|log| !log.is_file()) {
            problems.add("--log", format!("{} is not a file", log.display()));
        }
        let source = self.database_url.ok_or("it is missing; `onebox env` prints it");
        let database_url =
            problems.check("--database-url", source.map_err(str::to_owned).and_then(|s| s.read()));
        for folder in self.journal.iter().filter(|folder| !folder.is_dir()) {
            problems.add("--journal", format!("{} is not a folder", folder.display()));
        }
        let drain_limit = span::parse(&mut problems, "--drain-timeout", &self.drain_timeout, LONGEST_DRAIN);
        problems.finish(|| {
            Some(Audit {
                logs: self.log,
                database_url: database_url?,
                journals: self.journal,
                drain_limit: drain_limit?,
                coverage: if self.complete { Coverage::Complete } else { Coverage::Shared },
            })
        })
    }
}

/// Audits, shows what it found, and passes if nothing is wrong.
pub async fn run(args: Args) -> Result<Outcome, Failure> {
    let audit = args.validate()?;
    let findings = audit.run().await?;
    eprintln!("{}", table(&findings));
    Ok(Outcome::new(findings.passed(audit.coverage), &findings)?)
}

impl Audit {
    /// Waits until Postgres has everything that is recorded now, and holds it against the journal and the tokens.
    pub async fn run(&self) -> anyhow::Result<Findings> {
        let accepted = Accepted::read(&self.logs)?;
        let mut postgres =
            PgConnection::connect(self.database_url.expose()).await.context("cannot reach Postgres")?;
        let partitions = books::partitions(&mut postgres).await?;
        let mut goal = ends_of(&accepted, partitions);
        goal.extend(recount::ends(&self.journals, partitions)?);
        let drain = wait_for(&mut postgres, &goal, self.drain_limit).await?;
        let books = Books::read(&mut postgres).await?;
        if self.journals.is_empty() {
            let behind = |click: &&common::token::Click| {
                let mark = books.watermark.get(&(click.lane, click.link.partition(partitions)));
                mark.is_none_or(|mark| mark.seq < click.seq)
            };
            let pending = accepted.clicks.iter().filter(behind).count() as u64;
            return Ok(Findings::at_least(&accepted, &books, pending, drain));
        }
        let mut recount = Recount::of(&self.journals, partitions, &books.watermark, &accepted)?;
        if reached(&books.watermark, &goal) {
            // What came after the audit began is another audit's business.
            recount.beyond = 0;
        }
        Ok(Findings::exact(&accepted, &recount, &books, drain))
    }
}

/// How long it takes from now until Postgres has everything that is in the journal now; at most `limit`.
pub async fn drain(database_url: Secret, journal: PathBuf, limit: Duration) -> anyhow::Result<Duration> {
    let begun = clock::monotonic();
    let mut postgres = PgConnection::connect(database_url.expose()).await.context("cannot reach Postgres")?;
    let partitions = books::partitions(&mut postgres).await?;
    let goal = recount::ends(&[journal], partitions)?;
    wait_for(&mut postgres, &goal, limit).await?;
    Ok(begun.elapsed())
}

/// Where Postgres must be to have every accepted click.
fn ends_of(accepted: &Accepted, partitions: Partitions) -> Marks {
    let mut marks: Marks = BTreeMap::new();
    for click in &accepted.clicks {
        let mark = marks.entry((click.lane, click.link.partition(partitions))).or_default();
        mark.seq = mark.seq.max(click.seq);
    }
    marks
}

fn reached(watermark: &Marks, goal: &Marks) -> bool {
    let at = |place| watermark.get(place).copied().unwrap_or_default();
    goal.iter().all(|(place, Watermark { seq, .. })| at(place).seq >= *seq)
}

/// Waits until Postgres has reached `goal`, and says how long that took. At the limit it goes on all the same: what
/// is missing then is found by the comparison.
async fn wait_for(postgres: &mut PgConnection, goal: &Marks, limit: Duration) -> anyhow::Result<Duration> {
    let begun = clock::monotonic();
    while !reached(&books::watermark(postgres).await?, goal) && begun.elapsed() < limit {
        tokio::time::sleep(POLL).await;
    }
    Ok(begun.elapsed())
}

/// The findings as people read them.
pub fn table(findings: &Findings) -> String {
    let mut table = Table::new();
    table.load_style(comfy_table::presets::UTF8_FULL_CONDENSED).set_header(["", "found"]);
    let optional = |count: Option<u64>| count.map_or("needs --journal".to_owned(), |count| count.to_string());
    for (what, found) in [
        ("requests", findings.requests.to_string()),
        ("accepted clicks", findings.accepted.to_string()),
        ("recorded in the journal", optional(findings.recorded)),
        ("counted in Postgres", findings.counted.to_string()),
        ("lost", findings.lost.to_string()),
        ("doubled", optional(findings.doubled)),
        ("recorded, but no token arrived", optional(findings.surplus)),
        ("requests sent and not answered", findings.unanswered.to_string()),
        ("tokens that name another's click", findings.repeated_tokens.to_string()),
        ("tokens that disagree with their record", findings.disagreeing_tokens.to_string()),
        ("not yet in Postgres", findings.pending.to_string()),
        ("counts by platform or origin that differ", findings.breakdown_mismatches.to_string()),
        ("sketches that differ", findings.sketch_mismatches.to_string()),
        ("watermarks that differ", findings.watermark_mismatches.to_string()),
        ("known links answered 5xx", findings.failed.to_string()),
        ("seconds until all was in Postgres", format!("{:.1}", findings.drain_seconds)),
    ] {
        table.add_row([what.to_owned(), found]);
    }
    if let Some(column) = table.column_mut(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    let examples: String = findings.examples.iter().flat_map(|example| ["\n  ", example.as_str()]).collect();
    format!("{table}{examples}")
}
