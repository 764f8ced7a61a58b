#!/usr/bin/env bash
# The whole sequence in a real browser, on the pages of examples/me. What is missing is installed, or this fails.
set -euo pipefail
cd "$(dirname "$0")"

export DEBIAN_FRONTEND=noninteractive
command -v npm >/dev/null || (apt-get update && apt-get install -y nodejs npm)
[ -x /usr/bin/chromium ] || (apt-get update && apt-get install -y chromium)
npm ci
cargo build --locked --quiet -p me
target=$(cargo metadata --locked --no-deps --format-version 1 | node -p 'JSON.parse(fs.readFileSync(0)).target_directory')
EXAMPLE="$target/debug/me" SCREENSHOTS="$target/browser" timeout 300 node --test --test-concurrency=1 sequence.mjs dpop.mjs opaque.mjs revocation.mjs
