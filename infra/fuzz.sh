#!/bin/sh
# Fuzzes one target for some seconds, with the payloads of events/ as its seeds.
#   infra/fuzz.sh CARGO_FUZZ TARGET SECONDS
# Stable Rust will do: without a sanitizer libFuzzer needs no nightly, and safe code has no use for one.
set -eu
cd "$(dirname -- "$0")/.."
mkdir -p "fuzz/corpus/$2"
for payload in events/*/*.json; do
    cp "$payload" "fuzz/corpus/$2/$(basename "$(dirname "$payload")")-$(basename "$payload")"
done
# cargo-fuzz has no --locked: this fails where the lock file would have to change.
cargo fetch --quiet --locked --manifest-path fuzz/Cargo.toml
exec "$1" run --sanitizer none "$2" -- -max_total_time="$3" -max_len=65536 -print_final_stats=1
