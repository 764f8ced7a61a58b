#!/usr/bin/env bash
# examples/me with authorization servers and clients that we did not write. What is missing is installed, or this fails.
set -euo pipefail
cd "$(dirname "$0")"

command -v npm >/dev/null || (apt-get update && apt-get install -y nodejs npm)
npm ci
cargo build --locked --quiet -p me
target=$(cargo metadata --locked --no-deps --format-version 1 | node -p 'JSON.parse(fs.readFileSync(0)).target_directory')
EXAMPLE_ME="$target/debug/me" timeout 90 node main.js
