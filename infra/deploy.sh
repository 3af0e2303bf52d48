#!/bin/sh
# Deploys what was built, after a look at whether it was built for the architecture that the template is told.
#   infra/deploy.sh arm64|x86_64 SAM [ARG of sam deploy]...
set -eu
arch=$1 sam=$2
shift 2
# The machine of an ELF file: two bytes at offset 18.
case $arch in
arm64) machine=b700 ;;
x86_64) machine=3e00 ;;
*)
    echo "ARCH=$arch: it must be arm64 or x86_64" >&2
    exit 1
    ;;
esac
for folder in functions/*/; do
    function=$(basename "$folder")
    binary=build/lambda/$function/bootstrap
    if [ ! -f "$binary" ]; then
        echo "$binary is missing. Build it with: make build ARCH=$arch" >&2
        exit 1
    fi
    found=$(od -An -tx1 -j18 -N2 "$binary" | tr -d ' \n')
    if [ "$found" != "$machine" ]; then
        echo "$binary was built for another machine than $arch (ELF machine $found, expected $machine)." >&2
        echo "Build it with: make build ARCH=$arch" >&2
        exit 1
    fi
done
exec "$sam" deploy --parameter-overrides "Architecture=$arch" "$@"
