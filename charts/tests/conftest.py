"""How the chart is rendered for its tests: by every helm in $HELM, from a values file of charts/gantry/ci and changes to it."""

import copy
import os
import pathlib
import subprocess

import pytest
import yaml

CHART = pathlib.Path(__file__).parents[1] / "gantry"


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

    def run(given):
        command = [request.param, "template", "chat", str(CHART), "--values", "-"]
        return subprocess.run(command, input=yaml.safe_dump(given), capture_output=True, text=True, check=False)

    return run


@pytest.fixture
def render(template):
    """Renders values to the objects, by kind and name."""

    def run(given):
        rendered = template(given)
        assert rendered.returncode == 0, rendered.stderr
        objects = [found for found in yaml.safe_load_all(rendered.stdout) if found]
        return {(found["kind"], found["metadata"]["name"]): found for found in objects}

    return run


@pytest.fixture
def refusal(template):
    """What is said about values that must be refused."""

    def run(given):
        rendered = template(given)
        assert rendered.returncode != 0, "the values were accepted"
        return " ".join(rendered.stderr.split())

    return run
