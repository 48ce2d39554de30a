#!/usr/bin/env bash
# Fuzzes one target with libFuzzer and AddressSanitizer, on the stable toolchain too.
#
# TARGET=name    one of fuzz/fuzz_targets; without it, they are listed
# DURATION=n     how long, default 60
#
# Inputs that reach something new are kept in .cache/fuzz/TARGET, beside the committed corpus, which is only read. An input that
# breaks something is written to fuzz/artifacts/TARGET.
set -euo pipefail
cd "$(dirname "$0")/.."

target=${TARGET:-}
if [ ! -f "fuzz/fuzz_targets/$target.rs" ]; then
    echo "TARGET= one of: $(basename -s .rs fuzz/fuzz_targets/*.rs | paste -sd ' ')" >&2
    exit 1
fi
if ! command -v cargo-fuzz >/dev/null; then
    echo "cargo-fuzz is missing: cargo install --locked cargo-fuzz" >&2
    exit 1
fi

found=.cache/fuzz/$target
mkdir -p "$found"
# Sanitizers are not stable yet. Optimising across crates would cost minutes and find nothing more.
export RUSTC_BOOTSTRAP=1 CARGO_PROFILE_RELEASE_LTO=off CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16
exec cargo fuzz run "$target" "$found" "fuzz/corpus/$target" -- "-max_total_time=${DURATION:-60}" -max_len=8192
