#!/usr/bin/env bash
# The demo, embedded rooms and single logout in a real browser, the lookalike's page by itself, and Rocket.Chat's own clients through
# Gantry.
# Installs what is missing and says so; fails when it cannot, and skips nothing.
#
# GANTRY_PROGRAMS=folder   where the demo, Gantry and the lookalike are; built when not given
# CHROMIUM=path            the browser; looked for, and installed, when not given
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

# npm_install FOLDER WHAT
npm_install() {
    if [ "$1/package-lock.json" -nt "$1/node_modules/.package-lock.json" ]; then
        say "installing $2 (npm ci)"
        npm ci --prefix "$1" --loglevel=error
    fi
}

npm_install tests/e2e "the browser driver and an OpenID provider"
npm_install tests/e2e/clients "Rocket.Chat's own clients"
npm_install tests/e2e/clients/embeddedchat "EmbeddedChat"

python=.cache/e2e-python
requirements=tests/e2e/clients/python/requirements.txt
if ! cmp --silent "$requirements" "$python/installed.txt"; then
    if ! python3 -c 'import ensurepip, venv' 2>/dev/null; then
        install "Python" python3 python3-venv
    fi
    say "installing Rocket.Chat's Python clients (pip)"
    python3 -m venv --clear "$python"
    "$python/bin/pip" install --quiet --disable-pip-version-check --requirement "$requirements"
    # Last, so that an installation that broke off is done again.
    cp "$requirements" "$python/installed.txt"
fi
GANTRY_PYTHON=$(pwd)/$python/bin/python
export GANTRY_PYTHON

if [ -z "${GANTRY_PROGRAMS:-}" ]; then
    cargo build --locked --package gantry-demo --package rocketchat-gantry --package gantry-lookalike
    GANTRY_PROGRAMS=${CARGO_TARGET_DIR:-target}/debug
fi
GANTRY_PROGRAMS=$(realpath "$GANTRY_PROGRAMS")
GANTRY_DEMO=$GANTRY_PROGRAMS/gantry-demo
GANTRY_LOOKALIKE=$GANTRY_PROGRAMS/lookalike
export GANTRY_PROGRAMS GANTRY_DEMO GANTRY_LOOKALIKE
say "$("$CHROMIUM" --version 2>/dev/null), Node $(node --version), $("$GANTRY_PYTHON" --version)"
exec node --test --test-timeout=120000 --test-reporter=spec tests/e2e/*.test.mjs tests/e2e/clients/*.test.mjs tests/e2e/clients/*/*.test.mjs
