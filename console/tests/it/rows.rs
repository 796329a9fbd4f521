//! The rows S1 to S42 of the features that the programme was asked for: each has a test that is named after it.

use std::collections::BTreeSet;
use std::path::Path;

/// Rows of the table.
const ROWS: u32 = 42;

/// The rows in a test's name: `s36_s42_a_link_tells_conversion` has two.
fn rows_of(name: &str) -> impl Iterator<Item = u32> {
    let parts = name.split('_').map_while(|part| part.strip_prefix('s').filter(|row| !row.is_empty()));
    parts.filter_map(|row| row.parse().ok())
}

#[test]
fn every_row_has_a_test_named_after_it() {
    let mut seen = BTreeSet::new();
    for file in std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it")).expect("the tests")
    {
        let path = file.expect("a file").path();
        let text = if path.extension().is_some_and(|kind| kind == "rs") {
            std::fs::read_to_string(path).expect("a test's source")
        } else {
            String::new()
        };
        for name in text.lines().filter_map(|line| line.strip_prefix("async fn ")) {
            seen.extend(rows_of(name));
        }
    }
    let without: Vec<u32> = (1..=ROWS).filter(|row| !seen.contains(row)).collect();
    assert!(without.is_empty(), "rows without a test of their name: {without:?}");
}
