#!/usr/bin/env bash
# oha: one user reads one path at a fixed rate; the quickest look at what Gantry adds.
#
#   TOKENS=tokens.txt loadtest/oha.sh [oha's own options]
#
#   TARGET=http://127.0.0.1:8080   Gantry's origin
#   ALLOW_TARGET=chat.example.com  when that is not this machine
#   TOKENS=tokens.txt              one JWT a line; the first is used
#   RATE=200 DURATION=30s CONNECTIONS=32 READ=/api/v1/me
#
# oha knows one set of headers for all requests, so this is one session: for many users use rest.js. The JWT stands on oha's
# command line, where other users of this machine can see it.
#
# Look at: the 99 % row of the latency distribution, and the status codes (200 alone is good).
# To see what Gantry adds, ask Rocket.Chat directly with the same rate and compare, or read off Gantry's metrics
# `gantry_request_duration_seconds` minus `gantry_upstream_request_duration_seconds`.
set -euo pipefail

target=${TARGET:-http://127.0.0.1:8080}
tokens=${TOKENS:-tokens.txt}

refuse() {
    echo "oha.sh: $*" >&2
    exit 2
}

[[ $target =~ ^https?://(\[[0-9a-fA-F:.]+\]|[^][[:space:]/:?#@\\]+)(:[0-9]+)?/?$ ]] || refuse "TARGET=$target is no origin such as http://127.0.0.1:8080"
host=${BASH_REMATCH[1]}
# A slip must not load a system that nobody meant: only loopback goes without saying.
if [[ ! ${host,,} =~ ^(127\.[0-9]+\.[0-9]+\.[0-9]+|localhost|\[::1\])$ ]] && [ "${ALLOW_TARGET:-}" != "$host" ]; then
    refuse "$host is not this machine: to load it, say ALLOW_TARGET=$host"
fi
[ -s "$tokens" ] || refuse "TOKENS=$tokens is no file with JWTs, one a line"
token=$(head -n 1 "$tokens")

command -v oha >/dev/null || refuse "oha is missing: cargo install --locked oha"
exec oha -z "${DURATION:-30s}" -q "${RATE:-200}" -c "${CONNECTIONS:-32}" --latency-correction --no-tui --redirect 0 \
    -H "Authorization: Bearer $token" "$@" "${target%/}${READ:-/api/v1/me}"
