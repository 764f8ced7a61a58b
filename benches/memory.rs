//! What a million tokens leave behind in memory: `cargo bench --bench memory`. It takes some minutes, and Linux.
//!
//! Every token comes twice, so that every one asks to be kept. Each row is a process of its own, because one that has given
//! memory back does not grow.
#![expect(clippy::cast_precision_loss, reason = "a ratio of bytes")]
#![expect(clippy::unwrap_used, reason = "a bench that cannot go on ends")]

mod support;

use std::process::Command;

use support::{distinct, issuer, large, resident, server, small};
use tower_bearer::jose::Algorithm;
use tower_bearer::validation::TokenCache;

/// The kind of token, how many there are, and the bounds of the cache: entries and MiB.
const ROWS: [(&str, usize, u64, u64); 4] = [
    ("small", 200_000, 100_000, 32),
    ("large", 200_000, 100_000, 64),
    ("large", 200_000, 20_000, 64),
    ("large", 1_000_000, 10_000, 16),
];

fn main() {
    let row = std::env::args().find_map(|argument| argument.parse().ok());
    if let Some(row) = row {
        return measure(row);
    }
    println!(
        "| tokens | bytes each | at most, entries | at most, MiB | kept | counted, MiB | resident growth, MiB | of the bound |"
    );
    println!("|---:|---:|---:|---:|---:|---:|---:|---:|");
    for row in 0..ROWS.len() {
        let this = std::env::current_exe().unwrap();
        assert!(Command::new(this).arg(row.to_string()).status().unwrap().success());
    }
}

fn measure(row: usize) {
    let (kind, count, entries, megabytes) = ROWS[row];
    let bytes = megabytes << 20;
    let issuer = issuer();
    let make = if kind == "small" { small } else { large };
    let token = make(&issuer, Algorithm::EdDSA);
    let api = server(&issuer).token_cache(TokenCache::default().entries(entries).bytes(bytes)).build().unwrap();
    api.try_verify(&token.sign()).unwrap();
    let before = resident();
    let mut length = 0;
    for token in distinct(&token, count) {
        length = token.len();
        (0..2).for_each(|_| drop(api.try_verify(&token).unwrap()));
    }
    let growth = (resident() - before) as f64;
    let status = api.token_cache_status().unwrap();
    let mebibytes = |bytes: f64| bytes / f64::from(1 << 20);
    println!(
        "| {count} | {length} | {entries} | {megabytes} | {} | {:.1} | {:.1} | {:.2} |",
        status.entries,
        mebibytes(status.bytes as f64),
        mebibytes(growth),
        growth / bytes as f64
    );
}
