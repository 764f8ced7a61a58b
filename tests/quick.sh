#!/usr/bin/env bash
# What to run between two edits: format, lints, unit tests and, if it is named, one file of promises: `./tests/quick.sh token_cache`.
set -euo pipefail
cd "$(dirname "$0")/.."

cargo fmt --all --check
cargo clippy --locked --all-targets --all-features -- -D warnings
cargo test --locked --all-features --lib
if [ $# -gt 0 ]; then
    # Without this check, a name that no file has would pass without running a test.
    tests=$(cargo test --locked --quiet --all-features --test promises -- --list "$1::")
    grep -q ': test$' <<<"$tests" || { echo "no test is in a file $1.rs" >&2; exit 1; }
    cargo test --locked --all-features --test promises -- "$1::"
fi
