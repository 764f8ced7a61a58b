#!/usr/bin/env bash
# Whether the crate is fit to be published: what is in the package, that it builds from there, what it depends on, with how old
# dependencies it builds, and whether it breaks those who use the last release. What is missing is installed, or this fails.
set -euo pipefail
cd "$(dirname "$0")/.."

step() { printf '\n== %s\n' "$*"; }

step package
# Builds what is in the package, as whoever downloads it would.
cargo publish --locked --dry-run --allow-dirty

step dependencies
command -v cargo-deny >/dev/null || cargo install --locked cargo-deny@0.20.2
cargo deny --locked check licenses bans sources
# The advisories come from a repository, which is not everywhere to be had; then this says so and nothing else.
if ! advisories=$(cargo deny --locked check advisories 2>&1); then
    grep -q 'failed to fetch advisory database' <<<"$advisories" || { printf '%s\n' "$advisories"; exit 1; }
    echo "NOT CHECKED: the advisory database is out of reach; run 'cargo deny check advisories' where it is not"
fi

step minimal versions
# Of the crate's own dependencies, each at the oldest that Cargo.toml allows, and without what only the tests need.
minimal=target/minimal-versions/package
rm -rf "$minimal" && mkdir -p "$minimal"
git ls-files -z src examples benches tests README.md | xargs -0 cp --parents -t "$minimal"
awk '/^\[/ { skip = ($0 == "[dev-dependencies]") } !skip' Cargo.toml >"$minimal/Cargo.toml"
# The flag is one of the resolver's, unstable as yet; what it resolved is built as ever.
(cd "$minimal" && RUSTC_BOOTSTRAP=1 cargo update --quiet -Zdirect-minimal-versions)
CARGO_TARGET_DIR=target/minimal-versions cargo check --locked --lib --all-features --manifest-path "$minimal/Cargo.toml"

step minimum supported Rust version
# tests/packaging.rs holds the dependencies to it and clippy the code; the compiler itself, where it is to be had.
msrv=$(sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml)
if rustup toolchain list 2>/dev/null | grep -q "^$msrv" || rustup toolchain install --profile minimal "$msrv" 2>/dev/null; then
    CARGO_TARGET_DIR=target/msrv cargo "+$msrv" check --locked --lib --all-features
else
    echo "NOT CHECKED: the toolchain $msrv is not to be had here"
fi

step semantic versioning
# Against the last release, once there is one.
if last=$(git describe --tags --abbrev=0 --match 'v*' 2>/dev/null); then
    command -v cargo-semver-checks >/dev/null || cargo install --locked cargo-semver-checks
    cargo semver-checks --all-features --baseline-rev "$last"
else
    echo "nothing to compare with: there is no release yet"
fi
