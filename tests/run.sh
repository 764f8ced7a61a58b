#!/usr/bin/env bash
# Sets up what the tests need and runs all of them. What is missing is installed, or this fails.
set -euo pipefail
cd "$(dirname "$0")/.."

export DEBIAN_FRONTEND=noninteractive

step() { printf '\n== %s\n' "$*"; }

step toolchain
cargo --version
rustfmt --version >/dev/null 2>&1 || rustup component add rustfmt
cargo clippy --version >/dev/null 2>&1 || rustup component add clippy
# aws-lc-sys is C and assembly.
command -v cc >/dev/null || (apt-get update && apt-get install -y gcc libc6-dev)

step format
cargo fmt --check

step lints
cargo clippy --locked --all-targets --all-features -- -D warnings

step feature combinations
for features in "" axum testing axum,testing; do
    cargo clippy --locked --lib --no-default-features --features "$features" -- -D warnings
done

step comparison
cargo fmt --check --manifest-path benches/comparison/Cargo.toml
cargo clippy --locked --manifest-path benches/comparison/Cargo.toml -- -D warnings

step documentation
RUSTDOCFLAGS="-D warnings" cargo doc --locked --no-deps --all-features

step nginx
# In front of examples/forward_auth, as in its documentation.
command -v nginx >/dev/null || [ -x /usr/sbin/nginx ] || (apt-get update && apt-get install -y nginx)

step tests
cargo test --locked --all-features

step other issuers and clients
./tests/interop/run.sh

step browser
./tests/browser/run.sh

step examples
cargo run --locked --quiet --example me -- --once
cargo run --locked --quiet --example me -- --once --profile rfc9068 --acr "urn:example:mfa urn:example:hwk" --max-age 300
cargo run --locked --quiet --example step_up -- --once
cargo run --locked --quiet --example tonic
