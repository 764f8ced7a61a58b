//! Which module may use which, and which file may do what: read from the sources themselves.

mod cycles;
mod sources;

use std::collections::BTreeMap;
use std::path::Path;

use self::cycles::cycles;
use self::sources::{code, code_lines, module_path, paths};

pub(crate) use self::sources::sources;

/// What each top-level module may use of the others. The graph has no cycle, because every module uses only those above it.
const MAY_USE: [(&str, &[&str]); 28] = [
    ("clock", &[]),
    ("placeholder", &[]),
    ("redact", &[]),
    ("jose", &["redact"]),
    ("metrics", &[]),
    ("settled_until", &["clock"]),
    ("revocation", &["clock", "metrics", "settled_until"]),
    ("token", &["clock", "jose", "redact", "revocation"]),
    ("keys", &["clock", "jose", "metrics", "redact", "settled_until"]),
    ("introspection", &["clock", "jose", "keys", "placeholder", "redact", "token"]),
    ("credentials", &["jose", "redact"]),
    ("binding", &["clock", "credentials", "jose", "metrics", "placeholder", "redact", "token"]),
    ("validation", &["binding", "clock", "introspection", "jose", "keys", "metrics", "redact", "revocation", "token"]),
    ("issuer", &["introspection", "jose", "keys", "redact", "token", "validation"]),
    ("require", &["redact", "token"]),
    ("tenants", &["clock", "credentials", "issuer", "keys", "metrics", "redact", "token", "validation"]),
    ("mcp", &["jose", "redact", "require", "token"]),
    ("challenge", &["credentials", "require", "token"]),
    ("metadata", &["redact", "token"]),
    ("rejection", &["binding", "challenge", "metrics", "require", "token"]),
    (
        "server",
        &[
            "binding",
            "challenge",
            "clock",
            "credentials",
            "introspection",
            "issuer",
            "jose",
            "keys",
            "metadata",
            "metrics",
            "redact",
            "rejection",
            "require",
            "revocation",
            "tenants",
            "token",
            "validation",
        ],
    ),
    ("feeds", &["clock", "issuer", "jose", "keys", "redact", "revocation", "server", "token"]),
    (
        "config",
        &[
            "binding",
            "clock",
            "introspection",
            "issuer",
            "jose",
            "keys",
            "metadata",
            "metrics",
            "redact",
            "server",
            "token",
            "validation",
        ],
    ),
    (
        "layer",
        &[
            "binding",
            "credentials",
            "mcp",
            "metadata",
            "metrics",
            "rejection",
            "require",
            "server",
            "token",
            "validation",
        ],
    ),
    ("axum", &["rejection", "server", "token"]),
    ("testing", &["binding", "clock", "introspection", "issuer", "jose", "server", "token"]),
    ("manual", &[]),
    ("lib", &[]),
];

/// The exports of the root, and where they are defined.
const ROOT: [(&str, &str); 7] = [
    ("AccessToken", "token::access_token"),
    ("Claims", "token::claims"),
    ("Scope", "token::scope"),
    ("Require", "require::requirement"),
    ("Rejection", "rejection::rejection"),
    ("Issuer", "issuer::issuer"),
    ("ResourceServer", "server::resource_server"),
];

#[test]
fn modules_use_only_modules_above_them() {
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
        "unheard_of.rs: unheard_of is not listed",
    ];
    assert_eq!(found, expected);
}

#[test]
fn no_files_import_each_other_in_a_cycle() {
    assert_eq!(cycles(Path::new("src")), [[""; 0]; 0]);
}

#[test]
fn the_check_sees_a_cycle_of_files() {
    let found = cycles(Path::new("tests/fixtures/cycles"));
    let expected = [
        vec!["keys/a.rs", "keys/b.rs", "keys/c.rs", "keys/a.rs"],
        vec!["keys/inner/child.rs", "keys/inner/mod.rs", "keys/inner/child.rs"],
    ];
    assert_eq!(found, expected);
}

#[test]
fn only_the_source_opens_sockets_only_the_clock_reads_time_only_the_layer_is_a_service() {
    let allowed: [(&str, &[&str]); 4] = [
        (
            "reqwest",
            &[
                "introspection/endpoint.rs",
                "introspection/exchange.rs",
                "introspection/introspection.rs",
                "keys/remote/remote_keys.rs",
                "keys/remote/transport.rs",
                "keys/remote/resolver.rs",
            ],
        ),
        ("SystemTime::now()", &["clock.rs", "testing/clock.rs"]),
        ("Instant::now()", &["clock.rs", "testing/clock.rs"]),
        (
            "tower_service",
            &[
                "feeds/back_channel_logout/receiver.rs",
                "feeds/shared_signals/receiver.rs",
                "layer/ending_service.rs",
                "layer/future.rs",
                "layer/metadata.rs",
                "layer/mod.rs",
                "layer/operations.rs",
                "layer/operations_future.rs",
                "layer/protect.rs",
                "layer/require.rs",
            ],
        ),
    ];
    let is_test = |path: &Path| path.iter().any(|part| part == "tests");
    for (path, source) in sources(Path::new("src")).into_iter().filter(|(path, _)| !is_test(path)) {
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
            wrong.push(format!("{}: {module} is not listed", path.display()));
            continue;
        };
        let is_test = path.iter().any(|part| part == "tests");
        let of_code = if is_test { Vec::new() } else { uses(&code(&source)) };
        for used in uses(&source) {
            // Unit tests may use the test kit too.
            let is_test_kit = used == "testing" && !of_code.contains(&used);
            if used != module && !is_test_kit && !allowed.contains(&&*used) {
                wrong.push(format!("{}: {module} must not use {used}", path.display()));
            }
        }
    }
    wrong
}

/// The modules that a source names. A root export counts as the module that defines it.
fn uses(source: &str) -> Vec<String> {
    let code: String = code_lines(source).collect::<Vec<_>>().join("\n");
    let mut used = Vec::new();
    for path in paths(&code, "crate::") {
        let Some(name) = path.first() else { continue };
        let origin = ROOT.iter().find(|(export, _)| export == name).and_then(|(_, origin)| origin.split("::").next());
        let module = origin.unwrap_or(name).to_owned();
        if !used.contains(&module) {
            used.push(module);
        }
    }
    used
}

fn module_of(path: &Path) -> String {
    module_path(path).into_iter().next().unwrap_or_else(|| "lib".to_owned())
}
