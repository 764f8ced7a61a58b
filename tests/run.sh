#!/usr/bin/env bash
# Sets up what the tests need and runs all of them, the quick ones first. What is missing is installed, or this fails. Every seed is
# fixed: the random ones are for tests/long.sh.
set -euo pipefail
cd "$(dirname "$0")/.."

export DEBIAN_FRONTEND=noninteractive
# On a fresh machine each crate is built once, so nothing is gained by what incremental builds keep.
export CARGO_INCREMENTAL="${CARGO_INCREMENTAL:-0}"

step() { printf '\n== %s (after %s s)\n' "$*" "$SECONDS"; }

step toolchain
cargo --version
rustfmt --version >/dev/null 2>&1 || rustup component add rustfmt
cargo clippy --version >/dev/null 2>&1 || rustup component add clippy
# aws-lc-sys is C and assembly.
command -v cc >/dev/null || (apt-get update && apt-get install -y gcc libc6-dev)
# A test reads what every platform's dependencies need, without a network.
cargo fetch --locked

step format
cargo fmt --all --check
cargo fmt --check --manifest-path fuzz/Cargo.toml
cargo fmt --check --manifest-path benches/comparison/Cargo.toml

step the whole sequence
# The first command of README.md, and what a first build takes.
cargo run --locked --quiet -p me -- --once
cargo run --locked --quiet -p me -- --once --profile rfc9068 --acr "urn:example:mfa urn:example:hwk" --max-age 300
cargo run --locked --quiet -p me -- --once --dpop required --dpop-nonce
cargo run --locked --quiet -p me -- --once --opaque
cargo run --locked --quiet -p mcp -- --once

step lints
# Every kind of target is named: --all-targets would make tests of what says that it has none.
cargo clippy --locked --workspace --all-features --lib --bins --examples --tests --benches -- -D warnings
# With the same target folder, here and below, so that what both need is built once.
CARGO_TARGET_DIR=target cargo clippy --locked --all-targets --manifest-path fuzz/Cargo.toml -- -D warnings
CARGO_TARGET_DIR=target cargo clippy --locked --bins --tests --manifest-path benches/comparison/Cargo.toml -- -D warnings

step feature combinations
# None, each one alone, all, and all but each one: so any three of them occur in every combination. tests/long.sh runs all.
features=(http-client introspection axum back-channel-logout jsonwebtoken mcp metrics serde shared-signals tenants testing)
lint() { cargo clippy --locked --quiet --lib --no-default-features --features "$*" -- -D warnings; }
lint
lint "${features[@]}"
for feature in "${features[@]}"; do
    lint "$feature"
    lint $(printf '%s\n' "${features[@]}" | grep -vx "$feature")
done
# The second one includes the first.
lint "${features[@]:2}"

step documentation
RUSTDOCFLAGS="-D warnings" cargo doc --locked --no-deps --all-features

step nginx
# In front of examples/forward_auth, as in its documentation.
command -v nginx >/dev/null || [ -x /usr/sbin/nginx ] || (apt-get update && apt-get install -y nginx)

step tests
cargo test --locked --all-features
# Attacks on an MCP server of rmcp behind the layer.
cargo test --locked -p mcp

step redis
# The shared stores, with servers that their tests start and end.
command -v redis-server >/dev/null || (apt-get update && apt-get install -y redis-server)
command -v openssl >/dev/null || (apt-get update && apt-get install -y openssl)
cargo clippy --locked --quiet -p tower-bearer-redis --lib -- -D warnings
cargo test --locked -p tower-bearer-redis --all-features
RUSTDOCFLAGS="-D warnings" cargo doc --locked --no-deps --all-features -p tower-bearer-redis

step examples
cargo run --locked --quiet --example step_up -- --once
cargo run --locked --quiet --example tonic
cargo run --locked --quiet --example metrics -- --once >/dev/null
cargo run --locked --quiet --example opaque -- --once
cargo run --locked --quiet --example revocation -- --once
cargo run --locked --quiet --example mtls -- --once

step other issuers and clients
./tests/interop/run.sh

step browser
./tests/browser/run.sh

step soak
# Load, faults, replays, revocations, reloads and disconnections, with an oracle that knows every right answer; for a little longer than keys
# are fresh and idle tenants stay.
cargo run --locked --quiet -p soak -- --seconds 75 --seed 1

step fuzzing
SEED=1 ./fuzz/run.sh 10

step release
./tests/release.sh

printf '\nAll checks have passed, in %s s.\n' "$SECONDS"
