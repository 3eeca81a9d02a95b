#!/bin/sh
# Searches for bytes that break what targets.rs demands: fuzz.sh [SECONDS [TARGET...]], 60 seconds for each by default.
#
# Needs a nightly compiler, a C++ compiler and cargo-fuzz (cargo install cargo-fuzz). What it finds is left beside the build,
# and kept by hand, as hexadecimal digits (xxd -p), in regressions/TARGET/, where cargo test replays it.
set -eu

cd "$(dirname "$0")"
seconds=${1:-60}
[ $# = 0 ] || shift
[ $# != 0 ] || set -- clixml fragments messages mime soap
corpus=$(mktemp -d)
trap 'rm -rf "$corpus"' EXIT INT TERM
target=${CARGO_TARGET_DIR:-$PWD/../../target/fuzz}
cargo +nightly fuzz build --fuzz-dir . --target-dir "$target"
host=$(rustc -vV | sed -n 's/^host: //p')
"$target/$host/release/seeds" "$corpus" ../wire/fixtures
result=0
for name in "$@"; do
    printf '\n%s\n' "$name"
    mkdir -p "$corpus/$name" "$target/artifacts/$name"
    # Nothing that is read may need much more memory than it is long: 256 MiB at once.
    "$target/$host/release/$name" "$corpus/$name" -max_total_time="$seconds" -max_len="${MAX_LEN:-16384}" -rss_limit_mb=512 \
        -malloc_limit_mb=256 -timeout=10 -print_final_stats=1 -artifact_prefix="$target/artifacts/$name/" \
        > "$corpus/log" 2>&1 || result=1
    grep -E "panicked|SUMMARY|ERROR|stat::(number_of_executed_units|peak_rss_mb|new_units_added)|^Done" "$corpus/log" || true
done
exit $result
