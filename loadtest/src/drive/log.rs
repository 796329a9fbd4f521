//! The response log: what the shoppers were given, which is what an audit holds the books against.
//!
//! One line a request: `<kind> <end> <code> <token>`, where the end is a status, `broken` or `refused`, and the token
//! is `-` where there was none. `C 302 b00000012 AQHA…` is a person's click that was accepted.

use std::fs::File;
use std::io::{BufRead as _, BufReader, BufWriter, Write as _};
use std::path::Path;

use anyhow::Context as _;

use super::engine::{Exchange, Reply};
use super::plan::{Kind, Plan};

/// Written with one system call.
const BUFFER: usize = 256 << 10;
/// No line we write is longer.
const MAX_LINE: usize = 256;

/// A log being written.
#[derive(Debug)]
pub struct LogWriter {
    file: BufWriter<File>,
    line: Vec<u8>,
}

impl LogWriter {
    /// Begins a log, in place of one of that name.
    pub fn create(path: &Path) -> anyhow::Result<Self> {
        let file = File::create(path).with_context(|| format!("cannot write {}", path.display()))?;
        Ok(Self { file: BufWriter::with_capacity(BUFFER, file), line: Vec::with_capacity(MAX_LINE) })
    }

    /// Writes one request and its end.
    pub fn write(&mut self, plan: &Plan, exchange: &Exchange<'_>) -> anyhow::Result<()> {
        let (line, shot) = (&mut self.line, exchange.shot);
        line.clear();
        let token = match exchange.reply {
            Reply::Answered { status, token } => {
                write!(line, "{} {status} ", shot.kind.letter())?;
                token
            }
            Reply::Broken => {
                write!(line, "{} broken ", shot.kind.letter())?;
                None
            }
            Reply::Refused => {
                write!(line, "{} refused ", shot.kind.letter())?;
                None
            }
        };
        plan.codes.write(shot.code, line);
        line.push(b' ');
        line.extend_from_slice(token.unwrap_or(b"-"));
        line.push(b'\n');
        self.file.write_all(line).context("cannot write the response log")
    }

    /// Writes what is left in memory.
    pub fn finish(mut self) -> anyhow::Result<()> {
        self.file.flush().context("cannot write the response log")
    }
}

/// How a request ended, as the log has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// With a status.
    Status(u16),
    /// Sent, but not answered.
    Broken,
    /// Never sent.
    Refused,
}

/// One line of a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Line<'a> {
    /// What kind of request it was.
    pub kind: Kind,
    /// How it ended.
    pub end: End,
    /// The link's code.
    pub code: &'a str,
    /// The click token it got.
    pub token: Option<&'a str>,
}

impl<'a> Line<'a> {
    /// Reads a line; `None` when it is not one.
    pub fn parse(line: &'a str) -> Option<Self> {
        let mut words = line.split(' ');
        let kind = Kind::from_letter(words.next()?)?;
        let end = match words.next()? {
            "broken" => End::Broken,
            "refused" => End::Refused,
            status => End::Status(status.parse().ok()?),
        };
        let code = words.next()?;
        let token = Some(words.next()?).filter(|token| *token != "-");
        words.next().is_none().then_some(Self { kind, end, code, token })
    }
}

/// Visits every line of a log, in order.
pub fn read(path: &Path, mut visit: impl FnMut(Line<'_>) -> anyhow::Result<()>) -> anyhow::Result<()> {
    let file = File::open(path).with_context(|| format!("cannot read {}", path.display()))?;
    let mut reader = BufReader::with_capacity(BUFFER, file);
    let (mut text, mut number) = (String::with_capacity(MAX_LINE), 0_u64);
    let place = |number: u64| format!("{}, line {number}", path.display());
    loop {
        text.clear();
        number += 1;
        if reader.read_line(&mut text).with_context(|| place(number))? == 0 {
            return Ok(());
        }
        let line = Line::parse(text.trim_end_matches('\n'));
        visit(line.with_context(|| format!("{} is not a line of a response log", place(number)))?)
            .with_context(|| place(number))?;
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::drive::choice::Choice;
    use crate::drive::codes::Codes;
    use crate::drive::plan::{Mix, Visitors};

    #[test]
    fn what_is_written_is_read_again() {
        let codes = Codes::numbered("b", 10).expect("valid");
        let plan =
            Plan::new(1, codes, Choice::Uniform { count: 10 }, Mix::ClicksOnly, Visitors::ByBrowser, "h");
        let folder = tempfile::tempdir().expect("a temp folder");
        let path = folder.path().join("log");
        let mut log = LogWriter::create(&path).expect("writable");
        let replies = [
            Reply::Answered { status: 302, token: Some(b"AQ") },
            Reply::Answered { status: 404, token: None },
            Reply::Broken,
            Reply::Refused,
        ];
        for (number, reply) in replies.into_iter().enumerate() {
            let shot = plan.shot(number as u64);
            let zero = Duration::ZERO;
            log.write(&plan, &Exchange { shot, intended: zero, latency: zero, reply }).expect("written");
        }
        log.finish().expect("written");
        let mut ends = Vec::new();
        read(&path, |line| {
            assert!(line.kind == Kind::Click && line.code.starts_with("b0000000"));
            ends.push((line.end, line.token.map(str::to_owned)));
            Ok(())
        })
        .expect("readable");
        let expect = [
            (End::Status(302), Some("AQ".to_owned())),
            (End::Status(404), None),
            (End::Broken, None),
            (End::Refused, None),
        ];
        assert_eq!(ends, expect);
    }

    #[test]
    fn other_lines_are_refused_with_their_place() {
        let folder = tempfile::tempdir().expect("a temp folder");
        let path = folder.path().join("log");
        for bad in ["", "C 302 code", "X 302 code -", "C ok code -", "C 302 code - more"] {
            std::fs::write(&path, format!("C 302 code -\n{bad}\n")).expect("writable");
            let error = read(&path, |_| Ok(())).expect_err(bad).to_string();
            assert!(error.contains("line 2"), "{error}");
        }
    }
}
