#!/usr/bin/env bash
# Whether the crate is fit to be published: what is in the package, whether it builds from there, what it depends on, how old its
# dependencies may be, and whether it breaks users of the last release. What is missing is installed, or this fails.
set -euo pipefail
cd "$(dirname "$0")/.."

step() { printf '\n== %s\n' "$*"; }

step package
# Builds what is in the package, as a user who downloads it would. The second package is built with the first one, from a local registry. What an
# earlier run unpacked from that registry has the same version and would be used instead, so it is removed first.
rm -rf "${CARGO_HOME:-$HOME/.cargo}"/registry/{cache,src}/-*/tower-bearer-*
cargo publish --locked --dry-run --allow-dirty --target-dir target/publish -p tower-bearer -p tower-bearer-redis

step dependencies
command -v cargo-deny >/dev/null || cargo install --locked --debug cargo-deny@0.20.2
cargo deny --locked check licenses bans sources
cargo deny --locked --manifest-path redis/Cargo.toml check licenses bans sources
# The advisories come from a repository, which cannot be reached from everywhere. Then this says so and does not fail.
if ! advisories=$(cargo deny --locked check advisories 2>&1); then
    grep -q 'failed to fetch advisory database' <<<"$advisories" || { printf '%s\n' "$advisories"; exit 1; }
    echo "NOT CHECKED: the advisory database cannot be reached; run 'cargo deny check advisories' on a machine that can reach it"
fi

step minimum supported Rust version and minimal versions
# The oldest compiler with the oldest of the crate's own dependencies that Cargo.toml allows, and without what only the tests need.
# tests/packaging.rs checks that newer dependencies support that compiler, by the `rust-version` that they declare.
msrv=$(sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml)
compiler="+$msrv"
if ! cargo "$compiler" --version 2>/dev/null && ! rustup toolchain install --profile minimal "$msrv"; then
    echo "NOT CHECKED: the toolchain $msrv is not installed; the installed toolchain builds the minimal versions"
    compiler="+$(rustup show active-toolchain | cut -d ' ' -f 1)"
fi
minimal=target/minimal-versions/package
rm -rf "$minimal" && mkdir -p "$minimal"
git ls-files -z src examples benches tests README.md | xargs -0 cp --parents -t "$minimal"
awk '/^\[/ { skip = ($0 == "[dev-dependencies]" || $0 == "[workspace]") } !skip' Cargo.toml >"$minimal/Cargo.toml"
# The flag of the resolver is still unstable, so only this command needs RUSTC_BOOTSTRAP. What it resolves is built as usual.
(cd "$minimal" && RUSTC_BOOTSTRAP=1 cargo update --quiet -Zdirect-minimal-versions)
CARGO_TARGET_DIR=target/minimal-versions \
    cargo "$compiler" check --locked --lib --all-features --manifest-path "$minimal/Cargo.toml"

step semantic versioning
# Against the last release, once there is one.
if last=$(git describe --tags --abbrev=0 --match 'v*' 2>/dev/null); then
    command -v cargo-semver-checks >/dev/null || cargo install --locked cargo-semver-checks
    cargo semver-checks --all-features --baseline-rev "$last"
else
    echo "nothing to compare with: there is no release yet"
fi
