#!/bin/sh
# Makes the two Python environments of the local stack under .local/: `localstack` and `tools` (SAM CLI, cargo-lambda,
# awscli, ziglang). Two, because SAM CLI and LocalStack ask for versions of `click` that exclude each other.
# Run it as often as you like: when nothing has changed it only compares a stamp.
#   PYTHON=/path/to/python3.13 infra/local/setup.sh     chooses the interpreter
set -eu

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
root=$(CDPATH='' cd -- "$here/../.." && pwd)
stamp="$root/.local/stamp"

# What the environments are made of. They hold absolute paths, so a checkout that moved gets new ones.
ingredients() {
    printf '%s\n' "$root"
    cat "$here/localstack.lock.txt" "$here/tools.lock.txt" "$here/setup.sh"
}
wanted=$(ingredients | cksum)
if [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$wanted" ] &&
    [ -x "$root/.local/localstack/bin/python" ] && [ -x "$root/.local/tools/bin/python" ]; then
    exit 0
fi

say() { printf '%s\n' "$*" >&2; }

# Whether it runs and is what we need: a version manager's shim may be there and fail.
is_python_3_13() {
    "$1" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info[:2] != (3, 13))' >/dev/null 2>&1
}

candidates() {
    printf '%s\n' python3.13 python3 python
    if pyenv_root=$(pyenv root 2>/dev/null); then printf '%s\n' "$pyenv_root"/versions/3.13*/bin/python3.13; fi
    for folder in \
        "$HOME"/.pyenv/versions/3.13* "$HOME"/.asdf/installs/python/3.13* "$HOME"/.local/share/mise/installs/python/3.13* \
        "$HOME"/.local/share/uv/python/cpython-3.13* "$HOME"/.rye/py/cpython@3.13* "$HOME"/.local /opt/python3.13 \
        /opt/python/3.13* /opt/python/cp313-cp313 /usr/local /usr/local/opt/python@3.13 /opt/homebrew /opt/homebrew/opt/python@3.13 \
        /home/linuxbrew/.linuxbrew /Library/Frameworks/Python.framework/Versions/3.13; do
        printf '%s\n' "$folder/bin/python3.13"
    done
    for name in miniconda3 anaconda3 miniforge3; do
        printf '%s\n' "$HOME/$name/bin/python3.13" "/opt/$name/bin/python3.13"
    done
}

find_python() {
    if [ -n "${PYTHON:-}" ]; then
        if is_python_3_13 "$PYTHON"; then printf '%s\n' "$PYTHON"; return; fi
        say "PYTHON=$PYTHON is not a Python 3.13 that runs and has venv and ensurepip."
        return 1
    fi
    candidates | while IFS= read -r candidate; do
        if is_python_3_13 "$candidate"; then printf '%s\n' "$candidate"; break; fi
    done
}

python=$(find_python) || exit 1
if [ -z "$python" ]; then
    say 'Python 3.13 was not found; the local stack (LocalStack 2026.3.0) needs it. Install one of:'
    say '  Debian, Ubuntu    apt install python3.13 python3.13-venv   (or from the deadsnakes PPA)'
    say '  Fedora            dnf install python3.13'
    say '  macOS             brew install python@3.13'
    say '  anywhere          uv python install 3.13, or pyenv install 3.13'
    say 'or name one that is elsewhere: PYTHON=/path/to/python3.13'
    exit 1
fi

# environment NAME TITLE: a fresh environment with exactly what its lock file says.
environment() {
    say "serin: installing $2 into .local/$1 (about a minute, once)"
    rm -rf "$root/.local/$1"
    "$python" -m venv "$root/.local/$1"
    PIP_DISABLE_PIP_VERSION_CHECK=1 "$root/.local/$1/bin/python" -m pip install --quiet --no-deps --no-input \
        --requirement "$here/$1.lock.txt"
}

mkdir -p "$root/.local"
rm -f "$stamp"
say "serin: using $("$python" -c 'import sys; print(sys.executable, sys.version.split()[0])')"
environment localstack 'LocalStack' &
first=$!
environment tools 'SAM CLI, cargo-lambda, awscli and ziglang' &
second=$!
wait "$first" || { wait "$second" || true; exit 1; }
wait "$second"
printf '%s' "$wanted" >"$stamp"
say 'serin: environments are ready'
