//! The targets without libFuzzer: every file of the committed corpora, and changes of them, on any toolchain.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use fastrand::Rng;
use serde_json::Value;
use tower_bearer_fuzz::{TARGETS, Target};

/// How many changes of its corpus a target is given, if that does not take too long.
const CHANGES: usize = 2000;
const LONGEST: Duration = Duration::from_secs(5);

#[test]
fn authorization() {
    try_target("authorization");
}

#[test]
fn certificates() {
    try_target("certificates");
}

#[test]
fn challenge() {
    try_target("challenge");
}

#[test]
fn claims() {
    try_target("claims");
}

#[test]
fn differential() {
    try_target("differential");
}

#[test]
fn issuer_pattern() {
    try_target("issuer_pattern");
}

#[test]
fn jwks() {
    try_target("jwks");
}

#[test]
fn events() {
    try_target("events");
}

#[test]
fn metadata() {
    try_target("metadata");
}

#[test]
fn operations() {
    try_target("operations");
}

#[test]
fn proof() {
    try_target("proof");
}

#[test]
fn sources() {
    try_target("sources");
}

#[test]
fn target_uri() {
    try_target("target_uri");
}

#[test]
fn token() {
    try_target("token");
}

/// No target is forgotten here, in the manifest, or without a corpus.
#[test]
fn every_target_has_a_program_a_corpus_and_a_test() {
    let (manifest, tests) = (read("Cargo.toml"), read("tests/corpora.rs"));
    for (name, _) in TARGETS {
        assert!(manifest.contains(&format!("[[bin]]\nname = \"{name}\"")), "{name}");
        assert!(tests.contains(&format!("try_target(\"{name}\")")), "{name}");
        assert!(!corpus(name).is_empty(), "{name}");
        assert!(corpus(name).len() <= 60, "{name} has more than a corpus should have");
    }
    assert_eq!(manifest.matches("[[bin]]").count(), TARGETS.len());
}

/// A corpus holds recipes, not what comes of them: no token, and no private key.
#[test]
fn no_corpus_holds_a_secret() {
    for (name, _) in TARGETS {
        for input in corpus(name) {
            let text = String::from_utf8_lossy(&input);
            assert!(!text.contains("PRIVATE KEY") && !text.contains("eyJhbGciOi"), "{name}: {text}");
        }
    }
}

fn try_target(name: &str) {
    let (_, run): Target = TARGETS.into_iter().find(|(own, _)| *own == name).unwrap();
    let corpus = corpus(name);
    for input in &corpus {
        run(input);
    }
    let seed = fastrand::u64(..);
    println!("changes of the corpus by seed {seed}");
    let mut random = Rng::with_seed(seed);
    let (start, words) = (Instant::now(), words());
    for _ in 0..CHANGES {
        if start.elapsed() > LONGEST {
            break;
        }
        let mut input = corpus[random.usize(..corpus.len())].clone();
        for _ in 0..=random.usize(..3) {
            change(&mut input, &corpus, &words, &mut random);
        }
        run(&input);
    }
}

/// As libFuzzer does it, without its eyes.
fn change(input: &mut Vec<u8>, corpus: &[Vec<u8>], words: &[Vec<u8>], random: &mut Rng) {
    let at = random.usize(..=input.len());
    let length = random.usize(..=(input.len() - at).min(16));
    match random.u8(..6) {
        0 if length > 0 => input[at] ^= 1 << random.u8(..8),
        1 => drop(input.drain(at..at + length)),
        2 => drop(input.splice(at..at, words[random.usize(..words.len())].iter().copied())),
        3 => drop(input.splice(at..at + length, words[random.usize(..words.len())].iter().copied())),
        4 => input.insert(at, random.u8(..)),
        _ => {
            let other = &corpus[random.usize(..corpus.len())];
            input.truncate(at);
            input.extend_from_slice(&other[random.usize(..=other.len())..]);
        }
    }
}

/// Those of the dictionary, which have no escapes but of quotes and backslashes, and what the crate's own tests try.
fn words() -> Vec<Vec<u8>> {
    let dictionary = read("dictionary.txt");
    let quoted = dictionary.lines().filter_map(|line| line.strip_prefix('"')?.strip_suffix('"'));
    let of_dictionary = quoted.map(|word| word.replace("\\\"", "\"").replace("\\\\", "\\").into_bytes());
    of_dictionary.chain(values_of_the_sets()).collect()
}

/// Every value of `tests/data/sets.json` as JSON.
fn values_of_the_sets() -> Vec<Vec<u8>> {
    let sets: BTreeMap<String, Value> = serde_json::from_str(&read("../tests/data/sets.json")).unwrap();
    let arrays = sets.values().filter_map(Value::as_array);
    arrays.flatten().map(|value| value.to_string().into_bytes()).collect()
}

fn corpus(name: &str) -> Vec<Vec<u8>> {
    let mut paths: Vec<_> =
        fs::read_dir(root().join("corpus").join(name)).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths.iter().map(|path| fs::read(path).unwrap()).collect()
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap()
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}
