#!/bin/sh
# Runs one check: its output only if it fails, otherwise how long it took, how many tests there were, and what it says that
# it covered.
#   infra/check.sh NAME COMMAND [ARG]...
set -u
name=$1
shift
output=$(mktemp)
trap 'rm -f "$output"' EXIT
begin=$(date +%s)
if "$@" >"$output" 2>&1; then
    summary=$(grep -E 'tests run:|^test result: ' "$output" | tail -1 | sed 's/^ *Summary *//')
    printf '  ok    %-36s %4d s  %s\n' "$name" $(($(date +%s) - begin)) "$summary"
    sed -n 's/^ *covered: /        /p' "$output"
else
    printf '  FAIL  %-36s %4d s\n' "$name" $(($(date +%s) - begin))
    cat "$output"
    exit 1
fi
