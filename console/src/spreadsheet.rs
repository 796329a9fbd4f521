//! Tables as files: RFC 4180, and safe to open in a spreadsheet.
//!
//! Invariant: no cell of what somebody typed is taken for a formula. Numbers of ours are written as they are.

use axum::http::header;
use axum::response::{IntoResponse as _, Response};

use crate::problem::Failure;

/// A spreadsheet takes a cell that begins like this for a formula, and would run what an affiliate typed as a name.
const FORMULA: [char; 10] = ['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '＠'];

/// What somebody typed, with a mark before it that makes spreadsheets take it for text.
pub(crate) fn harmless(text: &str) -> String {
    if text.starts_with(FORMULA) { format!("'{text}") } else { text.to_owned() }
}

/// A table as text: the heading and its rows. Whatever in them was typed by somebody must be [`harmless`].
pub(crate) fn table(
    heading: &[&str],
    rows: impl IntoIterator<Item = Vec<String>>,
) -> Result<Vec<u8>, Failure> {
    let write = || -> csv::Result<Vec<u8>> {
        let mut writer = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(Vec::new());
        writer.write_record(heading)?;
        for row in rows {
            writer.write_record(row)?;
        }
        writer.into_inner().map_err(|error| error.into_error().into())
    };
    write().map_err(|error| Failure::Fault(format!("cannot write a table: {error}")))
}

/// The answer that a browser keeps as `name.csv`. The name is ours.
pub(crate) fn file(name: &str, text: Vec<u8>) -> Response {
    let kind = "text/csv; charset=utf-8; header=present".to_owned();
    let place = format!("attachment; filename=\"{name}.csv\"");
    ([(header::CONTENT_TYPE, kind), (header::CONTENT_DISPOSITION, place)], text).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_looks_like_a_formula_is_text() {
        for (typed, written) in [
            ("=1+2", "'=1+2"),
            ("+1", "'+1"),
            ("@SUM(A1)", "'@SUM(A1)"),
            ("-2", "'-2"),
            ("\t=1", "'\t=1"),
            ("\r=1", "'\r=1"),
            ("Mara W", "Mara W"),
            ("", ""),
            ("a=b", "a=b"),
        ] {
            assert_eq!(harmless(typed), written);
        }
    }

    #[test]
    fn a_table_is_as_rfc_4180_says() {
        let rows = [
            vec!["Tent, \"Polar\"".to_owned(), "-5".to_owned()],
            vec!["two\nlines".to_owned(), String::new()],
        ];
        let text = table(&["name", "amount"], rows).expect("a table");
        let expected = "name,amount\r\n\"Tent, \"\"Polar\"\"\",-5\r\n\"two\nlines\",\r\n";
        assert_eq!(String::from_utf8(text).expect("text"), expected);
    }
}
