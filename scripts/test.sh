#!/usr/bin/env bash
# Everything that must pass before a change lands: form, lints, tests, the demo in a browser, Rocket.Chat's own clients.
set -euo pipefail
cd "$(dirname "$0")/.."

step() { printf '\n== %s ==\n' "$*"; }

if ! command -v cargo >/dev/null; then
    echo "cargo is missing: install a stable Rust toolchain with rustfmt and clippy (https://rustup.rs)" >&2
    exit 1
fi
if ! command -v cc >/dev/null; then
    echo "a C compiler is missing (the crypto library needs one): on Debian, apt-get install gcc libc6-dev" >&2
    exit 1
fi

step "Form"
cargo fmt --all -- --check

step "Lints"
cargo clippy --locked --workspace --all-targets -- --deny warnings

step "Tests"
if cargo nextest --version >/dev/null 2>&1; then
    cargo nextest run --locked --workspace
else
    echo "cargo-nextest is not installed; the same tests run under cargo test."
    cargo test --locked --workspace --all-targets
fi

step "The demo in a browser, and Rocket.Chat's own clients"
# Built with what the tests were built with: by itself it would build most dependencies again, with fewer features.
cargo build --locked --workspace --all-targets
GANTRY_PROGRAMS=${CARGO_TARGET_DIR:-target}/debug scripts/e2e.sh
