"""How the chart is rendered for its tests: by every helm in $HELM, from a values file of charts/gantry/ci and changes to it."""

import base64
import copy
import functools
import os
import pathlib
import re
import secrets
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


def shown(page, mark):
    """The YAML blocks of a page below a comment `mark`, and the file of charts/gantry/ci that each stands over, if any."""
    for base, block in re.findall(rf"<!-- {mark}(?: over ([a-z-]+))? -->\n\n *```yaml\n(.*?)```", page.read_text(), re.DOTALL):
        yield base, yaml.safe_load(block)


def merged(below, above):
    """Two trees of values, as Helm puts one over the other."""
    if not (isinstance(below, dict) and isinstance(above, dict)):
        return above
    return below | {key: merged(below.get(key), value) for key, value in above.items()}


@functools.cache
def helm_template(helm, given, arguments, release):
    """The finished process; many tests look at what the same values make."""
    command = [helm, "template", release, str(CHART), "--values", "-", *arguments]
    return subprocess.run(command, input=given, capture_output=True, text=True, check=False)


@pytest.fixture(params=os.environ["HELM"].split(), ids=lambda path: pathlib.Path(path).parent.name)
def template(request):
    """Runs `helm template` with values, and gives the finished process."""

    def run(given, *arguments, release="chat"):
        return helm_template(request.param, yaml.safe_dump(given), arguments, release)

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


@pytest.fixture(scope="session")
def files(tmp_path_factory):
    """What stands for /etc/gantry: the secrets that the values files name, and a certificate."""
    folder = tmp_path_factory.mktemp("etc")
    for name in ("secrets", "tls", "clients"):
        (folder / name).mkdir()
    for secret in ("auth-token", "create-token-secret", "redis-password", "filter-secret"):
        (folder / "secrets" / secret).write_text(secrets.token_hex(32))
    (folder / "secrets" / "encryption-key").write_text(base64.b64encode(secrets.token_bytes(32)).decode())
    key, certificate = folder / "tls" / "tls.key", folder / "tls" / "tls.crt"
    curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30"]
    names = ["-subj", "/CN=chat.example.com", "-addext", "subjectAltName=DNS:chat.example.com"]
    command = ["openssl", "req", "-x509", *curve, *names, "-keyout", str(key), "-out", str(certificate)]
    subprocess.run(command, capture_output=True, check=True)
    (folder / "clients" / "ca.crt").write_text(certificate.read_text())
    return folder


@pytest.fixture
def check(files):
    """What `gantry check` has against a configuration; nothing when it is valid. It lies in /etc/gantry, as far as it can tell."""

    def run(text, environment=None):
        path = files / "gantry.yaml"
        path.write_text(text.replace("/etc/gantry", str(files)))
        given = {name: value.replace("/etc/gantry", str(files)) for name, value in (environment or {}).items()}
        command = [os.environ["GANTRY"], "check", "--config", str(path)]
        checked = subprocess.run(command, env=given, capture_output=True, text=True, check=False)
        return checked.stdout + checked.stderr if checked.returncode else ""

    return run


@pytest.fixture
def refusal(template):
    """What is said about values that must be refused."""

    def run(given):
        rendered = template(given)
        assert rendered.returncode != 0, "the values were accepted"
        return " ".join(rendered.stderr.split())

    return run
