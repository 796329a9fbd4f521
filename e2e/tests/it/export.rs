//! Clicks for a warehouse: what an edge accepted lies there as rows, each once, however often it is exported.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::SystemTime;

use anyhow::{Context as _, Result, ensure};
use common::token::decode_unverified;
use parquet::file::reader::{FileReader as _, SerializedFileReader};
use parquet::record::{Field, Row};

use crate::edge::{Edge, redirector};
use crate::house::{BROWSER, House, SOON, binary, get, until};

/// The smallest segment there is holds 960 clicks; one of the edge's two lanes needs more than one of them.
const CLICKS: usize = 2_000;

/// A click's identity: lane and seq.
type Id = (i64, i64);

fn export(journal: &Path, warehouse: &Path) -> Result<String> {
    let mut command = Command::new(binary("aggregator"));
    // Neither store is told of: it must do without.
    command.env_remove("DATABASE_URL").arg("export-clicks").arg(journal).arg(warehouse);
    let output = command.stdin(Stdio::null()).output().context("aggregator export-clicks")?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8(output.stdout)?.trim().to_owned())
}

/// Every file of the warehouse, and when it was written.
fn files(warehouse: &Path) -> Result<BTreeMap<PathBuf, SystemTime>> {
    let mut files = BTreeMap::new();
    for day in std::fs::read_dir(warehouse)? {
        for file in std::fs::read_dir(day?.path())? {
            let file = file?;
            files.insert(file.path(), file.metadata()?.modified()?);
        }
    }
    Ok(files)
}

fn rows(warehouse: &Path) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    for path in files(warehouse)?.into_keys() {
        ensure!(path.extension().is_some_and(|is| is == "parquet"), "something was left: {}", path.display());
        for row in SerializedFileReader::new(File::open(&path)?)?.get_row_iter(None)? {
            rows.push(row?);
        }
    }
    Ok(rows)
}

fn value(row: &Row, column: &str) -> Result<Field> {
    let found = row.get_column_iter().find(|(name, _)| *name == column);
    Ok(found.with_context(|| format!("no column {column}"))?.1.clone())
}

fn whole(row: &Row, column: &str) -> Result<i64> {
    Ok(match value(row, column)? {
        Field::Long(number) => number,
        Field::UShort(number) => number.into(),
        other => anyhow::bail!("{column} is {other:?}"),
    })
}

fn id(row: &Row) -> Result<Id> {
    Ok((whole(row, "lane")?, whole(row, "seq")?))
}

/// Follows a link `times` times and notes which clicks were accepted.
fn follow(edge: &Edge, path: &str, agent: &str, times: usize, accepted: &mut BTreeSet<Id>) -> Result<()> {
    for _ in 0..times {
        let reply = get(edge.listen, path, &[("user-agent", agent)])?;
        let click = decode_unverified(reply.token().context("an accepted click")?.as_bytes());
        let click = click.map_err(|refused| anyhow::anyhow!("{refused:?}"))?;
        ensure!(accepted.insert((click.lane.0.into(), click.seq.0.cast_signed())), "one identity twice");
    }
    Ok(())
}

#[tokio::test]
async fn every_accepted_click_is_exported_once_however_often_that_is_done() -> Result<()> {
    let house = House::open()?;
    house.programme(&["ware0000".to_owned()]).await?;
    let folder = tempfile::tempdir()?;
    let warehouse = folder.path().join("warehouse");
    let mut command = redirector();
    command.args(["--journal-segment-bytes", "65536"]);
    let edge = Edge::start_by(command, &house, 9, &folder.path().join("journal"))?;
    let mut accepted = BTreeSet::new();
    until("the other edge knows the link", SOON, || {
        Ok(follow(&edge, "/ware0000", BROWSER, 1, &mut accepted).is_ok())
    })?;
    follow(&edge, "/ware0000", BROWSER, CLICKS, &mut accepted)?;

    let said = export(&edge.journal, &warehouse)?;
    ensure!(said.starts_with(&format!("{} clicks of 2 lanes are exported", accepted.len())), "{said}");
    let first = files(&warehouse)?;

    // More clicks, of a program too and with a sub-id; the edge still runs.
    follow(&edge, "/ware0000?sub1=summer", BROWSER, 3, &mut accepted)?;
    follow(&edge, "/ware0000", "curl/8.5.0", 2, &mut accepted)?;
    export(&edge.journal, &warehouse)?;
    let second = files(&warehouse)?;
    let untouched = first.iter().filter(|(path, written)| second.get(*path) == Some(*written)).count();
    ensure!(untouched >= 1, "a whole segment is written once: {first:?} {second:?}");

    let rows = rows(&warehouse)?;
    let exported = rows.iter().map(id).collect::<Result<BTreeSet<_>>>()?;
    ensure!(exported == accepted && rows.len() == accepted.len(), "{} rows", rows.len());
    let mut filtered = 0;
    let mut with_source = 0;
    for row in &rows {
        ensure!(matches!(value(row, "clicked_at")?, Field::TimestampMicros(at) if at > 0), "{row}");
        ensure!(whole(row, "link_id")? > 0 && whole(row, "vendor_id")? > 0, "{row}");
        ensure!(value(row, "visitor")? != Field::ULong(0), "{row}");
        ensure!(value(row, "country")? == Field::Null, "no address of a test has a country: {row}");
        with_source += usize::from(value(row, "source")? != Field::Null);
        let program = value(row, "filtered")? == Field::Bool(true);
        filtered += usize::from(program);
        ensure!(program || value(row, "device")? == Field::Str("desktop".to_owned()), "{row}");
    }
    ensure!((filtered, with_source) == (2, 3), "{filtered} filtered, {with_source} with a sub-id");

    // What the edge has dropped meanwhile stays; a file that was lost or damaged comes back.
    for (n, path) in second.keys().enumerate() {
        if n % 2 == 0 { std::fs::remove_file(path)? } else { std::fs::write(path, "PAR1 and no more")? }
    }
    export(&edge.journal, &warehouse)?;
    ensure!(self::rows(&warehouse)?.len() == accepted.len(), "all of them again");
    ensure!(edge.stop()?.success(), "the edge ends well");
    house.audit()
}
