#!/usr/bin/env bash
# Sets up what the tests need and runs all of them. What is missing is installed, or this fails. Every seed is fixed: the random ones are
# for tests/long.sh.
set -euo pipefail
cd "$(dirname "$0")/.."

export DEBIAN_FRONTEND=noninteractive
# On a fresh machine each crate is built once, so nothing is gained by what incremental builds keep.
export CARGO_INCREMENTAL="${CARGO_INCREMENTAL:-0}"

step() { printf '\n== %s (after %s s)\n' "$*" "$SECONDS"; }

# Runs a command beside the following steps, in the processor time that they leave idle. `join` waits for its end and prints its output.
beside() {
    step "$@", beside what follows
    set -m
    nice -n 19 "$@" </dev/null >"$output" 2>&1 &
    set +m
    job=$!
}
join() {
    local result=0
    wait "$job" || result=$?
    job=
    cat "$output"
    return "$result"
}
job=
output=$(mktemp)
trap '[ -z "$job" ] || kill -- "-$job" || true; rm -f "$output"' EXIT

step toolchain
cargo --version
rustfmt --version >/dev/null 2>&1 || rustup component add rustfmt
cargo clippy --version >/dev/null 2>&1 || rustup component add clippy
# aws-lc-sys is C and assembly, and libFuzzer is C++.
command -v g++ >/dev/null || (apt-get update && apt-get install -y g++)
# A test reads offline what the dependencies of every platform need, so all of them are fetched here.
cargo fetch --locked

step format
cargo fmt --all --check
cargo fmt --check --manifest-path fuzz/Cargo.toml
cargo fmt --check --manifest-path benches/comparison/Cargo.toml

step the whole sequence
# The first command of README.md. On a fresh machine, the time of this step shows how long a first build takes.
cargo run --locked --quiet -p me -- --once
cargo run --locked --quiet -p me -- --once --profile rfc9068 --acr "urn:example:mfa urn:example:hwk" --max-age 300
cargo run --locked --quiet -p me -- --once --dpop required --dpop-nonce
cargo run --locked --quiet -p me -- --once --opaque

step programs and examples
# At once, as are the tests below: with the features of all packages together, each dependency is built once for all of them.
everything=(--locked --workspace --all-features)
cargo build --quiet "${everything[@]}" --bins --examples
programs=${CARGO_TARGET_DIR:-target}/debug
"$programs/mcp" --once

step tests
# In front of examples/forward_auth, as in its documentation.
command -v nginx >/dev/null || [ -x /usr/sbin/nginx ] || (apt-get update && apt-get install -y nginx)
# For the shared stores of redis/, whose tests start and end their servers.
command -v redis-server >/dev/null || (apt-get update && apt-get install -y redis-server)
command -v openssl >/dev/null || (apt-get update && apt-get install -y openssl)
cargo test "${everything[@]}"

# Both at once, because much of each is done by one thread.
beside bash -c './fuzz/run.sh 0 & ./tests/release.sh && wait $!'

step lints
# Every kind of target is named, because --all-targets would also build tests for targets with `test = false`.
cargo clippy "${everything[@]}" --lib --bins --examples --tests --benches -- -D warnings
# With the same target folder, so that what both need is built once.
CARGO_TARGET_DIR=target cargo clippy --locked --all-targets --manifest-path fuzz/Cargo.toml -- -D warnings

step feature combinations
# None, each one alone, all, and all but each one: so any three of them occur in every combination. tests/long.sh runs clippy on every combination.
features=(http-client introspection axum back-channel-logout jsonwebtoken mcp metrics serde shared-signals tenants testing)
check() { cargo rustc --locked --quiet --lib --profile check --no-default-features --features "$*" -- -D warnings; }
check
check "${features[@]}"
for feature in "${features[@]}"; do
    check "$feature"
    check $(printf '%s\n' "${features[@]}" | grep -vx "$feature")
done
# `introspection` includes `http-client`, so only this check leaves out `http-client` and keeps all others that can do without it.
check "${features[@]:2}"
cargo clippy --locked --quiet -p tower-bearer-redis --lib -- -D warnings

step documentation
RUSTDOCFLAGS="-D warnings" cargo doc --locked --no-deps --all-features -p tower-bearer -p tower-bearer-redis

step examples
"$programs/examples/step_up" --once
"$programs/examples/tonic"
"$programs/examples/metrics" --once >/dev/null
"$programs/examples/opaque" --once
"$programs/examples/revocation" --once
"$programs/examples/mtls" --once

step other issuers and clients
./tests/interop/run.sh

step browser
./tests/browser/run.sh

step soak
# Load, faults, replays, revocations, reloads and disconnections, with an oracle that knows every right answer; for a little longer than keys
# are fresh and idle tenants stay.
"$programs/soak" --seconds 75 --seed 1

step fuzz targets and release
join

step fuzzing
SEED=1 ./fuzz/run.sh 10

printf '\nAll checks have passed, in %s s.\n' "$SECONDS"
