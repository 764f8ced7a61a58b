#!/usr/bin/env bash
# Runs every target, or those in TARGETS, for some seconds (10 by default) from its committed corpus. `run.sh 0` builds them and runs none. What is
# missing is installed, or this fails.
# `SANITIZER=address` finds memory errors, also in the C code of aws-lc. It needs a nightly toolchain, and a target runs at a fraction of the speed.
set -euo pipefail
cd "$(dirname "$0")"

seconds=${1:-10}
sanitizer=${SANITIZER:-none}
# One seed for all targets, so that a run can be repeated: `SEED=… ./run.sh`.
seed=${SEED:-$RANDOM}
export DEBIAN_FRONTEND=noninteractive

# libFuzzer is C++.
command -v g++ >/dev/null || (apt-get update && apt-get install -y g++)
cargo fuzz --version >/dev/null 2>&1 || cargo install --locked --debug cargo-fuzz

targets=${TARGETS:-$(sed -n '/^\[\[bin\]\]/,/^$/s/^name = "\(.*\)"/\1/p' Cargo.toml)}
triple=$(rustc -vV | sed -n 's/^host: //p')
# New inputs are deleted at the end, so the work tree stays as it is.
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# Only sanitizers need a nightly toolchain; the crate has no unsafe code of its own.
if [ "$sanitizer" = none ]; then
    build=target
    (cd .. && cargo fuzz build --sanitizer none)
else
    build=target/$sanitizer
    (cd .. && AWS_LC_SYS_CFLAGS="-fsanitize=$sanitizer" cargo +nightly fuzz build --sanitizer "$sanitizer" --target-dir "fuzz/$build")
fi

# To libFuzzer, 0 seconds would mean no limit.
[ "$seconds" != 0 ] || exit 0

fuzz_one() {
    local target=$1 log=$scratch/$1.log executions
    mkdir -p "$scratch/$target" "artifacts/$target"
    # A target that takes more memory than this limit counts as a finding.
    if ! "$build/$triple/release/$target" "$scratch/$target" "corpus/$target" \
        -max_total_time="$seconds" -seed="$seed" -dict=dictionary.txt -timeout=20 -rss_limit_mb=2048 \
        -artifact_prefix="artifacts/$target/" -print_final_stats=1 >"$log" 2>&1; then
        tail -n 60 "$log"
        echo "$target: a finding, see artifacts/$target" >&2
        return 1
    fi
    executions=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
    # A target that has run no input has checked nothing.
    [ "${executions:-0}" -gt 0 ] || { tail -n 20 "$log"; return 1; }
    printf '%-14s %10s executions\n' "$target" "$executions"
}
export -f fuzz_one
export build triple scratch seconds seed

echo "fuzzing with -seed=$seed"
# As many at once as there are cores: a target uses one.
printf '%s\n' $targets | xargs -P "$(nproc)" -I '{}' bash -euo pipefail -c 'fuzz_one {}'
