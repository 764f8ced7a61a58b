//! The rows that tests name in their documentation are rows of the conformance checklist.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use crate::architecture::sources;

/// The line has one of the forms `Row A1.` and `Rows A1 to A4, B2.`. Sections that the checklist does not have are passed over.
#[test]
fn every_row_that_a_test_names_is_in_the_checklist() {
    let checklist = fs::read_to_string("docs/conformance.md").unwrap();
    let cells = checklist.lines().filter_map(|line| line.strip_prefix("| ")?.split_once(" |"));
    let known: BTreeSet<_> = cells.filter_map(|(cell, _)| row(cell)).collect();
    let mut named = BTreeSet::new();
    for (path, source) in sources(Path::new("tests")).into_iter().chain(sources(Path::new("src"))) {
        for line in source.lines() {
            let line = line.trim_start();
            let Some(list) = line.strip_prefix("/// Rows ").or_else(|| line.strip_prefix("/// Row ")) else { continue };
            let rows = list.strip_suffix('.').and_then(rows);
            let rows = rows.unwrap_or_else(|| panic!("{}: {line:?} is no list of rows", path.display()));
            assert_eq!(line.starts_with("/// Row "), rows.len() == 1, "{}: {line}", path.display());
            let is_of_a_section = |row: &&(char, u32)| known.iter().any(|(section, _)| *section == row.0);
            let unknown: Vec<_> = rows.difference(&known).filter(is_of_a_section).collect();
            assert!(
                unknown.is_empty(),
                "{}: {line:?} names {unknown:?}, which are not in the checklist",
                path.display()
            );
            named.extend(rows);
        }
    }
    assert!(named.len() > 100, "only {} rows were found", named.len());
}

/// The rows of a list, with those between the ends of each range.
fn rows(list: &str) -> Option<BTreeSet<(char, u32)>> {
    let mut rows = BTreeSet::new();
    for part in list.split(", ") {
        let (start, end) = part.split_once(" to ").unwrap_or((part, part));
        let ((section, from), (other, to)) = (row(start)?, row(end)?);
        if section != other || from > to {
            return None;
        }
        rows.extend((from..=to).map(|number| (section, number)));
    }
    Some(rows)
}

/// The section and the number of a row, such as `C6`.
fn row(text: &str) -> Option<(char, u32)> {
    let section = text.chars().next().filter(char::is_ascii_uppercase)?;
    Some((section, text[1..].parse().ok()?))
}
