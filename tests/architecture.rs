//! Who may use whom, and who may do what: read from the source itself.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// What each top-level module may use of the others. The graph has no cycle, because everything points upwards.
const MAY_USE: [(&str, &[&str]); 17] = [
    ("clock", &[]),
    ("redact", &[]),
    ("jose", &["redact"]),
    ("metrics", &[]),
    ("token", &["clock", "jose", "redact"]),
    ("keys", &["clock", "jose", "metrics", "redact"]),
    ("require", &["redact", "token"]),
    ("challenge", &["require", "token"]),
    ("metadata", &["token"]),
    ("rejection", &["challenge", "metrics", "require", "token"]),
    (
        "server",
        &["challenge", "clock", "jose", "keys", "metadata", "metrics", "redact", "rejection", "require", "token"],
    ),
    ("config", &["jose", "keys", "metadata", "redact", "server", "token"]),
    ("layer", &["metadata", "metrics", "rejection", "require", "server", "token"]),
    ("axum", &["rejection", "server", "token"]),
    ("testing", &["clock", "jose", "server", "token"]),
    ("manual", &[]),
    ("lib", &[]),
];

/// The exports of the root, and the modules that they come from.
const ROOT: [(&str, &str); 7] = [
    ("AccessToken", "token"),
    ("Claims", "token"),
    ("Scope", "token"),
    ("Require", "require"),
    ("Rejection", "rejection"),
    ("Issuer", "server"),
    ("ResourceServer", "server"),
];

#[test]
fn modules_use_only_what_lies_above_them() {
    assert_eq!(wrong_arrows(Path::new("src")), Vec::<String>::new());
}

#[test]
fn the_check_sees_a_wrong_arrow() {
    let found = wrong_arrows(Path::new("tests/fixtures/wrong_arrows"));
    let expected = [
        "jose/mod.rs: jose must not use token",
        "token/validator.rs: token must not use server",
        "token/validator.rs: token must not use keys",
        "token/validator.rs: token must not use rejection",
        "unheard_of.rs: nobody said what unheard_of may use",
    ];
    assert_eq!(found, expected);
}

#[test]
fn only_the_source_opens_sockets_only_the_clock_reads_time_only_the_layer_is_a_service() {
    let allowed: [(&str, &[&str]); 4] = [
        ("reqwest", &["keys/remote/remote_keys.rs", "keys/remote/transport.rs", "keys/remote/resolver.rs"]),
        ("SystemTime::now()", &["clock.rs", "testing/clock.rs"]),
        ("Instant::now()", &["clock.rs", "testing/clock.rs"]),
        (
            "tower_service",
            &["layer/protect.rs", "layer/future.rs", "layer/metadata.rs", "layer/require.rs", "layer/mod.rs"],
        ),
    ];
    for (path, source) in sources(Path::new("src")) {
        for (word, files) in allowed {
            let used = code_lines(&source).any(|line| line.contains(word));
            assert!(!used || files.iter().any(|file| Path::new(file) == path), "{word} in {}", path.display());
        }
    }
}

fn wrong_arrows(root: &Path) -> Vec<String> {
    let may_use: BTreeMap<_, _> = MAY_USE.into();
    let mut wrong = Vec::new();
    for (path, source) in sources(root) {
        let module = module_of(&path);
        let Some(allowed) = may_use.get(&*module) else {
            wrong.push(format!("{}: nobody said what {module} may use", path.display()));
            continue;
        };
        for used in uses(&source) {
            if used != module && !allowed.contains(&&*used) {
                wrong.push(format!("{}: {module} must not use {used}", path.display()));
            }
        }
    }
    wrong
}

/// The modules that a source names as `crate::module` or, in braces, as `crate::{module…}`; a root export counts as the
/// module that it comes from.
fn uses(source: &str) -> Vec<String> {
    let code: String = code_lines(source).collect::<Vec<_>>().join("\n");
    let mut used = Vec::new();
    for (at, path) in code.match_indices("crate::") {
        let rest = &code[at + path.len()..];
        let items = match rest.strip_prefix('{') {
            Some(list) => top_level_items(list),
            None => vec![rest],
        };
        for item in items {
            let name: String = item.trim_start().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
            let module = ROOT.iter().find(|(export, _)| *export == name).map_or(name.as_str(), |(_, module)| module);
            if !module.is_empty() && !used.iter().any(|known| known == module) {
                used.push(module.to_owned());
            }
        }
    }
    used
}

/// What stands between the commas of a list in braces, up to the brace that closes it.
fn top_level_items(list: &str) -> Vec<&str> {
    let (mut depth, mut start, mut items) = (0, 0, Vec::new());
    for (at, character) in list.char_indices() {
        match character {
            '{' => depth += 1,
            '}' if depth == 0 => {
                items.push(&list[start..at]);
                return items;
            }
            '}' => depth -= 1,
            ',' if depth == 0 => {
                items.push(&list[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    items
}

/// The lines without comments.
fn code_lines(source: &str) -> impl Iterator<Item = &str> {
    source.lines().filter(|line| !line.trim_start().starts_with("//"))
}

fn module_of(path: &Path) -> String {
    let first = path.components().next().unwrap().as_os_str().to_str().unwrap();
    first.trim_end_matches(".rs").to_owned()
}

/// Every Rust file below `root`, its path from there and its text, in the order of the paths.
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
