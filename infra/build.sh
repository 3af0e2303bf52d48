#!/bin/sh
# Builds the functions once for an architecture into build/ARCH, and points build/lambda there.
#   infra/build.sh arm64|x86_64 CARGO_LAMBDA FUNCTION...
set -eu
arch=$1 cargo_lambda=$2
shift 2
case $arch in
arm64) target=aarch64-unknown-linux-gnu ;;
x86_64) target=x86_64-unknown-linux-gnu ;;
*)
    echo "ARCH=$arch: it must be arm64 or x86_64" >&2
    exit 1
    ;;
esac
if ! rustc --print target-libdir --target "$target" | xargs test -d; then
    echo "Rust has no standard library for $target here. Install it with: rustup target add $target" >&2
    exit 1
fi
# cargo-lambda finds zig, which links for the other architecture and for the C library of Amazon Linux, beside itself.
PATH=$(dirname "$cargo_lambda"):$PATH
export PATH
packages=$(printf -- ' --package %s' "$@")
# shellcheck disable=SC2086 # one word per package
"$cargo_lambda" lambda build --release --locked --target "$target" --lambda-dir "build/$arch" $packages
ln -sfn "$arch" build/lambda
echo "built for $arch in build/$arch; build/lambda points there"
