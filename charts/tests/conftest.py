"""How the chart is rendered for its tests: by every helm in $HELM, from a values file of charts/gantry/ci and changes to it."""

import copy
import os
import pathlib
import subprocess

import pytest
import yaml

ROOT = pathlib.Path(__file__).parents[2]
CHART = ROOT / "charts" / "gantry"
# The values files of charts/gantry/ci.
EXAMPLES = sorted(file.name.removesuffix("-values.yaml") for file in (CHART / "ci").iterdir())


def values(name, **changes):
    """The values of a file of charts/gantry/ci, with values at dotted paths (`__` for the dot) put in."""
    result = yaml.safe_load((CHART / "ci" / f"{name}-values.yaml").read_text())
    for path, value in changes.items():
        *above, last = path.split("__")
        at = result
        for key in above:
            at = at.setdefault(key, {})
        at[last] = copy.deepcopy(value)
    return result


@pytest.fixture(params=os.environ["HELM"].split(), ids=lambda path: pathlib.Path(path).parent.name)
def template(request):
    """Runs `helm template` with values, and gives the finished process."""

    def run(given, *arguments, release="chat"):
        command = [request.param, "template", release, str(CHART), "--values", "-", *arguments]
        return subprocess.run(command, input=yaml.safe_dump(given), capture_output=True, text=True, check=False)

    return run


@pytest.fixture
def render(template):
    """Renders values to the objects, by kind and name."""

    def run(given, release="chat"):
        rendered = template(given, release=release)
        assert rendered.returncode == 0, rendered.stderr
        objects = [found for found in yaml.safe_load_all(rendered.stdout) if found]
        return {(found["kind"], found["metadata"]["name"]): found for found in objects}

    return run


@pytest.fixture
def notes():
    """What is said after an installation. Only the newer helm tells it without a cluster."""

    def run(given):
        command = [os.environ["HELM"].split()[-1], "install", "chat", str(CHART), "--dry-run=client", "--values", "-"]
        said = subprocess.run(command, input=yaml.safe_dump(given), capture_output=True, text=True, check=False)
        assert said.returncode == 0, said.stderr
        return said.stdout.split("\nNOTES:\n")[1]

    return run


@pytest.fixture
def kustomize():
    """Builds a directory with kubectl's kustomize, to a list of objects."""

    def run(directory):
        command = [os.environ["KUBECTL"], "kustomize", str(directory)]
        built = subprocess.run(command, capture_output=True, text=True, check=False)
        assert built.returncode == 0, built.stderr
        return list(yaml.safe_load_all(built.stdout))

    return run


@pytest.fixture
def refusal(template):
    """What is said about values that must be refused."""

    def run(given):
        rendered = template(given)
        assert rendered.returncode != 0, "the values were accepted"
        return " ".join(rendered.stderr.split())

    return run
