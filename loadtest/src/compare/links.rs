//! The links of a comparison: the same codes and destinations for every server, in the form each of them reads.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::Path;

use anyhow::Context as _;
use common::ids::{LinkId, Partitions, VendorId};
use common::link::{Entry, Published};
use common::wire::{LINKS_GENERATION, PARTITIONS, links_marker};

use crate::drive::codes::Codes;
use crate::progress::Progress;

/// What all codes begin with.
pub(super) const PREFIX: &str = "b";
/// Links written to Redis with one command: some 200 kB.
const AT_ONCE: u64 = 1_000;
/// Vendors and affiliates the links are spread over.
const VENDORS: u64 = 50;
const AFFILIATES: u64 = 1_000;

/// Where a link leads.
pub(super) fn destination(code: &str) -> String {
    format!("https://shop.example.com/product/{code}")
}

/// How long the redirector's `Location` is: the destination and a click token.
pub(super) fn tracked_length() -> usize {
    destination(&format!("{PREFIX}00000000")).len() + "?clk=".len() + common::token::TOKEN_CHARS
}

/// What is put into Redis.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// `l:<code>` as the aggregator publishes it.
    Published,
    /// `plain:<code>`, the destination and nothing else: what a script in front of Redis needs.
    Plain,
}

/// Puts all links into Redis.
pub(super) fn fill(redis: &mut redis::Connection, codes: &Codes, form: Form) -> anyhow::Result<()> {
    let what = if form == Form::Published { "links into Redis" } else { "plain links into Redis" };
    let mut progress = Progress::start(what, codes.count());
    for first in (0..codes.count()).step_by(AT_ONCE as usize) {
        let mut set = redis::cmd("MSET");
        for number in first..codes.count().min(first + AT_ONCE) {
            let code = text(codes, number);
            match form {
                Form::Published => {
                    set.arg(format!("l:{code}")).arg(serde_json::to_vec(&entry(code, number))?)
                }
                Form::Plain => set.arg(format!("plain:{code}")).arg(destination(&code)),
            };
        }
        set.exec(redis).context("cannot put the links into Redis")?;
        progress.at(first, "");
    }
    Ok(())
}

/// Says that the links are complete, as the aggregator does after a rebuild.
pub(super) fn complete(redis: &mut redis::Connection) -> anyhow::Result<()> {
    let mut set = redis::cmd("MSET");
    set.arg(PARTITIONS).arg(Partitions::STANDALONE.count());
    let markers = Partitions::STANDALONE.iter().map(links_marker);
    for key in markers.chain([LINKS_GENERATION.to_owned()]) {
        set.arg(key).arg("comparison");
    }
    set.exec(redis).context("cannot finish the links in Redis")
}

/// Writes the map files of nginx and `HAProxy`.
pub(super) fn write_maps(codes: &Codes, nginx: &Path, haproxy: &Path) -> anyhow::Result<()> {
    let mut files = [BufWriter::new(File::create(nginx)?), BufWriter::new(File::create(haproxy)?)];
    let mut line = String::new();
    for number in 0..codes.count() {
        let code = text(codes, number);
        line.clear();
        write!(line, "/{code} {}", destination(&code))?;
        writeln!(files[0], "{line};")?;
        writeln!(files[1], "{line}")?;
    }
    files.iter_mut().try_for_each(BufWriter::flush).context("cannot write the maps")
}

fn text(codes: &Codes, number: u64) -> String {
    let mut out = Vec::new();
    codes.write(number, &mut out);
    String::from_utf8(out).expect("codes are ASCII")
}

fn entry(code: String, number: u64) -> Entry {
    let destination = destination(&code);
    let link = Published {
        link: LinkId(number + 1),
        vendor: VendorId((number % VENDORS) as u32 + 1),
        affiliate: number % AFFILIATES + 1,
        product: number % 10_000 + 1,
        destination,
        fallback: None,
        is_active: true,
        expires: None,
    };
    Entry { code, version: number + 1, link: Some(link) }
}
