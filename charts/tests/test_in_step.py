"""The chart, Gantry's configuration and the documentation say the same."""

import json
import os
import re
import subprocess
import sys

import pytest
import yaml
from conftest import CHART, ROOT, values

sys.path.insert(0, str(ROOT / "charts"))
import generate  # noqa: E402

# Pages that show values of the chart, or name them.
PAGES = [ROOT / "README.md", CHART / "README.md", *(ROOT / "docs" / name for name in ("kubernetes.md", "replicas.md"))]


def gantry_schema():
    gantry = subprocess.run([os.environ["GANTRY"], "schema"], capture_output=True, text=True, check=True)
    return json.loads(gantry.stdout)


def secret_paths(schema, path=()):
    """The keys of the configuration that hold a secret itself."""
    for key, part in schema.get("properties", {}).items():
        if part.get("writeOnly"):
            yield ".".join((*path, key))
        yield from secret_paths(part, (*path, key))


SECRETS = list(secret_paths(gantry_schema()))


@pytest.mark.parametrize("path, text", generate.generated().items(), ids=lambda it: getattr(it, "name", ""))
def test_generated_files_are_as_they_would_be_generated(path, text):
    assert path.read_text() == text, "run: make chart ARGS=--write"


def test_the_chart_is_of_the_version_that_it_installs():
    said = subprocess.run([os.environ["GANTRY"], "version"], capture_output=True, text=True, check=True).stdout
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    assert said.splitlines()[0] == f"gantry {chart['appVersion']}"


def test_the_schema_knows_every_value_of_the_chart():
    def unknown(schema, found, path):
        if not isinstance(found, dict) or "properties" not in schema:
            return []
        missing = [f"{path}{key}" for key in found if key not in schema["properties"]]
        return missing + [
            name
            for key, value in found.items()
            if key in schema["properties"] and schema["properties"][key]
            for name in unknown(schema["properties"][key], value, f"{path}{key}.")
        ]

    schema = json.loads((CHART / "values.schema.json").read_text())
    defaults = yaml.safe_load((CHART / "values.yaml").read_text())
    assert unknown(schema, defaults, "") == []
    assert sorted(defaults) == sorted(set(schema["properties"]) - {"global"})


def test_every_value_is_told_of():
    told = {path: meaning for path, meaning in generate.rows((CHART / "values.yaml").read_text())}
    silent = [path for path in told if not any(told[path[:length]] for length in range(1, len(path) + 1))]
    assert silent == []


def test_secrets_are_known():
    assert len(SECRETS) > 8


@pytest.mark.parametrize("path", SECRETS)
def test_no_secret_is_put_into_a_config_map(refusal, path):
    given = values("gateway-redis", **{"config__" + path.replace(".", "__"): "a-secret-that-is-long-enough"})
    assert f"config.{path} would stand readable in a ConfigMap" in refusal(given)


def test_values_that_pages_name_are_there():
    schema = json.loads((CHART / "values.schema.json").read_text())
    named = 0
    for page in PAGES:
        for word in re.findall(r"`([A-Za-z_]+(?:\.[A-Za-z_]+)+)`", page.read_text()):
            first, *rest = word.split(".")
            part = schema["properties"].get(first)
            if not part or "properties" not in part:
                continue
            for key in rest:
                if "properties" not in part:
                    break
                assert key in part["properties"], f"{page.name}: {word}"
                part = part["properties"][key] or {}
            named += 1
    assert named > 20


def test_objects_that_commands_name_are_made_by_the_release_that_they_install(render):
    page = (ROOT / "docs" / "kubernetes.md").read_text()
    (release,) = set(re.findall(r"helm install (\S+) charts/gantry", page))
    assert {*re.findall(r"helm (?:upgrade|test|uninstall) (?!rocketchat)(\S+)", page)} == {release}
    kinds = {"deployment": "Deployment", "configmap": "ConfigMap", "persistentvolumeclaim": "PersistentVolumeClaim"}
    named = {(kinds[kind], name) for kind, name in re.findall(rf"({'|'.join(kinds)})[/ ](gantry\S*)", page)}
    made = {made for file in ("gateway-file", "sidecar-memory") for made in render(values(file), release=release)}
    assert len(named) == len(kinds)
    assert named <= made


def test_every_manifest_that_a_page_names_is_there():
    for page in PAGES:
        for path in re.findall(r"`?((?:charts/gantry/ci|config/kubernetes)/[a-z./-]*[a-z])", page.read_text()):
            assert (ROOT / path).exists(), f"{page.name}: {path}"
