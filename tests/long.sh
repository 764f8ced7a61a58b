#!/usr/bin/env bash
# The long runs, from a random seed that is printed: every combination of features, ten times as many properties, a million junk
# proofs, an outage of Redis of 65 seconds, 200,000 revocations while Redis is killed and started again, then each fuzz target, some
# of them also with AddressSanitizer, and the soak program for some seconds (600 by default). `SEED=… tests/long.sh` repeats a run
# from its seed.
set -euo pipefail
cd "$(dirname "$0")/.."

seconds=${1:-600}
seed=${SEED:-$((RANDOM << 15 | RANDOM))}
echo "SEED=$seed"

for features in "" {,http-client,introspection}{,\ axum}{,\ back-channel-logout}{,\ jsonwebtoken}{,\ mcp}{,\ metrics}{,\ serde}{,\ shared-signals}{,\ tenants}{,\ testing}; do
    cargo clippy --locked --quiet --lib --no-default-features --features "$features" -- -D warnings
done

# Each package and the examples with only the features that they ask for, as their documentation runs them. In run.sh, which builds all of them
# together, one may use a feature that only another one asks for.
for package in conformance fleet me mcp proofs soak tower-bearer-redis; do cargo check --locked --quiet -p "$package"; done
cargo check --locked --quiet --examples

export PROPERTIES_SEED=$seed PROPERTIES_TIMES=10 PROPTEST_RNG_SEED=$seed PROPTEST_CASES=2560
cargo test --locked --all-features --lib
cargo test --locked --all-features --test promises -- properties:: configuration::
JUNK_PROOFS=1000000 cargo test --locked --all-features --test promises -- rfc9449_dpop::floods
OUTAGE_SECONDS=65 cargo test --locked -p tower-bearer-redis --test promises -- however_long_redis_was_away
REVOCATIONS=200000 cargo test --locked -p tower-bearer-redis --test promises -- redis_is_killed_and_started_again

SEED=$seed ./fuzz/run.sh "$seconds"
# Looks for memory errors with the targets that reach the C code of aws-lc. This needs a nightly toolchain.
SANITIZER=address TARGETS="token proof certificates differential" SEED=$seed ./fuzz/run.sh "$seconds"
cargo run --locked --release -p soak -- --seconds "$seconds" --seed "$seed"
# Tests the comparison and its chart, without measuring anything.
CARGO_TARGET_DIR=target cargo clippy --locked --bins --tests --manifest-path benches/comparison/Cargo.toml -- -D warnings
CARGO_TARGET_DIR=target cargo test --locked --manifest-path benches/comparison/Cargo.toml
