//! What is published, and what it asks of those who use it.

use std::process::Command;

use serde_json::Value;

fn cargo(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO")).args(arguments).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn the_package_holds_the_crate_and_its_papers_and_nothing_of_the_workshop() {
    let list = cargo(&["package", "--list", "--allow-dirty", "--offline"]);
    let files: Vec<&str> = list.lines().collect();
    for needed in [
        "CHANGELOG.md",
        "CONTRIBUTING.md",
        "Cargo.lock",
        "Cargo.toml",
        "LICENSE-APACHE",
        "LICENSE-MIT",
        "README.md",
        "SECURITY.md",
        "docs/me.png",
        "operations/alerts.yml",
        "operations/dashboard.json",
        "src/lib.rs",
        "src/manual/mod.rs",
        "tests/vectors/rsa.json",
    ] {
        assert!(files.contains(&needed), "{needed} is missing");
    }
    let folders = ["src/", "tests/", "examples/", "benches/", "docs/", "operations/"];
    let odd = files.iter().filter(|file| file.contains('/') && !folders.iter().any(|folder| file.starts_with(folder)));
    assert_eq!(odd.collect::<Vec<_>>(), Vec::<&&str>::new());
    // The last ones test examples/me, whose sources would be missing.
    let others = ["benches/comparison/", "fuzz/", "examples/mcp/", "examples/me/", "redis/", "tools/"];
    let their_tests = ["tests/example.rs", "tests/client_app", "tests/authorization_server"];
    for workshop in ["node_modules", "target/", ".ci", "deny.toml"].iter().chain(&others).chain(&their_tests) {
        assert!(!files.iter().any(|file| file.contains(workshop)), "{workshop} is in the package");
    }
}

#[test]
fn the_package_of_the_shared_store_holds_its_sources_tests_and_papers() {
    let list = cargo(&["package", "--list", "--allow-dirty", "--offline", "-p", "tower-bearer-redis"]);
    let files: Vec<&str> = list.lines().collect();
    for needed in ["Cargo.toml", "LICENSE-APACHE", "LICENSE-MIT", "README.md", "src/lib.rs", "tests/main.rs"] {
        assert!(files.contains(&needed), "{needed} is missing");
    }
    let is_odd = |file: &&&str| file.contains('/') && !file.starts_with("src/") && !file.starts_with("tests/");
    assert_eq!(files.iter().filter(is_odd).collect::<Vec<_>>(), Vec::<&&str>::new());
}

/// The resolver keeps to the minimum supported Rust version when it can; here it is held to that. Only what users get counts.
#[test]
fn no_dependency_needs_a_newer_rust_than_this_crate_promises() {
    let metadata: Value =
        serde_json::from_str(&cargo(&["metadata", "--format-version", "1", "--all-features", "--locked", "--offline"]))
            .unwrap();
    let version = |text: &str| -> Vec<u32> { text.split('.').map(|part| part.parse().unwrap()).collect() };
    let packages = metadata["packages"].as_array().unwrap();
    let package = |id: &Value| packages.iter().find(|package| package["id"] == *id).unwrap();
    let nodes = metadata["resolve"]["nodes"].as_array().unwrap();
    // What the workspace publishes.
    let published = ["tower-bearer", "tower-bearer-redis"].map(|name| {
        let found = packages.iter().find(|package| package["name"] == name && package["source"].is_null());
        &found.unwrap()["id"]
    });
    let promised = version(package(published[0])["rust_version"].as_str().unwrap());
    assert_eq!(version(package(published[1])["rust_version"].as_str().unwrap()), promised);

    let mut reached = published.to_vec();
    let mut next = 0;
    while let Some(&id) = reached.get(next) {
        next += 1;
        let node = nodes.iter().find(|node| node["id"] == *id).unwrap();
        for dependency in node["deps"].as_array().unwrap() {
            let kinds = dependency["dep_kinds"].as_array().unwrap();
            let is_for_users = kinds.iter().any(|kind| kind["kind"] != "dev" && kind["target"].is_null());
            if is_for_users && !reached.contains(&&dependency["pkg"]) {
                reached.push(&dependency["pkg"]);
            }
        }
    }
    assert!(reached.len() > 50, "{}", reached.len());
    for id in reached {
        if let Some(needed) = package(id)["rust_version"].as_str() {
            let mut needed = version(needed);
            needed.resize(2, 0);
            assert!(needed <= promised, "{} needs {needed:?}", package(id)["name"]);
        }
    }
}
