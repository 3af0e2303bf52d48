#!/bin/sh
# Runs one check: a line when it begins, its output only if it fails, and how long it took.
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
else
    printf '  FAIL  %-36s %4d s\n' "$name" $(($(date +%s) - begin))
    cat "$output"
    exit 1
fi
