//! The links that are asked for, by their codes.

use std::io::Write as _;
use std::path::Path;

use anyhow::Context as _;
use common::ids::Code;
use sqlx::{Connection as _, PgConnection};

/// A list from a file or database may be this long: enough for every test, small enough for memory.
const MAX_LISTED: usize = 20_000_000;
/// Digits of a numbered code: as many as the largest number needs, so that all codes have one length.
const DIGITS: usize = 8;

/// An ordered set of codes; the position is what a plan chooses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Codes {
    /// Given one by one.
    Listed(Vec<Code>),
    /// `prefix` and a number from 0, as `compare` publishes them.
    Numbered {
        /// What all begin with.
        prefix: String,
        /// How many there are.
        count: u64,
    },
}

impl Codes {
    /// Numbered codes; refused when they would not be valid codes.
    pub fn numbered(prefix: &str, count: u64) -> anyhow::Result<Self> {
        anyhow::ensure!(
            (1..=10_u64.pow(DIGITS as u32)).contains(&count),
            "give 1 to 10^{DIGITS} links, not {count}"
        );
        let sample = format!("{prefix}{:0DIGITS$}", 0);
        anyhow::ensure!(Code::new(sample.as_bytes()).is_some(), "{sample:?} would not be a code");
        Ok(Self::Numbered { prefix: prefix.to_owned(), count })
    }

    /// The codes in a file, one a line. Empty lines are skipped, anything else that is no code is an error.
    pub fn from_file(path: &Path) -> anyhow::Result<Self> {
        let text =
            std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
        Self::listed(lines).with_context(|| format!("cannot use {}", path.display()))
    }

    /// The codes of every link that is active now.
    pub async fn from_database(url: &str) -> anyhow::Result<Self> {
        let mut postgres = PgConnection::connect(url).await.context("cannot reach Postgres")?;
        let statement = "select code from link_published \
            where is_active and (expiry_date is null or expiry_date > now()) order by link_id limit $1";
        let codes: Vec<String> = sqlx::query_scalar(statement)
            .bind(MAX_LISTED as i64)
            .fetch_all(&mut postgres)
            .await
            .context("cannot read the links")?;
        Self::listed(codes.iter().map(String::as_str))
    }

    /// These codes, in this order.
    pub fn listed<'a>(codes: impl Iterator<Item = &'a str>) -> anyhow::Result<Self> {
        let parse =
            |code: &str| Code::new(code.as_bytes()).with_context(|| format!("{code:?} is not a code"));
        let codes: Vec<Code> = codes.take(MAX_LISTED).map(parse).collect::<anyhow::Result<_>>()?;
        anyhow::ensure!(!codes.is_empty(), "there is no link to ask for");
        Ok(Self::Listed(codes))
    }

    /// How many there are, at least one.
    pub fn count(&self) -> u64 {
        match self {
            Self::Listed(codes) => codes.len() as u64,
            Self::Numbered { count, .. } => *count,
        }
    }

    /// All of them, in order.
    pub fn all(&self) -> Vec<String> {
        let mut code = Vec::new();
        let mut text = |position| {
            code.clear();
            self.write(position, &mut code);
            String::from_utf8_lossy(&code).into_owned()
        };
        (0..self.count()).map(&mut text).collect()
    }

    /// Appends the code at `position`, which must be below [`Self::count`].
    pub fn write(&self, position: u64, out: &mut Vec<u8>) {
        match self {
            Self::Listed(codes) => out.extend_from_slice(codes[position as usize].as_bytes()),
            Self::Numbered { prefix, .. } => {
                write!(out, "{prefix}{position:0DIGITS$}").expect("a Vec takes every write");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(codes: &Codes, position: u64) -> String {
        let mut out = Vec::new();
        codes.write(position, &mut out);
        String::from_utf8(out).expect("codes are ASCII")
    }

    #[test]
    fn numbered_codes_have_one_length() {
        let codes = Codes::numbered("b", 1_000_000).expect("valid");
        assert_eq!((written(&codes, 0), written(&codes, 999_999)), ("b00000000".into(), "b00999999".into()));
        assert!(Codes::numbered("no space", 1).is_err());
        assert!(Codes::numbered("b", 0).is_err());
        assert!(Codes::numbered("b", u64::MAX).is_err());
    }

    #[test]
    fn a_file_holds_one_code_a_line() {
        let folder = tempfile::tempdir().expect("a temp folder");
        let path = folder.path().join("codes");
        std::fs::write(&path, "demo1\n\n  demo2 \n").expect("writable");
        let codes = Codes::from_file(&path).expect("two codes");
        assert_eq!((codes.count(), written(&codes, 1)), (2, "demo2".to_owned()));
        for bad in ["", "demo1\nno code\n"] {
            std::fs::write(&path, bad).expect("writable");
            assert!(Codes::from_file(&path).is_err(), "{bad:?} was taken");
        }
    }
}
