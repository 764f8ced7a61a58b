//! Rust sources as text: which paths they name, and what those paths lead to.

use std::fs;
use std::path::{Path, PathBuf};

/// Every Rust file below `root`: its path from there and its text, ordered by path.
pub(crate) fn sources(root: &Path) -> Vec<(PathBuf, String)> {
    fn collect(root: &Path, folder: &Path, found: &mut Vec<(PathBuf, String)>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                collect(root, &path, found);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push((path.strip_prefix(root).unwrap().to_owned(), fs::read_to_string(&path).unwrap()));
            }
        }
    }
    let mut found = Vec::new();
    // Tests run in the package's folder.
    collect(root, root, &mut found);
    found.sort();
    found
}

/// The lines without comments.
pub(super) fn code_lines(source: &str) -> impl Iterator<Item = &str> {
    source.lines().filter(|line| !line.trim_start().starts_with("//"))
}

/// The code of a file without comments and without its unit tests.
pub(super) fn code(source: &str) -> String {
    let source = source.split_once("#[cfg(test)]\nmod tests {").map_or(source, |(code, _)| code);
    let source =
        source.split_once("#[cfg(all(test, feature = \"testing\"))]\nmod tests {").map_or(source, |(code, _)| code);
    code_lines(source).collect::<Vec<_>>().join("\n")
}

/// Every path in `code` that starts with `start`, such as `crate::`: its segments after that, braces expanded.
pub(super) fn paths(code: &str, start: &str) -> Vec<Vec<String>> {
    let mut found = Vec::new();
    for (at, _) in code.match_indices(start) {
        // `super::super::` is one path, and `…_super::` is none.
        let is_inner = code[..at].ends_with(|before: char| before.is_alphanumeric() || matches!(before, '_' | ':'));
        if !is_inner {
            expand(&code[at + start.len()..], &mut Vec::new(), &mut found);
        }
    }
    found
}

/// The paths at the start of `rest`, each behind `before`.
fn expand(rest: &str, before: &mut Vec<String>, found: &mut Vec<Vec<String>>) {
    let rest = rest.trim_start();
    if let Some(list) = rest.strip_prefix('{') {
        for item in top_level_items(list) {
            expand(item, before, found);
        }
        return;
    }
    let name: String = rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
    let is_self = name.is_empty() || name == "self";
    before.extend((!is_self).then(|| name.clone()));
    match rest[name.len()..].strip_prefix("::") {
        Some(more) if !name.is_empty() => expand(more, before, found),
        _ => found.push(before.clone()),
    }
    if !is_self {
        before.pop();
    }
}

/// What stands between the commas of a list in braces, up to the brace that closes it.
fn top_level_items(list: &str) -> Vec<&str> {
    let (mut depth, mut start, mut items) = (0, 0, Vec::new());
    for (at, character) in list.char_indices() {
        match character {
            '{' => depth += 1,
            '}' if depth == 0 => {
                items.push(&list[start..at]);
                break;
            }
            '}' => depth -= 1,
            ',' if depth == 0 => {
                items.push(&list[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    items.retain(|item| !item.trim().is_empty());
    items
}

/// The path of a file's module: `validation/rules/kind.rs` is `[validation, rules, kind]`, `validation/mod.rs` is `[validation]`.
pub(super) fn module_path(path: &Path) -> Vec<String> {
    let mut segments: Vec<_> = path.iter().map(|part| part.to_str().unwrap().to_owned()).collect();
    let file = segments.pop().unwrap();
    let name = file.trim_end_matches(".rs");
    segments.extend((!matches!(name, "mod" | "lib")).then(|| name.to_owned()));
    segments
}
