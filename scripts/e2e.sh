#!/usr/bin/env bash
# The demo, and the lookalike's page by itself, in a real browser. Installs what is missing and says so; fails when it cannot, and skips nothing.
#
# GANTRY_DEMO=path        the demo's program; built when not given
# GANTRY_LOOKALIKE=path   the lookalike's program; built when not given
# CHROMIUM=path           the browser; looked for, and installed, when not given
set -euo pipefail
cd "$(dirname "$0")/.."

say() { printf 'e2e: %s\n' "$*"; }

# install WHAT PACKAGE...
install() {
    local what=$1
    shift
    if ! command -v apt-get >/dev/null; then
        say "$what is missing, and there is no apt-get here to install it with; please install it" >&2
        exit 1
    fi
    local root=()
    [ "$(id -u)" -eq 0 ] || root=(sudo)
    say "$what is missing: installing $* (Debian packages)"
    "${root[@]}" apt-get update -qq
    DEBIAN_FRONTEND=noninteractive "${root[@]}" apt-get install -y -qq --no-install-recommends "$@" >/dev/null
}

find_chromium() {
    local name
    for name in ${CHROMIUM:+"$CHROMIUM"} chromium chromium-browser google-chrome; do
        command -v "$name" && return
    done
    return 1
}

if ! command -v node >/dev/null || ! command -v npm >/dev/null; then
    install "Node.js" nodejs npm
fi
if [ "$(node --print 'parseInt(process.versions.node)')" -lt 20 ]; then
    say "Node.js 20 or later is needed for the browser driver, and this is $(node --version)" >&2
    exit 1
fi
find_chromium >/dev/null || install "Chromium" chromium fonts-dejavu-core
CHROMIUM=$(find_chromium)
export CHROMIUM

if [ tests/e2e/package-lock.json -nt tests/e2e/node_modules/.package-lock.json ]; then
    say "installing the browser driver (npm ci)"
    npm ci --prefix tests/e2e --loglevel=error
fi

if [ -z "${GANTRY_DEMO:-}" ]; then
    cargo build --locked --package gantry-demo
    GANTRY_DEMO=${CARGO_TARGET_DIR:-target}/debug/gantry-demo
fi
if [ -z "${GANTRY_LOOKALIKE:-}" ]; then
    cargo build --locked --package gantry-lookalike --bin lookalike
    GANTRY_LOOKALIKE=${CARGO_TARGET_DIR:-target}/debug/lookalike
fi
GANTRY_DEMO=$(realpath "$GANTRY_DEMO")
GANTRY_LOOKALIKE=$(realpath "$GANTRY_LOOKALIKE")
export GANTRY_DEMO GANTRY_LOOKALIKE
say "$("$CHROMIUM" --version 2>/dev/null), Node $(node --version)"
exec node --test --test-reporter=spec tests/e2e/*.test.mjs
