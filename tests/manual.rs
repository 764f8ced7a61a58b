//! What the manual names exists: a page that no longer fits the code fails here.

use std::fs;
use std::path::Path;

use crate::architecture::sources;

/// Names of these are looked for; all else between backticks is prose.
const FOLDERS: [&str; 9] =
    ["src/", "tests/", "examples/", "benches/", "fuzz/", "tools/", "docs/", "operations/", "redis/"];
/// The page on which every source file has a place.
const ARCHITECTURE: &str = "src/manual/architecture.md";
/// Each file in it has a table of rules: rows whose first field is a `name`.
const RULES: &str = "src/validation/rules/";
/// The page on which every attack has a test.
const THREAT_MODEL: &str = "src/manual/threat_model.md";

#[test]
fn whatever_the_manual_names_is_there() {
    let mut names = 0;
    for page in pages() {
        let text = read(&page);
        let found = names_in(&text);
        names += found.len();
        let missing: Vec<_> = found.into_iter().filter(|name| !is_there(name)).collect();
        assert!(missing.is_empty(), "{page} names what is not there: {missing:#?}");
    }
    assert!(names > 400, "only {names} names were found");
}

#[test]
fn the_check_sees_what_is_not_there() {
    let there = [
        "src/lib.rs",
        "src/jose",
        "src/jose/key.rs::check_rsa",
        "src/jose/jws.rs::Unverified",
        "src/keys/schedule.rs::GRACE",
        "tests/manual.rs::the_check_sees_what_is_not_there",
        "src/jose/jws.rs::three_parts",
        // The row of a rule.
        "src/validation/rules/kind.rs::typ",
    ];
    let missing = [
        "src/no_such_file.rs",
        "src/jose/key.rs::check_rs",
        "src/jose/key.rs::check_rsa_",
        "src/no_such_file.rs::check_rsa",
        // It is a row of another table, or no row at all.
        "src/validation/rules/claims.rs::typ",
        "src/validation/rules/kind.rs::ty",
        "src/validation/token_error.rs::typ",
        // It is there, and it is no test.
        "tests/harness/mod.rs::present",
        // It is there, and only in a comment or a text.
        "tests/manual.rs::in_a_comment", // fn in_a_comment()
    ];
    for name in there {
        assert!(is_there(name), "{name}");
    }
    for name in missing {
        assert!(!is_there(name), "{name}");
    }
    let page = "`src/a.rs` and [`tests/b.rs::c`][b]\n```sh\n`src/d.rs`\n```\n`src/**`, `Vec`, `src/e f`";
    assert_eq!(names_in(page), ["src/a.rs", "tests/b.rs::c"]);
}

#[test]
fn every_attack_has_a_test_that_shows_it() {
    let text = read(THREAT_MODEL);
    let mut attacks = 0;
    for row in rows(&text).filter(|row| row.len() == 3) {
        let [attack, stopped, shown] = row[..] else { unreachable!("three cells") };
        attacks += 1;
        assert!(!stopped.is_empty(), "{attack}: nobody says where it is stopped");
        let tests = names_in(shown).into_iter().filter(|name| is_test(name)).count();
        assert!(tests > 0, "{attack}: no test shows it");
    }
    assert!(attacks > 60, "only {attacks} attacks were found");
}

#[test]
fn every_source_file_has_a_place_on_the_map() {
    let text = read(ARCHITECTURE);
    let names = names_in(&text);
    for (path, _) in sources(Path::new("src")) {
        let path = format!("src/{}", path.display());
        let is_a_list = ["mod.rs", "lib.rs"].iter().any(|name| path.ends_with(name));
        assert!(is_a_list || names.iter().any(|name| *name == path), "{path} is not on the map");
    }
}

#[test]
fn every_rule_about_a_token_has_a_row() {
    let text = read(ARCHITECTURE);
    let (_, from_rules) = text.split_once("\n# Each rule and its function\n").unwrap();
    let (section, _) = from_rules.split_once("\n# ").unwrap();
    let rows: Vec<_> = rows(section).collect();
    let rules = rules();
    for Rule { place, source } in &rules {
        let mut of_rule = rows.iter().filter(|row| row.len() == 4 && names_in(row[2]).contains(&&**place));
        let row = of_rule.next().unwrap_or_else(|| panic!("{place} has no row"));
        assert!(of_rule.next().is_none(), "{place} has two rows");
        let sources: Vec<_> = row[3].split(", ").collect();
        for section in source.split(", ") {
            let section = section.strip_prefix("RFC ").unwrap();
            assert!(sources.contains(&section), "{place}: the row does not name RFC {section}");
        }
    }
    assert!(rules.len() >= 16, "{rules:?}");
    // The numbers of the decision list.
    let in_list = read("src/lib.rs").lines().filter_map(number).max();
    let numbers: Vec<_> = rows.iter().filter_map(|row| row[0].parse::<u32>().ok()).collect();
    for number in 1..=in_list.unwrap() {
        assert!(numbers.contains(&number), "{number} has no row");
    }
}

#[test]
fn every_link_to_a_source_leads_to_the_file_that_it_names() {
    let text = read(ARCHITECTURE);
    let mut links = 0;
    for (at, _) in text.match_indices("[`src/") {
        let (name, rest) =
            text[at + 2..].split_once("`][").unwrap_or_else(|| panic!("no link: {}", &text[at..at + 40]));
        let (label, _) = rest.split_once(']').unwrap();
        let file = name.split_once("::").map_or(name, |(file, _)| file).strip_prefix("src/").unwrap();
        let definition = format!("\n[{label}]: ../../../src/tower_bearer/{file}.html\n");
        assert!(text.contains(&definition), "{name} has no link to {file}");
        links += 1;
    }
    assert!(links > 100, "only {links} links were found");
}

/// The pages of the manual, and the papers at the top of the repository.
fn pages() -> Vec<String> {
    let manual = fs::read_dir("src/manual").unwrap().map(|entry| entry.unwrap().path());
    let pages = manual.filter(|path| path.extension().is_some_and(|extension| extension == "md"));
    let papers = ["SECURITY.md", "CONTRIBUTING.md"].map(String::from);
    pages.map(|path| path.display().to_string()).chain(papers).collect()
}

/// The files, folders and items that a text names between backticks.
fn names_in(text: &str) -> Vec<&str> {
    let outside_of_code = text.split("```").step_by(2);
    let between_backticks = outside_of_code.flat_map(|prose| prose.split('`').skip(1).step_by(2));
    let mut names: Vec<_> = between_backticks.filter(|name| is_name(name)).collect();
    names.sort_unstable();
    names.dedup();
    names
}

fn is_name(code: &str) -> bool {
    FOLDERS.iter().any(|folder| code.starts_with(folder)) && !code.contains([' ', '*', '\n'])
}

fn is_there(name: &str) -> bool {
    match name.split_once("::") {
        None => Path::new(name).exists(),
        Some((file, _)) if file.starts_with("tests/") => is_test(name),
        Some((file, _)) if file.starts_with(RULES) && rules().iter().any(|rule| rule.place == name) => true,
        Some((file, item)) => fs::read_to_string(file).is_ok_and(|source| definition(&source, item).is_some()),
    }
}

/// Whether the name is that of a function that is run as a test.
fn is_test(name: &str) -> bool {
    let Some((file, item)) = name.split_once("::") else { return false };
    let Ok(source) = fs::read_to_string(file) else { return false };
    let Some(line) = definition(&source, item) else { return false };
    let before: Vec<_> = source.lines().take(line).collect();
    let lines_before = before.iter().rev().map(|line| line.trim_start());
    let mut attributes = lines_before.take_while(|line| line.starts_with("#[") || line.starts_with("//"));
    attributes.any(|line| line.starts_with("#[test]") || line.starts_with("#[tokio::test"))
}

/// The line, from 0, on which a source defines the item.
fn definition(source: &str, item: &str) -> Option<usize> {
    const KINDS: [&str; 5] = ["fn ", "struct ", "enum ", "trait ", "const "];
    let is_qualifier = |word: &str| word.starts_with("pub") || ["async", "const"].contains(&word);
    let ends = |rest: &str| !rest.starts_with(|next: char| next.is_alphanumeric() || next == '_');
    source.lines().position(|line| {
        let split = KINDS.iter().find_map(|kind| line.split_once(kind));
        split.is_some_and(|(before, after)| {
            before.split_whitespace().all(is_qualifier) && after.strip_prefix(item).is_some_and(ends)
        })
    })
}

/// The cells of every row of every table, but for heads and rules.
fn rows(text: &str) -> impl Iterator<Item = Vec<&str>> {
    let lines = text.lines().zip(text.lines().skip(1).chain([""]));
    let is_rule = |line: &str| line.starts_with("|--");
    let rows = lines.filter(move |(line, next)| line.starts_with('|') && !is_rule(line) && !is_rule(next));
    rows.map(|(line, _)| line.trim_matches('|').split(" | ").map(str::trim).collect())
}

/// One rule about a token.
#[derive(Debug)]
struct Rule {
    /// The file of its table, and its name there, as a page names them.
    place: String,
    /// The RFCs and sections that it is from.
    source: String,
}

/// The rows of all tables of rules.
fn rules() -> Vec<Rule> {
    let files = sources(Path::new(RULES)).into_iter();
    let rows = files.flat_map(|(file, source)| {
        let lines: Vec<_> = source.lines().map(str::trim).collect();
        let row = |pair: &[&str]| {
            let text = |line: &str, field: &str| Some(line.strip_prefix(field)?.strip_suffix("\",")?.to_owned());
            let place = format!("{RULES}{}::{}", file.display(), text(pair[0], "name: \"")?);
            let source = text(pair[1], "source: \"").unwrap_or_else(|| panic!("{place} has no source"));
            Some(Rule { place, source })
        };
        lines.windows(2).filter_map(row).collect::<Vec<_>>()
    });
    rows.collect()
}

/// The number of an item of the decision list.
fn number(line: &str) -> Option<u32> {
    line.strip_prefix("//! ")?.split_once(". ")?.0.parse().ok()
}

fn read(path: &str) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{path}: {error}"))
}
