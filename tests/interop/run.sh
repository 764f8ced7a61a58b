#!/usr/bin/env bash
# examples/me with authorization servers and clients that we did not write, and examples/mcp with MCP clients. What is missing is
# installed, or this fails. With UPDATE_README=1, the tables of README.md are rewritten; otherwise they must match the results.
set -euo pipefail
cd "$(dirname "$0")"

export DEBIAN_FRONTEND=noninteractive
command -v npm >/dev/null || (apt-get update && apt-get install -y nodejs npm)
npm ci
# As in ../run.sh, so that nothing is built twice.
cargo build --quiet --locked --workspace --all-features --bins --examples
target=$(cargo metadata --locked --no-deps --format-version 1 | node -p 'JSON.parse(fs.readFileSync(0)).target_directory')
# Not in this folder, whose files belong to the package.
export INTEROP_INSTALLED="$target/interop"
./servers/debian.sh "$INTEROP_INSTALLED/debian"
./servers/python.sh "$INTEROP_INSTALLED/venv" servers/requirements.txt
./servers/python.sh "$INTEROP_INSTALLED/venv-mcp" mcp/requirements.txt

INTEROP_WORK=$(mktemp -d)
export INTEROP_WORK
main=
# main.js ends the servers that it has started. If it could not, they are ended here: each is a process group whose ID is in a file.
finish() {
    # `timeout` is a process group with main.js and the APIs.
    [ -z "$main" ] || kill -- "-$main" 2>/dev/null || true
    for file in "$INTEROP_WORK"/*/pid; do
        [ ! -e "$file" ] || kill -KILL -- "-$(cat "$file")" 2>/dev/null || true
    done
    rm -rf "$INTEROP_WORK"
}
trap finish EXIT
trap 'exit 1' HUP INT TERM
EXAMPLE_ME="$target/debug/me" PROOFS="$target/debug/proofs" timeout 180 node main.js &
main=$!
wait "$main"
EXAMPLE_ME="$target/debug/me" EXAMPLE_MCP="$target/debug/mcp" CONFORMANCE="$target/debug/conformance" timeout 120 node mcp/main.js &
main=$!
wait "$main"
